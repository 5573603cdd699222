//! The words that scripts write for rtpengine (`replace-origin ICE=remove direction=internal`), as Kamailio 5.6
//! translates them to members of an ng request.

use std::fmt;

use crate::bencode::{Dict, Value};

/// Which Via's branch tells sessions of one call apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViaBranch {
    /// The first Via's.
    First,
    /// The second Via's.
    Second,
    /// The first Via's in requests, the second's in replies.
    Auto,
    /// No Via's: a variable's value.
    Extra,
    /// That variable's in requests, the first Via's in replies.
    AutoExtra,
}

/// A script's words, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Instead of the message's Call-ID.
    pub call_id: Option<Vec<u8>>,
    /// Instead of the From tag.
    pub from_tag: Option<Vec<u8>>,
    /// Instead of the To tag.
    pub to_tag: Option<Vec<u8>>,
    /// The To tag goes into commands that need none, too.
    pub with_to_tag: bool,
    /// The command is about the message's sender only.
    pub directional: bool,
    /// An offer is sent as an answer.
    pub force_answer: bool,
    /// The branch to send along.
    pub via_branch: Option<ViaBranch>,
    /// Members of the request.
    pub members: Dict,
}

/// Why the words are not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadFlag {
    /// This word needs a value behind an equals sign.
    NoValue(&'static str),
    /// No such way to find a branch.
    Branch(String),
}

impl fmt::Display for BadFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoValue(word) => write!(f, "`{word}` needs a value: write `{word}=…`"),
            Self::Branch(value) => {
                write!(f, "`via-branch={value}` is none of 1, 2, auto, extra and auto-extra")
            }
        }
    }
}

impl std::error::Error for BadFlag {}

/// Words whose rest, behind a dash or an equals sign, goes into a list of the request.
const LISTS: &[(&str, &str)] = &[("rtcp-mux", "rtcp-mux"), ("SDES", "SDES"), ("T.38", "T.38")];

/// The same for the lists within `codec`.
const CODEC: &[(&str, &str)] = &[
    ("transcode", "transcode"),
    ("codec-transcode", "transcode"),
    ("codec-strip", "strip"),
    ("codec-offer", "offer"),
    ("codec-except", "except"),
    ("codec-mask", "mask"),
    ("codec-set", "set"),
];

