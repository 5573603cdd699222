//! The operations of `store` against real servers of every kind.

#![allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]

use databases::{MariaDb, Postgres, Sqlite};
use store::{Cell, Change, Database, Error, Key, Op, Outcome, Query, Value};

const TABLE_SQLITE: &str = "CREATE TABLE person (id INTEGER PRIMARY KEY, name VARCHAR(64) UNIQUE, age INTEGER DEFAULT 7, \
                            q REAL DEFAULT 1.0, born TIMESTAMP WITHOUT TIME ZONE, photo BLOB)";
const TABLE_MYSQL: &str = "CREATE TABLE person (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(64) UNIQUE, \
                           age INT DEFAULT 7, q FLOAT(10,2) DEFAULT 1.0, born DATETIME, photo BLOB)";
const TABLE_POSTGRES: &str = "CREATE TABLE person (id SERIAL PRIMARY KEY, name VARCHAR(64) UNIQUE, age INTEGER DEFAULT 7, \
                              q REAL DEFAULT 1.0, born TIMESTAMP WITHOUT TIME ZONE, photo BYTEA)";

#[tokio::test]
async fn sqlite_does_every_operation() {
    let file = Sqlite::new();
    every_operation(&file.url(), TABLE_SQLITE).await;
}

#[tokio::test]
async fn mariadb_does_every_operation() {
    let server = MariaDb::start();
    every_operation(&server.url(), TABLE_MYSQL).await;
}

#[tokio::test]
async fn postgres_does_every_operation() {
    let server = Postgres::start();
    every_operation(&server.url(), TABLE_POSTGRES).await;
}

async fn every_operation(url: &str, table: &str) {
    let database = Database::new(url.as_bytes()).unwrap();
    raw(&database, table).await;
    a_row_comes_back_as_it_went(&database).await;
    conditions_choose_rows(&database).await;
    replacing_overwrites(&database).await;
    a_batch_is_whole_or_nothing(&database).await;
    sql_in_a_value_stays_a_value(&database).await;
    a_session_is_one_connection(&database).await;
    layouts_are_told(&database).await;
}

async fn raw(database: &Database, sql: &str) -> Outcome {
    database.session().await.unwrap().raw(sql.as_bytes()).await.unwrap()
}

fn people(columns: &[&str], keys: Vec<Key>) -> Query {
    let columns = columns.iter().map(|&name| name.to_owned()).collect();
    Query { table: "person".into(), columns, keys, order: Some("id".into()), limit: None }
}

fn insert(name: &str, age: i64) -> Change {
    Change::Insert { table: "person".into(), cells: vec![Cell::new("name", name), Cell::new("age", age)] }
}

async fn count(database: &Database) -> usize {
    database.query(&people(&["id"], Vec::new())).await.unwrap().len()
}

async fn a_row_comes_back_as_it_went(database: &Database) {
    let values = [
        ("name", Value::from("ann")),
        ("age", Value::Int(-5)),
        ("q", Value::Double(0.25)),
        ("born", Value::Time(1_700_000_001)),
        ("photo", Value::Blob(vec![0, 255, b'\'', b'\\'])),
    ];
    let cells = values.iter().map(|(column, value)| Cell::new(*column, value.clone())).collect();
    database.change(&Change::Insert { table: "person".into(), cells }).await.unwrap();
    let columns: Vec<&str> = values.iter().map(|(column, _)| *column).collect();
    let found = database.query(&people(&columns, Vec::new())).await.unwrap();
    assert_eq!(*found[0], values.map(|(_, value)| value));

    // The same, unprepared, under its names; and what nobody set.
    let outcome = raw(database, "SELECT name, age, born FROM person WHERE age = -5").await;
    assert_eq!(outcome.columns, ["name", "age", "born"]);
    assert_eq!(*outcome.rows[0], [Value::from("ann"), Value::Int(-5), Value::Time(1_700_000_001)]);
    database
        .change(&Change::Insert { table: "person".into(), cells: vec![Cell::new("name", "bob")] })
        .await
        .unwrap();
    let found = database.query(&people(&["age", "q", "born"], vec![Key::eq("name", "bob")])).await.unwrap();
    assert_eq!(*found[0], [Value::Int(7), Value::Double(1.0), Value::Null]);
}

