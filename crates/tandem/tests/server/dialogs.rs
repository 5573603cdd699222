//! Calls that are followed over a restart of the server.

use databases::Sqlite;

use super::rig::{Peer, Server, request, tandem, wait_until};

fn body(url: &str) -> String {
    format!(
        "loadmodule \"tm.so\"\nloadmodule \"rr.so\"\nloadmodule \"siputils.so\"\nloadmodule \"db_sqlite.so\"\n\
         loadmodule \"dialog.so\"\nmodparam(\"dialog\", \"db_url\", \"{url}\")\nmodparam(\"dialog\", \"db_mode\", 1)\n\
         modparam(\"dialog\", \"dlg_match_mode\", 2)\nrequest_route {{\n  if (has_totag()) {{\n    dlg_manage();\n    \
         sl_send_reply(\"200\", \"$dlg(state) $dlg_var(kind)\");\n    exit;\n  }}\n  \
         t_newtran();\n  dlg_manage();\n  $dlg_var(kind) = \"kept\";\n  t_reply(\"200\", \"OK\");\n}}\n"
    )
}

#[test]
fn a_call_goes_on_after_the_server_was_killed() {
    let file = Sqlite::new();
    assert!(tandem(&["db", "init", "--db", &file.url()]).status.success());
    let server = Server::start(&body(&file.url()));
    let peer = Peer::of(&server);
    peer.send("INVITE", "call", "call");
    let answer = loop {
        let answer = peer.receive();
        if answer.starts_with("SIP/2.0 200") {
            break answer;
        }
    };
    let count = || {
        super::data::with(&file.url(), async |database| {
            let columns = vec!["callid".to_owned()];
            let query = store::Query {
                table: "dialog_vars".into(),
                columns: vec!["dialog_key".into()],
                ..Default::default()
            };
            let dialogs = store::Query { table: "dialog".into(), columns, ..Default::default() };
            let kept = database.query(&query).await.map_or(0, |rows| rows.len());
            database.query(&dialogs).await.map_or(0, |rows| rows.len()) + kept
        })
    };
    wait_until("the call and its variable in the database", || count() == 2, String::new);
    server.kill();
    let server = Server::start(&body(&file.url()));
    let peer = Peer::of(&server);
    let line = |text: &str, name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    let ask = |method: &str| {
        let plain = request(method, "call", "call", peer.port(), server.address);
        let within = plain.replace(&line(&plain, "To:"), &line(&answer, "To:"));
        let within = within.replace(&line(&within, "From:"), &line(&answer, "From:"));
        peer.send_bytes(within.as_bytes());
        line(&peer.receive(), "SIP/2.0")
    };
    assert_eq!(ask("INFO"), "SIP/2.0 200 3 kept");
    assert_eq!(ask("BYE"), "SIP/2.0 200 5 kept");
    wait_until("the rows gone", || count() == 0, String::new);
}
