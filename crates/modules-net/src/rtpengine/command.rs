//! Functions of the script: each makes a request of the message, waits for the answer, and puts it where it belongs.

use std::sync::Arc;

use cfg_vm::bound::BoundPv;
use cfg_vm::program::PvRef;
use cfg_vm::{Str, Value};
use engine::module::{Flow, PvArgs, Resume};
use engine::{Args, Cx};
use media::flags::{Flags, ViaBranch};
use media::ng::{self, Call, Command, Reply};
use media::nodes::Node;
use media::relay;
use sip_message::Span;

use super::{Relay, Rtpengine};
use crate::relayed::{self, CallFacts, Deed};

/// The sets that `set_rtpengine_set()` chose for this message.
#[derive(Default)]
struct Chosen(Vec<u32>);

/// What the last query or deletion told, as `$rtpestat` shows it.
#[derive(Default)]
struct Totals(Option<String>);

pub(super) fn set_set(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let mut chosen = Vec::new();
    for at in 0..args.len() {
        let set = args.int(at).and_then(|set| u32::try_from(set).ok());
        let known = set.filter(|set| cx.state::<Rtpengine>().relay.sets.of(*set).is_some());
        let Some(set) = known else {
            tracing::error!(target: "rtpengine", "set_rtpengine_set: there is no such set of nodes");
            return Flow::FALSE;
        };
        chosen.push(set);
    }
    cx.data::<Chosen>().0 = chosen;
    Flow::TRUE
}

pub(super) fn totals(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    cx.data::<Totals>().0.clone().map_or(Value::Null, |text| Value::Str(text.into()))
}

macro_rules! commands {
    ($($function:ident $command:ident),* $(,)?) => {
        $(pub(super) fn $function(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
            run(cx, Command::$command, args.text(0), None)
        })*
    };
}

commands! {
    offer Offer, answer Answer, delete Delete, query Query,
    start_recording StartRecording, stop_recording StopRecording,
    block_dtmf BlockDtmf, unblock_dtmf UnblockDtmf,
    block_media BlockMedia, unblock_media UnblockMedia,
    silence_media SilenceMedia, unsilence_media UnsilenceMedia,
    start_forwarding StartForwarding, stop_forwarding StopForwarding,
    play_media PlayMedia, stop_media StopMedia, play_dtmf PlayDtmf,
}

pub(super) fn manage(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match relayed::deed(cx) {
        Deed::Offer => offer(cx, args),
        Deed::Answer => answer(cx, args),
        Deed::Delete => delete(cx, args),
        Deed::Nothing => Flow::FALSE,
    }
}

pub(super) fn query_v(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(pv) = args.pv(1) else { return Flow::FALSE };
    let pretty = args.text(0) == b"jp";
    run(cx, Command::Query, b"", Some((pv, pretty)))
}

/// A command while it waits.
struct Errand {
    relay: Arc<Relay>,
    sets: Vec<u32>,
    command: Command,
    call: CallFacts,
    branch: Option<Vec<u8>>,
    flags: Flags,
    sdp: Str,
}

/// What came of it.
type Outcome = Result<(Arc<Node>, Reply), String>;

