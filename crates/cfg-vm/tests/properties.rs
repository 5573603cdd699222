//! Random expressions come out as a direct evaluation of their tree does.

mod support;

use std::path::Path;

use cfg_syntax::Options;
use cfg_syntax::ast::{BinaryOp, Expr, ExprKind, Item, StatementKind, UnaryOp};
use cfg_vm::number::parse_int;
use cfg_vm::{Str, Value};
use proptest::prelude::*;
use support::{HEAD, Memory, World};

/// Type as far as it is known without running.
#[derive(Clone, Copy, PartialEq)]
enum Static {
    Int,
    Str,
    Open,
}

fn static_type(expr: &Expr) -> Static {
    match &expr.kind {
        ExprKind::Int(_) => Static::Int,
        ExprKind::Str(_) | ExprKind::Unary { op: UnaryOp::ToStr, .. } => Static::Str,
        ExprKind::Pv(_) => Static::Open,
        ExprKind::Binary { op, left, .. } if op.node == BinaryOp::Add => static_type(left),
        _ => Static::Int,
    }
}

/// Division by zero: the whole expression is given up.
struct Failed;

/// The value in a place that takes any.
fn any(expr: &Expr) -> Result<Value, Failed> {
    Ok(match &expr.kind {
        ExprKind::Int(number) => Value::Int(*number),
        ExprKind::Str(text) => Value::from(text.as_slice()),
        ExprKind::Pv(pv) => variable(pv),
        ExprKind::Unary { op, operand } => match op {
            UnaryOp::Not => Value::Int((number(operand)? == 0).into()),
            UnaryOp::Minus => Value::Int(number(operand)?.wrapping_neg()),
            UnaryOp::BitNot => Value::Int(!number(operand)?),
            UnaryOp::ToInt => Value::Int(number(operand)?),
            UnaryOp::ToStr => Value::Str(any(operand)?.to_str()),
            UnaryOp::Defined => Value::Int((!any(operand)?.is_null()).into()),
            UnaryOp::StrLen => Value::Int(any(operand)?.to_str().len() as i64),
            UnaryOp::StrEmpty => Value::Int(any(operand)?.to_str().is_empty().into()),
        },
        ExprKind::Binary { op, left, right } => binary(op.node, left, right)?,
        other => panic!("{other:?} is not made"),
    })
}

/// The value in a place that takes a number, where `+` adds.
fn number(expr: &Expr) -> Result<i64, Failed> {
    if let ExprKind::Binary { op, left, right } = &expr.kind
        && op.node == BinaryOp::Add
        && static_type(left) != Static::Str
        && neutral(op.node, left, right).is_none()
    {
        return Ok(number(left)?.wrapping_add(number(right)?));
    }
    Ok(int(&any(expr)?))
}

fn int(value: &Value) -> i64 {
    match value {
        Value::Null => 0,
        Value::Int(number) => *number,
        Value::Str(text) => parse_int(text).unwrap_or(0),
    }
}

/// The operand that stays when the other is neutral.
fn neutral<'a>(op: BinaryOp, left: &'a Expr, right: &'a Expr) -> Option<&'a Expr> {
    let constant = |expr: &Expr| constant(expr).map(|value| int(&value));
    if constant(left).is_some() && constant(right).is_some() {
        return None;
    }
    let (on_left, on_right) = match op {
        BinaryOp::And | BinaryOp::Mul => (Some(1), Some(1)),
        BinaryOp::Or | BinaryOp::BitOr => (Some(0), Some(0)),
        BinaryOp::Add => (Some(0), (static_type(left) == Static::Int).then_some(0)),
        BinaryOp::Sub => (None, Some(0)),
        BinaryOp::Div => (None, Some(1)),
        _ => (None, None),
    };
    let is_int = |expr: &Expr| static_type(expr) == Static::Int;
    if on_left.is_some() && is_int(left) && constant(left) == on_left {
        Some(right)
    } else if on_right.is_some() && is_int(right) && constant(right) == on_right {
        Some(left)
    } else {
        None
    }
}

/// The value if nothing in it depends on anything; a division by zero is left for the run.
fn constant(expr: &Expr) -> Option<Value> {
    let depends = match &expr.kind {
        ExprKind::Pv(_) => true,
        ExprKind::Unary { operand, .. } => constant(operand).is_none(),
        ExprKind::Binary { left, right, .. } => constant(left).is_none() || constant(right).is_none(),
        _ => false,
    };
    if depends { None } else { any(expr).ok() }
}

fn binary(op: BinaryOp, left: &Expr, right: &Expr) -> Result<Value, Failed> {
    if let Some(inner) = neutral(op, left, right) {
        return number(inner).map(Value::Int);
    }
    let truth = |truth: bool| Value::Int(truth.into());
    Ok(match op {
        BinaryOp::And => truth(number(left)? != 0 && number(right)? != 0),
        BinaryOp::Or => truth(number(left)? != 0 || number(right)? != 0),
        BinaryOp::Add => match (static_type(left), any(left)) {
            (Static::Int, _) => Value::Int(number(left)?.wrapping_add(number(right)?)),
            (_, Ok(Value::Int(sum))) => Value::Int(sum.wrapping_add(number(right)?)),
            (_, value) => {
                let joined = [value?.to_str().as_bytes(), any(right)?.to_str().as_bytes()].concat();
                Value::Str(joined.into())
            }
        },
        // Kamailio makes `strempty()` of it, so that 0 is not empty.
        BinaryOp::Eq
            if static_type(left) == Static::Open
                && constant(right).is_some_and(|right| right.as_text().is_some_and(<[u8]>::is_empty)) =>
        {
            truth(any(left)?.to_str().is_empty())
        }
        BinaryOp::Eq | BinaryOp::Ne => {
            let equal = match any(left)? {
                Value::Int(_) => number(left)? == number(right)?,
                Value::Str(text) => text == any(right)?.to_str(),
                Value::Null => match any(right)? {
                    Value::Null => true,
                    Value::Int(number) => number == 0,
                    Value::Str(text) => text.is_empty(),
                },
            };
            truth(equal == (op == BinaryOp::Eq))
        }
        BinaryOp::StrEq => truth(any(left)?.to_str() == any(right)?.to_str()),
        BinaryOp::StrNe => truth(any(left)?.to_str() != any(right)?.to_str()),
        _ => arithmetic(op, number(left)?, number(right)?)?,
    })
}

