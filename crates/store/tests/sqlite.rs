//! The operations against real SQLite files.

#![allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use store::{Cell, Change, Database, Error, Key, Op, Options, Query, Value};

/// A database file of one test's own, gone with it.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("store-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn url(&self) -> String {
        format!("sqlite://{}/test.sqlite", self.0.display())
    }

    fn database(&self) -> Database {
        Database::new(self.url().as_bytes()).unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn with_people(file: &File) -> Database {
    let database = file.database();
    let mut session = database.session().await.unwrap();
    let sql: &[u8] =
        b"CREATE TABLE person (id INTEGER PRIMARY KEY, name VARCHAR(64) UNIQUE, age INTEGER DEFAULT 7, \
                       born DATETIME); INSERT INTO person (name, age) VALUES ('ann', 30), ('bob', 40)";
    session.raw(sql).await.unwrap();
    database
}

fn names() -> Query {
    Query {
        table: "person".into(),
        columns: vec!["name".into()],
        order: Some("name".into()),
        ..Query::default()
    }
}

#[tokio::test]
async fn rows_are_inserted_found_changed_and_deleted() {
    let file = File::new();
    let database = with_people(&file).await;
    let born = Value::Time(1_700_000_000);
    let insert = Change::Insert {
        table: "person".into(),
        cells: vec![Cell::new("name", "cid"), Cell::new("born", born.clone())],
    };
    assert_eq!(database.insert(&insert).await.unwrap().last_id, 3);
    let mut query = Query { keys: vec![Key::eq("name", "cid")], ..names() };
    query.columns = vec!["age".into(), "born".into(), "id".into()];
    assert_eq!(*database.query(&query).await.unwrap()[0], [Value::Int(7), born, Value::Int(3)]);
    let update = Change::Update {
        table: "person".into(),
        cells: vec![Cell::new("age", 31)],
        keys: vec![Key::new("age", Op::Le, 30)],
    };
    assert_eq!(database.change(&update).await.unwrap(), 2);
    let delete = Change::Delete { table: "person".into(), keys: vec![Key::new("age", Op::Gt, 31)] };
    assert_eq!(database.change(&delete).await.unwrap(), 1);
    let rows = database.query(&names()).await.unwrap();
    assert_eq!(rows.iter().map(|row| row[0].clone()).collect::<Vec<_>>(), ["ann".into(), "cid".into()]);
}

#[tokio::test]
async fn replacing_overwrites_the_row_with_the_same_unique_columns() {
    let file = File::new();
    let database = with_people(&file).await;
    for (name, age) in [("ann", 31), ("dan", 50)] {
        let replace = Change::Replace {
            table: "person".into(),
            cells: vec![Cell::new("name", name), Cell::new("age", age)],
            unique: vec!["name".into()],
        };
        assert_eq!(database.change(&replace).await.unwrap(), 1);
    }
    let ages = Query { columns: vec!["age".into()], ..names() };
    let rows = database.query(&ages).await.unwrap();
    assert_eq!(rows.iter().map(|row| row[0].as_int().unwrap()).collect::<Vec<_>>(), [31, 40, 50]);
}

#[tokio::test]
async fn a_batch_happens_whole_or_not_at_all() {
    let file = File::new();
    let database = with_people(&file).await;
    let insert = |name: &str| Change::Insert { table: "person".into(), cells: vec![Cell::new("name", name)] };
    let error = database.batch(&[insert("eva"), insert("ann")]).await.unwrap_err();
    assert!(error.is_duplicate(), "{error}");
    assert_eq!(database.query(&names()).await.unwrap().len(), 2);
    database.batch(&[insert("eva"), insert("fay")]).await.unwrap();
    assert_eq!(database.query(&names()).await.unwrap().len(), 4);
}

#[tokio::test]
async fn sql_in_a_value_stays_a_value() {
    let file = File::new();
    let database = with_people(&file).await;
    let nasty = b"x'); DROP TABLE person; --\xff\x00".as_slice();
    let insert = Change::Insert { table: "person".into(), cells: vec![Cell::new("name", nasty)] };
    database.change(&insert).await.unwrap();
    let query = Query { keys: vec![Key::eq("name", nasty)], ..names() };
    assert_eq!(database.query(&query).await.unwrap()[0][0], Value::from(nasty));
}

#[tokio::test]
async fn a_session_keeps_its_transaction_and_a_dropped_one_is_rolled_back() {
    let file = File::new();
    let database = with_people(&file).await;
    let mut session = database.session().await.unwrap();
    session.raw(b"BEGIN").await.unwrap();
    session.raw(b"DELETE FROM person").await.unwrap();
    let inside = session.raw(b"SELECT count(*) AS n FROM person").await.unwrap();
    assert_eq!((inside.columns[0].as_str(), &inside.rows[0][0]), ("n", &Value::Int(0)));
    assert_eq!(database.query(&names()).await.unwrap().len(), 2, "others do not see it");
    drop(session);
    let insert = Change::Insert { table: "person".into(), cells: vec![Cell::new("name", "gus")] };
    database.change(&insert).await.unwrap();
    assert_eq!(database.query(&names()).await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_the_database_does_not_accept_is_refused_and_the_connection_stays() {
    let file = File::new();
    let database = with_people(&file).await;
    let query = Query { table: "nobody".into(), ..Query::default() };
    let error = database.query(&query).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { text, .. } if text.contains("nobody")), "{error}");
    assert!(!database.is_down());
}

#[tokio::test]
async fn layouts_are_met_by_column_names_and_versions() {
    let file = File::new();
    let database = with_people(&file).await;
    assert_eq!(database.columns("person").await.unwrap(), ["id", "name", "age", "born"]);
    assert!(database.columns("nobody").await.unwrap().is_empty());
    let mut session = database.session().await.unwrap();
    let sql: &[u8] = b"CREATE TABLE version (table_name TEXT, table_version INTEGER);\
                       INSERT INTO version VALUES ('location', '9')";
    session.raw(sql).await.unwrap();
    assert_eq!(database.table_version("location").await.unwrap(), Some(9));
    assert_eq!(database.table_version("nobody").await.unwrap(), None);
}

#[tokio::test]
async fn many_writers_at_once_all_get_their_turn() {
    let file = File::new();
    let database = with_people(&file).await;
    let tasks: Vec<_> = (0..200)
        .map(|index| {
            let database = database.clone();
            tokio::spawn(async move {
                let name = format!("p{index}");
                let cells = vec![Cell::new("name", name)];
                database.change(&Change::Insert { table: "person".into(), cells }).await
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok(1));
    }
    assert_eq!(database.query(&names()).await.unwrap().len(), 202);
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_unavailable_at_once_until_it_can_be() {
    let file = File::new();
    let folder = file.0.join("later");
    let url = format!("sqlite://{}/test.sqlite", folder.display());
    let options = Options { retry_longest: Duration::from_millis(50), ..Options::default() };
    let database = Database::with(url.as_bytes(), options).unwrap();
    assert!(matches!(database.query(&names()).await, Err(Error::Unavailable(_))));
    assert!(database.is_down());
    std::fs::create_dir(&folder).unwrap();
    tokio::time::timeout(Duration::from_secs(10), database.up()).await.unwrap();
    assert!(matches!(database.query(&names()).await, Err(Error::Refused { .. })), "it is there, and empty");
}

#[tokio::test]
async fn a_slow_statement_is_given_up_and_others_go_on() {
    let file = File::new();
    drop(with_people(&file).await);
    let options = Options { limit: Duration::from_millis(300), ..Options::default() };
    let database = Database::with(file.url().as_bytes(), options).unwrap();
    let mut session = database.session().await.unwrap();
    let endless: &[u8] =
        b"WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    let error = session.raw(endless).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    assert!(session.is_broken());
    assert_eq!(database.query(&names()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn too_many_waiting_calls_are_told_so() {
    let file = File::new();
    drop(with_people(&file).await);
    let options = Options { connections: 1, waiting: 1, ..Options::default() };
    let database = Database::with(file.url().as_bytes(), options).unwrap();
    let session = database.session().await.unwrap();
    let waiting = {
        let database = database.clone();
        tokio::spawn(async move { database.query(&names()).await })
    };
    tokio::task::yield_now().await;
    assert_eq!(database.query(&names()).await, Err(Error::Full));
    drop(session);
    assert_eq!(waiting.await.unwrap().unwrap().len(), 2);
}
