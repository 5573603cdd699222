//! `$br`, `$bR`, `$branch(…)`, `$sbranch(…)`, `$ds`: the branches beside the first.

use cfg_vm::host::WriteError;
use cfg_vm::{Index, Str, Value};
use engine::context::Branch;
use engine::{Args, Cx, Flow, PvArgs};

use super::uri::text_of;
use crate::core::socket_named;

/// Most branches that a message may have, Kamailio's default `max_branches`.
const MOST_BRANCHES: usize = 12;

/// The branch that `$sbranch(…)` fills and `sbranch_append()` uses; each worker of Kamailio has one.
#[derive(Default)]
struct StaticBranch(Option<Branch>);

/// `uri`, or `<uri>;q=0.7` where it has a q.
fn write_address(uri: &[u8], q: Option<u16>, out: &mut Vec<u8>) {
    match q {
        None => out.extend_from_slice(uri),
        Some(q) => {
            out.push(b'<');
            out.extend_from_slice(uri);
            out.extend_from_slice(b">;q=");
            write_q(q, out);
        }
    }
}

/// Thousandths as a q-value without trailing zeros (RFC 3261 §25.1).
fn write_q(thousandths: u16, out: &mut Vec<u8>) {
    if thousandths >= 1000 {
        out.push(b'1');
        return;
    }
    out.push(b'0');
    let digits = [thousandths / 100, thousandths / 10 % 10, thousandths % 10];
    let kept = digits.iter().rposition(|&digit| digit != 0).map_or(0, |last| last + 1);
    if kept > 0 {
        out.push(b'.');
        // A digit is below ten.
        out.extend(digits[..kept].iter().map(|&digit| b'0' + digit as u8));
    }
}

/// `$br`
pub(super) fn first(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    cx.context.branches.first().map(|branch| branch.uri.clone()).into()
}

/// `$br = uri` adds a branch.
pub(super) fn add(cx: &mut Cx<'_>, _: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let uri = text_of(value, "a branch")?;
    append(cx, Branch { uri, ..Branch::default() })
}

fn append(cx: &mut Cx<'_>, branch: Branch) -> Result<(), WriteError> {
    if cx.context.branches.len() + 1 >= MOST_BRANCHES {
        return Err(WriteError::Unfit(format!("a message has at most {MOST_BRANCHES} branches")));
    }
    cx.context.branches.push(branch);
    Ok(())
}

/// `$bR`
pub(super) fn all(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let mut text = Vec::new();
    for branch in &cx.context.branches {
        if !text.is_empty() {
            text.extend_from_slice(b", ");
        }
        write_address(&branch.uri, branch.q, &mut text);
    }
    if text.is_empty() { Value::Null } else { Value::Str(text.into()) }
}

/// `$ds`: the destination set as a Contact line; the request URI is in it only when it was changed.
pub(super) fn set_text(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    let context = &*cx.context;
    let changed = context.destination.uri.as_ref().map(|uri| (uri, context.destination.q));
    let branches = context.branches.iter().map(|branch| (&branch.uri, branch.q));
    let mut text = b"Contact: ".to_vec();
    let begin = text.len();
    for (uri, q) in changed.into_iter().chain(branches) {
        if text.len() > begin {
            text.extend_from_slice(b", ");
        }
        text.push(b'<');
        text.extend_from_slice(uri);
        text.push(b'>');
        if let Some(q) = q {
            text.extend_from_slice(b";q=");
            write_q(q, &mut text);
        }
    }
    if text.len() > begin { Value::Str(text.into()) } else { Value::Null }
}

/// What `$branch(…)` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BranchPart {
    Uri,
    DestinationUri,
    Path,
    Q,
    Socket,
    Count,
    Flags,
    Ruid,
    UserAgent,
    Connection,
    Instance,
}

/// Names in `$branch(…)` and `$sbranch(…)`.
pub(super) const BRANCH_PARTS: &[(&str, BranchPart)] = &[
    ("uri", BranchPart::Uri),
    ("dst_uri", BranchPart::DestinationUri),
    ("path", BranchPart::Path),
    ("q", BranchPart::Q),
    ("send_socket", BranchPart::Socket),
    ("count", BranchPart::Count),
    ("flags", BranchPart::Flags),
    ("ruid", BranchPart::Ruid),
    ("location_ua", BranchPart::UserAgent),
    ("otcpid", BranchPart::Connection),
    ("instance", BranchPart::Instance),
];

