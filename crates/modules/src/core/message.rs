//! What else scripts ask of the core for one message: log lines, a shell command, how it is sent and answered.

use std::process::{Command, Stdio};
use std::sync::Arc;

use cfg_vm::catalogue::Parsed;
use engine::listener::ListenerId;
use engine::{Args, Cx, Flow, Resume, log};
use transport::{Proto, SocketName};

/// The level of `log("text")`: below debug.
const LOG_DEFAULT: i64 = 4;

pub(super) fn log_text(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    log::script(LOG_DEFAULT, None, b"<script>: ", args.text(0));
    Flow::TRUE
}

pub(super) fn log_at_level(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    log::script(args.int(0).unwrap_or(LOG_DEFAULT), None, b"<script>: ", args.text(1));
    Flow::TRUE
}

pub(super) fn error(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (a, b) = (String::from_utf8_lossy(args.text(0)), String::from_utf8_lossy(args.text(1)));
    tracing::debug!(target: "core", "error: {a}, {b}");
    Flow::TRUE
}

/// Runs a shell command; the route waits for its end. Its exit status does not count, as in Kamailio.
pub(super) fn exec(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let text = String::from_utf8_lossy(args.text(0)).into_owned();
    let task = cx
        .server()
        .runtime
        .spawn_blocking(move || Command::new("/bin/sh").arg("-c").arg(&text).stdin(Stdio::null()).status());
    Flow::wait(async move {
        let ended = task.await;
        let resume: Resume = Box::new(move |_| match ended {
            Ok(Ok(_)) => Flow::TRUE,
            Ok(Err(error)) => {
                tracing::error!(target: "core", "exec: the shell did not start: {error}");
                Flow::TRUE
            }
            Err(error) => {
                tracing::error!(target: "core", "exec: {error}");
                Flow::FALSE
            }
        });
        resume
    })
}

pub(super) fn force_rport(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    cx.context.via.force_rport = true;
    Flow::TRUE
}

pub(super) fn add_local_rport(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    cx.context.via.local_rport = true;
    Flow::TRUE
}

pub(super) fn set_advertised_address(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.context.via.advertised_address = Some(args.str(0));
    Flow::TRUE
}

pub(super) fn set_advertised_port(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match args.int(0).and_then(|port| u16::try_from(port).ok()) {
        Some(port) => {
            cx.context.via.advertised_port = Some(port);
            Flow::TRUE
        }
        None => {
            tracing::error!(target: "core", "set_advertised_port: a port is a number up to 65535");
            Flow::FALSE
        }
    }
}

pub(super) fn set_forward_no_connect(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    cx.context.stream.forward_no_connect = true;
    Flow::TRUE
}

pub(super) fn set_forward_close(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    cx.context.stream.forward_close = true;
    Flow::TRUE
}

pub(super) fn set_reply_no_connect(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    cx.context.stream.reply_no_connect = true;
    Flow::TRUE
}

pub(super) fn set_reply_close(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    cx.context.stream.reply_close = true;
    Flow::TRUE
}

/// Reads the protocol of `udp_mtu_try_proto(…)`.
pub(super) fn parse_proto(text: &[u8]) -> Result<Parsed, String> {
    Proto::from_bytes(text)
        .map(|proto| Arc::new(proto) as Parsed)
        .ok_or_else(|| "it is UDP, TCP, TLS or SCTP".to_owned())
}

pub(super) fn udp_mtu_try_proto(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    cx.context.stream.mtu_proto = args.parsed::<Proto>(0).copied();
    Flow::TRUE
}

pub(super) fn force_send_socket(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    match socket_named(cx, args.text(0)) {
        Some(socket) => cx.context.destination.socket = Some(socket),
        None => {
            let name = String::from_utf8_lossy(args.text(0));
            tracing::warn!(target: "core", "force_send_socket: not listening on {name}; the choice stays open");
        }
    }
    Flow::TRUE
}

/// The socket that `[proto:]address[:port]` names; without a port, the first on that address.
pub(crate) fn socket_named(cx: &Cx<'_>, name: &[u8]) -> Option<ListenerId> {
    let text = std::str::from_utf8(name).ok()?;
    let wanted: SocketName = text.parse().ok()?;
    let has_proto = text.split(':').next().is_some_and(|front| Proto::from_bytes(front.as_bytes()).is_some());
    let proto = has_proto.then_some(wanted.proto);
    if has_port(text, has_proto) {
        return cx.listeners().bound_to(proto, wanted.addr);
    }
    let fits = |proto: Option<Proto>, ip| {
        let mut all = cx.listeners().all().iter();
        all.find(|l| proto.is_none_or(|proto| proto == l.proto) && l.address.ip() == ip).map(|l| l.id)
    };
    fits(proto, wanted.addr.ip())
}

fn has_port(text: &str, has_proto: bool) -> bool {
    let address = if has_proto { text.split_once(':').map_or(text, |(_, rest)| rest) } else { text };
    match address.rfind(']') {
        Some(end) => address.len() > end + 1,
        None => address.bytes().filter(|&byte| byte == b':').count() == 1,
    }
}

/// Lets the sender's connection be used for requests to it (RFC 5923). Messages of other transports need no alias.
pub(super) fn force_tcp_alias(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(connection) = cx.context.received.connection else { return Flow::TRUE };
    let given = args.int(0).and_then(|port| u16::try_from(port).ok());
    let port = given.or_else(|| cx.context.message.top_via().ok().map(|via| via.port_or_default()));
    let Some(port) = port else { return Flow::FALSE };
    match cx.server().hub.add_alias(connection, port) {
        Ok(()) => Flow::TRUE,
        Err(error) => {
            tracing::error!(target: "core", "force_tcp_alias: {error:?}");
            Flow::FALSE
        }
    }
}

pub(super) fn remove_branch(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let branches = &mut cx.context.branches;
    match usize::try_from(args.int(0).unwrap_or(0)) {
        Ok(index) if index < branches.len() => drop(branches.remove(index)),
        _ => {}
    }
    Flow::TRUE
}

pub(super) fn clear_branches(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    cx.context.branches.clear();
    Flow::TRUE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_told_from_an_ipv6_address() {
        assert!(has_port("udp:192.0.2.1:5060", true));
        assert!(!has_port("udp:192.0.2.1", true));
        assert!(has_port("192.0.2.1:5060", false));
        assert!(!has_port("udp:[2001:db8::1]", true));
        assert!(has_port("[2001:db8::1]:5060", false));
        assert!(!has_port("2001:db8::1", false));
    }
}
