//! Module `textops`: looking at the message's text and changing it.
//!
//! Changes are edits over the message as it was received: nothing reads them before `msg_apply_changes()` or the wire.

mod body;
mod compare;
mod header;
pub(crate) mod method;
mod multipart;
pub(crate) mod name;
pub(crate) mod pattern;
mod search;
mod substitute;

use cfg_vm::catalogue::{ArgKind, Routes};
use engine::{Function, Module, Transform};

use name::HeaderName;

pub(crate) use header::insert_before;

/// The module's table.
pub const MODULE: Module = Module {
    name: "textops",
    doc: "Searches, replaces, adds and removes parts of the message's text, headers and bodies.",
    functions: FUNCTIONS,
    transforms: &[Transform {
        decl: cfg_vm::transform::RE[0],
        doc: "Substitutes by a regular expression, as `sed` does: `{re.subst,/expression/replacement/flags}`.",
    }],
    ..Module::EMPTY
};

const TEXT: ArgKind = ArgKind::Text;
const FORMAT: ArgKind = ArgKind::Format;
const INT: ArgKind = ArgKind::Int;
const TARGET: ArgKind = ArgKind::PvWrite;
const NAME: ArgKind = ArgKind::Parsed(HeaderName::parse_argument);
const REGEX: ArgKind = ArgKind::Parsed(pattern::by_line);
const REGEX_AT_ONCE: ArgKind = ArgKind::Parsed(pattern::at_once);
const SUBST: ArgKind = ArgKind::Parsed(substitute::parse);
const SEPARATOR: ArgKind = ArgKind::Parsed(compare::parse_separator);

const ANY: Routes = Routes::ANY;
/// Request, failure and branch routes.
const RFB: Routes = Routes::REQUEST.or(Routes::FAILURE).or(Routes::BRANCH);
/// These and the reply routes.
const RFBO: Routes = RFB.or(Routes::REPLY);

