//! `tm.*`: looking into the transactions, and making requests and replies by hand.

use std::time::Duration;

use cfg_vm::Str;
use engine::module::Rpc;
use engine::rpc::{RpcCall, RpcError, RpcValue};
use engine::services::Services;
use engine::statistics::Counter;
use engine::{Context, Cx};
use sip_message::HeaderId;
use tokio::sync::oneshot;

use super::Tm;
use super::calls::{self, Answer, Call, Cancelled, Wish};
use super::shards;
use super::table::Table;
use super::transaction::{Id, Request, Transaction};
use super::uac::{self, SendError};

type Result<T = Vec<RpcValue>> = std::result::Result<T, RpcError>;

/// How long an answer is waited for where the transaction's own timers do not end it.
const PATIENCE: Duration = Duration::from_secs(300);

/// The commands' table.
pub(super) const COMMANDS: &[Rpc] = &[
    Rpc { name: "tm.stats", doc: "Counts of transactions and replies.", run: stats },
    Rpc { name: "tm.list", doc: "The transactions that are kept.", run: list },
    Rpc { name: "tm.hash_stats", doc: "Refused, as there is no such table.", run: hash_stats },
    Rpc { name: "tm.clean", doc: "Nothing to do: what has ended goes by itself.", run: clean },
    Rpc { name: "tm.cancel", doc: "Cancels the INVITE of a Call-ID and CSeq.", run: cancel },
    Rpc { name: "tm.reply", doc: "Replies: code, reason, `index:label`, To tag, headers, body.", run: reply },
    Rpc {
        name: "tm.reply_callid",
        doc: "Replies: code, reason, Call-ID, CSeq, To tag, headers, body.",
        run: reply_callid,
    },
    Rpc {
        name: "tm.t_uac_start",
        doc: "Sends a request: method, URI, next hop, socket, headers, body; a dot is nothing.",
        run: uac_start,
    },
    Rpc { name: "tm.t_uac_wait", doc: "The same, and waits for the final answer.", run: uac_wait },
    Rpc { name: "tm.t_uac_wait_block", doc: "Another name of `tm.t_uac_wait`.", run: uac_wait },
];

fn stats(call: &RpcCall<'_>) -> Result {
    let running = call.server.running();
    let Some(tm) = running.state::<Tm>() else { return Err(RpcError::new(500, "tm is not loaded")) };
    let counts = &tm.counts;
    let value = |counter: &Counter| RpcValue::count(counter.total());
    let (in_use, active) = (counts.in_use.total(), counts.active.total());
    let created = counts.received_requests.total() + counts.own_requests.total();
    let class = |class: usize| value(&counts.ended[class - 2]);
    Ok(vec![RpcValue::structure([
        ("current", RpcValue::count(in_use)),
        ("waiting", RpcValue::count(in_use.saturating_sub(active))),
        ("total", RpcValue::count(created)),
        ("total_local", value(&counts.own_requests)),
        ("rpl_received", value(&counts.replies_received)),
        ("rpl_generated", value(&counts.replies_generated)),
        ("rpl_sent", value(&counts.replies_sent)),
        ("6xx", class(6)),
        ("5xx", class(5)),
        ("4xx", class(4)),
        ("3xx", class(3)),
        ("2xx", class(2)),
        ("created", RpcValue::count(created)),
        ("freed", RpcValue::count(created.saturating_sub(in_use))),
        ("delayed_free", RpcValue::Int(0)),
    ])])
}

fn list(call: &RpcCall<'_>) -> Result {
    let shards = call.wait(shards::all(call.server, |services| {
        let now = services.now;
        let (shard, shards) = (services.index, services.server.shards());
        let table: &mut Table = services.kept();
        let now = table.milliseconds(now);
        table.iter().map(|(id, t)| shown(id.public(shard, shards), t, now)).collect::<Vec<_>>()
    }));
    Ok(shards.into_iter().flatten().collect())
}

/// A transaction for people, with Kamailio's names. Headers stand as whole lines; they are empty while a route runs on the
/// request and once it is not needed any more.
fn shown((index, label): (i64, i64), transaction: &Transaction, now: u64) -> RpcValue {
    let request = match &transaction.request {
        Request::Home(request) => Some(&request.message),
        Request::Away | Request::Spent => None,
    };
    let line = |id| {
        let field = request.and_then(|message| Some(message.bytes(message.index().first(id)?.whole)));
        String::from_utf8_lossy(field.unwrap_or_default()).into_owned()
    };
    let cseq = request
        .and_then(|message| message.cseq().ok())
        .map_or(String::new(), |cseq| format!("CSeq: {}", String::from_utf8_lossy(cseq.number_text)));
    let is_own = transaction.local.is_some();
    let flags = i64::from(transaction.method == sip_message::Method::Invite) | i64::from(is_own) << 1;
    let method = request.map_or_else(|| transaction.method.as_bytes(), |message| message.method_text());
    RpcValue::structure([
        ("cell", format!("{index:#x}").into()),
        ("tindex", RpcValue::Int(index)),
        ("tlabel", RpcValue::Int(label)),
        ("method", String::from_utf8_lossy(method).into_owned().into()),
        ("from", line(HeaderId::From).into()),
        ("to", line(HeaderId::To).into()),
        ("callid", line(HeaderId::CallId).into()),
        ("cseq", cseq.into()),
        ("uas_request", if is_own { "no" } else { "yes" }.into()),
        ("tflags", RpcValue::Int(flags)),
        ("outgoings", RpcValue::count(transaction.branches.len())),
        ("ref_count", RpcValue::Int(1)),
        ("lifetime", RpcValue::count(transaction.ends_at.saturating_sub(now))),
    ])
}