async fn conditions_choose_rows(database: &Database) {
    let found = async |key: Key| database.query(&people(&["name"], vec![key])).await.unwrap().len();
    assert_eq!(found(Key::new("age", Op::Lt, 7)).await, 1);
    assert_eq!(found(Key::new("age", Op::Ge, 7)).await, 1);
    assert_eq!(found(Key::new("age", Op::BitAnd, 4)).await, 1);
    assert_eq!(found(Key::eq("born", Value::Null)).await, 1);
    assert_eq!(found(Key::new("born", Op::Ne, Value::Null)).await, 1);
    assert_eq!(found(Key::new("born", Op::Gt, Value::Time(1_700_000_000))).await, 1);
    assert_eq!(found(Key::new("born", Op::Gt, Value::Time(1_700_000_001))).await, 0);
    // Numbers against text columns and the other way round, as modules with no idea of the columns do.
    assert_eq!(found(Key::eq("age", "7")).await, 1);
    assert_eq!(found(Key::eq("name", 5)).await, 0);
    let update = Change::Update {
        table: "person".into(),
        cells: vec![Cell::new("age", 7)],
        keys: vec![Key::eq("name", "bob")],
    };
    assert_eq!(database.change(&update).await, Ok(1), "a row found counts, changed or not");
    let delete = Change::Delete { table: "person".into(), keys: vec![Key::eq("name", "ann")] };
    assert_eq!(database.change(&delete).await, Ok(1));
}

async fn replacing_overwrites(database: &Database) {
    for (name, age) in [("bob", 41), ("cid", 50)] {
        let cells = vec![Cell::new("name", name), Cell::new("age", age)];
        let replace = Change::Replace { table: "person".into(), cells, unique: vec!["name".into()] };
        database.change(&replace).await.unwrap();
    }
    let rows = database.query(&people(&["name", "age"], Vec::new())).await.unwrap();
    let rows: Vec<_> = rows.iter().map(|row| (row[0].clone(), row[1].as_int())).collect();
    assert_eq!(rows, [("bob".into(), Some(41)), ("cid".into(), Some(50))]);
}

async fn a_batch_is_whole_or_nothing(database: &Database) {
    let error = database.batch(&[insert("dan", 1), insert("bob", 1)]).await.unwrap_err();
    assert!(error.is_duplicate(), "{error}");
    assert_eq!(count(database).await, 2);
    database.batch(&[insert("dan", 1), insert("eva", 1)]).await.unwrap();
    assert_eq!(count(database).await, 4);
}

async fn sql_in_a_value_stays_a_value(database: &Database) {
    let nasty = "x'); DROP TABLE person; -- \\' \" ` ? $1";
    database.change(&insert(nasty, 1)).await.unwrap();
    let found = database.query(&people(&["name"], vec![Key::eq("name", nasty)])).await.unwrap();
    assert_eq!(found[0][0], Value::from(nasty));
    let refused = database.query(&people(&["nobody"], Vec::new())).await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
}

async fn a_session_is_one_connection(database: &Database) {
    let before = count(database).await;
    let mut session = database.session().await.unwrap();
    session.raw(b"BEGIN").await.unwrap();
    assert_eq!(session.raw(b"DELETE FROM person").await.unwrap().affected, before as u64);
    let inside = session.raw(b"SELECT count(*) FROM person").await.unwrap();
    assert_eq!(inside.rows[0][0].as_int(), Some(0));
    assert_eq!(count(database).await, before, "others do not see it");
    let error = session.raw(b"SELECT nothing FROM nowhere").await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    drop(session);
    database.change(&insert("fay", 1)).await.unwrap();
    assert_eq!(count(database).await, before + 1, "what was not committed is undone");
}

async fn layouts_are_told(database: &Database) {
    assert_eq!(database.columns("person").await.unwrap(), ["id", "name", "age", "q", "born", "photo"]);
    assert!(database.columns("nobody").await.unwrap().is_empty());
    raw(database, "CREATE TABLE version (table_name VARCHAR(32), table_version INTEGER)").await;
    raw(database, "INSERT INTO version VALUES ('location', '9')").await;
    assert_eq!(database.table_version("location").await, Ok(Some(9)));
    assert_eq!(database.table_version("nobody").await, Ok(None));
}
