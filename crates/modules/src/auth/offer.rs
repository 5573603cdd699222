//! The credentials that a request offers for a realm.

use std::borrow::Cow;

use cfg_vm::Str;
use engine::Context;
use sip_message::digest::{Algorithm, DigestInput, Protection};
use sip_message::{Credentials, HeaderId, Message, Method};

use super::nonce::{Fault, Known};
use super::outcome::Denied;
use super::used::{Refused, Use};
use super::{Auth, Authorized};

/// Which of the two pairs of headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 401, WWW-Authenticate, Authorization: between a user and a server that the user talks to.
    User,
    /// 407, Proxy-Authenticate, Proxy-Authorization.
    Proxy,
}

impl Kind {
    /// What Kamailio's combined functions take: REGISTER is the registrar's, everything else a proxy's.
    pub fn of(message: &Message) -> Self {
        if message.method() == Method::Register { Self::User } else { Self::Proxy }
    }

    /// The header with the credentials.
    pub fn header(self) -> HeaderId {
        match self {
            Self::User => HeaderId::Authorization,
            Self::Proxy => HeaderId::ProxyAuthorization,
        }
    }
}

/// Credentials for a realm that are worth looking up a secret for: whole, with a nonce of ours that is good.
///
/// It keeps places, not texts, and so lasts over a wait.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Number of the header field.
    field: usize,
    realm: Str,
    method: Option<Str>,
    nonce: Known,
}

/// What the first look at a request says.
#[derive(Clone, Debug)]
pub enum First {
    /// Its method can carry no credentials of its own (ACK, CANCEL) or follows one that did (PRACK): it is let through.
    Exempt,
    /// The secret decides.
    Offer(Offer),
    /// Whatever the secret is, the credentials will not do.
    Denied(Denied),
}

/// Looks for credentials for a realm and at all that shows without a secret. `method` stands for the request's own.
pub(super) fn look(
    context: &Context,
    auth: &Auth,
    kind: Kind,
    realm: Str,
    method: Option<Str>,
    now: u32,
) -> First {
    if matches!(context.message.method(), Method::Ack | Method::Cancel | Method::Prack) {
        return First::Exempt;
    }
    let found = find(context, kind, realm_without_prefix(auth, &realm), method);
    match found.and_then(|offer| offer.with_nonce(context, auth, now)) {
        Ok(offer) => First::Offer(offer),
        Err(denied) => First::Denied(denied),
    }
}

/// Whether there are credentials for a realm.
pub(super) fn has(context: &Context, realm: &[u8]) -> bool {
    let has = |kind| find(context, kind, Str::copy(realm), None).is_ok();
    has(Kind::User) || has(Kind::Proxy)
}

fn realm_without_prefix(auth: &Auth, realm: &Str) -> Str {
    realm.strip_prefix(&auth.realm_prefix[..]).map_or_else(|| realm.clone(), Str::copy)
}

fn find(context: &Context, kind: Kind, realm: Str, method: Option<Str>) -> Result<Offer, Denied> {
    let fields = context.message.headers().iter().enumerate();
    for (field, header) in fields.filter(|(_, header)| header.id == kind.header()) {
        let text = context.message.bytes(header.value);
        let credentials = Credentials::parse(text).map_err(|error| {
            tracing::error!(target: "auth", "credentials that cannot be read: {error}");
            Denied::Unusable
        })?;
        if credentials.is_digest() && credentials.realm().is_some_and(|own| own.eq_ignore_ascii_case(&realm))
        {
            return Ok(Offer { field, realm, method, nonce: Known { number: None } });
        }
    }
    Err(Denied::NoCredentials)
}

/// The parts of whole credentials, without quotes.
struct Parts<'a> {
    nonce: Cow<'a, [u8]>,
    uri: Cow<'a, [u8]>,
    response: Cow<'a, [u8]>,
    cnonce: Cow<'a, [u8]>,
    /// `qop` and `nc`.
    protection: Option<(Cow<'a, [u8]>, &'a [u8])>,
    algorithm: Algorithm,
}

impl Offer {
    /// The realm that they are for.
    pub fn realm(&self) -> &[u8] {
        &self.realm
    }

