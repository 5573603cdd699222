//! SQL in the script: a connection is one session for the route's life, and routes do not see each other's.

use std::thread;

use databases::MariaDb;

use super::rig::{Peer, Server};

#[test]
fn routes_around_a_slow_query_keep_their_own_session_and_results() {
    let database = MariaDb::start();
    let server = Server::start(&format!(
        "loadmodule \"db_mysql.so\"\nloadmodule \"sqlops.so\"\nmodparam(\"sqlops\", \"sqlcon\", \"db=>{}\")\n\
         request_route {{\n  sql_query(\"db\", \"CREATE TABLE IF NOT EXISTS who (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20))\");\n  \
         sql_query(\"db\", \"BEGIN\");\n  sql_query(\"db\", \"INSERT INTO who (name) VALUES ('$rU')\");\n  \
         sql_query(\"db\", \"SET @me := '$rU'\");\n  sql_query(\"db\", \"SELECT '$rU', SLEEP(0.5)\", \"ra\");\n  \
         $var(seen) = $dbr(ra=>[0,0]);\n  \
         sql_query(\"db\", \"SELECT @me, (SELECT name FROM who WHERE id = LAST_INSERT_ID()), count(*) FROM who\", \"rb\");\n  \
         sl_send_reply(\"200\", \"$var(seen) $dbr(rb=>[0,0]) $dbr(rb=>[0,1]) $dbr(rb=>[0,2])\");\n}}\n",
        database.url()
    ));
    let callers = ["ann", "bob", "cid"].map(|name| {
        let peer = Peer::of(&server);
        thread::spawn(move || (name, peer.ask(name)))
    });
    for caller in callers {
        let (name, reply) = caller.join().unwrap();
        // One row each: what the others' transactions insert is not seen, and all are rolled back at their routes' ends.
        assert_eq!(reply, format!("SIP/2.0 200 {name} {name} {name} 1"), "{}", server.log());
    }
}

#[test]
fn a_driver_that_is_not_loaded_is_told_at_the_parameter() {
    let folder = super::rig::Folder::new();
    let file = folder.write(
        "test.cfg",
        "#!KAMAILIO\nlisten=udp:127.0.0.1:5060\nloadmodule \"sqlops.so\"\n\
         modparam(\"sqlops\", \"sqlcon\", \"db=>sqlite:///nowhere.sqlite\")\nrequest_route { exit; }\n",
    );
    let output = super::rig::tandem(&["check", &file.display().to_string()]);
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(255), "{said}");
    assert!(said.contains("loadmodule \"db_sqlite.so\""), "{said}");
}
