//! The options, parsed as getopt does: letters may be joined, a value may follow at once or as the next word.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;

use cfg_syntax::CommandLine;
use transport::Proto;
use transport::address::{Advertise, ListenSpec};

use crate::source::Source;

/// Letters that take a value.
const WITH_VALUE: &str = "fmMbBlLnNWwtugPGQOaAxXY";
/// Letters that take none.
const WITHOUT_VALUE: &str = "cDdEeIKrRSTvVh";

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Serve.
    Run,
    /// `-c`
    CheckOnly,
    /// `--cfg-print`
    CfgPrint,
    /// `-h`
    Help,
    /// `-v`
    Version,
    /// `-I`
    Internals,
}

/// `-D`, `-DD`, `-DDD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forking {
    /// Become a daemon.
    Daemon,
    /// Stay in the foreground.
    Foreground,
    /// Stay in the foreground with one worker.
    Never,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub action: Action,
    pub source: Source,
    pub forking: Forking,
    pub log_to_stderr: bool,
    pub listens: Vec<ListenSpec>,
    pub directory: Option<PathBuf>,
    pub user: Option<String>,
    pub group: Option<String>,
    pub pid_file: Option<PathBuf>,
    pub group_file: Option<PathBuf>,
}

impl Options {
    /// Parses the words after the program's name. The error is one line for people.
    pub(crate) fn parse(words: Vec<OsString>) -> Result<Self, String> {
        let mut options = Self {
            action: Action::Run,
            source: Source::new("/etc/kamailio/kamailio.cfg"),
            forking: Forking::Daemon,
            log_to_stderr: false,
            listens: Vec::new(),
            directory: None,
            user: None,
            group: None,
            pid_file: None,
            group_file: None,
        };
        let mut counts = Counts::default();
        let mut words = words.into_iter().map(|word| word.to_string_lossy().into_owned());
        while let Some(word) = words.next() {
            if let Some(long) = word.strip_prefix("--") {
                options.long(long, &mut words)?;
            } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
                options.letters(letters, &mut words, &mut counts)?;
            } else {
                return Err(format!("unexpected `{word}`; options begin with `-` (try -h)"));
            }
        }
        if counts.debug > 0 {
            options.append(&format!("debug={}", counts.debug));
        }
        options.forking = match counts.daemon {
            0 | 3.. => Forking::Daemon,
            1 => Forking::Never,
            2 => Forking::Foreground,
        };
        Ok(options)
    }

    fn letters(
        &mut self,
        letters: &str,
        words: &mut impl Iterator<Item = String>,
        counts: &mut Counts,
    ) -> Result<(), String> {
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            if WITHOUT_VALUE.contains(letter) {
                self.switch(letter, counts);
                continue;
            }
            if !WITH_VALUE.contains(letter) {
                return Err(format!("unknown option `-{letter}` (try -h)"));
            }
            let joined = rest.as_str().to_owned();
            let value = if joined.is_empty() { words.next() } else { Some(joined) };
            let value = value.ok_or_else(|| format!("option `-{letter}` needs a value"))?;
            return self.value(letter, value);
        }
        Ok(())
    }

    fn switch(&mut self, letter: char, counts: &mut Counts) {
        match letter {
            'c' => self.action = Action::CheckOnly,
            'D' => counts.daemon += 1,
            'd' => counts.debug += 1,
            'E' => self.log_to_stderr = true,
            'I' => self.action = Action::Internals,
            'v' | 'V' => self.action = Action::Version,
            'h' => self.action = Action::Help,
            'r' => self.append("dns=yes"),
            'R' => self.append("rev_dns=yes"),
            'T' => self.append("disable_tcp=yes"),
            'K' => self.append("check_via=1"),
            // -e colours, -S SCTP: nothing to do.
            _ => {}
        }
    }

    fn value(&mut self, letter: char, value: String) -> Result<(), String> {
        match letter {
            'f' => self.source.path = value.into(),
            'A' => self.source.command_line.push(CommandLine::Define(value.into_bytes())),
            'l' => self.listens.extend(listen(&value)?),
            'n' => {
                let children: u32 = value.parse().map_err(|_| format!("bad number of children `{value}`"))?;
                self.append(&format!("children={children}"));
            }
            'a' => self.append(&format!("auto_aliases={value}")),
            'w' => self.directory = Some(value.into()),
            'u' => self.user = Some(value),
            'g' => self.group = Some(value),
            'P' => self.pid_file = Some(value.into()),
            'G' => self.group_file = Some(value.into()),
            't' => {
                return Err(format!(
                    "-t {value}: chroot is not supported; use a container or systemd's RootDirectory"
                ));
            }
            // Pools, poll methods, SCTP, search paths: nothing here needs them.
            _ => {}
        }
        Ok(())
    }

    fn long(&mut self, word: &str, words: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let (name, value) =
            word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value.to_owned())));
        let mut needed = || {
            value.clone().or_else(|| words.next()).ok_or_else(|| format!("option `--{name}` needs a value"))
        };
        match name {
            "cfg-print" => self.action = Action::CfgPrint,
            "help" => self.action = Action::Help,
            "version" => self.action = Action::Version,
            "alias" => {
                let value = needed()?;
                self.append(&format!("alias=\"{value}\""));
            }
            "debug" => {
                let value = needed()?;
                self.append(&format!("debug={value}"));
            }
            "server-id" => {
                let value = needed()?;
                self.append(&format!("server_id={value}"));
            }
            "loadmodule" => {
                let value = needed()?;
                self.append(&format!("loadmodule \"{value}\""));
            }
            "modparam" => {
                let value = needed()?;
                let text = modparam(&value)?;
                self.append(&text);
            }
            "subst" => self.source.command_line.push(CommandLine::Subst(needed()?.into_bytes())),
            "substdef" => self.source.command_line.push(CommandLine::SubstDef(needed()?.into_bytes())),
            "substdefs" => self.source.command_line.push(CommandLine::SubstDefs(needed()?.into_bytes())),
            "atexit" | "log-engine" => drop(needed()?),
            _ => return Err(format!("unknown option `--{name}` (try -h)")),
        }
        Ok(())
    }

    /// Adds a line after the file's own: the command line has the last word.
    fn append(&mut self, line: &str) {
        // A String takes everything.
        let _ = writeln!(self.source.appended, "{line}");
    }
}

