use super::*;

fn answer(results: Vec<Value>) -> String {
    response(&Ok(results), Some(&Value::Int(1)), Layout::Pretty)
}

fn member(name: &str, value: impl Into<Value>) -> (String, Value) {
    (name.to_owned(), value.into())
}

/// Recorded from Kamailio 5.6.3.
#[test]
fn answers_are_laid_out_as_kamailio_does() {
    assert_eq!(
        answer(vec![Value::Struct(vec![member("now", "x"), member("uptime", 10)])]),
        "{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"result\":\t{\n\t\t\"now\":\t\"x\",\n\t\t\"uptime\":\t10\n\t},\n\t\"id\":\t1\n}"
    );
    let process = |index: i64| Value::Struct(vec![member("IDX", index)]);
    assert_eq!(
        answer(vec![Value::List(vec![process(0), process(1)])]),
        "{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"result\":\t[{\n\t\t\t\"IDX\":\t0\n\t\t}, {\n\t\t\t\"IDX\":\t1\n\t\t}],\n\t\"id\":\t1\n}"
    );
    let alias = Value::Named(vec![member("alias", Value::Struct(vec![member("port", 5090)]))]);
    assert_eq!(
        answer(vec![Value::Struct(vec![member("aliases", alias)])]),
        "{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"result\":\t{\n\t\t\"aliases\":\t[{\n\t\t\t\t\"alias\":\t{\n\t\t\t\t\t\"port\":\t5090\n\t\t\t\t}\n\t\t\t}]\n\t},\n\t\"id\":\t1\n}"
    );
    assert_eq!(answer(vec![]), "{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"result\":\t{\n\t},\n\t\"id\":\t1\n}");
    assert_eq!(
        response(&Err(Refusal::Unknown), Some(&Value::Int(2)), Layout::Plain),
        r#"{"jsonrpc":"2.0","error":{"code":500,"message":"Method Not Found"},"id":2}"#
    );
}

#[test]
fn answers_are_json_again() {
    let text = "q\"\\\n\u{e9}/\u{1}";
    let value = Value::Struct(vec![
        member("text", text),
        member("list", Value::List(vec![Value::Null, Value::Double(1.5), Value::Int(-7)])),
    ]);
    for layout in [Layout::Pretty, Layout::Plain] {
        assert_eq!(parse(write(&value, layout).as_bytes()).unwrap(), value);
    }
}

#[test]
fn arguments_come_in_order_from_arrays_and_objects() {
    let read = |text: &str| request(text.as_bytes()).map(|request| request.params);
    let in_order = Ok(vec![Value::from("a"), Value::Int(3)]);
    assert_eq!(read(r#"{"jsonrpc":"2.0","method":"m","params":["a",3]}"#), in_order);
    assert_eq!(read(r#"{"jsonrpc":"2.0","method":"m","params":{"z":"a","b":3}}"#), in_order);
    assert_eq!(read(r#"{"jsonrpc":"2.0","method":"m"}"#), Ok(Vec::new()));
}

#[test]
fn what_is_no_request_is_answered_by_the_protocols_errors() {
    let refused = |text: &str| request(text.as_bytes()).unwrap_err().answer(Layout::Plain);
    let parse_error = r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#;
    assert_eq!(refused("{bad"), parse_error);
    assert_eq!(refused("{} {}"), parse_error);
    let invalid = r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":4}"#;
    for text in [
        r#"{"jsonrpc":"2.0","id":4}"#,
        r#"{"jsonrpc":"1.0","method":"m","id":4}"#,
        r#"{"jsonrpc":"2.0","method":"m","params":"x","id":4}"#,
    ] {
        assert_eq!(refused(text), invalid);
    }
    let deep = "[".repeat(100_000);
    assert_eq!(refused(&deep), parse_error);
}