fn read_part(cx: &Cx<'_>, branch: &Branch, part: BranchPart) -> Value {
    let text = |text: &Option<Str>| Value::from(text.clone());
    match part {
        BranchPart::Uri => Value::Str(branch.uri.clone()),
        BranchPart::DestinationUri => text(&branch.uri_to_send),
        BranchPart::Path => text(&branch.path),
        BranchPart::Q => branch.q.map(i64::from).into(),
        BranchPart::Socket => branch.socket.map(|id| Str::from(cx.listeners().get(id).text())).into(),
        BranchPart::Flags => Value::Int(branch.flags.into()),
        BranchPart::Ruid => text(&branch.ruid),
        BranchPart::UserAgent => text(&branch.location_ua),
        BranchPart::Instance => text(&branch.instance),
        BranchPart::Connection => branch.connection.map(i64::from).into(),
        BranchPart::Count => Value::Null,
    }
}

fn write_part(cx: &Cx<'_>, branch: &mut Branch, part: BranchPart, value: Value) -> Result<(), WriteError> {
    let unfit = |what: &str| WriteError::Unfit(format!("a branch's {what} is set to a number"));
    let text =
        |value: Value, what: &str| if value.is_null() { Ok(None) } else { text_of(value, what).map(Some) };
    match part {
        BranchPart::Uri => branch.uri = text_of(value, "a branch's URI")?,
        BranchPart::DestinationUri => branch.uri_to_send = text(value, "a branch's destination")?,
        BranchPart::Path => branch.path = text(value, "a branch's path")?,
        BranchPart::Ruid => branch.ruid = text(value, "a branch's ruid")?,
        BranchPart::UserAgent => branch.location_ua = text(value, "a branch's user agent")?,
        BranchPart::Instance => branch.instance = text(value, "a branch's instance")?,
        BranchPart::Q => {
            branch.q = match value {
                Value::Null => None,
                Value::Int(q) => u16::try_from(q).ok().filter(|q| *q <= 1000),
                Value::Str(_) => return Err(unfit("q")),
            };
        }
        BranchPart::Flags => {
            branch.flags = match value {
                Value::Null => 0,
                Value::Int(flags) => flags as u32,
                Value::Str(_) => return Err(unfit("flags")),
            };
        }
        BranchPart::Connection => {
            branch.connection = match value {
                Value::Null => None,
                Value::Int(number) => u32::try_from(number).ok(),
                Value::Str(_) => return Err(unfit("connection")),
            };
        }
        BranchPart::Socket => {
            branch.socket = match text(value, "a branch's socket")? {
                None => None,
                Some(name) => {
                    let found = socket_named(cx, &name);
                    if found.is_none() {
                        tracing::warn!(target: "pv", "no socket found to match [{}]", name.to_lossy());
                    }
                    found.or(branch.socket)
                }
            };
        }
        BranchPart::Count => return Err(WriteError::Unfit("the count of branches is read-only".to_owned())),
    }
    Ok(())
}

/// The place of the branch that an index names.
fn place(count: usize, index: Index) -> Option<usize> {
    let nth = if let Index::At(nth) = index { nth } else { 0 };
    let place = match usize::try_from(nth) {
        Ok(nth) => nth,
        Err(_) => count.checked_sub(usize::try_from(nth.unsigned_abs()).ok()?)?,
    };
    (place < count).then_some(place)
}

/// `$branch(part)`
pub(super) fn branch(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let Some(part) = args.parsed::<BranchPart>() else { return Value::Null };
    let branches = &cx.context.branches;
    match (part, place(branches.len(), args.index)) {
        (_, None) => Value::Null,
        (BranchPart::Count, Some(_)) => Value::Int(branches.len() as i64),
        (part, Some(at)) => read_part(cx, &branches[at], *part),
    }
}

