//! Field by field: each header that is read is read strictly.

use super::text;
use super::{Clause, Judge};
use crate::content::ContentType;
use crate::credentials::Credentials;
use crate::cseq::CSeq;
use crate::date::Date;
use crate::error::Rule;
use crate::grammar::{decimal, find_outside, offset_in, trim};
use crate::header::{HeaderField, HeaderId};
use crate::name_addr::NameAddr;
use crate::via::Via;

impl Judge<'_> {
    pub(super) fn fields(&mut self) {
        let message = self.message;
        for field in message.headers() {
            let value = message.bytes(field.value);
            match field.id {
                HeaderId::Via => self.via(value),
                HeaderId::From
                | HeaderId::To
                | HeaderId::ReplyTo
                | HeaderId::ReferTo
                | HeaderId::ReferredBy
                | HeaderId::PPreferredIdentity => self.address(value),
                HeaderId::Contact if value == b"*" => {}
                HeaderId::Contact
                | HeaderId::Route
                | HeaderId::RecordRoute
                | HeaderId::Path
                | HeaderId::ServiceRoute
                | HeaderId::PAssertedIdentity
                | HeaderId::Diversion => self.each(value, Self::address),
                HeaderId::CallId => self.call_id(value),
                HeaderId::CSeq => self.cseq(value),
                HeaderId::ContentLength => self.number(field, Clause::ContentLength, u32::MAX),
                HeaderId::MaxForwards => self.number(field, Clause::MaxForwards, 255),
                HeaderId::Expires | HeaderId::MinExpires | HeaderId::RSeq => {
                    self.number(field, Clause::Number, u32::MAX);
                }
                HeaderId::RetryAfter => self.retry_after(value),
                HeaderId::ContentType => self.content_type(value),
                HeaderId::Date if Date::parse(value).is_err() => self.note(Clause::Date, field.value),
                HeaderId::Authorization | HeaderId::ProxyAuthorization => self.credentials(value),
                _ => {}
            }
        }
    }

    /// Judges each value of a list; an empty one is a fault of the list.
    fn each(&mut self, list: &[u8], judge: fn(&mut Self, &[u8])) {
        let mut rest = Some(list);
        while let Some(text) = rest {
            let comma = find_outside(text, b',');
            let value = trim(&text[..comma.unwrap_or(text.len())]);
            if value.is_empty() {
                self.note_part(Clause::ListSeparator, value);
            } else {
                judge(self, value);
            }
            rest = comma.map(|comma| &text[comma + 1..]);
        }
    }

    fn via(&mut self, list: &[u8]) {
        self.each(list, |judge, value| {
            let Ok(via) = Via::parse(value) else { return judge.note_part(Clause::Via, value) };
            if !via.protocol.eq_ignore_ascii_case(b"SIP") || via.version != b"2.0" {
                judge.note_part(Clause::Version, via.version);
            }
            if !text::is_host(via.host) {
                judge.note_part(Clause::Host, via.host);
            }
            let has_params = value[via.sent_by_end..].contains(&b';');
            judge.params(via.params_text, has_params);
            if via.branch() == Some(b"z9hG4bK") {
                judge.note_part(Clause::Branch, value);
            }
        });
    }

    fn address(&mut self, value: &[u8]) {
        let addr = match NameAddr::parse(value) {
            Ok(addr) => addr,
            Err(error) => {
                let clause = match error.rule {
                    Rule::Quote | Rule::DisplayName => Clause::DisplayName,
                    _ => Clause::Address,
                };
                return self.note_part(clause, value);
            }
        };
        if !text::is_display_name(addr.display) {
            self.note_part(Clause::DisplayName, addr.display);
        }
        let start = offset_in(value, addr.uri_text);
        let end = start + addr.uri_text.len();
        let after_uri = value.get(end).copied();
        // In brackets: `< sip:a@b >` has white space where none may be. Without: a `?` belongs to no URI.
        let tight = !addr.bracketed || (start > 0 && value[start - 1] == b'<' && after_uri == Some(b'>'));
        if !tight || (!addr.bracketed && after_uri == Some(b'?')) {
            self.note_part(Clause::Address, value);
        }
        match addr.uri() {
            Ok(uri) => self.uri(&uri),
            Err(_) => self.note_part(Clause::Uri, addr.uri_text),
        }
        self.params(addr.params_text, value[end..].contains(&b';'));
        if let Some(Err(_)) = addr.expires() {
            self.note_part(Clause::Number, addr.params_text);
        }
    }

    fn params(&mut self, text: &[u8], present: bool) {
        if present && !text::are_params(text) {
            self.note_part(Clause::Parameters, text);
        }
    }

    fn call_id(&mut self, value: &[u8]) {
        if !text::is_call_id(value) {
            self.note_part(Clause::CallId, value);
        }
    }

    fn cseq(&mut self, value: &[u8]) {
        match CSeq::parse(value) {
            Err(error) if error.rule == Rule::CSeqMethod => self.note_part(Clause::CSeqMethod, value),
            Err(_) => self.note_part(Clause::CSeqNumber, value),
            Ok(cseq) => {
                if cseq.number > i32::MAX.unsigned_abs() {
                    self.note_part(Clause::CSeqNumber, cseq.number_text);
                }
                if self.message.is_request() && cseq.method_text != self.message.method_text() {
                    self.note_part(Clause::CSeqMethod, cseq.method_text);
                }
            }
        }
    }

    fn number(&mut self, field: &HeaderField, clause: Clause, most: u32) {
        if decimal(self.message.bytes(field.value)).is_none_or(|value| value > most) {
            self.note(clause, field.value);
        }
    }

    /// `delta-seconds [ comment ] *( SEMI retry-param )`
    fn retry_after(&mut self, value: &[u8]) {
        let digits = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
        if decimal(&value[..digits]).is_none() {
            self.note_part(Clause::Number, value);
        }
    }

    fn content_type(&mut self, value: &[u8]) {
        match ContentType::parse(value) {
            Err(_) => self.note_part(Clause::ContentType, value),
            Ok(kind) => self.params(kind.params_text, value.contains(&b';')),
        }
    }

    fn credentials(&mut self, value: &[u8]) {
        if Credentials::parse(value).is_err() {
            self.note_part(Clause::Credentials, value);
        }
    }
}
