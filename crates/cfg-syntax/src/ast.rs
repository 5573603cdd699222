//! The tree of a configuration after preprocessing.
//!
//! Names are kept as written; nothing is resolved. Strings are bytes: escapes are decoded, `#!subst` rules
//! applied. Every node carries its span.

use crate::source::{Span, Spanned};

/// A name as written.
pub type Name = Spanned<String>;
/// A string's value: bytes, after escapes and substitutions.
pub type Text = Spanned<Vec<u8>>;

/// A whole configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Everything at top level, in the order in which it was read (includes in place).
    pub items: Vec<Item>,
}

/// Something at top level.
#[derive(Clone, Debug)]
pub enum Item {
    /// `children=4`, `debug=3`, `log_prefix="…"`, also `coreparam[name]=value` and `kemi.x="…"`.
    CoreParam(CoreParam),
    /// `listen=…`, once an address.
    Listen(Listen),
    /// `alias="host:port" …`, `domain=…`.
    Alias(Vec<Alias>),
    /// `loadmodule`, `loadmodulex`.
    LoadModule(LoadModule),
    /// `loadpath`, `mpath`.
    LoadPath(Text),
    /// `modparam`, `modparamx`.
    ModParam(ModParam),
    /// `cfgengine "python"`.
    CfgEngine(Text),
    /// `flags a:1, b;` or `avpflags …`.
    Flags(Vec<FlagName>),
    /// `group.name = value desc "…"`.
    CustomVar(CustomVar),
    /// Any route block.
    Route(Route),
}

/// A core parameter.
#[derive(Clone, Debug)]
pub struct CoreParam {
    /// As written (`children`, `kemi.onsend_route_callback`).
    pub name: Name,
    /// Its value.
    pub value: ParamValue,
}

/// The value of a core or module parameter.
#[derive(Clone, Debug)]
pub enum ParamValue {
    /// Number; booleans (`yes`, `off`, …) are numbers too.
    Int(Spanned<i64>),
    /// String.
    Str(Text),
    /// A bare word, address or list that is neither (`log_facility=LOG_LOCAL0`), as written.
    Word(Text),
}

/// One `listen` address.
#[derive(Clone, Debug)]
pub struct Listen {
    /// `udp`, `tcp`, `tls`, `sctp`.
    pub proto: Option<Name>,
    /// Host name, address (IPv6 in brackets), interface, or `*`; several for SCTP multihoming.
    pub hosts: Vec<Text>,
    /// Port as written.
    pub port: Option<Spanned<i64>>,
    /// `advertise [proto:]host[:port]`.
    pub advertise: Option<Alias>,
    /// `name "…"`.
    pub name: Option<Text>,
    /// `agname` of a `socket`: the group of asynchronous workers.
    pub agname: Option<Text>,
    /// `workers` of a `socket`.
    pub workers: Option<Spanned<i64>>,
    /// `virtual`.
    pub is_virtual: bool,
    /// The whole of it.
    pub span: Span,
}

/// `[proto:]host[:port]`, as `alias` and `advertise` take it.
#[derive(Clone, Debug)]
pub struct Alias {
    /// Protocol.
    pub proto: Option<Name>,
    /// Host.
    pub host: Text,
    /// Port.
    pub port: Option<Spanned<i64>>,
}

/// `loadmodule "x.so"`.
#[derive(Clone, Debug)]
pub struct LoadModule {
    /// As written (`tm`, `tm.so`, `/usr/lib/…/tm.so`).
    pub path: Text,
    /// Second argument of the two-argument form.
    pub options: Option<Text>,
    /// `loadmodulex`: the text is to be evaluated.
    pub evaluated: bool,
    /// The whole statement.
    pub span: Span,
}

/// `modparam("module", "name", value)`.
#[derive(Clone, Debug)]
pub struct ModParam {
    /// Anchored, case-insensitive expression over module names.
    pub module: Text,
    /// Parameter name.
    pub name: Text,
    /// Value.
    pub value: ParamValue,
    /// `modparamx`: the text is to be evaluated.
    pub evaluated: bool,
    /// The whole statement.
    pub span: Span,
}

/// A name in a `flags` declaration.
#[derive(Clone, Debug)]
pub struct FlagName {
    /// The flag's name.
    pub name: Name,
    /// Its number, if given.
    pub number: Option<Spanned<i64>>,
    /// Declared with `avpflags`.
    pub avp: bool,
}

/// `group.name = value`.
#[derive(Clone, Debug)]
pub struct CustomVar {
    /// Group.
    pub group: Name,
    /// `[N]` of the group.
    pub index: Option<Spanned<i64>>,
    /// Variable.
    pub name: Name,
    /// Value.
    pub value: ParamValue,
    /// `desc "…"`.
    pub description: Option<Text>,
}

