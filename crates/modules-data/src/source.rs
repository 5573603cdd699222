//! The database that a module's parameters name, and questions to it from a route.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use engine::{Cx, Flow, Resume, Server, Setup, SetupError};
use store::{Database, Error, Query, Row};

use crate::database::check_driver;

/// Kamailio's own default for modules that only read.
pub(crate) const READ_ONLY_URL: &str = "mysql://kamailioro:kamailioro@localhost/kamailio";

/// The database at `db_url`, or at the default. Nothing is connected to yet.
pub(crate) fn database(setup: &Setup<'_>) -> Result<Database, SetupError> {
    match setup.values("db_url").last() {
        Some(param) => {
            let url = param.value.as_text().unwrap_or_default();
            check_driver(setup, url).map_err(|reason| SetupError::at(param, format!("db_url: {reason}")))?;
            Database::shared(url).map_err(|error| SetupError::at(param, format!("db_url: {error}")))
        }
        None => {
            Database::shared(READ_ONLY_URL.as_bytes()).map_err(|error| SetupError::new(error.to_string()))
        }
    }
}

/// The name of a table or column that a parameter gives.
pub(crate) fn name(setup: &Setup<'_>, param: &str, default: &str) -> String {
    setup.text(param).map_or_else(|| default.to_owned(), |name| String::from_utf8_lossy(name).into_owned())
}

/// The bytes of a parameter.
pub(crate) fn text(setup: &Setup<'_>, param: &str, default: &str) -> Vec<u8> {
    setup.text(param).map_or_else(|| default.as_bytes().to_vec(), <[u8]>::to_vec)
}

/// Whether a switch is on.
pub(crate) fn is_on(setup: &Setup<'_>, param: &str) -> bool {
    setup.int(param).is_some_and(|value| value != 0)
}

/// Asks the database while the route waits, and goes on with the rows; `None` where there is no answer, which has been
/// logged for `module`.
pub(crate) fn ask(
    module: &'static str,
    database: &Database,
    query: Query,
    then: impl FnOnce(&mut Cx<'_>, Option<Vec<Row>>) -> Flow + Send + 'static,
) -> Flow {
    let database = database.clone();
    Flow::wait(async move {
        let rows = match database.query(&query).await {
            Ok(rows) => Some(rows),
            Err(error) => {
                let url = database.url_shown();
                tracing::error!(target: "store", "{module}: table {} at {url}: {error}", query.table);
                None
            }
        };
        let resume: Resume = Box::new(move |cx| then(cx, rows));
        resume
    })
}

/// The text of a value, numbers in digits; `None` where there is no value.
pub(crate) fn text_of(value: &store::Value) -> Option<Vec<u8>> {
    match value {
        store::Value::Null => None,
        store::Value::Double(number) => Some(number.to_string().into_bytes()),
        value => match value.as_text() {
            Some(text) => Some(text.to_vec()),
            None => value.as_int().map(|number| number.to_string().into_bytes()),
        },
    }
}

/// The value as scripts see it.
pub(crate) fn script_value(value: &store::Value) -> cfg_vm::Value {
    match value {
        store::Value::Int(number) => cfg_vm::Value::Int(*number),
        value => text_of(value).map_or(cfg_vm::Value::Null, cfg_vm::Value::from),
    }
}

/// Reads again, in the background, what could not be read at start, until it can be; a database's refusal ends that.
pub(crate) fn retry<F, R>(module: &'static str, server: Arc<Server>, database: Database, read: F)
where
    F: Fn() -> R + Send + 'static,
    R: Future<Output = Result<(), Error>> + Send + 'static,
{
    let runtime = server.runtime.clone();
    runtime.spawn(async move {
        while !server.is_stopping() {
            tokio::time::sleep(AGAIN).await;
            match read().await {
                Ok(()) => {
                    tracing::info!(target: "store", "{module}: read from {}", database.url_shown());
                    return;
                }
                Err(Error::Unavailable(_) | Error::Full) => {}
                Err(error) => {
                    tracing::error!(target: "store", "{module}: {}: {error}; mend that and reload", database.url_shown());
                    return;
                }
            }
        }
    });
}

/// Between two tries to read what could not be read at start.
const AGAIN: Duration = Duration::from_secs(2);
