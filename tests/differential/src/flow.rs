//! `flows.txt`: the scenarios of a configuration, each a ladder of steps that the endpoints perform in turn.
//!
//! ```text
//! === busy-then-next
//! caller sends INVITE
//! callee gets INVITE
//! callee answers 486 Busy Here
//!     X-From: callee
//! callee2 gets INVITE
//! ```
//!
//! The name of a scenario is the user of its R-URI, by which configurations choose a route, and its Call-ID is
//! `NAME@atlanta.example`. `=== NAME on tandem` is performed on that server only (or `on kamailio`): a ladder whose steps
//! are not the other's. Everything is sent to the server's socket, by `caller6` and
//! `callee6` to its IPv6 one, `[::1]:25000`. Indented lines below a step are headers
//! of the message (those of a name that it has already replace them) or, after `|`, lines of its body.
//!
//! | step | meaning |
//! |---|---|
//! | `P sends METHOD [URI] [over tcp]` | a request outside a dialog; the URI may be its user only |
//! | `P sends METHOD in dialog` | a request in the dialog that P's newest INVITE made, from either side |
//! | `P gets METHOD`, `P gets CODE [METHOD]` | wait until such a message is there that no step has got yet |
//! | `P answers CODE [REASON] [to METHOD]` | a reply to the newest request that P got (of that method) |
//! | `P acks` | the ACK for the newest final reply to an INVITE that P got, or its own INVITE's |
//! | `P cancels` | the CANCEL of the newest INVITE that P sent |
//! | `P repeats METHOD`, `P repeats CODE` | the newest such message that P sent, once more |
//! | `P counts METHOD N`, `P counts CODE N` | wait until the newest such message came N times |
//! | `quiet MS` | let that time pass: what must not come, or a timer that shows only by what follows |
//! | `logged TEXT` | wait until the script has logged it |
//! | `settled` | wait until the server has dealt with all that was sent to it |

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::endpoint::{ENDPOINTS, Transport};
use crate::error::{Error, Result};
use crate::server::Kind;

/// One ladder, from its first request to its end.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Unique in its configuration.
    pub name: String,
    /// The one server that it is performed on, by [`Kind::name`]; any, if none is named.
    pub only_on: Option<String>,
    /// In order.
    pub steps: Vec<Step>,
}

/// One line of a ladder.
#[derive(Debug, Clone)]
pub struct Step {
    /// As it is written, for reports.
    pub text: String,
    /// What is done.
    pub action: Action,
    /// Headers that the message has or has instead of others.
    pub headers: Vec<String>,
    /// The body's lines.
    pub body: Vec<String>,
}

/// What a step does; an endpoint is an index of [`ENDPOINTS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A request outside a dialog.
    Send {
        /// Who sends it.
        party: usize,
        /// Its method.
        method: String,
        /// Its R-URI.
        uri: String,
        /// Over what.
        transport: Transport,
    },
    /// A request in the newest dialog.
    SendInDialog(usize, String),
    /// Wait for a message.
    Get(usize, Pattern),
    /// Reply to the newest request, or to the newest of a method.
    Answer {
        /// Who replies.
        party: usize,
        /// Code and reason, as in a status line.
        status: String,
        /// The method of the request that is meant.
        to: Option<String>,
    },
    /// Acknowledge the newest final reply to an INVITE.
    Ack(usize),
    /// Cancel the newest INVITE.
    Cancel(usize),
    /// Send again what was sent.
    Repeat(usize, Pattern),
    /// Wait for retransmissions.
    Count(usize, Pattern, usize),
    /// Let time pass.
    Quiet(Duration),
    /// Wait for a line of the script's log.
    Logged(String),
    /// Wait until the server has dealt with everything.
    Settled,
}

/// A message as steps name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// A request of this method.
    Request(String),
    /// A reply with this code, to a request of this method if one is given.
    Reply(String, Option<String>),
}

