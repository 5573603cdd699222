//! `t_suspend` and `t_continue`.

use engine::{Args, Cx, Flow};

use crate::tm::parked;

/// `t_suspend()`.
pub(super) fn suspend(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    parked::suspend(cx).is_some().into()
}

/// `t_continue(index, label, route)`: true when the route has run on the request of the transaction.
pub(super) fn go_on(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (Some(index), Some(label), Some(route)) = (args.int(0), args.int(1), args.route(2)) else {
        tracing::error!(target: "tmx", "t_continue: it takes two numbers and a route that is there");
        return Flow::FALSE;
    };
    parked::go_on_anywhere(cx, index, label, route)
}
