//! `pv`: the pseudo-variables of a message, variables that scripts keep, and transformations.

mod auth;
mod avp;
mod branch;
mod constants;
mod count;
mod flags;
mod from_to;
mod functions;
mod headers;
mod identity;
mod message;
mod params;
mod shared;
mod source;
mod table;
#[cfg(test)]
mod testing;
mod time;
mod transforms;
mod uri;
mod var;
mod xavp;
mod xavp_functions;

use std::collections::HashMap;
use std::sync::Arc;

use cfg_vm::catalogue::{ArgKind, Routes};
use cfg_vm::{Str, Value};
use engine::module::Rpc;
use engine::variables::AvpName;
use engine::{Function, Module, Param, Setup, SetupError};

use shared::SharedVars;

/// The module's table.
pub const MODULE: Module = Module {
    name: "pv",
    doc: "Pseudo-variables of messages, variables that scripts keep, and transformations of their values.",
    params: PARAMS,
    functions: FUNCTIONS,
    pvs: table::PVS,
    transforms: transforms::ALL,
    rpc: &[
        Rpc { name: "pv.shvGet", doc: "One shared variable, or all.", run: shared::rpc_get },
        Rpc {
            name: "pv.shvSet",
            doc: "Sets a shared variable: name, int or str, value.",
            run: shared::rpc_set,
        },
    ],
    start,
    ..Module::EMPTY
};

const PARAMS: &[Param] = &[
    Param::text("shvset", "", "Sets a shared variable at start: name=i:5 or name=s:text.")
        .repeatable()
        .check(preset),
    Param::text("varset", "", "Sets a script variable at start: name=i:5 or name=s:text.")
        .repeatable()
        .check(preset),
    Param::text("avp_aliases", "", "Other names of AVPs: name=i:5;other=s:text.").repeatable().check(aliases),
];

const READ: &[ArgKind] = &[ArgKind::PvRead];
const ONE: &[ArgKind] = &[ArgKind::Format];
const TWO: &[ArgKind] = &[ArgKind::Format, ArgKind::Format];
const NUMBER: &[ArgKind] = &[ArgKind::Format, ArgKind::Format, ArgKind::Int];
const THREE: &[ArgKind] = &[ArgKind::Format, ArgKind::Format, ArgKind::Format];
const FOUR: &[ArgKind] = &[ArgKind::Format, ArgKind::Format, ArgKind::Format, ArgKind::Format];
const COPY: &[ArgKind] = &[ArgKind::Format, ArgKind::Int, ArgKind::Format, ArgKind::Int];
const SHIFT: &[ArgKind] = &[ArgKind::Format, ArgKind::Int];
const INTO: &[ArgKind] = &[ArgKind::Format, ArgKind::PvWrite];

