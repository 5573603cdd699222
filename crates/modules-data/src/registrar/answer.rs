//! What a REGISTER is answered with: the contacts as they stand, Path, outbound, and what went wrong.

use std::io::Write as _;

use cfg_vm::Str;
use engine::variables::{Case, XavpList, XavpValue};
use engine::{Context, Cx};
use sip_message::{HeaderId, Uri};

use crate::usrloc::{Contact, Field, Record, Table};

use super::params::{Outbound, Params, PathMode};
use super::refusal::Refusal;
use super::registration::{Asks, Registration, supports_outbound};

/// What `save` leaves for `reg_send_reply()`; goes with the message.
#[derive(Default)]
pub(super) struct Prepared {
    refusal: Option<Refusal>,
    /// The Contact line.
    contacts: Vec<u8>,
    /// Path of the bindings that were saved.
    path: Vec<u8>,
}

/// Puts together what the answer tells of a record.
pub(super) fn prepare(
    cx: &mut Cx<'_>,
    params: &Params,
    registration: &Registration,
    record: (&Table, &Record),
    refusal: Option<Refusal>,
    now: i64,
) {
    let mut prepared = Prepared { refusal, ..Prepared::default() };
    write_contacts(cx.context, params, record, now, &mut prepared.contacts);
    if matches!(registration.asks, Asks::Bindings(_)) {
        prepared.path.clone_from(&registration.path);
    }
    for contact in record.1.contacts().iter().filter(|contact| contact.is_valid(now)) {
        tell(cx.context, params, contact, now);
    }
    *cx.data::<Prepared>() = prepared;
}

/// Leaves a refusal for the answer.
pub(super) fn refuse(cx: &mut Cx<'_>, refusal: Refusal) {
    *cx.data::<Prepared>() = Prepared { refusal: Some(refusal), ..Prepared::default() };
}

/// Puts the answer's lines among those that are collected for replies.
pub(super) fn add_headers(cx: &mut Cx<'_>, params: &Params) {
    let Prepared { refusal, contacts, path } = std::mem::take(cx.data::<Prepared>());
    let code = refusal.map_or(200, |refusal| refusal.words().0);
    let mut lines = contacts;
    let is_path_told = match params.path_mode {
        PathMode::Silent => false,
        PathMode::Lazy => cx.context.message.has_option_tag(HeaderId::Supported, b"path"),
        PathMode::Strict => true,
    };
    match refusal {
        Some(Refusal::OutboundUnsupported) => lines.extend_from_slice(b"Unsupported: outbound\r\n"),
        Some(Refusal::PathUnsupported) => lines.extend_from_slice(b"Unsupported: path\r\n"),
        Some(Refusal::OutboundRequired) => {
            lines.extend_from_slice(b"Require: outbound\r\nSupported: outbound\r\n")
        }
        // A Vec takes everything.
        Some(Refusal::Brief) => drop(write!(lines, "Min-Expires: {}\r\n", params.min_expires)),
        _ => {}
    }
    if !path.is_empty() && is_path_told && matches!(refusal, None | Some(Refusal::PathUnsupported)) {
        lines.extend_from_slice(b"Path: ");
        lines.extend_from_slice(&path);
        lines.extend_from_slice(b"\r\n");
    }
    if code == 200 {
        write_outbound(cx.context, params, &mut lines);
    }
    let text = refusal.map_or("", |refusal| refusal.words().2);
    if !text.is_empty() {
        // A Vec takes everything.
        let _ = write!(lines, "P-Registrar-Error: {text}\r\n");
    }
    if code >= 500 && params.retry_after > 0 {
        let _ = write!(lines, "Retry-After: {}\r\n", params.retry_after);
    }
    cx.context.reply.headers.extend_from_slice(&lines);
    cx.data::<Prepared>().refusal = refusal;
}

/// Answers with what was prepared.
pub(super) fn send(cx: &mut Cx<'_>, params: &Params) -> bool {
    add_headers(cx, params);
    let refusal = cx.data::<Prepared>().refusal.take();
    let (code, reason, _) = refusal.map_or((200, "OK", ""), Refusal::words);
    modules::sl::answer(cx, code, reason.as_bytes())
}

fn write_outbound(context: &Context, params: &Params, out: &mut Vec<u8>) {
    let supports = supports_outbound(context);
    match params.outbound {
        Outbound::Off => return,
        Outbound::Offered => {
            out.extend_from_slice(b"Supported: outbound\r\n");
            if supports {
                out.extend_from_slice(b"Require: outbound\r\n");
            }
        }
        Outbound::Required => out.extend_from_slice(b"Require: outbound\r\nSupported: outbound\r\n"),
    }
    if supports && params.flow_timer > 0 {
        // A Vec takes everything.
        let _ = write!(out, "Flow-Timer: {}\r\n", params.flow_timer);
    }
}

