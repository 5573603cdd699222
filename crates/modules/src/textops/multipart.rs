//! Parts of multipart bodies (RFC 2046 §5.1).
//!
//! A part is found by the line of its Content-Type, which must end right after the type; what stands before that line
//! in its part stays where it is when the part goes. That is Kamailio's notion, and scripts rely on what they get.

use engine::context::Context;
use engine::module::Flow;
use engine::{Args, Cx};
use sip_message::{ContentType, HeaderId, Message, Span};

use super::body::{from_hex, replace};

/// The boundary of bodies made here, where the script names none.
const DEFAULT_BOUNDARY: &[u8] = b"unique-boundary-1";

/// The multipart body that the script is changing, as it stands before its delimiters are set right.
#[derive(Default)]
struct Unfinished {
    raw: Vec<u8>,
    finished: Vec<u8>,
}

/// Where a part stands in its body.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    /// The line of its Content-Type.
    line: usize,
    /// After that line.
    content: usize,
    /// The delimiter that ends it, or the body's end.
    delimiter: usize,
    /// After the delimiter's line.
    end: usize,
}

/// `--` and the boundary that a message's Content-Type names.
fn delimiter_of(message: &Message) -> Option<Vec<u8>> {
    let media = ContentType::parse(message.value(HeaderId::ContentType)?).ok()?;
    let boundary = media.params().value(b"boundary")?;
    let boundary = sip_message::unquote(boundary);
    (media.is_multipart() && !boundary.is_empty()).then(|| [b"--", boundary.as_ref()].concat())
}

/// Lines with their ends, and where they begin.
fn lines(body: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = 0;
    body.split_inclusive(|&byte| byte == b'\n').map(move |line| {
        let at = start;
        start += line.len();
        (at, line)
    })
}

/// The first part of a type.
fn find_part(body: &[u8], delimiter: &[u8], wanted: &[u8]) -> Option<Found> {
    let (line, text) = lines(body).find(|(_, line)| {
        content_type_of(line).is_some_and(|value| {
            value.len() >= wanted.len() && value[..wanted.len()].eq_ignore_ascii_case(wanted)
        })
    })?;
    if content_type_of(text).is_none_or(|value| value.len() != wanted.len()) {
        tracing::error!(target: "textops", "the part's Content-Type has more than its type in its line");
        return None;
    }
    let content = line + text.len();
    let (delimiter, end) = lines(&body[content..])
        .find(|(_, line)| line.starts_with(delimiter))
        .map_or((body.len(), body.len()), |(at, line)| (content + at, content + at + line.len()));
    Some(Found { line, content, delimiter, end })
}

/// The value of a Content-Type line.
fn content_type_of(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    line[..colon].trim_ascii().eq_ignore_ascii_case(b"Content-Type").then(|| line[colon + 1..].trim_ascii())
}

/// Sets the delimiters right: nothing before the first and after the last, which alone is a closing one.
fn finish(raw: &[u8], delimiter: &[u8]) -> Vec<u8> {
    let delimiters: Vec<(usize, &[u8])> =
        lines(raw).filter(|(_, line)| line.starts_with(delimiter)).collect();
    let mut finished = Vec::with_capacity(raw.len() + 4);
    for pair in delimiters.windows(2) {
        let (at, line) = pair[0];
        finished.extend_from_slice(delimiter);
        finished.extend_from_slice(b"\r\n");
        finished.extend_from_slice(&raw[at + line.len()..pair[1].0]);
    }
    finished.extend_from_slice(delimiter);
    finished.extend_from_slice(b"--\r\n");
    finished
}

