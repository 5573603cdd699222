//! Nanoseconds per statement of a typical route: `cargo run --release -p cfg-vm --example route`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Instant;

use cfg_syntax::ast::RouteKind;
use cfg_vm::Execution;
use support::World;

const ROUTE: &str = r#"
request_route {
    if (method == "CANCEL") { exit; }
    if ($rm == "ACK" || $rm == "BYE") { exit; }
    if (src_ip == 127.0.0.0/8 && uri == myself) { $var(local) = 1; }
    if ($rU =~ "^(al|bo)" and $si != "10.0.0.1") { route(CHECK); }
    switch ($rU) {
        case "bob": exit;
        case "alice": $var(hits) = $var(hits) + 1; break;
        default: exit;
    }
    $var(tag) = "tag-" + $rU;
    if (is_method("OPTIONS")) { log("$rm $rU"); }
    route(RELAY);
}
route[CHECK] { if ($var(local) > 0) { return 2; } return -1; }
route[RELAY] { if (!is_method("INVITE")) { $var(done) = 1; } exit; }
"#;

/// Unless the first argument says otherwise.
const RUNS: u32 = 1_000_000;

#[allow(clippy::print_stdout, reason = "its figures are what it is for")]
fn main() {
    let program = support::program(ROUTE);
    let route = program.unnamed(RouteKind::Request).expect("there is one");
    let mut world = World::default();
    world.quiet = true;
    let mut execution = Execution::new();
    execution.start(&program, route, world.limits, true);
    execution.run(&mut world);
    let statements = world.steps.iter().filter(|step| step.starts_with("statement")).count();
    let runs = std::env::args().nth(1).and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
    let start = Instant::now();
    for _ in 0..runs {
        execution.start(&program, route, world.limits, false);
        execution.run(&mut world);
    }
    let each = start.elapsed().as_nanos() as f64 / f64::from(runs);
    println!("{each:.0} ns a run, {statements} statements, {:.1} ns each", each / statements as f64);
}
