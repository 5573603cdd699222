//! Routes swap between two messages; what cannot swap is refused and the old goes on.

use super::rig::{Peer, Server};

fn answers(reason: &str) -> String {
    format!("request_route {{\n  sl_send_reply(\"200\", \"{reason}\");\n}}\n")
}

#[test]
fn a_reload_puts_the_changed_routes_in_force() {
    let server = Server::start(&answers("Old"));
    let peer = Peer::of(&server);
    assert_eq!(peer.ask("before"), "SIP/2.0 200 Old");
    server.rewrite(&answers("New"));
    let output = server.ctl(&["app.reload"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(peer.ask("after"), "SIP/2.0 200 New");
}

#[test]
fn a_file_that_does_not_check_is_refused_and_the_old_routes_go_on() {
    let server = Server::start(&answers("Old"));
    let peer = Peer::of(&server);
    server.rewrite("request_route {\n  no_such_function();\n}\n");
    let output = server.ctl(&["app.reload"]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaint.contains("no_such_function"), "{complaint}");
    assert_eq!(peer.ask("after"), "SIP/2.0 200 Old");
    server.rewrite(&answers("New"));
    assert!(server.ctl(&["app.reload"]).status.success(), "a refused reload must not block the next");
    assert_eq!(peer.ask("later"), "SIP/2.0 200 New");
}

#[test]
fn what_needs_a_restart_is_told() {
    let server = Server::start(&answers("Old"));
    server.rewrite(&format!("listen=udp:127.0.0.2:5999\n{}", answers("New")));
    let output = server.ctl(&["app.reload"]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaint.contains("`listen` has changed, which needs a restart"), "{complaint}");
    assert_eq!(Peer::of(&server).ask("after"), "SIP/2.0 200 Old");
}

#[test]
fn a_route_that_has_begun_ends_as_it_began() {
    let body = |reason: &str| {
        format!(
            "request_route {{\n  if ($rU == \"slow\") {{ usleep(\"400000\"); }}\n  sl_send_reply(\"200\", \"{reason}\");\n}}\n"
        )
    };
    let server = Server::start(&body("Old"));
    let (slow, quick) = (Peer::of(&server), Peer::of(&server));
    slow.send("OPTIONS", "slow", "slow-call");
    // The quick answer shows that the slow one has been begun: messages of one socket are read in order, and of
    // two sockets the slow one was sent first.
    assert_eq!(quick.ask("quick"), "SIP/2.0 200 Old");
    server.rewrite(&body("New"));
    assert!(server.ctl(&["app.reload"]).status.success());
    assert_eq!(quick.ask("quick-again"), "SIP/2.0 200 New");
    assert!(slow.receive().starts_with("SIP/2.0 200 Old"));
}
