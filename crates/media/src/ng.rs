//! rtpengine's ng protocol: requests and answers are bencoded dictionaries behind a cookie.

use std::fmt;
use std::net::IpAddr;

use crate::bencode::{Dict, Malformed, Value};
use crate::flags::Flags;
use crate::relay::Protocol;

/// What rtpengine needs said of it to be asked.
pub const PROTOCOL: Protocol = Protocol {
    probe: b"d7:command4:pinge",
    is_alive: |answer| Reply::read(answer).is_ok_and(|reply| reply.0.bytes("result") == Some(b"pong")),
    declines: |answer| Reply::read(answer).is_ok_and(|reply| reply.0.bytes("result") == Some(b"load limit")),
    name: "rtpengine",
};

/// A command about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the protocol's own names, which `name` gives")]
pub enum Command {
    Offer,
    Answer,
    Delete,
    Query,
    StartRecording,
    StopRecording,
    BlockDtmf,
    UnblockDtmf,
    BlockMedia,
    UnblockMedia,
    SilenceMedia,
    UnsilenceMedia,
    StartForwarding,
    StopForwarding,
    PlayMedia,
    StopMedia,
    PlayDtmf,
}

impl Command {
    /// Its name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Answer => "answer",
            Self::Delete => "delete",
            Self::Query => "query",
            Self::StartRecording => "start recording",
            Self::StopRecording => "stop recording",
            Self::BlockDtmf => "block DTMF",
            Self::UnblockDtmf => "unblock DTMF",
            Self::BlockMedia => "block media",
            Self::UnblockMedia => "unblock media",
            Self::SilenceMedia => "silence media",
            Self::UnsilenceMedia => "unsilence media",
            Self::StartForwarding => "start forwarding",
            Self::StopForwarding => "stop forwarding",
            Self::PlayMedia => "play media",
            Self::StopMedia => "stop media",
            Self::PlayDtmf => "play DTMF",
        }
    }

    /// Whether it carries a session description and answers one.
    pub fn has_sdp(self) -> bool {
        matches!(self, Self::Offer | Self::Answer)
    }

    /// Whether it is about the whole call unless it names a party.
    pub fn is_of_all(self) -> bool {
        matches!(
            self,
            Self::BlockDtmf
                | Self::UnblockDtmf
                | Self::BlockMedia
                | Self::UnblockMedia
                | Self::SilenceMedia
                | Self::UnsilenceMedia
                | Self::StartForwarding
                | Self::StopForwarding
        )
    }
}

/// The message that a command is about.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Call-ID.
    pub call_id: &'a [u8],
    /// From tag.
    pub from_tag: &'a [u8],
    /// To tag; empty when there is none.
    pub to_tag: &'a [u8],
    /// Whether the message is a reply.
    pub is_reply: bool,
    /// Where it came from.
    pub source: IpAddr,
    /// What tells this branch's session from others.
    pub branch: Option<&'a [u8]>,
}

/// A command that cannot be sent: an answer for a dialog that has no other side yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoToTag;

impl fmt::Display for NoToTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer needs a To tag, and the message has none")
    }
}

impl std::error::Error for NoToTag {}

/// Makes a request; `sdp` goes with offers and answers.
///
/// # Errors
/// An answer without To tag.
pub fn request(command: Command, call: &Call<'_>, flags: &Flags, sdp: &[u8]) -> Result<Vec<u8>, NoToTag> {
    let command = if flags.force_answer && command == Command::Offer { Command::Answer } else { command };
    let from = flags.from_tag.as_deref().unwrap_or(call.from_tag);
    let to = flags.to_tag.as_deref().unwrap_or(call.to_tag);
    if command == Command::Answer && to.is_empty() {
        return Err(NoToTag);
    }
    // Who describes the session is "from": the called party in a reply with an offer, and the calling one that answers it.
    let crossed = match command {
        Command::Offer => call.is_reply,
        Command::Answer => !call.is_reply,
        _ => false,
    };
    let (from, to) = if crossed && !flags.directional { (to, from) } else { (from, to) };
    let mut dict = Dict::default();
    dict.push("supports", Value::List(vec!["load limit".into()]));
    if command.has_sdp() {
        dict.push("sdp", sdp);
    }
    dict.0.extend(flags.members.0.iter().cloned());
    dict.push("call-id", flags.call_id.as_deref().unwrap_or(call.call_id));
    if let Some(branch) = call.branch {
        dict.push("via-branch", branch);
    }
    let family = if call.source.is_ipv4() { "IP4" } else { "IP6" };
    let source = call.source.to_string();
    dict.push("received-from", Value::List(vec![family.into(), source.as_str().into()]));
    if !command.is_of_all() || flags.directional || flags.from_tag.is_some() {
        dict.push("from-tag", from);
    }
    if !command.is_of_all() && !to.is_empty() && (command.has_sdp() || flags.with_to_tag) {
        dict.push("to-tag", to);
    }
    dict.push("command", command.name());
    let mut out = Vec::with_capacity(sdp.len() + 256);
    dict.write(&mut out);
    Ok(out)
}

