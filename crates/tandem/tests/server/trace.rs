//! Step traces: the answer to "why did my route do that?".

use super::rig::{Peer, Server};

const BODY: &str = "request_route {
  $var(n) = 1 + 2;
  if (method == \"OPTIONS\" && $rU == \"golden\") {
    append_hf(\"X-Seen: $rU\\r\\n\");
    route(ANSWER);
  }
  exit;
}
route[ANSWER] {
  sl_send_reply(\"200\", \"OK\");
}
";

#[test]
fn every_statement_is_shown_with_what_it_read_and_changed() {
    let server = Server::start_with(BODY, &["--trace", "--shards", "1"]);
    let peer = Peer::of(&server);
    assert_eq!(peer.ask("golden"), "SIP/2.0 200 OK");
    server.wait_for_output("exit");
    let seen = server
        .output()
        .replace(&peer.port().to_string(), "<peer>")
        .replace(&server.address.port().to_string(), "<port>");
    let golden = include_str!("trace.golden");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/server/trace.golden");
        std::fs::write(path, &seen).unwrap();
        return;
    }
    assert_eq!(seen, golden, "set UPDATE_GOLDEN=1 to take the new output");
}

#[test]
fn tracing_is_switched_while_the_server_runs() {
    let server = Server::start(BODY);
    let peer = Peer::of(&server);
    assert_eq!(peer.ask("golden"), "SIP/2.0 200 OK");
    assert!(server.ctl(&["app.trace", "127.0.0.9"]).status.success());
    peer.ask("golden");
    assert!(server.ctl(&["app.trace", "127.0.0.1"]).status.success());
    peer.ask("golden");
    server.wait_for_output("exit");
    assert_eq!(server.output().matches("OPTIONS sip:golden").count(), 1, "{}", server.output());
}
