//! A REGISTER taken apart: which bindings it asks for (RFC 3261 §10.3, RFC 5626 §6, RFC 3327).

use engine::variables::{Case, XavpList, XavpValue};
use engine::{Context, Cx};
use sip_message::{HeaderId, NameAddr, Uri};
use transport::SocketName;

use crate::usrloc::{ALL_METHODS, Facts, MEMORY_ONLY, Usrloc};

use super::aor::unescape;
use super::methods;
use super::params::{Outbound, Params, PathMode};
use super::refusal::Refusal;

/// What a REGISTER asks for; owned, because it may wait for a database.
#[derive(Clone, Debug, Default)]
pub(super) struct Registration {
    pub(super) aor: Vec<u8>,
    pub(super) asks: Asks,
    pub(super) call_id: Vec<u8>,
    pub(super) user_agent: Vec<u8>,
    pub(super) received: Vec<u8>,
    pub(super) path: Vec<u8>,
    pub(super) socket: Vec<u8>,
    /// What all its contacts share.
    pub(super) facts: Facts,
    pub(super) attributes: Option<Box<XavpList>>,
    pub(super) max_contacts: i64,
    /// Path came without `Supported: path`, where that is refused (after it was done, as Kamailio does).
    pub(super) lacks_path: bool,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Asks {
    /// Which contacts there are.
    #[default]
    Query,
    /// That all are removed.
    RemoveAll,
    /// Contacts to be made, renewed or removed.
    Bindings(Vec<Binding>),
}

/// One contact of a REGISTER.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Binding {
    pub(super) address: Vec<u8>,
    pub(super) instance: Vec<u8>,
    pub(super) reg_id: u32,
    pub(super) q: i16,
    /// Seconds; 0 removes.
    pub(super) seconds: i64,
    /// None where it does not say.
    pub(super) methods: Option<u32>,
}

/// `save`'s flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SaveFlags(pub(super) i64);

impl SaveFlags {
    pub(super) fn memory_only(self) -> bool {
        self.0 & 0x01 != 0
    }
    pub(super) fn no_reply(self) -> bool {
        self.0 & 0x02 != 0
    }
    pub(super) fn one_contact(self) -> bool {
        self.0 & 0x04 != 0
    }
    fn exact(self) -> bool {
        self.0 & 0x08 != 0
    }
    pub(super) fn prepares_reply(self) -> bool {
        self.0 & 0x10 != 0
    }
}

/// Reads the message; `uri` stands for the To URI if the script gave one.
pub(super) fn read(
    cx: &mut Cx<'_>,
    params: &Params,
    usrloc: &Usrloc,
    flags: SaveFlags,
    uri: Option<&[u8]>,
) -> Result<Registration, Refusal> {
    check_outbound(cx.context, params)?;
    let received = match &params.received {
        Some(pv) => cx.read_bound(pv).as_text().map(<[u8]>::to_vec).unwrap_or_default(),
        None => Vec::new(),
    };
    let random = cx.shard.random();
    let context = &*cx.context;
    let message = &context.message;
    let aor = match uri {
        Some(uri) => params.aor.aor(uri).ok_or(Refusal::Aor)?,
        None => message.to().ok().and_then(|to| params.aor.aor(to.uri_text)).ok_or(Refusal::Unsaid)?,
    };
    let reading = Reading { context, params, flags, random };
    let asks = reading.asks()?;
    let mut registration = Registration {
        aor,
        call_id: message.call_id().unwrap_or_default().to_vec(),
        user_agent: message.value(HeaderId::UserAgent).unwrap_or(b"n/a").to_vec(),
        received,
        socket: socket(cx, params),
        facts: reading.facts(usrloc),
        attributes: attributes(context, usrloc),
        max_contacts: params.wish(context, b"max_contacts").as_int().unwrap_or(params.max_contacts),
        asks,
        ..Registration::default()
    };
    if registration.received.len() > params.contact_max_size {
        return Err(Refusal::TooLong);
    }
    if matches!(registration.asks, Asks::Bindings(_)) && params.uses_path {
        reading.read_path(&mut registration, usrloc)?;
    }
    Ok(registration)
}

/// Whether outbound is asked for where it is not offered, or not offered where it is required.
fn check_outbound(context: &Context, params: &Params) -> Result<(), Refusal> {
    let message = &context.message;
    let has = |id| message.has_option_tag(id, b"outbound");
    match params.outbound {
        Outbound::Off if has(HeaderId::Require) => Err(Refusal::OutboundUnsupported),
        Outbound::Required if message.value(HeaderId::Supported).is_some() && !supports_outbound(context) => {
            Err(Refusal::OutboundRequired)
        }
        _ => Ok(()),
    }
}

