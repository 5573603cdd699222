//! The stock configuration can run with every flag that it has: each in turn, each with the one that it needs, and all
//! together; with MySQL as Debian has it, with SQLite by two lines in `kamailio-local.cfg`, and without a database.

#![allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]

use std::collections::BTreeSet;

use stock::Stock;

/// What the stock file names and Tandem has not yet. A name that is not missing any more must leave this table.
const MISSING: &[&str] = &[
    "function handle_publish",
    "function handle_subscribe",
    "module presence",
    "module presence_xml",
];

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
    assert_eq!(missing_of_all(&Stock::with_local(""), &["WITH_MYSQL"]), table());
}

#[test]
fn with_an_sqlite_database_every_flag_can_run() {
    assert_eq!(missing_of_all(&Stock::with_local(SQLITE), &[]), table());
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

/// Each flag in turn, beside the one that it needs, and all together, with and without RTPEngine, whose place RTPProxy
/// takes. Nothing but what is missing may be wrong; answers what was missing.
fn missing_of_all(stock: &Stock, always: &[&str]) -> BTreeSet<String> {
    let every: Vec<_> = WITH_DATABASE.iter().chain(WITHOUT_DATABASE).copied().collect();
    let mut missing = run(stock, always);
    for (flag, needs) in &every {
        missing.extend(run(stock, &[always, &[flag]].concat()));
        if let Some(needed) = needs {
            missing.extend(run(stock, &[always, &[flag, needed]].concat()));
        }
    }
    let all: Vec<_> = every.iter().map(|(flag, _)| *flag).chain(always.iter().copied()).collect();
    missing.extend(run(stock, &all));
    let with_rtpproxy: Vec<_> = all.into_iter().filter(|flag| *flag != "WITH_RTPENGINE").collect();
    missing.extend(run(stock, &with_rtpproxy));
    missing
}

fn run(stock: &Stock, flags: &[&str]) -> BTreeSet<String> {
    let findings = stock.check(flags);
    assert!(findings.errors.is_empty(), "{flags:?}: {:#?}", findings.errors);
    findings.not_yet
}

fn table() -> BTreeSet<String> {
    MISSING.iter().map(|&name| name.to_owned()).collect()
}