const PROTOCOLS: &[&str] =
    &["RTP/AVP", "RTP/SAVP", "RTP/AVPF", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"];

/// The lists while words are read; they follow the single members.
#[derive(Default)]
struct Lists {
    direction: Vec<Value>,
    flags: Vec<Value>,
    replace: Vec<Value>,
    codec: Vec<(&'static str, Vec<Value>)>,
    protocol: Option<&'static str>,
    wanted: Profile,
    listed: Vec<(&'static str, Vec<Value>)>,
}

/// `RTP SRTP AVP AVPF DTLS`.
#[derive(Default)]
struct Profile {
    named: bool,
    secure: bool,
    feedback: bool,
    dtls: bool,
}

impl Profile {
    /// Whether `word` is one of its words.
    fn read(&mut self, word: &str) -> bool {
        match word {
            "RTP" | "AVP" => {}
            "SRTP" => self.secure = true,
            "AVPF" => self.feedback = true,
            "DTLS" => self.dtls = true,
            _ => return false,
        }
        self.named = true;
        true
    }

    fn protocol(&self) -> Option<&'static str> {
        let name = match (self.dtls, self.secure, self.feedback) {
            (true, _, false) => "UDP/TLS/RTP/SAVP",
            (true, _, true) => "UDP/TLS/RTP/SAVPF",
            (false, true, false) => "RTP/SAVP",
            (false, true, true) => "RTP/SAVPF",
            (false, false, true) => "RTP/AVPF",
            (false, false, false) => "RTP/AVP",
        };
        self.named.then_some(name)
    }
}

impl Flags {
    /// Reads words between spaces. Unknown ones are flags, unknown ones with values are members, as they stand: the relay
    /// knows more of them than anybody here.
    ///
    /// # Errors
    /// A word that is known is not used as it must be.
    pub fn read(text: &str) -> Result<Self, BadFlag> {
        let mut flags = Self::default();
        let mut lists = Lists::default();
        for word in text.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()) {
            match word.split_once('=') {
                Some(("", _)) => {}
                Some((name, value)) => flags.valued(name, value, &mut lists)?,
                None => flags.bare(word, &mut lists)?,
            }
        }
        lists.close(&mut flags.members);
        Ok(flags)
    }

    fn bare(&mut self, word: &str, lists: &mut Lists) -> Result<(), BadFlag> {
        match word {
            "to-tag" => self.with_to_tag = true,
            "from-tag" => return Err(BadFlag::NoValue("from-tag")),
            "call-id" => return Err(BadFlag::NoValue("call-id")),
            "via-branch" => return Err(BadFlag::NoValue("via-branch")),
            "directional" => self.directional = true,
            "force-answer" => self.force_answer = true,
            "internal" | "external" => lists.direction.push(word.into()),
            _ if lists.wanted.read(word) => {}
            _ => {
                if let Some(protocol) = PROTOCOLS.iter().find(|known| **known == word) {
                    lists.protocol = Some(protocol);
                } else if let Some(part) = word.strip_prefix("replace-") {
                    lists.replace.push(part.into());
                } else if !lists.takes(|prefix| word.strip_prefix(prefix)?.strip_prefix('-')) {
                    lists.flags.push(word.into());
                }
            }
        }
        Ok(())
    }

    fn valued(&mut self, name: &str, value: &str, lists: &mut Lists) -> Result<(), BadFlag> {
        let given = || Some(value.as_bytes().to_vec());
        match name {
            "to-tag" => {
                self.with_to_tag = true;
                self.to_tag = given().filter(|tag| !tag.is_empty());
            }
            "from-tag" => self.from_tag = given(),
            "call-id" => self.call_id = given(),
            "via-branch" => self.via_branch = Some(branch(value)?),
            "direction" => lists.direction.push(value.into()),
            "TOS" => self.members.push(name, value.parse().unwrap_or(0_i64)),
            "delete-delay" => {
                // rtpengine reads the number; the text goes along as it does from Kamailio.
                self.members.push("delete delay", value.parse().unwrap_or(0_i64));
                self.members.push(name, value);
            }
            _ => {
                if !lists.takes(|prefix| (name == prefix).then_some(value)) {
                    self.members.push(name, value);
                }
            }
        }
        Ok(())
    }
}

fn branch(value: &str) -> Result<ViaBranch, BadFlag> {
    Ok(match value {
        "1" => ViaBranch::First,
        "2" => ViaBranch::Second,
        "auto" => ViaBranch::Auto,
        "extra" => ViaBranch::Extra,
        "auto-extra" => ViaBranch::AutoExtra,
        other => return Err(BadFlag::Branch(other.to_owned())),
    })
}

impl Lists {
    /// Puts what `rest` finds behind a list's word into that list.
    fn takes<'w>(&mut self, rest: impl Fn(&str) -> Option<&'w str>) -> bool {
        for (table, lists) in [(LISTS, &mut self.listed), (CODEC, &mut self.codec)] {
            for (prefix, list) in table {
                if let Some(rest) = rest(prefix) {
                    match lists.iter_mut().find(|(name, _)| name == list) {
                        Some((_, items)) => items.push(rest.into()),
                        None => lists.push((list, vec![rest.into()])),
                    }
                    return true;
                }
            }
        }
        false
    }

    fn close(mut self, members: &mut Dict) {
        let mut list = |name: &str, items: Vec<Value>| {
            if !items.is_empty() {
                members.push(name, Value::List(items));
            }
        };
        list("direction", self.direction);
        list("flags", self.flags);
        list("replace", self.replace);
        if !self.codec.is_empty() {
            let codec = self.codec.into_iter();
            let codec = codec.map(|(name, items)| (name.as_bytes().to_vec(), Value::List(items))).collect();
            members.push("codec", Value::Dict(Dict(codec)));
        }
        if let Some(protocol) = self.protocol.or_else(|| self.wanted.protocol()) {
            members.push("transport-protocol", protocol);
        }
        self.listed.sort_by_key(|(name, _)| LISTS.iter().position(|(_, list)| list == name));
        for (name, items) in self.listed {
            members.push(name, Value::List(items));
        }
    }
}