fn arithmetic(op: BinaryOp, left: i64, right: i64) -> Result<Value, Failed> {
    Ok(Value::Int(match op {
        BinaryOp::BitOr => left | right,
        BinaryOp::BitAnd => left & right,
        BinaryOp::BitXor => left ^ right,
        BinaryOp::IntEq => (left == right).into(),
        BinaryOp::IntNe => (left != right).into(),
        BinaryOp::Lt => (left < right).into(),
        BinaryOp::Gt => (left > right).into(),
        BinaryOp::Le => (left <= right).into(),
        BinaryOp::Ge => (left >= right).into(),
        BinaryOp::Sub => left.wrapping_sub(right),
        BinaryOp::Mul => left.wrapping_mul(right),
        BinaryOp::Div => left.checked_div(right).ok_or(Failed)?,
        BinaryOp::Mod => left.checked_rem(right).ok_or(Failed)?,
        other => panic!("{other:?} is not made"),
    }))
}

const VARIABLES: [(&str, &str); 6] =
    [("n", "-7"), ("i", "12"), ("s", "\"12\""), ("t", "\"abc\""), ("e", "\"\""), ("z", "0")];

fn variable(pv: &cfg_syntax::ast::Pv) -> Value {
    let inner = pv.inner.as_ref().map(|inner| inner.parts.as_slice());
    let Some([cfg_syntax::ast::TemplatePart::Text(name)]) = inner else { panic!("{pv:?}") };
    match name.as_slice() {
        b"n" => Value::Int(-7),
        b"i" => Value::Int(12),
        b"s" => Value::text("12"),
        b"t" => Value::text("abc"),
        b"e" => Value::text(""),
        b"z" => Value::Int(0),
        _ => Value::Null,
    }
}

/// Text of an expression, every operation in parentheses.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (-3i64..14).prop_map(|number| if number < 0 { format!("(0{number})") } else { number.to_string() }),
        prop::sample::select(vec!["\"12\"", "\"abc\"", "\"\"", "\"0\""]).prop_map(str::to_owned),
        prop::sample::select(vec!["n", "i", "s", "t", "e", "z", "un"])
            .prop_map(|name| format!("$avp({name})")),
    ];
    let binary = prop::sample::select(vec![
        "+", "+", "+", "-", "*", "/", "mod", "==", "==", "!=", "eq", "ne", "ieq", "ine", "<", ">", "<=",
        ">=", "&&", "||", "|", "&", "^",
    ]);
    let unary =
        prop::sample::select(vec!["!", "-", "~ ", "defined ", "(int)", "(str)", "strlen", "strempty"]);
    leaf.prop_recursive(5, 48, 2, move |inner| {
        prop_oneof![
            4 => (inner.clone(), binary.clone(), inner.clone())
                .prop_map(|(left, op, right)| format!("({left} {op} {right})")),
            1 => (unary.clone(), inner).prop_map(|(op, operand)| format!("({op}({operand}))")),
        ]
    })
}

/// What the tree says: none if Kamailio's types forbid it, so that nothing was loaded.
fn both(expression: &str) -> Option<(Value, Value)> {
    let prepared: String =
        VARIABLES.iter().map(|(name, value)| format!("$avp({name}) = {value}; ")).collect();
    let text = format!("{HEAD}request_route {{ {prepared} $var(r) = \"undone\"; $var(r) = {expression}; }}");
    let loaded = support::load_text(text.as_bytes(), &support::catalogue());
    let program = std::sync::Arc::new(loaded.outcome.program?);
    let parsed = cfg_syntax::parse(&Memory(text.as_bytes()), Path::new("test.cfg"), &Options::default());
    let Some(Item::Route(route)) = parsed.config.items.last() else { panic!("{text}") };
    let Some(StatementKind::Assign { value, .. }) = route.body.statements.last().map(|last| &last.kind)
    else {
        panic!("{text}");
    };
    // Nothing becomes a variable's 0.
    let direct = match any(value) {
        Ok(Value::Null) => Value::Int(0),
        Ok(value) => value,
        Err(Failed) => Value::text("undone"),
    };
    let mut world = World::default();
    world.start(&program);
    Some((direct, world.vars.get(&Str::from("r")).cloned().expect("assigned")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, max_global_rejects: 200_000, ..ProptestConfig::default() })]

    #[test]
    fn the_machine_agrees_with_the_tree(expression in expressions()) {
        let both = both(&expression);
        prop_assume!(both.is_some());
        let Some((direct, made)) = both else { return Ok(()) };
        prop_assert_eq!(made, direct, "{}", expression);
    }
}
