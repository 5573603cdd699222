//! Module `rtpengine`: sessions go through rtpengine, asked over its ng protocol.

mod command;
mod params;
mod rpc;

use std::sync::Arc;

use cfg_vm::bound::BoundPv;
use cfg_vm::catalogue::{ArgKind, PvType, Routes};
use engine::module::Rpc;
use engine::{Function, Module, Param, Pv};
use media::nodes::{Calls, Sets};
use media::relay::Manners;

const FLAGS: &[ArgKind] = &[ArgKind::Format];

/// A function that takes flags and asks the relay.
const fn asking(name: &'static str, run: engine::module::NativeFn, doc: &'static str) -> Function {
    Function::new(name, FLAGS, Routes::ANY, run, doc).requires(0).waits()
}

/// The module's table.
pub const MODULE: Module = Module {
    name: "rtpengine",
    doc: "Media through rtpengine: its nodes in sets, asked over the ng protocol without holding up other messages.",
    params: &[
        Param::text("rtpengine_sock", "", "Nodes: `[SET ==] udp:HOST:PORT[=WEIGHT] …`, or `udp6:`.").repeatable(),
        Param::int_in("rtpengine_disable_tout", 0, 86_400 * 365, "60", "Seconds that a silent node is left alone."),
        Param::int("aggressive_redetection", "1", "Whether nodes are tried again when all of a set are silent."),
        Param::int_in("rtpengine_tout_ms", 1, 600_000, "1000", "Milliseconds to wait for an answer."),
        Param::int_in("queried_nodes_limit", 1, 50, "30", "How many nodes are tried for one command."),
        Param::int_in("rtpengine_retr", 0, 100, "5", "How often a silent node is asked again."),
        Param::int_in(
            "rtpengine_allow_op",
            0,
            2,
            "0",
            "Calls go on with a node that gets no new ones: 1 whatever the reason, 2 if an operator took it out.",
        ),
        Param::text("extra_id_pv", "", "The variable that `via-branch=extra` takes the branch from."),
        Param::text("setid_avp", "", "The variable that names the set, when it holds a number."),
        Param::text("force_send_interface", "", "The local address that nodes are asked from."),
        Param::text("rtp_inst_pvar", "", "The variable that gets the URL of the node that answered."),
        Param::text("write_sdp_pv", "", "The variable that gets the new session description, instead of the body."),
        Param::text("read_sdp_pv", "", "The variable that has the session description, instead of the body."),
        Param::int_in("hash_table_tout", 1, 86_400 * 365, "3600", "Seconds that a call keeps its node."),
        Param::int("hash_table_size", "256", "The table has its own size.").ignored(),
        Param::int_in("setid_default", 0, 4_294_967_295, "0", "The set where none is chosen."),
        Param::text("media_duration", "", "The variable that gets the milliseconds that `play_media` takes; -1 unknown."),
        Param::int_in(
            "hash_algo",
            0,
            2,
            "0",
            "How calls spread over nodes: 0 sums the Call-ID's bytes, 2 takes its CRC-32, and so does 1.",
        ),
    ],
    functions: &[
        Function::new(
            "set_rtpengine_set",
            &[ArgKind::Int, ArgKind::Int],
            Routes::ANY,
            command::set_set,
            "Chooses the set for this message's commands; a second one is asked with what the first answered.",
        )
        .requires(1),
        asking("rtpengine_offer", command::offer, "Offers the message's session description to the relay."),
        asking("rtpengine_answer", command::answer, "Answers an offer with the message's session description."),
        asking("rtpengine_info", command::offer, "Tells the relay the session description, as an offer."),
        asking("rtpengine_manage", command::manage, "Offers, answers or deletes, as the message asks for."),
        asking("rtpengine_delete", command::delete, "Ends the call's session, or a branch's."),
        asking("rtpengine_query", command::query, "Asks for the call's figures, for `$rtpestat`."),
        Function::new(
            "rtpengine_query_v",
            &[ArgKind::Format, ArgKind::PvWrite],
            Routes::ANY,
            command::query_v,
            "Asks for the call's figures and puts them as JSON into a variable; `jp` with line ends.",
        )
        .waits(),
        asking("start_recording", command::start_recording, "Has the call recorded."),
        asking("stop_recording", command::stop_recording, "Has it recorded no more."),
        asking("block_dtmf", command::block_dtmf, "Keeps DTMF events from the other side."),
        asking("unblock_dtmf", command::unblock_dtmf, "Lets them pass again."),
        asking("block_media", command::block_media, "Keeps media from the other side."),
        asking("unblock_media", command::unblock_media, "Lets them pass again."),
        asking("silence_media", command::silence_media, "Has audio replaced by silence."),
        asking("unsilence_media", command::unsilence_media, "Lets it pass again."),
        asking("start_forwarding", command::start_forwarding, "Has audio forwarded to the recording daemon."),
        asking("stop_forwarding", command::stop_forwarding, "Ends that."),
        asking("play_media", command::play_media, "Plays a file to a party."),
        asking("stop_media", command::stop_media, "Ends that before the file's end."),
        asking("play_dtmf", command::play_dtmf, "Puts a DTMF event into a party's audio."),
    ],
    pvs: &[
        Pv::new("rtpestat", PvType::Str, command::totals, "What the last query or deletion of this message told."),
        Pv::new("rtpstat", PvType::Str, command::totals, "The same."),
    ],
    rpc: &[
        Rpc { name: "rtpengine.show", doc: "Tells of a node, or of `all`.", run: rpc::show },
        Rpc { name: "rtpengine.ping", doc: "Asks a node whether it is there, or `all`.", run: rpc::ping },
        Rpc { name: "rtpengine.enable", doc: "Takes a node or `all` in (1) or out (0).", run: rpc::enable },
        Rpc { name: "rtpengine.get_hash_total", doc: "How many calls have a node.", run: rpc::hash_total },
        Rpc { name: "rtpengine.reload", doc: "Reads nodes from the database, where there is one.", run: rpc::reload },
    ],
    start: params::start,
    ..Module::EMPTY
};

/// The module under one configuration.
struct Rtpengine {
    relay: Arc<Relay>,
    default_set: u32,
    set_pv: Option<BoundPv>,
    extra_id: Option<BoundPv>,
    instance: Option<BoundPv>,
    read_sdp: Option<BoundPv>,
    write_sdp: Option<BoundPv>,
    media_duration: Option<BoundPv>,
}

/// What commands need while they wait.
struct Relay {
    sets: Sets,
    calls: Arc<Calls>,
    manners: Manners,
    call_life: std::time::Duration,
}
