//! Module `auth`: digest authentication (RFC 3261 §22, RFC 7616, RFC 8760): challenges, nonces, and the check of
//! credentials against a secret.
//!
//! Modules that get secrets from elsewhere, as `auth_db`, use [`look`] and [`check`].

mod challenge;
mod functions;
mod nonce;
mod offer;
mod outcome;
mod used;

use std::sync::Arc;

use cfg_vm::Str;
use cfg_vm::catalogue::{ArgKind, Routes};
use engine::module::State;
use engine::variables::AvpName;
use engine::{Context, Cx, Function, Module, Param, Setup, SetupError};
use sip_message::Span;
use sip_message::digest::Algorithm;

pub use functions::{is_own, user_of};
use nonce::{Keys, Nonces};
pub use offer::{First, Kind, Offer};
pub use outcome::{Denied, flow};
use used::Used;

/// The module's table.
pub const MODULE: Module = Module {
    name: "auth",
    doc: "Challenges clients for digest credentials, and checks those that they offer.",
    params: &[
        Param::text(
            "secret",
            "",
            "What nonces are sealed with; empty for random keys. Servers that share it know each other's.",
        ),
        Param::int_in("nonce_expire", 1, 86_400, "300", "Seconds that a nonce is good."),
        Param::int_in(
            "nonce_auth_max_drift",
            0,
            86_400,
            "3",
            "Seconds that a nonce may seem to be made in the future.",
        ),
        Param::int("protect_contacts", "0", "Has no effect in Kamailio's releases either.").ignored(),
        Param::text(
            "challenge_attr",
            "$digest_challenge",
            "AVP for the challenges that flags of `pv_www_authenticate` and its kin ask for, as `$name`.",
        ),
        Param::text("proxy_challenge_header", "Proxy-Authenticate", "Header of a proxy's challenge."),
        Param::text("www_challenge_header", "WWW-Authenticate", "Header of a server's challenge."),
        Param::text("qop", "", "Without effect: the flags of a challenge say which `qop` it asks for.").ignored(),
        Param::int_in("auth_checks_register", 0, 15, "0", CHECKS),
        Param::int_in("auth_checks_no_dlg", 0, 15, "0", CHECKS),
        Param::int_in("auth_checks_in_dlg", 0, 15, "0", CHECKS),
        Param::int_in(
            "nonce_count",
            0,
            1,
            "0",
            "Whether a nonce's uses must be counted up by the client (`nc`), to 255 at most.",
        ),
        Param::int_in("nc_array_size", 1, 1 << 28, "1048576", "How many nonces' counts are remembered."),
        Param::int_in("nc_array_order", 0, 28, "20", "The same, as a power of two."),
        Param::int_in("one_time_nonce", 0, 1, "0", "Whether a nonce without a count may be used once only."),
        Param::int_in("otn_in_flight_no", 1, 1 << 28, "1048576", "How many such nonces are remembered."),
        Param::int_in("otn_in_flight_order", 0, 28, "20", "The same, as a power of two."),
        Param::int("nid_pool_no", "1", "Without effect: all threads share what is remembered, without locks.")
            .ignored(),
        Param::int_in(
            "force_stateless_reply",
            0,
            1,
            "0",
            "Challenges without the request's transaction even if it has one.",
        ),
        Param::text("realm_prefix", "", "Taken off the front of the realm whose credentials are checked."),
        Param::int_in("use_domain", 0, 1, "0", "Whether `pv_auth_check` compares hosts too."),
        Param::text(
            "algorithm",
            "",
            "MD5, SHA-256 or SHA-512-256; named in challenges if given, else MD5 is meant.",
        )
        .check(|value| parse_algorithm(value.as_text().unwrap_or_default()).map(|_| ())),
        Param::int_in(
            "add_authinfo_hdr",
            0,
            1,
            "0",
            "Adds Authentication-Info to replies to requests with right credentials.",
        ),
    ],
    functions: &[
        Function::new(
            "consume_credentials",
            &[],
            Routes::REQUEST,
            functions::consume_credentials,
            "Takes the credentials that were found right out of the request.",
        ),
        Function::new("www_challenge", CHALLENGE, CHALLENGED, challenge::www_challenge, "Answers 401 with a challenge."),
        Function::new(
            "proxy_challenge",
            CHALLENGE,
            CHALLENGED,
            challenge::proxy_challenge,
            "Answers 407 with a challenge.",
        ),
        Function::new(
            "auth_challenge",
            CHALLENGE,
            CHALLENGED,
            challenge::auth_challenge,
            "Answers a REGISTER with 401, others with 407, and a challenge. Flags: 1 `qop=auth`, 2 `auth-int`, 4 no 500 \
             where that fails, 16 `stale=true`.",
        ),
        Function::new(
            "pv_www_authenticate",
            &[ArgKind::Format, ArgKind::Format, ArgKind::Int, ArgKind::Format],
            Routes::REQUEST,
            functions::pv_www_authenticate,
            "Checks Authorization for a realm against a password: 1 right, -1 unusable, -2 wrong, -4 stale nonce, -5 none, \
             -6 nonce used before. Flags: 1 the password is an HA1; 2, 4 and 8 put a challenge without `qop`, with `auth` \
             or `auth-int` into an AVP.",
        )
        .requires(3),
        Function::new("pv_www_authorize", CREDENTIALS, Routes::REQUEST, functions::pv_www_authenticate, "The same."),
        Function::new(
            "pv_proxy_authenticate",
            CREDENTIALS,
            Routes::REQUEST,
            functions::pv_proxy_authenticate,
            "As `pv_www_authenticate`, with Proxy-Authorization.",
        ),
        Function::new(
            "pv_proxy_authorize",
            CREDENTIALS,
            Routes::REQUEST,
            functions::pv_proxy_authenticate,
            "The same.",
        ),
        Function::new(
            "pv_auth_check",
            &[ArgKind::Format, ArgKind::Format, ArgKind::Int, ArgKind::Int],
            Routes::REQUEST,
            functions::pv_auth_check,
            "As one or the other, by the method. With check 1 the credentials must be those of From's user (and To's in \
             REGISTER), else -8.",
        ),
        Function::new(
            "auth_get_www_authenticate",
            &[ArgKind::Format, ArgKind::Int, ArgKind::PvWrite],
            Routes::REQUEST,
            challenge::get_www_authenticate,
            "Puts the header line of a challenge into a variable.",
        ),
        Function::new(
            "has_credentials",
            &[ArgKind::Format],
            Routes::REQUEST,
            functions::has_credentials,
            "Whether the request has credentials for a realm, right or wrong.",
        ),
        Function::new(
            "auth_algorithm",
            &[ArgKind::Format],
            Routes::REQUEST,
            functions::auth_algorithm,
            "Another algorithm for what is checked and challenged on this message.",
        ),
    ],
    start,
    ..Module::EMPTY
};

