//! `$C(xy)`: a terminal's colours, foreground and background (ECMA-48's SGR).

/// Letters of the colours, each at its number: black, red, green, yellow, blue, purple, cyan, white.
const LETTERS: &[u8; 8] = b"srgybpcw";
/// SGR's "default colour".
const DEFAULT: u8 = 9;

/// A foreground and a background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Color {
    bold: bool,
    foreground: u8,
    background: u8,
}

impl Color {
    /// Reads two letters, `rx`: an upper-case foreground is bold, `x` is the default.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        if let [foreground, background] = text
            && let (Some(number), Some(behind)) =
                (number(foreground.to_ascii_lowercase()), number(*background))
            && *foreground != b'X'
        {
            return Ok(Self {
                bold: foreground.is_ascii_uppercase(),
                foreground: number,
                background: behind,
            });
        }
        Err(format!(
            "\"{}\" is no colour: two letters of x s r g y b p c w are expected, foreground and background",
            text.escape_ascii()
        ))
    }

    /// The escape sequence that switches to it.
    pub(super) fn escape(self) -> Vec<u8> {
        format!("\x1b[{};3{};4{}m", u8::from(self.bold), self.foreground, self.background).into_bytes()
    }
}

fn number(letter: u8) -> Option<u8> {
    if letter == b'x' {
        return Some(DEFAULT);
    }
    LETTERS.iter().position(|&known| known == letter).map(|at| at as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_letters_are_a_foreground_and_a_background() {
        let escape = |text: &[u8]| Color::parse(text).unwrap().escape();
        assert_eq!(escape(b"xx"), b"\x1b[0;39;49m");
        assert_eq!(escape(b"rx"), b"\x1b[0;31;49m");
        assert_eq!(escape(b"Sx"), b"\x1b[1;30;49m");
        assert_eq!(escape(b"gb"), b"\x1b[0;32;44m");
    }

    #[test]
    fn other_letters_are_no_colours() {
        for text in ["", "r", "rxx", "Xx", "xX", "xS", "zx"] {
            assert!(Color::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
