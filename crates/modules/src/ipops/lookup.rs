//! Functions that ask the hosts file and the domain name system. They wait for name servers without holding the
//! shard.

use std::future::Future;
use std::net::IpAddr;
use std::task::{Poll, Waker};

use cfg_vm::Str;
use engine::module::{Flow, Resume};
use engine::{Args, Cx};
use transport::resolve::{Absence, Answer, Name, Naptr, Question, RecordKind, RecordSet, Resolver, Srv};

use super::address::Written;
use super::records::{Entry, Found};

/// The address given is none.
const BAD_ADDRESS: Flow = Flow::Done(-3);
/// The name has no address.
const NO_ADDRESS: Flow = Flow::Done(-4);

pub(super) fn match_ip(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let Some(wanted) = Written::parse(args.text(1)).map(Written::address) else {
        tracing::error!(target: "ipops", "invalid ip address: {}", args.text(1).escape_ascii());
        return BAD_ADDRESS;
    };
    let host = args.str(0);
    let answer = addresses(cx, &host);
    then(cx, answer, move |_, found| {
        if found.is_empty() {
            return unresolved(&host);
        }
        found.contains(&wanted).into()
    })
}

pub(super) fn dns_query(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let (host, name) = (args.str(0), args.str(1));
    let answer = addresses(cx, &host);
    then(cx, answer, move |cx, found| {
        if found.is_empty() {
            cx.local::<Found<IpAddr>>().forget(&name);
            return unresolved(&host);
        }
        keep(cx, &name, found)
    })
}

pub(super) fn srv_query(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let name = args.str(1);
    let Some(answer) = records(cx, args.text(0), RecordKind::Srv) else { return Flow::Done(-2) };
    then(cx, answer, move |cx, answer| {
        let mut found: Vec<Srv> = match answer.as_deref() {
            Ok(RecordSet::Srv(records)) => records.clone(),
            _ => Vec::new(),
        };
        found.sort_by_key(|record| (record.priority, std::cmp::Reverse(record.weight)));
        keep(cx, &name, found)
    })
}

pub(super) fn naptr_query(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let name = args.str(1);
    let Some(answer) = records(cx, args.text(0), RecordKind::Naptr) else { return Flow::Done(-2) };
    then(cx, answer, move |cx, answer| {
        let mut found: Vec<Naptr> = match answer.as_deref() {
            Ok(RecordSet::Naptr(records)) => records.clone(),
            _ => Vec::new(),
        };
        found.sort_by_key(|record| (record.order, record.preference));
        keep(cx, &name, found)
    })
}

pub(super) fn ptr_query(cx: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    let name = args.str(1);
    let Some(address) = Written::parse(args.text(0)).map(Written::address) else {
        tracing::error!(target: "ipops", "invalid ip address: {}", args.text(0).escape_ascii());
        return BAD_ADDRESS;
    };
    let Some(answer) = records(cx, reverse(address).as_bytes(), RecordKind::Ptr) else { return NO_ADDRESS };
    then(cx, answer, move |cx, answer| match answer.as_deref() {
        Ok(RecordSet::Ptr(names)) => keep(cx, &name, names.clone()),
        _ => {
            cx.local::<Found<Name>>().forget(&name);
            NO_ADDRESS
        }
    })
}

pub(super) fn set_local_ttl(_: &mut Cx<'_>, args: &Args<'_>) -> Flow {
    if args.int(0).is_some_and(|ttl| ttl > 0) {
        tracing::debug!(target: "ipops", "answers live as long as their name servers say, within dns_cache_min_ttl and dns_cache_max_ttl");
    }
    Flow::TRUE
}

fn unresolved(host: &[u8]) -> Flow {
    tracing::error!(target: "ipops", "unable to resolve {}", host.escape_ascii());
    NO_ADDRESS
}

fn keep<T: Entry + Send + 'static>(cx: &mut Cx<'_>, name: &Str, found: Vec<T>) -> Flow {
    let kept = cx.local::<Found<T>>().keep(name, found);
    if !kept {
        tracing::error!(target: "ipops", "too many names for results; reuse those of earlier lookups");
    }
    kept.into()
}

/// Goes on with an answer: at once if it is known, else on the shard when it has come.
fn then<T: Send + 'static>(
    cx: &mut Cx<'_>,
    answer: impl Future<Output = T> + Send + 'static,
    go_on: impl FnOnce(&mut Cx<'_>, T) -> Flow + Send + 'static,
) -> Flow {
    let mut answer = Box::pin(answer);
    let mut unwoken = std::task::Context::from_waker(Waker::noop());
    if let Poll::Ready(answer) = answer.as_mut().poll(&mut unwoken) {
        return go_on(cx, answer);
    }
    Flow::wait(async move {
        let answer = answer.await;
        Box::new(move |cx: &mut Cx<'_>| go_on(cx, answer)) as Resume
    })
}

/// A question about a name, if the text can be one.
pub(super) fn question(name: &str, kind: RecordKind) -> Option<Question> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let fits = !name.is_empty() && name.len() <= 253 && name.bytes().all(|byte| byte.is_ascii_graphic());
    let mut name = Name::from(name).ok().filter(|_| fits)?;
    name.make_ascii_lowercase();
    Some(Question { name, kind })
}

fn records(
    cx: &Cx<'_>,
    name: &[u8],
    kind: RecordKind,
) -> Option<impl Future<Output = Answer> + Send + use<>> {
    let question = question(std::str::from_utf8(name).ok()?, kind)?;
    Some(ask(cx.server().resolver.clone(), question))
}

/// The addresses of a name, IPv4 first; an address is its own.
fn addresses(cx: &Cx<'_>, host: &[u8]) -> impl Future<Output = Vec<IpAddr>> + Send + use<> {
    let resolver = cx.server().resolver.clone();
    let literal = Written::parse(host).and_then(Written::pure);
    let questions = [RecordKind::A, RecordKind::Aaaa]
        .map(|kind| std::str::from_utf8(host).ok().and_then(|host| question(host, kind)));
    async move {
        if let Some(address) = literal {
            return vec![address];
        }
        let mut found = Vec::new();
        for question in questions.into_iter().flatten() {
            found.extend(addresses_of(&resolver, question).await.iter().flat_map(Vec::clone));
        }
        found
    }
}

/// The records for a question. Names under `invalid` are never there, so that nobody is asked (RFC 6761 §6.4).
async fn ask(resolver: Resolver, question: Question) -> Answer {
    if question.name.rsplit('.').next() == Some("invalid") {
        return Err(Absence::NotThere);
    }
    resolver.records(&question).await
}

async fn addresses_of(resolver: &Resolver, question: Question) -> Result<Vec<IpAddr>, Absence> {
    match &*ask(resolver.clone(), question).await? {
        RecordSet::Address(addresses) => Ok(addresses.clone()),
        _ => Err(Absence::NotThere),
    }
}

/// The name under which the names of an address are asked for (RFC 1035 §3.5, RFC 3596 §2.5).
fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_reversed_for_their_names() {
        assert_eq!(reverse("192.0.2.1".parse().unwrap()), "1.2.0.192.in-addr.arpa");
        let name = reverse("2001:db8::1".parse().unwrap());
        assert_eq!(name, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
    }

    #[test]
    fn names_are_asked_for_in_lower_case() {
        let asked = question("_SIP._udp.Example.ORG.", RecordKind::Srv).unwrap();
        assert_eq!(&asked.name[..], "_sip._udp.example.org");
        assert!(question("", RecordKind::A).is_none());
        assert!(question("a b", RecordKind::A).is_none());
    }
}
