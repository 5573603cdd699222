//! Request methods.

macro_rules! methods {
    ($($variant:ident $text:literal,)*) => {
        /// A request method. Names are case-sensitive (RFC 3261 §7.1): `invite` is [`Method::Other`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Method {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
            /// A method that is not in this list; its text stands in the message.
            Other,
        }

        impl Method {
            /// Every method that has a name of its own.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The method that `text` names.
            pub fn from_bytes(text: &[u8]) -> Self {
                const fn bytes(text: &str) -> &[u8] {
                    text.as_bytes()
                }
                $(if text == const { bytes($text) } { return Self::$variant; })*
                Self::Other
            }

            /// The method's name; empty for [`Method::Other`].
            pub fn as_bytes(self) -> &'static [u8] {
                match self {
                    $(Self::$variant => $text.as_bytes(),)*
                    Self::Other => b"",
                }
            }
        }
    };
}

methods! {
    Invite "INVITE",
    Ack "ACK",
    Bye "BYE",
    Cancel "CANCEL",
    Options "OPTIONS",
    Register "REGISTER",
    Prack "PRACK",
    Update "UPDATE",
    Info "INFO",
    Message "MESSAGE",
    Subscribe "SUBSCRIBE",
    Notify "NOTIFY",
    Refer "REFER",
    Publish "PUBLISH",
    Kdmq "KDMQ",
    Get "GET",
    Post "POST",
    Put "PUT",
    Delete "DELETE",
}

impl Method {
    /// One bit per method, for sets of methods as a mask.
    pub fn bit(self) -> u32 {
        1 << self as u8
    }

    /// The name as text; empty for [`Method::Other`].
    pub fn as_str(self) -> &'static str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_gives_its_method_back() {
        for &method in Method::ALL {
            assert_eq!(Method::from_bytes(method.as_bytes()), method);
        }
        assert_eq!(Method::from_bytes(b"invite"), Method::Other);
        assert_eq!(Method::from_bytes(b""), Method::Other);
    }

    #[test]
    fn bits_are_distinct() {
        let mask = Method::ALL.iter().fold(Method::Other.bit(), |mask, method| {
            assert_eq!(mask & method.bit(), 0);
            mask | method.bit()
        });
        assert_eq!(mask.count_ones() as usize, Method::ALL.len() + 1);
    }
}
