//! Properties: what is not touched is written as it came, what is printed is read back, work is linear.

use std::sync::Arc;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use proptest::prelude::*;
use sip_message::{
    Class, EditList, Frame, Framer, HeaderId, Index, Limits, Message, NameAddr, Span, Uri, UriBuf, Values,
    conformance, sdp,
};

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.!%*_+`'~-]{1,12}"
}

fn header() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        3 => prop::sample::select(vec!["Via", "v", "From", "To", "CALL-ID", "CSeq", "m", "Content-Length", "l"])
            .prop_map(str::to_owned),
        1 => token(),
    ];
    (name, "[ \t]{0,2}", "[ -~\t]{0,40}", prop_oneof!["\r\n", "\n", "\r\n  folded\r\n", "\n\tx\n"])
        .prop_map(|(name, space, value, end)| format!("{name}{space}:{value}{end}"))
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let start = prop_oneof![
        "[A-Z]{1,8} sip:[a-z]{1,5}@[a-z.]{1,8} SIP/2\\.0",
        "SIP/2\\.0 [1-6][0-9]{2} [A-Za-z ]{0,10}"
    ];
    (start, prop::collection::vec(header(), 0..12), prop::collection::vec(any::<u8>(), 0..60)).prop_map(
        |(start, headers, body)| [format!("{start}\r\n{}\r\n", headers.concat()).into_bytes(), body].concat(),
    )
}

#[derive(Debug, Clone)]
struct Parts {
    scheme: &'static str,
    user: Option<(String, Option<String>)>,
    host: String,
    port: Option<u16>,
    params: Vec<(String, Option<String>)>,
    headers: Vec<(String, String)>,
}

impl Parts {
    fn print(&self) -> String {
        let mut text = format!("{}:", self.scheme);
        if let Some((user, password)) = &self.user {
            text += user;
            text.extend(password.iter().map(|password| format!(":{password}")));
            text.push('@');
        }
        text += &self.host;
        text.extend(self.port.iter().map(|port| format!(":{port}")));
        for (name, value) in &self.params {
            text += &format!(";{name}");
            text.extend(value.iter().map(|value| format!("={value}")));
        }
        for (index, (name, value)) in self.headers.iter().enumerate() {
            text += if index == 0 { "?" } else { "&" };
            text += &format!("{name}={value}");
        }
        text
    }
}

fn parts() -> impl Strategy<Value = Parts> {
    let user = "([a-zA-Z0-9&=+$,;?/_.!~*'()-]|%[0-9A-Fa-f]{2}){1,10}";
    let password = "([a-zA-Z0-9&=+$,_-]|%[0-9a-f]{2}){0,6}";
    let host = prop_oneof![
        "[a-z][a-z0-9]{0,5}(\\.[a-z][a-z0-9]{0,4}){0,2}",
        "192\\.0\\.2\\.[1-9]",
        "\\[2001:db8::[0-9a-f]{1,4}\\]"
    ];
    let word = "[a-zA-Z0-9_.!~*'()/:+$&-]{1,6}";
    (
        prop::sample::select(vec!["sip", "sips", "SIP"]),
        prop::option::of((user, prop::option::of(password))),
        host,
        prop::option::of(any::<u16>()),
        prop::collection::vec((word, prop::option::of(word)), 0..4),
        prop::collection::vec(("[a-zA-Z0-9-]{1,6}", "[a-zA-Z0-9%2.-]{0,0}[a-z]{0,6}"), 0..3),
    )
        .prop_map(|(scheme, user, host, port, params, headers)| Parts {
            scheme,
            user,
            host,
            port,
            params,
            headers,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_untouched_message_is_written_as_it_came(bytes in message()) {
        let message = Message::from_bytes(bytes.clone()).expect("it is a message");
        prop_assert_eq!(EditList::new().to_vec(&message), bytes);
    }

    #[test]
    fn fields_and_their_gaps_make_up_the_header_part(bytes in message()) {
        let message = Message::from_bytes(bytes).expect("it is a message");
        let mut at = message.headers().first().map(|field| field.whole.start);
        for field in message.headers() {
            prop_assert_eq!(Some(field.whole.start), at);
            at = Some(field.whole.end);
        }
        prop_assert!(at.is_none_or(|at| at as usize == message.index().fields_end()));
    }

    #[test]
    fn a_removed_header_is_gone_and_the_rest_stays(bytes in message(), pick in any::<prop::sample::Index>()) {
        let mut message = Message::from_bytes(bytes).expect("it is a message");
        prop_assume!(!message.headers().is_empty());
        let index = pick.index(message.headers().len());
        let kept: Vec<Vec<u8>> = message
            .headers()
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != index)
            .map(|(_, field)| message.bytes(field.whole).to_vec())
            .collect();
        let mut edits = EditList::new();
        edits.delete_header(&message.headers()[index].clone());
        edits.apply(&mut message, &Limits::DEFAULT).expect("it stays a message");
        let now: Vec<Vec<u8>> = message.headers().iter().map(|field| message.bytes(field.whole).to_vec()).collect();
        prop_assert_eq!(now, kept);
    }

    #[test]
    fn a_new_body_has_its_length(bytes in message(), body in prop::collection::vec(any::<u8>(), 0..50)) {
        let mut message = Message::from_bytes(bytes).expect("it is a message");
        let mut edits = EditList::new();
        edits.set_body(&message, &body, Some(b"a/b")).expect("the headers end");
        edits.apply(&mut message, &Limits::DEFAULT).expect("it stays a message");
        prop_assert_eq!(message.body(), &body[..]);
        prop_assert_eq!(message.content_length(), Some(Ok(u32::try_from(body.len()).expect("it is short"))));
    }

    #[test]
    fn the_order_of_edits_does_not_matter(bytes in message(), places in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..8)) {
        let message = Message::from_bytes(bytes.clone()).expect("it is a message");
        // Distinct, non-touching ranges: every other cut of the sorted places.
        let mut cuts: Vec<usize> = places.iter().flat_map(|(a, b)| [a.index(bytes.len()), b.index(bytes.len())]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let ranges: Vec<(usize, usize)> = cuts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        let write = |ranges: &mut dyn Iterator<Item = &(usize, usize)>| {
            let mut edits = EditList::new();
            ranges.for_each(|&(start, end)| edits.replace(Span::new(start, end), format!("<{start}>").as_bytes()));
            edits.to_vec(&message)
        };
        prop_assert_eq!(write(&mut ranges.iter()), write(&mut ranges.iter().rev()));
    }

    #[test]
    fn a_printed_uri_is_read_back(parts in parts()) {
        let text = parts.print();
        let uri = Uri::parse(text.as_bytes()).expect("it is a URI");
        let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("it is text");
        let user = uri.user.map(|user| (utf8(user), uri.password.map(utf8)));
        prop_assert_eq!(user, parts.user.clone());
        prop_assert_eq!(utf8(uri.host), parts.host.clone());
        prop_assert_eq!(uri.port, parts.port);
        let params: Vec<_> = uri.params().map(|param| (utf8(param.name), param.value.map(utf8))).collect();
        prop_assert_eq!(params, parts.params.clone());
        let headers: Vec<_> = uri.headers().map(|(name, value)| (utf8(name), utf8(value))).collect();
        prop_assert_eq!(headers, parts.headers.clone());
        prop_assert!(uri.matches(&uri));
        let rebuilt = rebuilt(&parts);
        prop_assert_eq!(utf8(rebuilt.as_bytes()), text);
    }

    #[test]
    fn a_name_and_uri_are_read_back(parts in parts(), display in "[ -~]{0,12}", tag in token()) {
        let quoted = format!("\"{}\"", display.replace('\\', "\\\\").replace('"', "\\\""));
        let text = format!("{quoted} <{}>;tag={tag}", parts.print());
        let addr = NameAddr::parse(text.as_bytes()).expect("it is an address");
        prop_assert_eq!(addr.display_unquoted().into_owned(), display.into_bytes());
        prop_assert_eq!(addr.uri_text.to_vec(), parts.print().into_bytes());
        prop_assert_eq!(addr.tag(), Some(tag.as_bytes()));
    }

    #[test]
    fn any_bytes_are_safe(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Index::new().scan(&bytes);
        let _ = Uri::parse(&bytes);
        let _ = NameAddr::parse(&bytes);
        let _ = Framer::default().next(&bytes);
        let _ = sdp::Sdp::parse(&bytes).map(|session| session.is_hold());
    }
}

/// The same URI made part by part.
fn rebuilt(parts: &Parts) -> UriBuf {
    let mut buf = UriBuf::new(format!("{}:x", parts.scheme));
    let good = "it stays a URI";
    buf.set_host(parts.host.as_bytes()).expect(good);
    buf.set_port(parts.port).expect(good);
    if let Some((user, password)) = &parts.user {
        buf.set_user(Some(user.as_bytes())).expect(good);
        buf.set_password(password.as_ref().map(String::as_bytes)).expect(good);
    }
    // Parameters may repeat in the parts, so they are added as text.
    let text = parts.print();
    let tail = text.find([';', '?']).filter(|_| parts.user.is_none());
    let tail =
        tail.or_else(|| text.find('@').and_then(|at| text[at..].find([';', '?']).map(|tail| at + tail)));
    let head = String::from_utf8(buf.into_bytes()).expect("it is text");
    UriBuf::new(head + tail.map_or("", |tail| &text[tail..]))
}

/// The processor time that `work` takes at its fastest of a few runs: other processes do not count.
fn fastest(mut work: impl FnMut()) -> Duration {
    let now =
        || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux has this clock"));
    let run = |work: &mut dyn FnMut()| {
        let start = now();
        work();
        now() - start
    };
    (0..5).map(|_| run(&mut work)).min().unwrap_or_default()
}

/// Sixteen times the input may take sixteen times as long, not 256 times; the bound lies between.
fn is_linear(name: &str, work: impl Fn(&[u8]), input: impl Fn(usize) -> Vec<u8>) {
    let (small, large) = (input(2_000), input(32_000));
    let base = fastest(|| work(&small)).max(Duration::from_micros(20));
    let grown = fastest(|| work(&large));
    assert!(grown < base * 80, "{name}: {base:?} for {} bytes, {grown:?} for {}", small.len(), large.len());
}

fn head(rest: &str) -> Vec<u8> {
    format!("INVITE sip:a SIP/2.0\r\n{rest}\r\n\r\n").into_bytes()
}

#[test]
fn hostile_messages_take_linear_time() {
    let roomy = Limits { message_size: 1 << 20, header_count: 1 << 20, header_size: 1 << 20 };
    let work = |bytes: &[u8]| {
        let Ok(message) = Message::parse_limited(Arc::new(bytes.to_vec()), &roomy) else { return };
        let _ =
            (message.via_values().count(), message.contact_values().count(), message.route_values().count());
        let _ = conformance::verdict(&message);
        let mut edits = EditList::new();
        message.headers().iter().for_each(|field| edits.delete_header(field));
        edits.append_header(&message, b"X: 1\r\n");
        let _ = edits.to_vec(&message);
        let _ = message.header_named(b"X").count();
    };
    for (name, unit) in [
        ("short lines", "a:\r\n"),
        ("folds", "\r\n x"),
        ("commas", ","),
        ("semicolons", ";"),
        ("quotes", "\""),
        ("backslashes", "\\"),
        ("open brackets", "<"),
        ("addresses", "<sip:a@b>,"),
        ("vias", "SIP/2.0/UDP h;branch=x,"),
        ("contacts", "m: <sip:a@b>\r\n"),
    ] {
        for prefix in ["", "m: ", "v: SIP/2.0/UDP h;", "t: \""] {
            is_linear(&format!("{prefix:?} {name}"), work, |size| {
                head(&format!("{prefix}{}", unit.repeat(size / unit.len())))
            });
        }
    }
}

#[test]
fn hostile_lists_and_uris_take_linear_time() {
    for unit in [",", "\"", "<", "a=b;", ";x;", "%41", "@", "\\\"", "?a=b&"] {
        let input = |size: usize| format!("sip:a@b;{}", unit.repeat(size / unit.len())).into_bytes();
        is_linear(
            &format!("values {unit:?}"),
            |text| assert!(Values::new(text).count() <= text.len()),
            input,
        );
        is_linear(
            &format!("uri {unit:?}"),
            |text| {
                let Ok(uri) = Uri::parse(text) else { return };
                let _ = (uri.matches(&uri), uri.params().count(), uri.headers().count());
            },
            input,
        );
    }
}

#[test]
fn a_stream_in_single_bytes_takes_linear_time() {
    let feed = |text: &[u8]| {
        let limits = Limits { message_size: 1 << 20, header_count: 1 << 20, header_size: 1 << 20 };
        let mut framer = Framer::new(limits, sip_message::MissingLength::NoBody);
        (1..=text.len())
            .for_each(|end| assert!(matches!(framer.next(&text[..end]), Ok(Frame::Incomplete { .. }))));
    };
    is_linear("lines", feed, |size| "abc: def\r\n".repeat(size / 10).into_bytes());
    is_linear("one line", feed, |size| "a".repeat(size).into_bytes());
}

#[test]
fn many_edits_at_one_place_keep_their_order() {
    let message = Message::from_bytes(head("To: x")).expect("a message");
    let mut edits = EditList::new();
    let at = message.index().fields_end();
    (0..100).for_each(|turn| edits.insert(at, Class::Text, format!("N: {turn}\r\n").as_bytes()));
    let written = Message::from_bytes(edits.to_vec(&message)).expect("a message");
    let numbers: Vec<_> = written
        .headers()
        .iter()
        .filter(|field| field.id != HeaderId::To)
        .map(|field| written.bytes(field.value).to_vec())
        .collect();
    assert_eq!(numbers, (0..100).map(|turn| turn.to_string().into_bytes()).collect::<Vec<_>>());
}
