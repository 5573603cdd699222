//! AVPs and message flags, which live with the transaction: its reply routes see them, and what these do to them stays, also
//! while the request's own route waits.

use engine::context::Context;
use engine::services::Services;
use engine::variables::Variables;

use super::current::Current;
use super::table::Table;
use super::transaction::{Id, Request, Transaction};

/// What a route on the request has left with the transaction while it waits.
pub(crate) struct Lent {
    variables: Variables,
    flags: u32,
}

/// Gives a reply's route what is the transaction's, and takes it back: the second time undoes the first.
pub(super) fn swap(services: &mut Services, reply: &mut Context, id: Id) {
    let Some(transaction) = services.kept::<Table>().get_mut(id) else { return };
    let (variables, flags) = match (&mut transaction.request, &mut transaction.lent) {
        (Request::Home(request), _) => (&mut request.variables, &mut request.flags.message),
        (_, Some(lent)) => (&mut lent.variables, &mut lent.flags),
        _ => return,
    };
    std::mem::swap(variables, &mut reply.variables);
    std::mem::swap(flags, &mut reply.flags.message);
}

/// A route begins to wait.
pub(super) fn begins_to_wait(services: &mut Services, context: &mut Context) {
    let Some((id, branch)) = of(context) else { return };
    if !context.message.is_request() {
        // A reply's route gives back what it was given: the request's may go on first.
        if branch.is_some() {
            swap(services, context, id);
        }
        return;
    }
    let Some(transaction) = services.kept::<Table>().get_mut(id) else { return };
    if is_request_of(transaction, context) && transaction.lent.is_none() {
        let variables = std::mem::take(&mut context.variables);
        transaction.lent = Some(Box::new(Lent { variables, flags: context.flags.message }));
    }
}

/// It goes on.
pub(super) fn goes_on(services: &mut Services, context: &mut Context) {
    let Some((id, branch)) = of(context) else { return };
    if !context.message.is_request() {
        if branch.is_some() {
            swap(services, context, id);
        }
        return;
    }
    let Some(transaction) = services.kept::<Table>().get_mut(id) else { return };
    if is_request_of(transaction, context)
        && let Some(lent) = transaction.lent.take()
    {
        context.variables = lent.variables;
        context.flags.message = lent.flags;
    }
}

fn of(context: &Context) -> Option<(Id, Option<usize>)> {
    let current = context.data.get::<Current>()?;
    Some((current.id?, current.branch))
}

/// Whether it is the request that the transaction was made for, and not the CANCEL or ACK that belongs to it.
fn is_request_of(transaction: &Transaction, context: &Context) -> bool {
    matches!(transaction.request, Request::Away) && context.message.method() == transaction.method
}