/// Changes the body's parts and sets the delimiters right. False when the body is no multipart one, or the change
/// finds nothing to do.
fn change_parts(cx: &mut Cx<'_>, change: impl FnOnce(&mut Vec<u8>, &[u8]) -> bool) -> bool {
    let Some(delimiter) = delimiter_of(&cx.context.message) else {
        tracing::error!(target: "textops", "no boundary: is the body a multipart one?");
        return false;
    };
    let Context { message, edits, data, .. } = &mut *cx.context;
    let unfinished = data.of::<Unfinished>();
    let mut raw = match edits.new_body() {
        Some(body) if body == unfinished.finished => std::mem::take(&mut unfinished.raw),
        Some(body) => body.to_vec(),
        None => message.body().to_vec(),
    };
    let changed = change(&mut raw, &delimiter);
    if changed {
        unfinished.finished = finish(&raw, &delimiter);
        if let Err(error) = edits.set_body(message, &unfinished.finished, None) {
            tracing::error!(target: "textops", "{error}");
            return false;
        }
    }
    unfinished.raw = raw;
    changed
}

/// One text, type and boundary; the message's own body with one argument or none.
pub(super) fn set_body_multipart(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (text, media, boundary) = match args.len() {
        0 | 1 => {
            let message = &cx.context.message;
            let body = message.body().to_vec();
            let media = message.value(HeaderId::ContentType).unwrap_or_default().to_vec();
            (body, media, args.text(0))
        }
        _ => (args.text(0).to_vec(), args.text(1).to_vec(), args.text(2)),
    };
    if text.is_empty() || media.is_empty() {
        tracing::error!(target: "textops", "set_body_multipart: there is no body or no type for it");
        return Flow::FALSE;
    }
    let boundary = if boundary.is_empty() { DEFAULT_BOUNDARY } else { boundary };
    let body =
        [b"--", boundary, b"\r\nContent-Type: ", &media, b"\r\n\r\n", &text, b"\r\n--", boundary, b"\r\n"]
            .concat();
    let content_type = [b"multipart/mixed;boundary=\"", boundary, b"\""].concat();
    if !replace(cx.context, &body, &content_type) {
        return Flow::FALSE;
    }
    let Context { message, edits, .. } = &mut *cx.context;
    if message.index().first(HeaderId::MimeVersion).is_none() {
        edits.append_header(message, b"Mime-Version: 1.0\r\n");
    }
    Flow::TRUE
}

pub(super) fn append_body_part(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    append_part(cx, args.text(0), args)
}

pub(super) fn append_body_part_hex(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match from_hex(args.text(0)) {
        Some(text) => append_part(cx, &text, args),
        None => Flow::FALSE,
    }
}

fn append_part(cx: &mut Cx<'_>, text: &[u8], args: &Args<'_>) -> Flow {
    let (media, disposition) = (args.text(1), args.text(2));
    if text.is_empty() || media.is_empty() {
        tracing::error!(target: "textops", "append_body_part: the text or its type is empty");
        return Flow::FALSE;
    }
    change_parts(cx, |raw, delimiter| {
        let disposition = match disposition {
            [] => Vec::new(),
            value => [b"Content-Disposition: ", value, b"\r\n"].concat(),
        };
        for piece in
            [b"Content-Type: ", media, b"\r\n", &disposition, b"\r\n", text, b"\r\n", delimiter, b"\r\n"]
        {
            raw.extend_from_slice(piece);
        }
        true
    })
    .into()
}

pub(super) fn remove_body_part(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let wanted = args.text(0);
    change_parts(cx, |raw, delimiter| match find_part(raw, delimiter, wanted) {
        Some(found) => {
            raw.drain(found.line..found.end);
            true
        }
        None => false,
    })
    .into()
}

pub(super) fn get_body_part(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    get_part(cx, args, |found| found.content..found.delimiter)
}

pub(super) fn get_body_part_raw(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    get_part(cx, args, |found| found.line..found.end)
}