/// `$branch(part) = …`; `$branch(uri) = $null` takes the branch away.
pub(super) fn set_branch(cx: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let place = place(cx.context.branches.len(), args.index);
    let (Some(part), Some(at)) = (args.parsed::<BranchPart>(), place) else {
        return Err(WriteError::Unfit("there is no such branch".to_owned()));
    };
    if *part == BranchPart::Uri && value.is_null() {
        cx.context.branches.remove(at);
        return Ok(());
    }
    let mut branch = std::mem::take(&mut cx.context.branches[at]);
    let result = write_part(cx, &mut branch, *part, value);
    cx.context.branches[at] = branch;
    result
}

/// `$sbranch(part)`
pub(super) fn static_branch(cx: &mut Cx<'_>, args: &PvArgs<'_>) -> Value {
    let branch = cx.local::<StaticBranch>().0.clone();
    match (args.parsed::<BranchPart>(), branch) {
        (Some(part), Some(branch)) => read_part(cx, &branch, *part),
        _ => Value::Null,
    }
}

/// `$sbranch(part) = …`
pub(super) fn set_static_branch(cx: &mut Cx<'_>, args: &PvArgs<'_>, value: Value) -> Result<(), WriteError> {
    let Some(part) = args.parsed::<BranchPart>() else { return Err(WriteError::NotHere) };
    let unset = || Branch { q: Some(0), ..Branch::default() };
    let mut branch = cx.local::<StaticBranch>().0.take().unwrap_or_else(unset);
    if *part == BranchPart::Uri && value.is_null() {
        branch.uri = Str::EMPTY;
        cx.local::<StaticBranch>().0 = Some(branch);
        return Ok(());
    }
    let result = write_part(cx, &mut branch, *part, value);
    cx.local::<StaticBranch>().0 = Some(branch);
    result
}

/// `sbranch_append()`: adds the static branch.
pub(super) fn append_static(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    match cx.local::<StaticBranch>().0.clone().filter(|branch| !branch.uri.is_empty()) {
        Some(branch) => append(cx, branch).is_ok().into(),
        None => Flow::FALSE,
    }
}

/// `sbranch_set_ruri()`: makes the static branch the first one.
pub(super) fn set_request_uri(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    let branch = cx.local::<StaticBranch>().0.clone().filter(|branch| !branch.uri.is_empty());
    let Some(branch) = branch.filter(|_| cx.context.message.is_request()) else { return Flow::FALSE };
    let destination = &mut cx.context.destination;
    destination.uri = Some(branch.uri);
    destination.uri_to_send = branch.uri_to_send;
    destination.path = branch.path;
    destination.socket = branch.socket;
    destination.q = branch.q;
    destination.ruid = branch.ruid;
    destination.location_ua = branch.location_ua;
    destination.instance = branch.instance;
    cx.context.flags.branch = branch.flags;
    Flow::TRUE
}

/// `sbranch_reset()`
pub(super) fn reset_static(cx: &mut Cx<'_>, _: &Args<'_>) -> Flow {
    cx.local::<StaticBranch>().0 = None;
    Flow::TRUE
}

/// `$ruid` of the contact that a lookup chose.
pub(super) fn ruid(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    cx.context.destination.ruid.clone().into()
}

/// `$location_ua` of the contact that a lookup chose.
pub(super) fn location_user_agent(cx: &mut Cx<'_>, _: &PvArgs<'_>) -> Value {
    cx.context.destination.location_ua.clone().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_brackets_only_with_a_q() {
        let text = |q| {
            let mut out = Vec::new();
            write_address(b"sip:a@b", q, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(None), "sip:a@b");
        assert_eq!(text(Some(700)), "<sip:a@b>;q=0.7");
        assert_eq!(text(Some(50)), "<sip:a@b>;q=0.05");
        assert_eq!(text(Some(0)), "<sip:a@b>;q=0");
        assert_eq!(text(Some(1000)), "<sip:a@b>;q=1");
        assert_eq!(text(Some(123)), "<sip:a@b>;q=0.123");
    }

    #[test]
    fn an_index_counts_from_both_ends() {
        assert_eq!(place(3, Index::None), Some(0));
        assert_eq!(place(3, Index::At(2)), Some(2));
        assert_eq!(place(3, Index::At(3)), None);
        assert_eq!(place(3, Index::At(-1)), Some(2));
        assert_eq!(place(3, Index::At(-4)), None);
        assert_eq!(place(3, Index::At(i64::MIN)), None);
        assert_eq!(place(0, Index::None), None);
        assert_eq!(place(3, Index::All), Some(0));
    }
}