fn hash_stats(_: &RpcCall<'_>) -> Result {
    Err(RpcError::new(500, "Hash statistics not supported (tryrecompiling with -DTM_HASH_STATS)"))
}

fn clean(_: &RpcCall<'_>) -> Result {
    Ok(Vec::new())
}

/// The call that two arguments name.
fn call_at(call: &RpcCall<'_>, at: usize) -> Option<Call> {
    let id = call.text(at).ok()?;
    let cseq = call.text(at + 1).ok()?.trim().parse().ok()?;
    Some(Call { id: Str::from(id.as_bytes()), cseq })
}

fn cancel(call: &RpcCall<'_>) -> Result {
    let Some(wanted) = call_at(call, 0) else {
        return Err(RpcError::new(400, "Callid and CSeq expected as parameters"));
    };
    let question = move |services: &mut Services| calls::cancel(services, &wanted, Wish::default());
    match call.wait(shards::first(call.server, question)) {
        None => Err(RpcError::new(400, "Transaction not found")),
        Some(Cancelled::Over) => Ok(vec![RpcValue::Int(0)]),
        Some(Cancelled::Waiting) => {
            Ok(vec![RpcValue::Int(0), "branches remaining (waiting for timeout)".into()])
        }
    }
}

/// A text that may be a dot or lacking, for nothing.
fn optional(call: &RpcCall<'_>, at: usize) -> Result<Str> {
    if at >= call.arguments.len() {
        return Ok(Str::EMPTY);
    }
    let text = call.text(at)?;
    Ok(if text == "." { Str::EMPTY } else { Str::from(text.as_bytes()) })
}

/// The code and reason at the front, the To tag, headers and body from a place on.
fn answer(call: &RpcCall<'_>, at: usize) -> Result<Answer> {
    let code = call.int(0).ok().and_then(|code| u16::try_from(code).ok());
    let code = code.filter(|code| (100..700).contains(code));
    let code = code.ok_or_else(|| RpcError::new(400, "Reply code expected"))?;
    let reason = call.text(1).map_err(|_| RpcError::new(400, "Reason expected"))?;
    let tag = optional(call, at)?;
    let headers = optional(call, at + 1)?;
    if !headers.is_empty() && !headers.ends_with(b"\n") {
        return Err(RpcError::new(400, "Invalid headers"));
    }
    let body = optional(call, at + 2)?;
    let (headers, kind) = without_content_type(&headers);
    let body = match (body.is_empty(), kind) {
        (true, _) => None,
        (false, Some(kind)) => Some((kind, body)),
        (false, None) => return Err(RpcError::new(400, "Content-Type missing")),
    };
    Ok(Answer { code, reason: Str::from(reason.as_bytes()), tag, headers, body })
}

/// Header lines without their Content-Type, and its value.
fn without_content_type(headers: &[u8]) -> (Str, Option<Str>) {
    let mut kind = None;
    let mut others = Vec::with_capacity(headers.len());
    for line in headers.split_inclusive(|byte| *byte == b'\n') {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"Content-Type") || name.eq_ignore_ascii_case(b"c") {
            let value = line.splitn(2, |byte| *byte == b':').nth(1).unwrap_or_default();
            kind = Some(Str::copy(value.trim_ascii()));
        } else {
            others.extend_from_slice(line);
        }
    }
    (Str::from(others), kind)
}

fn replied(sent: Option<bool>, unknown: (u16, &str)) -> Result {
    match sent {
        Some(true) => Ok(Vec::new()),
        Some(false) => Err(RpcError::new(500, "Reply failed")),
        None => Err(RpcError::new(unknown.0, unknown.1)),
    }
}

fn reply(call: &RpcCall<'_>) -> Result {
    let answer = answer(call, 3)?;
    let name = call.text(2).map_err(|_| RpcError::new(400, "Transaction ID expected"))?;
    let numbers =
        name.split_once(':').and_then(|(index, label)| Some((index.parse().ok()?, label.parse().ok()?)));
    let Some((index, label)) = numbers else {
        return Err(RpcError::new(400, "Invalid transaction ID"));
    };
    let unknown = (481, "No such transaction");
    let Some((shard, id)) = Id::of_public(index, label, call.server.shards()) else {
        return replied(None, unknown);
    };
    let question = move |services: &mut Services| calls::reply(services, id, &answer);
    replied(call.wait(shards::ask(call.server, shard, question)).flatten(), unknown)
}

