//! `$HN(…)`: what this machine is called.

use std::sync::Arc;

use cfg_vm::catalogue::Parsed;
use cfg_vm::{Str, Value};
use engine::Cx;
use engine::module::PvArgs;
use transport::resolve::{RecordKind, RecordSet};

use super::lookup;

/// Where the kernel tells the machine's name.
const NAME_FILE: &str = "/proc/sys/kernel/hostname";

/// The machine's name, as it was when the configuration was loaded.
pub(super) struct Host {
    full: String,
}

/// A part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Up to the first dot.
    Name,
    /// All of it.
    Full,
    /// After the first dot.
    Domain,
    /// Its address.
    Address,
}

/// Reads the part's letter.
pub(super) fn parse(text: &[u8]) -> Result<Parsed, String> {
    let part = match text {
        b"n" => Part::Name,
        b"f" => Part::Full,
        b"d" => Part::Domain,
        b"i" => Part::Address,
        _ => return Err("n (name), f (full name), d (domain) or i (address) is expected".to_owned()),
    };
    Ok(Arc::new(part))
}

impl Host {
    /// This machine's name; none where the kernel does not tell it.
    pub(super) fn of_machine() -> Self {
        let name = std::fs::read_to_string(NAME_FILE).unwrap_or_default();
        Self { full: name.trim_end().to_owned() }
    }

    fn text(&self, part: Part) -> Option<&str> {
        let full = Some(&*self.full).filter(|name| !name.is_empty())?;
        let parts = full.split_once('.');
        match part {
            Part::Name => Some(parts.map_or(full, |(name, _)| name)),
            Part::Domain => parts.map(|(_, domain)| domain),
            Part::Full | Part::Address => Some(full),
        }
    }
}

pub(super) fn read(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(part) = args.parsed::<Part>().copied() else { return Value::Null };
    let Some(text) = cx.state::<Host>().text(part) else { return Value::Null };
    if part == Part::Address { address(cx, text) } else { Str::from(text).into() }
}

/// The name's address as far as it is known without waiting.
fn address(cx: &Cx<'_>, name: &str) -> Value {
    let known = |kind| {
        let question = lookup::question(name, kind)?;
        match &*cx.server().resolver.cached_records(&question)?.ok()? {
            RecordSet::Address(addresses) => addresses.first().copied(),
            _ => None,
        }
    };
    let address = known(RecordKind::A).or_else(|| known(RecordKind::Aaaa));
    address.map(|address| Str::from(address.to_string())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_split_at_its_first_dot() {
        let host = Host { full: "proxy.example.org".to_owned() };
        assert_eq!(host.text(Part::Name), Some("proxy"));
        assert_eq!(host.text(Part::Domain), Some("example.org"));
        assert_eq!(host.text(Part::Full), Some("proxy.example.org"));
        let host = Host { full: "proxy".to_owned() };
        assert_eq!(host.text(Part::Name), Some("proxy"));
        assert_eq!(host.text(Part::Domain), None);
    }
}
