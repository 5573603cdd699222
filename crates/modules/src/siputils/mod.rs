//! Module `siputils`: tests and edits of URIs, contacts and headers that everyday scripts use.

mod charging;
mod contact;
mod extension;
mod message;
mod number;
mod parameter;
mod rpid;
mod uri;

use std::sync::Arc;

use cfg_vm::bound::BoundPv;
use cfg_vm::catalogue::{ArgKind, InnerRule, PvType, Routes};
use engine::module::State;
use engine::{Function, Module, Param, Pv, Setup, SetupError};

pub use message::VerifiedUser;

/// The module's table.
pub const MODULE: Module = Module {
    name: "siputils",
    doc: "Tests and edits of URIs, contacts, numbers and headers.",
    params: &[
        Param::text("options_accept", "*/*", "Accept in the answer of `options_reply`."),
        Param::text("options_accept_encoding", "", "Accept-Encoding in the answer of `options_reply`."),
        Param::text("options_accept_language", "en", "Accept-Language in the answer of `options_reply`."),
        Param::text("options_support", "", "Supported in the answer of `options_reply`."),
        Param::text("options_allow", "", "Allow in the answer of `options_reply`; none when empty. Not in Kamailio."),
        Param::int_in(
            "require_autodrop",
            0,
            1,
            "1",
            "Whether a failed `check_require` ends the script. Not in Kamailio.",
        ),
        Param::text("contact_flds_separator", "*", "What stands between the parts of an encoded contact; one byte.")
            .check(contact::is_separator),
        Param::text("rpid_prefix", "", "What Remote-Party-ID begins with."),
        Param::text("rpid_suffix", rpid::SUFFIX, "What Remote-Party-ID ends with."),
        Param::text("rpid_avp", "$avp(s:rpid)", "Variable that holds the URI for Remote-Party-ID."),
        Param::int_in("e164_max_len", 2, 255, "16", "Longest E.164 number, its plus sign included."),
    ],
    functions: &[
        Function::new(
            "options_reply",
            NONE,
            Routes::REQUEST,
            extension::options_reply,
            "Answers OPTIONS to this server itself (no user in the request URI) with what it accepts.",
        ),
        Function::new(
            "check_require",
            &[ArgKind::Parsed(extension::parse_list)],
            Routes::ANY,
            extension::check_require,
            "Rejects a request whose Require asks for more than these extensions with 420 and Unsupported (RFC 3261 \
             §8.2.2.3). Not in Kamailio.",
        ),
        Function::new(
            "is_supported",
            &[ArgKind::Parsed(extension::parse_option)],
            Routes::ANY,
            extension::is_supported,
            "Whether Supported lists an extension.",
        ),
        Function::new("is_user", TEXT, Routes::REQUEST.or(Routes::LOCAL), message::is_user, "Whether the request's \
             credentials were verified and are this user's."),
        Function::new("has_totag", NONE, Routes::ANY, message::has_totag, "Whether To has a tag."),
        Function::new("is_request", NONE, Routes::ANY, message::is_request, "Whether the message is a request."),
        Function::new("is_reply", NONE, Routes::ANY, message::is_reply, "Whether the message is a reply."),
        Function::new("is_sip", NONE, Routes::ANY, message::is_sip, "Whether the message is SIP."),
        Function::new("is_http", NONE, Routes::ANY, message::is_http, "Whether the message is HTTP."),
        Function::new(
            "is_first_hop",
            &[ArgKind::Int],
            Routes::ANY,
            message::is_first_hop,
            "Whether the sender is a user agent, as far as Vias and Record-Routes tell; mode 1 also takes names in \
             Record-Route.",
        )
        .requires(0),
        Function::new(
            "hdr_date_check",
            &[ArgKind::Int],
            Routes::ANY,
            message::hdr_date_check,
            "Whether Date is not older than this many seconds.",
        ),
        Function::new(
            "sip_parse_headers",
            NONE,
            Routes::ANY,
            message::sip_parse_headers,
            "Whether every line of the header part is a header.",
        ),
        Function::new("cmp_hdr_name", TWO_TEXTS, Routes::ANY, message::cmp_hdr_name, "Whether two names name one header."),
        Function::new("uri_param", TEXT, REWRITTEN, uri::uri_param, "Whether the request URI has a parameter without value."),
        Function::new("uri_param", TWO_TEXTS, REWRITTEN, uri::uri_param_value, "Whether a parameter of the request URI has \
             this value."),
        Function::new("uri_param_any", TEXT, REWRITTEN, uri::uri_param_any, "Whether the request URI has a parameter."),
        Function::new("add_uri_param", TEXT, Routes::REQUEST, uri::add_uri_param, "Adds a parameter to the request URI."),
        Function::new(
            "get_uri_param",
            &[ArgKind::Format, ArgKind::PvWrite],
            Routes::REQUEST.or(Routes::LOCAL),
            uri::get_uri_param,
            "Puts the value of a parameter of the request URI into a variable.",
        ),
        Function::new("uri_param_rm", TEXT, REWRITTEN, uri::uri_param_rm, "Removes a parameter of the request URI."),
        Function::new(
            "tel2sip",
            &[ArgKind::Format, ArgKind::Format, ArgKind::PvWrite],
            REWRITTEN.or(Routes::REPLY),
            uri::tel2sip,
            "Puts the SIP URI of a tel URI at a host into a variable (1); 2 when it is a SIP URI already.",
        ),
        Function::new("is_uri", TEXT, Routes::ANY, uri::is_uri, "Whether a text is a URI."),
        Function::new("cmp_uri", TWO_TEXTS, Routes::ANY, uri::cmp_uri, "Whether two URIs are the same (RFC 3261 §19.1.4)."),
        Function::new("cmp_aor", TWO_TEXTS, Routes::ANY, uri::cmp_aor, "Whether two URIs name the same address of record."),
        Function::new("is_gruu", TEXT, Routes::ANY, uri::is_gruu, "Whether a URI, else the request's, is a GRUU: 1 public, 2 \
             temporary.")
        .requires(0),
        Function::new("set_uri_user", CHANGED, Routes::ANY, uri::set_uri_user, "Sets the user of the URI in a variable."),
        Function::new("set_uri_host", CHANGED, Routes::ANY, uri::set_uri_host, "Sets the host of the URI in a variable."),
        Function::new("is_e164", TEXT, ANYWHERE, number::is_e164, "Whether a text is an E.164 number with its plus sign."),
        Function::new(
            "is_uri_user_e164",
            TEXT,
            Routes::ANY,
            number::is_uri_user_e164,
            "Whether a URI's user is an E.164 number with its plus sign.",
        ),
        Function::new("is_tel_number", TEXT, Routes::ANY, number::is_tel_number, "Whether a text is digits, with a plus sign \
             or not."),
        Function::new("is_numeric", TEXT, Routes::ANY, number::is_numeric, "Whether a text is digits."),
        Function::new("is_alphanum", TEXT, Routes::ANY, number::is_alphanum, "Whether a text is ASCII letters and digits."),
        Function::new(
            "is_alphanumex",
            TWO_TEXTS,
            Routes::ANY,
            number::is_alphanumex,
            "Whether a text is ASCII letters, digits and these characters.",
        ),
        Function::new(
            "encode_contact",
            TWO_TEXTS,
            CONTACTS,
            contact::encode_contact,
            "Hides each Contact's URI in the user of a URI at this host.",
        ),
        Function::new("decode_contact", NONE, Routes::REQUEST, contact::decode_contact, "Takes the URI out of an encoded \
             request URI."),
        Function::new(
            "decode_contact_header",
            NONE,
            CONTACTS.or(Routes::FAILURE),
            contact::decode_contact_header,
            "Takes the URIs out of encoded Contacts.",
        ),
        Function::new(
            "contact_param_encode",
            TWO_TEXTS,
            CONTACTS,
            parameter::encode,
            "Puts this URI in each Contact's place, with the old one in a parameter.",
        ),
        Function::new("contact_param_decode", TEXT, CONTACTS, parameter::decode, "Brings back the URIs that Contacts carry \
             in a parameter."),
        Function::new(
            "contact_param_decode_ruri",
            TEXT,
            Routes::REQUEST,
            parameter::decode_request_uri,
            "Brings back the URI that the request URI carries in a parameter.",
        ),
        Function::new("contact_param_rm", TEXT, CONTACTS, parameter::remove, "Removes a parameter of the Contacts' URIs."),
        Function::new("contact_param_check", TEXT, Routes::ANY, parameter::check, "Whether a Contact's URI has a parameter."),
        Function::new("append_rpid_hf", NONE, REWRITTEN, rpid::append, "Adds Remote-Party-ID."),
        Function::new(
            "append_rpid_hf",
            TWO_TEXTS,
            REWRITTEN,
            rpid::append_with,
            "Adds Remote-Party-ID with this beginning and end.",
        ),
        Function::new(
            "is_rpid_user_e164",
            NONE,
            Routes::REQUEST,
            rpid::is_user_e164,
            "Whether the user of the URI for Remote-Party-ID is an E.164 number.",
        ),
        Function::new(
            "sip_p_charging_vector",
            &[ArgKind::Parsed(charging::parse_flags)],
            Routes::ANY,
            charging::manage,
            "P-Charging-Vector: `r` removes it, `g` adds one where there is none, `f` replaces it.",
        ),
    ],
    pvs: &[Pv::new("pcv", PvType::Str, charging::read, "A field of P-Charging-Vector: all, value, genaddr, orig, term.")
        .inner(InnerRule::Parsed(charging::parse_field))],
    start,
    ..Module::EMPTY
};