impl Pattern {
    fn parse(words: &[&str]) -> std::result::Result<Self, String> {
        match words {
            [code] if is_code(code) => Ok(Self::Reply((*code).to_owned(), None)),
            [code, method] if is_code(code) => {
                Ok(Self::Reply((*code).to_owned(), Some((*method).to_owned())))
            }
            [method] => Ok(Self::Request((*method).to_owned())),
            _ => Err("name a message by its method, or by its code and its request's method".to_owned()),
        }
    }
}

/// Reads the scenarios of the file at `path`.
///
/// # Errors
/// [`Error::Case`] says which step is wrong.
pub fn load(path: &Path) -> Result<Vec<Scenario>> {
    let text = fs::read_to_string(path).map_err(Error::file(path))?;
    let wrong = |what: String| Error::Case(path.to_path_buf(), what);
    let mut scenarios: Vec<Scenario> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let at = |what: String| wrong(format!("line {}: `{line}`: {what}", number + 1));
        if let Some(heading) = line.strip_prefix("=== ") {
            let scenario = Scenario::begun(heading.trim()).map_err(at)?;
            if scenarios.iter().any(|known| known.name == scenario.name) {
                return Err(at("two scenarios have this name".to_owned()));
            }
            scenarios.push(scenario);
        } else if let Some(scenario) = scenarios.last_mut()
            && !line.trim().is_empty()
            && !line.starts_with('#')
        {
            scenario.add(line).map_err(at)?;
        }
    }
    Ok(scenarios)
}

impl Scenario {
    fn begun(heading: &str) -> std::result::Result<Self, String> {
        let (name, only_on) = match heading.split_once(" on ") {
            Some((name, server @ ("kamailio" | "tandem"))) => (name, Some(server.to_owned())),
            Some(_) => return Err("the servers are `kamailio` and `tandem`".to_owned()),
            None => (heading, None),
        };
        Ok(Self { name: name.to_owned(), only_on, steps: Vec::new() })
    }

    /// Whether `kind` performs it.
    #[must_use]
    pub fn is_for(&self, kind: &Kind) -> bool {
        self.only_on.as_deref().is_none_or(|only| only == kind.name())
    }

    fn add(&mut self, line: &str) -> std::result::Result<(), String> {
        if !line.starts_with(' ') {
            let action = action(line, &self.name)?;
            self.steps.push(Step { text: line.to_owned(), action, headers: Vec::new(), body: Vec::new() });
            return Ok(());
        }
        let step = self.steps.last_mut().ok_or("a header belongs below a step")?;
        let line = line.trim();
        match line.strip_prefix('|') {
            Some(text) => step.body.push(text.strip_prefix(' ').unwrap_or(text).to_owned()),
            None => step.headers.push(line.to_owned()),
        }
        Ok(())
    }

    /// The Call-ID of its requests.
    #[must_use]
    pub fn call_id(&self) -> String {
        crate::message::call_id(&self.name)
    }
}

fn action(line: &str, scenario: &str) -> std::result::Result<Action, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["settled"] => return Ok(Action::Settled),
        ["quiet", ms] => {
            let ms = ms.parse().map_err(|_| "write the time in milliseconds")?;
            return Ok(Action::Quiet(Duration::from_millis(ms)));
        }
        ["logged", ..] => return Ok(Action::Logged(line["logged".len()..].trim().to_owned())),
        _ => {}
    }
    let [name, verb, rest @ ..] = words.as_slice() else {
        return Err("a step is `WHO does WHAT`".to_owned());
    };
    let known = ENDPOINTS.iter().position(|(known, _)| known == name);
    let party = known.ok_or_else(|| format!("no endpoint is named `{name}`"))?;
    match (*verb, rest) {
        ("sends", [method, "in", "dialog"]) => Ok(Action::SendInDialog(party, (*method).to_owned())),
        ("sends", [method, rest @ ..]) => send(party, method, rest, scenario),
        ("gets", rest) => Ok(Action::Get(party, Pattern::parse(rest)?)),
        ("answers", [code, rest @ ..]) if is_code(code) => Ok(answer(party, code, rest)),
        ("acks", []) => Ok(Action::Ack(party)),
        ("cancels", []) => Ok(Action::Cancel(party)),
        ("repeats", rest) => Ok(Action::Repeat(party, Pattern::parse(rest)?)),
        ("counts", [rest @ .., count]) => {
            let count = count.parse().map_err(|_| "how often must it have come?")?;
            Ok(Action::Count(party, Pattern::parse(rest)?, count))
        }
        _ => Err("there is no such step".to_owned()),
    }
}

