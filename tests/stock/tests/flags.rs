//! The stock configuration can run with every flag that it has: each in turn, each with the one that it needs, and all
//! together; with MySQL as Debian has it, with SQLite by two lines in `kamailio-local.cfg`, and without a database.

#![allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]

use std::collections::BTreeSet;

use stock::{Findings, Stock};

/// Flags that need a database, with the flag that must stand beside one for it to matter.
const WITH_DATABASE: &[(&str, Option<&str>)] = &[
    ("WITH_ACCDB", None),
    ("WITH_ALIASDB", None),
    ("WITH_AUTH", None),
    ("WITH_IPAUTH", Some("WITH_AUTH")),
    ("WITH_MULTIDOMAIN", None),
    ("WITH_PRESENCE", None),
    ("WITH_SPEEDDIAL", None),
    ("WITH_USRLOCDB", None),
];

/// The flags that need none.
const WITHOUT_DATABASE: &[(&str, Option<&str>)] = &[
    ("WITH_ANTIFLOOD", None),
    ("WITH_BLOCK3XX", None),
    ("WITH_BLOCK401407", None),
    ("WITH_DEBUG", None),
    ("WITH_JSONRPC", None),
    ("WITH_MSGREBUILD", Some("WITH_PRESENCE")),
    ("WITH_NAT", None),
    ("WITH_NATSIPPING", Some("WITH_NAT")),
    ("WITH_PSTN", None),
    ("WITH_RTPENGINE", Some("WITH_NAT")),
    ("WITH_TLS", None),
    ("WITH_VOICEMAIL", None),
];

const SQLITE: &str =
    "loadmodule \"db_sqlite.so\"\n#!define DBURL \"sqlite:///var/lib/kamailio/kamailio.sqlite\"\n";

#[test]
fn with_a_mysql_database_every_flag_can_run() {
    run_every_flag(&Stock::with_local(""), &["WITH_MYSQL"]);
}

#[test]
fn with_an_sqlite_database_every_flag_can_run() {
    run_every_flag(&Stock::with_local(SQLITE), &[]);
}

#[test]
fn without_a_database_the_flags_that_need_none_can_run() {
    let stock = Stock::with_local("");
    run(&stock, &[]);
    for (flag, _) in WITHOUT_DATABASE {
        run(&stock, &[flag]);
    }
    run(&stock, &WITHOUT_DATABASE.iter().map(|(flag, _)| *flag).collect::<Vec<_>>());
}

#[test]
fn without_a_database_a_flag_that_needs_one_is_refused_by_what_it_lacks() {
    let findings = Stock::with_local("").check(&["WITH_AUTH"]);
    assert!(findings.errors.iter().any(|error| error.contains("`DBURL`")), "{findings:?}");
}

#[test]
fn the_flags_here_are_all_that_the_stock_file_has() {
    let text = std::fs::read_to_string("/etc/kamailio/kamailio.cfg").unwrap();
    let asked = text.lines().filter_map(|line| line.strip_prefix("#!ifdef ")).map(str::trim);
    let in_file: BTreeSet<&str> = asked.filter(|name| name.starts_with("WITH_")).collect();
    let here = WITH_DATABASE.iter().chain(WITHOUT_DATABASE).map(|(flag, _)| *flag);
    assert_eq!(in_file, here.chain(["WITH_MYSQL"]).collect());
}

/// Each flag in turn, beside the one that it needs, and all together, with and without RTPEngine, whose place RTPProxy takes.
fn run_every_flag(stock: &Stock, always: &[&str]) {
    let every: Vec<_> = WITH_DATABASE.iter().chain(WITHOUT_DATABASE).copied().collect();
    run(stock, always);
    for (flag, needs) in &every {
        run(stock, &[always, &[flag]].concat());
        if let Some(needed) = needs {
            run(stock, &[always, &[flag, needed]].concat());
        }
    }
    let all: Vec<_> = every.iter().map(|(flag, _)| *flag).chain(always.iter().copied()).collect();
    run(stock, &all);
    let with_rtpproxy: Vec<_> = all.into_iter().filter(|flag| *flag != "WITH_RTPENGINE").collect();
    run(stock, &with_rtpproxy);
}

/// Nothing is wrong, and nothing that the file names is missing.
fn run(stock: &Stock, flags: &[&str]) {
    assert_eq!(stock.check(flags), Findings::default(), "{flags:?}");
}