const NONE: &[ArgKind] = &[];
const TEXT: &[ArgKind] = &[ArgKind::Format];
const TWO_TEXTS: &[ArgKind] = &[ArgKind::Format, ArgKind::Format];
const CHANGED: &[ArgKind] = &[ArgKind::PvWrite, ArgKind::PvRead];
const REWRITTEN: Routes = Routes::REQUEST.or(Routes::BRANCH).or(Routes::FAILURE);
const ANYWHERE: Routes = Routes::REQUEST.or(Routes::FAILURE).or(Routes::LOCAL);
const CONTACTS: Routes = Routes::REQUEST.or(Routes::REPLY);

/// The module under one configuration.
struct Siputils {
    /// Header lines of the answer to OPTIONS.
    options: Vec<u8>,
    require_autodrop: bool,
    separator: u8,
    rpid: Option<BoundPv>,
    rpid_prefix: Vec<u8>,
    rpid_suffix: Vec<u8>,
    longest_number: usize,
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    if !setup.is_loaded("sl") {
        return Err(SetupError::new("siputils replies through sl; add `loadmodule \"sl.so\"`"));
    }
    Ok(Arc::new(Siputils {
        options: extension::options_lines(setup),
        require_autodrop: setup.int("require_autodrop") != Some(0),
        separator: setup
            .text("contact_flds_separator")
            .and_then(|text| text.first().copied())
            .unwrap_or(b'*'),
        rpid: rpid::bind(setup)?,
        rpid_prefix: setup.text("rpid_prefix").unwrap_or_default().to_vec(),
        rpid_suffix: setup.text("rpid_suffix").unwrap_or(rpid::SUFFIX.as_bytes()).to_vec(),
        longest_number: setup
            .int("e164_max_len")
            .and_then(|length| usize::try_from(length).ok())
            .unwrap_or(16),
    }))
}
