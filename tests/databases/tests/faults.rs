//! Servers that are down, die, freeze and come back.

#![allow(clippy::unwrap_used, reason = "a test may end where it is surprised")]

use std::time::{Duration, Instant};

use databases::{MariaDb, Postgres};
use store::{Cell, Change, Database, Error, Options, Query};

/// What an answer "at once" may take on a loaded machine.
const AT_ONCE: Duration = Duration::from_millis(500);
const LIMIT: Duration = Duration::from_secs(2);
/// How long a server that is there again may stay unnoticed.
const PATIENCE: Duration = Duration::from_secs(60);

fn impatient(url: &str) -> Database {
    let options = Options {
        limit: LIMIT,
        connect_limit: Duration::from_secs(1),
        retry_longest: Duration::from_millis(200),
        ..Options::default()
    };
    Database::with(url.as_bytes(), options).unwrap()
}

async fn with_table(url: &str) -> Database {
    let database = impatient(url);
    let mut session = database.session().await.unwrap();
    session.raw(b"CREATE TABLE seen (name VARCHAR(64) NOT NULL UNIQUE)").await.unwrap();
    drop(session);
    database
}

fn insert(name: &str) -> Change {
    Change::Insert { table: "seen".into(), cells: vec![Cell::new("name", name)] }
}

async fn names(database: &Database) -> Result<usize, Error> {
    let query = Query { table: "seen".into(), ..Query::default() };
    database.query(&query).await.map(|rows| rows.len())
}

/// Calls until the database is known to be down, which the first call after its death may take a while to find out.
async fn until_down(database: &Database) {
    let started = Instant::now();
    while !database.is_down() {
        assert!(started.elapsed() < PATIENCE, "nobody noticed that the database is down");
        assert!(matches!(names(database).await, Err(Error::Unavailable(_))));
        tokio::task::yield_now().await;
    }
}

async fn answers_at_once(database: &Database) {
    let started = Instant::now();
    let answer = database.change(&insert("never")).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
}

async fn is_back(database: &Database) {
    tokio::time::timeout(PATIENCE, database.up()).await.unwrap();
    database.change(&insert("after")).await.unwrap();
    assert_eq!(
        names(database).await,
        Ok(2),
        "what was acknowledged before is there, what was refused is not"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_that_dies_is_found_again_when_it_is_back() {
    let mut server = MariaDb::start();
    let database = with_table(&server.url()).await;
    database.change(&insert("before")).await.unwrap();
    server.kill();
    until_down(&database).await;
    answers_at_once(&database).await;
    tokio::task::block_in_place(|| server.restart());
    is_back(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_dies_is_found_again_when_it_is_back() {
    let mut server = Postgres::start();
    let database = with_table(&server.url()).await;
    database.change(&insert("before")).await.unwrap();
    server.kill();
    // Its children end when they see that it is gone; until then they may answer.
    let started = Instant::now();
    while names(&database).await.is_ok() {
        assert!(started.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    until_down(&database).await;
    answers_at_once(&database).await;
    tokio::task::block_in_place(|| server.restart());
    is_back(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_mariadb_costs_its_limit_once_and_goes_on_when_thawed() {
    let server = MariaDb::start();
    let database = with_table(&server.url()).await;
    database.change(&insert("before")).await.unwrap();
    server.freeze();
    let started = Instant::now();
    // More calls than connections: those that wait for one are bounded by the same limit.
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let database = database.clone();
            tokio::spawn(async move { names(&database).await })
        })
        .collect();
    for call in calls {
        assert!(matches!(call.await.unwrap(), Err(Error::Unavailable(_))));
    }
    assert!(started.elapsed() < LIMIT * 4, "{:?}", started.elapsed());
    until_down(&database).await;
    answers_at_once(&database).await;
    server.thaw();
    is_back(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_down_at_the_start_is_used_when_it_comes() {
    let mut server = MariaDb::start();
    drop(with_table(&server.url()).await);
    server.kill();
    let database = impatient(&server.url());
    assert!(matches!(database.change(&insert("never")).await, Err(Error::Unavailable(_))));
    answers_at_once(&database).await;
    tokio::task::block_in_place(|| server.restart());
    tokio::time::timeout(PATIENCE, database.up()).await.unwrap();
    database.change(&insert("before")).await.unwrap();
    is_back(&database).await;
}

#[tokio::test]
async fn a_wrong_password_is_told_and_is_not_in_what_is_logged() {
    let server = MariaDb::start();
    let url = server.url().replace(databases::PASSWORD, "guess");
    let database = impatient(&url);
    let Err(Error::Unavailable(why)) = names(&database).await else { panic!("it let us in") };
    assert!(why.contains("Access denied"), "{why}");
    assert!(!why.contains("guess") && !database.url_shown().contains("guess"), "{why}");
}
