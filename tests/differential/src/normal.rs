//! What must differ between two runs, replaced by names that keep what is equal equal.
//!
//! * a `branch=` of a Via that no message of the case brought: `<branch-1-of-NAME>`, after the message in
//!   whose outcome it first appears, so that the same value is the same name in a later one too;
//! * `;i=` of a Via (the id of a connection): `<connection-1-of-NAME>`, likewise;
//! * a `tag=` that no message brought: `<tag-1-of-NAME>`, where equal values are told only within one outcome
//!   (Kamailio's stateless tag is the same for all requests that name one sender);
//! * a `Call-ID` that no message brought: `<call-1-of-NAME>`;
//! * an `icid-value=` that no message brought: `<icid-1-of-NAME>`;
//! * the `;did=` of a Record-Route, a dialog's number: `<dialog-1-of-NAME>`;
//! * the `ruid` of a contact, which begins with `uloc-`: `<ruid-1-of-NAME>`;
//! * seconds that a contact is still good for (`;expires=`), up to the next multiple of five: time goes on between messages;
//! * the ports of the test's own connections: `<port-1>`; those from which a server dials: `<dialled>`;
//! * the value of a header whose name ends in `-Volatile` (times, random numbers, process ids) and of a log
//!   line that begins with `volatile `, and of a `Date` that no message brought: its shape, with each digit as `9` and each letter as `a`; in a header
//!   whose name ends in `-Hex`, each digit and letter as `h`.

use crate::endpoint::Transport;
use crate::outcome::{Delivery, Outcome};

/// Carries the names from one message of a case to the next.
#[derive(Debug)]
pub struct Normaliser {
    sent: Vec<Vec<u8>>,
    branches: Names,
    tags: Names,
    icids: Names,
    ruids: Names,
    dialogs: Names,
    calls: Names,
    connections: Names,
    ports: Vec<u16>,
    message: String,
}

#[derive(Debug)]
struct Names {
    kind: &'static str,
    known: Vec<(Vec<u8>, String)>,
}

impl Names {
    fn new(kind: &'static str) -> Self {
        Self { kind, known: Vec::new() }
    }

    fn name(&mut self, value: &[u8], message: &str) -> Vec<u8> {
        let known = self.known.iter().find(|(known, _)| known == value);
        let name = known.map(|(_, name)| name.clone()).unwrap_or_else(|| {
            let suffix = format!("-of-{message}>");
            let number = self.known.iter().filter(|(_, name)| name.ends_with(&suffix)).count() + 1;
            let name = format!("<{}-{number}{suffix}", self.kind);
            self.known.push((value.to_vec(), name.clone()));
            name
        });
        name.into_bytes()
    }
}

