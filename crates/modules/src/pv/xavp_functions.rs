//! Functions on extended AVPs: from lists and parameters and back, children, copies.

use cfg_vm::{Str, Value};
use engine::variables::{Case, XavpList, XavpValue};
use engine::{Args, Cx, Flow};

use super::params::{self, Pair};
use super::{var, xavp};

/// Which kind of list a function works on.
#[derive(Clone, Copy)]
enum Kind {
    Xavp,
    Xavu,
    Xavi,
}

impl Kind {
    fn list<'a>(self, cx: &'a mut Cx<'_>) -> &'a mut XavpList {
        let variables = &mut cx.context.variables;
        match self {
            Self::Xavp => &mut variables.xavps,
            Self::Xavu => &mut variables.xavus,
            Self::Xavi => &mut variables.xavis,
        }
    }

    fn case(self) -> Case {
        if let Self::Xavi = self { Case::Ignored } else { Case::Exact }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Xavp => "XAVP",
            Self::Xavu => "XAVU",
            Self::Xavi => "XAVI",
        }
    }
}

/// Fields so that they are read in the order of `pairs`.
fn fields_of(pairs: &[Pair<'_>]) -> XavpList {
    let mut fields = XavpList::default();
    for pair in pairs.iter().rev() {
        fields.push(Str::copy(pair.name), XavpValue::Str(Str::copy(&pair.unquoted())));
    }
    fields
}

/// Reads parameters, or says in the log that they are none.
fn pairs<'a>(text: &'a [u8], separator: u8, function: &str) -> Option<Vec<Pair<'a>>> {
    let pairs = params::parse(text, separator).filter(|pairs| !pairs.is_empty());
    if pairs.is_none() {
        tracing::error!(target: "pv", "{function}: no parameters in \"{}\"", String::from_utf8_lossy(text));
    }
    pairs
}

/// `xavp_params_explode("a=1;b=2", "x")`: a new root with a field for each parameter.
pub(super) fn explode_params(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    exploded(cx, args.text(0), b';', args.str(1))
}

/// `xavp_xparams_explode("a=1,b=2", ",", "x")`
pub(super) fn explode_separated(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match args.text(1) {
        [separator] => exploded(cx, args.text(0), *separator, args.str(2)),
        _ => {
            tracing::error!(target: "pv", "xavp_xparams_explode: the separator is one character");
            Flow::FALSE
        }
    }
}

fn exploded(cx: &mut Cx<'_>, text: &[u8], separator: u8, root: Str) -> Flow {
    let Some(pairs) = pairs(text, separator, "xavp_params_explode") else { return Flow::FALSE };
    cx.context.variables.xavps.push(root, XavpValue::List(fields_of(&pairs)));
    Flow::TRUE
}

/// `xavu_params_explode("a=1;b=2", "x")`: of a name that comes twice, the first counts.
pub(super) fn explode_unique(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(pairs) = pairs(args.text(0), b';', "xavu_params_explode") else { return Flow::FALSE };
    let list = &mut cx.context.variables.xavus;
    let root = args.str(1);
    for pair in pairs.iter().rev() {
        let value = XavpValue::Str(Str::copy(&pair.unquoted()));
        xavp::set_field(list, &root, &Str::copy(pair.name), Some(value), Case::Exact);
    }
    Flow::TRUE
}

/// `xavp_params_implode("x", "$out")`
pub(super) fn implode_params(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    implode(cx, args, Kind::Xavp, Quotes::Never)
}

/// `xavp_params_implode_qval("x", "$out")`: text values are quoted.
pub(super) fn implode_quoted(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    implode(cx, args, Kind::Xavp, Quotes::AroundText)
}

/// `xavu_params_implode("x", "$out")`
pub(super) fn implode_unique(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    implode(cx, args, Kind::Xavu, Quotes::Never)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    Never,
    AroundText,
}

fn implode(cx: &mut Cx<'_>, args: &Args<'_>, kind: Kind, quotes: Quotes) -> Flow {
    let Some(pv) = args.pv(1) else { return Flow::FALSE };
    let Some(XavpValue::List(fields)) = kind.list(cx).get(args.text(0), 0, kind.case()) else {
        return Flow::FALSE;
    };
    let text = joined(fields, quotes);
    cx.write_pv(pv, Value::Str(text.into())).into()
}

