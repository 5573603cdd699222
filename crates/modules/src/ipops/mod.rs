//! Module `ipops`: addresses and the names that lead to them.

mod address;
mod functions;
mod host;
mod kind;
mod lookup;
mod records;
mod subnet;

use std::net::IpAddr;
use std::sync::Arc;

use cfg_vm::Value;
use cfg_vm::catalogue::{ArgKind, InnerRule, PvType, Routes};
use engine::module::{PvArgs, State};
use engine::{Cx, Function, Module, Pv, Setup, SetupError};
use functions as text;
use records::{Entry, Found, Wanted};
use transport::resolve::{Name, Naptr, Srv};

/// The module's table.
pub const MODULE: Module = Module {
    name: "ipops",
    doc: "Tells, compares and looks up addresses.",
    functions: FUNCTIONS,
    pvs: PVS,
    start,
    ..Module::EMPTY
};

const ANY: Routes = Routes::ANY;
const FORMAT: ArgKind = ArgKind::Format;
const ONE: &[ArgKind] = &[FORMAT];
const TWO: &[ArgKind] = &[FORMAT, FORMAT];
const INTO: &[ArgKind] = &[FORMAT, ArgKind::PvWrite];
const IN_LIST: &[ArgKind] = &[FORMAT, ArgKind::ParsedFormat(subnet::parse)];

const FUNCTIONS: &[Function] = &[
    Function::new("is_ip", ONE, ANY, text::is_ip, "Whether the text is an address, in brackets or not."),
    Function::new(
        "is_pure_ip",
        ONE,
        ANY,
        text::is_pure_ip,
        "Whether the text is an address without brackets.",
    ),
    Function::new("is_ipv4", ONE, ANY, text::is_ipv4, "Whether the text is an IPv4 address."),
    Function::new(
        "is_ipv6",
        ONE,
        ANY,
        text::is_ipv6,
        "Whether the text is an IPv6 address without brackets.",
    ),
    Function::new(
        "is_ipv6_reference",
        ONE,
        ANY,
        text::is_ipv6_reference,
        "Whether the text is an IPv6 address in brackets.",
    ),
    Function::new(
        "ip_type",
        ONE,
        ANY,
        text::ip_type,
        "1 for IPv4, 2 for IPv6, 3 for IPv6 in brackets, -1 for anything else.",
    ),
    Function::new("detailed_ipv4_type", INTO, ANY, text::detailed_ipv4_type, DETAILED),
    Function::new("detailed_ipv6_type", INTO, ANY, text::detailed_ipv6_type, DETAILED),
    Function::new("detailed_ip_type", INTO, ANY, text::detailed_ip_type, DETAILED),
    Function::new(
        "compare_ips",
        TWO,
        ANY,
        text::compare_ips,
        "Whether both are the same address, in brackets or not.",
    ),
    Function::new(
        "compare_pure_ips",
        TWO,
        ANY,
        text::compare_pure_ips,
        "Whether both are the same address, without brackets.",
    ),
    Function::new(
        "is_ip_rfc1918",
        ONE,
        ANY,
        text::is_ip_rfc1918,
        "Whether the text begins as a private IPv4 address.",
    ),
    Function::new(
        "is_in_subnet",
        IN_LIST,
        ANY,
        text::is_in_subnet,
        "Whether an address is in one of the networks of a list.",
    ),
    Function::new("dns_sys_match_ip", TWO, ANY, lookup::match_ip, MATCH).waits(),
    Function::new("dns_int_match_ip", TWO, ANY, lookup::match_ip, MATCH).waits(),
    Function::new(
        "dns_query",
        TWO,
        ANY,
        lookup::dns_query,
        "Keeps the addresses of a name for $dns(id=>key), under the id given; -4 when there is none.",
    )
    .waits(),
    Function::new(
        "ptr_query",
        TWO,
        ANY,
        lookup::ptr_query,
        "Keeps the names of an address for $ptrquery(id=>hostname); -4 when there is none.",
    )
    .waits(),
    Function::new(
        "srv_query",
        TWO,
        ANY,
        lookup::srv_query,
        "Keeps the SRV records of a name for $srvquery(id=>key), by priority and weight; 1 also when there is none.",
    )
    .waits(),
    Function::new(
        "naptr_query",
        TWO,
        ANY,
        lookup::naptr_query,
        "Keeps the NAPTR records of a name for $naptrquery(id=>key), in their order; 1 also when there is none.",
    )
    .waits(),
    Function::new(
        "dns_set_local_ttl",
        &[ArgKind::Int],
        ANY,
        lookup::set_local_ttl,
        "Taken for Kamailio's sake: how long answers live is told by dns_cache_min_ttl and dns_cache_max_ttl.",
    ),
];

const DETAILED: &str = "Puts what kind of address it is, such as PRIVATE or MULTICAST, into a variable.";
const MATCH: &str =
    "Whether an address is one of a name's; -3 when it is no address, -4 when the name has none.";

const PVS: &[Pv] = &[
    Pv::new("dns", PvType::Any, found::<IpAddr>, "An address that dns_query() found.")
        .inner(InnerRule::Parsed(records::parse::<IpAddr>)),
    Pv::new("ptrquery", PvType::Str, found::<Name>, "A name that ptr_query() found.")
        .inner(InnerRule::Parsed(records::parse::<Name>)),
    Pv::new("srvquery", PvType::Any, found::<Srv>, "An SRV record that srv_query() found.")
        .inner(InnerRule::Parsed(records::parse::<Srv>)),
    Pv::new("naptrquery", PvType::Any, found::<Naptr>, "A NAPTR record that naptr_query() found.")
        .inner(InnerRule::Parsed(records::parse::<Naptr>)),
    Pv::new(
        "HN",
        PvType::Str,
        host::read,
        "The machine's name (n), full name (f), domain (d) or address (i).",
    )
    .inner(InnerRule::Parsed(host::parse)),
];

fn start(_: &mut Setup<'_>) -> Result<State, SetupError> {
    Ok(Arc::new(host::Host::of_machine()))
}

fn found<T: Entry + Send + 'static>(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    args.parsed::<Wanted>().map_or(Value::Null, |wanted| cx.local::<Found<T>>().read(wanted))
}
