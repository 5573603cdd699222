//! A route that waits holds nothing but itself: not the shard, not other calls, and not its variables' names.

use super::rig::{Peer, Server};

#[test]
fn a_route_that_sleeps_does_not_hold_up_another() {
    let server = Server::start_with(
        "request_route {\n  if ($rU == \"slow\") { usleep(\"700000\"); }\n  sl_send_reply(\"200\", \"$rU\");\n}\n",
        &["--shards", "1"],
    );
    let peer = Peer::of(&server);
    peer.send("OPTIONS", "slow", "call-1");
    peer.send("OPTIONS", "quick", "call-2");
    assert!(peer.receive().starts_with("SIP/2.0 200 quick"));
    assert!(peer.receive().starts_with("SIP/2.0 200 slow"));
}

#[test]
fn requests_of_one_call_keep_their_order_around_a_wait() {
    let server = Server::start_with(
        "request_route {\n  if ($rU == \"first\") { usleep(\"400000\"); }\n  sl_send_reply(\"200\", \"$rU\");\n}\n",
        &["--shards", "2"],
    );
    let peer = Peer::of(&server);
    for mark in ["first", "second", "third"] {
        peer.send("INFO", mark, "one-call");
    }
    for mark in ["first", "second", "third"] {
        assert!(peer.receive().starts_with(&format!("SIP/2.0 200 {mark}")));
    }
}

#[test]
fn a_retransmission_starts_no_second_route_beside_a_parked_one() {
    let server = Server::start_with(
        "request_route {\n  xlog(\"L_NOTICE\", \"begun $rU\\n\");\n  if ($rU == \"slow\") { usleep(\"400000\"); }\n  sl_send_reply(\"200\", \"$rU\");\n}\n",
        &["--shards", "1"],
    );
    let peer = Peer::of(&server);
    for _ in 0..3 {
        peer.send("INFO", "slow", "one-call");
    }
    assert!(peer.receive().starts_with("SIP/2.0 200 slow"));
    assert_eq!(peer.ask("after"), "SIP/2.0 200 after");
    assert_eq!(server.log().matches("begun slow").count(), 1, "{}", server.log());
}

#[test]
fn interleaved_routes_never_see_each_others_variables() {
    let server = Server::start_with(
        "request_route {\n  $var(who) = $rU;\n  $avp(who) = $rU;\n  usleep(\"150000\");\n  \
         if ($var(who) != $rU || $avp(who) != $rU) { sl_send_reply(\"500\", \"Mixed\"); exit; }\n  \
         sl_send_reply(\"200\", \"$var(who)\");\n}\n",
        &["--shards", "1"],
    );
    // The answers come all at once: a socket has room for some 160 of them.
    let peers = [Peer::of(&server), Peer::of(&server), Peer::of(&server)];
    let marks: Vec<String> = (0..210).map(|n| format!("user{n}")).collect();
    for (mark, peer) in marks.iter().zip(peers.iter().cycle()) {
        peer.send("OPTIONS", mark, mark);
    }
    let mut seen: Vec<String> =
        marks.iter().zip(peers.iter().cycle()).map(|(_, peer)| peer.receive()).collect();
    seen.sort();
    for answer in &seen {
        let user = answer.lines().find_map(|line| line.strip_prefix("Call-ID: ")).unwrap();
        assert!(answer.starts_with(&format!("SIP/2.0 200 {user}\r\n")), "{answer}");
    }
}

#[test]
fn a_stop_lets_a_parked_route_end() {
    let server = Server::start_with(
        "request_route {\n  xlog(\"L_NOTICE\", \"begun\\n\");\n  usleep(\"500000\");\n  sl_send_reply(\"200\", \"Late\");\n}\n",
        &["--shards", "1"],
    );
    let peer = Peer::of(&server);
    peer.send("OPTIONS", "slow", "call");
    server.wait_for_log("begun");
    assert_eq!(server.stop(), Some(0));
    assert!(peer.receive().starts_with("SIP/2.0 200 Late"));
}