impl Normaliser {
    /// For a case whose messages are `sent`: what they bring is left as it is.
    pub fn new<'a>(sent: impl Iterator<Item = &'a [u8]>) -> Self {
        Self {
            sent: sent.map(<[u8]>::to_vec).collect(),
            branches: Names::new("branch"),
            tags: Names::new("tag"),
            icids: Names::new("icid"),
            ruids: Names::new("ruid"),
            dialogs: Names::new("dialog"),
            calls: Names::new("call"),
            connections: Names::new("connection"),
            ports: Vec::new(),
            message: String::new(),
        }
    }

    /// The outcome with names for what must differ; `ports` are those of the sender's connections.
    pub fn normalise(&mut self, outcome: &Outcome, ports: &[u16]) -> Outcome {
        self.message.clone_from(&outcome.name);
        self.tags = Names::new("tag");
        for port in ports {
            // A listening port is as fixed as an address.
            if !self.ports.contains(port) && !is_fixed(*port) {
                self.ports.push(*port);
            }
        }
        let delivery = |delivery: &Delivery| Delivery {
            from: self.sender(delivery),
            bytes: delivery.bytes.as_deref().map(|bytes| self.message(bytes)),
            ..delivery.clone()
        };
        let deliveries = outcome.deliveries.iter().map(delivery).collect();
        let log = outcome.log.iter().map(|line| self.log_line(line)).collect();
        Outcome { name: outcome.name.clone(), deliveries, log, stuck: outcome.stuck.clone() }
    }

    fn sender(&self, delivery: &Delivery) -> String {
        let from = self.ports_named(&delivery.from);
        match from.rsplit_once(':') {
            Some((address, port))
                if delivery.transport == Transport::Tcp && !is_fixed(port.parse().unwrap_or(0)) =>
            {
                format!("{address}:<dialled>")
            }
            _ => from,
        }
    }

    fn message(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let colon = line.iter().position(|byte| *byte == b':');
            match colon {
                Some(at) if line[..at].ends_with(b"-Volatile") || self.is_new_date(line) => {
                    out.extend_from_slice(&line[..at]);
                    out.extend(line[at..].iter().map(|byte| shape(*byte)));
                }
                Some(at) if line[..at].ends_with(b"-Hex") => {
                    out.extend_from_slice(&line[..at]);
                    out.extend(
                        line[at..].iter().map(|byte| if byte.is_ascii_alphanumeric() { b'h' } else { *byte }),
                    );
                }
                _ => out.extend(self.line(line)),
            }
        }
        self.ports_named(&latin(&out)).chars().map(byte).collect()
    }

    fn is_new_date(&self, line: &[u8]) -> bool {
        starts_with(line, "date:") && !self.sent.iter().any(|sent| crate::network::find(sent, line).is_some())
    }

    fn line(&mut self, line: &[u8]) -> Vec<u8> {
        let is_via = ["via:", "v:"].iter().any(|name| starts_with(line, name));
        let mut out = Vec::with_capacity(line.len());
        let mut rest = line;
        while !rest.is_empty() {
            let names = if rest.len() == line.len() && starts_with(rest, "call-id: ") {
                Some((&mut self.calls, 9))
            } else if is_via && starts_with(rest, "branch=") {
                Some((&mut self.branches, 7))
            } else if is_via && starts_with(rest, ";i=") {
                Some((&mut self.connections, 3))
            } else if starts_with(rest, ";did=") {
                Some((&mut self.dialogs, 5))
            } else if starts_with(rest, "tag=") {
                Some((&mut self.tags, 4))
            } else if starts_with(rest, "icid-value=") {
                Some((&mut self.icids, 11))
            } else {
                None
            };
            let Some((names, prefix)) = names else {
                if let Some((text, length)) = self.contact_part(rest) {
                    out.extend(text);
                    rest = &rest[length..];
                    continue;
                }
                out.push(rest[0]);
                rest = &rest[1..];
                continue;
            };
            let end = rest[prefix..].iter().position(|byte| b";, >\r\n\t?&\"|".contains(byte));
            let (whole, after) = rest.split_at(end.map_or(rest.len(), |end| prefix + end));
            out.extend_from_slice(&whole[..prefix]);
            let value = &whole[prefix..];
            // A script may have changed the letters of what was sent: no server makes a Call-ID that differs in them only.
            let found = |sent: &Vec<u8>| {
                crate::network::find(&sent.to_ascii_lowercase(), &whole.to_ascii_lowercase()).is_some()
            };
            // Nor one that is short enough to come twice.
            let is_chosen = names.kind == "call" && value.len() < 16;
            if value.is_empty() || is_chosen || self.sent.iter().any(found) {
                out.extend_from_slice(value);
            } else {
                out.extend(names.name(value, &self.message));
            }
            rest = after;
        }
        out
    }

    /// What a registrar says of a contact that differs from run to run: its `ruid`, and for how long it is good.
    fn contact_part(&mut self, rest: &[u8]) -> Option<(Vec<u8>, usize)> {
        let span = |from: usize, fits: fn(&u8) -> bool| {
            from + rest[from..].iter().take_while(|byte| fits(byte)).count()
        };
        if rest.starts_with(b"uloc-") {
            let end = span(5, |byte| byte.is_ascii_hexdigit() || *byte == b'-');
            let is_sent = self.sent.iter().any(|sent| crate::network::find(sent, &rest[..end]).is_some());
            return (!is_sent).then(|| (self.ruids.name(&rest[..end], &self.message), end));
        }
        if !rest.starts_with(b";expires=") {
            return None;
        }
        let end = span(9, u8::is_ascii_digit);
        if self.sent.iter().any(|sent| crate::network::find(sent, &rest[..end]).is_some()) {
            return None;
        }
        let seconds: u64 = std::str::from_utf8(&rest[9..end]).ok()?.parse().ok()?;
        Some((format!(";expires={}", seconds.next_multiple_of(5)).into_bytes(), end))
    }

    fn log_line(&mut self, line: &str) -> String {
        let line = &self.ruids_named(line);
        match line.split_once("volatile ") {
            Some((level, text)) => {
                let text: String = text.bytes().map(|byte| char::from(shape(byte))).collect();
                format!("{level}volatile {text}")
            }
            None => self.ports_named(line),
        }
    }

    fn ruids_named(&mut self, line: &str) -> String {
        let mut out = String::new();
        let mut rest = line;
        while let Some(at) = rest.find("uloc-") {
            out.push_str(&rest[..at]);
            match self.contact_part(&rest.as_bytes()[at..]) {
                Some((name, length)) => {
                    out.push_str(&latin(&name));
                    rest = &rest[at + length..];
                }
                None => {
                    out.push_str("uloc-");
                    rest = &rest[at + 5..];
                }
            }
        }
        out + rest
    }

    fn ports_named(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (at, port) in self.ports.iter().enumerate() {
            let digits = port.to_string();
            let mut from = 0;
            while let Some(found) = text[from..].find(&digits).map(|at| at + from) {
                let end = found + digits.len();
                let digit_at = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
                if (found > 0 && digit_at(found - 1)) || digit_at(end) {
                    from = end;
                    continue;
                }
                let name = format!("<port-{}>", at + 1);
                text.replace_range(found..end, &name);
                from = found + name.len();
            }
        }
        text
    }
}

