//! The Contact of a 3xx reply: where else to try (RFC 3261 §8.1.3.4).

use engine::Context;

/// Branch flags as a parameter.
const FLAGS: i64 = 1;
/// Path as a Route in the URI's headers.
const PATH: i64 = 2;

/// Appends `Contact: …` made of the changed request URI and the branches; nothing where there is neither.
pub(crate) fn write_contact(context: &Context, rich: i64, out: &mut Vec<u8>) {
    let start = out.len();
    if let Some(uri) = &context.destination.uri {
        let path = context.destination.path.as_deref();
        write_value(uri, path, context.destination.q, context.flags.branch, rich, out);
    }
    for branch in &context.branches {
        if out.len() > start {
            out.extend_from_slice(b", ");
        }
        write_value(&branch.uri, branch.path.as_deref(), branch.q, branch.flags, rich, out);
    }
    if out.len() > start {
        out.splice(start..start, *b"Contact: ");
        out.extend_from_slice(b"\r\n");
    }
}

fn write_value(uri: &[u8], path: Option<&[u8]>, q: Option<u16>, flags: u32, rich: i64, out: &mut Vec<u8>) {
    use std::io::Write as _;
    out.push(b'<');
    out.extend_from_slice(uri);
    if let Some(path) = path.filter(|path| rich & PATH != 0 && !path.is_empty()) {
        out.extend_from_slice(if uri.contains(&b'?') { b"&Route=" } else { b"?Route=" });
        for &byte in path {
            if byte.is_ascii_alphanumeric() || b"-_.!~*'()[]/?:+$".contains(&byte) {
                out.push(byte);
            } else {
                // A Vec takes everything.
                let _ = write!(out, "%{byte:02x}");
            }
        }
    }
    out.push(b'>');
    if let Some(q) = q {
        write_q(q, out);
    }
    if rich & FLAGS != 0 && flags != 0 {
        let _ = write!(out, ";flags={flags}");
    }
}

/// `;q=0.5`: thousandths without the zeros at their end.
fn write_q(q: u16, out: &mut Vec<u8>) {
    use std::io::Write as _;
    if q >= 1000 {
        out.extend_from_slice(b";q=1");
    } else if q == 0 {
        out.extend_from_slice(b";q=0");
    } else {
        let start = out.len();
        // A Vec takes everything.
        let _ = write!(out, ";q=0.{q:03}");
        let zeros = out[start..].iter().rev().take_while(|&&byte| byte == b'0').count();
        out.truncate(out.len() - zeros);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_values_lose_their_zeros() {
        let written = |q| {
            let mut out = Vec::new();
            write_q(q, &mut out);
            String::from_utf8(out).expect("ASCII")
        };
        assert_eq!(
            [0, 5, 50, 500, 750, 1000].map(written),
            [";q=0", ";q=0.005", ";q=0.05", ";q=0.5", ";q=0.75", ";q=1"]
        );
    }

    #[test]
    fn a_path_becomes_an_escaped_route() {
        let mut out = Vec::new();
        write_value(b"sip:a@b", Some(b"<sip:p;lr>"), Some(500), 8, FLAGS | PATH, &mut out);
        assert_eq!(out, b"<sip:a@b?Route=%3csip:p%3blr%3e>;q=0.5;flags=8");
        out.clear();
        write_value(b"sip:a@b", Some(b"<sip:p;lr>"), None, 8, 0, &mut out);
        assert_eq!(out, b"<sip:a@b>");
    }
}