/// Whether the phone does outbound.
pub(super) fn supports_outbound(context: &Context) -> bool {
    let message = &context.message;
    message.has_option_tag(HeaderId::Supported, b"outbound")
        || message.has_option_tag(HeaderId::Require, b"outbound")
}

/// The xavp that is kept with contacts.
fn attributes(context: &Context, usrloc: &Usrloc) -> Option<Box<XavpList>> {
    let name = usrloc.attributes.as_ref()?;
    match context.variables.xavps.get(name, 0, Case::Exact) {
        Some(XavpValue::List(fields)) => Some(Box::new(fields.clone())),
        _ => None,
    }
}

/// Our socket that it came through, or that it says that it came through.
fn socket(cx: &Cx<'_>, params: &Params) -> Vec<u8> {
    let context = &*cx.context;
    if let Some(text) = params.wish(context, b"socket").as_text() {
        return text.to_vec();
    }
    if context.flags.message & params.socket_flag != 0 {
        let field = context.message.header_named(&params.socket_header).next();
        let text = field.map(|field| context.message.bytes(field.value)).unwrap_or_default();
        if std::str::from_utf8(text).is_ok_and(|text| text.parse::<SocketName>().is_ok()) {
            return text.to_vec();
        }
    }
    let listener = cx.listeners().get(context.received.listener);
    if params.keeps_advertised && (listener.advertised_host.is_some() || listener.advertised_port.is_some()) {
        let host = listener.public_host().to_lossy().into_owned();
        return format!("{}:{host}:{}", listener.proto, listener.public_port()).into_bytes();
    }
    listener.text().into_bytes()
}

struct Reading<'a> {
    context: &'a Context,
    params: &'a Params,
    flags: SaveFlags,
    random: u64,
}

