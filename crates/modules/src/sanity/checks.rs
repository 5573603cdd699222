//! The checks, one function each, in the order of their bits.

use cfg_vm::Str;
use sip_message::{Credentials, HeaderId, Message, NameAddr, Scheme, Uri, conformance};

use super::Sanity;
use super::fault::Fault;

type Check = Result<(), Fault>;

/// Runs the checks whose bits are set, and stops at the first that fails.
pub(super) fn run(message: &Message, sanity: &Sanity, checks: i64, uris: i64) -> Check {
    is_readable(message)?;
    let is_request = message.is_request();
    let wanted = |bit: i64| checks & bit != 0;
    let of_request = |bit: i64| is_request && wanted(bit);
    if of_request(1) {
        version(message)?;
    }
    if of_request(2) {
        scheme(message)?;
    }
    if wanted(4) {
        required_headers(message)?;
    }
    if wanted(8) {
        via_version(message)?;
    }
    // 16, the topmost Via's transport: one that is unknown does not get this far, and any known one passes.
    if of_request(32) {
        cseq_method(message)?;
    }
    if wanted(64) {
        cseq_number(message)?;
    }
    if wanted(128) {
        content_length(message)?;
    }
    if of_request(256) {
        expires(message)?;
    }
    if of_request(512) {
        proxy_require(message, &sanity.proxy_require)?;
    }
    if wanted(1024) {
        parsed_uris(message, uris)?;
    }
    if of_request(2048) {
        digest(message)?;
    }
    if wanted(4096) {
        duplicate_tags(message)?;
    }
    // 8192 and 16384, Authorization and the first Via: Kamailio passes whatever an index can hold.
    if wanted(32_768) {
        rules_of_rfc3261(message)?;
    }
    if wanted(65_536) {
        sanity.sizes.check(message)?;
    }
    Ok(())
}

fn fault(code: u16, reason: &'static str) -> Check {
    Err(Fault::reply_of(code, reason))
}

/// A line that Kamailio cannot read as a header: no reply can be made then.
fn is_readable(message: &Message) -> Check {
    match engine::is_readable(message) {
        true => Ok(()),
        false => Err(Fault::Silent("the headers cannot be read")),
    }
}

fn version(message: &Message) -> Check {
    match message.version().eq_ignore_ascii_case(b"SIP/2.0") {
        true => Ok(()),
        false => fault(505, "Version Not Supported (R-URI)"),
    }
}

fn scheme(message: &Message) -> Check {
    match message.uri() {
        Ok(uri) if uri.scheme != Scheme::Other => Ok(()),
        _ => fault(400, "Bad Request URI"),
    }
}

fn required_headers(message: &Message) -> Check {
    const REQUIRED: [HeaderId; 5] =
        [HeaderId::To, HeaderId::From, HeaderId::CSeq, HeaderId::CallId, HeaderId::Via];
    match REQUIRED.iter().all(|id| message.index().has(*id)) {
        true => Ok(()),
        false => fault(400, "Missing Required Header in Request"),
    }
}

fn via_version(message: &Message) -> Check {
    let is_sip =
        |via: sip_message::Via<'_>| via.protocol.eq_ignore_ascii_case(b"SIP") && via.version == b"2.0";
    match message.top_via().is_ok_and(is_sip) {
        true => Ok(()),
        false => fault(505, "Version Not Supported (Via)"),
    }
}

/// Number and method as they stand in CSeq, whatever they are.
fn cseq(message: &Message) -> (&[u8], &[u8]) {
    let value = message.value(HeaderId::CSeq).unwrap_or_default();
    let end = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
    (&value[..end], value[end..].trim_ascii())
}

fn cseq_method(message: &Message) -> Check {
    match cseq(message).1 == message.method_text() {
        true => Ok(()),
        false => fault(400, "CSeq method does not match request method"),
    }
}

fn cseq_number(message: &Message) -> Check {
    match is_number(cseq(message).0) {
        true => Ok(()),
        false => fault(400, "CSeq number is illegal"),
    }
}

/// At most ten digits, as Kamailio takes them (2³² passes).
fn is_number(text: &[u8]) -> bool {
    (1..=10).contains(&text.len()) && text.iter().all(u8::is_ascii_digit)
}

fn content_length(message: &Message) -> Check {
    let Some(Ok(length)) = message.content_length() else { return Ok(()) };
    if !message.index().is_terminated() {
        return fault(400, "Content-Length Body Failure");
    }
    match length as usize == message.body().len() {
        true => Ok(()),
        false => fault(400, "Content-Length mis-match"),
    }
}

fn expires(message: &Message) -> Check {
    match message.value(HeaderId::Expires) {
        None => Ok(()),
        Some(b"") => fault(400, "Bad Expires Header"),
        Some(text) if is_number(text) => Ok(()),
        Some(_) => fault(400, "Expires value is illegal"),
    }
}

/// RFC 3261 §16.3 step 5. As in Kamailio, the reply names the first extension that is not known.
fn proxy_require(message: &Message, known: &[Vec<u8>]) -> Check {
    if !message.index().has(HeaderId::ProxyRequire) {
        return Ok(());
    }
    let mut tags = message.option_tags(HeaderId::ProxyRequire).peekable();
    if tags.peek().is_none() {
        return fault(400, "Bad Proxy Require Header");
    }
    match tags.find(|tag| !known.iter().any(|known| known.eq_ignore_ascii_case(tag))) {
        None => Ok(()),
        Some(tag) => Err(Fault::Reply {
            code: 420,
            reason: "Bad Proxy Require Extension",
            unsupported: Some(Str::copy(tag)),
        }),
    }
}

