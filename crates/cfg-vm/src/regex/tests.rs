use super::{Flags, Regex};

/// A place in a text.
type Place = Option<(usize, usize)>;

fn whole(pattern: &str, text: &str) -> Place {
    let regex = Regex::posix(pattern.as_bytes(), Flags::default()).expect(pattern);
    regex.find_at(text.as_bytes(), 0).map(|range| (range.start, range.end))
}

/// What the C library answers to the same.
#[test]
fn matches_as_the_c_library_does() {
    let vectors: &[(&str, &str, Place)] = &[
        ("a**", "aa", Some((0, 2))),
        ("a*?", "aa", Some((0, 2))),
        ("a+?", "aa", Some((0, 2))),
        ("a|", "b", Some((0, 0))),
        ("|a", "b", Some((0, 0))),
        ("(|a)b", "ab", Some((0, 2))),
        ("a)", "a)", Some((0, 2))),
        ("a{,3}", "aaa", Some((0, 3))),
        ("a{2}", "aaa", Some((0, 2))),
        ("a{2,}", "aaaa", Some((0, 4))),
        ("a{1}{2}", "aa", Some((0, 2))),
        ("\\d", "d", Some((0, 1))),
        ("\\w+", "ab_1", Some((0, 4))),
        ("\\n", "n", Some((0, 1))),
        ("[\\d]", "\\", Some((0, 1))),
        ("[\\]]", "\\]", Some((0, 2))),
        ("[]a]", "a", Some((0, 1))),
        ("[^]a]", "b", Some((0, 1))),
        ("[a-]", "-", Some((0, 1))),
        ("[[:alpha:]]", "b", Some((0, 1))),
        ("[[.a.]]", "a", Some((0, 1))),
        ("[[=a=]]", "a", Some((0, 1))),
        ("[--/]", ".", Some((0, 1))),
        ("\\<a\\>", "b a c", Some((2, 3))),
        ("a|ab", "ab", Some((0, 2))),
        ("(a|ab)(c|bcd)", "abcd", Some((0, 4))),
        ("(a?)(ab)?", "ab", Some((0, 2))),
        ("(a*)(ab)*(b*)", "abb", Some((0, 3))),
        ("(foo|foobar)(bar)?", "foobar", Some((0, 6))),
        ("a^b", "a^b", None),
        ("a$b", "a$b", None),
        ("a\\{2\\}", "a{2}", Some((0, 4))),
        (".", "\n", Some((0, 1))),
        ("[^a]", "\n", Some((0, 1))),
        ("a$", "a\n", None),
        ("[[:digit:]-]+", "1-2", Some((0, 3))),
        ("\\Ba", "ba", Some((1, 2))),
        ("\\'", "a", Some((1, 1))),
    ];
    for (pattern, text, expected) in vectors {
        assert_eq!(whole(pattern, text), *expected, "{pattern} on {text}");
    }
}

#[test]
fn refuses_what_the_c_library_refuses() {
    let wrong = [
        "*a",
        "^*a",
        "(*a)",
        "a|*b",
        "(a",
        "a{",
        "a{x}",
        "a{1",
        "a{3,2}",
        "{1}",
        "[z-a]",
        "[[:foo:]]",
        "[a",
        "a\\",
        "[a-c-e]",
        "a{70000}",
        "[[.hyphen.]]",
    ];
    for pattern in wrong {
        assert!(Regex::posix(pattern.as_bytes(), Flags::default()).is_err(), "{pattern}");
    }
}

#[test]
fn groups_belong_to_the_longest_match() {
    let vectors: &[(&str, &str, &[Place])] = &[
        ("(a|ab)(c|bcd)(d*)", "abcd", &[Some((0, 4)), Some((0, 1)), Some((1, 4)), Some((4, 4))]),
        ("(a?)(ab)?", "ab", &[Some((0, 2)), Some((0, 0)), Some((0, 2))]),
        ("(foo|foobar)(bar)?", "xfoobar", &[Some((1, 7)), Some((1, 4)), Some((4, 7))]),
        ("(ab|a)(bc|c)?", "abc", &[Some((0, 3)), Some((0, 2)), Some((2, 3))]),
        ("(a|b)*", "ab", &[Some((0, 2)), Some((1, 2))]),
        ("^sip:(.*)@(.*)$", "sip:a@b@c", &[Some((0, 9)), Some((4, 7)), Some((8, 9))]),
    ];
    for (pattern, text, expected) in vectors {
        let regex = Regex::posix(pattern.as_bytes(), Flags::default()).expect(pattern);
        let groups = regex.captures_at(text.as_bytes(), 0).expect(text);
        let groups: Vec<_> =
            groups.into_iter().map(|group| group.map(|range| (range.start, range.end))).collect();
        assert_eq!(groups, *expected, "{pattern} on {text}");
    }
}

#[test]
fn flags_change_case_and_lines() {
    let either = Regex::posix(b"^inv", Flags { ignore_case: true, newline: false }).expect("valid");
    assert!(either.is_match(b"INVITE"));
    let lines = Regex::posix(b"^b.$", Flags { ignore_case: false, newline: true }).expect("valid");
    assert!(lines.is_match(b"a\nbc\nd"));
    assert!(!lines.is_match(b"a\nb\nd"));
}

#[test]
fn bytes_that_are_not_text_are_bytes() {
    let regex = Regex::posix(b"\xff[\x80-\xfe]", Flags::default()).expect("valid");
    assert_eq!(regex.find_at(b"a\xff\x81", 0), Some(1..3));
}

#[test]
fn long_texts_do_not_explode() {
    let regex = Regex::posix(b"(a*)*(a|aa)*b", Flags::default()).expect("valid");
    assert!(!regex.is_match(&[b'a'; 20_000]));
}
