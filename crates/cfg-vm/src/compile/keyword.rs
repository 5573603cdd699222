//! Comparisons of operands without `$`: `method == "INVITE"`, `src_ip == 10.0.0.0/8`, `uri == myself`.

use std::net::IpAddr;

use cfg_syntax::ast::{BinaryOp, Expr, ExprKind, Keyword};
use cfg_syntax::{Diagnostic, Span};

use super::Compiler;
use super::constant::{arith, value_of};
use super::expression::Codes;
use crate::host::AddressPattern;
use crate::op::Op;

const PROTOCOLS: [&str; 6] = ["UDP", "TCP", "TLS", "SCTP", "WS", "WSS"];

impl Compiler<'_> {
    /// Compiles a comparison if one side is a keyword; false if none is.
    pub(super) fn keyword_comparison(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> bool {
        let negated = op == BinaryOp::Ne;
        let (keyword, other) = match (&left.kind, &right.kind) {
            (ExprKind::Myself, ExprKind::Keyword(keyword))
            | (ExprKind::Keyword(keyword), ExprKind::Myself) => {
                self.myself(*keyword, op, span);
                return true;
            }
            (ExprKind::Keyword(keyword), _) => (*keyword, right),
            _ => return false,
        };
        match keyword {
            _ if op == BinaryOp::Match => {
                self.then(Op::Keyword(keyword), left.span);
                self.pattern(other, span);
            }
            Keyword::SrcIp | Keyword::DstIp | Keyword::SndIp | Keyword::ToIp => {
                self.address(keyword, negated, other, span)
            }
            Keyword::Proto | Keyword::SndProto => self.one_of(&PROTOCOLS, keyword, negated, other, span),
            Keyword::Af | Keyword::SndAf => self.one_of(&["INET", "INET6"], keyword, negated, other, span),
            Keyword::SrcPort
            | Keyword::DstPort
            | Keyword::SndPort
            | Keyword::ToPort
            | Keyword::MsgLen
            | Keyword::MaxLen => {
                self.amount(op, keyword, other, span);
            }
            Keyword::Method | Keyword::Uri | Keyword::FromUri | Keyword::ToUri | Keyword::Status => {
                self.text_keyword(op, keyword, other, span);
            }
        }
        true
    }

    fn myself(&mut self, keyword: Keyword, op: BinaryOp, span: Span) {
        let allowed = matches!(
            keyword,
            Keyword::Uri
                | Keyword::FromUri
                | Keyword::ToUri
                | Keyword::SrcIp
                | Keyword::DstIp
                | Keyword::SndIp
                | Keyword::ToIp
        );
        if !allowed || !matches!(op, BinaryOp::Eq | BinaryOp::Ne) {
            let help =
                "it is compared by == and != with uri, from_uri, to_uri, src_ip, dst_ip, to_ip or snd_ip";
            return self.tell(
                Diagnostic::error("myself-operand", span, "`myself` does not go with this").help(help),
            );
        }
        self.then(Op::Myself(keyword), span);
        if op == BinaryOp::Ne {
            self.then(Op::Not, span);
        }
    }

    fn address(&mut self, keyword: Keyword, negated: bool, other: &Expr, span: Span) {
        let text = match &other.kind {
            ExprKind::Word(text) | ExprKind::Str(text) => String::from_utf8_lossy(text).into_owned(),
            _ => {
                self.then(Op::Keyword(keyword), span);
                self.any(other, Codes::Truth);
                return self.then(Op::EqualFoldPair(negated), span);
            }
        };
        let Some(pattern) = address_pattern(&text) else {
            let message = format!("`{text}` is neither an address, a network nor a host name");
            return self.tell(Diagnostic::error("address", other.span, message));
        };
        self.program.addresses.push((keyword, pattern));
        let index = self.program.addresses.len() as u32 - 1;
        self.then(Op::Address(index), span);
        if negated {
            self.then(Op::Not, span);
        }
    }

    /// `proto == UDP`, `af == INET6`.
    fn one_of(&mut self, words: &[&str], keyword: Keyword, negated: bool, other: &Expr, span: Span) {
        match &other.kind {
            ExprKind::Word(word) if words.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(word)) => {
                self.then(Op::Keyword(keyword), span);
                let constant = self.keep_text(word);
                self.then(Op::EqualFold(negated, constant), span);
            }
            ExprKind::Str(text) => {
                let word = String::from_utf8_lossy(text).to_ascii_uppercase();
                self.tell(
                    Diagnostic::warning("quoted-keyword", other.span, "this comparison is never true")
                        .help(format!("write `{word}` without quotes")),
                );
                self.then(Op::Int(0), span);
            }
            ExprKind::Pv(_) => {
                self.then(Op::Keyword(keyword), span);
                self.any(other, Codes::Truth);
                self.then(Op::EqualFoldPair(negated), span);
            }
            _ => {
                let message = format!("expected one of {}", words.join(", "));
                self.tell(Diagnostic::error("keyword-value", other.span, message));
            }
        }
    }

    fn amount(&mut self, op: BinaryOp, keyword: Keyword, other: &Expr, span: Span) {
        let Some(arith) = number_comparison(op) else {
            return self.tell(Diagnostic::error(
                "keyword-operator",
                span,
                "numbers are compared by ==, !=, <, >, <=, >=",
            ));
        };
        self.then(Op::Keyword(keyword), span);
        self.then(Op::ToInt, span);
        if let ExprKind::Keyword(right) = other.kind {
            self.then(Op::Keyword(right), other.span);
            self.then(Op::ToInt, other.span);
        } else {
            self.number(other, Codes::Truth);
        }
        self.then(Op::Arith(arith), span);
    }

    fn text_keyword(&mut self, op: BinaryOp, keyword: Keyword, other: &Expr, span: Span) {
        if !matches!(op, BinaryOp::Eq | BinaryOp::Ne | BinaryOp::StrEq | BinaryOp::StrNe) {
            let message = "this operand is compared by ==, != and =~";
            return self.tell(Diagnostic::error("keyword-operator", span, message));
        }
        let negated = matches!(op, BinaryOp::Ne | BinaryOp::StrNe);
        self.then(Op::Keyword(keyword), span);
        let constant = match &other.kind {
            ExprKind::Word(word) => Some(self.keep_text(word)),
            _ => value_of(other).map(|value| self.keep(value)),
        };
        match constant {
            Some(constant) => self.then(Op::EqualFold(negated, constant), span),
            None => {
                self.any(other, Codes::Truth);
                self.then(Op::EqualFoldPair(negated), span);
            }
        }
    }

    /// A keyword, `myself` or a bare word where a value is wanted.
    pub(super) fn misplaced(&mut self, expr: &Expr) {
        let diagnostic = match &expr.kind {
            ExprKind::Word(word) => {
                let word = String::from_utf8_lossy(word);
                Diagnostic::error("bare-word", expr.span, format!("`{word}` is no value"))
                    .help(format!("write \"{word}\" for a text"))
            }
            ExprKind::Myself => Diagnostic::error("myself-operand", expr.span, "`myself` is no value")
                .help("compare it with uri, from_uri, to_uri, src_ip or dst_ip; is_myself(\"$rd\") tests a variable"),
            _ => Diagnostic::error("keyword-operand", expr.span, "this operand only stands left of a comparison"),
        };
        self.tell(diagnostic);
    }
}