/// The ports of listeners, which every run shares.
fn is_fixed(port: u16) -> bool {
    matches!(port, 5060..=5099 | 25000..=27999)
}

fn starts_with(text: &[u8], prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
}

fn shape(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => b'9',
        b'a'..=b'z' | b'A'..=b'Z' => b'a',
        other => other,
    }
}

/// Bytes as characters of the same number, so that text functions keep every byte.
pub(crate) fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

pub(crate) fn byte(character: char) -> u8 {
    u8::try_from(u32::from(character)).unwrap_or(b'?')
}

#[cfg(test)]
mod tests {
    use super::Normaliser;

    fn normaliser() -> Normaliser {
        let sent = [b"Via: x;branch=z9hG4bK-mine\r\nFrom: <sip:a>;tag=1\r\n".as_slice()];
        Normaliser { message: "x".to_owned(), ..Normaliser::new(sent.into_iter()) }
    }

    #[test]
    fn a_new_branch_gets_one_name_wherever_it_appears() {
        let mut normaliser = normaliser();
        let line = b"Via: SIP/2.0/UDP h;branch=z9hG4bKab.cd.0, SIP/2.0/UDP g;branch=z9hG4bK-mine\r\n";
        let expected = b"Via: SIP/2.0/UDP h;branch=<branch-1-of-x>, SIP/2.0/UDP g;branch=z9hG4bK-mine\r\n";
        assert_eq!(normaliser.message(line), expected);
        assert_eq!(normaliser.message(line), expected);
    }

    #[test]
    fn a_tag_that_was_sent_stays() {
        let mut normaliser = normaliser();
        let text = normaliser.message(b"From: <sip:a>;tag=1\r\nTo: <sip:b>;tag=99.3\r\n");
        assert_eq!(text, b"From: <sip:a>;tag=1\r\nTo: <sip:b>;tag=<tag-1-of-x>\r\n");
    }

    #[test]
    fn a_volatile_header_keeps_its_shape() {
        let text = normaliser().message(b"X-Now-Volatile: Tue 25\r\nX: Tue 25\r\n");
        assert_eq!(text, b"X-Now-Volatile: aaa 99\r\nX: Tue 25\r\n");
    }

    #[test]
    fn only_whole_numbers_are_ports() {
        let mut normaliser = normaliser();
        normaliser.ports = vec![40123];
        assert_eq!(normaliser.message(b"a:40123;b=401234\r\n"), b"a:<port-1>;b=401234\r\n");
    }
}
