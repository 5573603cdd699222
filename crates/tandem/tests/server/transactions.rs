//! Transactions across what happens around them: reloads, locks in their routes, replies that lack what they should have.

use super::rig::{Peer, Server, free_port, reply};

/// A server that relays everything to `callee`, with further routes.
fn relaying(callee: &str, arm: &str, routes: &str) -> String {
    format!(
        "loadmodule \"tm.so\"\n{routes}request_route {{\n  $du = \"sip:{callee}\";\n  {arm}\n  t_relay();\n}}\n"
    )
}

#[test]
fn a_reply_runs_the_route_that_its_request_began_with() {
    let port = free_port();
    let callee = format!("127.0.0.1:{port}");
    let tells = |which: &str| format!("onreply_route[TELL] {{ append_hf(\"X-Route: {which}\\r\\n\"); }}\n");
    let server = Server::start(&relaying(&callee, "t_on_reply(\"TELL\");", &tells("old")));
    let (caller, callee_peer) = (Peer::of(&server), Peer::at(&server, port));
    caller.send("OPTIONS", "before", "before");
    let request = callee_peer.receive();
    // More routes, so that the old one's number is another route's now.
    let routes = format!(
        "onreply_route[A] {{ append_hf(\"X-Route: a\\r\\n\"); }}\nonreply_route[B] {{ append_hf(\"X-Route: b\\r\\n\"); }}\n{}",
        tells("new")
    );
    let arm = "t_on_reply(\"TELL\");\n  if ($rU == \"a\") t_on_reply(\"A\");\n  if ($rU == \"b\") t_on_reply(\"B\");";
    server.rewrite(&relaying(&callee, arm, &routes));
    let output = server.ctl(&["app.reload"]);
    assert!(output.status.success(), "{output:?}");
    callee_peer.send_bytes(reply(&request, "200 OK").as_bytes());
    assert!(caller.receive().contains("X-Route: old"), "{}", server.log());
    caller.send("OPTIONS", "after", "after");
    callee_peer.send_bytes(reply(&callee_peer.receive(), "200 OK").as_bytes());
    assert!(caller.receive().contains("X-Route: new"), "{}", server.log());
}

#[test]
fn a_lock_of_a_failure_route_is_given_back_at_its_end_though_the_request_goes_on() {
    let port = free_port();
    let routes = "modparam(\"cfgutils\", \"lock_set_size\", 4)\nfailure_route[F] {\n  lock(\"failure\");\n  \
                  if ($rU == \"first\") { $rU = \"again\"; t_relay(); } else { t_reply(\"480\", \"Locked\"); }\n}\n";
    let body = relaying(&format!("127.0.0.1:{port}"), "t_on_failure(\"F\");", routes);
    let server = Server::start_with(&body, &["--shards", "1"]);
    let (caller, callee) = (Peer::of(&server), Peer::at(&server, port));
    caller.send("OPTIONS", "first", "first");
    callee.send_bytes(reply(&callee.receive(), "486 Busy").as_bytes());
    assert!(callee.receive().starts_with("OPTIONS sip:again@"), "{}", server.log());
    caller.send("OPTIONS", "second", "second");
    let request = std::iter::repeat_with(|| callee.receive()).find(|message| message.contains("sip:second@"));
    callee.send_bytes(reply(&request.unwrap(), "486 Busy").as_bytes());
    assert!(caller.receive().starts_with("SIP/2.0 480 Locked"), "{}", server.log());
}