/// `a=1;b=two;c;`: empty texts have no `=`, lists are left out.
fn joined(fields: &XavpList, quotes: Quotes) -> Vec<u8> {
    let mut text = Vec::new();
    for field in fields.iter() {
        let value = match &field.value {
            XavpValue::List(_) => continue,
            XavpValue::Int(number) => Str::decimal(*number),
            XavpValue::Str(text) if quotes == Quotes::AroundText => {
                [b"\"", text.as_bytes(), b"\""].concat().into()
            }
            XavpValue::Str(text) => text.clone(),
        };
        text.extend_from_slice(&field.name);
        if !value.is_empty() {
            text.push(b'=');
            text.extend_from_slice(&value);
        }
        text.push(b';');
    }
    text
}

/// `xavp_slist_explode("a, b", ",", "t", "x")`: each token a field `v`, the first with index 0.
pub(super) fn explode_list(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (text, separators, mode) = (args.text(0), args.text(1), args.text(2));
    let tokens = text.split(|byte| separators.contains(byte));
    let tokens: Vec<_> = tokens
        .map(|token| if mode.contains(&b't') { token.trim_ascii() } else { token })
        .filter(|token| !token.is_empty())
        .collect();
    if tokens.is_empty() {
        return Flow::FALSE;
    }
    let mut fields = XavpList::default();
    for token in tokens.iter().rev() {
        fields.push(Str::from_static(b"v"), XavpValue::Str(Str::copy(token)));
    }
    cx.context.variables.xavps.push(args.str(3), XavpValue::List(fields));
    Flow::TRUE
}

/// `xavp_copy("from", index, "to" [, index])`: a copy becomes the newest of its name, or replaces one.
pub(super) fn copy(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let list = &mut cx.context.variables.xavps;
    let source = list.get(args.text(0), args.int(1).unwrap_or(0), Case::Exact).cloned();
    let Some(source) = source else {
        let name = String::from_utf8_lossy(args.text(0));
        tracing::error!(target: "pv", "xavp_copy: missing can not find source xavp [{name}]");
        return Flow::FALSE;
    };
    let Some(nth) = args.int(3) else {
        list.push(args.str(2), source);
        return Flow::TRUE;
    };
    match list.get_mut(args.text(2), nth, Case::Exact) {
        Some(known) => {
            *known = source;
            Flow::TRUE
        }
        None => {
            let name = String::from_utf8_lossy(args.text(2));
            tracing::error!(target: "pv", "xavp_copy: missing can not find destination xavp [{name}]");
            Flow::FALSE
        }
    }
}

fn set_child(cx: &mut Cx<'_>, args: &Args<'_>, kind: Kind, value: XavpValue) -> Flow {
    let case = kind.case();
    xavp::set_field(kind.list(cx), &args.str(0), &args.str(1), Some(value), case);
    Flow::TRUE
}

/// `xavp_child_seti("root", "field", number)`
pub(super) fn set_child_number(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    set_child(cx, args, Kind::Xavp, XavpValue::Int(args.int(2).unwrap_or(0)))
}

/// `xavp_child_sets("root", "field", "text")`
pub(super) fn set_child_text(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    set_child(cx, args, Kind::Xavp, XavpValue::Str(args.str(2)))
}

/// `xavi_child_seti("root", "field", number)`
pub(super) fn set_any_case_number(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    set_child(cx, args, Kind::Xavi, XavpValue::Int(args.int(2).unwrap_or(0)))
}

/// `xavi_child_sets("root", "field", "text")`
pub(super) fn set_any_case_text(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    set_child(cx, args, Kind::Xavi, XavpValue::Str(args.str(2)))
}

/// `xavp_rm("root")`: the newest of a name; 1 also when there is none.
pub(super) fn remove(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.context.variables.xavps.remove(args.text(0), 0, Case::Exact);
    Flow::TRUE
}

/// `xavp_rm_all("root")`
pub(super) fn remove_all(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.context.variables.xavps.remove_all(args.text(0), Case::Exact);
    Flow::TRUE
}

/// `xavi_rm("root")`
pub(super) fn remove_any_case(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.context.variables.xavis.remove(args.text(0), 0, Case::Ignored);
    Flow::TRUE
}

/// `xavi_rm_all("root")`
pub(super) fn remove_all_any_case(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.context.variables.xavis.remove_all(args.text(0), Case::Ignored);
    Flow::TRUE
}

