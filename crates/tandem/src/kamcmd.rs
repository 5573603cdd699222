//! `kamcmd`'s own command line and prompt (5.6.3): what scripts that people have call, and hands that know it.
//!
//! Where neither an address is given nor Kamailio's default socket is there, the private socket of the one server that
//! runs is taken.

mod format;
mod prompt;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use control::{Address, Client, ClientError, Value};

use crate::ctl;

/// Where module `ctl` listens by default.
const DEFAULT_SOCKET: &str = "/run/kamailio/kamailio_ctl";
/// What kamcmd exits with when nothing could be asked.
const FAILED: u8 = 255;

const USAGE: &str = "\
version: kamcmd 1.5
Usage: kamcmd [options][-s address] [ cmd ]
Options:
    -s address  socket of the server
    -R name     socket for the answers of a unix datagram socket
    -D dir      folder for such a socket
    -f format   how results are printed; each %v is a value, %%v the text
    -v          say more
    -V          version
    -h          this text
Address:
    [proto:]name[:port]   where proto is one of tcp, udp, unixs or unixd
Command:
    method [argument...]  numbers are sent as numbers; s: before one keeps it text
Examples:
    kamcmd core.uptime
    kamcmd -s tcp:localhost:2049 system.listMethods
    kamcmd -f 'pid: %v  desc: %v\\n' core.ps
    kamcmd                a prompt, on the default socket
";

/// Names that stand for a command, and how its results are printed.
const ALIASES: [(&str, &str, Option<&str>); 13] = [
    ("ps", "core.ps", Some("%v\\t%v\\n")),
    ("psx", "core.psx", None),
    ("list", "system.listMethods", None),
    ("ls", "system.listMethods", None),
    ("ver", "core.version", None),
    ("version", "core.version", None),
    ("who", "ctl.who", Some("[%v] %v: %v %v -> %v %v\\n")),
    ("listen", "ctl.listen", Some("[%v] %v: %v %v\\n")),
    ("dns_mem_info", "dns.mem_info", Some("%v / %v\\n")),
    ("dns_debug", "dns.debug", Some("%v (%v): size=%v ref=%v expire in %v\\n")),
    (
        "dns_debug_all",
        "dns.debug_all",
        Some("%v (%v) [%v]: size=%v ref=%v expire in %v s last used %v s ago\\n"),
    ),
    ("dst_blacklist_mem_info", "dst_blocklist.mem_info", Some("%v / %v\\n")),
    ("dst_blacklist_debug", "dst_blocklist.debug", Some("%v:%v:%v expire:%v flags: %v\\n")),
];

/// What the prompt does itself.
const BUILTINS: [&str; 7] = ["?", "help", "version", "quit", "exit", "warranty", "license"];

/// What the command line asks for.
#[derive(Debug, Default)]
struct Options {
    address: Option<String>,
    reply_folder: Option<PathBuf>,
    format: Option<String>,
    verbose: bool,
    words: Vec<String>,
}

/// What is to be done.
enum Asked {
    Help,
    Version,
    Run(Options),
}

/// Runs kamcmd's command line.
pub(crate) fn main(words: &[String]) -> ExitCode {
    let options = match parse(words) {
        Ok(Asked::Help) => return say(USAGE),
        Ok(Asked::Version) => return say(&format!("version: kamcmd 1.5\n{}\n", version())),
        Ok(Asked::Run(options)) => options,
        Err(error) => return fail(&error),
    };
    let mut session = match Session::open(&options) {
        Ok(session) => session,
        Err(error) => return fail(&error),
    };
    let done = match options.words.split_first() {
        Some((name, arguments)) => {
            let out = &mut std::io::stdout().lock();
            session.command(name, arguments, options.format.as_deref(), out).map(|_| ())
        }
        None => prompt::run(&mut session),
    };
    done.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

fn version() -> String {
    format!("tandem {}", env!("CARGO_PKG_VERSION"))
}

fn say(text: &str) -> ExitCode {
    // Nobody to tell when stdout is closed.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn fail(error: &str) -> ExitCode {
    // Nobody to tell when stderr is closed.
    let _ = writeln!(std::io::stderr(), "ERROR: {error}");
    ExitCode::from(FAILED)
}

/// Reads the options, as getopt does: several letters in a word, an option's value in its word or the next.
fn parse(words: &[String]) -> Result<Asked, String> {
    let mut options = Options::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            options.words.push(word.clone());
            options.words.extend(rest.cloned());
            break;
        };
        let mut at = letters.chars();
        while let Some(letter) = at.next() {
            match letter {
                'h' => return Ok(Asked::Help),
                'V' => return Ok(Asked::Version),
                'v' => options.verbose = true,
                's' | 'R' | 'D' | 'f' => {
                    let value = match at.as_str() {
                        "" => rest.next().cloned(),
                        inside => Some(inside.to_owned()),
                    };
                    let value = value.ok_or_else(|| format!("option -{letter} needs a value"))?;
                    options.set(letter, value);
                    break;
                }
                _ => return Err(format!("unknown option `-{letter}`; kamcmd -h tells those that there are")),
            }
        }
    }
    Ok(Asked::Run(options))
}

