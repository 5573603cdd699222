//! `messages.sip`: the messages of a case.
//!
//! ```text
//! === strip-two
//! INVITE sip:49301234@127.100.100.1 SIP/2.0
//! @HEADERS@
//!
//! === reply-to-it from callee
//! SIP/2.0 200 OK
//! @REPLY@
//! ```
//!
//! A record begins with `=== name` and options; its lines leave with CRLF. `@VIA@` stands for a Via of the
//! sender; `@HEADERS@` for Via, Max-Forwards, From, To, Call-ID, CSeq and Contact of a request outside a
//! dialog; `@DIALOG@` for the same with a To tag; `@REPLY@` for the headers of a reply whose request went
//! from `caller` through the server; `@CONNECTION@` for the id of a stream that the server wrote into the newest
//! Via `;i=`. A missing Content-Length is added. Options:
//!
//! | option | meaning |
//! |---|---|
//! | `from NAME` | the endpoint that sends (`caller`, or `caller6` when `to` is IPv6) |
//! | `to ADDRESS` | the server's socket (127.100.100.1:5060, or [::1]:25000 from an IPv6 endpoint) |
//! | `over tcp` | by a stream, the one that is open; `fresh` opens another |
//! | `raw` | nothing is added, line ends stay out, `\r \n \t \0 \xHH \\` are escapes, `\*N(text)` repeats |
//! | `file GLOB` | one message for each file, bytes as they stand, named by the file |
//! | `await NAME` | wait until something arrives at that endpoint over TCP: streams leave by another process |
//! | `await-end NAME` | wait until the server closes a stream to that endpoint |
//! | `waits` | its route may wait (for DNS): the sentinel belongs to its call, so that a server that does not block keeps them in order |
//! | `until closed` | no sentinel: wait until the server closes the stream |
//! | `until answered` | no sentinel: wait until anything arrives at the sender |

use std::fs;
use std::path::Path;

use crate::endpoint::{ENDPOINTS, Transport};
use crate::error::{Error, Result};

/// How the test knows that all that a message causes has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// A sentinel sent after it is answered.
    Sentinel,
    /// The server closes the stream: what does not frame gets no sentinel through.
    Closed,
    /// Anything arrives at the sender (keep-alives, which are no SIP messages).
    Answered,
}

/// What a message causes at a stream's far end, later than the sentinel's answer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// Something arrives at this endpoint.
    Arrival(&'static str),
    /// A stream to this endpoint is closed.
    End(&'static str),
}

/// One message of a case: with the case's configuration, one pair.
#[derive(Debug, Clone)]
pub struct Message {
    /// Unique in its case.
    pub name: String,
    /// The endpoint that sends.
    pub from: &'static str,
    /// The server's socket, canonical.
    pub to: String,
    /// Over what.
    pub transport: Transport,
    /// On a new connection even when one is open.
    pub fresh: bool,
    /// When it is done.
    pub until: Until,
    /// Its route may wait; the sentinel belongs to its call.
    pub waits: bool,
    /// What must have happened too, at a stream's far end.
    pub awaits: Option<Awaited>,
    /// What is sent, with canonical addresses.
    pub bytes: Vec<u8>,
}

/// Reads the messages of the file at `path`.
///
/// # Errors
/// [`Error::Case`] says what is wrong with the file.
pub fn load(path: &Path) -> Result<Vec<Message>> {
    let text = fs::read_to_string(path).map_err(Error::file(path))?;
    let wrong = |what: String| Error::Case(path.to_path_buf(), what);
    let mut messages: Vec<Message> = Vec::new();
    for record in records(&text) {
        let (head, body) = record.split_once('\n').unwrap_or((record, ""));
        let options = Options::parse(head).map_err(wrong)?;
        match options.file {
            Some(glob) => messages.extend(from_files(path, &options, glob)?),
            None => messages.push(options.message(options.name.to_owned(), body).map_err(wrong)?),
        }
    }
    for (at, message) in messages.iter().enumerate() {
        if messages[..at].iter().any(|earlier| earlier.name == message.name) {
            return Err(wrong(format!("two messages are named `{}`", message.name)));
        }
    }
    Ok(messages)
}

fn records(text: &str) -> impl Iterator<Item = &str> {
    let start = if text.starts_with("=== ") { Some(4) } else { text.find("\n=== ").map(|at| at + 5) };
    start.into_iter().flat_map(|at| text[at..].split("\n=== "))
}

fn from_files(case: &Path, options: &Options<'_>, glob: &str) -> Result<Vec<Message>> {
    let wrong = |what: &str| Error::Case(case.to_path_buf(), format!("file {glob}: {what}"));
    let (folder, pattern) = glob.rsplit_once('/').ok_or_else(|| wrong("give a path relative to the case"))?;
    let (prefix, suffix) = pattern.split_once('*').unwrap_or((pattern, ""));
    let folder = case.parent().unwrap_or(case).join(folder);
    let mut names: Vec<String> = fs::read_dir(&folder)
        .map_err(Error::file(&folder))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix) && name.ends_with(suffix))
        .collect();
    if names.is_empty() {
        return Err(wrong("no such file"));
    }
    names.sort();
    names
        .iter()
        .map(|name| {
            let path = folder.join(name);
            let bytes = fs::read(&path).map_err(Error::file(&path))?;
            let name = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem).to_owned();
            Ok(Message { bytes, ..options.message(name, "").map_err(|what| wrong(&what))? })
        })
        .collect()
}

