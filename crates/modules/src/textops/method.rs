//! Methods as Kamailio numbers them, and `is_method`.

use std::sync::Arc;

use cfg_vm::catalogue::Parsed;
use engine::module::Flow;
use engine::{Args, Cx};
use sip_message::Method;

/// The number of a method that has none of its own.
const OTHER: i64 = 1 << 19;

/// A method's number: one bit, as `$rmid` and masks of methods have it.
pub(crate) fn number(method: Method) -> i64 {
    let bit = match method {
        Method::Invite => 0,
        Method::Cancel => 1,
        Method::Ack => 2,
        Method::Bye => 3,
        Method::Info => 4,
        Method::Register => 5,
        Method::Subscribe => 6,
        Method::Notify => 7,
        Method::Message => 8,
        Method::Options => 9,
        Method::Prack => 10,
        Method::Update => 11,
        Method::Refer => 12,
        Method::Publish => 13,
        Method::Get => 14,
        Method::Post => 15,
        Method::Put => 16,
        Method::Delete => 17,
        Method::Kdmq => 18,
        Method::Other => return OTHER,
    };
    1 << bit
}

/// What `is_method` looks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Methods {
    /// Methods that have numbers.
    Known(i64),
    /// One that has none.
    Named(Box<[u8]>),
}

impl Methods {
    /// Reads `INVITE|ACK`, in either case; a list holds known methods only.
    fn parse(text: &[u8]) -> Result<Self, String> {
        let names: Vec<&[u8]> = text.split(|byte| b"|,".contains(byte)).map(<[u8]>::trim_ascii).collect();
        if names
            .iter()
            .any(|name| name.is_empty() || !name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'$'))
        {
            return Err(format!("\"{}\" names no methods, such as \"INVITE|ACK\"", text.escape_ascii()));
        }
        let known = |name: &[u8]| Method::from_bytes(&name.to_ascii_uppercase());
        match names.as_slice() {
            [name] if known(name) == Method::Other => Ok(Self::Named((*name).into())),
            names => {
                let mut mask = 0;
                for name in names {
                    match known(name) {
                        Method::Other => {
                            return Err(format!(
                                "\"{}\" is not among the methods that a list may hold",
                                name.escape_ascii()
                            ));
                        }
                        method => mask |= number(method),
                    }
                }
                Ok(Self::Known(mask))
            }
        }
    }
}

/// For the table.
pub(super) fn parse_methods(text: &[u8]) -> Result<Parsed, String> {
    Methods::parse(text).map(|methods| Arc::new(methods) as Parsed)
}

pub(super) fn is_method(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let message = &cx.context.message;
    match args.parsed::<Methods>(0) {
        Some(Methods::Known(mask)) => (number(message.method()) & mask != 0).into(),
        Some(Methods::Named(name)) => message.method_text().eq_ignore_ascii_case(name).into(),
        None => Flow::FALSE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_a_mask_and_one_unknown_method_a_name() {
        assert_eq!(Methods::parse(b"INVITE|ACK|BYE"), Ok(Methods::Known(1 | 4 | 8)));
        assert_eq!(Methods::parse(b"options"), Ok(Methods::Known(512)));
        assert_eq!(Methods::parse(b"DANCE"), Ok(Methods::Named((*b"DANCE").into())));
    }

    #[test]
    fn a_list_with_an_unknown_method_is_refused() {
        for text in ["DANCE|OPTIONS", "", "INVITE|", "$rm"] {
            assert!(Methods::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