impl Options {
    fn set(&mut self, letter: char, value: String) {
        match letter {
            's' => self.address = Some(value),
            'f' => self.format = Some(value),
            'D' => self.reply_folder = Some(value.into()),
            // `-R` names the file of the answers; a name of our own in its folder does the same.
            _ => self.reply_folder = Path::new(&value).parent().map(Path::to_path_buf),
        }
    }

    fn address(&self) -> Result<Address, String> {
        match &self.address {
            Some(text) => Address::parse(text).map_err(|error| error.to_string()),
            None if Path::new(DEFAULT_SOCKET).exists() => Ok(Address::UnixStream(DEFAULT_SOCKET.into())),
            None => ctl::private_socket(None)
                .map(Address::UnixStream)
                .map_err(|error| format!("{DEFAULT_SOCKET} is not there, and {error}")),
        }
    }
}

/// A connection, and how it talks.
struct Session {
    client: Client,
    verbose: bool,
}

impl Session {
    fn open(options: &Options) -> Result<Self, String> {
        let address = options.address()?;
        let folder = options.reply_folder.clone().unwrap_or_else(std::env::temp_dir);
        let client = Client::connect(&address, &folder).map_err(|error| {
            let place =
                address.path().map_or_else(|| format!("{address:?}"), |path| path.display().to_string());
            format!("connect({place}): {error}")
        })?;
        Ok(Self { client, verbose: options.verbose })
    }

    /// Carries out a command and prints what came of it; a refusal is printed too, as kamcmd does.
    ///
    /// # Errors
    /// The server cannot be asked any more.
    fn command(
        &mut self,
        name: &str,
        arguments: &[String],
        format: Option<&str>,
        out: &mut dyn Write,
    ) -> Result<(), String> {
        let alias = ALIASES.iter().find(|(alias, _, _)| *alias == name);
        let (method, alias_format) = alias.map_or((name, None), |(_, method, format)| (*method, *format));
        let builtin = BUILTINS.contains(&method);
        let text = match method {
            "help" | "?" => self.help()?,
            "warranty" | "license" => LICENCE.to_owned(),
            _ if builtin => String::new(),
            _ => {
                let arguments: Vec<Value> = arguments.iter().map(|text| ctl::argument(text)).collect();
                match self.client.call(method, &arguments) {
                    Ok(results) => match format.or(alias_format) {
                        Some(format) => format::formatted(format, &results),
                        None => ctl::plain(&results),
                    },
                    Err(ClientError::Refused { code, reason }) => format!("error: {code} - {reason}\n"),
                    Err(error) => return Err(error.to_string()),
                }
            }
        };
        let end = if self.verbose && !builtin { ".\n" } else { "" };
        // A reader that has gone away has seen enough.
        let _ = out
            .write_all(text.as_bytes())
            .and_then(|()| out.write_all(end.as_bytes()))
            .and_then(|()| out.flush());
        Ok(())
    }

    fn methods(&mut self) -> Result<Vec<String>, String> {
        let results = self.client.call("system.listMethods", &[]).map_err(|error| error.to_string())?;
        Ok(results.iter().map(ctl::scalar).collect())
    }

    fn help(&mut self) -> Result<String, String> {
        let methods = self.methods()?.into_iter().map(|name| format!("{name}\n"));
        let aliases = ALIASES.iter().map(|(name, _, _)| format!("alias: {name}\n"));
        let builtins = BUILTINS.iter().map(|name| format!("builtin: {name}\n"));
        Ok(methods.chain(aliases).chain(builtins).collect())
    }
}

const LICENCE: &str = "\
Tandem is free software under the Apache License 2.0 or the MIT licence, as you like.
It comes without any warranty; the licences tell the terms.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Options {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        match parse(&words) {
            Ok(Asked::Run(options)) => options,
            _ => panic!("{words:?} asks for a run"),
        }
    }

    #[test]
    fn options_are_read_as_getopt_reads_them() {
        let options = read(&["-vs", "tcp:h", "-f%v", "core.echo", "-1", "-v"]);
        assert!(options.verbose);
        assert_eq!(options.address.as_deref(), Some("tcp:h"));
        assert_eq!(options.format.as_deref(), Some("%v"));
        assert_eq!(options.words, ["core.echo", "-1", "-v"]);
        assert!(parse(&["-x".to_owned()]).is_err());
        assert!(parse(&["-s".to_owned()]).is_err());
        assert!(matches!(parse(&["-V".to_owned()]), Ok(Asked::Version)));
    }
}
