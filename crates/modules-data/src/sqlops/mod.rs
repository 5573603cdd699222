//! Module `sqlops`: SQL in the script.
//!
//! A connection is one session for the route's life: transactions, variables and the last inserted number last from call
//! to call, and no other route sees them. Results belong to the route, too.

mod connection;
mod query;
mod result;

use cfg_vm::catalogue::{ArgKind, InnerRule, PvType, Routes};
use engine::{Function, Module, Param, Pv};

/// The module's table.
pub const MODULE: Module = Module {
    name: "sqlops",
    doc: "SQL in the script: queries of its own over named connections, and their results.",
    params: &[
        Param::text("sqlcon", "", "A connection, `name=>URL`.").repeatable().check(connection::check),
        Param::text("sqlres", "", "Name of a result; results need not be declared.").repeatable(),
        Param::int(
            "tr_buf_size",
            "2048",
            "Buffer of the `{sql.…}` transformations; here it grows as needed.",
        )
        .ignored(),
        Param::int("log_buf_size", "128", "How much of a statement is logged when it fails."),
        Param::int(
            "connect_mode",
            "0",
            "1: the server starts although a database cannot be reached; 0: it tells so as an error and goes on trying.",
        ),
        Param::int_in("results_maxsize", 1, 65_535, "32", "Results that a route may hold at the same time."),
    ],
    functions: FUNCTIONS,
    pvs: &[
        Pv::new(
            "dbr",
            PvType::Any,
            result::read,
            "`$dbr(result=>rows)`, `cols`, `[row,column]` or `colname[n]` of a result.",
        )
        .inner(InnerRule::Parsed(result::parse)),
        Pv::new(
            "sqlrows",
            PvType::Int,
            query::affected,
            "Rows that the connection's last statement touched.",
        )
        .inner(InnerRule::Required),
    ],
    start: connection::start,
    ..Module::EMPTY
};

const TEXT: ArgKind = ArgKind::Text;
const FORMAT: ArgKind = ArgKind::Format;
const ANY: Routes = Routes::ANY;

const FUNCTIONS: &[Function] = &[
    Function::new(
        "sql_query",
        &[TEXT, FORMAT, TEXT],
        ANY,
        query::sql_query,
        "Runs SQL on a connection and keeps the rows under a result's name: 1 with rows, 2 without any, 3 with rows and no \
         name for them, -1 when it failed.",
    )
    .requires(2)
    .waits(),
    Function::new(
        "sql_xquery",
        &[TEXT, FORMAT, FORMAT],
        ANY,
        query::sql_xquery,
        "The same into `$xavp(name[row]=>column)`.",
    )
    .waits(),
    Function::new(
        "sql_pvquery",
        &[TEXT, FORMAT, TEXT],
        ANY,
        query::sql_pvquery,
        "The same into a list of variables, one a column; the first row is written last.",
    )
    .waits(),
    Function::new(
        "sql_query_async",
        &[TEXT, FORMAT],
        ANY,
        query::sql_query_async,
        "Runs SQL beside the route, which does not wait for it.",
    ),
    Function::new("sql_result_free", &[TEXT], ANY, result::free, "Forgets a result."),
];
