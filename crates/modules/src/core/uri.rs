//! The functions that change the request URI.

use cfg_vm::Str;
use engine::{Args, Cx, Flow};

use super::rewrite::{Change, rewrite};

pub(super) fn rewrite_user(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    change(cx, Change::User(args.text(0)))
}

pub(super) fn rewrite_user_password(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    change(cx, Change::UserPassword(args.text(0)))
}

pub(super) fn rewrite_host(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    change(cx, Change::Host(args.text(0)))
}

pub(super) fn rewrite_host_port(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    change(cx, Change::HostPort(args.text(0)))
}

pub(super) fn rewrite_host_port_transport(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    change(cx, Change::HostPortTransport(args.text(0)))
}

pub(super) fn rewrite_port(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    change(cx, Change::Port(args.text(0)))
}

pub(super) fn rewrite_uri(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    set(cx, args.str(0))
}

pub(super) fn revert_uri(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    cx.context.destination.uri = None;
    Flow::TRUE
}

pub(super) fn prefix(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    change(cx, Change::Prefix(args.text(0)))
}

pub(super) fn strip(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    change(cx, Change::Strip(count(args)))
}

pub(super) fn strip_tail(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    change(cx, Change::StripTail(count(args)))
}

pub(super) fn user_phone(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    change(cx, Change::UserPhone)
}

fn count(args: &Args<'_>) -> usize {
    args.int(0).map_or(0, |count| usize::try_from(count).unwrap_or(0))
}

fn set(cx: &mut Cx<'_>, uri: Str) -> Flow {
    if !cx.context.message.is_request() {
        return Flow::FALSE;
    }
    cx.context.destination.uri = Some(uri);
    Flow::TRUE
}

fn change(cx: &mut Cx<'_>, change: Change<'_>) -> Flow {
    change_request_uri(cx, change).into()
}

/// Rewrites a part of the request URI; false, after a line in the log, when the URI cannot be taken apart or the
/// message is no request.
pub(crate) fn change_request_uri(cx: &mut Cx<'_>, change: Change<'_>) -> bool {
    let uri = cx.context.request_uri();
    match rewrite(&uri, change) {
        Ok(new) => {
            cx.context.destination.uri = Some(new.into());
            true
        }
        Err(_) => {
            tracing::error!(target: "core", "bad uri <{}>, dropping packet", uri.to_lossy());
            false
        }
    }
}
