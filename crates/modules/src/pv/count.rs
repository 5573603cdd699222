//! `$cnt($avp(x))`, `$cnt($xavp(x))`: how many values there are.

use std::sync::Arc;

use cfg_vm::Value;
use cfg_vm::catalogue::Parsed;
use engine::variables::{AvpName, Case};
use engine::{Cx, PvArgs};

use super::{State, avp, xavp};

/// Whose values are counted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Avp(AvpName),
    Xavp(xavp::Path),
    Xavu(xavp::Path),
    Xavi(xavp::Path),
}

impl Counted {
    /// Reads the variable's name at load.
    pub(super) fn parse(text: &[u8]) -> Result<Parsed, String> {
        Self::of(text).map(|counted| Arc::new(counted) as Parsed)
    }

    fn of(text: &[u8]) -> Result<Self, String> {
        let wrong = "only $avp(…), $xavp(…), $xavu(…) and $xavi(…) can be counted";
        let text = text.trim_ascii().strip_prefix(b"$").ok_or(wrong)?;
        let open = text.iter().position(|&byte| byte == b'(').ok_or(wrong)?;
        let inner = text[open + 1..].strip_suffix(b")").ok_or(wrong)?;
        match &text[..open] {
            b"avp" => AvpName::parse(inner).map(Self::Avp),
            b"xavp" => xavp::Path::of(inner).map(Self::Xavp),
            b"xavu" => xavp::Path::of(inner).map(Self::Xavu),
            b"xavi" => xavp::Path::of(inner).map(Self::Xavi),
            _ => Err(wrong.to_owned()),
        }
    }
}

/// `$cnt($x)`
pub(super) fn read(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let variables = &cx.context.variables;
    let count = match args.parsed::<Counted>() {
        None => return Value::Null,
        Some(Counted::Avp(name)) => variables.avps.all(avp::resolved(cx.state::<State>(), name)).count(),
        Some(Counted::Xavp(path)) => xavp::count(&variables.xavps, path, Case::Exact),
        Some(Counted::Xavu(path)) => xavp::count(&variables.xavus, path, Case::Exact),
        Some(Counted::Xavi(path)) => xavp::count(&variables.xavis, path, Case::Ignored),
    };
    Value::Int(count as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_avps_and_their_kin_are_counted() {
        assert_eq!(Counted::of(b"$avp(i:5)"), Ok(Counted::Avp(AvpName::Number(5))));
        assert!(matches!(Counted::of(b"$xavp(a[1]=>b)"), Ok(Counted::Xavp(_))));
        for wrong in ["$ru", "$hdr(X)", "avp(x)", "$avp(x"] {
            assert!(Counted::of(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
