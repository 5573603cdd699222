//! Functions of the script: each asks the relay of the message's session, waits, and rewrites the description.

use std::net::IpAddr;
use std::sync::Arc;

use cfg_vm::{Str, Value};
use engine::module::{Flow, Resume};
use engine::{Args, Cx};
use media::line::{self, Letters, Place, Session, Step};
use media::nodes::Node;
use media::relay;
use sip_message::Span;
use sip_message::sdp::Sdp;

use super::{CALL_LIFE, Relay, Rtpproxy};
use crate::relayed::{self, CallFacts, Deed};

/// A description that a relay has rewritten already.
const MARKED: Flow = Flow::Done(-2);

/// The set that `set_rtp_proxy_set()` chose for this message.
#[derive(Default)]
struct Chosen(u32);

pub(super) fn set_set(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let set = args.int(0).and_then(|set| u32::try_from(set).ok());
    match set.filter(|set| cx.state::<Rtpproxy>().relay.sets.of(*set).is_some()) {
        Some(set) => {
            cx.data::<Chosen>().0 = set;
            Flow::TRUE
        }
        None => failed("set_rtp_proxy_set", "there is no such set of nodes"),
    }
}

pub(super) fn manage(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match relayed::deed(cx) {
        Deed::Offer => offer(cx, args),
        Deed::Answer => answer(cx, args),
        Deed::Delete => destroy(cx, args),
        Deed::Nothing => Flow::FALSE,
    }
}

pub(super) fn offer(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    describe(cx, args, Step::Offer)
}

pub(super) fn answer(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    describe(cx, args, Step::Answer)
}

pub(super) fn destroy(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    tell(cx, "rtpproxy_destroy", args, b'D')
}

pub(super) fn start_recording(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    tell(cx, "start_recording", args, b'R')
}

fn failed(function: &str, why: &str) -> Flow {
    tracing::error!(target: "rtpproxy", "{function}: {why}");
    Flow::FALSE
}

/// A call's session while a command waits.
struct Errand {
    relay: Arc<Relay>,
    set: u32,
    call_id: Vec<u8>,
    from: Vec<u8>,
    to: Vec<u8>,
    letters: Letters,
}

impl Errand {
    fn of(cx: &mut Cx<'_>, letters: &[u8]) -> Result<Self, String> {
        let state = cx.state::<Rtpproxy>();
        let letters = Letters::read(&String::from_utf8_lossy(letters)).map_err(|bad| bad.to_string())?;
        let facts = CallFacts::of(cx).ok_or("the message has no Call-ID or no From tag")?;
        let added = match letters.branch {
            _ if letters.extra => {
                let pv = state.extra_id.as_ref().ok_or("flag `b` needs parameter extra_id_pv")?;
                Some(cx.read_bound(pv).into_str().to_vec())
            }
            None => None,
            Some(number) => {
                let second = number == 2 || number == 3 && facts.is_reply;
                Some(
                    relayed::via_branch(cx, usize::from(second))
                        .ok_or("the message has no such Via or branch")?,
                )
            }
        };
        let mut call_id = facts.call_id;
        if let Some(added) = added {
            call_id.push(b';');
            call_id.extend_from_slice(&added);
        }
        let to_fits = facts.to_tag.is_empty() || line::is_word(&facts.to_tag);
        if !line::is_word(&call_id) || !line::is_word(&facts.from_tag) || !to_fits {
            return Err("the Call-ID or a tag would be several words of the relay's protocol".to_owned());
        }
        let set = cx.data::<Chosen>().0;
        let relay = Arc::clone(&state.relay);
        Ok(Self { relay, set, call_id, from: facts.from_tag, to: facts.to_tag, letters })
    }

    /// Asks the call's node.
    async fn ask(&self, line: &[u8]) -> Result<(Arc<Node>, Vec<u8>), String> {
        let relay = &self.relay;
        let nodes =
            relay.sets.of(self.set).ok_or_else(|| format!("there is no set {} of nodes", self.set))?;
        let known = relay.calls.get(&self.call_id);
        let asked = relay::ask(nodes, &self.call_id, known, line, line::PROTOCOL, &relay.manners);
        let (node, answer) = asked.await.map_err(|error| error.to_string())?;
        relay.calls.put(&self.call_id, &node, CALL_LIFE);
        Ok((node, answer))
    }
}

