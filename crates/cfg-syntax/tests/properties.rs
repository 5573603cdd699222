//! Any text is read: no panic, no hang, places inside the file.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod bodies;

use std::time::{Duration, Instant};

use proptest::prelude::*;

/// What configurations are made of; nonsense of these reaches deeper than nonsense of bytes.
const PIECES: &[&str] = &[
    "route",
    "request_route",
    "event_route",
    "[A]",
    "[tm:x]",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ";",
    ",",
    ":",
    ".",
    "=",
    "==",
    "!=",
    "=~",
    "!~",
    "<",
    ">",
    "+",
    "-",
    "*",
    "/",
    "%",
    "&&",
    "||",
    "|",
    "&",
    "^",
    "~",
    "!",
    "?",
    "@ruri.user",
    "$var(x)",
    "$(var(x){s.len})",
    "$rU",
    "$(",
    "$",
    "\"text\"",
    "\"",
    "'raw'",
    "'",
    "\\",
    "1",
    "0x1F",
    "099",
    "1f",
    "if",
    "else",
    "while",
    "switch",
    "case",
    "default",
    "return",
    "exit",
    "drop",
    "break",
    "method",
    "uri",
    "myself",
    "src_ip",
    "10.0.0.0/8",
    "[::1]",
    "udp:",
    "listen=",
    "alias=",
    "modparam(\"a\",\"b\",1)",
    "loadmodule \"pv\"",
    "flags a:1",
    "t_relay();",
    "xlog(\"$rU\");",
    "a.b=1",
    "debug=1",
    "\n",
    " ",
    "\t",
    "#!define A B\n",
    "#!define B \"x\" # y\n",
    "#!ifdef A\n",
    "#!ifndef B\n",
    "#!else\n",
    "#!endif\n",
    "#!subst \"/x/y/g\"\n",
    "include_file \"self\"\n",
    "import_file \"none\"\n",
    "# comment\n",
    "// comment\n",
    "/*",
    "*/",
    "A",
    "B",
    "not",
    "defined",
    "(int)",
    "strlen(",
    "é",
    "\0",
    "\r\n",
    "socket={bind=udp:lo:5060;}",
    "msg:len",
    "/\"re\":",
    "#!",
    "!!",
    "#!endif x\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read(text in proptest::collection::vec(any::<u8>(), 0..400)) {
        bodies::configuration(&text);
    }

    #[test]
    fn any_pieces_are_read(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..80)) {
        bodies::configuration(pieces.concat().as_bytes());
        bodies::configuration(pieces.join(" ").as_bytes());
    }

    #[test]
    fn a_cut_configuration_is_read(at in 0usize..4000) {
        let whole = include_str!("valid/statements.cfg");
        bodies::configuration(&whole.as_bytes()[..at.min(whole.len())]);
        bodies::configuration(&whole.as_bytes()[at.min(whole.len())..]);
    }
}

/// Repetitions of what nests, doubles or is looked at twice: a quadratic rule takes minutes for one of these.
#[test]
fn long_nonsense_takes_linear_time() {
    let defines: String = (0..40).map(|i| format!("#!define D{i} D{n} D{n}\n", n = i + 1)).collect();
    let in_route = |body: &str| format!("request_route {{ {body}");
    let cases = [
        "(".repeat(100_000),
        "{".repeat(100_000),
        "}".repeat(100_000),
        "[".repeat(100_000),
        in_route(&"{".repeat(100_000)),
        in_route(&"(".repeat(100_000)),
        in_route(&"if(".repeat(50_000)),
        in_route(&"if(1){".repeat(30_000)),
        in_route(&"if(1) ".repeat(30_000)),
        in_route(&"if (1) ; else ".repeat(20_000)),
        in_route(&"switch(1){case 1:".repeat(20_000)),
        in_route(&"while(1)".repeat(30_000)),
        in_route(&"a(".repeat(50_000)),
        in_route(&format!("$var(x)={}1;", "1+".repeat(50_000))),
        in_route(&format!("$var(x)={}1;", "!".repeat(100_000))),
        in_route(&format!("$var(x)={}1;", "(int)".repeat(50_000))),
        in_route(&format!("$var(x)={};", "$(a(".repeat(50_000))),
        in_route(&format!("$var(x)={}{};", "$(a(".repeat(20_000), "))".repeat(20_000))),
        in_route(&"$a(".repeat(50_000)),
        in_route(&"@a[".repeat(50_000)),
        in_route(&"else ".repeat(50_000)),
        in_route(&"route[a] { ".repeat(20_000)),
        "route[a] {\n".repeat(20_000),
        "route[".repeat(50_000),
        "listen=".repeat(30_000),
        format!("listen={}", "1:".repeat(50_000)),
        format!("listen={}", "a.".repeat(50_000)),
        "alias=a ".repeat(30_000),
        "socket={".repeat(30_000),
        "#!ifdef A\n".repeat(30_000),
        "#!ifdef A #!ifdef A".repeat(30_000),
        format!("#!ifdef A\n{}", "#!else x".repeat(30_000)),
        format!("#!ifdef A\n{}", " #!endif x".repeat(30_000)),
        "!!else ".repeat(30_000),
        "/*".repeat(100_000),
        "\"\\".repeat(100_000),
        "\"\" ".repeat(50_000),
        "'".repeat(100_001),
        format!("{defines}request_route {{ D0; }}"),
        "include_file \"self\"\n".repeat(2_000),
        "#!define A ".repeat(20_000),
        "#!foo ".repeat(30_000),
        "a".repeat(200_000),
        "1".repeat(200_000),
        "$".repeat(100_000),
        "\0".repeat(100_000),
    ];
    for text in &cases {
        let began = Instant::now();
        bodies::configuration(text.as_bytes());
        let took = began.elapsed();
        assert!(took < Duration::from_secs(10), "{took:?} for {:?}…", &text[..text.len().min(60)]);
    }
}
