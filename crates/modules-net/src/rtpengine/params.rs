//! The parameters, and what begins with the configuration.

use std::sync::Arc;
use std::time::Duration;

use cfg_vm::bound::BoundPv;
use engine::module::State;
use engine::{Running, Server, Setup, SetupError};
use media::client::Patience;
use media::ng;
use media::nodes::{Sets, Spread};
use media::relay::{self, Keep, Manners};

use super::{Relay, Rtpengine};

pub(super) fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let number = |name: &str, default: i64| setup.int(name).unwrap_or(default).unsigned_abs();
    let default_set = u32::try_from(number("setid_default", 0)).unwrap_or(0);
    let mut sets = Sets::default();
    for param in setup.values("rtpengine_sock") {
        let text = String::from_utf8_lossy(param.value.as_text().unwrap_or_default());
        sets.add(&text, default_set).map_err(|bad| SetupError::at(param, bad.to_string()))?;
    }
    let from = match setup.values("force_send_interface").last() {
        Some(param) => {
            let text = String::from_utf8_lossy(param.value.as_text().unwrap_or_default());
            let bare = text.trim_start_matches('[').trim_end_matches(']');
            let told = || SetupError::at(param, format!("`{text}` is no address of this machine"));
            if bare.is_empty() { None } else { Some(bare.parse().map_err(|_| told())?) }
        }
        None => None,
    };
    let manners = Manners {
        patience: Patience {
            timeout: Duration::from_millis(number("rtpengine_tout_ms", 1000)),
            retries: u32::try_from(number("rtpengine_retr", 5)).unwrap_or(5),
            from,
        },
        down_for: Duration::from_secs(number("rtpengine_disable_tout", 60)),
        nodes: usize::try_from(number("queried_nodes_limit", 30)).unwrap_or(30),
        redetect: setup.int("aggressive_redetection") != Some(0),
        spread: if number("hash_algo", 0) == 0 { Spread::Sum } else { Spread::Crc32 },
        keep: match number("rtpengine_allow_op", 0) {
            1 => Keep::All,
            2 => Keep::TakenOut,
            _ => Keep::None,
        },
    };
    let call_life = Duration::from_secs(number("hash_table_tout", 3600));
    let before = setup.before::<Rtpengine>();
    if let Some(before) = before {
        sets.take_over(&before.relay.sets);
    }
    let calls = before.map_or_else(Arc::default, |before| Arc::clone(&before.relay.calls));
    let state = Rtpengine {
        relay: Arc::new(Relay { sets, calls, manners, call_life }),
        default_set,
        set_pv: variable(setup, "setid_avp")?,
        extra_id: variable(setup, "extra_id_pv")?,
        instance: variable(setup, "rtp_inst_pvar")?,
        read_sdp: variable(setup, "read_sdp_pv")?,
        write_sdp: variable(setup, "write_sdp_pv")?,
        media_duration: variable(setup, "media_duration")?,
    };
    setup.hooks().begun.push(begun);
    Ok(Arc::new(state))
}

fn variable(setup: &Setup<'_>, name: &str) -> Result<Option<BoundPv>, SetupError> {
    let Some(param) = setup.values(name).last() else { return Ok(None) };
    let text = param.value.as_text().unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    setup.bind_pv(text).map(Some).map_err(|why| SetupError::at(param, why))
}

/// Finds out who is there, while messages come in already.
fn begun(server: &Arc<Server>, running: &Arc<Running>) {
    let Some(state) = running.state::<Rtpengine>() else { return };
    for node in state.relay.sets.all() {
        let (node, manners) = (Arc::clone(node), state.relay.manners);
        if node.health() == media::nodes::Health::Up {
            server.runtime.spawn(async move { relay::probe(&node, ng::PROTOCOL, &manners).await });
        }
    }
}
