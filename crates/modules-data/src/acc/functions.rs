//! The functions that account a request at once.

use cfg_vm::Str;
use engine::module::{Flow, Resume};
use engine::{Args, Cx};
use modules::tm::callbacks;

use super::Acc;
use super::record::{Outcome, Record};

/// A comment's code, if it begins with one, and its reason: `404 not found`.
fn parts(comment: &[u8]) -> (&[u8], &[u8]) {
    let has_code = comment.len() >= 3 && comment[..3].iter().all(u8::is_ascii_digit);
    let (code, reason) = if has_code { comment.split_at(3) } else { (&b""[..], comment) };
    (code, reason.trim_ascii_start())
}

fn record(cx: &mut Cx<'_>, comment: &[u8]) -> Record {
    let state = cx.state::<Acc>();
    let tag = if cx.context.message.to().is_ok_and(|to| to.tag().is_some()) {
        Vec::new()
    } else {
        callbacks::local_tag(cx)
    };
    let (code, reason) = parts(comment);
    let to_tag = Some(Str::from(tag)).filter(|tag| !tag.is_empty());
    Record::new(cx, state, &Outcome { code, reason, to_tag })
}

/// `acc_log_request(comment)`
pub(super) fn log_request(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let state = cx.state::<Acc>();
    record(cx, args.text(0)).log(cx, state, "request accounted");
    Flow::TRUE
}

/// `acc_db_request(comment, table)`
pub(super) fn db_request(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let state = cx.state::<Acc>();
    let Some(database) = &state.database else {
        tracing::error!(target: "acc", "acc_db_request: there is no database: set the parameter db_url");
        return Flow::FALSE;
    };
    let record = record(cx, args.text(0));
    let table = String::from_utf8_lossy(args.text(1)).into_owned();
    let written = database.write_now(cx, state, &record, &table);
    Flow::wait(async move {
        let written = written.await;
        let resume: Resume = Box::new(move |_| written.into());
        resume
    })
}

/// `acc_request(comment, table)`: into the log and, if there is one, into the database.
pub(super) fn request(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    log_request(cx, args);
    if cx.state::<Acc>().database.is_some() { db_request(cx, args) } else { Flow::TRUE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_may_begin_with_a_code() {
        assert_eq!(parts(b"404 no such"), (&b"404"[..], &b"no such"[..]));
        assert_eq!(parts(b"405"), (&b"405"[..], &b""[..]));
        assert_eq!(parts(b"nocode here"), (&b""[..], &b"nocode here"[..]));
    }
}