    /// `username` as written, which may end with `@` and a domain.
    pub fn username<'a>(&self, context: &'a Context) -> Cow<'a, [u8]> {
        self.credentials(context).and_then(|credentials| credentials.username()).unwrap_or_default()
    }

    fn credentials<'a>(&self, context: &'a Context) -> Option<Credentials<'a>> {
        let header = context.message.headers().get(self.field)?;
        Credentials::parse(context.message.bytes(header.value)).ok()
    }

    fn parts<'a>(&self, context: &'a Context, auth: &Auth) -> Option<Parts<'a>> {
        let own = self.credentials(context)?;
        let server = auth.algorithm_for(context);
        // The server has one secret for one hash; what the client calls it only says whether A1 holds the nonces.
        let named = own.algorithm().and_then(|name| Algorithm::parse(&name));
        let session = named.is_some_and(|named| named.hash == server.hash && named.session);
        let qop = own.qop().filter(|qop| !qop.is_empty());
        let protection = match qop {
            Some(qop) => Some((qop, own.raw_param(b"nc")?)),
            None => None,
        };
        let cnonce = own.cnonce();
        if (protection.is_some() || session) && cnonce.is_none() {
            return None;
        }
        let response = own.response()?;
        (response.len() == server.hash.text_length()).then_some(())?;
        own.username()?;
        Some(Parts {
            nonce: own.nonce()?,
            uri: own.uri()?,
            response,
            cnonce: cnonce.unwrap_or_default(),
            protection,
            algorithm: Algorithm { session, ..server },
        })
    }

    /// How the client uses the nonce, under the configuration.
    fn nonce_use(&self, auth: &Auth, parts: &Parts<'_>) -> Result<Use, Denied> {
        match parts.protection {
            Some((_, nc)) if auth.counts_nonces => {
                let digits = std::str::from_utf8(nc).ok().filter(|nc| nc.len() == 8);
                let count = digits.and_then(|nc| u32::from_str_radix(nc, 16).ok());
                count.map(Use::Counted).ok_or(Denied::Unusable)
            }
            _ if auth.one_time_nonces => Ok(Use::Once),
            _ => Ok(Use::Free),
        }
    }

    fn with_nonce(mut self, context: &Context, auth: &Auth, now: u32) -> Result<Self, Denied> {
        let Some(parts) = self.parts(context, auth) else {
            tracing::error!(target: "auth", "credentials that lack a part, or whose response is of another length");
            return Err(Denied::Unusable);
        };
        let nonce_use = self.nonce_use(auth, &parts)?;
        let bound = bound_parts(context, auth);
        // What the client counts needs no other protection.
        let looked_at = if matches!(nonce_use, Use::Counted(_)) { None } else { Some(&bound[..]) };
        let known = auth.nonces.check(&parts.nonce, now, looked_at);
        self.nonce = known.map_err(|fault| match fault {
            Fault::Foreign => Denied::Unusable,
            Fault::Stale => Denied::StaleNonce,
        })?;
        if let (Some(used), Some(number)) = (auth.nonces.used(), self.nonce.number) {
            used.check(number, nonce_use).map_err(refused)?;
        }
        Ok(self)
    }

    /// Whether the response was made with the secret. A nonce is used up here, by a right response only.
    ///
    /// # Errors
    /// It was not, or somebody has used the nonce meanwhile.
    pub(super) fn verify(&self, context: &Context, auth: &Auth, ha1: &[u8]) -> Result<(), Denied> {
        let parts = self.parts(context, auth).ok_or(Denied::Unusable)?;
        if !self.input(context, &parts).response(ha1).matches(&parts.response) {
            return Err(Denied::WrongPassword);
        }
        if let (Some(used), Some(number)) = (auth.nonces.used(), self.nonce.number) {
            used.take(number, self.nonce_use(auth, &parts)?).map_err(refused)?;
        }
        Ok(())
    }

    fn input<'a>(&'a self, context: &'a Context, parts: &'a Parts<'_>) -> DigestInput<'a> {
        DigestInput {
            algorithm: parts.algorithm,
            nonce: &parts.nonce,
            protection: parts.protection.as_ref().map(|(qop, nc)| Protection { qop, nonce_count: nc }),
            cnonce: &parts.cnonce,
            method: self.method.as_deref().unwrap_or_else(|| context.message.method_text()),
            uri: &parts.uri,
            body: context.message.body(),
        }
    }

    /// Authentication-Info (RFC 7616 §3.5), with its line end.
    pub(super) fn authentication_info(
        &self,
        context: &Context,
        auth: &Auth,
        ha1: &[u8],
        now: u32,
    ) -> Option<Vec<u8>> {
        let parts = self.parts(context, auth)?;
        let proof = self.input(context, &parts).response_auth(ha1);
        let fresh = auth.one_time_nonces.then(|| auth.nonces.make(now, &bound_parts(context, auth)));
        let next = fresh.as_ref().map_or(&parts.nonce[..], String::as_bytes);
        let mut line = [b"Authentication-Info: nextnonce=\"", next, b"\""].concat();
        if let Some((qop, nc)) = &parts.protection {
            line.extend_from_slice(&[b", qop=", &qop[..], b", rspauth=\"", proof.as_bytes(), b"\""].concat());
            line.extend_from_slice(&[b", cnonce=\"", &parts.cnonce[..], b"\", nc=", nc].concat());
        } else {
            line.extend_from_slice(&[b", rspauth=\"", proof.as_bytes(), b"\""].concat());
        }
        line.extend_from_slice(b"\r\n");
        Some(line)
    }

    /// Notes that they were right, for `consume_credentials()` and for modules that ask who it was.
    pub(super) fn note(&self, context: &mut Context) {
        let Some(span) = context.message.headers().get(self.field).map(|header| header.value) else { return };
        let user = (self.username(context).into_owned(), self.realm.to_vec());
        let authorized = context.data.of::<Authorized>();
        authorized.fields.push(span);
        authorized.user = Some(user);
    }
}

fn refused(refused: Refused) -> Denied {
    match refused {
        Refused::Stale => Denied::StaleNonce,
        Refused::Reused => Denied::NonceReused,
    }
}

/// The parts of a request that a nonce is bound to (`auth_checks_register`, `_no_dlg`, `_in_dlg`).
pub(super) fn bound_parts(context: &Context, auth: &Auth) -> Vec<Vec<u8>> {
    let message = &context.message;
    let in_dialog = || message.to().ok().and_then(|to| to.tag()).is_some();
    let checks = match message.method() {
        Method::Register => auth.checks.register,
        _ if in_dialog() => auth.checks.in_dialog,
        _ => auth.checks.no_dialog,
    };
    let source = context.received.source.ip().to_string();
    let from_tag = message.from().ok().and_then(|from| from.tag()).unwrap_or_default();
    let all: [(i64, &[u8]); 4] = [
        (1, message.request_uri().unwrap_or_default()),
        (2, message.call_id().unwrap_or_default()),
        (4, from_tag),
        (8, source.as_bytes()),
    ];
    // A place for each, so that one part never stands for another.
    if checks & 15 == 0 {
        return Vec::new();
    }
    all.iter().map(|(bit, part)| if checks & bit != 0 { part.to_vec() } else { Vec::new() }).collect()
}
