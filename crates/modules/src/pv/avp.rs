//! `$avp(name)`.

use std::sync::Arc;

use cfg_vm::catalogue::Parsed;
use cfg_vm::host::WriteError;
use cfg_vm::{Index, Value};
use engine::variables::AvpName;
use engine::{Cx, PvArgs};

use super::State;

/// Reads a name at load.
pub(super) fn parse_name(text: &[u8]) -> Result<Parsed, String> {
    AvpName::parse(text).map(|name| Arc::new(name) as Parsed)
}

/// The name itself, or what `avp_aliases` makes of it.
pub(super) fn resolved<'a>(state: &'a State, name: &'a AvpName) -> &'a AvpName {
    let AvpName::Text(text) = name else { return name };
    let alias = state.avp_aliases.iter().find(|(alias, _)| alias == text);
    alias.map_or(name, |(_, name)| name)
}

/// Reads one `name=i:5` or `name=s:text` of `avp_aliases`.
pub(super) fn parse_aliases(text: &[u8]) -> Result<Vec<(cfg_vm::Str, AvpName)>, String> {
    let pairs = text.split(|&byte| byte == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let equals = pair
                .iter()
                .position(|&byte| byte == b'=')
                .ok_or("an alias is written name=i:5 or name=s:text")?;
            let name = AvpName::parse(&pair[equals + 1..])?;
            Ok((pair[..equals].trim_ascii().into(), name))
        })
        .collect()
}

/// `$avp(name)`: the newest value; an index counts from it, `[*]` joins all.
pub(super) fn read(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(name) = args.parsed::<AvpName>() else { return Value::Null };
    let name = resolved(cx.state::<State>(), name);
    let mut values = cx.context.variables.avps.all(name);
    match args.index {
        Index::None => values.next().cloned().unwrap_or_default(),
        Index::At(nth) => {
            usize::try_from(nth).ok().and_then(|nth| values.nth(nth)).cloned().unwrap_or_default()
        }
        Index::All => {
            let mut text = Vec::new();
            let mut found = false;
            for value in values {
                if found {
                    text.extend_from_slice(b", ");
                }
                found = true;
                text.extend_from_slice(&value.to_str());
            }
            if found { Value::Str(text.into()) } else { Value::Null }
        }
    }
}

/// `$avp(name) = …` puts a value on the stack, whatever the index; with `[*]` it replaces the stack. Undefined takes
/// the newest value away, with `[*]` all.
pub(super) fn write(cx: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let Some(name) = args.parsed::<AvpName>() else { return Err(WriteError::NotHere) };
    let name = resolved(cx.state::<State>(), name);
    let avps = &mut cx.context.variables.avps;
    match (args.index, value.is_null()) {
        (Index::All, _) => {
            avps.remove_all(name);
        }
        (_, true) => {
            avps.remove_newest(name);
        }
        (_, false) => {}
    }
    avps.push(name.clone(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_pairs_with_a_type() {
        let aliases = parse_aliases(b"email=s:email_addr; tmp=i:100;").unwrap();
        assert_eq!(aliases[0], ("email".into(), AvpName::Text("email_addr".into())));
        assert_eq!(aliases[1], ("tmp".into(), AvpName::Number(100)));
        assert!(parse_aliases(b"email").is_err());
    }
}
