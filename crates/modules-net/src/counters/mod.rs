//! Module `counters`: counters of the script's own, and commands to look at all there are.

mod rpc;

use std::collections::BTreeMap;
use std::sync::Arc;

use cfg_vm::Value;
use cfg_vm::catalogue::{ArgKind, Parsed, Routes};
use engine::module::{Flow, Rpc, State};
use engine::statistics::Counter;
use engine::{Args, Cx, Function, Module, Param, Setup, SetupError};

/// The group where none is named.
const GROUP: &str = "script";

/// The module's table.
pub const MODULE: Module = Module {
    name: "counters",
    doc: "Counters of the script's own, and commands to look at all counters.",
    params: &[
        Param::text("script_cnt_grp_name", GROUP, "The group of counters that name none."),
        Param::text("script_counter", "", "A counter of the script: `[group.]name [description]`.")
            .repeatable()
            .check(check_counter),
    ],
    functions: &[
        Function::new("cnt_inc", NAME, Routes::ANY, increase, "Adds 1 to a counter."),
        Function::new(
            "cnt_add",
            &[ArgKind::Parsed(parse_name), ArgKind::Int],
            Routes::ANY,
            add,
            "Adds a number to a counter; a negative one takes away.",
        ),
        Function::new("cnt_reset", NAME, Routes::ANY, reset, "Sets a counter to 0."),
    ],
    rpc: &[
        Rpc { name: "cnt.get", doc: "Tells a counter: group, name.", run: rpc::get },
        Rpc { name: "cnt.get_raw", doc: "The same: no counter here is reckoned from others.", run: rpc::get },
        Rpc { name: "cnt.get_vars", doc: "Tells all counters of a group.", run: rpc::group },
        Rpc { name: "cnt.grp_get_all", doc: "Tells all counters of a group.", run: rpc::group },
        Rpc { name: "cnt.grps_list", doc: "Lists the groups.", run: rpc::groups },
        Rpc { name: "cnt.help", doc: "Describes a counter: group, name.", run: rpc::help },
        Rpc { name: "cnt.list_groups", doc: "Lists the groups.", run: rpc::groups },
        Rpc { name: "cnt.list_vars", doc: "Lists the counters of a group.", run: rpc::names },
        Rpc { name: "cnt.reset", doc: "Sets a counter to 0: group, name.", run: rpc::reset },
        Rpc { name: "cnt.var_list", doc: "Lists the counters of a group.", run: rpc::names },
    ],
    start,
    ..Module::EMPTY
};

const NAME: &[ArgKind] = &[ArgKind::Parsed(parse_name)];

/// A counter's name as a script writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    /// None is that of `script_cnt_grp_name`.
    group: Option<String>,
    name: String,
}

impl Name {
    fn read(text: &str) -> Result<Self, String> {
        let (group, name) = match text.split_once('.') {
            Some((group, name)) => (Some(group.to_owned()), name),
            None => (None, text),
        };
        if name.is_empty() || group.as_deref() == Some("") || text.contains(char::is_whitespace) {
            return Err(format!("`{text}` is no counter; it is written `name` or `group.name`"));
        }
        Ok(Self { group, name: name.to_owned() })
    }
}

/// A declaration: name and description.
fn declaration(text: &str) -> Result<(Name, &str), String> {
    let text = text.trim();
    let (name, description) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    Ok((Name::read(name)?, description.trim()))
}

fn check_counter(value: &Value) -> Result<(), String> {
    declaration(&String::from_utf8_lossy(value.as_text().unwrap_or_default())).map(|_| ())
}

fn parse_name(text: &[u8]) -> Result<Parsed, String> {
    Name::read(String::from_utf8_lossy(text).trim()).map(|name| Arc::new(name) as Parsed)
}

/// The module under one configuration.
struct Counters {
    group: String,
    declared: BTreeMap<(String, String), (Counter, String)>,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let group = setup.text("script_cnt_grp_name").map_or_else(|| GROUP.to_owned(), text);
    let mut declared = BTreeMap::new();
    for param in setup.values("script_counter") {
        let given = text(param.value.as_text().unwrap_or_default());
        let (name, description) = declaration(&given).map_err(|error| SetupError::at(param, error))?;
        let key = (name.group.unwrap_or_else(|| group.clone()), name.name);
        let counter = setup.statistics().counter(&key.0, &key.1);
        let description = if description.is_empty() { "custom script counter." } else { description };
        declared.insert(key, (counter, description.to_owned()));
    }
    Ok(Arc::new(Counters { group, declared }))
}

/// The counter that an argument names.
fn counter<'a>(cx: &Cx<'a>, args: &Args<'_>) -> Option<&'a Counter> {
    let name = args.parsed::<Name>(0)?;
    let state = cx.state::<Counters>();
    let group = name.group.as_deref().unwrap_or(&state.group);
    let found = state.declared.iter().find(|((known, counter), _)| known == group && *counter == name.name);
    if found.is_none() {
        tracing::error!(target: "counters", "there is no counter {group}.{}; declare it with script_counter", name.name);
    }
    found.map(|(_, (counter, _))| counter)
}

fn change(cx: &Cx<'_>, args: &Args<'_>, change: impl FnOnce(&Counter, usize)) -> Flow {
    match counter(cx, args) {
        Some(counter) => {
            change(counter, cx.shard.index);
            Flow::TRUE
        }
        None => Flow::FALSE,
    }
}

fn increase(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    change(cx, args, Counter::add)
}

fn add(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(number) = args.int(1) else { return Flow::FALSE };
    change(cx, args, |counter, shard| match u64::try_from(number) {
        Ok(more) => counter.add_many(shard, more),
        Err(_) => counter.take_many(shard, number.unsigned_abs()),
    })
}

fn reset(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    change(cx, args, |counter, _| counter.reset())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_declared_with_group_and_description_or_without() {
        let read = |text| declaration(text).map(|(name, doc)| (name.group, name.name, doc.to_owned()));
        assert_eq!(read("calls"), Ok((None, "calls".into(), String::new())));
        assert_eq!(
            read("grp.calls  those that came in"),
            Ok((Some("grp".into()), "calls".into(), "those that came in".into()))
        );
        assert!(read(".x").is_err());
        assert!(read("").is_err());
    }
}
