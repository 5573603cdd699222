//! The prompt: a command a line, until `quit`, `exit` or the end of the input.

use std::io::{BufRead, Write};

use super::{Session, version};

/// Runs it.
///
/// # Errors
/// The server cannot be asked any more.
pub(super) fn run(session: &mut Session) -> Result<(), String> {
    let out = &mut std::io::stdout();
    // Nobody to tell when stdout is closed; the input's end then ends the prompt.
    let _ = writeln!(out, "kamcmd 1.5\n{}\nFor details type `warranty'.", version());
    let mut lines = std::io::stdin().lock();
    loop {
        let _ = write!(out, "kamcmd> ").and_then(|()| out.flush());
        let mut line = String::new();
        if lines.read_line(&mut line).map_err(|error| error.to_string())? == 0 {
            let _ = writeln!(out);
            return Ok(());
        }
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match words.split_first() {
            None => {}
            Some((name, _)) if name == "quit" || name == "exit" => return Ok(()),
            Some((name, arguments)) => session.command(name, arguments, None, out)?,
        }
    }
}
