//! `listen`, `socket`, `alias`.

use super::{Parse, Parser};
use crate::ast::{Alias, Item, Listen, Name, Text};
use crate::diagnostic::{Diagnostic, codes};
use crate::lex::token::{Punct, Token, TokenKind};
use crate::source::{Span, Spanned};

const PROTOCOLS: &[&str] = &["udp", "tcp", "tls", "sctp", "UDP", "TCP", "TLS", "SCTP"];
const LISTEN_FORM: &str = "write listen=proto:address:port";
/// Ports that one `bind = …:5060-5099` may open.
const MAX_PORT_RANGE: i64 = 1024;

impl Parser<'_> {
    /// `listen=a b c`
    pub(super) fn listen(&mut self, items: &mut Vec<Item>) -> Parse<()> {
        self.bump();
        self.bump();
        loop {
            let listen = self.listen_address()?;
            items.push(Item::Listen(listen));
            if !self.address_follows() {
                return Ok(());
            }
        }
    }

    /// Whether the next token goes on with a list of addresses.
    fn address_follows(&self) -> bool {
        let (token, next) = (self.peek(), self.nth(1));
        match &token.kind {
            TokenKind::Number { .. } | TokenKind::Mixed(_) | TokenKind::Str(_) => true,
            TokenKind::Punct(Punct::BracketOpen | Punct::Star | Punct::ParenOpen | Punct::Colon) => true,
            TokenKind::Word(word) if PROTOCOLS.contains(&word.as_str()) => next.is(Punct::Colon),
            TokenKind::Word(_) => !token.on_new_line && !next.is(Punct::Assign),
            _ => false,
        }
    }

    fn listen_address(&mut self) -> Parse<Listen> {
        let start = self.peek().span;
        let proto = self.protocol();
        self.refuse_other_protocol()?;
        let hosts = self.hosts()?;
        let port = self.port()?;
        let mut listen = Listen {
            proto,
            hosts,
            port,
            advertise: None,
            name: None,
            agname: None,
            workers: None,
            is_virtual: false,
            span: start,
        };
        if self.is_word("advertise") || self.is_word("ADVERTISE") {
            self.bump();
            listen.advertise = Some(self.alias()?);
        }
        if self.is_word("name") || self.is_word("NAME") {
            self.bump();
            listen.name = Some(self.string("a name in quotes", "write name \"…\"")?);
        }
        if self.is_word("virtual") {
            self.bump();
            listen.is_virtual = true;
        }
        if let Some(word @ ("advertise" | "name" | "virtual")) = self.peek().word()
            && !self.nth(1).is(Punct::Assign)
        {
            let span = self.peek().span;
            return Err(self.report(
                Diagnostic::error(codes::EXPECTED_ADDRESS, span, format!("`{word}` cannot stand here"))
                    .help("each can stand once, in the order advertise, name, virtual"),
            ));
        }
        listen.span = self.since(start);
        Ok(listen)
    }

    /// `udp:` and the like.
    fn protocol(&mut self) -> Option<Name> {
        let word = self.peek().word()?;
        if !PROTOCOLS.contains(&word) || !self.nth(1).is(Punct::Colon) {
            return None;
        }
        let name = self.word();
        self.bump();
        name
    }

    /// A word and a colon with more than a port behind it.
    fn refuse_other_protocol(&mut self) -> Parse<()> {
        let token = self.peek();
        let Some(word) = token.word() else { return Ok(()) };
        let host_follows = match self.nth(2).kind {
            TokenKind::Number { .. } => self.nth(3).is(Punct::Dot),
            TokenKind::Word(_) | TokenKind::Punct(Punct::BracketOpen | Punct::Star) => true,
            _ => false,
        };
        if !self.nth(1).is(Punct::Colon) || !host_follows {
            return Ok(());
        }
        let message = format!("one cannot listen on `{word}`");
        Err(self.report(
            Diagnostic::error(codes::EXPECTED_ADDRESS, token.span, message)
                .help("there are udp, tcp, tls and sctp; WebSocket uses tcp and tls"),
        ))
    }

    /// A host, or `(a, b)`.
    fn hosts(&mut self) -> Parse<Vec<Text>> {
        if self.eat(Punct::ParenOpen).is_none() {
            return Ok(vec![self.host()?]);
        }
        let mut hosts = vec![self.host()?];
        while self.eat(Punct::Comma).is_some() {
            hosts.push(self.host()?);
        }
        self.expect(Punct::ParenClose, "write proto:(address, address):port")?;
        Ok(hosts)
    }

    /// `:5060`
    fn port(&mut self) -> Parse<Option<Spanned<i64>>> {
        if self.eat(Punct::Colon).is_none() {
            return Ok(None);
        }
        let Some(port) = self.number() else {
            return Err(self.expected(codes::EXPECTED_ADDRESS, "a port number", LISTEN_FORM));
        };
        if !(0..=65535).contains(&port.node) {
            self.report(
                Diagnostic::error(
                    codes::EXPECTED_ADDRESS,
                    port.span,
                    format!("there is no port {}", port.node),
                )
                .help("ports go up to 65535"),
            );
        }
        Ok(Some(port))
    }

    /// An address, host name or interface, quoted or bare; `*`.
    pub(super) fn host(&mut self) -> Parse<Text> {
        let token = self.peek();
        if let Some(text) = self.bare_ipv6() {
            return Ok(Spanned::new(text.into_bytes(), self.since(token.span)));
        }
        match &token.kind {
            TokenKind::Str(string) => {
                self.bump();
                Ok(Spanned::new(string.clone(), token.span))
            }
            TokenKind::Punct(Punct::Star) => {
                self.bump();
                Ok(Spanned::new(b"*".to_vec(), token.span))
            }
            TokenKind::Punct(Punct::BracketOpen) => self.bracketed(),
            TokenKind::Word(_) | TokenKind::Mixed(_) | TokenKind::Number { .. } => self.dotted(),
            _ => {
                let what = "an address, host name or interface";
                Err(self.expected(codes::EXPECTED_ADDRESS, what, LISTEN_FORM))
            }
        }
    }

    /// `[2001:db8::1]`
    fn bracketed(&mut self) -> Parse<Text> {
        let open = self.bump().span;
        let mut text = String::from("[");
        while let Some(part) = self.peek().text()
            && !self.is(Punct::BracketClose)
            && !self.peek().on_new_line
        {
            text.push_str(part);
            self.bump();
        }
        self.expect(Punct::BracketClose, "an IPv6 address stands in brackets")?;
        text.push(']');
        let span = self.since(open);
        let inside = text.trim_matches(['[', ']']);
        let address = inside.split_once('%').map_or(inside, |(address, _)| address);
        if address.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(self.no_address(&text, span));
        }
        Ok(Spanned::new(text.into_bytes(), span))
    }

    /// An IPv6 address without brackets.
    fn bare_ipv6(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut length = 0;
        while let token = self.nth(length)
            && (length == 0 || !token.spaced)
            && is_ipv6_part(token)
        {
            text.push_str(token.text()?);
            length += 1;
        }
        text.parse::<std::net::Ipv6Addr>().ok()?;
        for _ in 0..length {
            self.bump();
        }
        Some(text)
    }

    /// `10.0.0.1`, `a-b.example.com`, `eth0`
    fn dotted(&mut self) -> Parse<Text> {
        let start = self.peek().span;
        let mut text = String::new();
        loop {
            let part = self.peek();
            if let TokenKind::Word(word) | TokenKind::Mixed(word) | TokenKind::Number { text: word, .. } =
                &part.kind
            {
                text.push_str(word);
                self.bump();
            } else {
                let what = "the rest of an address or host name";
                return Err(self.expected(codes::EXPECTED_ADDRESS, what, LISTEN_FORM));
            }
            // Interfaces may be called `eth0.100`, `br-lan`.
            let joint = self.peek();
            let joins = joint.is(Punct::Dot) || (joint.is(Punct::Minus) && !joint.spaced);
            if !joins {
                break;
            }
            text.push_str(joint.text().unwrap_or_default());
            self.bump();
        }
        let span = self.since(start);
        let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if numeric && text.parse::<std::net::Ipv4Addr>().is_err() {
            return Err(self.no_address(&text, span));
        }
        Ok(Spanned::new(text.into_bytes(), span))
    }

    fn no_address(&mut self, text: &str, span: Span) -> super::Reported {
        self.report(
            Diagnostic::error(codes::EXPECTED_ADDRESS, span, format!("`{text}` is no address"))
                .help("an IPv4 address has four numbers up to 255; an IPv6 address stands in brackets"),
        )
    }

    /// `[proto:]host[:port]`
    fn alias(&mut self) -> Parse<Alias> {
        let proto = self.protocol();
        let host = self.host()?;
        let port = self.port()?;
        Ok(Alias { proto, host, port })
    }

    /// `alias=a b c`
    pub(super) fn aliases(&mut self) -> Parse<Vec<Alias>> {
        self.bump();
        self.bump();
        let mut aliases = vec![self.alias()?];
        while self.address_follows() {
            aliases.push(self.alias()?);
        }
        Ok(aliases)
    }

    /// `socket = { bind = …; advertise = …; … }`
    pub(super) fn socket(&mut self, items: &mut Vec<Item>) -> Parse<()> {
        let start = self.bump().span;
        self.eat(Punct::Assign);
        let open = self.expect(Punct::BraceOpen, "write socket = { bind = proto:address:port; }")?;
        let mut socket = Listen {
            proto: None,
            hosts: Vec::new(),
            port: None,
            advertise: None,
            name: None,
            agname: None,
            workers: None,
            is_virtual: false,
            span: start,
        };
        let mut last_port = None;
        while self.eat(Punct::BraceClose).is_none() {
            if self.at_end() || self.at_route_head() {
                return Err(self.unclosed_brace(open));
            }
            let start = self.at;
            if self.socket_attribute(&mut socket, &mut last_port).is_err() {
                self.skip_statement();
            }
            if self.at == start {
                self.bump();
            }
        }
        socket.span = self.since(start);
        if socket.hosts.is_empty() {
            return Err(self.report(
                Diagnostic::error(codes::EXPECTED_ADDRESS, socket.span, "this socket has no address")
                    .help("write bind = proto:address:port;"),
            ));
        }
        let first = socket.port.as_ref().map(|port| port.node);
        items.push(Item::Listen(socket.clone()));
        if let (Some(first), Some(last)) = (first, last_port) {
            items.extend((first + 1..=last).map(|port| {
                let port = socket.port.as_ref().map(|at| Spanned::new(port, at.span));
                Item::Listen(Listen { port, ..socket.clone() })
            }));
        }
        Ok(())
    }

    fn socket_attribute(&mut self, socket: &mut Listen, last_port: &mut Option<i64>) -> Parse<()> {
        const NAMES: &str = "there are bind, advertise, name, agname, workers, virtual and vrf";
        if self.eat(Punct::Semicolon).is_some() {
            return Ok(());
        }
        let Some(name) = self.word() else {
            return Err(self.expected(codes::EXPECTED_NAME, "an attribute of the socket", NAMES));
        };
        self.expect(Punct::Assign, "write name = value;")?;
        match name.node.as_str() {
            "bind" => {
                socket.proto = self.protocol();
                socket.hosts = self.hosts()?;
                socket.port = self.port()?;
                *last_port = self.last_port(socket.port.as_ref())?;
            }
            "advertise" => socket.advertise = Some(self.alias()?),
            "name" => socket.name = Some(self.string("a name in quotes", "write name = \"…\";")?),
            "agname" => socket.agname = Some(self.string("a name in quotes", "write agname = \"…\";")?),
            "vrf" => _ = self.string("a name in quotes", "write vrf = \"…\";")?,
            "workers" => match self.number() {
                Some(workers) => socket.workers = Some(workers),
                None => return Err(self.expected(codes::EXPECTED_VALUE, "a number", "write workers = 4;")),
            },
            "virtual" => match self.boolean() {
                Some(value) => {
                    self.bump();
                    socket.is_virtual = value != 0;
                }
                None => {
                    return Err(self.expected(codes::EXPECTED_VALUE, "yes or no", "write virtual = yes;"));
                }
            },
            other => {
                let message = format!("a socket has no `{other}`");
                return Err(
                    self.report(Diagnostic::error(codes::EXPECTED_NAME, name.span, message).help(NAMES))
                );
            }
        }
        if !self.is(Punct::BraceClose) {
            self.expect(Punct::Semicolon, "end the attribute with `;`")?;
        }
        Ok(())
    }

    /// `-5070` behind a port.
    fn last_port(&mut self, first: Option<&Spanned<i64>>) -> Parse<Option<i64>> {
        let Some(first) = first else { return Ok(None) };
        if self.eat(Punct::Minus).is_none() {
            return Ok(None);
        }
        let Some(last) = self.number() else {
            return Err(self.expected(codes::EXPECTED_ADDRESS, "the last port", "write 5060-5070"));
        };
        if last.node < first.node || last.node > 65535 || last.node - first.node >= MAX_PORT_RANGE {
            let message = format!("{} to {} is no range of ports", first.node, last.node);
            let help =
                format!("the second is larger, at most 65535, and at most {MAX_PORT_RANGE} ports follow");
            return Err(
                self.report(Diagnostic::error(codes::EXPECTED_ADDRESS, last.span, message).help(help))
            );
        }
        Ok(Some(last.node))
    }
}

fn is_ipv6_part(token: &Token) -> bool {
    match &token.kind {
        TokenKind::Punct(punct) => matches!(punct, Punct::Colon | Punct::Dot),
        TokenKind::Word(text) | TokenKind::Mixed(text) | TokenKind::Number { text, .. } => {
            text.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        _ => false,
    }
}
