//! The functions that run SQL.

use cfg_vm::{Str, Value};
use engine::module::Resume;
use engine::variables::{XavpList, XavpValue};
use engine::{Args, Cx, Flow, PvArgs};
use store::{Error, Outcome};

use super::connection::{self, Sessions, Sqlops};
use super::result::{Results, shown};

/// With rows.
const ROWS: Flow = Flow::Done(1);
/// Without any.
const NONE: Flow = Flow::Done(2);
/// With rows, but nowhere to put them.
const DROPPED: Flow = Flow::Done(3);

/// `sql_query(connection, query[, result])`.
pub(super) fn sql_query(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let name = args.str(2);
    // What an earlier query left must not be taken for this one's.
    cx.local::<Results>().forget(&name);
    query(cx, args, move |cx, outcome| {
        if name.is_empty() {
            return if outcome.rows.is_empty() { NONE } else { DROPPED };
        }
        let code = if outcome.rows.is_empty() { NONE } else { ROWS };
        let most = cx.state::<Sqlops>().most_results;
        if cx.local::<Results>().keep(name.clone(), outcome, most) {
            return code;
        }
        tracing::error!(target: "sqlops", "no room for result {}: results_maxsize is {most}", name.to_lossy());
        Flow::FALSE
    })
}

/// `sql_xquery(connection, query, xavp)`. Rows are pushed from the last to the first: index 0 is the newest.
pub(super) fn sql_xquery(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let name = args.str(2);
    query(cx, args, move |cx, outcome| {
        let code = if outcome.rows.is_empty() { NONE } else { ROWS };
        for row in outcome.rows.iter().rev() {
            let mut fields = XavpList::default();
            for (column, value) in outcome.columns.iter().zip(row.iter()) {
                if let Some(value) = XavpValue::of(shown(value)) {
                    fields.push(Str::copy(column.as_bytes()), value);
                }
            }
            cx.context.variables.xavps.push(name.clone(), XavpValue::List(fields));
        }
        code
    })
}

/// `sql_pvquery(connection, query, variables)`. The last row is written first, so that the first one's values stay.
pub(super) fn sql_pvquery(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let mut variables = Vec::new();
    for name in args.text(2).split(|byte| matches!(byte, b',' | b';')).map(<[u8]>::trim_ascii) {
        match cx.running.bind_pv(name) {
            Ok(variable) => variables.push(variable),
            Err(why) => {
                tracing::error!(target: "sqlops", "sql_pvquery: {}: {why}", name.escape_ascii());
                return Flow::FALSE;
            }
        }
    }
    query(cx, args, move |cx, outcome| {
        for row in outcome.rows.iter().rev() {
            for (variable, value) in variables.iter().zip(row.iter()) {
                let value = match value {
                    store::Value::Double(number) => Value::Str(number.to_string().into_bytes().into()),
                    other => shown(other),
                };
                if cx.write_bound(variable, value).is_err() {
                    tracing::error!(target: "sqlops", "sql_pvquery: a value cannot be written into its variable");
                    return Flow::FALSE;
                }
            }
        }
        if outcome.rows.is_empty() { NONE } else { ROWS }
    })
}

/// `sql_query_async(connection, query)`: beside the route, in a session of its own.
pub(super) fn sql_query_async(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let state = cx.state::<Sqlops>();
    let Some(database) = state.database(args.text(0)).cloned() else { return unknown(args) };
    let (sql, shown) = (args.text(1).to_vec(), start_of(args.text(1), state.log_length));
    cx.server().runtime.spawn(async move {
        if let (_, Err(why)) = connection::run(database, None, &sql).await {
            tracing::error!(target: "sqlops", "cannot do the query [{shown}]: {why}");
        }
    });
    Flow::TRUE
}

/// `$sqlrows(connection)`.
pub(super) fn affected(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let rows = cx.local::<Sessions>().affected(args.name());
    rows.map_or(Value::Null, |rows| Value::Int(i64::try_from(rows).unwrap_or(i64::MAX)))
}

/// Runs the statement in the route's session, then what is to be done with its rows.
fn query(
    cx: &mut Cx<'_>,
    args: &Args<'_>,
    then: impl FnOnce(&mut Cx<'_>, Outcome) -> Flow + Send + 'static,
) -> Flow {
    let Some(database) = cx.state::<Sqlops>().database(args.text(0)).cloned() else { return unknown(args) };
    let (name, sql) = (args.str(0), args.str(1));
    let held = cx.local::<Sessions>().take(&name);
    Flow::wait(async move {
        let (session, result) = connection::run(database, held, &sql).await;
        Box::new(move |cx: &mut Cx<'_>| {
            let affected = result.as_ref().ok().map(|outcome| outcome.affected);
            cx.local::<Sessions>().keep(name, session, affected);
            match result {
                Ok(outcome) => then(cx, outcome),
                Err(why) => failed(cx, &sql, &why),
            }
        }) as Resume
    })
}

fn failed(cx: &Cx<'_>, sql: &[u8], why: &Error) -> Flow {
    let length = cx.state::<Sqlops>().log_length;
    tracing::error!(target: "sqlops", "cannot do the query [{}]: {why}", start_of(sql, length));
    Flow::FALSE
}

fn unknown(args: &Args<'_>) -> Flow {
    tracing::error!(target: "sqlops", "invalid connection [{}]: no sqlcon has this name", args.text(0).escape_ascii());
    Flow::FALSE
}

fn start_of(sql: &[u8], length: usize) -> String {
    String::from_utf8_lossy(&sql[..sql.len().min(length)]).into_owned()
}