fn run(cx: &mut Cx<'_>, command: Command, words: &[u8], json: Option<(PvRef, bool)>) -> Flow {
    let name = command.name();
    match errand(cx, command, words) {
        Ok((errand, place)) => Flow::wait(async move {
            let outcome = errand.run().await;
            Box::new(move |cx: &mut Cx<'_>| finish(cx, command, place, outcome, json)) as Resume
        }),
        Err(why) => {
            tracing::error!(target: "rtpengine", "{name}: {why}");
            Flow::FALSE
        }
    }
}

/// Takes from the message what the command needs.
fn errand(cx: &mut Cx<'_>, command: Command, words: &[u8]) -> Result<(Errand, Option<Span>), String> {
    let state = cx.state::<Rtpengine>();
    let flags = Flags::read(&String::from_utf8_lossy(words)).map_err(|bad| bad.to_string())?;
    let call = CallFacts::of(cx).ok_or("the message has no Call-ID or no From tag")?;
    let branch = match flags.via_branch {
        None => None,
        Some(wanted) => Some(branch(cx, state, wanted).ok_or("the message has no such Via or branch")?),
    };
    let (sdp, place) = match &state.read_sdp {
        _ if !command.has_sdp() => (Str::EMPTY, None),
        Some(pv) => (cx.read_bound(pv).into_str(), relayed::description(cx).map(|(_, place)| place)),
        None => {
            let (sdp, place) = relayed::description(cx).ok_or("the message has no session description")?;
            (sdp, Some(place))
        }
    };
    let sets = sets(cx, state);
    let relay = Arc::clone(&state.relay);
    Ok((Errand { relay, sets, command, call, branch, flags, sdp }, place))
}

fn branch(cx: &mut Cx<'_>, state: &Rtpengine, wanted: ViaBranch) -> Option<Vec<u8>> {
    let is_reply = !cx.context.message.is_request();
    match wanted {
        ViaBranch::First => relayed::via_branch(cx, 0),
        ViaBranch::Second => relayed::via_branch(cx, 1),
        ViaBranch::Auto => relayed::via_branch(cx, usize::from(is_reply)),
        ViaBranch::AutoExtra if is_reply => relayed::via_branch(cx, 0),
        ViaBranch::Extra | ViaBranch::AutoExtra => {
            let value = cx.read_bound(state.extra_id.as_ref()?).into_str();
            Some(value.to_vec()).filter(|value| !value.is_empty())
        }
    }
}

fn sets(cx: &mut Cx<'_>, state: &Rtpengine) -> Vec<u32> {
    let chosen = cx.data::<Chosen>().0.clone();
    if !chosen.is_empty() {
        return chosen;
    }
    let by_pv = state.set_pv.as_ref().and_then(|pv| match cx.read_bound(pv) {
        Value::Int(set) => u32::try_from(set).ok(),
        Value::Str(text) => text.to_lossy().parse().ok(),
        Value::Null => None,
    });
    vec![by_pv.unwrap_or(state.default_set)]
}

impl Errand {
    async fn run(mut self) -> Outcome {
        let mut last = None;
        for set in std::mem::take(&mut self.sets) {
            let (node, reply) = self.ask(set).await?;
            if let Some(sdp) = reply.sdp() {
                self.sdp = sdp.into();
            }
            last = Some((node, reply));
        }
        last.ok_or_else(|| "no set is chosen".to_owned())
    }

    /// What the call's node is known by in a set.
    fn key(&self, set: u32) -> Vec<u8> {
        let call = self.flags.call_id.as_deref().unwrap_or(&self.call.call_id);
        [&set.to_be_bytes(), call, b"\0", self.branch.as_deref().unwrap_or_default()].concat()
    }

    async fn ask(&self, set: u32) -> Outcome {
        let Self { relay, command, call, flags, .. } = self;
        let nodes = relay.sets.of(set).ok_or_else(|| format!("there is no set {set} of nodes"))?;
        let about = Call {
            call_id: &call.call_id,
            from_tag: &call.from_tag,
            to_tag: &call.to_tag,
            is_reply: call.is_reply,
            source: call.source,
            branch: self.branch.as_deref(),
        };
        let question = ng::request(*command, &about, flags, &self.sdp).map_err(|error| error.to_string())?;
        let key = self.key(set);
        let known = relay.calls.get(&key);
        let asked = relay::ask(nodes, &call.call_id, known, &question, ng::PROTOCOL, &relay.manners);
        let (node, answer) = asked.await.map_err(|error| error.to_string())?;
        match command {
            Command::Delete => relay.calls.remove(&key),
            Command::Offer | Command::Answer => relay.calls.put(&key, &node, relay.call_life),
            _ => {}
        }
        let reply = Reply::read_success(&answer).map_err(|bad| format!("node {}: {bad}", node.url))?;
        if command.has_sdp() && reply.sdp().is_none() {
            return Err(format!("node {} answers without a session description", node.url));
        }
        Ok((node, reply))
    }
}

fn finish(
    cx: &mut Cx<'_>,
    command: Command,
    place: Option<Span>,
    outcome: Outcome,
    json: Option<(PvRef, bool)>,
) -> Flow {
    let (node, reply) = match outcome {
        Ok(done) => done,
        Err(why) => {
            tracing::error!(target: "rtpengine", "{}: {why}", command.name());
            return Flow::FALSE;
        }
    };
    let state = cx.state::<Rtpengine>();
    if let Some(warning) = reply.warning() {
        tracing::warn!(target: "rtpengine", "node {}: {}", node.url, String::from_utf8_lossy(warning));
    }
    fill(cx, state.instance.as_ref(), || Value::Str(node.url.as_str().into()));
    if command == Command::PlayMedia {
        fill(cx, state.media_duration.as_ref(), || Value::Int(reply.0.int("duration").unwrap_or(-1)));
    }
    if matches!(command, Command::Query | Command::Delete) {
        cx.data::<Totals>().0 = reply.totals();
    }
    if let Some((pv, pretty)) = json {
        return cx.write_pv(pv, Value::Str(reply.json(pretty).into())).into();
    }
    match (reply.sdp().filter(|_| command.has_sdp()), place) {
        (None, _) => Flow::TRUE,
        (Some(sdp), _) if state.write_sdp.is_some() => {
            fill(cx, state.write_sdp.as_ref(), || Value::Str(sdp.into()));
            Flow::TRUE
        }
        (Some(sdp), Some(place)) => relayed::put(cx, "rtpengine", place, sdp).into(),
        (Some(_), None) => {
            tracing::error!(target: "rtpengine", "the message has no body to put the session description into");
            Flow::FALSE
        }
    }
}

fn fill(cx: &mut Cx<'_>, pv: Option<&BoundPv>, value: impl FnOnce() -> Value) {
    if let Some(pv) = pv
        && let Err(error) = cx.write_bound(pv, value())
    {
        tracing::error!(target: "rtpengine", "a parameter's variable could not be filled: {error:?}");
    }
}
