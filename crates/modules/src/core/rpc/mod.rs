//! The commands that exist without any module, with the members and words of Kamailio's.

mod app;
mod process;
mod program;
mod sockets;
mod system;

pub(crate) use process::memory_now;

use engine::module::Rpc;
use engine::rpc::{RpcCall, RpcError, RpcFn, RpcValue};

/// What a command answers.
type Answer = Result<Vec<RpcValue>, RpcError>;

const fn rpc(name: &'static str, run: RpcFn, doc: &'static str) -> Rpc {
    Rpc { name, doc, run }
}

/// The core's commands.
pub(super) const COMMANDS: &[Rpc] = &[
    rpc("app.reload", app::reload, "Reads the configuration again and puts its routes in force."),
    rpc("app.trace", app::trace, "Traces messages of the given addresses; `all` or `off`."),
    rpc("core.aliases_list", sockets::aliases, "Lists the names that count as this server."),
    rpc("core.arg", program::arguments, "Lists the command line's words."),
    rpc("core.echo", program::echo, "Answers its arguments."),
    rpc("core.flags", program::flags, "Tells what the server was built with."),
    rpc("core.info", program::info, "Describes the server's build."),
    rpc("core.kill", app::kill, "Ends the server as a signal does, by default SIGTERM."),
    rpc("core.modules", program::modules, "Lists the modules that are loaded, the last one first."),
    rpc("core.ppdefines", program::defines, "Lists the preprocessor's names."),
    rpc("core.ppdefines_full", program::defines_full, "Lists the preprocessor's names with their values."),
    rpc("core.printi", program::print_number, "Answers a number."),
    rpc("core.prints", program::print_text, "Answers a text."),
    rpc("core.ps", process::list, "Lists the threads: number and name."),
    rpc("core.psa", process::list_all, "Lists the threads with all that is known of them."),
    rpc("core.psx", process::list_named, "Lists the threads as structures."),
    rpc("core.pwd", program::directory, "Tells the working directory."),
    rpc("core.runinfo", program::run_info, "Describes the server's build and for how long it has run."),
    rpc("core.shards", app::shards, "What each shard has done."),
    rpc("core.shmmem", process::memory, "Tells the memory in use: bytes, or the unit b, k, m or g."),
    rpc("core.sockets_list", sockets::list, "Lists the sockets that are listened on."),
    rpc("core.tcp_info", sockets::tcp_info, "Sums up the stream connections."),
    rpc("core.tcp_list", sockets::tcp_list, "Lists the stream connections."),
    rpc("core.tcp_options", sockets::tcp_options, "Tells the parameters of stream connections."),
    rpc(
        "core.udp4_raw_info",
        sockets::udp4_raw,
        "Tells the parameters of raw UDP sockets, which are not used.",
    ),
    rpc("core.uptime", program::uptime, "Since when the server runs."),
    rpc("core.version", program::version, "The version that the server answers as."),
    rpc("dns.delete_all", sockets::forget_names, "Forgets what name servers have answered."),
    rpc("dns.delete_all_force", sockets::forget_names, "The same: no answer is kept for good."),
    rpc("dst_blocklist.add", sockets::no_blocklist, NO_BLOCKLIST),
    rpc("dst_blocklist.debug", sockets::no_blocklist, NO_BLOCKLIST),
    rpc("dst_blocklist.delete_all", sockets::no_blocklist, NO_BLOCKLIST),
    rpc("dst_blocklist.mem_info", sockets::no_blocklist, NO_BLOCKLIST),
    rpc("dst_blocklist.view", sockets::no_blocklist, NO_BLOCKLIST),
    rpc("system.listMethods", system::list, "Lists all commands."),
    rpc("system.methodHelp", system::help, "Tells what a command does."),
    rpc("system.methodSignature", system::signature, "Refused, as in Kamailio: signatures are not kept."),
];

const NO_BLOCKLIST: &str = "Refused, as in Kamailio where `use_dst_blocklist` is off: there is no blocklist.";

/// Answers any number of values.
fn many(values: impl IntoIterator<Item = RpcValue>) -> Answer {
    Ok(vec![RpcValue::List(values.into_iter().collect())])
}

/// Answers one.
fn one(value: impl Into<RpcValue>) -> Answer {
    Ok(vec![value.into()])
}

/// A core parameter as given, or Kamailio's default.
fn parameter(call: &RpcCall<'_>, name: &str) -> RpcValue {
    call.server.running().settings.core.int(name).into()
}