struct Options<'a> {
    name: &'a str,
    from: &'static str,
    to: String,
    transport: Transport,
    fresh: bool,
    until: Until,
    waits: bool,
    awaits: Option<Awaited>,
    file: Option<&'a str>,
    raw: bool,
}

impl<'a> Options<'a> {
    fn parse(head: &'a str) -> std::result::Result<Self, String> {
        let mut words = head.split_whitespace();
        let name = words.next().ok_or("a record without a name")?;
        let mut options = Self {
            name,
            from: "caller",
            to: String::new(),
            transport: Transport::Udp,
            fresh: false,
            until: Until::Sentinel,
            waits: false,
            awaits: None,
            file: None,
            raw: false,
        };
        while let Some(word) = words.next() {
            let mut argument =
                || words.next().ok_or_else(|| format!("`{name}`: `{word}` wants a word after it"));
            match word {
                "from" => options.from = endpoint(argument()?)?,
                "to" => options.to = argument()?.to_owned(),
                "over" if argument()? == "tcp" => options.transport = Transport::Tcp,
                "fresh" => options.fresh = true,
                "waits" => options.waits = true,
                "raw" => options.raw = true,
                "file" => options.file = Some(argument()?),
                "await" => options.awaits = Some(Awaited::Arrival(endpoint(argument()?)?)),
                "await-end" => options.awaits = Some(Awaited::End(endpoint(argument()?)?)),
                "until" => {
                    options.until = match argument()? {
                        "closed" => Until::Closed,
                        "answered" => Until::Answered,
                        other => return Err(format!("`{name}`: until what is `{other}`?")),
                    }
                }
                other => return Err(format!("`{name}`: unknown option `{other}`")),
            }
        }
        if options.to.is_empty() {
            let six = options.from.ends_with('6');
            options.to = if six { "[::1]:25000" } else { "127.100.100.1:5060" }.to_owned();
        }
        Ok(options)
    }

    fn message(&self, name: String, text: &str) -> std::result::Result<Message, String> {
        let text = text.trim_end_matches('\n');
        let bytes = if self.raw { unescape(text)? } else { self.compose(&name, text) };
        Ok(Message {
            name,
            from: self.from,
            to: self.to.clone(),
            transport: self.transport,
            fresh: self.fresh,
            until: self.until,
            waits: self.waits,
            awaits: self.awaits,
            bytes,
        })
    }

    /// Expands the placeholders, ends lines with CRLF, and completes Content-Length.
    fn compose(&self, name: &str, text: &str) -> Vec<u8> {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let method = head.split(' ').next().unwrap_or_default();
        let head = head
            .replace(
                "@HEADERS@",
                &format!("{}\nContact: <sip:alice@{}>", self.dialog(name, method, ""), self.address()),
            )
            .replace(
                "@DIALOG@",
                &format!(
                    "{}\nContact: <sip:alice@{}>",
                    self.dialog(name, method, ";tag=bob-7"),
                    self.address()
                ),
            )
            .replace("@REPLY@", &format!("{REPLY_VIAS}{}", people(name, "INVITE", ";tag=bob-7")))
            .replace("@VIA@", &self.via(name));
        let body = body.replace('\n', "\r\n");
        let body = if body.is_empty() { body } else { body + "\r\n" };
        let counted = ["\ncontent-length", "\nl:"].iter().any(|h| head.to_ascii_lowercase().contains(h));
        let length = if counted { String::new() } else { format!("\nContent-Length: {}", body.len()) };
        format!("{}\r\n\r\n{body}", (head + &length).replace('\n', "\r\n")).into_bytes()
    }