fn reply_callid(call: &RpcCall<'_>) -> Result {
    let answer = answer(call, 4)?;
    if call.text(2).is_err() {
        return Err(RpcError::new(400, "Call-ID expected"));
    }
    let wanted = call_at(call, 2).ok_or_else(|| RpcError::new(400, "CSeq expected"))?;
    let question = move |services: &mut Services| calls::reply_to_call(services, &wanted, &answer);
    replied(call.wait(shards::first(call.server, question)), (404, "Transaction not found"))
}

/// What a request is made of, as it was asked for.
#[derive(Clone)]
struct Wanted {
    method: Str,
    uri: Str,
    next_hop: Str,
    socket: Str,
    headers: Str,
    body: Str,
}

impl Wanted {
    fn of(call: &RpcCall<'_>) -> Result<Self> {
        let count = call.arguments.len();
        if count < 5 {
            return Err(RpcError::new(400, format!("too few parameters ({count}/5)")));
        }
        Ok(Self {
            method: optional(call, 0)?,
            uri: optional(call, 1)?,
            next_hop: optional(call, 2)?,
            socket: optional(call, 3)?,
            headers: optional(call, 4)?,
            body: optional(call, 5)?,
        })
    }

    /// Sends it; why not, in Kamailio's words.
    fn send(self, services: &mut Services, then: Option<uac::Then>) -> Result<()> {
        let running = services.server.running();
        let mut nobody = Context::default();
        let socket = match self.socket.is_empty() {
            true => None,
            false => {
                let cx = Cx::new(&mut nobody, services, &running);
                let found = crate::core::socket_named(&cx, &self.socket);
                Some(found.ok_or_else(|| refused(&SendError::NoSuchSocket, &self))?)
            }
        };
        let asked = self.clone();
        let request = uac::Request {
            next_hop: Some(self.next_hop).filter(|hop| !hop.is_empty()),
            socket,
            headers: self.headers,
            body: self.body,
            then,
            ..uac::Request::new(self.method, self.uri)
        };
        uac::send(services, &running, request).map_err(|error| refused(&error, &asked))
    }
}

fn refused(error: &SendError, wanted: &Wanted) -> RpcError {
    let quoted = |what: &str, text: &Str| format!("{what} \"{}\"", String::from_utf8_lossy(text));
    match error {
        SendError::BadUri => RpcError::new(400, quoted("Invalid request uri", &wanted.uri)),
        SendError::BadNextHop => RpcError::new(400, quoted("Invalid next-hop uri", &wanted.next_hop)),
        SendError::NoSuchSocket => RpcError::new(400, quoted("No local socket for", &wanted.socket)),
        SendError::NoMethod | SendError::Headers(_) => RpcError::new(400, error.to_string()),
        other => RpcError::new(500, other.to_string()),
    }
}

/// The shard that makes the requests which are asked for by hand.
const SHARD: usize = 0;

const STOPS: &str = "the server stops";

fn uac_start(call: &RpcCall<'_>) -> Result {
    let wanted = Wanted::of(call)?;
    let sent = call.wait(shards::ask(call.server, SHARD, move |services| wanted.send(services, None)));
    sent.ok_or_else(|| RpcError::new(500, STOPS))?.map(|()| Vec::new())
}

/// Sends a request and tells the final answer's code and reason.
fn uac_wait(call: &RpcCall<'_>) -> Result {
    let wanted = Wanted::of(call)?;
    let (tell, told) = oneshot::channel();
    let then: uac::Then = Box::new(move |_, _, outcome: uac::Outcome| {
        // Nobody may be waiting any more.
        let _ = tell.send((outcome.code, reason(&outcome)));
    });
    let sent = call.wait(shards::ask(call.server, SHARD, move |services| wanted.send(services, Some(then))));
    sent.ok_or_else(|| RpcError::new(500, STOPS))??;
    let answer = call.wait(async { tokio::time::timeout(PATIENCE, told).await });
    match answer {
        Ok(Ok((code, text))) => {
            Ok(vec![RpcValue::structure([("code", RpcValue::Int(code.into())), ("text", text.into())])])
        }
        _ => Err(RpcError::new(500, "no answer was waited for any longer")),
    }
}

fn reason(outcome: &uac::Outcome) -> String {
    let reason = outcome.reply.as_ref().map(|reply| reply.message.reason());
    let reason = reason.unwrap_or_else(|| super::choice::reason_of(outcome.code));
    String::from_utf8_lossy(reason).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_a_body_is_taken_out_of_the_headers() {
        let (headers, kind) = without_content_type(b"X-A: 1\r\ncontent-type:  a/b;c=d\r\nX-B: 2\r\n");
        assert_eq!(&*headers, b"X-A: 1\r\nX-B: 2\r\n");
        assert_eq!(kind.as_deref(), Some(&b"a/b;c=d"[..]));
        assert!(without_content_type(b"X-A: c: 1\r\n").1.is_none());
    }
}
