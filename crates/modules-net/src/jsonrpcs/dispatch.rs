//! Commands that come with a message: in an HTTP request's body, or from the script itself.

use std::sync::Arc;

use cfg_vm::Value;
use control::Refusal;
use control::json::{self, Layout};
use engine::module::{Flow, Resume};
use engine::{Args, Cx, PvArgs, Server};

use super::Jsonrpcs;
use super::listen::Open;
use crate::commands;
use crate::xhttp::reply::{self, HttpReply};

/// What came of a command.
struct Outcome {
    code: i64,
    text: String,
    body: String,
}

/// Carries out a request; on a thread that may block.
fn carry_out(server: &Arc<Server>, request: &[u8], layout: Layout) -> Outcome {
    let request = match json::request(request) {
        Ok(request) => request,
        Err(bad) => {
            return Outcome { code: 400, text: "Bad Request".to_owned(), body: bad.answer(layout) };
        }
    };
    let answer = commands::run(server, &request.method, request.params);
    let body = json::response(&answer, request.id.as_ref(), layout);
    let (code, text) = answer.as_ref().err().map_or((200, "OK"), json::fault);
    Outcome { code, text: text.to_owned(), body }
}

/// The same, off the shard.
async fn carried_out(open: Arc<Open>, server: Arc<Server>, request: Vec<u8>, layout: Layout) -> Outcome {
    // The semaphore is never closed.
    let _turn = open.running.acquire().await;
    let done = tokio::task::spawn_blocking(move || carry_out(&server, &request, layout)).await;
    done.unwrap_or_else(|_| {
        let refusal = Refusal::failed(500, "Internal error: the command panicked, see the log");
        let body = json::response(&Err(refusal), None, layout);
        Outcome { code: 500, text: "Internal Error".to_owned(), body }
    })
}

/// `jsonrpc_dispatch()`
pub(super) fn dispatch(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let state = cx.state::<Jsonrpcs>();
    if !state.http {
        tracing::error!(target: "jsonrpcs", "jsonrpc_dispatch: HTTP is not among the transports; set bit 1 of parameter `transport`");
        return Flow::FALSE;
    }
    if !cx.running.is_loaded("xhttp") || cx.context.received.connection.is_none() {
        tracing::error!(target: "jsonrpcs", "jsonrpc_dispatch: this is no HTTP request; call it in event_route[xhttp:request]");
        return Flow::FALSE;
    }
    let (server, open, layout) = (Arc::clone(cx.server()), Arc::clone(&state.open), state.layout);
    let request = cx.context.message.body().to_vec();
    Flow::wait(async move {
        let outcome = carried_out(open, server, request, layout).await;
        let resume: Resume = Box::new(move |cx| answer(cx, &outcome));
        resume
    })
}

fn answer(cx: &mut Cx<'_>, outcome: &Outcome) -> Flow {
    let reply = HttpReply {
        code: u16::try_from(outcome.code).ok().filter(|code| (100..=699).contains(code)).unwrap_or(500),
        reason: outcome.text.as_bytes(),
        content_type: b"application/json",
        body: outcome.body.as_bytes(),
    };
    match reply::send(cx, reply) {
        Ok(()) => Flow::TRUE,
        Err(error) => {
            tracing::error!(target: "jsonrpcs", "jsonrpc_dispatch: {error}");
            Flow::FALSE
        }
    }
}

/// The outcome of the last `jsonrpc_exec`, of this process.
#[derive(Default)]
struct Last(Option<Outcome>);

/// `jsonrpc_exec(command)`
pub(super) fn exec(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let state = cx.state::<Jsonrpcs>();
    let (server, open, layout) = (Arc::clone(cx.server()), Arc::clone(&state.open), state.layout);
    let request = args.text(0).to_vec();
    Flow::wait(async move {
        let outcome = carried_out(open, server, request, layout).await;
        let resume: Resume = Box::new(move |cx| {
            cx.local::<Last>().0 = Some(outcome);
            Flow::TRUE
        });
        resume
    })
}

/// `$jsonrpl(part)`
pub(super) fn last(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(outcome) = &cx.local::<Last>().0 else { return Value::Null };
    match args.name() {
        b"code" => Value::Int(outcome.code),
        b"text" => outcome.text.clone().into_bytes().into(),
        b"body" => outcome.body.clone().into_bytes().into(),
        _ => Value::Null,
    }
}
