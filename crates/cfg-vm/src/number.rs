//! Text as a number.

/// Reads a number as the language does: decimal digits with an optional sign, or `0x` and hexadecimal digits.
/// Nothing, or a sign alone, is 0. `None` for any other text, which counts as 0 and is worth a notice.
pub fn parse_int(text: &[u8]) -> Option<i64> {
    if let [b'0', b'x' | b'X', digits @ ..] = text {
        return if digits.is_empty() { Some(0) } else { accumulate(digits, 16) };
    }
    match text {
        [b'-', digits @ ..] => accumulate(digits, 10).map(i64::wrapping_neg),
        [b'+', digits @ ..] => accumulate(digits, 10),
        digits => accumulate(digits, 10),
    }
}

fn accumulate(digits: &[u8], radix: u32) -> Option<i64> {
    digits.iter().try_fold(0i64, |sum, byte| {
        let digit = char::from(*byte).to_digit(radix)?;
        sum.checked_mul(i64::from(radix))?.checked_add(i64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::parse_int;

    #[test]
    fn reads_what_kamailio_reads() {
        let cases: [(&[u8], Option<i64>); 14] = [
            (b"5", Some(5)),
            (b"-5", Some(-5)),
            (b"+5", Some(5)),
            (b"010", Some(10)),
            (b"08", Some(8)),
            (b"0x1F", Some(31)),
            (b"", Some(0)),
            (b"-", Some(0)),
            (b"abc", None),
            (b"12abc", None),
            (b" 12", None),
            (b"101b", None),
            (b"-0x10", None),
            (b"99999999999999999999", None),
        ];
        for (text, number) in cases {
            assert_eq!(parse_int(text), number, "{}", text.escape_ascii());
        }
    }
}
