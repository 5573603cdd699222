//! Tables: to read in a terminal, and as Markdown.

use std::fmt::Write;

/// Rows of equal length, the first of them the heading.
pub(crate) type Rows = [Vec<String>];

/// A table to read in a terminal.
pub(crate) fn text(title: &str, rows: &Rows) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let cell = |row: &Vec<String>, column: usize| row.get(column).map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> =
        (0..columns).map(|column| rows.iter().map(|row| cell(row, column)).max().unwrap_or(0)).collect();
    let mut text = format!("\n{title}\n");
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(text, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

/// A table for the documentation.
pub(crate) fn markdown(title: &str, rows: &Rows) -> String {
    let mut text = format!("\n**{title}**\n\n");
    for (index, row) in rows.iter().enumerate() {
        let _ = writeln!(text, "| {} |", row.join(" | "));
        if index == 0 {
            let _ = writeln!(text, "|{}", "---|".repeat(row.len()));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "b".to_owned()], vec!["µs/call".to_owned(), "1".to_owned()]];
        assert_eq!(text("t", &rows), "\nt\n  a        b\n  µs/call  1\n");
        assert_eq!(markdown("t", &rows), "\n**t**\n\n| a | b |\n|---|---|\n| µs/call | 1 |\n");
    }
}