/// A body that is no multipart one is its own only part, whatever its type.
fn get_part(cx: &mut Cx<'_>, args: &Args<'_>, range: impl FnOnce(&Found) -> std::ops::Range<usize>) -> Flow {
    let Some(target) = args.pv(1) else { return Flow::FALSE };
    let body = cx.context.slice(cx.context.message.index().body());
    if body.is_empty() {
        return Flow::FALSE;
    }
    let Some(delimiter) = delimiter_of(&cx.context.message) else {
        return cx.write_pv(target, body.into()).into();
    };
    match find_part(&body, &delimiter, args.text(0)) {
        Some(found) => {
            let part = cx.context.keep(&cx.context.message.body()[range(&found)]);
            cx.write_pv(target, part.into()).into()
        }
        None => Flow::FALSE,
    }
}

/// Leaves one part of a multipart body, without its headers and last line end. Content-Type stays, as in Kamailio.
pub(super) fn filter_body(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Context { message, edits, .. } = &mut *cx.context;
    let Some(delimiter) = delimiter_of(message) else {
        tracing::warn!(target: "textops", "filter_body: the body is no multipart one");
        return Flow::FALSE;
    };
    let body = message.index().body();
    let text = message.bytes(body);
    let Some(found) = find_part(text, &delimiter, args.text(0)) else { return Flow::FALSE };
    let kept = filtered(text, &found);
    let start = body.start as usize;
    edits.delete(Span::new(start, start + kept.start));
    edits.delete(Span::new(start + kept.end, body.end as usize));
    Flow::TRUE
}

fn filtered(body: &[u8], found: &Found) -> std::ops::Range<usize> {
    let mut range = found.content..found.delimiter;
    while body[range.clone()].starts_with(b"\r\n") {
        range.start += 2;
    }
    if body[range.clone()].ends_with(b"\r\n") {
        range.end -= 2;
    }
    range
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"pre\r\n--xyz\r\nContent-Type: application/sdp\r\n\r\nv=0\r\ns=-\r\n--xyz\r\nX: y\r\nContent-Type: text/two;charset=x\r\n\
        \r\nnote\r\n--xyz\r\nContent-type: text/last\r\n\r\nlast one\r\n\r\n--xyz--\r\npost\r\n";

    fn part(wanted: &[u8]) -> Option<Found> {
        find_part(BODY, b"--xyz", wanted)
    }

    #[test]
    fn a_part_is_found_by_the_line_of_its_type() {
        let found = part(b"TEXT/last").unwrap();
        assert_eq!(&BODY[found.content..found.delimiter], b"\r\nlast one\r\n\r\n");
        assert_eq!(
            &BODY[found.line..found.end],
            b"Content-type: text/last\r\n\r\nlast one\r\n\r\n--xyz--\r\n"
        );
        assert_eq!(part(b"text/two"), None);
        assert_eq!(part(b"text/none"), None);
    }

    #[test]
    fn a_filtered_part_loses_one_line_end() {
        assert_eq!(&BODY[filtered(BODY, &part(b"text/last").unwrap())], b"last one\r\n");
        assert_eq!(&BODY[filtered(BODY, &part(b"application/sdp").unwrap())], b"v=0\r\ns=-");
    }

    #[test]
    fn only_the_last_delimiter_closes() {
        let raw = b"pre\r\n--d\r\na\r\n--d--\r\npost\r\nb\r\n--d\r\n";
        assert_eq!(finish(raw, b"--d"), b"--d\r\na\r\n--d\r\npost\r\nb\r\n--d--\r\n");
    }

    #[test]
    fn a_boundary_is_read_with_and_without_quotes() {
        let delimiter = |value: &str| {
            let text = format!("OPTIONS sip:a SIP/2.0\r\nContent-Type: {value}\r\n\r\n");
            delimiter_of(&Message::from_bytes(text).unwrap())
        };
        assert_eq!(delimiter("multipart/mixed; boundary=\"x y\";a=b"), Some(b"--x y".to_vec()));
        assert_eq!(delimiter("multipart/mixed;boundary=xyz"), Some(b"--xyz".to_vec()));
        assert_eq!(delimiter("text/plain;boundary=xyz"), None);
    }
}
