//! Changes to the message as a whole.

use cfg_vm::regex::Regex;
use engine::context::Context;
use engine::module::Flow;
use engine::{Args, Cx};
use sip_message::HeaderId;

/// What came out when it is no message ends the script, as in Kamailio.
pub(super) fn msg_apply_changes(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    match cx.apply_changes() {
        Ok(()) => Flow::TRUE,
        Err(error) => {
            tracing::error!(target: "textopsx", "msg_apply_changes: the changed message is none: {error}");
            Flow::Done(0)
        }
    }
}

pub(super) fn msg_set_buffer(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let request = cx.context.message.is_request();
    let bytes = args.text(0);
    match sip_message::Message::from_bytes(bytes) {
        Ok(message) if message.is_request() == request => {}
        Ok(_) => {
            tracing::error!(target: "textopsx", "msg_set_buffer: a request stays a request, and a reply a reply");
            return Flow::FALSE;
        }
        Err(error) => {
            tracing::error!(target: "textopsx", "msg_set_buffer: that is no message: {error}");
            return Flow::FALSE;
        }
    }
    match cx.replace_message(bytes.to_vec()) {
        Ok(()) => {
            cx.context.destination.uri = None;
            Flow::TRUE
        }
        Err(error) => {
            tracing::error!(target: "textopsx", "msg_set_buffer: {error}");
            Flow::FALSE
        }
    }
}

pub(super) fn change_reply_status(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(code), reason) = (args.int(0), args.text(1)) else { return Flow::FALSE };
    if reason.is_empty() {
        tracing::error!(target: "textopsx", "change_reply_status: the reason is empty");
        return Flow::FALSE;
    }
    set_status(cx.context, code, Some(reason))
}

pub(super) fn change_reply_status_code(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match args.int(0) {
        Some(code) => set_status(cx.context, code, None),
        None => Flow::FALSE,
    }
}

fn set_status(context: &mut Context, code: i64, reason: Option<&[u8]>) -> Flow {
    let Context { message, edits, .. } = context;
    let Some(status) = message.status() else { return Flow::FALSE };
    let Some(code) = u16::try_from(code).ok().filter(|code| (100..700).contains(code)) else {
        tracing::error!(target: "textopsx", "{code} is no status: these are 100 to 699");
        return Flow::FALSE;
    };
    // What kind of answer it is must stay: provisional, success, or failure.
    if (code < 300 || status < 300) && code / 100 != status / 100 {
        tracing::error!(target: "textopsx", "a reply of {status} cannot become one of {code}: the class must stay");
        return Flow::FALSE;
    }
    edits.set_status(message, code, reason.unwrap_or_else(|| message.reason()));
    Flow::TRUE
}

pub(super) fn remove_body(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let Context { message, edits, .. } = &mut *cx.context;
    if !message.body().is_empty()
        && let Err(error) = edits.remove_body(message)
    {
        tracing::error!(target: "textopsx", "remove_body: {error}");
        return Flow::FALSE;
    }
    Flow::TRUE
}

/// Headers that `keep_hf` leaves where they are, whatever is asked for.
const KEPT: [HeaderId; 11] = [
    HeaderId::Via,
    HeaderId::From,
    HeaderId::To,
    HeaderId::CallId,
    HeaderId::CSeq,
    HeaderId::ContentLength,
    HeaderId::ContentType,
    HeaderId::MaxForwards,
    HeaderId::Contact,
    HeaderId::Route,
    HeaderId::RecordRoute,
];

/// The code is -1 whatever was removed, as in Kamailio.
pub(super) fn keep_hf(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Context { message, edits, .. } = &mut *cx.context;
    let wanted = args.parsed::<Regex>(0);
    for field in message.headers() {
        let kept =
            KEPT.contains(&field.id) || wanted.is_some_and(|re| re.is_match(message.bytes(field.name)));
        if !kept && !edits.is_deleted(field.whole) {
            edits.delete_header(field);
        }
    }
    Flow::FALSE
}
