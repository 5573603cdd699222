//! `dbg_sip_msg()`: the message as it would leave now, and what was changed in it.

use engine::Cx;
use engine::context::Context;

/// The text for the log, with the script's line.
pub(super) fn text(cx: &Cx<'_>) -> Vec<u8> {
    let mut out = match cx.file_and_line() {
        Some((_, line)) => format!("CONFIG LINE {line}\n").into_bytes(),
        None => b"CONFIG LINE unknown\n".to_vec(),
    };
    write(cx.context, &mut out);
    out
}

fn write(context: &Context, out: &mut Vec<u8>) {
    rule("START OF SIP message debug", out);
    context.edits.write(&context.message, out);
    let body = context.message.index().body().start;
    rule("SIP header diffs", out);
    differences(context, |at| at < body, out);
    rule("SIP body diffs", out);
    differences(context, |at| at >= body, out);
    rule("END OF SIP message debug", out);
}

/// Changes whose place `belongs`: what goes begins with a dash.
fn differences(context: &Context, belongs: impl Fn(u32) -> bool, out: &mut Vec<u8>) {
    for change in context.edits.changes_since(0).filter(|change| belongs(change.removed.start)) {
        let removed = context.message.bytes(change.removed);
        if !removed.is_empty() {
            out.extend_from_slice(b"- ");
            out.extend_from_slice(removed);
            if !removed.ends_with(b"\n") {
                out.push(b'\n');
            }
        }
        out.extend_from_slice(change.text);
    }
}

/// A line of dashes with a title in the middle.
fn rule(title: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{:-^79}\n", format!(" {title} ")).as_bytes());
}
