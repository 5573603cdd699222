//! Module `htable`: tables of named values that all shards share.

mod database;
mod definition;
mod expiry;
mod functions;
mod iterator;
mod lock;
mod place;
mod rpc;
mod table;
mod variables;

use std::sync::Arc;
use std::time::Duration;

use cfg_syntax::ast::RouteKind;
use cfg_vm::Value;
use cfg_vm::catalogue::{ArgKind, InnerRule, PvType, Routes};
use cfg_vm::program::RouteId;
use engine::module::{EventRoute, Rpc, State};
use engine::setup::Clock;
use engine::{Function, Module, Param, Pv, Setup, SetupError};
use modules::cfgutils::lock::Locks;

use database::Source;
use definition::Definition;
use expiry::Startup;
use table::Table;

/// The module's table.
pub const MODULE: Module = Module {
    name: "htable",
    doc: "Tables of named values that all shards share: caches, counters, bans; from and to a database.",
    params: PARAMS,
    functions: FUNCTIONS,
    pvs: PVS,
    event_routes: &[
        EventRoute { name: "htable:mod-init", doc: "Once at the start, before the first message's route." },
        EventRoute {
            name: "htable:expired:*",
            doc: "For each item of the table whose time is over; `$shtrecord` tells which.",
        },
    ],
    rpc: RPC,
    start,
    ..Module::EMPTY
};

const PARAMS: &[Param] = &[
    Param::text(
        "htable",
        "",
        "A table, `name=>size=8;autoexpire=300;…`; further attributes: `dbtable`, `dbmode`, `cols`, `coldelim`, \
         `colnull`, `initval`, `updateexpire`.",
    )
    .repeatable()
    .check(is_definition),
    Param::text("db_url", "", "Database that tables with a `dbtable` are filled from."),
    Param::text("key_name_column", "key_name", "Column of the names."),
    Param::text("key_type_column", "key_type", "Column that tells names (0) from arrays (1)."),
    Param::text("value_type_column", "value_type", "Column that tells text (0) from numbers (1)."),
    Param::text("key_value_column", "key_value", "Column of the values."),
    Param::text("expires_column", "expires", "Column of the times when items go."),
    Param::text(
        "array_size_suffix",
        "::size",
        "What stands after an array's name for the number of its values.",
    ),
    Param::int("fetch_rows", "100", "Rows fetched at once.").ignored(),
    Param::int_in("timer_interval", 1, 86_400, "20", "Seconds between two searches for what is over."),
    Param::int("db_expires", "0", "Whether the times when items go are read and written too."),
    Param::int("timer_procs", "0", "Processes that search for what is over; here the shards do.").ignored(),
    Param::int("event_callback_mode", "0", "Which process runs the start's event route.").ignored(),
];

const ANY: Routes = Routes::ANY;
const F: ArgKind = ArgKind::Format;
const INT: ArgKind = ArgKind::Int;
const PLACE: ArgKind = ArgKind::ParsedFormat(place::parse);

