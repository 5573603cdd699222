//! Functions that look at variables or write them.

use cfg_vm::Value;
use engine::{Args, Cx, Flow};

/// `pv_isset("$x")`
pub(super) fn is_set(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(pv) = args.pv(0) else { return Flow::FALSE };
    (!cx.read_pv(pv).is_null()).into()
}

/// `pv_unset("$x")`
pub(super) fn unset(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(pv) = args.pv(0) else { return Flow::FALSE };
    cx.write_pv(pv, Value::Null).into()
}

/// `is_int("$x")`
pub(super) fn is_int(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(pv) = args.pv(0) else { return Flow::FALSE };
    matches!(cx.read_pv(pv), Value::Int(_)).into()
}

/// `not_empty("$x")`: a string that is not empty.
pub(super) fn not_empty(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(pv) = args.pv(0) else { return Flow::FALSE };
    matches!(cx.read_pv(pv), Value::Str(text) if !text.is_empty()).into()
}

/// `typeof("$x", "int")`
pub(super) fn type_of(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(pv) = args.pv(0) else { return Flow::FALSE };
    let name: &[u8] = match cx.read_pv(pv) {
        Value::Null => b"null",
        Value::Int(_) => b"int",
        Value::Str(_) => b"str",
    };
    (name == args.text(1)).into()
}

/// `pv_evalx("$dst", "format")`: the format's text is evaluated once more.
pub(super) fn evaluate_twice(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(pv) = args.pv(0) else { return Flow::FALSE };
    match cx.bind(args.text(1)) {
        Ok(template) => {
            let text = cx.evaluate(&template);
            cx.write_pv(pv, Value::Str(text)).into()
        }
        Err(error) => {
            let text = String::from_utf8_lossy(args.text(1));
            tracing::error!(target: "pv", "pv_evalx: in \"{text}\": {error}");
            Flow::FALSE
        }
    }
}
