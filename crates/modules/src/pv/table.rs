//! Every pseudo-variable of the module: name, type, where its code is, what it is.

use std::any::Any;
use std::sync::Arc;

use cfg_vm::catalogue::{InnerRule, Parsed, PvType};
use engine::Pv;

use super::{
    auth, avp, branch, constants, count, flags, from_to, headers, identity, message, shared, source, time,
    uri, var, xavp,
};

/// The rule that only the names of a table may stand in the parentheses.
macro_rules! keys {
    ($table:path) => {
        InnerRule::Parsed(|text| lookup(text, $table))
    };
}

/// `$rpl(…)` has one name.
const REPLY_PARTS: &[(&str, ())] = &[("duri", ())];

/// All of them.
pub(super) const PVS: &[Pv] = &[
    // Request URI
    Pv::new("ru", PvType::Str, uri::ruri, "The request URI.").writable(uri::set_ruri),
    Pv::new("ruri", PvType::Str, uri::ruri, "The request URI.").writable(uri::set_ruri),
    Pv::new("rul", PvType::Int, uri::ruri_length, "The length of the request URI."),
    Pv::new("rU", PvType::Str, uri::ruri_user, "The user of the request URI.").writable(uri::set_user),
    Pv::new("ruri.user", PvType::Str, uri::ruri_user, "The user of the request URI.").writable(uri::set_user),
    Pv::new("rUl", PvType::Int, uri::ruri_user_length, "The length of the user of the request URI."),
    Pv::new("rd", PvType::Str, uri::ruri_host, "The host of the request URI.").writable(uri::set_host),
    Pv::new("ruri.domain", PvType::Str, uri::ruri_host, "The host of the request URI.")
        .writable(uri::set_host),
    Pv::new(
        "rp",
        PvType::Int,
        uri::ruri_port,
        "The port of the request URI, 5060 (5061 with TLS) if it has none.",
    )
    .writable(uri::set_port),
    Pv::new("rP", PvType::Str, uri::ruri_transport, "The transport of the request URI, UDP if it has none."),
    Pv::new("rz", PvType::Str, uri::ruri_scheme, "The scheme of the request URI."),
    Pv::new("ou", PvType::Str, uri::original, "The request URI as received."),
    Pv::new("ouri", PvType::Str, uri::original, "The request URI as received."),
    Pv::new("oU", PvType::Str, uri::original_user, "The user of the received request URI."),
    Pv::new(
        "oUl",
        PvType::Int,
        uri::original_user_length,
        "The length of the user of the received request URI.",
    ),
    Pv::new("od", PvType::Str, uri::original_host, "The host of the received request URI."),
    Pv::new("op", PvType::Int, uri::original_port, "The port of the received request URI."),
    Pv::new("oP", PvType::Str, uri::original_transport, "The transport of the received request URI."),
    Pv::new("du", PvType::Str, uri::destination, "Where the request is sent instead of to its URI.")
        .writable(uri::set_destination),
    Pv::new("duri", PvType::Str, uri::destination, "Where the request is sent instead of to its URI.")
        .writable(uri::set_destination),
    Pv::new("dd", PvType::Str, uri::destination_host, "The host of $du."),
    Pv::new("dp", PvType::Int, uri::destination_port, "The port of $du."),
    Pv::new("dP", PvType::Str, uri::destination_transport, "The transport of $du."),
    Pv::new("ds", PvType::Str, branch::set_text, "All destinations as a Contact line."),
    Pv::new("nh", PvType::Any, uri::next_hop_part, "A part of the next hop: u, U, d, p or P.")
        .inner(keys!(uri::NEXT_HOP_PARTS)),
    // From and To
    Pv::new("fu", PvType::Str, from_to::from_uri, "The From URI.").writable(from_to::set_from_uri),
    Pv::new("from", PvType::Str, from_to::from_uri, "The From URI.").writable(from_to::set_from_uri),
    Pv::new("ful", PvType::Int, from_to::from_uri_length, "The length of the From URI."),
    Pv::new("fU", PvType::Str, from_to::from_user, "The user of the From URI.")
        .writable(from_to::set_from_user),
    Pv::new("from.user", PvType::Str, from_to::from_user, "The user of the From URI.")
        .writable(from_to::set_from_user),
    Pv::new("fUl", PvType::Int, from_to::from_user_length, "The length of the user of the From URI."),
    Pv::new("fd", PvType::Str, from_to::from_host, "The host of the From URI.")
        .writable(from_to::set_from_host),
    Pv::new("from.domain", PvType::Str, from_to::from_host, "The host of the From URI.")
        .writable(from_to::set_from_host),
    Pv::new("fn", PvType::Str, from_to::from_name, "The display name in From.")
        .writable(from_to::set_from_name),
    Pv::new("ft", PvType::Str, from_to::from_tag, "The tag in From."),
    Pv::new("tu", PvType::Str, from_to::to_uri, "The To URI.").writable(from_to::set_to_uri),
    Pv::new("to", PvType::Str, from_to::to_uri, "The To URI.").writable(from_to::set_to_uri),
    Pv::new("tul", PvType::Int, from_to::to_uri_length, "The length of the To URI."),
    Pv::new("tU", PvType::Str, from_to::to_user, "The user of the To URI.").writable(from_to::set_to_user),
    Pv::new("to.user", PvType::Str, from_to::to_user, "The user of the To URI.")
        .writable(from_to::set_to_user),
    Pv::new("tUl", PvType::Int, from_to::to_user_length, "The length of the user of the To URI."),
    Pv::new("td", PvType::Str, from_to::to_host, "The host of the To URI.").writable(from_to::set_to_host),
    Pv::new("to.domain", PvType::Str, from_to::to_host, "The host of the To URI.")
        .writable(from_to::set_to_host),
    Pv::new("tn", PvType::Str, from_to::to_name, "The display name in To.").writable(from_to::set_to_name),
    Pv::new("tt", PvType::Str, from_to::to_tag, "The tag in To."),
    Pv::new(
        "tts",
        PvType::Int,
        from_to::to_tag_state,
        "Whether To has a tag: 1, 0, or -1 without a readable To.",
    ),
    Pv::new("Au", PvType::Str, from_to::account, "User and host of the From URI, for accounting."),
    Pv::new("AU", PvType::Str, from_to::account_user, "The user of the From URI, for accounting."),
    // Message
    Pv::new("rm", PvType::Str, message::method, "The method."),
    Pv::new("rmid", PvType::Int, message::method_id, "The number of the method."),
    Pv::new("rs", PvType::Int, message::status, "The status of a reply."),
    Pv::new("rr", PvType::Str, message::reason, "The reason phrase of a reply."),
    Pv::new("rv", PvType::Str, message::version, "The protocol version."),
    Pv::new("rb", PvType::Str, message::body, "The body."),
    Pv::new("bs", PvType::Int, message::body_size, "The length of the body."),
    Pv::new("cl", PvType::Int, message::content_length, "The number in Content-Length."),
    Pv::new("cT", PvType::Str, message::content_type, "The Content-Type."),
    Pv::new("ml", PvType::Int, message::length, "The length of the message."),
    Pv::new("mb", PvType::Str, message::buffer, "The message as received."),
    Pv::new("mbu", PvType::Str, message::updated_buffer, "The message with its changes."),
    Pv::new("mt", PvType::Int, message::kind, "1 for a request, 2 for a reply."),
    Pv::new("mts", PvType::Str, message::kind_name, "rq for a request, rp for a reply."),
    Pv::new("mi", PvType::Int, message::number, "The number of the message on this server."),
    Pv::new("ci", PvType::Str, message::call_id, "The Call-ID."),
    Pv::new("cs", PvType::Str, message::cseq_number, "The number in CSeq."),
    Pv::new("csb", PvType::Str, message::cseq, "The CSeq."),
    Pv::new("ct", PvType::Str, message::contact, "The first Contact header."),
    Pv::new("ctu", PvType::Str, message::contact_uri, "The first Contact URI."),
    Pv::new(
        "cts",
        PvType::Int,
        message::contact_state,
        "0 without Contact, 1 with one, 2 with the Contact *.",
    ),
    Pv::new("ua", PvType::Str, message::user_agent, "The User-Agent."),
    Pv::new("msg", PvType::Any, message::part, "A part of the message by name.")
        .inner(keys!(message::MESSAGE_PARTS)),
    Pv::new("msgbuf", PvType::Str, message::byte, "A byte of the message.")
        .inner(InnerRule::Parsed(parse_place))
        .writable(message::set_byte),
    Pv::new("expires", PvType::Int, message::expires, "The least or most time that the contacts ask for.")
        .inner(keys!(message::EXTREMES)),
    Pv::new("rpl", PvType::Str, message::reply_destination, "Where a reply goes: duri.")
        .inner(keys!(REPLY_PARTS)),
    Pv::new("ai", PvType::Str, identity::asserted, "The URI in P-Asserted-Identity."),
    Pv::new("pu", PvType::Str, identity::preferred, "The URI in P-Preferred-Identity."),
    Pv::new("pU", PvType::Str, identity::preferred_user, "The user in P-Preferred-Identity."),
    Pv::new("pd", PvType::Str, identity::preferred_host, "The host in P-Preferred-Identity."),
    Pv::new("pn", PvType::Str, identity::preferred_name, "The display name in P-Preferred-Identity."),
    Pv::new("re", PvType::Str, identity::remote_party, "The URI in Remote-Party-ID."),
    Pv::new("rt", PvType::Str, identity::refer_to, "The URI in Refer-To."),
    Pv::new("di", PvType::Str, identity::diversion, "The URI in Diversion."),
    Pv::new("dic", PvType::Str, identity::diversion_counter, "The counter in Diversion."),
    Pv::new("dip", PvType::Str, identity::diversion_privacy, "The privacy in Diversion."),
    Pv::new("dir", PvType::Str, identity::diversion_reason, "The reason in Diversion."),
    // Headers
    Pv::new("hdr", PvType::Str, headers::header, "The body of a header.")
        .inner(InnerRule::Parsed(headers::HeaderName::parse))
        .indexed(),
    Pv::new("hdrc", PvType::Int, headers::header_count, "How many fields a header has.")
        .inner(InnerRule::Parsed(headers::HeaderName::parse)),
    Pv::new("hfl", PvType::Str, headers::list_value, "A value of a header that lists several.")
        .inner(InnerRule::Parsed(headers::HeaderName::parse))
        .indexed(),
    Pv::new("hflc", PvType::Int, headers::list_count, "How many values a header lists.")
        .inner(InnerRule::Parsed(headers::HeaderName::parse)),
    Pv::new("via0", PvType::Any, headers::via_first, "A part of the topmost Via.")
        .inner(keys!(headers::VIA_PARTS)),
    Pv::new("via1", PvType::Any, headers::via_second, "A part of the second Via.")
        .inner(keys!(headers::VIA_PARTS)),
    Pv::new("viaZ", PvType::Any, headers::via_last, "A part of the last Via.")
        .inner(keys!(headers::VIA_PARTS)),
    // Where from and where to
    Pv::new("si", PvType::Str, source::ip, "The source address."),
    Pv::new("src_ip", PvType::Str, source::ip, "The source address."),
    Pv::new("siz", PvType::Str, source::ip_bracketed, "The source address, IPv6 in brackets."),
    Pv::new("sp", PvType::Int, source::port, "The source port."),
    Pv::new("pr", PvType::Str, source::proto, "The transport that the message came by."),
    Pv::new("proto", PvType::Str, source::proto, "The transport that the message came by."),
    Pv::new("prid", PvType::Int, source::proto_number, "The number of that transport."),
    Pv::new("su", PvType::Str, source::uri, "The source as a URI."),
    Pv::new("sut", PvType::Str, source::uri_with_transport, "The source as a URI with its transport."),
    Pv::new("sas", PvType::Str, source::address, "The source as a socket is written."),
    Pv::new("Ri", PvType::Str, source::local_address, "Our address that the message came to."),
    Pv::new("Rp", PvType::Int, source::local_port, "Our port that the message came to."),
    Pv::new("Ru", PvType::Str, source::local_uri, "Our socket as a URI."),
    Pv::new("Rut", PvType::Str, source::local_uri_with_transport, "Our socket as a URI with its transport."),
    Pv::new("Ras", PvType::Str, source::local_socket, "Our socket as it is written."),
    Pv::new("Rn", PvType::Str, source::local_name, "The name of our socket."),
    Pv::new("RAi", PvType::Str, source::advertised_address, "The address that our socket gives outside."),
    Pv::new("RAp", PvType::Int, source::advertised_port, "The port that our socket gives outside."),
    Pv::new("RAu", PvType::Str, source::advertised_uri, "What our socket gives outside as a URI."),
    Pv::new(
        "RAut",
        PvType::Str,
        source::advertised_uri_with_transport,
        "What our socket gives outside as a URI with its transport.",
    ),
    Pv::new("rsi", PvType::Int, source::local_number, "The number of our socket."),
    Pv::new("conid", PvType::Int, source::connection, "The connection that the message came by."),
    Pv::new("fs", PvType::Str, source::forced_socket, "The socket to send from.")
        .writable(source::set_forced_socket),
    Pv::new("fsn", PvType::Str, source::forced_name, "The name of the socket to send from.")
        .writable(source::set_forced_name),
    Pv::new("fsp", PvType::Int, source::forced_port, "The port of the socket to send from."),
    Pv::new("rcv", PvType::Any, source::received_part, "What came in, for event routes.")
        .inner(keys!(source::RECEIVED_PARTS))
        .writable(source::set_received_part),
    Pv::new("recv", PvType::Any, source::received_part, "What came in, for event routes.")
        .inner(keys!(source::RECEIVED_PARTS))
        .writable(source::set_received_part),
    Pv::new("snd", PvType::Any, source::sent_to, "Where the message goes, in onsend_route.")
        .inner(keys!(source::SENT_PARTS)),
    Pv::new("sndto", PvType::Any, source::sent_to, "Where the message goes, in onsend_route.")
        .inner(keys!(source::SENT_PARTS)),
    Pv::new("sndfrom", PvType::Any, source::sent_from, "Where the message leaves from, in onsend_route.")
        .inner(keys!(source::SENT_PARTS)),
    // Credentials
    Pv::new("au", PvType::Str, auth::user, "The user of the username in the credentials."),
    Pv::new("ad", PvType::Str, auth::domain, "The domain of the username in the credentials."),
    Pv::new("aU", PvType::Str, auth::username, "The username in the credentials."),
    Pv::new("ar", PvType::Str, auth::realm, "The realm in the credentials."),
    Pv::new("adu", PvType::Str, auth::uri, "The URI in the credentials."),
    Pv::new("aa", PvType::Str, auth::algorithm, "The algorithm in the credentials."),
    Pv::new("adn", PvType::Str, auth::nonce, "The nonce in the credentials."),
    Pv::new("adc", PvType::Str, auth::cnonce, "The cnonce in the credentials."),
    Pv::new("adr", PvType::Str, auth::response, "The response in the credentials."),
    Pv::new("ado", PvType::Str, auth::opaque, "The opaque value in the credentials."),
    // Flags
    Pv::new("mf", PvType::Int, flags::message, "The message flags.").writable(flags::set_message),
    Pv::new("mF", PvType::Str, flags::message_hex, "The message flags in hexadecimal digits.")
        .writable(flags::set_message),
    Pv::new("Mf", PvType::Int, flags::message_flag, "One message flag.")
        .inner(InnerRule::Parsed(parse_flag))
        .writable(flags::set_message_flag),
    Pv::new("sf", PvType::Int, flags::script, "The script flags.").writable(flags::set_script),
    Pv::new("sF", PvType::Str, flags::script_hex, "The script flags in hexadecimal digits.")
        .writable(flags::set_script),
    Pv::new("Sf", PvType::Int, flags::script_flag, "One script flag.")
        .inner(InnerRule::Parsed(parse_flag))
        .writable(flags::set_script_flag),
    Pv::new("bf", PvType::Int, flags::branch, "The branch flags.").writable(flags::set_branch),
    Pv::new("bF", PvType::Str, flags::branch_hex, "The branch flags in hexadecimal digits.")
        .writable(flags::set_branch),
    Pv::new("Bf", PvType::Int, flags::branch_flag, "One branch flag.")
        .inner(InnerRule::Parsed(parse_flag))
        .writable(flags::set_branch_flag),
    // Branches
    Pv::new("br", PvType::Str, branch::first, "The first further branch; writing adds one.")
        .writable(branch::add),
    Pv::new("bR", PvType::Str, branch::all, "All further branches."),
    Pv::new("branch", PvType::Any, branch::branch, "A part of a further branch.")
        .inner(keys!(branch::BRANCH_PARTS))
        .indexed()
        .writable(branch::set_branch),
    Pv::new("sbranch", PvType::Any, branch::static_branch, "A part of the static branch.")
        .inner(keys!(branch::BRANCH_PARTS))
        .indexed()
        .writable(branch::set_static_branch),
    Pv::new("ruid", PvType::Str, branch::ruid, "The identifier of the contact that a lookup chose."),
    Pv::new(
        "location_ua",
        PvType::Str,
        branch::location_user_agent,
        "The user agent of the contact that a lookup chose.",
    ),
    // Time
    Pv::new("Ts", PvType::Int, time::message_seconds, "When the message came, in seconds since 1970."),
    Pv::new("TS", PvType::Int, time::now_seconds, "Seconds since 1970 now."),
    Pv::new("Tb", PvType::Int, time::start_seconds, "When the server started."),
    Pv::new("Tf", PvType::Str, time::message_text, "When the message came, as text."),
    Pv::new("TF", PvType::Str, time::now_text, "The time now, as text."),
    Pv::new("time", PvType::Int, time::local_part, "A part of the local time.")
        .inner(keys!(time::TIME_PARTS)),
    Pv::new("utime", PvType::Int, time::utc_part, "A part of the time in UTC.")
        .inner(keys!(time::TIME_PARTS)),
    Pv::new("timef", PvType::Str, time::local_format, "The local time in a format of strftime.")
        .inner(InnerRule::Required),
    Pv::new("utimef", PvType::Str, time::utc_format, "The time in UTC in a format of strftime.")
        .inner(InnerRule::Required),
    Pv::new("TV", PvType::Any, time::moment, "Seconds and microseconds: s, u, sn, un, Sn.")
        .inner(InnerRule::Parsed(time::parse_moment)),
    // Storage
    Pv::new("avp", PvType::Any, avp::read, "An attribute of the message or transaction: a stack of values.")
        .inner(InnerRule::Parsed(avp::parse_name))
        .indexed()
        .writable(avp::write),
    Pv::new("xavp", PvType::Any, xavp::read_xavp, "Values in fields under roots.")
        .inner(InnerRule::Parsed(xavp::Path::parse))
        .writable(xavp::write_xavp),
    Pv::new("xavu", PvType::Any, xavp::read_xavu, "Values in fields under roots, one for each name.")
        .inner(InnerRule::Parsed(xavp::Path::parse))
        .writable(xavp::write_xavu),
    Pv::new("xavi", PvType::Any, xavp::read_xavi, "Values in fields under roots, names in any case.")
        .inner(InnerRule::Parsed(xavp::Path::parse))
        .writable(xavp::write_xavi),
    Pv::new("var", PvType::Any, var::read, "A variable that is kept from message to message; 0 at first.")
        .inner(InnerRule::Parsed(var::parse_name))
        .writable(var::write),
    Pv::new("vz", PvType::Any, var::read, "The same as $var.")
        .inner(InnerRule::Parsed(var::parse_name))
        .writable(var::write),
    Pv::new(
        "vn",
        PvType::Any,
        var::read_null,
        "A variable that is kept from message to message; undefined at first.",
    )
    .inner(InnerRule::Parsed(var::parse_name))
    .writable(var::write_null),
    Pv::new("shv", PvType::Any, shared::read, "A variable that all shards share.")
        .inner(InnerRule::Required)
        .writable(shared::write),
    Pv::new("shvinc", PvType::Int, shared::increment, "Adds one to a shared variable, and reads it.")
        .inner(InnerRule::Required),
    Pv::new("cnt", PvType::Int, count::read, "How many values an AVP or XAVP has.")
        .inner(InnerRule::Raw(count::Counted::parse)),
    // Constants and the process
    Pv::new("En", PvType::Str, constants::line_feed, "A line feed."),
    Pv::new("Er", PvType::Str, constants::carriage_return, "A carriage return."),
    Pv::new("Es", PvType::Str, constants::space, "A space."),
    Pv::new("Et", PvType::Str, constants::tab, "A tab."),
    Pv::new("Ec", PvType::Str, constants::comma, "A comma."),
    Pv::new("Eq", PvType::Str, constants::double_quote, "A double quote."),
    Pv::new("Ek", PvType::Str, constants::quote, "A single quote."),
    Pv::new("Ei", PvType::Str, constants::colon, "A colon."),
    Pv::new("Ej", PvType::Str, constants::semicolon, "A semicolon."),
    Pv::new("Eb", PvType::Str, constants::backslash, "A backslash."),
    Pv::new("Ev", PvType::Str, constants::backtick, "A backtick."),
    Pv::new("true", PvType::Int, constants::one, "1."),
    Pv::new("K", PvType::Int, constants::number, "The number of a protocol or address family.")
        .inner(keys!(constants::NUMBERS)),
    Pv::new("version", PvType::Any, constants::version, "The version that the server answers as.")
        .inner(keys!(constants::VERSION_PARTS)),
    Pv::new("ksr", PvType::Any, constants::version, "The version that the server answers as.")
        .inner(keys!(constants::KSR_PARTS)),
    Pv::new("pp", PvType::Int, constants::process, "The process number."),
    Pv::new("sid", PvType::Int, constants::server_id, "The server_id of the configuration."),
    Pv::new("stat", PvType::Int, constants::statistic, "A counter by name.").inner(InnerRule::Required),
    Pv::new(
        "ccp",
        PvType::Any,
        constants::core_parameter,
        "A core parameter or custom variable, written group.name.",
    )
    .inner(InnerRule::Parsed(constants::parse_core_parameter))
    .writable(constants::set_core_parameter),
    Pv::new("_s", PvType::Str, constants::text, "A text whose variables are evaluated.")
        .inner(InnerRule::Required),
    Pv::new("sel", PvType::Any, constants::select, "A select by its path.").inner(InnerRule::Required),
    Pv::new(
        "err.class",
        PvType::Any,
        constants::error,
        "What an error route would see; undefined elsewhere.",
    ),
    Pv::new(
        "err.level",
        PvType::Any,
        constants::error,
        "What an error route would see; undefined elsewhere.",
    ),
    Pv::new("err.info", PvType::Any, constants::error, "What an error route would see; undefined elsewhere."),
    Pv::new(
        "err.rcode",
        PvType::Any,
        constants::error,
        "What an error route would see; undefined elsewhere.",
    ),
    Pv::new(
        "err.rreason",
        PvType::Any,
        constants::error,
        "What an error route would see; undefined elsewhere.",
    ),
];

/// What a name stands for in a table.
fn lookup<T: Copy + Any + Send + Sync>(text: &[u8], table: &[(&str, T)]) -> Result<Parsed, String> {
    let text = text.trim_ascii();
    let found = table.iter().find(|(name, _)| name.as_bytes() == text);
    found.map(|(_, part)| Arc::new(*part) as Parsed).ok_or_else(|| {
        let names: Vec<_> = table.iter().map(|(name, _)| *name).collect();
        format!("it is one of {}", names.join(", "))
    })
}

/// The number of a byte.
fn parse_place(text: &[u8]) -> Result<Parsed, String> {
    let number = std::str::from_utf8(text).ok().and_then(|digits| digits.trim().parse::<usize>().ok());
    number.map(|number| Arc::new(number) as Parsed).ok_or_else(|| "it is a number from 0".to_owned())
}

/// The number of a flag.
fn parse_flag(text: &[u8]) -> Result<Parsed, String> {
    let number = std::str::from_utf8(text).ok().and_then(|digits| digits.trim().parse::<u32>().ok());
    let number = number.filter(|number| *number < 32).ok_or("a flag is a number from 0 to 31")?;
    Ok(Arc::new(number))
}
