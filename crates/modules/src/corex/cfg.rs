//! `$cfg(…)`: where the script stands.

use std::sync::Arc;

use cfg_vm::Value;
use cfg_vm::catalogue::Parsed;
use engine::{Cx, PvArgs};

/// What is asked of the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    File,
    Line,
    Route,
}

/// Names in `$cfg(…)`.
const PARTS: [(&str, Part); 4] =
    [("name", Part::File), ("file", Part::File), ("line", Part::Line), ("route", Part::Route)];

pub(super) fn parse(text: &[u8]) -> Result<Parsed, String> {
    match PARTS.into_iter().find(|(name, _)| name.as_bytes() == text) {
        Some((_, part)) => Ok(Arc::new(part)),
        None => Err(format!(
            "\"{}\" is nothing that $cfg(…) tells; name, line and route are",
            text.escape_ascii()
        )),
    }
}

pub(super) fn place(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    match args.parsed::<Part>() {
        Some(Part::File) => {
            cx.file_and_line().map(|(file, _)| file.display().to_string().into_bytes()).into()
        }
        Some(Part::Line) => cx.file_and_line().map(|(_, line)| i64::from(line)).into(),
        Some(Part::Route) => cx.place.map(|(route, _)| route_name(cx.program().info(route).name)).into(),
        None => Value::Null,
    }
}

/// Kamailio's name for the routes that have none.
fn route_name(name: &[u8]) -> &[u8] {
    if name.is_empty() { b"DEFAULT_ROUTE" } else { name }
}
