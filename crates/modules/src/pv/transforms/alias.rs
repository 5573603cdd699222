//! `{urialias.encode}` and `{urialias.decode}`: an address as `;alias=` carries it, `ip~port~proto`.

use cfg_vm::catalogue::TransformArgs;
use cfg_vm::{Str, Value};
use transport::Proto;

use super::text;
use crate::pv::uri as parts;

pub(super) fn encode(input: &Value, _: &TransformArgs<'_>) -> Value {
    let Value::Str(raw) = input else { return Value::Null };
    let Some(uri) = parts::parse(raw) else { return text(None) };
    let proto = uri.transport().and_then(Proto::from_bytes).unwrap_or(Proto::Udp);
    let port = uri.port.unwrap_or(if proto == Proto::Tls { 5061 } else { 5060 });
    let (port, number) = (Str::decimal(port.into()), Str::decimal(proto.number().into()));
    Value::Str([uri.host, b"~", port.as_bytes(), b"~", number.as_bytes()].concat().into())
}

/// UDP is not said; a web socket's transport is `ws` with and without TLS (RFC 7118 §5.2.2).
pub(super) fn decode(input: &Value, _: &TransformArgs<'_>) -> Value {
    let Value::Str(raw) = input else { return Value::Null };
    let mut parts = raw.split(|&byte| byte == b'~');
    let (Some(host), Some(port), Some([digit @ b'1'..=b'6']), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return text(None);
    };
    let mut uri = [b"sip:", host, b":", port].concat();
    let proto = match Proto::from_number(digit - b'0') {
        None | Some(Proto::Udp) => None,
        Some(Proto::Wss) => Some(Proto::Ws),
        proto => proto,
    };
    if let Some(proto) = proto {
        uri.extend_from_slice(b";transport=");
        uri.extend_from_slice(proto.name().as_bytes());
    }
    Value::Str(uri.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(transform: fn(&Value, &TransformArgs<'_>) -> Value, input: &str) -> String {
        let args = TransformArgs { values: &[], parsed: None };
        transform(&Value::Str(input.into()), &args).to_str().to_lossy().into_owned()
    }

    #[test]
    fn an_address_there_and_back() {
        for (uri, alias, back) in [
            ("sip:ex.com:5070;transport=tcp", "ex.com~5070~2", "sip:ex.com:5070;transport=tcp"),
            ("sip:1.2.3.4", "1.2.3.4~5060~1", "sip:1.2.3.4:5060"),
            ("sip:[2001:db8::1]:5062;transport=udp", "[2001:db8::1]~5062~1", "sip:[2001:db8::1]:5062"),
            ("sips:1.2.3.4;transport=tls", "1.2.3.4~5061~3", "sip:1.2.3.4:5061;transport=tls"),
            ("tel:+1", "~5060~1", "sip::5060"),
        ] {
            assert_eq!(run(encode, uri), alias);
            assert_eq!(run(decode, alias), back);
        }
        assert_eq!(run(encode, "notauri"), "");
        assert_eq!(run(decode, "a~1~6"), "sip:a:1;transport=ws");
        for wrong in ["", "1.2.3.4", "1.2.3.4~5060", "1.2.3.4~5060~9", "a~1~1~1"] {
            assert_eq!(run(decode, wrong), "", "{wrong}");
        }
    }
}
