//! What a script reads of its configuration: defines, and the instances of variable groups.

use cfg_vm::{Str, Value};
use engine::{Args, Cx, Flow, PvArgs};

/// `cfg_select("group", id)`: the group's variables are those of one instance from here on, for this message.
pub(super) fn select(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (group, id) = (args.text(0), args.int(1).unwrap_or(0));
    let mut custom = cx.running.settings.custom.iter();
    let known = custom.any(|var| {
        var.group.node.as_bytes() == group && var.index.as_ref().is_some_and(|index| index.node == id)
    });
    if !known {
        let group = String::from_utf8_lossy(group);
        tracing::error!(target: "core", "cfg_select: group instance '{group}[{id}]' does not exist");
        return Flow::FALSE;
    }
    let group = Str::copy(group);
    let instances = &mut cx.context.variables.instances;
    instances.retain(|(known, _)| *known != group);
    instances.push((group, id));
    Flow::TRUE
}

/// `cfg_reset("group")`
pub(super) fn reset(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let group = args.text(0);
    let known = cx.running.settings.custom.iter().any(|var| var.group.node.as_bytes() == group);
    cx.context.variables.instances.retain(|(known, _)| known.as_bytes() != group);
    known.into()
}

/// `$def(NAME)`
pub(super) fn define(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    find(cx, args.name()).map_or(Value::Null, |text| Value::Str(Str::copy(text)))
}

/// `$defn(NAME)`: 0 where there is no such name, or its text is no number.
pub(super) fn define_number(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.trim().parse().ok();
    Value::Int(find(cx, args.name()).and_then(number).unwrap_or(0))
}

fn find<'a>(cx: &Cx<'a>, name: &[u8]) -> Option<&'a [u8]> {
    let mut defines = cx.running.settings.defines.iter();
    defines.find(|(known, _)| known.as_bytes() == name).map(|(_, text)| text.as_slice())
}
