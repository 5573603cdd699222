use super::*;
use crate::Value;

fn structure(members: &[(&str, Value)]) -> Value {
    Value::Struct(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

/// Recorded from Kamailio 5.6.3.
#[test]
fn packets_are_those_of_kamailio() {
    assert_eq!(request(&[0x12, 0x34], "core.uptime", &[]), b"\xa1\x01\x0e\x12\x34\x91\x0ccore.uptime\0");
    assert_eq!(
        fault(b"\x12", 500, "command no.such not found"),
        b"\xa1\x30\x1f\x12\x20\x01\xf4\x91\x1acommand no.such not found\0"
    );
    assert_eq!(reply(b"\x12", &[Value::Int(300)]), b"\xa1\x10\x03\x12\x20\x01,");
    assert_eq!(reply(b"\x12", &[Value::Int(-1)]), b"\xa1\x10\x05\x12@\xff\xff\xff\xff");
    assert_eq!(reply(b"\x12", &[Value::Int(70_000)]), b"\xa1\x10\x04\x12\x30\x01\x11p");
    assert_eq!(reply(b"\x12", &[]), b"\xa1\x10\x00\x12");
    let custom = structure(&[("one", Value::Int(3)), ("two", "text".into())]);
    assert_eq!(reply(b"\x12", &[custom]), b"\xa1\x10\x14\x12\x03Eone\0\x10\x03Etwo\0Qtext\0\x83");
    let slot = Value::List(vec![structure(&[("name", "k".into())])]);
    assert_eq!(
        reply(b"\x12", &[structure(&[("entry", Value::Int(102)), ("slot", slot)])]),
        b"\xa1\x10\x1e\x12\x03eentry\0\x10fUslot\0\x03\x03Uname\0!k\0\x83\x83\x83"
    );
}

#[test]
fn a_list_alone_is_its_values_in_a_row() {
    let list = Value::List(vec!["a".into(), Value::Int(0)]);
    assert_eq!(reply(b"\x12", &[list]), b"\xa1\x10\x04\x12!a\0\0");
}

#[test]
fn what_is_written_is_read_again() {
    let all = [
        Value::Int(0),
        Value::Int(i64::from(i32::MAX)),
        Value::Int(i64::from(i32::MIN)),
        Value::Double(2.5),
        Value::Str(String::new()),
        Value::Str("x".repeat(70_000)),
        structure(&[("a", Value::Int(1)), ("a", structure(&[("b", "c".into())]))]),
        structure(&[("list", Value::List(vec![Value::Int(1), "two".into()]))]),
    ];
    let packet = reply(b"\x01\x02\x03\x04", &all);
    let head = header(&packet).unwrap().unwrap();
    assert_eq!((head.kind, head.cookie.as_slice()), (Kind::Reply, &b"\x01\x02\x03\x04"[..]));
    assert_eq!(head.length + head.body, packet.len());
    assert_eq!(values(&packet[head.length..]).unwrap(), all);
}

#[test]
fn numbers_beyond_32_bits_are_sent_as_text_and_taken_as_numbers() {
    assert_eq!(reply(b"\x12", &[Value::Int(3_000_000_000)]), reply(b"\x12", &["3000000000".into()]));
    assert_eq!(values(b"\x50\x01\x00\x00\x00\x00"), Ok(vec![Value::Int(1 << 32)]));
    assert_eq!(values(b"\x40\xff\xff\xff\xfe"), Ok(vec![Value::Int(-2)]));
}

#[test]
fn a_header_waits_for_its_last_byte() {
    let packet = request(b"\x12\x34", "core.echo", &[]);
    for end in 0..5 {
        assert_eq!(header(&packet[..end]), Ok(None), "{end}");
    }
    assert_eq!(header(b"garbage"), Err(Malformed::Packet));
    assert_eq!(header(b"\xa1\x20\x00\x00"), Err(Malformed::Packet));
}

#[test]
fn bodies_that_are_none_are_refused() {
    assert_eq!(values(b"\x91\x05ab\0"), Err(Malformed::Short));
    assert_eq!(values(b"\x21ab"), Err(Malformed::Record));
    assert_eq!(values(b"\x03"), Err(Malformed::Short));
    assert_eq!(values(b"\x83"), Err(Malformed::Record));
    assert_eq!(values(&[3; 100]), Err(Malformed::Depth));
    assert_eq!(values(b"\x90\xffx"), Err(Malformed::Short));
    assert_eq!(values(b"\xf0\xff\xff\xff\xff\xff\xff\xff\x00"), Err(Malformed::Record));
}
