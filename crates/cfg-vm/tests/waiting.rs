//! Functions that wait park their script with all its frames; scripts that run meanwhile never see them.

mod support;

use std::sync::Arc;

use cfg_vm::{Call, End, Ended, Execution, Program, Value};
use proptest::prelude::*;
use support::World;

/// Waits in the middle of an expression, in routes inside one another, in a loop, and in a condition.
const SCRIPT: &str = "
request_route {
    $var(sum) = $var(id) * 1000 + route(OUTER) * 100 + $var(id);
    while ($var(turn) < 3) {
        $var(turn) = $var(turn) + 1;
        wait();
        $var(codes) = $var(codes) + $rc;
    }
    if (wait() && $var(id) > 0) {
        log(\"$var(id): $var(sum) $var(codes) $rc $avp(kept)\");
    }
}
route[OUTER] {
    $avp(kept) = \"kept-\" + $var(id);
    if (route(INNER) || $var(id) == 0) {
        return $var(id);
    }
    return -1;
}
route[INNER] {
    wait();
    return $rc;
}";

/// A caller: its own state and its own execution.
struct Caller {
    world: World,
    execution: Execution,
    ended: Option<Ended>,
}

impl Caller {
    fn new(program: &Arc<Program>, id: i64) -> Self {
        let mut world = World::default();
        world.vars.insert("id".into(), Value::Int(id));
        let mut execution = Execution::new();
        let route = program.unnamed(cfg_syntax::ast::RouteKind::Request).expect("there is one");
        execution.start(program, route, world.limits, false);
        Self { world, execution, ended: None }
    }

    /// Runs to its next wait, or to its end; waits are answered with the caller's number.
    fn go_on(&mut self) {
        let id = self.world.vars[&b"id"[..]].as_int().expect("a number");
        self.ended = Some(match self.ended {
            None => self.execution.run(&mut self.world),
            Some(Ended::Parked) => self.execution.resume(Call::Done(id), &mut self.world),
            Some(ended) => ended,
        });
    }
}

fn alone(program: &Arc<Program>, id: i64) -> Vec<String> {
    let mut caller = Caller::new(program, id);
    while matches!(caller.ended, None | Some(Ended::Parked)) {
        caller.go_on();
    }
    caller.world.log
}

#[test]
fn a_waiting_script_goes_on_where_it_waited() {
    let program = support::program(SCRIPT);
    assert_eq!(alone(&program, 7), ["7: 7107 21 7 kept-7"]);
}

#[test]
fn two_interleaved_scripts_never_see_each_others_values() {
    let program = support::program(SCRIPT);
    let mut callers = [Caller::new(&program, 3), Caller::new(&program, 5)];
    while callers.iter().any(|caller| matches!(caller.ended, None | Some(Ended::Parked))) {
        for caller in &mut callers {
            caller.go_on();
        }
    }
    assert_eq!(callers[0].world.log, alone(&program, 3));
    assert_eq!(callers[1].world.log, alone(&program, 5));
}

#[test]
fn a_parked_script_can_go_on_in_another_thread() {
    let program = support::program(SCRIPT);
    let mut caller = Caller::new(&program, 9);
    caller.go_on();
    assert_eq!(caller.ended, Some(Ended::Parked));
    let log = std::thread::spawn(move || {
        while caller.ended == Some(Ended::Parked) {
            caller.go_on();
        }
        caller.world.log
    });
    assert_eq!(log.join().expect("it does not panic"), alone(&program, 9));
}

#[test]
fn a_parked_script_knows_where_it_stands() {
    let program = support::program(SCRIPT);
    let mut caller = Caller::new(&program, 1);
    caller.go_on();
    let names: Vec<&[u8]> = caller.execution.stack().map(|route| program.info(route).name).collect();
    assert_eq!(names, [&b""[..], b"OUTER", b"INNER"]);
    let span = caller.execution.current_span().expect("it is parked");
    assert_eq!(program.source().text(span), b"wait()");
}

#[test]
fn an_answer_may_end_the_script_or_run_a_route() {
    let program = support::program("request_route { wait(); log(\"after $rc\"); } route[R] { return 6; }");
    let answered = |answer: Call| {
        let mut caller = Caller::new(&program, 1);
        caller.go_on();
        let ended = caller.execution.resume(answer, &mut caller.world);
        (ended, caller.world.log)
    };
    let finished = |code, drop, exit| Ended::Finished(End { code, drop, exit });
    assert_eq!(answered(Call::Done(0)), (finished(0, false, true), vec![]));
    assert_eq!(answered(Call::Drop), (finished(0, true, true), vec![]));
    assert_eq!(answered(Call::Exit), (finished(1, false, true), vec![]));
    let route = program.route(cfg_syntax::ast::RouteKind::Named, b"R").expect("it is there");
    assert_eq!(answered(Call::Route(route)), (finished(1, false, false), vec!["after 6".to_owned()]));
}

proptest! {
    /// Whatever the order in which waits come back, each script does what it does alone.
    #[test]
    fn any_order_of_answers_gives_the_same(order in prop::collection::vec(0usize..4, 0..40)) {
        let program = support::program(SCRIPT);
        let ids = [0, 2, -4, 11];
        let mut callers: Vec<Caller> = ids.iter().map(|id| Caller::new(&program, *id)).collect();
        for turn in order.into_iter().chain((0..40).map(|turn| turn % 4)) {
            callers[turn].go_on();
        }
        for (caller, id) in callers.iter().zip(ids) {
            prop_assert!(matches!(caller.ended, Some(Ended::Finished(_))));
            prop_assert_eq!(&caller.world.log, &alone(&program, id));
        }
    }
}