/// `Contact: …` with all good contacts; nothing where there is none.
fn write_contacts(
    context: &Context,
    params: &Params,
    record: (&Table, &Record),
    now: i64,
    out: &mut Vec<u8>,
) {
    let (table, record) = record;
    let to = context.message.to().ok().and_then(|to| Uri::parse(to.uri_text).ok());
    let gruu =
        to.filter(|_| params.gives_gruus && context.message.has_option_tag(HeaderId::Supported, b"gruu"));
    for contact in record.contacts().iter().filter(|contact| contact.is_valid(now)) {
        out.extend_from_slice(if out.is_empty() { &b"Contact: "[..] } else { b", " });
        write_contact(contact, params, now, out);
        if let (Some(to), Some(instance)) = (&gruu, contact.text_of(Field::Instance)) {
            write_gruus(contact, to, bare(instance), table, out);
        }
        if let Some(instance) = contact.text_of(Field::Instance) {
            write_quoted(b";+sip.instance=\"", instance, out);
        }
        if contact.facts.reg_id > 0 {
            // A Vec takes everything.
            let _ = write!(out, ";reg-id={}", contact.facts.reg_id);
        }
    }
    if !out.is_empty() {
        out.extend_from_slice(b"\r\n");
    }
}

fn write_contact(contact: &Contact, params: &Params, now: i64, out: &mut Vec<u8>) {
    out.push(b'<');
    out.extend_from_slice(contact.text(Field::Address));
    out.push(b'>');
    match contact.facts.q {
        ..0 => {}
        0 => out.extend_from_slice(b";q=0"),
        1000.. => out.extend_from_slice(b";q=1"),
        q => {
            let text = format!(";q=0.{q:03}");
            out.extend_from_slice(text.trim_end_matches('0').as_bytes());
        }
    }
    // A Vec takes everything.
    let _ = write!(out, ";expires={}", contact.remaining(now));
    if let Some(received) = contact.text_of(Field::Received).filter(|_| !params.received_param.is_empty()) {
        out.push(b';');
        out.extend_from_slice(&params.received_param);
        write_quoted(b"=\"", received, out);
    }
}

/// RFC 5627 §5.3. A temporary GRUU names the contact and where in the table it is.
fn write_gruus(contact: &Contact, to: &Uri<'_>, instance: &[u8], table: &Table, out: &mut Vec<u8>) {
    out.extend_from_slice(b";pub-gruu=\"");
    out.extend_from_slice(to.scheme_text);
    out.push(b':');
    if let Some(user) = to.user {
        out.extend_from_slice(user);
        out.push(b'@');
    }
    out.extend_from_slice(to.host);
    write_quoted(b";gr=", instance, out);
    out.extend_from_slice(b";temp-gruu=\"");
    out.extend_from_slice(to.scheme_text);
    out.push(b':');
    out.extend_from_slice(contact.text(Field::Ruid));
    // A Vec takes everything.
    let _ = write!(out, "-{:x}@", table.stripe_of(contact.text(Field::Aor)));
    out.extend_from_slice(to.host);
    out.extend_from_slice(b";gr\"");
}

fn write_quoted(before: &[u8], text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(before);
    out.extend_from_slice(text);
    out.push(b'"');
}

/// An instance without its angle brackets.
fn bare(instance: &[u8]) -> &[u8] {
    instance.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).unwrap_or(instance)
}

/// Adds what `xavp_rcd` is to tell of a contact to its fields.
pub(super) fn tell(context: &mut Context, params: &Params, contact: &Contact, now: i64) {
    let Some(name) = &params.told else { return };
    let xavps = &mut context.variables.xavps;
    if !matches!(xavps.get(name, 0, Case::Exact), Some(XavpValue::List(_))) {
        xavps.push(name.clone(), XavpValue::List(XavpList::default()));
    }
    let Some(XavpValue::List(fields)) = xavps.get_mut(name, 0, Case::Exact) else { return };
    let texts = [
        (1, "ruid", Field::Ruid),
        (2, "contact", Field::Address),
        (8, "received", Field::Received),
        (16, "path", Field::Path),
    ];
    for (bit, name, field) in texts {
        if let Some(text) = contact.text_of(field).filter(|_| params.untold & bit == 0) {
            fields.push(Str::from(name), XavpValue::Str(Str::copy(text)));
        }
    }
    if params.untold & 4 == 0 {
        fields.push(Str::from("expires"), XavpValue::Int(contact.remaining(now)));
    }
}
