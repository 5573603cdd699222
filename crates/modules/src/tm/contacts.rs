//! Serial forking: the branches by q, the best first, those of the same q at once (RFC 3261 §16.6 step 6).

use std::collections::VecDeque;

use engine::context::{Branch, Destination};
use engine::{Args, Context, Cx, Flow};

use super::Tm;
use super::current::{self, Current};

/// The groups that have not been tried; goes with the message.
#[derive(Default)]
pub(super) struct Contacts(Option<VecDeque<Vec<Branch>>>);

/// Further flows of instances that are in a group already (RFC 5626 §5.3); goes with the message.
#[derive(Default)]
struct Flows(Vec<Branch>);

/// Leaves one flow of each instance in a group, the first, and gives the others.
fn set_flows_aside(group: &mut Vec<Branch>) -> Vec<Branch> {
    let mut kept: Vec<Branch> = Vec::with_capacity(group.len());
    let mut aside = Vec::new();
    for branch in group.drain(..) {
        let is_further = branch.instance.is_some() && kept.iter().any(|one| one.instance == branch.instance);
        if is_further { aside.push(branch) } else { kept.push(branch) }
    }
    *group = kept;
    aside
}

/// `t_next_contact_flow()`, where a branch has failed: another flow of its instance becomes the destination; -2 when there is
/// none.
pub(super) fn next_flow(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let Some(number) = cx.data::<Current>().branch else { return Flow::FALSE };
    let failed = current::transaction(cx).and_then(|transaction| transaction.branches.get(number));
    let Some(instance) = failed.and_then(|branch| branch.destination.instance.clone()) else {
        return Flow::Done(-2);
    };
    let Flows(flows) = cx.data::<Flows>();
    let next = flows.iter().position(|flow| flow.instance.as_ref() == Some(&instance));
    let Some(next) = next.map(|at| flows.remove(at)) else { return Flow::Done(-2) };
    cx.context.clear_destinations();
    set_first(cx.context, next);
    Flow::TRUE
}

/// `t_load_contacts()`.
pub(super) fn load(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    if !cx.state::<Tm>().params.has_contacts {
        tracing::error!(target: "tm", "t_load_contacts: the parameter contacts_avp is not set");
        return Flow::FALSE;
    }
    if cx.context.branches.is_empty() {
        return Flow::TRUE;
    }
    let mut groups = grouped(all(cx.context));
    if cx.state::<Tm>().params.has_contact_flows {
        *cx.data::<Flows>() = Flows(groups.iter_mut().flat_map(set_flows_aside).collect());
    }
    *cx.data::<Contacts>() = Contacts(Some(groups));
    Flow::TRUE
}

/// `t_next_contacts()`: 1 with a group, -2 when there is none left.
pub(super) fn next(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    match take_next(cx) {
        Taken::Group => Flow::TRUE,
        Taken::None | Taken::NeverLoaded => Flow::Done(-2),
    }
}

/// What `t_next_contacts` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// A group, which is the message's destinations now.
    Group,
    /// No more.
    None,
    /// There was one destination, so that there is nothing to choose.
    NeverLoaded,
}

pub(super) fn take_next(cx: &mut Cx<'_>) -> Taken {
    let Contacts(Some(groups)) = cx.data::<Contacts>() else { return Taken::NeverLoaded };
    let Some(group) = groups.pop_front() else { return Taken::None };
    let mut group = group.into_iter();
    cx.context.clear_destinations();
    if let Some(first) = group.next() {
        set_first(cx.context, first);
    }
    cx.context.branches.extend(group);
    Taken::Group
}

fn set_first(context: &mut Context, first: Branch) {
    context.flags.branch = first.flags;
    context.destination = Destination {
        uri: Some(first.uri),
        uri_to_send: first.uri_to_send,
        path: first.path,
        socket: first.socket,
        q: first.q,
        ruid: first.ruid,
        location_ua: first.location_ua,
        instance: first.instance,
    };
}

/// The first branch and the others, taken out of the message.
fn all(context: &mut Context) -> Vec<Branch> {
    let uri = context.request_uri();
    let first = context.destination.clone();
    let mut branches = vec![Branch {
        uri,
        uri_to_send: first.uri_to_send,
        path: first.path,
        socket: first.socket,
        q: first.q,
        flags: context.flags.branch,
        ruid: first.ruid,
        location_ua: first.location_ua,
        instance: first.instance,
        connection: None,
    }];
    branches.append(&mut context.branches);
    branches
}

/// Groups of the same q, the highest first; without a q it is the lowest. In a group the last added comes first, as in
/// Kamailio.
fn grouped(mut branches: Vec<Branch>) -> VecDeque<Vec<Branch>> {
    branches.reverse();
    branches.sort_by_key(|branch| std::cmp::Reverse(branch.q));
    let mut groups: VecDeque<Vec<Branch>> = VecDeque::new();
    for branch in branches {
        match groups.back_mut() {
            Some(group) if group.first().is_some_and(|first| first.q == branch.q) => group.push(branch),
            _ => groups.push_back(vec![branch]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_q_comes_first_and_none_last() {
        let of = |uri: &str, q| Branch { uri: uri.as_bytes().into(), q, ..Branch::default() };
        let groups = grouped(vec![of("a", None), of("b", Some(300)), of("c", Some(900)), of("d", Some(300))]);
        let names: Vec<Vec<&[u8]>> =
            groups.iter().map(|group| group.iter().map(|branch| branch.uri.as_bytes()).collect()).collect();
        assert_eq!(names, [vec![&b"c"[..]], vec![b"d", b"b"], vec![b"a"]]);
    }

    #[test]
    fn one_flow_of_an_instance_is_tried_and_the_others_wait() {
        let of = |uri: &str, instance: Option<&str>| Branch {
            uri: uri.as_bytes().into(),
            instance: instance.map(|instance| instance.as_bytes().into()),
            ..Branch::default()
        };
        let mut group = vec![of("a", Some("1")), of("b", None), of("c", Some("1")), of("d", None)];
        let aside = set_flows_aside(&mut group);
        assert_eq!(aside.iter().map(|branch| branch.uri.as_bytes()).collect::<Vec<_>>(), [b"c"]);
        assert_eq!(group.iter().map(|branch| branch.uri.as_bytes()).collect::<Vec<_>>(), [b"a", b"b", b"d"]);
    }
}