const FUNCTIONS: &[Function] = &[
    Function::new("sht_print", &[], ANY, functions::print, "Writes all tables into the log."),
    Function::new("sht_rm", &[F, F], ANY, functions::remove, "Removes an item."),
    Function::new(
        "sht_rm_name_re",
        &[PLACE],
        ANY,
        functions::remove_name_matching,
        "Removes the items whose name matches, `table=>expression`.",
    ),
    Function::new(
        "sht_rm_value_re",
        &[PLACE],
        ANY,
        functions::remove_value_matching,
        "Removes the items whose text matches, `table=>expression`.",
    ),
    Function::new(
        "sht_rm_name",
        &[F, F, F],
        ANY,
        functions::remove_name,
        "Removes items by name: `re`, `sw`, `ew` or `in`, and what it is compared with.",
    ),
    Function::new("sht_rm_value", &[F, F, F], ANY, functions::remove_value, "Removes items by their text."),
    Function::new(
        "sht_match_name",
        &[F, F, F],
        ANY,
        functions::has_name,
        "Whether an item has such a name: `eq`, `ne`, `re`, `sw`, `ew` or `in`, and what it is compared with.",
    ),
    Function::new("sht_has_name", &[F, F, F], ANY, functions::has_name, "The same as `sht_match_name`."),
    Function::new(
        "sht_match_str_value",
        &[F, F, F],
        ANY,
        functions::has_value,
        "Whether an item has such a text.",
    ),
    Function::new(
        "sht_has_str_value",
        &[F, F, F],
        ANY,
        functions::has_value,
        "The same as `sht_match_str_value`.",
    ),
    Function::new("sht_reset", &[F], ANY, functions::reset, "Empties a table."),
    Function::new(
        "sht_setxs",
        &[F, F, F, INT],
        ANY,
        functions::set_text,
        "Sets a text and the seconds that it stays.",
    ),
    Function::new(
        "sht_setxi",
        &[F, F, INT, INT],
        ANY,
        functions::set_number,
        "Sets a number and the seconds that it stays.",
    ),
    Function::new("sht_is_null", &[F, F], ANY, functions::is_null, "Whether there is no such item."),
    Function::new("sht_inc", &[F, F], ANY, functions::increment, "Adds one; the result is the new number."),
    Function::new(
        "sht_dec",
        &[F, F],
        ANY,
        functions::decrement,
        "Takes one off; the result is the new number.",
    ),
    Function::new(
        "sht_lock",
        &[PLACE],
        ANY,
        lock::lock,
        "Takes the lock of an item's slot, or waits for it; it is given back at the route's end.",
    )
    .waits(),
    Function::new("sht_unlock", &[PLACE], ANY, lock::unlock, "Gives the lock of an item's slot back."),
    Function::new("sht_iterator_start", &[F, F], ANY, iterator::start, "Begins a walk through a table."),
    Function::new(
        "sht_iterator_next",
        &[F],
        ANY,
        iterator::next,
        "Goes to the next item; false after the last.",
    ),
    Function::new("sht_iterator_end", &[F], ANY, iterator::end, "Ends a walk."),
    Function::new(
        "sht_iterator_rm",
        &[F],
        ANY,
        iterator::remove,
        "Removes the item that a walk is at and goes on; -2 when it was the last.",
    ),
    Function::new("sht_iterator_sets", &[F, F], ANY, iterator::set_text, "Sets the item's value to a text."),
    Function::new("sht_iterator_seti", &[F, INT], ANY, iterator::set_number, "Sets it to a number."),
    Function::new(
        "sht_iterator_setex",
        &[F, INT],
        ANY,
        iterator::set_seconds,
        "Sets the seconds that the item stays.",
    ),
];

/// `table=>name`.
const ITEM: InnerRule = InnerRule::Checked(place::check);

const PVS: &[Pv] = &[
    Pv::new("sht", PvType::Any, variables::read, "The value of a name in a table, `$sht(table=>name)`.")
        .inner(ITEM)
        .writable(variables::write),
    Pv::new("shtex", PvType::Int, variables::read_expiry, "Seconds until an item goes; 0 for never.")
        .inner(ITEM)
        .writable(variables::write_expiry),
    Pv::new(
        "shtcn",
        PvType::Int,
        variables::count_names,
        "How many items have such a name: `~~expression`, `~%end`, `%~start`, `==name`, `**`.",
    )
    .inner(ITEM),
    Pv::new("shtcv", PvType::Int, variables::count_values, "How many have such a value; `eq5` for numbers.")
        .inner(ITEM),
    Pv::new("shtinc", PvType::Int, variables::increment, "Adds one to a number and gives it.").inner(ITEM),
    Pv::new("shtdec", PvType::Int, variables::decrement, "Takes one off a number and gives it.").inner(ITEM),
    Pv::new(
        "shtrecord",
        PvType::Any,
        variables::record,
        "`key` and `value` of the item that has just expired.",
    )
    .inner(InnerRule::Checked(variables::check_record)),
    Pv::new("shtitkey", PvType::Str, variables::iterator_key, "Name of the item that a walk is at.")
        .inner(InnerRule::Required),
    Pv::new("shtitval", PvType::Any, variables::iterator_value, "Its value.").inner(InnerRule::Required),
];

const RPC: &[Rpc] = &[
    Rpc { name: "htable.delete", doc: "Removes an item: table, name.", run: rpc::delete },
    Rpc { name: "htable.dump", doc: "All items of a table.", run: rpc::dump },
    Rpc { name: "htable.flush", doc: "Empties a table.", run: rpc::flush },
    Rpc { name: "htable.get", doc: "One item: table, name.", run: rpc::get },
    Rpc { name: "htable.listTables", doc: "All tables.", run: rpc::list_tables },
    Rpc { name: "htable.reload", doc: "Fills a table from the database again.", run: database::reload },
    Rpc {
        name: "htable.setex",
        doc: "Sets the seconds that an item stays: table, name, seconds.",
        run: rpc::set_seconds,
    },
    Rpc { name: "htable.seti", doc: "Sets a number: table, name, value.", run: rpc::set_number },
    Rpc { name: "htable.sets", doc: "Sets a text: table, name, value.", run: rpc::set_text },
    Rpc {
        name: "htable.setxi",
        doc: "Sets a number and its seconds: table, name, value, seconds.",
        run: rpc::set_number_for,
    },
    Rpc {
        name: "htable.setxs",
        doc: "Sets a text and its seconds: table, name, value, seconds.",
        run: rpc::set_text_for,
    },
    Rpc { name: "htable.stats", doc: "How full the tables are.", run: rpc::stats },
    Rpc { name: "htable.store", doc: "Writes a table to the database.", run: database::store_table },
];