#[test]
fn a_reply_that_has_lost_the_callers_via_still_ends_the_transaction() {
    let port = free_port();
    let server = Server::start(&relaying(&format!("127.0.0.1:{port}"), "", ""));
    let (caller, callee) = (Peer::of(&server), Peer::at(&server, port));
    caller.send("OPTIONS", "one-via", "one-via");
    let request = callee.receive();
    let mut seen = 0;
    let ours: String = request
        .split_inclusive('\n')
        .filter(|line| {
            seen += usize::from(line.starts_with("Via:"));
            !line.starts_with("Via:") || seen == 1
        })
        .collect();
    callee.send_bytes(reply(&ours, "200 OK").as_bytes());
    assert!(caller.receive().starts_with("SIP/2.0 200 OK"));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_branch_route_that_waits_goes_on_and_its_branch_is_sent_with_what_it_did() {
    let (first, second) = (free_port(), free_port());
    let body = format!(
        "loadmodule \"tm.so\"\nbranch_route[SLOW] {{\n  append_hf(\"X-Before: $rd:$rp\\r\\n\");\n  usleep(\"100000\");\n  \
         if ($rU == \"kept\") drop;\n  append_hf(\"X-After: $T_branch_idx $rp\\r\\n\");\n}}\n\
         request_route {{\n  t_on_branch(\"SLOW\");\n  $ru = \"sip:\" + $rU + \"@127.0.0.1:{first}\";\n  \
         append_branch(\"sip:b@127.0.0.1:{second}\");\n  \
         if (!t_relay()) t_reply(\"480\", \"Kept\");\n}}\n"
    );
    let server = Server::start_with(
        &format!("loadmodule \"corex.so\"\nloadmodule \"tmx.so\"\n{body}"),
        &["--shards", "1"],
    );
    let (caller, one, two) = (Peer::of(&server), Peer::at(&server, first), Peer::at(&server, second));
    caller.send("OPTIONS", "a", "waits");
    for (peer, port, number) in [(&one, first, 0), (&two, second, 1)] {
        let request = peer.receive();
        assert!(request.contains(&format!("X-Before: 127.0.0.1:{port}\r\n")), "{request}");
        assert!(request.contains(&format!("X-After: {number} {port}\r\n")), "{request}");
        assert_eq!(request.matches("X-Before").count(), 1, "{request}");
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_branch_that_is_dropped_after_a_wait_is_not_sent_and_the_next_one_is_on_any_shard() {
    let (first, second) = (free_port(), free_port());
    // A dropped branch takes no number: the next one has it, as in Kamailio.
    let body = format!(
        "loadmodule \"tm.so\"\nloadmodule \"tmx.so\"\nloadmodule \"corex.so\"\nbranch_route[SLOW] {{\n  usleep(\"20000\");\n  \
         if ($rU == \"dropped\") drop;\n  append_hf(\"X-Number: $T_branch_idx\\r\\n\");\n}}\n\
         request_route {{\n  t_on_branch(\"SLOW\");\n  $ru = \"sip:dropped@127.0.0.1:{first}\";\n  \
         append_branch(\"sip:sent@127.0.0.1:{second}\");\n  t_relay();\n}}\n"
    );
    let server = Server::start_with(&body, &["--shards", "2"]);
    let (caller, dropped, sent) = (Peer::of(&server), Peer::at(&server, first), Peer::at(&server, second));
    // Twelve calls are of both shards, but for one time in two thousand.
    for number in 0..12 {
        let call = format!("call-{number}");
        caller.send("OPTIONS", &call, &call);
        let request = sent.receive();
        assert!(request.contains("X-Number: 0\r\n") && request.contains(&call), "{request}");
        sent.send_bytes(reply(&request, "200 OK").as_bytes());
        assert!(caller.receive().starts_with("SIP/2.0 200"), "{}", server.log());
    }
    assert!(dropped.hears_nothing(), "{}", server.log());
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_transaction_that_waits_is_continued_from_another_shard_and_from_its_own() {
    let server = Server::start_with(
        "loadmodule \"tm.so\"\nloadmodule \"tmx.so\"\nroute[GO] { t_reply(\"200\", \"Went on\"); }\nrequest_route {\n  \
         t_newtran();\n  if ($rU == \"parked\") {\n    $shv(index) = $T(id_index);\n    $shv(label) = $T(id_label);\n    \
         t_suspend();\n    exit;\n  }\n  $var(index) = $T(id_index);\n  \
         if (t_continue(\"$shv(index)\", \"$shv(label)\", \"GO\")) {\n    \
         t_reply(\"200\", \"Continued $shv(index) $var(index)\");\n  } else {\n    t_reply(\"500\", \"Not there\");\n  }\n}\n",
        &["--shards", "2"],
    );
    let (parked, other) = (Peer::of(&server), Peer::of(&server));
    let mut seen = [false; 2];
    // Which shard a call is of is chance: 64 pairs that are all of one kind come up once in 2^63 runs.
    for number in 0..64 {
        parked.send("INVITE", "parked", &format!("parked-{number}"));
        assert!(parked.receive().starts_with("SIP/2.0 100 "), "{}", server.log());
        other.send("OPTIONS", &format!("other-{number}"), &format!("other-{number}"));
        let told = other.receive();
        let indices: Vec<u64> = told
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("SIP/2.0 200 Continued "))
            .unwrap_or_else(|| panic!("{told}{}", server.log()))
            .split(' ')
            .map(|index| index.parse().unwrap())
            .collect();
        let answer = parked.receive();
        assert!(answer.starts_with("SIP/2.0 200 Went on"), "{answer}");
        // `$T(id_index)` is the place in the shard's table times the number of shards, plus the shard.
        seen[usize::from(indices[0] % 2 != indices[1] % 2)] = true;
        if seen == [true; 2] {
            return;
        }
    }
    panic!("never both of one shard and of two: {seen:?}");
}

#[test]
fn a_task_runs_with_the_data_that_it_was_given() {
    let server = Server::start(
        "loadmodule \"tm.so\"\nloadmodule \"tmx.so\"\nloadmodule \"async.so\"\nmodparam(\"async\", \"workers\", 1)\nroute[TASK] {\n  \
         xlog(\"L_NOTICE\", \"task has [$async(data)]\\n\");\n}\nrequest_route {\n  \
         async_task_data(\"TASK\", \"user=$rU\");\n  sl_send_reply(\"200\", \"Begun\");\n}\n",
    );
    let peer = Peer::of(&server);
    peer.send("OPTIONS", "one", "one");
    assert!(peer.receive().starts_with("SIP/2.0 200 Begun"));
    server.wait_for_log("task has [user=one]");
}
