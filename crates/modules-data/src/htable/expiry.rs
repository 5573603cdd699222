//! What goes when its time is over, and the event routes.
//!
//! Each shard looks through its share of the stripes at every interval, a slice at a time so that nothing waits for it.

use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use cfg_vm::program::RouteId;
use cfg_vm::{Str, Value};
use engine::context::RouteContext;
use engine::module::{Next, Run};
use engine::services::Services;
use engine::{Context, Cx, Running, event};

use super::Htable;
use super::table::Table;

/// Items looked at in one go.
const SLICE: usize = 10_000;
/// Stripes looked at in one go.
const STRIPES: usize = 1_000;
/// Event routes begun in one go.
const EVENTS: usize = 500;
/// How long the shard does other things between two slices.
const PAUSE: Duration = Duration::from_millis(2);

/// What has just expired; in the data of the message that the event's route runs on.
pub(super) struct Record {
    pub(super) name: Str,
    pub(super) value: Value,
    route: Option<RouteId>,
}

impl Default for Record {
    fn default() -> Self {
        Self { name: Str::EMPTY, value: Value::Null, route: None }
    }
}

/// How far a shard has come.
#[derive(Default)]
struct Sweep {
    /// The configuration that it is about: it grows by one with each reload.
    generation: Option<u64>,
    due: Option<Instant>,
    table: usize,
    stripe: usize,
}

/// When the shard looks next.
pub(super) fn next(services: &Services) -> Option<Instant> {
    match services.kept_if_any::<Sweep>() {
        Some(sweep) => sweep.due,
        None => Some(services.now),
    }
}

/// Looks for what is over, if it is time to.
pub(super) fn run(services: &mut Services, running: &Arc<Running>) {
    let (now, generation) = (services.now, services.server.generation());
    let Some(state) = running.state::<Htable>() else { return };
    let any = state.tables.iter().any(|table| table.definition.autoexpire > 0);
    let sweep = services.kept::<Sweep>();
    if sweep.generation != Some(generation) {
        *sweep = Sweep {
            generation: Some(generation),
            due: any.then(|| now + state.interval),
            ..Sweep::default()
        };
        if services.index == 0 {
            state.startup.run(state.init, services, running);
        }
        return;
    }
    if sweep.due.is_some_and(|due| due <= now) {
        let (table, stripe) = (sweep.table, sweep.stripe);
        let reached = slice(services, running, state, (table, stripe));
        let sweep = services.kept::<Sweep>();
        (sweep.table, sweep.stripe) = reached.unwrap_or_default();
        sweep.due = Some(now + if reached.is_some() { PAUSE } else { state.interval });
    }
}

/// One slice, from a stripe of a table on; where the next one begins, if this was not the last.
fn slice(
    services: &mut Services,
    running: &Arc<Running>,
    state: &Htable,
    (first, mut stripe): (usize, usize),
) -> Option<(usize, usize)> {
    let now = services.unix_time();
    let (shard, shards) = (services.index, services.server.shards());
    let (mut items, mut stripes, mut events) = (0, 0, 0);
    for (at, table) in state.tables.iter().enumerate().skip(first) {
        let route = state.expired[at];
        let count = if table.definition.autoexpire > 0 { table.stripes() } else { 0 };
        while stripe < count {
            if items >= SLICE || stripes >= STRIPES || events >= EVENTS {
                return Some((at, stripe));
            }
            if stripe % shards == shard {
                let (seen, gone) = expire(table, stripe, now, route);
                (items, stripes, events) = (items + seen, stripes + 1, events + gone.len());
                for record in gone {
                    begin(services, running, record);
                }
            }
            stripe += 1;
        }
        stripe = 0;
    }
    None
}

/// Removes what is over from a stripe: how many items there were, and what a route wants to hear of.
fn expire(table: &Table, number: usize, now: i64, route: Option<RouteId>) -> (usize, Vec<Record>) {
    let mut stripe = table.stripe(number);
    let seen = stripe.len();
    let mut gone = Vec::new();
    stripe.retain(|name, item| {
        let is_over = table.is_over(item, now);
        if is_over && route.is_some() {
            gone.push(Record { name: name.clone(), value: item.value.clone(), route });
        }
        !is_over
    });
    (seen, gone)
}

/// A message that stands where there is none.
fn nobodys() -> Box<Context> {
    let mut context = Box::<Context>::default();
    context.made_up = true;
    context.route = RouteContext::Event;
    context
}

/// Begins the event's route for one item.
fn begin(services: &mut Services, running: &Arc<Running>, record: Record) {
    let mut context = nobodys();
    *context.data.of() = record;
    services.begin(context, running, |cx| match cx.data::<Record>().route {
        Some(route) => Next::Run(Run { route, context: RouteContext::Event, then: |_, _| Next::Done }),
        None => Next::Done,
    });
}

/// Sees that `event_route[htable:mod-init]` runs once, before the first message's route, whichever shard that is on.
pub(super) struct Startup(Once);

impl Default for Startup {
    fn default() -> Self {
        Self(Once::new())
    }
}

impl Startup {
    fn run(&self, route: Option<RouteId>, services: &mut Services, running: &Arc<Running>) {
        self.0.call_once_force(|_| {
            if let Some(route) = route {
                event::run(&mut Cx::new(&mut nobodys(), services, running), route);
            }
        });
    }
}

/// Before a message's route.
pub(super) fn before_script(cx: &mut Cx<'_>) -> bool {
    let state = cx.state::<Htable>();
    state.startup.run(state.init, cx.shard, cx.running);
    true
}

#[cfg(test)]
mod tests {
    use super::super::definition::Definition;
    use super::*;

    #[test]
    fn only_what_is_over_goes_and_only_routes_hear_of_it() {
        let table = Table::new(Definition::parse(b"a=>size=2;autoexpire=5").unwrap());
        for number in 0..10 {
            table.set(format!("k{number}").as_bytes(), Value::Int(number), if number < 4 { 0 } else { 10 });
        }
        let route = Some(RouteId(0));
        let all = (0..table.stripes()).map(|stripe| expire(&table, stripe, 6, route));
        let (seen, gone): (Vec<_>, Vec<_>) = all.unzip();
        assert_eq!(seen.iter().sum::<usize>(), 10);
        let mut values: Vec<_> =
            gone.into_iter().flatten().filter_map(|record| record.value.as_int()).collect();
        values.sort_unstable();
        assert_eq!(values, [0, 1, 2, 3]);
        assert!((0..table.stripes()).all(|stripe| expire(&table, stripe, 99, None).1.is_empty()));
        assert_eq!(table.count(6, usize::MAX, |_, _| true), 0);
    }
}