/// What a node answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply(pub Dict);

/// An answer that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadReply {
    /// No bencode.
    Malformed(Malformed),
    /// Not a dictionary.
    NoDict,
    /// The node says that it failed.
    Refused(String),
}

impl fmt::Display for BadReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::NoDict => f.write_str("the answer is no dictionary"),
            Self::Refused(reason) => write!(f, "the node refuses: {reason}"),
        }
    }
}

impl std::error::Error for BadReply {}

impl Reply {
    /// Reads an answer.
    ///
    /// # Errors
    /// It is no bencoded dictionary.
    pub fn read(bytes: &[u8]) -> Result<Self, BadReply> {
        match Value::read(bytes).map_err(BadReply::Malformed)? {
            Value::Dict(dict) => Ok(Self(dict)),
            _ => Err(BadReply::NoDict),
        }
    }

    /// The same, where the node did what it was asked.
    ///
    /// # Errors
    /// It is no answer, or one that refuses.
    pub fn read_success(bytes: &[u8]) -> Result<Self, BadReply> {
        let reply = Self::read(bytes)?;
        if reply.0.bytes("result") == Some(b"error") {
            let reason = reply.0.bytes("error-reason").unwrap_or(b"no reason given");
            return Err(BadReply::Refused(String::from_utf8_lossy(reason).into_owned()));
        }
        Ok(reply)
    }

    /// The session description that it made.
    pub fn sdp(&self) -> Option<&[u8]> {
        self.0.bytes("sdp")
    }

    /// What goes along with success but may mean trouble.
    pub fn warning(&self) -> Option<&[u8]> {
        self.0.bytes("warning")
    }

    /// The call's totals in a line for people, as `$rtpestat` shows them.
    pub fn totals(&self) -> Option<String> {
        let totals = self.0.dict("totals")?;
        let line = |name: &str| {
            let part = totals.dict(name)?;
            let count = |name| part.int(name).unwrap_or(0);
            Some(format!(
                "{name}: {} bytes, {} packets, {} errors",
                count("bytes"),
                count("packets"),
                count("errors")
            ))
        };
        Some(format!("{}; {}", line("RTP")?, line("RTCP")?))
    }

    /// The whole answer as JSON, on one line or in indented ones.
    pub fn json(&self, pretty: bool) -> String {
        let mut out = String::new();
        json_dict(&self.0, pretty.then_some(0), &mut out);
        out
    }
}

fn json(value: &Value, depth: Option<usize>, out: &mut String) {
    match value {
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Bytes(bytes) => json_text(bytes, out),
        Value::Dict(dict) => json_dict(dict, depth, out),
        Value::List(items) => {
            let items = items.iter().map(|item| (None, item));
            json_members(('[', ']'), items, depth, out);
        }
    }
}

fn json_dict(dict: &Dict, depth: Option<usize>, out: &mut String) {
    let members = dict.0.iter().map(|(name, value)| (Some(name.as_slice()), value));
    json_members(('{', '}'), members, depth, out);
}

fn json_members<'v>(
    (open, close): (char, char),
    members: impl ExactSizeIterator<Item = (Option<&'v [u8]>, &'v Value)>,
    depth: Option<usize>,
    out: &mut String,
) {
    out.push(open);
    let empty = members.len() == 0;
    let line = |depth: usize, out: &mut String| {
        out.push('\n');
        out.extend(std::iter::repeat_n('\t', depth));
    };
    for (at, (name, value)) in members.enumerate() {
        if at > 0 {
            out.push(',');
        }
        if let Some(depth) = depth {
            line(depth + 1, out);
        }
        if let Some(name) = name {
            json_text(name, out);
            out.push_str(if depth.is_some() { ":\t" } else { ":" });
        }
        json(value, depth.map(|depth| depth + 1), out);
    }
    if let Some(depth) = depth.filter(|_| !empty) {
        line(depth, out);
    }
    out.push(close);
}

