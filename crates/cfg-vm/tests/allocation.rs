//! A typical route allocates nothing once its execution has run before.

#![allow(unsafe_code, reason = "a global allocator that counts is unsafe to implement")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use cfg_syntax::ast::RouteKind;
use cfg_vm::{Ended, Execution};
use support::World;

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator unchanged; the counter is a plain cell of the thread
// that allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above, that is from the system.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROUTE: &str = r#"
request_route {
    if (method == "INVITE" || $rm == "INVITE") { exit; }
    if ($rm =~ "^(OPTIONS|REGISTER)$" && src_ip == 127.0.0.0/8 && uri == myself) { $var(local) = 1; }
    if ($rU == "alice" and $si != "10.0.0.1" and $rp == 5060) { route(CHECK); }
    switch ($rU) {
        case "bob": exit;
        case /"^al": $var(hits) = $var(hits) + 1; break;
        default: exit;
    }
    while ($var(i) < 5) { $var(i) = $var(i) + 1; }
    $var(i) = 0;
    $avp(x) = "tag-" + $rU;
    $avp(x) = $null;
    log("$rm $rU");
    is_method("OPTIONS|INVITE");
    if ($(ru{s.len}) > 10 && $(rU{s.substr,1,3}) == "lic") { $var(local) = $var(local) + 1; }
    if (!is_method("ACK")) { code($var(hits)); }
    $var(name) = "B";
    route($var(name));
}
route[CHECK] { if ($var(local) > 0) { return 2; } return -1; }
route[B] { return; }
"#;

#[test]
fn a_typical_route_allocates_nothing_in_steady_state() {
    let program = support::program(ROUTE);
    let route = program.unnamed(RouteKind::Request).expect("there is one");
    let mut world = World::default();
    world.quiet = true;
    let mut execution = Execution::new();
    let mut once = || {
        execution.start(&program, route, world.limits, false);
        assert!(matches!(execution.run(&mut world), Ended::Finished(_)));
    };
    for _ in 0..10 {
        once();
    }
    let before = COUNT.with(Cell::get);
    for _ in 0..100 {
        once();
    }
    let allocations = COUNT.with(Cell::get) - before;
    assert_eq!(allocations, 0, "{:?}", world.notices);
    assert_eq!(world.notices, Vec::<String>::new());
}
