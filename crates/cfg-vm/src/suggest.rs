//! "Did you mean": the nearest name by edits.

/// The name nearest to what was written, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (written.len() / 3).clamp(1, 3);
    names
        .into_iter()
        .filter(|name| *name != written)
        .map(|name| (distance(written, name, allowed), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Edits (insert, delete, replace, swap neighbours; case is free) between two names; above `most` it does not
/// matter how many.
fn distance(left: &str, right: &str, most: usize) -> usize {
    let left = left.to_ascii_lowercase().into_bytes();
    let right = right.to_ascii_lowercase().into_bytes();
    if left.len().abs_diff(right.len()) > most {
        return most + 1;
    }
    let width = right.len() + 1;
    let mut rows = vec![0; width * (left.len() + 1)];
    for (column, cell) in rows[..width].iter_mut().enumerate() {
        *cell = column;
    }
    for row in 1..=left.len() {
        rows[row * width] = row;
        for column in 1..width {
            let same = usize::from(left[row - 1] != right[column - 1]);
            let mut best = (rows[(row - 1) * width + column] + 1)
                .min(rows[row * width + column - 1] + 1)
                .min(rows[(row - 1) * width + column - 1] + same);
            let swapped = row > 1
                && column > 1
                && left[row - 1] == right[column - 2]
                && left[row - 2] == right[column - 1];
            if swapped {
                best = best.min(rows[(row - 2) * width + column - 2] + 1);
            }
            rows[row * width + column] = best;
        }
    }
    rows[rows.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant() {
        let names = ["t_relay", "t_reply", "t_release", "sl_send_reply", "xlog"];
        assert_eq!(nearest("t_realy", names), Some("t_relay"));
        assert_eq!(nearest("sl_sent_reply", names), Some("sl_send_reply"));
        assert_eq!(nearest("XLOG", names), Some("xlog"));
        assert_eq!(nearest("record_route", names), None);
    }

    #[test]
    fn short_names_must_be_very_near() {
        assert_eq!(nearest("rq", ["ru", "avp"]), Some("ru"));
        assert_eq!(nearest("x", ["avp"]), None);
    }
}
