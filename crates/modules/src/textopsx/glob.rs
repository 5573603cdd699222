//! Patterns such as file names have (POSIX.1 §2.13), over bytes.

use engine::module::Flow;
use engine::{Args, Cx};

/// The flag `i` is taken and, as in Kamailio 5.6, changes nothing.
pub(super) fn fnmatch(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    matches(args.text(1), args.text(0)).into()
}

/// Whether the whole text matches. One star is held to at a time, so that the work is at most the product of both
/// lengths.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut rest) = (pattern, text);
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match at {
            [b'*', after @ ..] => {
                retry = Some((after, rest));
                at = after;
                continue;
            }
            [] if rest.is_empty() => return true,
            _ => {}
        }
        let step = rest.split_first().and_then(|(&byte, after)| Some((one(at, byte)?, after)));
        match step.or_else(|| {
            let (pattern, text) = retry?;
            let (_, after) = text.split_first()?;
            retry = Some((pattern, after));
            Some((pattern, after))
        }) {
            Some((next, after)) => (at, rest) = (next, after),
            None => return false,
        }
    }
}

/// What follows the pattern's first element, if that matches a byte.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [b'?', after @ ..] => Some(after),
        [b'\\', literal, after @ ..] => (*literal == byte).then_some(after),
        [b'[', set @ ..] => match bracket(set, byte) {
            Some((holds, after)) => holds.then_some(after),
            // A bracket that does not close stands for itself.
            None => (byte == b'[').then_some(set),
        },
        [literal, after @ ..] => (*literal == byte).then_some(after),
        [] => None,
    }
}

/// Whether a byte is in the set that begins here, and what follows the set; none when it does not close.
fn bracket(set: &[u8], byte: u8) -> Option<(bool, &[u8])> {
    let (negated, mut rest) = match set {
        [b'!' | b'^', after @ ..] => (true, after),
        _ => (false, set),
    };
    let mut holds = false;
    let mut first = true;
    loop {
        rest = match rest {
            [b']', after @ ..] if !first => return Some((holds != negated, after)),
            [b'[', b':', named @ ..] if class_end(named).is_some() => {
                let end = class_end(named)?;
                holds |= is_in_class(&named[..end], byte);
                &named[end + 2..]
            }
            [low, b'-', high, after @ ..] if *high != b']' => {
                holds |= (*low..=*high).contains(&byte);
                after
            }
            [b'\\', literal, after @ ..] => {
                holds |= *literal == byte;
                after
            }
            [literal, after @ ..] => {
                holds |= *literal == byte;
                after
            }
            [] => return None,
        };
        first = false;
    }
}

fn class_end(text: &[u8]) -> Option<usize> {
    text.windows(2).position(|pair| pair == b":]")
}

fn is_in_class(class: &[u8], byte: u8) -> bool {
    match class {
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"alpha" => byte.is_ascii_alphabetic(),
        b"blank" => matches!(byte, b' ' | b'\t'),
        b"cntrl" => byte.is_ascii_control(),
        b"digit" => byte.is_ascii_digit(),
        b"graph" => byte.is_ascii_graphic(),
        b"lower" => byte.is_ascii_lowercase(),
        b"print" => byte.is_ascii_graphic() || byte == b' ',
        b"punct" => byte.is_ascii_punctuation(),
        b"space" => byte.is_ascii_whitespace() || byte == 0x0b,
        b"upper" => byte.is_ascii_uppercase(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, expected) in [
            ("sip:*@?", "sip:alice@x", true),
            ("b*", "abc", false),
            ("a*b", "a/b", true),
            ("*a", ".a", true),
            ("a[[:upper:]]c", "aBc", true),
            ("a[!x-z]c", "abc", true),
            ("a[!x-z]c", "ayc", false),
            ("a\\*c", "a*c", true),
            ("a\\*c", "abc", false),
            ("[x", "[x", true),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3", false),
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
            ("abc", "ABC", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn many_stars_take_little_work() {
        let pattern = b"*a".repeat(50);
        assert!(!matches(&pattern, &b"a".repeat(49)));
    }
}
