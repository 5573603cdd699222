//! The Route values of a message, and taking some of them off.

use sip_message::{EditList, HeaderValue, Message, Span};

/// Takes off the first `count` Route values. A header that loses all its values goes as a whole.
pub(super) fn remove_first(message: &Message, edits: &mut EditList, count: usize) {
    let kept = message.route_values().nth(count);
    let mut done = None;
    for value in message.route_values().take(count) {
        if done == Some(value.header) {
            continue;
        }
        done = Some(value.header);
        match kept {
            Some(kept) if kept.header == value.header => {
                edits.delete(Span { start: value.span.start, end: kept.span.start });
            }
            _ => edits.delete_header(&message.headers()[value.header]),
        }
    }
}

/// The last Route value and the one before it.
pub(super) fn last_two(message: &Message) -> Option<(Option<HeaderValue>, HeaderValue)> {
    let mut values = message.route_values();
    let mut last = values.next()?;
    let mut before = None;
    for value in values {
        before = Some(std::mem::replace(&mut last, value));
    }
    Some((before, last))
}

/// Takes off the last Route value.
pub(super) fn remove_last(message: &Message, edits: &mut EditList) {
    match last_two(message) {
        Some((Some(before), last)) if before.header == last.header => {
            edits.delete(Span { start: before.span.end, end: last.span.end });
        }
        Some((_, last)) => edits.delete_header(&message.headers()[last.header]),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(lines: &str, change: impl Fn(&Message, &mut EditList)) -> String {
        let message =
            Message::from_bytes(format!("BYE sip:a SIP/2.0\r\n{lines}To: x\r\n\r\n")).expect("a message");
        let mut edits = EditList::new();
        change(&message, &mut edits);
        let text = String::from_utf8(edits.to_vec(&message)).expect("text");
        text["BYE sip:a SIP/2.0\r\n".len()..text.len() - "To: x\r\n\r\n".len()].to_owned()
    }

    #[test]
    fn the_first_values_go_with_their_commas() {
        let lines = "Route: \"Us\" <sip:1;lr>,\r\n <sip:2;lr>;p=1\r\nRoute: <sip:3>\r\n";
        let without = |count| routes(lines, |message, edits| remove_first(message, edits, count));
        assert_eq!(without(1), "Route: <sip:2;lr>;p=1\r\nRoute: <sip:3>\r\n");
        assert_eq!(without(2), "Route: <sip:3>\r\n");
        assert_eq!(without(3), "");
    }

    #[test]
    fn the_last_value_goes_with_its_comma_or_header() {
        let without_last = |lines| routes(lines, remove_last);
        assert_eq!(without_last("Route: <sip:1>, <sip:2>\r\n"), "Route: <sip:1>\r\n");
        assert_eq!(without_last("Route: <sip:1>\r\nRoute: <sip:2>\r\n"), "Route: <sip:1>\r\n");
        assert_eq!(without_last("Route: <sip:1>\r\n"), "");
    }
}