fn number_comparison(op: BinaryOp) -> Option<crate::op::Arith> {
    match op {
        BinaryOp::Eq => arith(BinaryOp::IntEq),
        BinaryOp::Ne => arith(BinaryOp::IntNe),
        BinaryOp::Lt | BinaryOp::Gt | BinaryOp::Le | BinaryOp::Ge | BinaryOp::IntEq | BinaryOp::IntNe => {
            arith(op)
        }
        _ => None,
    }
}

/// Reads `10.0.0.1`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `[::1]`, `[2001:db8::]/32` or a host name.
fn address_pattern(text: &str) -> Option<AddressPattern> {
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    let Ok(address) = bare.parse::<IpAddr>() else {
        let is_name =
            !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        return (is_name && mask.is_none()).then(|| AddressPattern::Name(bare.into()));
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match mask {
        None => most,
        Some(mask) => match mask.parse::<u8>() {
            Ok(prefix) if prefix <= most => prefix,
            Ok(_) => return None,
            Err(_) => prefix_of(mask)?,
        },
    };
    Some(AddressPattern::Net { address, prefix })
}

/// The length of a mask such as `255.255.0.0`; none if its ones are not in one piece.
fn prefix_of(mask: &str) -> Option<u8> {
    let bits = match mask.trim_start_matches('[').trim_end_matches(']').parse().ok()? {
        IpAddr::V4(mask) => u128::from(u32::from(mask)) << 96,
        IpAddr::V6(mask) => u128::from(mask),
    };
    (bits.leading_ones() + bits.trailing_zeros() >= 128 || bits == 0).then_some(bits.leading_ones() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_every_form() {
        let net = |address: &str, prefix| {
            Some(AddressPattern::Net { address: address.parse().expect("an address"), prefix })
        };
        assert_eq!(address_pattern("10.0.0.1"), net("10.0.0.1", 32));
        assert_eq!(address_pattern("10.0.0.0/8"), net("10.0.0.0", 8));
        assert_eq!(address_pattern("10.0.0.0/255.0.0.0"), net("10.0.0.0", 8));
        assert_eq!(address_pattern("[::1]"), net("::1", 128));
        assert_eq!(address_pattern("[2001:db8::]/32"), net("2001:db8::", 32));
        assert_eq!(address_pattern("localhost"), Some(AddressPattern::Name("localhost".into())));
        assert_eq!(address_pattern("10.0.0.0/33"), None);
        assert_eq!(address_pattern("10.0.0.0/255.0.255.0"), None);
    }
}
