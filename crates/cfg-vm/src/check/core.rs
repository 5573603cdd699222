//! Core parameters and the rest of the top level.

use cfg_syntax::ast::{Config, CoreParam as CoreItem, Item, ParamValue};
use cfg_syntax::{Diagnostic, Span};

use crate::known::{CoreDecl, CoreType, core_param, core_param_names};
use crate::settings::{CoreParam, Settings};
use crate::suggest::nearest;

/// Numbers that only make sense in a range.
const RANGES: [(&str, i64, i64); 3] =
    [("port", 0, 65535), ("tls_port_no", 0, 65535), ("advertised_port", 0, 65535)];

pub(super) fn read(config: &Config, settings: &mut Settings, diagnostics: &mut Vec<Diagnostic>) {
    for item in &config.items {
        match item {
            Item::CoreParam(param) => {
                if let Some(param) = check(param, diagnostics) {
                    settings.core.push(param);
                }
            }
            Item::Listen(listen) => settings.listens.push(listen.clone()),
            Item::Alias(aliases) => settings.aliases.extend(aliases.iter().cloned()),
            Item::CustomVar(var) => settings.custom.push(var.clone()),
            Item::CfgEngine(engine) => settings.engine = Some(engine.clone()),
            Item::LoadModule(_) | Item::LoadPath(_) | Item::ModParam(_) | Item::Flags(_) | Item::Route(_) => {
            }
        }
    }
}

fn check(param: &CoreItem, diagnostics: &mut Vec<Diagnostic>) -> Option<CoreParam> {
    let name = param.name.node.as_str();
    let Some(decl) = core_param(name) else {
        let message = format!("unknown core parameter `{name}`");
        let diagnostic = Diagnostic::error("unknown-core-parameter", param.name.span, message);
        diagnostics.push(match nearest(name, core_param_names()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(param.name.span, near),
            None => diagnostic,
        });
        return None;
    };
    let span = span_of(&param.value);
    if let Some(wanted) = misfit(decl, &param.value) {
        let message = format!("`{name}` takes {wanted}");
        diagnostics.push(Diagnostic::error("core-parameter-type", span, message));
        return None;
    }
    if let ParamValue::Int(number) = &param.value
        && let Some((_, least, most)) = RANGES.iter().find(|(ranged, ..)| *ranged == decl.name)
        && !(*least..=*most).contains(&number.node)
    {
        let message = format!("`{name}` is out of range: {least} to {most}");
        diagnostics.push(Diagnostic::warning("core-parameter-range", span, message));
    }
    Some(CoreParam { name: decl.name, value: param.value.clone(), span })
}

fn misfit(decl: &CoreDecl, value: &ParamValue) -> Option<&'static str> {
    match (decl.ty, value) {
        (_, ParamValue::Int(number)) if decl.name == "max_branches" && !(1..=31).contains(&number.node) => {
            Some("a number from 1 to 31")
        }
        (CoreType::Natural, ParamValue::Int(number)) if number.node < 0 => Some("a number of 0 or more"),
        (CoreType::Natural | CoreType::Int | CoreType::Bool, ParamValue::Int(_))
        | (CoreType::Str, ParamValue::Str(_) | ParamValue::Word(_))
        | (CoreType::Any, _) => None,
        (CoreType::Natural | CoreType::Int, _) => Some("a number"),
        (CoreType::Bool, _) => Some("yes or no"),
        (CoreType::Str, _) => Some("text"),
    }
}

pub(super) fn span_of(value: &ParamValue) -> Span {
    match value {
        ParamValue::Int(number) => number.span,
        ParamValue::Str(text) | ParamValue::Word(text) => text.span,
    }
}
