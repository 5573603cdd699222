//! What Kamailio calls a statement in its trace: a number and a word.

use std::borrow::Cow;

/// A statement as the trace shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Action<'a> {
    /// Kamailio's number of the kind of action.
    pub(super) number: u32,
    /// Kamailio's word for it.
    pub(super) word: Cow<'a, str>,
}

/// The language and the core's functions: name in the script, number, word.
const CORE: [(&str, u32, &str); 46] = [
    ("assign", 63, "assign"),
    ("if", 16, "if"),
    ("while", 23, "while"),
    ("switch", 21, "switch"),
    ("break", 2, "exit"),
    ("return", 2, "return"),
    ("exit", 2, "exit"),
    ("drop", 2, "drop"),
    ("route", 5, "route"),
    ("forward", 1, "forward"),
    ("log", 3, "log"),
    ("rewritehost", 7, "sethost"),
    ("sethost", 7, "sethost"),
    ("seth", 7, "sethost"),
    ("rewritehostport", 8, "sethostport"),
    ("sethostport", 8, "sethostport"),
    ("sethp", 8, "sethostport"),
    ("rewriteuser", 9, "setuser"),
    ("setuser", 9, "setuser"),
    ("setu", 9, "setuser"),
    ("rewriteport", 11, "setport"),
    ("setport", 11, "setport"),
    ("setp", 11, "setport"),
    ("rewriteuri", 12, "seturi"),
    ("seturi", 12, "seturi"),
    ("userphone", 15, "setuserphone"),
    ("setflag", 39, "setflag"),
    ("resetflag", 40, "resetflag"),
    ("isflagset", 41, "isflagset"),
    ("prefix", 44, "prefix"),
    ("strip", 45, "strip"),
    ("strip_tail", 46, "striptail"),
    ("remove_branch", 48, "unknown"),
    ("clear_branches", 49, "unknown"),
    ("revert_uri", 50, "reverturi"),
    ("force_rport", 55, "force_rport"),
    ("add_rport", 55, "force_rport"),
    ("add_local_rport", 56, "add_local_rport"),
    ("set_advertised_address", 57, "set_adv_addr"),
    ("set_advertised_port", 58, "set_adv_port"),
    ("force_send_socket", 62, "force_send_socket"),
    ("udp_mtu_try_proto", 65, "udp_mtu_try_proto"),
    ("set_forward_no_connect", 66, "set_fwd_no_connect"),
    ("set_reply_no_connect", 67, "set_rpl_no_connect"),
    ("set_forward_close", 68, "set_fwd_close"),
    ("set_reply_close", 69, "set_rpl_close"),
];

/// The number of a module's function without arguments; one more for each argument.
const FUNCTION: u32 = 24;

/// A statement by the machine's word for it and its text.
pub(super) fn of<'a>(what: &'a str, text: &[u8]) -> Action<'a> {
    match CORE.iter().find(|(name, _, _)| *name == what) {
        Some((_, number, word)) => Action { number: *number, word: Cow::Borrowed(word) },
        None => Action { number: FUNCTION + arguments(text), word: Cow::Borrowed(what) },
    }
}

/// How many arguments a call has, by its text.
fn arguments(text: &[u8]) -> u32 {
    let Some(open) = text.iter().position(|&byte| byte == b'(') else { return 0 };
    let (mut depth, mut commas, mut quote, mut empty) = (0u32, 0, None, true);
    let mut bytes = text[open + 1..].iter();
    while let Some(&byte) = bytes.next() {
        let is_end = quote.is_none() && depth == 0 && byte == b')';
        if is_end {
            break;
        }
        empty &= byte.is_ascii_whitespace();
        match (quote, byte) {
            (Some(_), b'\\') => {
                bytes.next();
            }
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'(' | b'{' | b'[') => depth += 1,
            (None, b')' | b'}' | b']') => depth = depth.saturating_sub(1),
            (None, b',') if depth == 0 => commas += 1,
            (None, _) => {}
        }
    }
    if empty { 0 } else { commas + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_counted() {
        for (text, expected) in [
            ("f()", 0),
            ("f( )", 0),
            ("f", 0),
            (r#"f("a,b")"#, 1),
            (r#"f("a\",b", 2)"#, 2),
            ("f($(ru{s.substr,0,1}), 2)", 2),
            (r#"f("a", "b", "c"); g(1)"#, 3),
        ] {
            assert_eq!(arguments(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn words_are_kamailio_s() {
        let shown = |what, text: &str| {
            let action = of(what, text.as_bytes());
            (action.number, action.word.into_owned())
        };
        assert_eq!(shown("assign", "$var(x) = 1"), (63, "assign".into()));
        assert_eq!(shown("strip_tail", "strip_tail(1)"), (46, "striptail".into()));
        assert_eq!(shown("sl_send_reply", r#"sl_send_reply("200", "OK")"#), (26, "sl_send_reply".into()));
    }
}