impl From<Dict> for Value {
    fn from(dict: Dict) -> Self {
        Self::Dict(dict)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]
mod tests {
    use super::*;

    /// The members as they are written.
    fn members(words: &str) -> String {
        let mut out = Vec::new();
        Flags::read(words).unwrap().members.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Recorded from Kamailio 5.6.3.
    #[test]
    fn words_become_the_members_that_kamailio_sends() {
        let words = "replace-origin replace-session-connection ICE=remove RTP/AVP trust-address SDES-off \
                     rtcp-mux-demux codec-strip-PCMU codec-mask-all transcode-opus direction=internal \
                     direction=external TOS=184 address-family=IP4 label=aa record-call=yes delete-delay=5 \
                     media-address=1.2.3.4 generate-mid T.38=decode always-transcode";
        assert_eq!(
            members(words),
            "d3:ICE6:remove3:TOSi184e14:address-family3:IP45:label2:aa11:record-call3:yes12:delete delayi5e\
             12:delete-delay1:513:media-address7:1.2.3.49:directionl8:internal8:externale5:flagsl13:trust-address\
             12:generate-mid16:always-transcodee7:replacel6:origin18:session-connectione5:codecd5:stripl4:PCMUe\
             4:maskl3:alle9:transcodel4:opusee18:transport-protocol7:RTP/AVP8:rtcp-muxl5:demuxe4:SDESl3:offe\
             4:T.38l6:decodeee"
        );
    }

    /// Recorded from Kamailio 5.6.3.
    #[test]
    fn profiles_are_joined_from_their_words() {
        for (words, protocol) in [
            ("RTP", "RTP/AVP"),
            ("SRTP", "RTP/SAVP"),
            ("AVPF", "RTP/AVPF"),
            ("DTLS", "UDP/TLS/RTP/SAVP"),
            ("SRTP AVPF", "RTP/SAVPF"),
            ("DTLS AVPF", "UDP/TLS/RTP/SAVPF"),
            ("UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVPF"),
            ("RTP SRTP", "RTP/SAVP"),
        ] {
            let flags = Flags::read(words).unwrap();
            assert_eq!(flags.members.bytes("transport-protocol"), Some(protocol.as_bytes()), "{words}");
        }
        assert_eq!(members("trust-address"), "d5:flagsl13:trust-addressee");
    }

    /// Recorded from Kamailio 5.6.3.
    #[test]
    fn words_that_nobody_here_knows_pass_through() {
        assert_eq!(
            members("codec-accept=z codec-consume-y OSRTP-accept OSRTP=offer bad= =x delete-delay=x"),
            "d12:codec-accept1:z5:OSRTP5:offer3:bad0:12:delete delayi0e12:delete-delay1:x\
             5:flagsl15:codec-consume-y12:OSRTP-acceptee"
        );
    }

    #[test]
    fn words_about_the_call_are_no_members() {
        let flags =
            Flags::read("to-tag=t from-tag=f call-id=c via-branch=auto directional force-answer").unwrap();
        assert_eq!(flags.to_tag.as_deref(), Some(b"t".as_slice()));
        assert_eq!(flags.from_tag.as_deref(), Some(b"f".as_slice()));
        assert_eq!(flags.call_id.as_deref(), Some(b"c".as_slice()));
        assert_eq!(flags.via_branch, Some(ViaBranch::Auto));
        assert!(flags.directional && flags.force_answer && flags.members.0.is_empty());
        assert_eq!(Flags::read("from-tag"), Err(BadFlag::NoValue("from-tag")));
        assert!(Flags::read("via-branch=9").unwrap_err().to_string().contains("via-branch=9"));
    }
}