fn send(party: usize, method: &str, rest: &[&str], scenario: &str) -> std::result::Result<Action, String> {
    let (rest, transport) = match rest {
        [rest @ .., "over", "tcp"] => (rest, Transport::Tcp),
        _ => (rest, Transport::Udp),
    };
    let uri = match rest {
        [] => format!("sip:{scenario}@127.100.100.1"),
        [uri] if uri.contains(':') => (*uri).to_owned(),
        [user] => format!("sip:{user}@127.100.100.1"),
        _ => return Err("a request has one URI".to_owned()),
    };
    Ok(Action::Send { party, method: method.to_owned(), uri, transport })
}

fn answer(party: usize, code: &str, rest: &[&str]) -> Action {
    let (reason, to) = match rest {
        [reason @ .., "to", method] => (reason, Some((*method).to_owned())),
        _ => (rest, None),
    };
    let reason = if reason.is_empty() { usual_reason(code).to_owned() } else { reason.join(" ") };
    Action::Answer { party, status: format!("{code} {reason}"), to }
}

fn is_code(word: &str) -> bool {
    word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn usual_reason(code: &str) -> &'static str {
    match code {
        "100" => "Trying",
        "180" => "Ringing",
        "183" => "Session Progress",
        "200" => "OK",
        "202" => "Accepted",
        "302" => "Moved Temporarily",
        "401" => "Unauthorized",
        "404" => "Not Found",
        "407" => "Proxy Authentication Required",
        "408" => "Request Timeout",
        "480" => "Temporarily Unavailable",
        "486" => "Busy Here",
        "487" => "Request Terminated",
        "500" => "Server Internal Error",
        "503" => "Service Unavailable",
        "603" => "Decline",
        _ => "Answer",
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Kind, Pattern, Scenario, action};

    #[test]
    fn a_step_reads_like_a_sentence() {
        let reply = Pattern::Reply("200".to_owned(), Some("BYE".to_owned()));
        assert_eq!(action("caller gets 200 BYE", "x"), Ok(Action::Get(0, reply)));
        let answer =
            Action::Answer { party: 2, status: "486 Not Now".to_owned(), to: Some("INVITE".to_owned()) };
        assert_eq!(action("callee answers 486 Not Now to INVITE", "x"), Ok(answer));
        assert!(action("nobody gets 200", "x").is_err());
        assert!(action("caller dances", "x").is_err());
    }

    #[test]
    fn a_heading_may_name_the_one_server() {
        let scenario = Scenario::begun("backup on tandem").unwrap();
        assert_eq!(scenario.name, "backup");
        assert!(scenario.is_for(&Kind::Tandem("tandem".into())) && !scenario.is_for(&Kind::Kamailio));
        assert!(Scenario::begun("backup").unwrap().is_for(&Kind::Kamailio));
        assert!(Scenario::begun("backup on asterisk").is_err());
    }

    #[test]
    fn indented_lines_belong_to_the_step_above() {
        let mut scenario = Scenario::begun("x").unwrap();
        for line in ["caller sends MESSAGE", "    X-A: 1", "    | hello"] {
            scenario.add(line).unwrap();
        }
        assert_eq!(scenario.steps[0].headers, ["X-A: 1"]);
        assert_eq!(scenario.steps[0].body, ["hello"]);
    }
}
