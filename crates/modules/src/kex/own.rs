//! Whether an address is this server's.

use engine::module::Flow;
use engine::{Args, Cx};
use sip_message::Uri;

/// The host and port of a URI, of `host:port`, or of a bare host.
fn host_and_port(text: &[u8]) -> Option<(&[u8], Option<u16>)> {
    if let Ok(uri) = Uri::parse(text)
        && uri.is_sip()
    {
        return Some((uri.host, uri.port));
    }
    let bracket = text.iter().rposition(|&byte| byte == b']');
    let after = bracket.map_or(0, |at| at + 1);
    match text[after..].iter().position(|&byte| byte == b':') {
        // More colons and no bracket: an IPv6 address.
        Some(colon) if bracket.is_some() || !text[colon + 1..].contains(&b':') => {
            let port = std::str::from_utf8(&text[after + colon + 1..]).ok()?.parse().ok()?;
            Some((&text[..after + colon], Some(port)))
        }
        _ => (!text.is_empty()).then_some((text, None)),
    }
}

pub(super) fn is_myself(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let own = host_and_port(args.text(0)).is_some_and(|(host, port)| cx.listeners().is_own(host, port, None));
    own.into()
}

pub(super) fn is_myhost(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    host_and_port(args.text(0)).is_some_and(|(host, _)| cx.listeners().is_own(host, None, None)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_from_uris_and_bare() {
        let read = |text: &'static str| {
            host_and_port(text.as_bytes()).map(|(host, port)| (std::str::from_utf8(host).unwrap(), port))
        };
        assert_eq!(read("sip:x@example.com:5070;a=1"), Some(("example.com", Some(5070))));
        assert_eq!(read("sip:example.com"), Some(("example.com", None)));
        assert_eq!(read("127.0.0.1"), Some(("127.0.0.1", None)));
        assert_eq!(read("example.com:5060"), Some(("example.com", Some(5060))));
        assert_eq!(read("2001:db8::1"), Some(("2001:db8::1", None)));
        assert_eq!(read("[2001:db8::1]:5060"), Some(("[2001:db8::1]", Some(5060))));
        assert_eq!(read("example.com:x"), None);
        assert_eq!(read(""), None);
    }
}
