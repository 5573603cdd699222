//! `tls.*`: connections, options, and certificates read again.

use std::sync::Arc;

use engine::rpc::{RpcCall, RpcError, RpcValue};
use transport::ConnId;
use transport::stream::{ConnInfo, Direction};
use transport::tls::Facts;

use super::TlsModule;

type Answer = Result<Vec<RpcValue>, RpcError>;

fn with<T>(call: &RpcCall<'_>, look: impl FnOnce(&TlsModule) -> Result<T, RpcError>) -> Result<T, RpcError> {
    let running = call.server.running();
    let tls = running.state::<TlsModule>();
    look(tls.ok_or_else(|| RpcError::new(500, "module tls is not loaded"))?)
}

fn connections(call: &RpcCall<'_>) -> Vec<ConnInfo> {
    call.server.hub.connections().into_iter().filter(|conn| conn.proto.is_secure()).collect()
}

fn number(count: usize) -> RpcValue {
    RpcValue::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn structure(fields: Vec<(&str, RpcValue)>) -> RpcValue {
    RpcValue::Struct(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

pub(super) fn list(call: &RpcCall<'_>) -> Answer {
    Ok(connections(call).iter().map(|conn| row(call, conn)).collect())
}

fn row(call: &RpcCall<'_>, conn: &ConnInfo) -> RpcValue {
    let hub = &call.server.hub;
    let facts = hub.facts::<Facts>(conn.id);
    let idle = hub.idle(conn.id).map_or(0, |left| i64::try_from(left.as_secs()).unwrap_or(i64::MAX));
    let state = match (&facts, conn.direction) {
        (Some(_), _) => "established",
        (None, Direction::Accepted) => "accepting",
        (None, Direction::Opened) => "connecting",
    };
    let cipher = facts.map_or_else(|| "unknown".to_owned(), |facts| facts.suite.description());
    structure(vec![
        ("id", RpcValue::Int(conn.id.0.into())),
        ("timeout", RpcValue::Int(idle)),
        ("src_ip", conn.remote.ip().to_string().into()),
        ("src_port", RpcValue::Int(conn.remote.port().into())),
        ("dst_ip", conn.local.ip().to_string().into()),
        ("dst_port", RpcValue::Int(conn.local.port().into())),
        ("cipher", cipher.into()),
        ("ct_wq_size", number(hub.waiting(conn.id).unwrap_or(0))),
        ("enc_rd_buf", RpcValue::Int(0)),
        ("flags", RpcValue::Int(2)),
        ("state", state.into()),
    ])
}

pub(super) fn info(call: &RpcCall<'_>) -> Answer {
    let open = connections(call);
    let waiting = open.iter().filter_map(|conn| call.server.hub.waiting(conn.id)).sum();
    Ok(vec![structure(vec![
        ("max_connections", RpcValue::Int(call.server.running().settings.core.int("tls_max_connections"))),
        ("opened_connections", number(open.len())),
        ("clear_text_write_queued_bytes", number(waiting)),
    ])])
}

pub(super) fn options(call: &RpcCall<'_>) -> Answer {
    with(call, |tls| {
        let fields = tls.options.iter().map(|(name, value)| (*name, value.clone())).collect();
        Ok(vec![structure(fields)])
    })
}

pub(super) fn reload(call: &RpcCall<'_>) -> Answer {
    with(call, |tls| {
        if tls.origin.file.is_none() {
            return Err(RpcError::new(500, "No TLS configuration file configured"));
        }
        match tls.origin.load() {
            Ok(domains) => {
                tls.source.replace(Arc::new(domains));
                Ok(vec!["Ok. TLS configuration reloaded.".into()])
            }
            Err(refused) => {
                tracing::error!(target: "tls", "the certificates stay as they are: {}", refused.message);
                Err(RpcError::new(500, format!("Error while fixing TLS configuration: {}", refused.message)))
            }
        }
    })
}

pub(super) fn kill(call: &RpcCall<'_>) -> Answer {
    let id = call.int(0)?;
    let id = connections(call).into_iter().map(|conn| conn.id).find(|known| i64::from(known.0) == id);
    match id.map(|id: ConnId| call.server.hub.close(id)) {
        Some(true) => Ok(Vec::new()),
        _ => Err(RpcError::new(404, "no such TLS connection")),
    }
}
