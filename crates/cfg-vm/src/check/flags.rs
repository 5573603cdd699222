//! `flags NAME:number, …;`

use cfg_syntax::Diagnostic;
use cfg_syntax::ast::{Config, FlagName, Item};

use crate::settings::NamedFlag;

/// How many flags there are.
const COUNT: i64 = 32;

/// Numbers every declared flag: as given, or the lowest that is free then.
pub(super) fn read(config: &Config, diagnostics: &mut Vec<Diagnostic>) -> Vec<NamedFlag> {
    let mut flags: Vec<NamedFlag> = Vec::new();
    let declared = config.items.iter().filter_map(|item| match item {
        Item::Flags(names) => Some(names),
        _ => None,
    });
    for flag in declared.flatten() {
        match number(flag, &flags, diagnostics) {
            Some(number) => flags.push(NamedFlag { name: flag.name.node.clone(), number, avp: flag.avp }),
            None => continue,
        }
    }
    flags
}

fn number(flag: &FlagName, flags: &[NamedFlag], diagnostics: &mut Vec<Diagnostic>) -> Option<u8> {
    let name = &flag.name;
    let same_kind = || flags.iter().filter(|other| other.avp == flag.avp);
    if same_kind().any(|other| other.name == name.node) {
        let message = format!("the flag `{}` is declared twice", name.node);
        diagnostics.push(Diagnostic::error("duplicate-flag", name.span, message));
        return None;
    }
    let Some(given) = &flag.number else {
        let free = (0..COUNT as u8).find(|number| same_kind().all(|other| other.number != *number));
        if free.is_none() {
            diagnostics.push(Diagnostic::error("flag-range", name.span, "all 32 flags have names already"));
        }
        return free;
    };
    if !(0..COUNT).contains(&given.node) {
        let message = format!("flags are numbered from 0 to {}, not {}", COUNT - 1, given.node);
        diagnostics.push(Diagnostic::error("flag-range", given.span, message));
        return None;
    }
    let number = given.node as u8;
    if let Some(other) = same_kind().find(|other| other.number == number) {
        let message = format!("flag {number} has the name `{}` already", other.name);
        diagnostics.push(Diagnostic::warning("shared-flag", given.span, message));
    }
    Some(number)
}