/// The module under one configuration. Tables, locks and the start outlive a reload.
pub(crate) struct Htable {
    tables: Vec<Arc<Table>>,
    /// Of each table, the route that hears of what expires.
    expired: Vec<Option<RouteId>>,
    init: Option<RouteId>,
    startup: Arc<Startup>,
    interval: Duration,
    locks: Arc<Locks>,
    source: Option<Arc<Source>>,
}

impl Htable {
    fn table(&self, name: &[u8]) -> Option<&Table> {
        self.tables.iter().find(|table| table.name() == name).map(Arc::as_ref)
    }

    fn shared(&self, name: &[u8]) -> Option<Arc<Table>> {
        self.tables.iter().find(|table| table.name() == name).cloned()
    }
}

fn is_definition(value: &Value) -> Result<(), String> {
    Definition::parse(&value.to_str()).map(drop)
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let before = setup.before::<Htable>();
    let mut tables: Vec<Arc<Table>> = Vec::new();
    for param in setup.values("htable") {
        let definition =
            Definition::parse(&param.value.to_str()).map_err(|why| SetupError::at(param, why))?;
        if tables.iter().any(|table| table.name() == &*definition.name) {
            let name = definition.name.to_lossy();
            return Err(SetupError::at(param, format!("the table \"{name}\" is defined twice")));
        }
        tables.push(kept(before, definition));
    }
    let route = |name: String| setup.route(RouteKind::Event, &name);
    let expired: Vec<_> = tables
        .iter()
        .map(|table| route(format!("htable:expired:{}", String::from_utf8_lossy(table.name()))))
        .collect();
    let state = Htable {
        expired,
        init: route("htable:mod-init".to_owned()),
        startup: before.map(|before| Arc::clone(&before.startup)).unwrap_or_default(),
        interval: Duration::from_secs(setup.int("timer_interval").unwrap_or(20).max(1) as u64),
        locks: before.map(|before| Arc::clone(&before.locks)).unwrap_or_default(),
        source: source(setup)?,
        tables,
    };
    let starts = state.init.is_some();
    let hooks = setup.hooks();
    hooks.begun.push(database::begun);
    hooks.ended.push(database::ended);
    hooks.after_route.push(lock::release_all);
    hooks.clocks.push(Clock { next: expiry::next, run: expiry::run });
    if starts {
        hooks.before_script.push(expiry::before_script);
    }
    Ok(Arc::new(state))
}

/// A table with what it held before the reload, if there was one.
fn kept(before: Option<&Htable>, definition: Definition) -> Arc<Table> {
    match before.and_then(|before| before.shared(&definition.name)) {
        Some(table) if table.definition == definition => table,
        Some(table) => Arc::new(Table::with_items_of(&table, definition)),
        None => Arc::new(Table::new(definition)),
    }
}

/// Where tables with a `dbtable` come from.
fn source(setup: &Setup<'_>) -> Result<Option<Arc<Source>>, SetupError> {
    let Some(param) = setup.values("db_url").last() else { return Ok(None) };
    let url = param.value.to_str();
    if url.is_empty() {
        return Ok(None);
    }
    let database =
        store::Database::shared(&url).map_err(|error| SetupError::at(param, format!("db_url: {error}")))?;
    let column = |name: &str, default: &str| {
        setup.text(name).map_or_else(|| default.to_owned(), |text| String::from_utf8_lossy(text).into_owned())
    };
    Ok(Some(Arc::new(Source {
        database,
        key_name: column("key_name_column", "key_name"),
        key_type: column("key_type_column", "key_type"),
        value_type: column("value_type_column", "value_type"),
        key_value: column("key_value_column", "key_value"),
        expires: column("expires_column", "expires"),
        array_size_suffix: column("array_size_suffix", "::size").into(),
        has_expires: setup.int("db_expires").unwrap_or(0) != 0,
    })))
}