const CHALLENGE: &[ArgKind] = &[ArgKind::Format, ArgKind::Int];
const CREDENTIALS: &[ArgKind] = &[ArgKind::Format, ArgKind::Format, ArgKind::Int];
const CHALLENGED: Routes = Routes::REQUEST.or(Routes::FAILURE).or(Routes::REPLY);
const CHECKS: &str =
    "What a nonce is bound to, added up: 1 request URI, 2 Call-ID, 4 From tag, 8 source address.";

/// The module under one configuration.
pub struct Auth {
    nonces: Nonces,
    counts_nonces: bool,
    one_time_nonces: bool,
    checks: Checks,
    challenge_avp: Option<AvpName>,
    www_header: Vec<u8>,
    proxy_header: Vec<u8>,
    stateless_replies: bool,
    realm_prefix: Vec<u8>,
    use_domain: bool,
    /// What was configured, to be named in challenges.
    algorithm: Option<Algorithm>,
    authentication_info: bool,
}

/// What nonces are bound to, by the kind of request.
struct Checks {
    register: i64,
    no_dialog: i64,
    in_dialog: i64,
}

/// What was found right on this message.
#[derive(Default)]
struct Authorized {
    /// Values of header fields with right credentials.
    fields: Vec<Span>,
    /// `username` and realm of the last.
    user: Option<(Vec<u8>, Vec<u8>)>,
}

/// What `auth_algorithm` chose for the message.
#[derive(Default)]
struct Chosen(Option<Algorithm>);

impl Auth {
    /// What responses on this message are computed with.
    pub fn algorithm_for(&self, context: &Context) -> Algorithm {
        self.named_algorithm(context).unwrap_or(Algorithm::MD5)
    }

    fn named_algorithm(&self, context: &Context) -> Option<Algorithm> {
        context.data.get::<Chosen>().and_then(|chosen| chosen.0).or(self.algorithm)
    }
}

/// Looks for the request's credentials for a realm and at all that shows without a secret. `method` stands for the
/// request's own.
pub fn look(cx: &Cx<'_>, kind: Kind, realm: Str, method: Option<Str>) -> First {
    offer::look(cx.context, cx.state::<Auth>(), kind, realm, method, seconds(cx))
}