const FUNCTIONS: &[Function] = &[
    Function::new("pv_isset", READ, Routes::ANY, functions::is_set, "Whether a variable is defined."),
    Function::new(
        "pv_unset",
        &[ArgKind::PvRead],
        Routes::ANY,
        functions::unset,
        "Makes a variable undefined.",
    ),
    Function::new("is_int", READ, Routes::ANY, functions::is_int, "Whether a variable holds a number."),
    Function::new(
        "typeof",
        &[ArgKind::PvRead, ArgKind::Text],
        Routes::ANY,
        functions::type_of,
        "Whether a variable's value is int, str or null.",
    ),
    Function::new(
        "not_empty",
        READ,
        Routes::ANY,
        functions::not_empty,
        "Whether a variable holds text that is not empty.",
    ),
    Function::new(
        "pv_evalx",
        &[ArgKind::PvWrite, ArgKind::Format],
        Routes::ANY,
        functions::evaluate_twice,
        "Evaluates a text twice, into a variable.",
    ),
    Function::new(
        "pv_xavp_print",
        &[],
        Routes::ANY,
        xavp_functions::print_xavps,
        "Writes all XAVPs to the log.",
    ),
    Function::new(
        "pv_xavu_print",
        &[],
        Routes::ANY,
        xavp_functions::print_xavus,
        "Writes all XAVUs to the log.",
    ),
    Function::new(
        "pv_xavi_print",
        &[],
        Routes::ANY,
        xavp_functions::print_xavis,
        "Writes all XAVIs to the log.",
    ),
    Function::new(
        "pv_var_to_xavp",
        TWO,
        Routes::ANY,
        xavp_functions::from_var,
        "Copies a script variable, or all, into an XAVP.",
    ),
    Function::new(
        "pv_xavp_to_var",
        ONE,
        Routes::ANY,
        xavp_functions::to_var,
        "Copies an XAVP's fields into script variables.",
    ),
    Function::new(
        "xavp_copy",
        COPY,
        Routes::ANY,
        xavp_functions::copy,
        "Copies an XAVP, to be the newest or in the place of another.",
    )
    .requires(3),
    Function::new(
        "xavp_slist_explode",
        FOUR,
        Routes::ANY,
        xavp_functions::explode_list,
        "Makes an XAVP of the tokens of a list.",
    ),
    Function::new(
        "xavp_params_explode",
        TWO,
        Routes::ANY,
        xavp_functions::explode_params,
        "Makes an XAVP of parameters.",
    ),
    Function::new(
        "xavp_xparams_explode",
        THREE,
        Routes::ANY,
        xavp_functions::explode_separated,
        "Makes an XAVP of parameters with another separator.",
    ),
    Function::new(
        "xavp_params_implode",
        INTO,
        Routes::ANY,
        xavp_functions::implode_params,
        "Writes an XAVP's fields as parameters.",
    ),
    Function::new(
        "xavp_params_implode_qval",
        INTO,
        Routes::ANY,
        xavp_functions::implode_quoted,
        "Writes an XAVP's fields as parameters with quoted values.",
    ),
    Function::new(
        "xavu_params_explode",
        TWO,
        Routes::ANY,
        xavp_functions::explode_unique,
        "Makes an XAVU of parameters.",
    ),
    Function::new(
        "xavu_params_implode",
        INTO,
        Routes::ANY,
        xavp_functions::implode_unique,
        "Writes an XAVU's fields as parameters.",
    ),
    Function::new(
        "xavp_child_seti",
        NUMBER,
        Routes::ANY,
        xavp_functions::set_child_number,
        "Sets a field of an XAVP to a number.",
    ),
    Function::new(
        "xavp_child_sets",
        THREE,
        Routes::ANY,
        xavp_functions::set_child_text,
        "Sets a field of an XAVP to text.",
    ),
    Function::new(
        "xavp_rm",
        ONE,
        Routes::ANY,
        xavp_functions::remove,
        "Takes the newest XAVP of a name away.",
    ),
    Function::new(
        "xavp_rm_all",
        ONE,
        Routes::ANY,
        xavp_functions::remove_all,
        "Takes all XAVPs of a name away.",
    ),
    Function::new(
        "xavp_child_rm",
        TWO,
        Routes::ANY,
        xavp_functions::remove_child,
        "Takes a field of an XAVP away.",
    ),
    Function::new(
        "xavp_lshift",
        SHIFT,
        Routes::ANY,
        xavp_functions::shift,
        "Turns the XAVPs of a name round.",
    ),
    Function::new(
        "xavi_child_seti",
        NUMBER,
        Routes::ANY,
        xavp_functions::set_any_case_number,
        "Sets a field of an XAVI to a number.",
    ),
    Function::new(
        "xavi_child_sets",
        THREE,
        Routes::ANY,
        xavp_functions::set_any_case_text,
        "Sets a field of an XAVI to text.",
    ),
    Function::new(
        "xavi_rm",
        ONE,
        Routes::ANY,
        xavp_functions::remove_any_case,
        "Takes the newest XAVI of a name away.",
    ),
    Function::new(
        "xavi_rm_all",
        ONE,
        Routes::ANY,
        xavp_functions::remove_all_any_case,
        "Takes all XAVIs of a name away.",
    ),
    Function::new(
        "xavi_child_rm",
        TWO,
        Routes::ANY,
        xavp_functions::remove_child_any_case,
        "Takes a field of an XAVI away.",
    ),
    Function::new(
        "sbranch_set_ruri",
        &[],
        Routes::ANY,
        branch::set_request_uri,
        "Makes the static branch the first one.",
    ),
    Function::new("sbranch_append", &[], Routes::ANY, branch::append_static, "Adds the static branch."),
    Function::new("sbranch_reset", &[], Routes::ANY, branch::reset_static, "Empties the static branch."),
];

/// What one configuration sets.
pub(crate) struct State {
    shared: Arc<SharedVars>,
    preset: HashMap<var::Slot, Value>,
    avp_aliases: Vec<(Str, AvpName)>,
}

fn start(setup: &mut Setup<'_>) -> Result<engine::module::State, SetupError> {
    let shared = setup.before::<State>().map_or_else(Arc::default, |before| Arc::clone(&before.shared));
    for param in setup.values("shvset") {
        let (name, value) =
            var::parse_preset(&param.value.to_str()).map_err(|why| SetupError::at(param, why))?;
        shared.preset(&name, value);
    }
    let mut preset = HashMap::new();
    for param in setup.values("varset") {
        let (name, value) =
            var::parse_preset(&param.value.to_str()).map_err(|why| SetupError::at(param, why))?;
        preset.insert(var::Slot::of(&name).map_err(|why| SetupError::at(param, why))?, value);
    }
    let mut avp_aliases = Vec::new();
    for param in setup.values("avp_aliases") {
        avp_aliases
            .extend(avp::parse_aliases(&param.value.to_str()).map_err(|why| SetupError::at(param, why))?);
    }
    Ok(Arc::new(State { shared, preset, avp_aliases }))
}

fn preset(value: &Value) -> Result<(), String> {
    var::parse_preset(&value.to_str()).map(drop)
}

fn aliases(value: &Value) -> Result<(), String> {
    avp::parse_aliases(&value.to_str()).map(drop)
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_found_in_the_catalogue_of_all_modules() {
        let registry = engine::Registry::new(crate::ALL);
        let catalogue = &registry.catalogue;
        for name in ["ru", "fU", "avp", "hdr", "branch", "TV", "env"] {
            assert!(catalogue.pv_named(name).is_some(), "${name}");
        }
        for name in ["uri.host", "nameaddr.uri", "tobody.tag", "urialias.encode"] {
            assert!(catalogue.transform_named(name).is_some(), "{{{name}}}");
        }
        assert_eq!(catalogue.functions_named("log").len(), 2);
    }
}