impl Reading<'_> {
    fn asks(&self) -> Result<Asks, Refusal> {
        let message = &self.context.message;
        let mut contacts = Vec::new();
        for (header, _) in
            message.headers().iter().enumerate().filter(|(_, field)| field.id == HeaderId::Contact)
        {
            let values: Vec<_> = message
                .contact_values()
                .filter(|value| value.header == header)
                .map(|value| message.bytes(value.span))
                .collect();
            if values.is_empty() {
                return Err(Refusal::Contact);
            }
            // Kamailio takes the contacts of one line from its end.
            contacts.extend(values.into_iter().rev());
        }
        let contacts = contacts
            .into_iter()
            .map(|text| NameAddr::parse(text).map_err(|_| Refusal::Contact))
            .collect::<Result<Vec<_>, _>>()?;
        if contacts.is_empty() {
            return Ok(Asks::Query);
        }
        if contacts.iter().any(NameAddr::is_star) {
            return match (contacts.len(), message.expires()) {
                (1, Some(Ok(0))) => Ok(Asks::RemoveAll),
                (1, _) => Err(Refusal::StarExpires),
                _ => Err(Refusal::StarAndOthers),
            };
        }
        contacts.iter().map(|contact| self.binding(contact)).collect::<Result<_, _>>().map(Asks::Bindings)
    }

    fn binding(&self, contact: &NameAddr<'_>) -> Result<Binding, Refusal> {
        if !contact.uri_text.contains(&b':') {
            return Err(Refusal::Contact);
        }
        if contact.uri_text.len() > self.params.contact_max_size {
            return Err(Refusal::TooLong);
        }
        let wanted = self.params.wish(self.context, b"q").as_int().filter(|q| (0..=1000).contains(q));
        let q = match (wanted, contact.params().find(b"q")) {
            // Bounded above.
            (Some(q), _) => q as i16,
            (None, Some(q)) => q.value.and_then(q_value).ok_or(Refusal::Q)?,
            (None, None) => self.params.default_q,
        };
        let methods = contact.params().find(b"methods").map(|param| methods::mask(&param.unquoted()));
        let instance = contact.instance().map(|text| text.into_owned()).unwrap_or_default();
        let reg_id = self.reg_id(contact, &instance)?;
        Ok(Binding {
            address: contact.uri_text.to_vec(),
            instance,
            reg_id,
            q,
            seconds: self.seconds(contact),
            methods,
        })
    }

    /// `reg-id`, where it counts; 0 for none.
    fn reg_id(&self, contact: &NameAddr<'_>, instance: &[u8]) -> Result<u32, Refusal> {
        let counts = self.params.takes_any_reg_id || supports_outbound(self.context);
        if !counts || instance.is_empty() || !contact.params().has(b"reg-id") {
            return Ok(0);
        }
        let reg_id = contact.reg_id().filter(|id| *id > 0).ok_or(Refusal::Unsaid)?;
        let is_behind_proxy = self.context.message.via_values().nth(1).is_some();
        if self.params.outbound != Outbound::Off && is_behind_proxy && !self.first_hop_does_outbound() {
            return Err(Refusal::FirstHop);
        }
        Ok(reg_id)
    }

    fn first_hop_does_outbound(&self) -> bool {
        let message = &self.context.message;
        let first = message.values(HeaderId::Path).last().map(|value| message.bytes(value.span));
        first
            .and_then(|text| NameAddr::parse(text).ok())
            .and_then(|path| Uri::parse(path.uri_text).ok())
            .is_some_and(|uri| uri.is_outbound())
    }

    /// For how long a contact is good, before `min_expires` refuses it.
    fn seconds(&self, contact: &NameAddr<'_>) -> i64 {
        let params = self.params;
        let asked = match self.params.wish(self.context, b"expires").as_int() {
            Some(seconds) => Some(seconds),
            None => match (contact.expires(), self.context.message.expires()) {
                (Some(Ok(seconds)), _) => Some(i64::from(seconds)),
                (None, Some(Ok(seconds))) => Some(i64::from(seconds)),
                _ => None,
            },
        };
        let (seconds, range) = match asked {
            Some(0) => return 0,
            Some(seconds) => (seconds, params.expires_range),
            None => (params.default_expires, params.default_expires_range),
        };
        let range = if self.flags.exact() { 0 } else { range.clamp(0, 100) };
        // Up to `range` percent less; the numbers are small.
        let less = (seconds * range / 100).max(0);
        let mut seconds = if less > 0 { seconds - (self.random % (less as u64 + 1)) as i64 } else { seconds };
        if params.min_expires > 0 && !params.refuses_brief {
            seconds = seconds.max(params.min_expires);
        }
        if params.max_expires > 0 {
            seconds = seconds.min(params.max_expires);
        }
        seconds
    }

    fn facts(&self, usrloc: &Usrloc) -> Facts {
        let message = &self.context.message;
        let allow =
            message.index().all(HeaderId::Allow).map(|field| methods::mask(message.bytes(field.value)));
        let connection = self.context.received.connection.and_then(|id| i32::try_from(id.0).ok());
        Facts {
            cseq: message.cseq().map(|cseq| cseq.number).unwrap_or_default(),
            methods: allow.reduce(|all, more| all | more).unwrap_or(ALL_METHODS),
            branch_flags: self.context.flags.branch,
            flags: if self.flags.memory_only() { MEMORY_ONLY } else { 0 },
            server_id: usrloc.server_id,
            connection: connection.unwrap_or(-1),
            ..Facts::default()
        }
    }

    /// Path vector, and where it says that the phone is.
    fn read_path(&self, registration: &mut Registration, usrloc: &Usrloc) -> Result<(), Refusal> {
        let message = &self.context.message;
        let mut path = Vec::new();
        for field in message.index().all(HeaderId::Path) {
            if !path.is_empty() {
                path.push(b',');
            }
            path.extend_from_slice(message.bytes(field.value));
        }
        if path.is_empty() {
            return Ok(());
        }
        for value in message.values(HeaderId::Path) {
            let hop = NameAddr::parse(message.bytes(value.span)).map_err(|_| Refusal::Path)?;
            let uri = Uri::parse(hop.uri_text).map_err(|_| Refusal::Path)?;
            if !uri.is_loose_router() {
                return Err(Refusal::Path);
            }
            if self.params.path_received && registration.received.is_empty() {
                unescape(uri.param(b"received").unwrap_or_default(), &mut registration.received);
                if !registration.received.is_empty() {
                    registration.facts.branch_flags |= usrloc.nat_flag;
                }
            }
        }
        registration.path = path;
        registration.lacks_path = self.params.path_mode == PathMode::Strict
            && !message.has_option_tag(HeaderId::Supported, b"path");
        Ok(())
    }
}

/// A q-value in thousandths, as Kamailio reads it: digits beyond the third are left out.
fn q_value(text: &[u8]) -> Option<i16> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if text.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let whole: i16 = if whole.is_empty() { 0 } else { whole.parse().ok().filter(|whole| *whole <= 1)? };
    let digits = fraction.bytes().chain([b'0'; 3]).take(3);
    let thousandths = digits.fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0'));
    let q = whole * 1000 + thousandths;
    (q <= 1000).then_some(q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_values_are_read_to_three_digits() {
        let read = |text: &str| q_value(text.as_bytes());
        assert_eq!(
            [read("0.1234"), read(".5"), read("1"), read("1.0"), read("0")],
            [123, 500, 1000, 1000, 0].map(Some)
        );
        assert_eq!([read("abc"), read("1.5"), read(""), read("-1"), read("99")], [None; 5]);
    }
}
