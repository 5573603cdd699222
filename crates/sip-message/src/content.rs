//! Content-Type and multipart bodies (RFC 3261 §20.15, RFC 2046 §5.1, RFC 5621).

use memchr::{memchr, memmem};

use crate::error::{HeaderError, Rule};
use crate::grammar::{is_token, offset_in, trim, unquote};
use crate::header::HeaderId;
use crate::params::Params;

/// A media type with its parameters.
#[derive(Clone, Copy, Debug)]
pub struct ContentType<'a> {
    /// The type, as `application`.
    pub kind: &'a [u8],
    /// The subtype, as `sdp`.
    pub subtype: &'a [u8],
    /// The parameters as written, without the first semicolon.
    pub params_text: &'a [u8],
}

impl<'a> ContentType<'a> {
    /// Takes a media type apart.
    ///
    /// # Errors
    /// When it is not `type/subtype` of two tokens.
    pub fn parse(raw: &'a [u8]) -> Result<Self, HeaderError> {
        let end = memchr(b';', raw).unwrap_or(raw.len());
        let slash = memchr(b'/', &raw[..end]).ok_or_else(|| HeaderError::new(Rule::MediaType, 0))?;
        let (kind, subtype) = (trim(&raw[..slash]), trim(&raw[slash + 1..end]));
        let is_word = |text: &[u8]| !text.is_empty() && text.iter().copied().all(is_token);
        if !is_word(kind) || !is_word(subtype) {
            return Err(HeaderError::new(Rule::MediaType, offset_in(raw, kind)));
        }
        Ok(Self { kind, subtype, params_text: raw.get(end + 1..).unwrap_or_default() })
    }

    /// Whether this is `kind/subtype`, whatever the case.
    pub fn is(&self, kind: &[u8], subtype: &[u8]) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }

    /// Whether this is `multipart/…`.
    pub fn is_multipart(&self) -> bool {
        self.kind.eq_ignore_ascii_case(b"multipart")
    }

    /// The parameters.
    pub fn params(&self) -> Params<'a> {
        Params::of_header(self.params_text)
    }

    /// The parts of a multipart body.
    ///
    /// # Errors
    /// When no boundary is named, or it is longer than RFC 2046's 70 characters.
    pub fn parts<'b>(&self, body: &'b [u8]) -> Result<Parts<'b>, HeaderError> {
        let boundary = self.params().value(b"boundary").map(unquote);
        let boundary = boundary.filter(|text| !text.is_empty() && text.len() <= 70);
        let boundary = boundary.ok_or_else(|| HeaderError::new(Rule::Boundary, 0))?;
        let delimiter = [b"--", boundary.as_ref()].concat();
        let first = find_delimiter(body, 0, &delimiter);
        Ok(Parts { body, delimiter, next: first.map(|(_, after)| after) })
    }
}

/// One part of a multipart body.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The part as it stands between its delimiters, headers included.
    pub whole: &'a [u8],
    /// The part's header lines.
    pub headers_text: &'a [u8],
    /// The part's body.
    pub body: &'a [u8],
}

impl<'a> Part<'a> {
    fn new(whole: &'a [u8]) -> Self {
        let mut at = 0;
        loop {
            match &whole[at..] {
                [b'\r', b'\n', body @ ..] | [b'\n', body @ ..] => {
                    return Self { whole, headers_text: &whole[..at], body };
                }
                rest => match memchr(b'\n', rest) {
                    Some(length) => at += length + 1,
                    None => return Self { whole, headers_text: whole, body: &whole[whole.len()..] },
                },
            }
        }
    }

    /// The value of the first header of this name, to the end of its line (a fold ends it).
    pub fn header(&self, id: HeaderId) -> Option<&'a [u8]> {
        self.headers_text.split(|&byte| byte == b'\n').find_map(|line| {
            let colon = memchr(b':', line)?;
            (HeaderId::lookup(trim(&line[..colon])) == id).then(|| trim(&line[colon + 1..]))
        })
    }

    /// The part's Content-Type; `None` when it has none or it cannot be read.
    pub fn content_type(&self) -> Option<ContentType<'a>> {
        ContentType::parse(self.header(HeaderId::ContentType)?).ok()
    }
}

/// The parts of a multipart body, in order. What stands before the first delimiter and after the last is left out; a
/// last part without a closing delimiter ends with the body.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    body: &'a [u8],
    delimiter: Vec<u8>,
    next: Option<usize>,
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let start = self.next?;
        if self.body[start..].starts_with(b"--") {
            self.next = None;
            return None;
        }
        let line_end = memchr(b'\n', &self.body[start..]);
        let content = line_end.map_or(self.body.len(), |length| start + length + 1);
        // A delimiter's line end belongs to it (RFC 2046 §5.1.1), and one line end may serve two delimiters.
        let (end, next) =
            match find_delimiter(self.body, content - usize::from(content > start), &self.delimiter) {
                Some((end, after)) => (end.max(content), Some(after)),
                None => (self.body.len(), None),
            };
        self.next = next;
        Some(Part::new(&self.body[content..end]))
    }
}

/// The next delimiter at the start of a line, from `at` on: where the line end before it starts, and the offset after
/// it.
fn find_delimiter(body: &[u8], at: usize, delimiter: &[u8]) -> Option<(usize, usize)> {
    for found in memmem::find_iter(&body[at..], delimiter) {
        let found = at + found;
        match &body[..found] {
            [] => return Some((0, delimiter.len())),
            [.., b'\r', b'\n'] => return Some((found - 2, found + delimiter.len())),
            [.., b'\n'] => return Some((found - 1, found + delimiter.len())),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_taken_apart() {
        let kind = ContentType::parse(b"Multipart / Mixed;boundary=\"a;b\"; x=1").expect("a media type");
        assert!(kind.is_multipart() && kind.is(b"multipart", b"mixed"));
        assert_eq!(
            kind.params().find(b"boundary").map(|param| param.unquoted().into_owned()),
            Some(b"a;b".to_vec())
        );
        assert!(ContentType::parse(b"text").is_err());
        assert!(ContentType::parse(b"text/").is_err());
        assert!(ContentType::parse(b";/x").is_err());
    }

    #[test]
    fn parts_are_found_between_their_delimiters() {
        let kind = ContentType::parse(b"multipart/mixed;boundary=xx").expect("a media type");
        let body = b"preamble\r\n--xx\r\nContent-Type: application/sdp\r\nX-Y: 1\r\n\r\nv=0\r\n--xy\r\n\r\n--xx\r\n\r\n\r\n--xx\r\n--xx--\r\nend";
        let parts: Vec<_> = kind.parts(body).expect("a boundary").collect();
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[0].body, b"v=0\r\n--xy\r\n");
        assert!(parts[0].content_type().is_some_and(|kind| kind.is(b"application", b"sdp")));
        assert_eq!(parts[0].header(HeaderId::Other), Some(b"1".as_slice()));
        assert_eq!((parts[1].headers_text, parts[1].body), (&b""[..], &b""[..]));
        assert_eq!(parts[2].whole, b"");
        assert!(ContentType::parse(b"multipart/mixed").expect("a media type").parts(body).is_err());
    }

    #[test]
    fn an_open_end_is_the_bodys() {
        let kind = ContentType::parse(b"multipart/mixed;boundary=xx").expect("a media type");
        let parts: Vec<_> = kind.parts(b"--xx\n\nrest").expect("a boundary").map(|part| part.body).collect();
        assert_eq!(parts, [b"rest"]);
        assert_eq!(kind.parts(b"no delimiter").expect("a boundary").count(), 0);
    }
}
