//! The counters of group `core`: what was received, and what was passed on.

use engine::Cx;
use engine::listener::ListenerId;
use engine::statistics::{Counter, Statistics};
use sip_message::Method;

/// Methods whose requests are counted by themselves.
const REQUESTS: [(Method, &str); 14] = [
    (Method::Invite, "invite"),
    (Method::Cancel, "cancel"),
    (Method::Ack, "ack"),
    (Method::Bye, "bye"),
    (Method::Info, "info"),
    (Method::Register, "register"),
    (Method::Subscribe, "subscribe"),
    (Method::Notify, "notify"),
    (Method::Message, "message"),
    (Method::Options, "options"),
    (Method::Prack, "prack"),
    (Method::Update, "update"),
    (Method::Refer, "refer"),
    (Method::Publish, "publish"),
];

/// Methods whose replies are counted by class.
const REPLIES: [(Method, &str); 8] = [
    (Method::Invite, "invite"),
    (Method::Cancel, "cancel"),
    (Method::Bye, "bye"),
    (Method::Register, "reg"),
    (Method::Message, "message"),
    (Method::Prack, "prack"),
    (Method::Update, "update"),
    (Method::Refer, "refer"),
];

/// Statuses that are counted by themselves.
const STATUSES: [u16; 5] = [401, 404, 407, 480, 486];

/// Classes of statuses.
const CLASSES: usize = 6;

/// The counters.
pub(super) struct Counts {
    requests: Counter,
    by_method: [Counter; REQUESTS.len()],
    unsupported: Counter,
    forwarded: Counter,
    replies: Counter,
    by_class: [Counter; CLASSES],
    ringing: Counter,
    by_status: [Counter; STATUSES.len()],
    by_class_and_method: [[Counter; REPLIES.len()]; CLASSES],
}

impl Counts {
    pub(super) fn new(statistics: &Statistics) -> Self {
        let counter = |name: &str| statistics.counter("core", name);
        Self {
            requests: counter("rcv_requests"),
            by_method: REQUESTS.map(|(_, name)| counter(&format!("rcv_requests_{name}"))),
            unsupported: counter("unsupported_methods"),
            forwarded: counter("fwd_requests"),
            replies: counter("rcv_replies"),
            by_class: std::array::from_fn(|class| counter(&format!("rcv_replies_{}xx", class + 1))),
            ringing: counter("rcv_replies_18x"),
            by_status: STATUSES.map(|status| counter(&format!("rcv_replies_{status}"))),
            by_class_and_method: std::array::from_fn(|class| {
                REPLIES.map(|(_, name)| counter(&format!("rcv_replies_{}xx_{name}", class + 1)))
            }),
        }
    }

    fn request(&self, method: Method, shard: usize) {
        self.requests.add(shard);
        match REQUESTS.iter().position(|(known, _)| *known == method) {
            Some(at) => self.by_method[at].add(shard),
            None => self.unsupported.add(shard),
        }
    }

    fn reply(&self, status: u16, method: Method, shard: usize) {
        self.replies.add(shard);
        if status / 10 == 18 {
            self.ringing.add(shard);
        }
        if let Some(at) = STATUSES.iter().position(|known| *known == status) {
            self.by_status[at].add(shard);
        }
        let Some(class) = usize::from(status / 100).checked_sub(1).filter(|class| *class < CLASSES) else {
            return;
        };
        self.by_class[class].add(shard);
        if let Some(at) = REPLIES.iter().position(|(known, _)| *known == method) {
            self.by_class_and_method[class][at].add(shard);
        }
    }
}

/// Counts a message before its script runs.
pub(super) fn received(cx: &mut Cx<'_>) -> bool {
    let counts = &cx.state::<super::Kex>().counts;
    let message = &cx.context.message;
    match message.status() {
        None => counts.request(message.method(), cx.shard.index),
        Some(status) => counts.reply(status, message.method(), cx.shard.index),
    }
    true
}

/// Counts a request that leaves.
pub(super) fn forwarded(cx: &mut Cx<'_>, _: ListenerId) {
    cx.state::<super::Kex>().counts.forwarded.add(cx.shard.index);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_by_method_class_and_status() {
        let statistics = Statistics::new(1);
        let counts = Counts::new(&statistics);
        counts.request(Method::Invite, 0);
        counts.request(Method::Other, 0);
        counts.reply(183, Method::Invite, 0);
        counts.reply(404, Method::Register, 0);
        let total = |name: &str| statistics.named(name).unwrap().total();
        let names = ["rcv_requests", "rcv_requests_invite", "unsupported_methods", "rcv_replies"];
        assert_eq!(names.map(total), [2, 1, 1, 2]);
        let names = ["rcv_replies_18x", "rcv_replies_1xx_invite", "rcv_replies_404", "rcv_replies_4xx_reg"];
        assert_eq!(names.map(total), [1, 1, 1, 1]);
        assert_eq!(total("rcv_replies_2xx"), 0);
    }
}
