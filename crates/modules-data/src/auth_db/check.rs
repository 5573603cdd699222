//! Checking credentials against the table.

use cfg_vm::Str;
use engine::{Args, Cx, Flow};
use modules::auth::{self, Auth, Denied, First, Kind, Offer};
use sip_message::Method;
use sip_message::digest::ha1;
use store::Row;

use super::AuthDb;
use crate::source;

/// `auth_check`: the credentials must be those of the user in From.
const OWN: i64 = 1;
/// `auth_check`: but not in requests whose From may be anonymous.
const ANONYMOUS: i64 = 2;

/// Whom the credentials must be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Anybody,
    TheSenders,
}

/// `auth_check(realm, table, flags)`
pub(super) fn auth_check(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(flags) = args.int(2) else {
        tracing::error!(target: "auth_db", "auth_check: the flags are no number");
        return Flow::FALSE;
    };
    let method = cx.context.message.method();
    let may_be_anonymous =
        matches!(method, Method::Invite | Method::Bye | Method::Prack | Method::Update | Method::Message);
    let own = flags & OWN != 0 && !(flags & ANONYMOUS != 0 && may_be_anonymous);
    let whose = if own { Whose::TheSenders } else { Whose::Anybody };
    let kind = Kind::of(&cx.context.message);
    authenticate(cx, args, kind, None, whose)
}

/// `www_authenticate(realm, table [, method])`
pub(super) fn www_authenticate(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let method = (args.len() > 2).then(|| args.str(2));
    authenticate(cx, args, Kind::User, method, Whose::Anybody)
}

/// `proxy_authenticate(realm, table)`
pub(super) fn proxy_authenticate(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    authenticate(cx, args, Kind::Proxy, None, Whose::Anybody)
}

fn authenticate(cx: &Cx<'_>, args: &Args<'_>, kind: Kind, method: Option<Str>, whose: Whose) -> Flow {
    let (realm, table) = (args.str(0), args.text(1));
    if realm.is_empty() || table.is_empty() {
        tracing::error!(target: "auth_db", "a realm and a table are needed to check credentials");
        return Flow::FALSE;
    }
    let offer = match auth::look(cx, kind, realm, method) {
        First::Exempt => return Flow::TRUE,
        First::Denied(denied) => return denied.into(),
        First::Offer(offer) => offer,
    };
    let state = cx.state::<AuthDb>();
    let username = offer.username(cx.context);
    let mut parts = username.splitn(2, |&byte| byte == b'@');
    let (user, own_domain) = (parts.next().unwrap_or_default(), parts.next());
    let column = match own_domain {
        Some(_) if !state.calculates => &state.password_with_domain,
        _ => &state.password,
    };
    let domain = state.use_domain.then(|| own_domain.unwrap_or_else(|| offer.realm()));
    let query = state.query(table, column, user, domain);
    source::ask("auth_db", &state.database, query, move |cx, rows| match rows {
        Some(rows) => auth::flow(judge(cx, &offer, rows.first(), whose)),
        None => Denied::Unusable.into(),
    })
}

fn judge(cx: &mut Cx<'_>, offer: &Offer, row: Option<&Row>, whose: Whose) -> Result<(), Denied> {
    let state = cx.state::<AuthDb>();
    let stored = row.and_then(|row| source::text_of(row.first()?));
    let secret = stored.as_deref().unwrap_or(&state.nobodys);
    let checked = if state.calculates {
        let username = offer.username(cx.context).into_owned();
        let hash = cx.state::<Auth>().algorithm_for(cx.context).hash;
        auth::check(cx, offer, ha1(hash, &username, offer.realm(), secret).as_bytes())
    } else {
        auth::check(cx, offer, secret)
    };
    let Some(row) = row.filter(|_| stored.is_some()) else { return Err(Denied::UnknownUser) };
    if checked.is_ok() || state.always_loads {
        state.load(cx, row);
    }
    checked?;
    match whose {
        Whose::Anybody => Ok(()),
        Whose::TheSenders => {
            let user = auth::user_of(&offer.username(cx.context));
            auth::is_own(cx.context, &user, state.use_domain.then(|| offer.realm()))
        }
    }
}
