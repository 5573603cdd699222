//! Sets of methods as Kamailio numbers them: in the `methods` column, and in what a lookup filters by.

/// Kamailio's bit of each method.
const BITS: [(&[u8], u32); 14] = [
    (b"INVITE", 1),
    (b"CANCEL", 2),
    (b"ACK", 4),
    (b"BYE", 8),
    (b"INFO", 16),
    (b"REGISTER", 32),
    (b"SUBSCRIBE", 64),
    (b"NOTIFY", 128),
    (b"MESSAGE", 256),
    (b"OPTIONS", 512),
    (b"PRACK", 1024),
    (b"UPDATE", 2048),
    (b"REFER", 4096),
    (b"PUBLISH", 8192),
];

/// The bit of a method; none for one that has none.
pub(super) fn bit(method: &[u8]) -> Option<u32> {
    BITS.iter().find(|(name, _)| *name == method).map(|(_, bit)| *bit)
}

/// The bits of a comma-separated list.
pub(super) fn mask(list: &[u8]) -> u32 {
    list.split(|byte| *byte == b',').filter_map(|name| bit(name.trim_ascii())).fold(0, |mask, bit| mask | bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_becomes_a_mask() {
        assert_eq!(mask(b"INVITE, ACK ,BYE,MESSAGE,FLY"), 269);
    }
}