/// Which kind of route a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RouteKind {
    /// `request_route`, `route` without a name, `route[0]`.
    Request,
    /// `route[NAME]`.
    Named,
    /// `reply_route`, `onreply_route` without a name.
    CoreReply,
    /// `onreply_route[NAME]`.
    Reply,
    /// `failure_route[NAME]`.
    Failure,
    /// `branch_route[NAME]`.
    Branch,
    /// `onsend_route`.
    OnSend,
    /// `event_route[module:event]`.
    Event,
}

/// A route block. Blocks of the same kind without a name are appended by `cfg-vm`.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its kind.
    pub kind: RouteKind,
    /// Its name, without quotes; numbers as written.
    pub name: Option<Name>,
    /// Its statements.
    pub body: Block,
    /// The head (`route[NAME]`), for messages.
    pub head: Span,
    /// The whole block.
    pub span: Span,
}

/// `{ … }`, or the single statement of an `if`.
#[derive(Clone, Debug)]
pub struct Block {
    /// Statements in order.
    pub statements: Vec<Statement>,
    /// With its braces.
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What it does.
    pub kind: StatementKind,
    /// The whole statement.
    pub span: Span,
}

/// What a statement does.
#[derive(Clone, Debug)]
pub enum StatementKind {
    /// `func(args);` — core and module functions alike, `route(X)` as well.
    Call(Call),
    /// `$x = expr;`
    Assign {
        /// What is written to.
        target: Box<Expr>,
        /// The value.
        value: Box<Expr>,
    },
    /// `if (c) … else …`; an `else if` is a block of one `if`.
    If {
        /// Condition.
        condition: Box<Expr>,
        /// Taken when greater than 0.
        then: Block,
        /// Otherwise.
        otherwise: Option<Block>,
    },
    /// `switch (e) { … }`.
    Switch {
        /// What is compared.
        subject: Box<Expr>,
        /// Labels in order, `default` among them.
        cases: Vec<Case>,
    },
    /// `while (c) …`.
    While {
        /// Condition.
        condition: Box<Expr>,
        /// Repeated.
        body: Block,
    },
    /// `{ … }` by itself.
    Block(Block),
    /// `break;`
    Break,
    /// `return [e];`
    Return(Option<Box<Expr>>),
    /// `exit [e];`
    Exit(Option<Box<Expr>>),
    /// `drop [e];`
    Drop(Option<Box<Expr>>),
    /// A bare expression that the grammar lets stand alone; it has no effect but its functions'.
    Expr(Box<Expr>),
    /// `;`
    Empty,
}

/// A label of a `switch` and what follows it up to the next one.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is compared with.
    pub label: CaseLabel,
    /// Statements; falls through without `break`.
    pub body: Vec<Statement>,
    /// The label's place.
    pub span: Span,
}

/// What a `case` compares with.
#[derive(Clone, Debug)]
pub enum CaseLabel {
    /// `case expr:`, a constant expression.
    Value(Box<Expr>),
    /// `case /"re"flags:`.
    Regex {
        /// POSIX extended expression.
        pattern: Text,
        /// Flags after it.
        flags: String,
    },
    /// `default:`
    Default,
}

/// A call. `route(X)` is one, too, with its name in the first argument.
#[derive(Clone, Debug)]
pub struct Call {
    /// Function as written.
    pub name: Name,
    /// Arguments; empty as well where the parentheses are left out (`force_rport;`).
    pub arguments: Vec<Argument>,
    /// Name and arguments.
    pub span: Span,
}

/// An argument of a call, as written: which of these a function takes is `cfg-vm`'s knowledge.
#[derive(Clone, Debug)]
pub struct Argument {
    /// The value.
    pub kind: ArgumentKind,
    /// Its place.
    pub span: Span,
}

/// Forms of arguments.
#[derive(Clone, Debug)]
pub enum ArgumentKind {
    /// `"…"` or `'…'`: the text may hold pseudo-variables for functions that evaluate them.
    Str(Vec<u8>),
    /// `5`, `-1`, `yes`.
    Int(i64),
    /// `$var(x)` without quotes.
    Pv(Pv),
    /// A bare word (`RELAY`, `TCP`, `uri:host`, `LOG_INFO`), an address or `proto:host:port`.
    Word(Vec<u8>),
    /// Any other expression (`1 + 2`, `$x + "y"`).
    Expr(Box<Expr>),
    /// Nothing between two commas or parentheses.
    Empty,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its place.
    pub span: Span,
}

