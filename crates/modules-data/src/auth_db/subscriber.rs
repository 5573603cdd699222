//! Whether somebody is a subscriber.

use engine::{Args, Cx, Flow};
use sip_message::Uri;

use super::AuthDb;
use crate::source;

/// Compares the domain too.
const DOMAIN: i64 = 1;
/// Loads no AVPs.
const LOADS_NOTHING: i64 = 2;
/// There is no such subscriber.
const NOT_FOUND: Flow = Flow::Done(-2);

/// `is_subscriber(uri, table, flags)`
pub(super) fn is_subscriber(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (text, table) = (args.text(0), args.text(1));
    let (Ok(uri), Some(flags), false) = (Uri::parse(text), args.int(2), table.is_empty()) else {
        tracing::error!(target: "auth_db", "is_subscriber: `{}` is no URI, or table or flags are missing", text.escape_ascii());
        return Flow::FALSE;
    };
    let Some(user) = uri.user.filter(|user| !user.is_empty()) else { return NOT_FOUND };
    let state = cx.state::<AuthDb>();
    let domain = (flags & DOMAIN != 0).then_some(uri.host);
    let query = state.query(table, &state.user, user, domain);
    source::ask("auth_db", &state.database, query, move |cx, rows| {
        let Some(rows) = rows else { return Flow::FALSE };
        let Some(row) = rows.first() else { return NOT_FOUND };
        if flags & LOADS_NOTHING == 0 {
            cx.state::<AuthDb>().load(cx, row);
        }
        Flow::TRUE
    })
}
