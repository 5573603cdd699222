//! Tables: made, brought up to date, shown.

use std::fmt::Write as _;

use store::Database;
use store::layout::{self, Release, Standing};

use super::{Told, told};

/// Makes the tables that are not there. Tables of an older layout are left for [`migrate`].
pub(super) async fn init(database: &Database, release: Release) -> Result<String, Told> {
    let standings = compare(database, release).await?;
    let (made, there): (Vec<&Standing>, Vec<&Standing>) = standings.iter().partition(|it| !it.exists);
    for standing in &made {
        layout::bring(database, standing).await.map_err(told(database))?;
    }
    let mut text =
        format!("{} tables made in {} (layouts of Kamailio {release})\n", made.len(), database.url_shown());
    if !there.is_empty() {
        note(&mut text, format_args!("{} were there already and stay as they are", there.len()));
    }
    let older = there.iter().filter(|standing| !standing.missing.is_empty()).count();
    if older > 0 {
        note(&mut text, format_args!("{older} of these lack columns: `tandem db migrate` adds them"));
    }
    Ok(text)
}

/// Adds what is missing.
pub(super) async fn migrate(database: &Database, release: Release) -> Result<String, Told> {
    let mut text = String::new();
    let standings = compare(database, release).await?;
    for standing in standings.iter().filter(|standing| !standing.is_current()) {
        layout::bring(database, standing).await.map_err(told(database))?;
        note(&mut text, format_args!("{}: {}", standing.table.name, lack(standing)));
    }
    if text.is_empty() {
        note(
            &mut text,
            format_args!("nothing to do: all {} tables are those of Kamailio {release}", standings.len()),
        );
    }
    Ok(text)
}

/// One line a table.
pub(super) async fn show(database: &Database, release: Release) -> Result<String, Told> {
    let mut text = format!("{:<14} {:<20} {:>7} {:>7}  {}\n", "MODULE", "TABLE", "VERSION", release, "STATE");
    for standing in compare(database, release).await? {
        let version = standing.version.map_or_else(|| "-".to_owned(), |version| version.to_string());
        let state = if standing.is_current() { "current".to_owned() } else { lack(&standing) };
        let table = standing.table;
        note(
            &mut text,
            format_args!(
                "{:<14} {:<20} {version:>7} {:>7}  {state}",
                table.module, table.name, table.version
            ),
        );
    }
    Ok(text)
}

async fn compare(database: &Database, release: Release) -> Result<Vec<Standing>, Told> {
    layout::compare(database, release).await.map_err(told(database))
}

/// What a table lacks.
fn lack(standing: &Standing) -> String {
    if !standing.exists {
        return "no such table".into();
    }
    let columns: Vec<&str> = standing.missing.iter().map(|column| column.name).collect();
    match (columns.is_empty(), standing.version) {
        (false, _) => format!("columns {}", columns.join(", ")),
        (true, Some(version)) => format!("version {version} to be told as {}", standing.table.version),
        (true, None) => format!("version to be told as {}", standing.table.version),
    }
}

fn note(text: &mut String, line: std::fmt::Arguments<'_>) {
    // A String takes everything.
    let _ = writeln!(text, "{line}");
}