    fn dialog(&self, name: &str, method: &str, to_tag: &str) -> String {
        format!("{}\nMax-Forwards: 70\n{}", self.via(name), people(name, method, to_tag))
    }

    fn via(&self, name: &str) -> String {
        format!("Via: SIP/2.0/{} {};branch=z9hG4bK-{name}", self.transport.name(), self.address())
    }

    fn address(&self) -> &'static str {
        ENDPOINTS.iter().find(|(name, _)| *name == self.from).map_or("", |(_, address)| address)
    }
}

/// The Vias of a reply on its way back: the server's own, then the caller's.
const REPLY_VIAS: &str = "Via: SIP/2.0/UDP 127.100.100.1;branch=z9hG4bKcafe.0123456789abcdef0123456789abcdef.0\n\
                          Via: SIP/2.0/UDP 127.100.100.10:5060;branch=z9hG4bK-caller\n";

fn people(name: &str, method: &str, to_tag: &str) -> String {
    format!(
        "From: \"Alice\" <sip:alice@atlanta.example>;tag=alice-1\nTo: \"Bob\" <sip:bob@biloxi.example>{to_tag}\n\
         Call-ID: {}\nCSeq: 1 {method}",
        call_id(name)
    )
}

/// The Call-ID that the placeholders give a message.
pub fn call_id(name: &str) -> String {
    format!("{name}@atlanta.example")
}

fn endpoint(name: &str) -> std::result::Result<&'static str, String> {
    let known = ENDPOINTS.iter().find(|(known, _)| *known == name);
    known.map(|(known, _)| *known).ok_or_else(|| format!("no endpoint is named `{name}`"))
}

fn unescape(text: &str) -> std::result::Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, tail) {
            (b'\n', _) => {}
            (b'\\', [b'*', ..]) => rest = repeat(&tail[1..], &mut out).ok_or("a repeat is \\*N(text)")?,
            (b'\\', [b'x', high, low, tail @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).unwrap_or_default();
                out.push(u8::from_str_radix(digits, 16).map_err(|_| format!("\\x{digits} is no byte"))?);
                rest = tail;
            }
            (b'\\', [letter, tail @ ..]) => {
                out.push(match letter {
                    b'r' => b'\r',
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'0' => 0,
                    b'\\' => b'\\',
                    other => return Err(format!("unknown escape \\{}", char::from(*other))),
                });
                rest = tail;
            }
            _ => out.push(byte),
        }
    }
    Ok(out)
}

/// Writes `N(text)` N times and gives what follows.
fn repeat<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let open = text.iter().position(|byte| *byte == b'(')?;
    let close = text.iter().position(|byte| *byte == b')')?;
    let times: usize = std::str::from_utf8(&text[..open]).ok()?.parse().ok()?;
    let unit = unescape(std::str::from_utf8(text.get(open + 1..close)?).ok()?).ok()?;
    out.extend(unit.repeat(times));
    Some(&text[close + 1..])
}

#[cfg(test)]
mod tests {
    use super::{Options, unescape};

    #[test]
    fn lines_leave_with_crlf_and_a_length() {
        let options = Options::parse("x").unwrap();
        let text = options.compose("x", "OPTIONS sip:a SIP/2.0\n@VIA@\n\nab");
        let expected = "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 127.100.100.10:5060;branch=z9hG4bK-x\r\n\
                        Content-Length: 4\r\n\r\nab\r\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn raw_text_says_every_byte() {
        assert_eq!(unescape("a\\r\\n\nb\\x00\\*3(xy)\\\\").unwrap(), b"a\r\nb\0xyxyxy\\");
        assert!(unescape("\\q").is_err());
    }
}