/// Whether credentials were made with a secret ([`sip_message::digest::ha1`]). If so, their nonce counts as used, and
/// `consume_credentials()` may take them away.
///
/// A caller that knows no secret for the user must give one that nobody knows, so that the time that the answer takes does
/// not tell who exists.
///
/// # Errors
/// They were not, or the nonce has been used meanwhile.
pub fn check(cx: &mut Cx<'_>, offer: &Offer, ha1: &[u8]) -> Result<(), Denied> {
    let auth = cx.state::<Auth>();
    offer.verify(cx.context, auth, ha1)?;
    offer.note(cx.context);
    if auth.authentication_info {
        let line = offer.authentication_info(cx.context, auth, ha1, seconds(cx));
        cx.context.reply.headers.extend(line.into_iter().flatten());
    }
    Ok(())
}

/// `username` and realm of the credentials that were found right last, if any were.
pub fn credentials(cx: &Cx<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    cx.context.data.get::<Authorized>()?.user.clone()
}

/// Seconds since 1970, as nonces hold them.
fn seconds(cx: &Cx<'_>) -> u32 {
    u32::try_from(cx.shard.unix_time()).unwrap_or(u32::MAX)
}

fn parse_algorithm(name: &[u8]) -> Result<Algorithm, String> {
    match Algorithm::parse(name) {
        Some(algorithm) if !algorithm.session => Ok(algorithm),
        _ if name.is_empty() => Ok(Algorithm::MD5),
        _ => Err(format!(
            "`{}` is no algorithm to challenge with; MD5, SHA-256 and SHA-512-256 are",
            String::from_utf8_lossy(name)
        )),
    }
}

fn start(setup: &mut Setup<'_>) -> Result<State, SetupError> {
    let text = |name: &str, default: &str| {
        setup.text(name).map_or_else(|| default.as_bytes().to_vec(), <[u8]>::to_vec)
    };
    let on = |name| setup.int(name).is_some_and(|value| value != 0);
    let checks = |name| setup.int(name).unwrap_or_default();
    let algorithm = text("algorithm", "");
    let algorithm = if algorithm.is_empty() { None } else { Algorithm::parse(&algorithm) };
    Ok(Arc::new(Auth {
        nonces: nonces(setup),
        counts_nonces: on("nonce_count"),
        one_time_nonces: on("one_time_nonce"),
        checks: Checks {
            register: checks("auth_checks_register"),
            no_dialog: checks("auth_checks_no_dlg"),
            in_dialog: checks("auth_checks_in_dlg"),
        },
        challenge_avp: challenge_avp(setup)?,
        www_header: text("www_challenge_header", "WWW-Authenticate"),
        proxy_header: text("proxy_challenge_header", "Proxy-Authenticate"),
        stateless_replies: on("force_stateless_reply"),
        realm_prefix: text("realm_prefix", ""),
        use_domain: on("use_domain"),
        algorithm,
        authentication_info: on("add_authinfo_hdr"),
    }))
}

/// The nonces, with what the configuration before knew of them where the parameters are the same.
fn nonces(setup: &Setup<'_>) -> Nonces {
    let secret = setup.text("secret").filter(|secret| !secret.is_empty());
    let before = setup.before::<Auth>();
    let keys = before.map(|auth| auth.nonces.keys()).filter(|keys| keys.are_of(secret)).cloned();
    let number = |name| setup.int(name).and_then(|value| u32::try_from(value).ok());
    let on = |name| number(name).is_some_and(|value| value != 0);
    let room = |wanted: bool, size, order| {
        let size = number(order).map(|order| 1 << order).or_else(|| number(size));
        if wanted { size.unwrap_or(1 << 20) } else { 1 }
    };
    let counted = room(on("nonce_count"), "nc_array_size", "nc_array_order");
    let once = room(on("one_time_nonce"), "otn_in_flight_no", "otn_in_flight_order");
    let used = (on("nonce_count") || on("one_time_nonce")).then(|| {
        let known = before.and_then(|auth| auth.nonces.used());
        let known = known.filter(|used| used.has_room_for(counted, once)).cloned();
        known.unwrap_or_else(|| Arc::new(Used::new(counted, once)))
    });
    let keys = keys.unwrap_or_else(|| Arc::new(Keys::new(secret)));
    Nonces::new(
        keys,
        used,
        number("nonce_expire").unwrap_or(300),
        number("nonce_auth_max_drift").unwrap_or(3),
    )
}

/// `challenge_attr`: `$name` or `$avp(name)`.
fn challenge_avp(setup: &Setup<'_>) -> Result<Option<AvpName>, SetupError> {
    let Some(param) = setup.values("challenge_attr").last() else {
        return Ok(Some(AvpName::Text(Str::from_static(b"digest_challenge"))));
    };
    let text = param.value.as_text().unwrap_or_default();
    let name = text.strip_prefix(b"$avp(").and_then(|rest| rest.strip_suffix(b")"));
    let name = name.or_else(|| text.strip_prefix(b"$")).unwrap_or(text);
    AvpName::parse(name).map(Some).map_err(|reason| SetupError::at(param, reason))
}