fn json_text(bytes: &[u8], out: &mut String) {
    out.push('"');
    for character in String::from_utf8_lossy(bytes).chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]
mod tests {
    use super::*;

    fn call(is_reply: bool, to_tag: &'static [u8]) -> Call<'static> {
        let source = IpAddr::from([127, 0, 0, 1]);
        Call { call_id: b"c1@h", from_tag: b"ft", to_tag, is_reply, source, branch: None }
    }

    fn tags(command: Command, call: &Call<'_>, words: &str) -> (Option<String>, Option<String>) {
        let bytes = request(command, call, &Flags::read(words).unwrap(), b"v=0").unwrap();
        let dict = Reply::read(&bytes).unwrap().0;
        let tag = |name| dict.bytes(name).map(|tag| String::from_utf8_lossy(tag).into_owned());
        (tag("from-tag"), tag("to-tag"))
    }

    /// Recorded from Kamailio 5.6.3.
    #[test]
    fn a_request_is_written_as_kamailio_writes_it() {
        let flags = Flags::read("replace-origin").unwrap();
        let bytes = request(Command::Offer, &call(false, b""), &flags, b"v=0\r\n").unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "d8:supportsl10:load limite3:sdp5:v=0\r\n7:replacel6:origine7:call-id4:c1@h\
             13:received-froml3:IP49:127.0.0.1e8:from-tag2:ft7:command5:offere"
        );
    }

    /// Recorded from Kamailio 5.6.3.
    #[test]
    fn tags_name_who_describes_the_session() {
        let tag = |text: &str| Some(text.to_owned());
        let (early, request, reply) = (call(false, b""), call(false, b"tt"), call(true, b"tt"));
        assert_eq!(tags(Command::Offer, &early, ""), (tag("ft"), None));
        assert_eq!(tags(Command::Answer, &reply, ""), (tag("ft"), tag("tt")));
        assert_eq!(tags(Command::Offer, &reply, ""), (tag("tt"), tag("ft")));
        assert_eq!(tags(Command::Answer, &request, ""), (tag("tt"), tag("ft")));
        assert_eq!(tags(Command::Answer, &request, "directional"), (tag("ft"), tag("tt")));
        assert_eq!(tags(Command::Delete, &request, ""), (tag("ft"), None));
        assert_eq!(tags(Command::Delete, &request, "to-tag"), (tag("ft"), tag("tt")));
        assert_eq!(tags(Command::BlockDtmf, &request, "to-tag"), (None, None));
        assert_eq!(tags(Command::BlockDtmf, &request, "directional to-tag"), (tag("ft"), None));
        assert_eq!(tags(Command::BlockDtmf, &request, "from-tag=x"), (tag("x"), None));
        let none = Flags::default();
        assert_eq!(super::request(Command::Answer, &early, &none, b""), Err(NoToTag));
    }

    #[test]
    fn totals_are_told_in_a_line() {
        let reply = b"d6:result2:ok6:totalsd3:RTPd7:packetsi10e5:bytesi1600e6:errorsi0ee\
                      4:RTCPd7:packetsi1e5:bytesi90e6:errorsi2eeee";
        let reply = Reply::read_success(reply).unwrap();
        assert_eq!(
            reply.totals().unwrap(),
            "RTP: 1600 bytes, 10 packets, 0 errors; RTCP: 90 bytes, 1 packets, 2 errors"
        );
        assert_eq!(Reply::read(b"d1:ali1e1:\"e1:bdee").unwrap().json(false), "{\"a\":[1,\"\\\"\"],\"b\":{}}");
    }

    #[test]
    fn a_refusal_gives_its_reason() {
        let told = Reply::read_success(b"d6:result5:error12:error-reason12:Unknown calle").unwrap_err();
        assert_eq!(told, BadReply::Refused("Unknown call".to_owned()));
        assert!((PROTOCOL.is_alive)(b"d6:result4:ponge") && !(PROTOCOL.is_alive)(b"d6:result2:oke"));
        assert!((PROTOCOL.declines)(b"d6:result10:load limite"));
    }
}