/// The words, one mistake included, are Kamailio's: scripts may look for them.
fn parsed_uris(message: &Message, uris: i64) -> Check {
    if uris & 1 != 0 && message.request_uri().is_some_and(|uri| !is_uri(uri)) {
        return fault(400, "Bad Request URI");
    }
    if uris & 2 != 0 && !message.from().is_ok_and(|from| is_uri(from.uri_text)) {
        return fault(400, "Invalid From Header");
    }
    if uris & 4 != 0 && !message.to().is_ok_and(|to| is_uri(to.uri_text)) {
        return fault(400, "Ivalid To Header");
    }
    let is_contact = |contact: NameAddr<'_>| contact.is_star() || is_uri(contact.uri_text);
    if uris & 8 != 0 && !message.contact_values().all(|value| message.name_addr(value).is_ok_and(is_contact))
    {
        return fault(400, "Bad Contact URI");
    }
    Ok(())
}

fn is_uri(text: &[u8]) -> bool {
    Uri::parse(text).is_ok_and(|uri| uri.scheme != Scheme::Other)
}

fn digest(message: &Message) -> Check {
    for id in [HeaderId::Authorization, HeaderId::ProxyAuthorization] {
        for field in message.index().all(id) {
            let digest = Credentials::parse(message.bytes(field.value)).ok().filter(Credentials::is_digest);
            let Some(digest) = digest.filter(|digest| !digest.params_text.is_empty()) else {
                return Err(Fault::Silent("credentials are no digest"));
            };
            let required: [&[u8]; 5] = [b"username", b"realm", b"nonce", b"uri", b"response"];
            if !required.iter().all(|name| digest.raw_param(name).is_some()) {
                return fault(400, "Bad Auth Credentials");
            }
        }
    }
    Ok(())
}

fn duplicate_tags(message: &Message) -> Check {
    let twice = |addr: NameAddr<'_>| {
        addr.params().filter(|param| param.name.eq_ignore_ascii_case(b"tag")).nth(1).is_some()
    };
    if message.from().is_ok_and(twice) {
        return fault(400, "Many From Tag Params");
    }
    if message.to().is_ok_and(twice) {
        return fault(400, "Many To Tag Params");
    }
    Ok(())
}

fn rules_of_rfc3261(message: &Message) -> Check {
    match conformance::verdict(message).is_empty() {
        true => Ok(()),
        false => fault(400, "Bad Request"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(lines: &str) -> Message {
        let text = format!("OPTIONS sip:b@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n{lines}\r\n");
        Message::from_bytes(text).expect("a message")
    }

    fn told(check: Check) -> String {
        check.map_or_else(|fault| fault.to_string(), |()| "passes".to_owned())
    }

    #[test]
    fn cseq_numbers_have_at_most_ten_digits() {
        let check = |value: &str| told(cseq_number(&message(&format!("CSeq: {value} OPTIONS\r\n"))));
        assert_eq!(check("4294967296"), "passes");
        assert_eq!(check("0009"), "passes");
        assert_eq!(check("36893488147419103232"), "400 CSeq number is illegal");
        assert_eq!(check("-1"), "400 CSeq number is illegal");
        assert_eq!(
            told(cseq_method(&message("CSeq: 1 INVITE\r\n"))),
            "400 CSeq method does not match request method"
        );
    }

    #[test]
    fn the_first_unknown_extension_is_named() {
        let known = [b"known".to_vec()];
        let check = |value: &str| proxy_require(&message(&format!("Proxy-Require: {value}\r\n")), &known);
        assert_eq!(told(check("known")), "passes");
        assert_eq!(told(check("")), "400 Bad Proxy Require Header");
        let Err(Fault::Reply { unsupported, .. }) = check("KNOWN, x ,y") else { panic!("x is not known") };
        assert_eq!(unsupported.as_deref(), Some(&b"x"[..]));
    }

    #[test]
    fn uris_are_looked_at_by_their_bits() {
        let message = message("From: <nonsense>\r\nTo: <sip:>\r\nContact: <sip:a@b>, <bad>\r\n");
        assert_eq!(told(parsed_uris(&message, 15)), "400 Invalid From Header");
        assert_eq!(told(parsed_uris(&message, 4)), "400 Ivalid To Header");
        assert_eq!(told(parsed_uris(&message, 8)), "400 Bad Contact URI");
        assert_eq!(told(parsed_uris(&message, 1)), "passes");
    }

    #[test]
    fn credentials_without_digest_fail_without_a_reply() {
        let check = |value: &str| digest(&message(&format!("Authorization: {value}\r\n")));
        assert!(matches!(check("Nonsense"), Err(Fault::Silent(_))));
        assert!(matches!(check("Digest"), Err(Fault::Silent(_))));
        assert_eq!(told(check("Digest username=\"a\"")), "400 Bad Auth Credentials");
        let whole = "Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"00\"";
        assert_eq!(told(check(whole)), "passes");
    }
}
