use super::{PURE, RE};
use crate::catalogue::{TransformArgs, TransformDecl};
use crate::value::Value;

/// Runs `name,argument,…` as a script would.
fn run(call: &str, input: &Value) -> Value {
    let mut words = call.split(',');
    let name = words.next().expect("a name");
    let decl: &TransformDecl =
        PURE.iter().chain(RE).find(|decl| decl.name == name).unwrap_or_else(|| panic!("{name}"));
    if let Some(parse) = decl.parse {
        let text = call.split_once(',').map_or("", |(_, text)| text);
        let parsed = parse(text.as_bytes()).expect(call);
        return (decl.run)(input, &TransformArgs { values: &[], parsed: Some(&parsed) });
    }
    let values: Vec<Value> = words.map(|word| Value::from(word.as_bytes())).collect();
    assert!(values.len() >= decl.required && values.len() <= decl.most, "{call}");
    (decl.run)(input, &TransformArgs { values: &values, parsed: None })
}

fn unescape(text: &str) -> Value {
    if text == "-" {
        return Value::Null;
    }
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        if *byte == b'\\' {
            let digits = std::str::from_utf8(&after[1..3]).expect("digits");
            bytes.push(u8::from_str_radix(digits, 16).expect("hex"));
            rest = &after[3..];
        } else {
            bytes.push(*byte);
            rest = after;
        }
    }
    bytes.into()
}

/// Each line: the call, the input, and what Kamailio 5.6.3 made of it (`-`: undefined), blanks and bytes
/// beyond ASCII as `\xHH`.
#[test]
fn transforms_as_kamailio_does() {
    let mut wrong = Vec::new();
    for line in include_str!("vectors.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let (Some(call), Some(input), Some(expected)) = (columns.next(), columns.next(), columns.next())
        else {
            panic!("{line}");
        };
        let made = match run(call, &unescape(input)) {
            Value::Int(number) => Value::Str(crate::value::Str::decimal(number)),
            value => value,
        };
        if made != unescape(expected) {
            wrong.push(format!("{call} on {input}: {made:?}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn later_transformations_do_what_their_documentation_says() {
    let text = |text: &str| Value::from(text.as_bytes());
    assert_eq!(run("s.rafter,n", &text("banana")), text("a"));
    assert_eq!(run("s.rbefore,n", &text("banana")), text("bana"));
    assert_eq!(run("s.charat,1", &text("abc")), text("b"));
    assert_eq!(run("s.byteat,1", &text("abc")), Value::Int(98));
    assert_eq!(run("s.selectws,1", &text(" a  b\tc")), text("b"));
    assert_eq!(run("s.selectsw,;=,1", &text("a=b;c")), text("b"));
    assert_eq!(run("s.sha1", &text("abc")), text("a9993e364706816aba3e25717850c26c9cd0d89d"));
    assert_eq!(run("s.crc32", &text("123456789")), Value::Int(0xcbf4_3926));
    assert_eq!(run("s.rmhdws", &text(" a\r\n  b ")), text("a b"));
    assert_eq!(run("s.rmhlws", &text("a\r\n  b")), text("a b"));
    assert_eq!(run("s.escape.crlf", &text("a\r\nb")), text("a\\r\\nb"));
    assert_eq!(run("s.unescape.crlf", &text("a\\r\\nb")), text("a\r\nb"));
    assert_eq!(run("s.decode.base58", &text("Cn8eVZg")), text("hello"));
    assert_eq!(run("s.decode.7bit", &text("E8329BFD06")), text("hello"));
    assert_eq!(run("val.n0", &Value::Null), Value::Int(0));
    assert_eq!(run("val.ne", &Value::Null), text(""));
    assert_eq!(run("val.json", &text("a\"b\n")), text("a\\\"b\\n"));
    assert_eq!(run("val.jsonqe", &text("a")), text("\"a\""));
    assert_eq!(run("val.jsonqe", &Value::Null), text("\"\""));
    assert_eq!(run("num.fdigit", &text("+49")), Value::Int(4));
    assert_eq!(run("num.ldigit", &Value::Int(1234)), Value::Int(4));
}