#[derive(Default)]
struct Counts {
    daemon: usize,
    debug: usize,
}

/// `module:parameter:i|s:value`.
fn modparam(text: &str) -> Result<String, String> {
    let mut parts = text.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(module), Some(name), Some("i"), Some(value)) => {
            Ok(format!("modparam(\"{module}\", \"{name}\", {value})"))
        }
        (Some(module), Some(name), Some("s"), Some(value)) => {
            Ok(format!("modparam(\"{module}\", \"{name}\", '{value}')"))
        }
        _ => Err(format!("--modparam={text}: write module:parameter:i:NUMBER or module:parameter:s:TEXT")),
    }
}

/// `[proto:]host[:port][/advertised[:port]]`; several hosts in parentheses.
fn listen(text: &str) -> Result<Vec<ListenSpec>, String> {
    let (address, advertised) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
    let advertise = advertised
        .map(|text| {
            let (host, port) = host_port(text)?;
            Ok::<_, String>(Advertise { proto: None, host: bare(host), port })
        })
        .transpose()?;
    let (proto, rest) = match address.split_once(':') {
        Some((name, rest)) if Proto::from_bytes(name.as_bytes()).is_some() => {
            (Proto::from_bytes(name.as_bytes()), rest)
        }
        _ => (None, address),
    };
    let (hosts, port) = match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((hosts, after)) => {
            let port = after.strip_prefix(':').map(|digits| port(digits, text)).transpose()?;
            (hosts.split(',').map(|host| bare(host.trim())).collect::<Vec<_>>(), port)
        }
        None => {
            let (host, port) = host_port(rest)?;
            (vec![bare(host)], port)
        }
    };
    let spec =
        |host| ListenSpec { proto, host, port, advertise: advertise.clone(), name: None, is_virtual: false };
    Ok(hosts.into_iter().map(spec).collect())
}

fn host_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let after_bracket = text.rfind(']').unwrap_or(0);
    match text[after_bracket..].rfind(':') {
        Some(at) => {
            let at = after_bracket + at;
            Ok((&text[..at], Some(port(&text[at + 1..], text)?)))
        }
        None => Ok((text, None)),
    }
}

fn port(digits: &str, whole: &str) -> Result<u16, String> {
    digits.parse().map_err(|_| format!("`{digits}` in `{whole}` is no port"))
}

fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Options {
        Options::parse(words.split_whitespace().map(OsString::from).collect()).unwrap()
    }

    #[test]
    fn letters_may_be_joined_and_counted() {
        let options = parse("-DDE -f x.cfg -ddd -m64 -A WITH_NAT -P/run/x.pid");
        assert_eq!((options.forking, options.log_to_stderr), (Forking::Foreground, true));
        assert_eq!(options.source.path, PathBuf::from("x.cfg"));
        assert_eq!(options.source.appended, "debug=3\n");
        assert_eq!(options.source.command_line, [CommandLine::Define(b"WITH_NAT".to_vec())]);
        assert_eq!(options.pid_file, Some(PathBuf::from("/run/x.pid")));
    }

    #[test]
    fn listen_values_are_taken_apart() {
        let listens = parse("-l udp:127.0.0.1:5080/1.2.3.4:5060 -l tcp:(eth0,lo):5062 -l [::1]").listens;
        assert_eq!(listens.len(), 4);
        assert_eq!(
            listens[0].advertise.as_ref().map(|a| (a.host.as_str(), a.port)),
            Some(("1.2.3.4", Some(5060)))
        );
        assert_eq!((listens[1].host.as_str(), listens[2].port), ("eth0", Some(5062)));
        assert_eq!((listens[3].host.as_str(), listens[3].port), ("::1", None));
    }

    #[test]
    fn mistakes_say_what_to_do() {
        let error = |words: &str| Options::parse(words.split(' ').map(OsString::from).collect()).unwrap_err();
        assert!(error("-f").contains("needs a value"));
        assert!(error("-z").contains("-z"));
        assert!(error("--modparam=a:b:x:c").contains("module:parameter"));
    }
}
