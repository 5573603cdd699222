//! The sender's address told to a registrar: as a URI in a variable, or in Contacts.

use cfg_vm::Value;
use engine::{Args, Context, Cx, Flow};

use modules::sender::{escaped, write_uri};

use super::Nathelper;

pub(super) fn fix_register(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let Some(pv) = &cx.state::<Nathelper>().received else {
        tracing::error!(target: "nathelper", "fix_nated_register fills the variable of received_avp; set that parameter");
        return Flow::FALSE;
    };
    let mut uri = Vec::new();
    write_uri(cx.context.received.source, cx.context.received.proto, &mut uri);
    match cx.write_bound(pv, Value::from(uri)) {
        Ok(()) => Flow::TRUE,
        Err(error) => {
            tracing::error!(target: "nathelper", "the variable of received_avp could not be filled: {error:?}");
            Flow::FALSE
        }
    }
}

pub(super) fn add_param(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let in_uri = args.int(0).unwrap_or_default() != 0;
    let Context { message, edits, received, .. } = &mut *cx.context;
    let mut uri = Vec::new();
    write_uri(received.source, received.proto, &mut uri);
    let param = if in_uri { escaped(b"received", &uri) } else { [b";received=\"", &uri[..], b"\""].concat() };
    for value in message.contact_values() {
        let Ok(contact) = message.name_addr(value) else { return Flow::FALSE };
        if contact.is_star() {
            continue;
        }
        let place = if in_uri { message.span_of(contact.uri_text) } else { Some(value.span) };
        if let Some(place) = place {
            edits.insert(place.end as usize, sip_message::Class::Text, &param);
        }
    }
    Flow::TRUE
}
