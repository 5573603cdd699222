//! Answers to HTTP requests, in Kamailio's form.

use std::io::Write as _;

use cfg_vm::Value;
use engine::forward::ForwardError;
use engine::module::Flow;
use engine::{Args, Cx};

/// An answer.
#[derive(Clone, Copy)]
pub(crate) struct HttpReply<'a> {
    /// Status.
    pub code: u16,
    /// Reason phrase.
    pub reason: &'a [u8],
    /// Content-Type; none is written when it is empty.
    pub content_type: &'a [u8],
    /// The body.
    pub body: &'a [u8],
}

/// Answers the HTTP request of the context over its connection.
///
/// # Errors
/// The connection is gone or takes no more.
pub(crate) fn send(cx: &mut Cx<'_>, reply: HttpReply<'_>) -> Result<(), ForwardError> {
    let departure = engine::reply::departure(cx);
    let received = cx.context.received;
    let head = Head {
        reply,
        sender: format!(
            "{} {}:{}",
            received.proto.name().to_uppercase(),
            received.source.ip(),
            received.source.port()
        ),
        headers: &cx.context.reply.headers,
        server: cx.running.server_line().unwrap_or_default(),
        closes: cx.context.stream.reply_close,
    };
    cx.shard.send_with(departure, |out| head.write(out)).map(drop)
}

struct Head<'a> {
    reply: HttpReply<'a>,
    /// Transport and address of the client.
    sender: String,
    /// What the script appended.
    headers: &'a [u8],
    server: &'a [u8],
    closes: bool,
}

impl Head<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        let HttpReply { code, reason, content_type, body } = self.reply;
        // A Vec takes everything.
        let _ = write!(out, "HTTP/1.1 {code} ");
        // What a client sent may stand in it: it must not begin a line of its own.
        out.extend(reason.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')));
        let _ = write!(out, "\r\nSia: SIP/2.0/{}\r\n", self.sender);
        if !content_type.is_empty() {
            out.extend_from_slice(b"Content-Type: ");
            out.extend(content_type.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')));
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(self.headers);
        if self.closes {
            out.extend_from_slice(b"Connection: close\r\n");
        }
        if !self.server.is_empty() {
            out.extend_from_slice(self.server);
            out.extend_from_slice(b"\r\n");
        }
        let _ = write!(out, "Content-Length: {}\r\n\r\n", body.len());
        out.extend_from_slice(body);
    }
}

/// `xhttp_reply(code, reason, type, body)`
pub(super) fn xhttp_reply(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let code = match args.value(0) {
        Value::Int(number) => u16::try_from(number).ok(),
        other => other.as_text().and_then(|text| std::str::from_utf8(text).ok()?.trim().parse().ok()),
    };
    let Some(code) = code.filter(|code| (100..=699).contains(code)) else {
        tracing::error!(target: "xhttp", "xhttp_reply: the first argument is no status");
        return Flow::FALSE;
    };
    if cx.context.received.connection.is_none() {
        tracing::error!(target: "xhttp", "xhttp_reply: this message is no HTTP request");
        return Flow::FALSE;
    }
    let reply = HttpReply { code, reason: args.text(1), content_type: args.text(2), body: args.text(3) };
    match send(cx, reply) {
        Ok(()) => Flow::TRUE,
        Err(error) => {
            tracing::error!(target: "xhttp", "xhttp_reply: {error}");
            Flow::FALSE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from Kamailio 5.6.3, but for the lines that close the connection.
    #[test]
    fn answers_have_kamailios_form_and_no_lines_from_outside() {
        let reply = HttpReply { code: 200, reason: b"O\r\nK", content_type: b"text/html", body: b"<p>" };
        let head = Head {
            reply,
            sender: "TCP 127.0.0.1:9".into(),
            headers: b"",
            server: b"Server: x",
            closes: false,
        };
        let mut out = Vec::new();
        head.write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "HTTP/1.1 200 OK\r\nSia: SIP/2.0/TCP 127.0.0.1:9\r\nContent-Type: text/html\r\nServer: x\r\n\
             Content-Length: 3\r\n\r\n<p>"
        );
    }
}
