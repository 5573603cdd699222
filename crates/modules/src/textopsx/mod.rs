//! Module `textopsx`: values of list headers, iterators over headers and body lines, and making changes real.

mod glob;
mod iterator;
mod list;
mod place;
mod value;
mod whole;

use cfg_vm::catalogue::{ArgKind, InnerRule, PvType, Routes};
use engine::{Function, Module, Pv};

use crate::textops::pattern;

/// The module's table.
pub const MODULE: Module = Module {
    name: "textopsx",
    doc: "Changes values of list headers, walks over headers and body lines, and makes changes visible at once.",
    functions: FUNCTIONS,
    pvs: &[
        Pv::new(
            "hfitname",
            PvType::Str,
            iterator::header_name,
            "Name of the header that an iterator stands at.",
        )
        .inner(InnerRule::Required),
        Pv::new(
            "hfitbody",
            PvType::Str,
            iterator::header_body,
            "Body of the header that an iterator stands at.",
        )
        .inner(InnerRule::Required),
        Pv::new(
            "blitval",
            PvType::Str,
            iterator::body_line,
            "Line, with its end, that a body iterator stands at.",
        )
        .inner(InnerRule::Required),
    ],
    ..Module::EMPTY
};

const FORMAT: ArgKind = ArgKind::Format;
const REGEX: ArgKind = ArgKind::Parsed(pattern::by_line);
const NAME: ArgKind = ArgKind::Parsed(crate::textops::name::HeaderName::parse_argument);
const ONE_VALUE: ArgKind = ArgKind::Parsed(place::parse_value);
const ASSIGNABLE: ArgKind = ArgKind::Parsed(place::parse_assignable);
const ANY_PLACE: ArgKind = ArgKind::Parsed(place::parse_any);

const ANY: Routes = Routes::ANY;
/// Where the message itself is still to be changed.
const RO: Routes = Routes::REQUEST.or(Routes::REPLY);
/// Request, reply, failure and branch routes.
const ROFB: Routes = RO.or(Routes::FAILURE).or(Routes::BRANCH);

const FUNCTIONS: &[Function] = &[
    Function::new(
        "msg_apply_changes",
        &[],
        RO,
        whole::msg_apply_changes,
        "Makes all changes part of the message, so that everything after it sees them.",
    ),
    Function::new(
        "msg_set_buffer",
        &[FORMAT],
        RO,
        whole::msg_set_buffer,
        "Puts another message in the place of this one.",
    ),
    Function::new(
        "change_reply_status",
        &[ArgKind::Int, FORMAT],
        Routes::REPLY,
        whole::change_reply_status,
        "Changes a reply's status and reason, within its class.",
    ),
    Function::new(
        "change_reply_status_code",
        &[ArgKind::Int],
        Routes::REPLY,
        whole::change_reply_status_code,
        "Changes a reply's status, within its class.",
    ),
    Function::new(
        "remove_body",
        &[],
        ANY,
        whole::remove_body,
        "Takes the body away; its content type stays.",
    ),
    Function::new(
        "keep_hf",
        &[REGEX],
        ANY,
        whole::keep_hf,
        "Removes all headers but those that every message needs and those whose name matches an expression.",
    )
    .requires(0),
    Function::new(
        "fnmatch",
        &[FORMAT, FORMAT, FORMAT],
        ANY,
        glob::fnmatch,
        "Whether a text matches a pattern such as file names have: `*`, `?`, `[a-z]`.",
    )
    .requires(2),
    Function::new(
        "append_hf_value",
        &[ONE_VALUE, FORMAT],
        ROFB,
        value::append_hf_value,
        "Adds a value after one of a header's values, or in a header of its own.",
    ),
    Function::new(
        "insert_hf_value",
        &[ONE_VALUE, FORMAT],
        ROFB,
        value::insert_hf_value,
        "Adds a value before one of a header's values, or in a header of its own before the first.",
    ),
    Function::new(
        "remove_hf_value",
        &[ANY_PLACE],
        ROFB,
        value::remove_hf_value,
        "Removes one of a header's values, all of them, or a parameter of them.",
    ),
    Function::new(
        "assign_hf_value",
        &[ASSIGNABLE, FORMAT],
        ROFB,
        value::assign_hf_value,
        "Replaces one of a header's values, or sets a parameter of one or all.",
    ),
    Function::new(
        "remove_hf_value2",
        &[ANY_PLACE],
        ROFB,
        value::remove_hf_value2,
        "Removes a header, or a parameter of it, where commas separate parameters as in Authorization.",
    ),
    Function::new(
        "assign_hf_value2",
        &[ASSIGNABLE, FORMAT],
        ROFB,
        value::assign_hf_value2,
        "Replaces a header's body, or sets a parameter of it, where commas separate parameters.",
    ),
    Function::new(
        "include_hf_value",
        &[NAME, FORMAT],
        ROFB,
        value::include_hf_value,
        "Adds a value to a header unless it is there.",
    ),
    Function::new(
        "exclude_hf_value",
        &[NAME, FORMAT],
        ROFB,
        value::exclude_hf_value,
        "Removes a value from a header wherever it is there.",
    ),
    Function::new(
        "hf_value_exists",
        &[NAME, FORMAT],
        ROFB,
        value::hf_value_exists,
        "Whether a header has a value.",
    ),
    Function::new(
        "hf_iterator_start",
        &[FORMAT],
        ANY,
        iterator::hf_iterator_start,
        "Puts an iterator before the first header.",
    ),
    Function::new(
        "hf_iterator_next",
        &[FORMAT],
        ANY,
        iterator::hf_iterator_next,
        "Moves an iterator to the next header.",
    ),
    Function::new(
        "hf_iterator_prev",
        &[FORMAT],
        ANY,
        iterator::hf_iterator_prev,
        "Moves an iterator to the header before.",
    ),
    Function::new("hf_iterator_end", &[FORMAT], ANY, iterator::hf_iterator_end, "Puts an iterator away."),
    Function::new(
        "hf_iterator_rm",
        &[FORMAT],
        ANY,
        iterator::hf_iterator_rm,
        "Removes the header that an iterator stands at.",
    ),
    Function::new(
        "hf_iterator_append",
        &[FORMAT, FORMAT],
        ANY,
        iterator::hf_iterator_append,
        "Adds header lines after the header that an iterator stands at.",
    ),
    Function::new(
        "hf_iterator_insert",
        &[FORMAT, FORMAT],
        ANY,
        iterator::hf_iterator_insert,
        "Adds header lines before the header that an iterator stands at.",
    ),
    Function::new(
        "bl_iterator_start",
        &[FORMAT],
        ANY,
        iterator::bl_iterator_start,
        "Puts an iterator before the body's first line.",
    ),
    Function::new(
        "bl_iterator_next",
        &[FORMAT],
        ANY,
        iterator::bl_iterator_next,
        "Moves an iterator to the body's next line.",
    ),
    Function::new("bl_iterator_end", &[FORMAT], ANY, iterator::bl_iterator_end, "Puts an iterator away."),
    Function::new(
        "bl_iterator_rm",
        &[FORMAT],
        ANY,
        iterator::bl_iterator_rm,
        "Removes the line that an iterator stands at.",
    ),
    Function::new(
        "bl_iterator_append",
        &[FORMAT, FORMAT],
        ANY,
        iterator::bl_iterator_append,
        "Adds a text after the line that an iterator stands at.",
    ),
    Function::new(
        "bl_iterator_insert",
        &[FORMAT, FORMAT],
        ANY,
        iterator::bl_iterator_insert,
        "Adds a text before the line that an iterator stands at.",
    ),
];
