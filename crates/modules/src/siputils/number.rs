//! Telephone numbers and plain words.

use engine::{Args, Cx, Flow};
use sip_message::Uri;

use super::Siputils;

/// `+` and digits, three characters or more, at most `longest`.
pub(super) fn is_international(text: &[u8], longest: usize) -> bool {
    (3..=longest).contains(&text.len()) && text[0] == b'+' && text[1..].iter().all(u8::is_ascii_digit)
}

pub(super) fn is_e164(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    is_international(args.text(0), cx.state::<Siputils>().longest_number).into()
}

pub(super) fn is_uri_user_e164(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let longest = cx.state::<Siputils>().longest_number;
    let user = Uri::parse(args.text(0)).ok().and_then(|uri| uri.user);
    user.is_some_and(|user| is_international(user, longest)).into()
}

pub(super) fn is_tel_number(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let text = args.text(0);
    judge(text, -2, |_| is_digits(text.strip_prefix(b"+").unwrap_or(text)))
}

pub(super) fn is_numeric(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    judge(args.text(0), -2, is_digits)
}

pub(super) fn is_alphanum(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    judge(args.text(0), -3, |text| text.iter().all(u8::is_ascii_alphanumeric))
}

pub(super) fn is_alphanumex(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let others = args.text(1);
    judge(args.text(0), -3, |text| {
        text.iter().all(|byte| byte.is_ascii_alphanumeric() || others.contains(byte))
    })
}

fn is_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// No text is -1; another text that does not pass has a code of the function's own, as in Kamailio.
fn judge(text: &[u8], failed: i64, passes: impl Fn(&[u8]) -> bool) -> Flow {
    match text {
        [] => Flow::FALSE,
        _ if passes(text) => Flow::TRUE,
        _ => Flow::Done(failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn international_numbers_begin_with_a_plus_sign() {
        assert!(is_international(b"+49301234", 16));
        assert!(!is_international(b"0301234", 16));
        assert!(!is_international(b"+49-30", 16));
        assert!(!is_international(b"+1", 16));
        assert!(!is_international(b"+1234567890123456", 16));
    }
}