const FUNCTIONS: &[Function] = &[
    Function::new(
        "search",
        &[REGEX],
        ANY,
        search::search,
        "Whether the expression matches anywhere in the message.",
    ),
    Function::new(
        "search_body",
        &[REGEX],
        ANY,
        search::search_body,
        "Whether the expression matches in the body.",
    ),
    Function::new(
        "search_hf",
        &[NAME, REGEX, TEXT],
        ANY,
        search::search_hf,
        "Whether the expression matches in a header: in all fields of the name (`a`), the first (`f`) or the last (`l`).",
    ),
    Function::new(
        "search_append",
        &[REGEX, TEXT],
        ANY,
        search::search_append,
        "Inserts a text after the first match in the message.",
    ),
    Function::new(
        "search_append_body",
        &[REGEX, TEXT],
        ANY,
        search::search_append_body,
        "Inserts a text after the first match in the body.",
    ),
    Function::new(
        "replace",
        &[REGEX, TEXT],
        ANY,
        search::replace,
        "Replaces the first match in headers and body.",
    ),
    Function::new(
        "replace_all",
        &[REGEX, TEXT],
        ANY,
        search::replace_all,
        "Replaces every match in headers and body.",
    ),
    Function::new(
        "replace_hdrs",
        &[REGEX, TEXT],
        ANY,
        search::replace_hdrs,
        "Replaces the first match in the headers.",
    ),
    Function::new(
        "replace_body",
        &[REGEX, TEXT],
        ANY,
        search::replace_body,
        "Replaces the first match in the body.",
    ),
    Function::new(
        "replace_body_all",
        &[REGEX, TEXT],
        ANY,
        search::replace_body_all,
        "Replaces every match in the body, where `^` and `$` hold at each line.",
    ),
    Function::new(
        "replace_body_atonce",
        &[REGEX_AT_ONCE, TEXT],
        ANY,
        search::replace_body_all,
        "Replaces every match in the body, which is looked at as one line.",
    ),
    Function::new(
        "replace_str",
        &[FORMAT, FORMAT, FORMAT],
        ANY,
        search::replace_str,
        "Replaces a text in headers and body, everywhere (`a`) or once (`f`).",
    ),
    Function::new(
        "replace_hdrs_str",
        &[FORMAT, FORMAT, FORMAT],
        ANY,
        search::replace_hdrs_str,
        "Replaces a text in the headers, everywhere (`a`) or once (`f`).",
    ),
    Function::new(
        "replace_body_str",
        &[FORMAT, FORMAT, FORMAT],
        ANY,
        search::replace_body_str,
        "Replaces a text in the body, everywhere (`a`) or once (`f`).",
    ),
    Function::new(
        "append_to_reply",
        &[FORMAT],
        RFB,
        header::append_to_reply,
        "Adds header lines to the replies that are made here for this request.",
    ),
    Function::new(
        "append_hf",
        &[FORMAT, NAME],
        ANY,
        header::append_hf,
        "Adds header lines after the last field, or after the last one of a name.",
    )
    .requires(1),
    Function::new(
        "insert_hf",
        &[FORMAT, NAME],
        ANY,
        header::insert_hf,
        "Adds header lines before the first field, or before the first one of a name.",
    )
    .requires(1),
    Function::new(
        "append_urihf",
        &[TEXT, TEXT],
        RFB,
        header::append_urihf,
        "Adds a header made of a prefix, the received request URI and a suffix.",
    ),
    Function::new("remove_hf", &[NAME], ANY, header::remove_hf, "Removes all fields of a name."),
    Function::new(
        "remove_hf_pv",
        &[FORMAT],
        ANY,
        header::remove_hf,
        "Removes all fields of a name that may hold variables.",
    ),
    Function::new(
        "remove_hf_idx",
        &[FORMAT, INT],
        ANY,
        header::remove_hf_idx,
        "Removes one field of a name by its index; negative ones count from the last.",
    ),
    Function::new(
        "remove_hf_re",
        &[REGEX],
        ANY,
        header::remove_hf_re,
        "Removes all fields whose name matches an expression.",
    ),
    Function::new(
        "remove_hf_re_pv",
        &[FORMAT],
        ANY,
        header::remove_hf_re,
        "Removes all fields whose name matches an expression that may hold variables.",
    ),
    Function::new(
        "remove_hf_exp",
        &[REGEX, REGEX],
        ANY,
        header::remove_hf_exp,
        "Removes all fields whose name matches the first expression and not the second.",
    ),
    Function::new(
        "remove_hf_exp_pv",
        &[FORMAT, FORMAT],
        ANY,
        header::remove_hf_exp,
        "Removes all fields whose name matches the first expression and not the second; both may hold variables.",
    ),
    Function::new(
        "remove_hf_match",
        &[FORMAT, FORMAT, FORMAT],
        ANY,
        header::remove_hf_match,
        "Removes the fields of a name whose body is equal (`eq`), differs (`ne`), contains (`in`) or matches (`re`).",
    ),
    Function::new("is_present_hf", &[NAME], ANY, header::is_present_hf, "Whether a header is there."),
    Function::new(
        "is_present_hf_pv",
        &[FORMAT],
        ANY,
        header::is_present_hf,
        "Whether a header is there whose name may hold variables.",
    ),
    Function::new(
        "is_present_hf_re",
        &[REGEX],
        ANY,
        header::is_present_hf_re,
        "Whether a header is there whose name matches an expression.",
    ),
    Function::new(
        "is_present_hf_re_pv",
        &[FORMAT],
        ANY,
        header::is_present_hf_re,
        "Whether a header is there whose name matches an expression that may hold variables.",
    ),
    Function::new(
        "subst",
        &[SUBST],
        ANY,
        substitute::subst,
        "Substitutes in headers and body, as `sed` does: `/expression/replacement/flags`.",
    ),
    Function::new("subst_uri", &[SUBST], RFBO, substitute::subst_uri, "Substitutes in the request URI."),
    Function::new(
        "subst_user",
        &[SUBST],
        RFBO,
        substitute::subst_user,
        "Substitutes in the user of the request URI.",
    ),
    Function::new("subst_body", &[SUBST], ANY, substitute::subst_body, "Substitutes in the body."),
    Function::new(
        "subst_hf",
        &[NAME, SUBST, TEXT],
        ANY,
        substitute::subst_hf,
        "Substitutes in a header: in all fields of the name (`a`), the first (`f`) or the last (`l`).",
    ),
    Function::new(
        "subst_v",
        &[FORMAT, SUBST, TARGET],
        ANY,
        substitute::subst_v,
        "Substitutes in a text, and puts the result into a variable.",
    ),
    Function::new(
        "filter_body",
        &[TEXT],
        ANY,
        multipart::filter_body,
        "Leaves of a multipart body only the first part of a type.",
    ),
    Function::new(
        "append_time",
        &[],
        RFB,
        header::append_time,
        "Adds a Date header to the replies that are made here for this request.",
    ),
    Function::new(
        "append_time_to_request",
        &[],
        ANY,
        header::append_time_to_request,
        "Adds a Date header to the request.",
    ),
    Function::new("set_body", &[FORMAT, FORMAT], RFBO, body::set_body, "Sets the body and its content type."),
    Function::new(
        "set_body_hex",
        &[FORMAT, FORMAT],
        ANY,
        body::set_body_hex,
        "Sets the body, given in hexadecimal digits, and its content type.",
    ),
    Function::new(
        "set_reply_body",
        &[FORMAT, FORMAT],
        RFB,
        body::set_reply_body,
        "Sets body and content type of the replies that are made here for this request.",
    ),
    Function::new(
        "set_reply_body_hex",
        &[FORMAT, FORMAT],
        RFB,
        body::set_reply_body_hex,
        "Sets the body, given in hexadecimal digits, and content type of the replies that are made here.",
    ),
    Function::new(
        "is_method",
        &[ArgKind::Parsed(method::parse_methods)],
        ANY,
        method::is_method,
        "Whether the method, of a reply that of its CSeq, is one of a list.",
    ),
    Function::new(
        "has_body",
        &[ArgKind::Parsed(body::parse_media_type)],
        ANY,
        body::has_body,
        "Whether there is a body, and of a type if one is given.",
    )
    .requires(0),
    Function::new(
        "is_privacy",
        &[ArgKind::Parsed(body::parse_privacy)],
        ANY,
        body::is_privacy,
        "Whether the Privacy header asks for a type of privacy.",
    ),
    Function::new(
        "in_list",
        &[FORMAT, FORMAT, SEPARATOR],
        ANY,
        compare::in_list,
        "Whether a text is an item of a list.",
    ),
    Function::new(
        "in_list_prefix",
        &[FORMAT, FORMAT, SEPARATOR],
        ANY,
        compare::in_list_prefix,
        "Whether an item of a list is a prefix of a text.",
    ),
    Function::new("cmp_str", &[FORMAT, FORMAT], ANY, compare::cmp_str, "Whether two texts are the same."),
    Function::new(
        "cmp_istr",
        &[FORMAT, FORMAT],
        ANY,
        compare::cmp_istr,
        "Whether two texts are the same, whatever the case.",
    ),
    Function::new(
        "search_str",
        &[FORMAT, FORMAT],
        ANY,
        compare::search_str,
        "Whether an expression matches in a text.",
    ),
    Function::new(
        "starts_with",
        &[FORMAT, FORMAT],
        ANY,
        compare::starts_with,
        "Whether a text begins with another.",
    ),
    Function::new(
        "ends_with",
        &[FORMAT, FORMAT],
        ANY,
        compare::ends_with,
        "Whether a text ends with another.",
    ),
    Function::new(
        "str_find",
        &[FORMAT, FORMAT],
        ANY,
        compare::str_find,
        "Where a text stands in another, counted from 1.",
    ),
    Function::new(
        "str_ifind",
        &[FORMAT, FORMAT],
        ANY,
        compare::str_ifind,
        "Where a text stands in another, counted from 1, whatever the case.",
    ),
    Function::new(
        "str_any_in",
        &[FORMAT, FORMAT],
        ANY,
        compare::str_any_in,
        "Whether any character of a text is among others.",
    ),
    Function::new(
        "str_all_in",
        &[FORMAT, FORMAT],
        ANY,
        compare::str_all_in,
        "Whether all characters of a text are among others.",
    ),
    Function::new(
        "is_audio_on_hold",
        &[],
        ANY,
        body::is_audio_on_hold,
        "Whether the session description holds an audio stream: 1 by its address, 2 by its direction.",
    ),
    Function::new(
        "via_param_rm",
        &[FORMAT, INT],
        ANY,
        header::via_param_rm,
        "Removes a parameter of the Via at an index; 0 is the topmost, -1 the last.",
    ),
    Function::new(
        "set_body_multipart",
        &[FORMAT, FORMAT, FORMAT],
        RFB,
        multipart::set_body_multipart,
        "Sets a multipart body with one part, or makes the message's body that part.",
    )
    .requires(0),
    Function::new(
        "append_body_part",
        &[FORMAT, FORMAT, FORMAT],
        RFB,
        multipart::append_body_part,
        "Adds a part to a multipart body.",
    )
    .requires(2),
    Function::new(
        "append_body_part_hex",
        &[FORMAT, FORMAT, FORMAT],
        RFB,
        multipart::append_body_part_hex,
        "Adds a part, given in hexadecimal digits, to a multipart body.",
    )
    .requires(2),
    Function::new(
        "remove_body_part",
        &[FORMAT],
        RFB,
        multipart::remove_body_part,
        "Removes the first part of a type from a multipart body.",
    ),
    Function::new(
        "get_body_part_raw",
        &[FORMAT, TARGET],
        RFBO,
        multipart::get_body_part_raw,
        "Puts the first part of a type, with its headers and delimiter, into a variable.",
    ),
    Function::new(
        "get_body_part",
        &[FORMAT, TARGET],
        RFBO,
        multipart::get_body_part,
        "Puts the first part of a type into a variable.",
    ),
    Function::new(
        "regex_substring",
        &[FORMAT, FORMAT, INT, INT, TARGET],
        RFBO,
        compare::regex_substring,
        "Puts what a group of an expression matches in a text into a variable.",
    ),
];
