//! What this server can do, and what a request asks of it (RFC 3261 §8.2.2.3, §11.2).

use std::sync::Arc;

use cfg_vm::catalogue::Parsed;
use engine::{Args, Cx, Flow, Setup};
use sip_message::{HeaderId, Message, Method};

use super::Siputils;

/// Header lines of the answer to OPTIONS, in Kamailio's order.
pub(super) fn options_lines(setup: &Setup<'_>) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, param, default) in [
        ("Accept", "options_accept", "*/*"),
        ("Accept-Encoding", "options_accept_encoding", ""),
        ("Accept-Language", "options_accept_language", "en"),
        ("Supported", "options_support", ""),
    ] {
        add_line(&mut lines, name, setup.text(param).unwrap_or(default.as_bytes()));
    }
    if let Some(methods) = setup.text("options_allow").filter(|text| !text.is_empty()) {
        add_line(&mut lines, "Allow", methods);
    }
    lines
}

fn add_line(lines: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        lines.extend_from_slice(part);
    }
}

pub(super) fn options_reply(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let message = &cx.context.message;
    let uri = cx.context.request_uri();
    let names_a_user =
        sip_message::Uri::parse(&uri).is_ok_and(|uri| uri.user.is_some_and(|user| !user.is_empty()));
    if !message.is_request() || message.method() != Method::Options || names_a_user {
        tracing::debug!(target: "siputils", "this is no OPTIONS for the server itself");
        return Flow::FALSE;
    }
    let siputils = cx.state::<Siputils>();
    crate::sl::send(cx, 200, b"OK", &siputils.options).into()
}

/// Extensions between commas.
struct Extensions(Vec<Vec<u8>>);

pub(super) fn parse_list(text: &[u8]) -> Result<Parsed, String> {
    let tags = text.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|tag| !tag.is_empty());
    Ok(Arc::new(Extensions(tags.map(<[u8]>::to_vec).collect())))
}

/// RFC 3261 §8.2.2.3: Require is ignored in CANCEL and ACK.
pub(super) fn check_require(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(known) = args.parsed::<Extensions>(0) else { return Flow::FALSE };
    let message = &cx.context.message;
    if !message.is_request() {
        return Flow::FALSE;
    }
    if matches!(message.method(), Method::Ack | Method::Cancel) {
        return Flow::TRUE;
    }
    let Some(line) = unsupported_line(message, &known.0) else { return Flow::TRUE };
    crate::sl::send(cx, 420, b"Bad Extension", &line);
    if cx.state::<Siputils>().require_autodrop { Flow::Done(0) } else { Flow::FALSE }
}

/// `Unsupported: …` with the extensions that Require asks for and that are not known; none when all are.
fn unsupported_line(message: &Message, known: &[Vec<u8>]) -> Option<Vec<u8>> {
    let is_known = |tag: &[u8]| known.iter().any(|known| known.eq_ignore_ascii_case(tag));
    let mut line: Vec<u8> = Vec::new();
    for tag in message.option_tags(HeaderId::Require).filter(|tag| !is_known(tag)) {
        line.extend_from_slice(if line.is_empty() { b"Unsupported: " } else { b", " });
        line.extend_from_slice(tag);
    }
    if line.is_empty() {
        return None;
    }
    line.extend_from_slice(b"\r\n");
    Some(line)
}

/// Names of extensions that `is_supported` knows, as Kamailio does.
const OPTIONS: [&str; 6] = ["path", "100rel", "timer", "eventlist", "gruu", "outbound"];

pub(super) fn parse_option(text: &[u8]) -> Result<Parsed, String> {
    match OPTIONS.iter().find(|name| name.as_bytes().eq_ignore_ascii_case(text)) {
        Some(name) => Ok(Arc::new(*name)),
        None => {
            Err(format!("\"{}\" is no extension known here; {} are", text.escape_ascii(), OPTIONS.join(", ")))
        }
    }
}

pub(super) fn is_supported(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let option = args.parsed::<&'static str>(0);
    option.is_some_and(|name| cx.context.message.has_option_tag(HeaderId::Supported, name.as_bytes())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_lists_exactly_what_is_not_known() {
        let text = "INVITE sip:a SIP/2.0\r\nVia: v\r\nRequire: 100REL, x\r\nRequire: path,y\r\n\r\n";
        let message = Message::from_bytes(text).expect("a message");
        let line = |known: &[&str]| {
            let known: Vec<_> = known.iter().map(|tag| tag.as_bytes().to_vec()).collect();
            unsupported_line(&message, &known).map(|line| String::from_utf8_lossy(&line).into_owned())
        };
        assert_eq!(line(&["100rel", "path"]).as_deref(), Some("Unsupported: x, y\r\n"));
        assert_eq!(line(&["100rel", "path", "x", "y"]), None);
        assert_eq!(line(&[]).as_deref(), Some("Unsupported: 100REL, x, path, y\r\n"));
    }
}
