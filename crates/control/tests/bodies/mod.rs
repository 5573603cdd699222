//! What the fuzz targets do with their input. `tests/corpus.rs` does it with the corpus.

use control::json::{self, Layout};
use control::{Value, binrpc};

/// Reads a packet; what could be read is written, and reads the same again.
pub(crate) fn packet(data: &[u8]) {
    let Ok(Some(header)) = binrpc::header(data) else { return };
    let body = &data[header.length..];
    let body = &body[..header.body.min(body.len())];
    let Ok(values) = binrpc::values(body) else { return };
    let written = binrpc::request(&header.cookie, "name", &values);
    let again = read(&written);
    assert_eq!(again[0], Value::from("name"));
    assert_eq!(binrpc::request(&header.cookie, "name", &again[1..]), written);
    read(&binrpc::reply(&header.cookie, &values));
}

fn read(packet: &[u8]) -> Vec<Value> {
    let header = binrpc::header(packet).expect("a header").expect("all of it");
    assert_eq!(header.length + header.body, packet.len());
    binrpc::values(&packet[header.length..]).expect("what was written can be read")
}

/// Reads JSON and a request; what could be read is written in both layouts, and reads the same again.
pub(crate) fn request(data: &[u8]) {
    match json::request(data) {
        Ok(request) => {
            let answer = json::response(&Ok(request.params), request.id.as_ref(), Layout::Pretty);
            assert!(json::parse(answer.as_bytes()).is_ok(), "{answer}");
        }
        Err(bad) => assert!(json::parse(bad.answer(Layout::Plain).as_bytes()).is_ok()),
    }
    let Ok(value) = json::parse(data) else { return };
    for layout in [Layout::Pretty, Layout::Plain] {
        let text = json::write(&value, layout);
        let again = json::parse(text.as_bytes()).expect("what was written can be read");
        // Fractions are written with six digits.
        assert!(holds_fraction(&value) || again == value, "{text}");
    }
}

fn holds_fraction(value: &Value) -> bool {
    match value {
        Value::Double(_) => true,
        Value::List(values) => values.iter().any(holds_fraction),
        Value::Struct(members) | Value::Named(members) => {
            members.iter().any(|(_, value)| holds_fraction(value))
        }
        Value::Null | Value::Int(_) | Value::Str(_) => false,
    }
}
