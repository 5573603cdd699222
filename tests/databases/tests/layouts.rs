//! Layouts made in real databases, held against the tables that Debian's Kamailio packages make.

#![allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]

use std::path::Path;

use databases::{MariaDb, Postgres, Sqlite};
use store::layout::{self, Release};
use store::{Cell, Change, Database, Key, Query, Value};

/// Where `kamdbctl` has its statements.
const KAMAILIO: &str = "/usr/share/kamailio";

#[tokio::test]
async fn sqlite_tables_are_those_of_kamailio() {
    let (ours, theirs) = (Sqlite::new(), Sqlite::new());
    same_tables(&ours.url(), &theirs.url(), "db_sqlite").await;
}

#[tokio::test]
async fn mariadb_tables_are_those_of_kamailio() {
    let (ours, theirs) = (MariaDb::start(), MariaDb::start());
    same_tables(&ours.url(), &theirs.url(), "mysql").await;
}

#[tokio::test]
async fn postgres_tables_are_those_of_kamailio() {
    let (ours, theirs) = (Postgres::start(), Postgres::start());
    same_tables(&ours.url(), &theirs.url(), "postgres").await;
}

async fn same_tables(ours: &str, theirs: &str, folder: &str) {
    let ours = Database::new(ours.as_bytes()).unwrap();
    let theirs = Database::new(theirs.as_bytes()).unwrap();
    init(&ours, Release::V5_6).await;
    let mut modules: Vec<&str> = Release::V5_6.tables().iter().map(|table| table.module).collect();
    modules.dedup();
    for module in modules {
        let file = Path::new(KAMAILIO).join(folder).join(format!("{module}-create.sql"));
        let sql =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut session = theirs.session().await.unwrap();
        for statement in sql.split(";\n").filter(|statement| !statement.trim().is_empty()) {
            session.raw(statement.as_bytes()).await.unwrap();
        }
    }
    for table in Release::V5_6.tables() {
        assert_eq!(ours.columns(table.name).await, theirs.columns(table.name).await, "{}", table.name);
        let told = ours.table_version(table.name).await.unwrap();
        assert_eq!(told, theirs.table_version(table.name).await.unwrap(), "{}", table.name);
    }
    let tables = |database: Database| async move {
        let columns = vec!["table_name".into()];
        let query =
            Query { table: "version".into(), columns, order: Some("table_name".into()), ..Query::default() };
        database.query(&query).await.unwrap()
    };
    assert_eq!(tables(ours.clone()).await, tables(theirs.clone()).await);
    // What kamdbctl made needs nothing.
    let standings = layout::compare(&theirs, Release::V5_6).await.unwrap();
    assert!(standings.iter().all(layout::Standing::is_current), "{standings:?}");
}

async fn init(database: &Database, release: Release) {
    for standing in layout::compare(database, release).await.unwrap() {
        layout::bring(database, &standing).await.unwrap();
    }
}

/// A text of the project's seed: fourteen values by position.
const OF_5_0: &str = "INSERT INTO uacreg VALUES (NULL,'myusername','myusername','192.168.1.205','myusername',\
                      '192.168.1.205','asterisk','myusername','mypassword','','sip:192.168.1.205:5060',60,0,0)";
/// Another: fifteen, with an empty text for the row's number, as MySQL takes it when it is not strict.
const OF_5_4: &str = "INSERT INTO uacreg VALUES ('', 'myusername', 'myusername', 'mydomain', 'myusername', 'mydomain', \
                      'asteriskrealm', 'myusername', 'mypassword', '', 'sip:remoteproxy.com:5060', 60, 0, 0, 0)";

#[tokio::test]
async fn inserts_by_position_fit_the_layout_of_their_time_and_survive_a_migration() {
    let server = MariaDb::start();
    let database = Database::new(server.url().as_bytes()).unwrap();
    for (release, insert) in [(Release::V5_0, OF_5_0), (Release::V5_4, OF_5_4)] {
        init(&database, release).await;
        let mut session = database.session().await.unwrap();
        session.raw(b"SET sql_mode = ''").await.unwrap();
        session.raw(insert.as_bytes()).await.unwrap();
        drop(session);
        init(&database, Release::V6_2).await;
        let columns = ["l_uuid", "auth_proxy", "expires", "contact_user"].map(str::to_owned).to_vec();
        let query = Query { table: "uacreg".into(), columns, ..Query::default() };
        let rows = database.query(&query).await.unwrap();
        assert_eq!(rows.len(), 1, "{release}");
        assert_eq!((rows[0][0].as_text(), rows[0][2].as_int()), (Some(&b"myusername"[..]), Some(60)));
        assert_eq!(rows[0][3], Value::from(""));
        assert_eq!(database.table_version("uacreg").await, Ok(Some(6)));
        let mut session = database.session().await.unwrap();
        session.raw(b"DROP TABLE uacreg").await.unwrap();
        session.raw(b"DELETE FROM version WHERE table_name = 'uacreg'").await.unwrap();
    }
}

#[tokio::test]
async fn a_table_that_lacks_columns_gets_them_and_keeps_its_rows() {
    let file = Sqlite::new();
    let database = Database::new(file.url().as_bytes()).unwrap();
    let mut session = database.session().await.unwrap();
    let old = "CREATE TABLE subscriber (id INTEGER PRIMARY KEY, username VARCHAR(64), domain VARCHAR(64), \
                   password VARCHAR(25)); INSERT INTO subscriber (username) VALUES ('ann')";
    session.raw(old.as_bytes()).await.unwrap();
    drop(session);
    init(&database, Release::V5_6).await;
    let change = Change::Update {
        table: "subscriber".into(),
        cells: vec![Cell::new("ha1b", "x")],
        keys: vec![Key::eq("username", "ann"), Key::eq("ha1", "")],
    };
    assert_eq!(database.change(&change).await, Ok(1));
    let standings = layout::compare(&database, Release::V5_6).await.unwrap();
    assert!(standings.iter().all(layout::Standing::is_current));
}