/// Forms of expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// Number or boolean.
    Int(i64),
    /// String; never interpolated.
    Str(Vec<u8>),
    /// Pseudo-variable.
    Pv(Pv),
    /// `@ruri.user`: the path's parts with their `[index]`.
    Select(String),
    /// Bare keyword operand.
    Keyword(Keyword),
    /// `myself`.
    Myself,
    /// Bare word, address, or network (`INVITE`, `UDP`, `INET6`, `10.0.0.0/8`, `[::1]`, `localhost`).
    Word(Vec<u8>),
    /// A function or `route(X)`.
    Call(Call),
    /// One operand.
    Unary {
        /// Operator.
        op: UnaryOp,
        /// Operand.
        operand: Box<Expr>,
    },
    /// Two operands.
    Binary {
        /// Operator.
        op: Spanned<BinaryOp>,
        /// Left.
        left: Box<Expr>,
        /// Right.
        right: Box<Expr>,
    },
    /// `($x = value)` as (a part of) a condition: assigns, and is what an assignment returns.
    Assign {
        /// What is written to.
        target: Box<Expr>,
        /// The value.
        value: Box<Expr>,
    },
    /// What recovery put where nothing could be read; an error was reported.
    Error,
}

/// Operands without `$`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keyword {
    /// `method`
    Method,
    /// `uri`
    Uri,
    /// `status`
    Status,
    /// `from_uri`
    FromUri,
    /// `to_uri`
    ToUri,
    /// `src_ip`
    SrcIp,
    /// `src_port`
    SrcPort,
    /// `dst_ip`
    DstIp,
    /// `dst_port`
    DstPort,
    /// `proto`
    Proto,
    /// `af`
    Af,
    /// `msg:len`
    MsgLen,
    /// `snd_ip`: our address that a message leaves from
    SndIp,
    /// `snd_port`: our port
    SndPort,
    /// `to_ip`: where it goes
    ToIp,
    /// `to_port`
    ToPort,
    /// `snd_proto`, `to_proto`
    SndProto,
    /// `snd_af`, `to_af`
    SndAf,
    /// `max_len`
    MaxLen,
}

/// Operators with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `!`, `not`
    Not,
    /// `-`
    Minus,
    /// `~`
    BitNot,
    /// `defined`
    Defined,
    /// `(int)`
    ToInt,
    /// `(str)`
    ToStr,
    /// `strlen(…)`
    StrLen,
    /// `strempty(…)`
    StrEmpty,
}

/// Operators with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `||`, `or`
    Or,
    /// `&&`, `and`
    And,
    /// `|`
    BitOr,
    /// `&`
    BitAnd,
    /// `^`
    BitXor,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `eq`: string comparison
    StrEq,
    /// `ne`
    StrNe,
    /// `ieq`: number comparison
    IntEq,
    /// `ine`
    IntNe,
    /// `=~`
    Match,
    /// `<`
    Lt,
    /// `>`
    Gt,
    /// `<=`
    Le,
    /// `>=`
    Ge,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `mod`
    Mod,
}

/// A pseudo-variable: `$name`, `$name(inner)`, `$(name(inner)[index]{transformation}…)`.
#[derive(Clone, Debug)]
pub struct Pv {
    /// Name without `$`.
    pub name: Name,
    /// What stands in the parentheses.
    pub inner: Option<Template>,
    /// What stands in the brackets.
    pub index: Option<PvIndex>,
    /// Transformations in order.
    pub transformations: Vec<Transformation>,
    /// From `$` to the end.
    pub span: Span,
}

/// Text with pseudo-variables in it; parts in order.
#[derive(Clone, Debug)]
pub struct Template {
    /// The parts.
    pub parts: Vec<TemplatePart>,
    /// The whole text.
    pub span: Span,
}

/// A part of a template.
#[derive(Clone, Debug)]
pub enum TemplatePart {
    /// As it stands (`$$` is one `$`).
    Text(Vec<u8>),
    /// To be read when the template is evaluated.
    Pv(Box<Pv>),
}

/// `[…]` after a pseudo-variable's name.
#[derive(Clone, Debug)]
pub enum PvIndex {
    /// A number; negative counts from the end.
    At(Spanned<i64>),
    /// `[*]`.
    All(Span),
    /// Another pseudo-variable.
    Pv(Box<Pv>),
}

/// `{class.name,arguments}`.
#[derive(Clone, Debug)]
pub struct Transformation {
    /// As written before the first comma, for example `s.substr` or `encode.hexa`'s `s.encode.hexa`.
    pub name: Name,
    /// After it; each a number, text, or one pseudo-variable.
    pub arguments: Vec<TransformationArg>,
    /// With its braces.
    pub span: Span,
}

/// An argument of a transformation.
#[derive(Clone, Debug)]
pub enum TransformationArg {
    /// As written (numbers too: which it is depends on the transformation).
    Text(Text),
    /// Evaluated when the transformation runs.
    Pv(Box<Pv>),
}