/// `xavp_child_rm("root", "field")`
pub(super) fn remove_child(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    xavp::set_field(&mut cx.context.variables.xavps, &args.str(0), &args.str(1), None, Case::Exact);
    Flow::TRUE
}

/// `xavi_child_rm("root", "field")`
pub(super) fn remove_child_any_case(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    xavp::set_field(&mut cx.context.variables.xavis, &args.str(0), &args.str(1), None, Case::Ignored);
    Flow::TRUE
}

/// `xavp_lshift("root", index)`: the value at the index becomes the newest; those before it go to the end.
pub(super) fn shift(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(count) = args.int(1).and_then(|count| usize::try_from(count).ok()) else { return Flow::FALSE };
    let list = &mut cx.context.variables.xavps;
    let name = args.str(0);
    let total = list.count(&name, Case::Exact);
    if count >= total {
        return Flow::FALSE;
    }
    let mut values: Vec<_> =
        (0..total as i64).filter_map(|nth| list.get(&name, nth, Case::Exact).cloned()).collect();
    values.rotate_left(count);
    list.remove_all(&name, Case::Exact);
    for value in values.into_iter().rev() {
        list.push(name.clone(), value);
    }
    Flow::TRUE
}

/// `pv_var_to_xavp("name" or "*", "x")`: variables become fields of a new root, in place of an old one.
pub(super) fn from_var(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let root = args.str(1);
    cx.context.variables.xavps.remove(&root, 0, Case::Exact);
    let mut fields = XavpList::default();
    if args.text(0) == b"*" {
        for (name, value) in var::all(cx) {
            fields.push(name, XavpValue::of(value).unwrap_or(XavpValue::Int(0)));
        }
    } else {
        let Some(slot) = var::find(args.text(0)) else {
            let name = String::from_utf8_lossy(args.text(0));
            tracing::error!(target: "pv", "pv_var_to_xavp: script var [{name}] not found");
            return Flow::FALSE;
        };
        let value = XavpValue::of(var::value(cx, slot)).unwrap_or(XavpValue::Int(0));
        fields.push(args.str(0), value);
    }
    cx.context.variables.xavps.push(root, XavpValue::List(fields));
    Flow::TRUE
}

/// `pv_xavp_to_var("x")`: fields become variables of their names.
pub(super) fn to_var(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(XavpValue::List(fields)) = cx.context.variables.xavps.get(args.text(0), 0, Case::Exact) else {
        return Flow::FALSE;
    };
    for field in fields.clone().iter().rev() {
        if let (Ok(slot), false) = (var::Slot::of(&field.name), matches!(field.value, XavpValue::List(_))) {
            var::assign(cx, slot, field.value.read());
        }
    }
    Flow::TRUE
}

/// `pv_xavp_print()`
pub(super) fn print_xavps(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    print(Kind::Xavp.name(), Kind::Xavp.list(cx), 0);
    Flow::TRUE
}

/// `pv_xavu_print()`
pub(super) fn print_xavus(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    print(Kind::Xavu.name(), Kind::Xavu.list(cx), 0);
    Flow::TRUE
}

/// `pv_xavi_print()`
pub(super) fn print_xavis(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    print(Kind::Xavi.name(), Kind::Xavi.list(cx), 0);
    Flow::TRUE
}

/// Lists nest as deep as functions made them: two levels.
fn print(kind: &str, list: &XavpList, level: usize) {
    tracing::info!(target: "pv", "+++++ start {kind} list (level={level})");
    for field in list.iter() {
        let name = field.name.to_lossy();
        match &field.value {
            XavpValue::Int(number) => tracing::info!(target: "pv", "     {kind} {name} (int): {number}"),
            XavpValue::Str(text) => {
                tracing::info!(target: "pv", "     {kind} {name} (str): {}", text.to_lossy())
            }
            XavpValue::List(fields) => {
                tracing::info!(target: "pv", "     {kind} {name} (list)");
                print(kind, fields, level + 1);
            }
        }
    }
    tracing::info!(target: "pv", "----- end {kind} list (level={level})");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exploded_parameters_are_imploded_in_their_order() {
        let pairs = params::parse(b"a=1;b=\"two\";c", b';').unwrap();
        assert_eq!(joined(&fields_of(&pairs), Quotes::Never), b"a=1;b=two;c;");
        assert_eq!(joined(&fields_of(&pairs[..1]), Quotes::AroundText), b"a=\"1\";");
    }
}