/// A command about the session as a whole: `D` or `R`.
fn tell(cx: &mut Cx<'_>, function: &'static str, args: &Args<'_>, command: u8) -> Flow {
    let errand = match Errand::of(cx, args.text(0)) {
        Ok(errand) => errand,
        Err(why) => return failed(function, &why),
    };
    let mut line = [&[command, b' '], errand.call_id.as_slice(), b" ", &errand.from].concat();
    if !errand.to.is_empty() && !errand.letters.without_to_tag {
        line.push(b' ');
        line.extend_from_slice(&errand.to);
    }
    line.push(b'\n');
    Flow::wait(async move {
        let outcome = errand.ask(&line).await;
        if command == b'D' {
            errand.relay.calls.remove(&errand.call_id);
        }
        Box::new(move |_: &mut Cx<'_>| match outcome {
            Ok((_, answer)) if answer.starts_with(b"E") => {
                failed(function, &format!("the node refuses: {}", answer.trim_ascii().escape_ascii()))
            }
            Ok(_) => Flow::TRUE,
            Err(why) => failed(function, &why),
        }) as Resume
    })
}

/// A command for each medium of the message's description.
fn describe(cx: &mut Cx<'_>, args: &Args<'_>, step: Step) -> Flow {
    let function = if step == Step::Offer { "rtpproxy_offer" } else { "rtpproxy_answer" };
    let mut errand = match Errand::of(cx, args.text(0)) {
        Ok(errand) => errand,
        Err(why) => return failed(function, &why),
    };
    let Some((text, place)) = relayed::description(cx) else {
        return failed(function, "the message has no session description");
    };
    let step = if errand.letters.lookup { Step::Answer } else { step };
    if step == Step::Answer && errand.to.is_empty() {
        return failed(function, "an answer needs a To tag, and the message has none");
    }
    // Who describes the session comes first in an offer; who was described first does in an answer.
    let is_reply = !cx.context.message.is_request();
    if (step == Step::Offer) == is_reply {
        std::mem::swap(&mut errand.from, &mut errand.to);
    }
    let explicit = match args.text(1) {
        b"" => None,
        text => {
            match std::str::from_utf8(text).ok().and_then(|text| text.trim_matches(['[', ']']).parse().ok()) {
                Some(address) => Some(address),
                None => return failed(function, "the second argument is no address"),
            }
        }
    };
    let session = Session { call: &errand.call_id, from: &errand.from, to: &errand.to };
    let lines = match Sdp::parse(&text) {
        Ok(sdp) if !errand.letters.force && line::is_marked(&sdp, &cx.state::<Rtpproxy>().mark) => {
            return MARKED;
        }
        Ok(sdp) => line::commands(step, &session, &errand.letters, &sdp),
        Err(error) => return failed(function, &error.to_string()),
    };
    if lines.is_empty() {
        return failed(function, "no medium of the description is in use");
    }
    Flow::wait(async move {
        let outcome = places(&errand, lines).await;
        Box::new(move |cx: &mut Cx<'_>| match outcome {
            Ok((node, places)) => rewrite(cx, &text, place, &errand.letters, explicit, &node, places),
            Err(why) => failed(function, &why),
        }) as Resume
    })
}

type Places = Vec<(usize, Place)>;

async fn places(errand: &Errand, lines: Vec<(usize, Vec<u8>)>) -> Result<(Arc<Node>, Places), String> {
    let mut places = Vec::new();
    let mut answered = None;
    for (medium, line) in lines {
        let (node, answer) = errand.ask(&line).await?;
        places.push((medium, line::place(&answer).map_err(|error| format!("node {}: {error}", node.url))?));
        answered = Some(node);
    }
    // There was at least one line.
    answered.map(|node| (node, places)).ok_or_else(|| "no medium was asked for".to_owned())
}

fn rewrite(
    cx: &mut Cx<'_>,
    text: &Str,
    place: Span,
    letters: &Letters,
    explicit: Option<IpAddr>,
    node: &Node,
    mut places: Places,
) -> Flow {
    let state = cx.state::<Rtpproxy>();
    if explicit.is_some() {
        places.iter_mut().for_each(|(_, place)| place.address = None);
    }
    // A relay that names no address is reached at the one that the message came to.
    let address = explicit.unwrap_or_else(|| cx.context.received.destination.ip());
    let new = match Sdp::parse(text) {
        Ok(sdp) => line::rewrite(&sdp, &places, address, letters, &state.mark),
        Err(error) => return failed("rtpproxy", &error.to_string()),
    };
    if let Some(pv) = &state.instance
        && let Err(error) = cx.write_bound(pv, Value::Str(node.url.as_str().into()))
    {
        tracing::error!(target: "rtpproxy", "rtp_inst_pvar could not be filled: {error:?}");
    }
    relayed::put(cx, "rtpproxy", place, &new).into()
}
