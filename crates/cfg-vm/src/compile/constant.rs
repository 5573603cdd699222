//! Constant expressions, static types, and what the language simplifies.

use cfg_syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp};

use crate::op::Arith;
use crate::operate;
use crate::value::{Str, Value};

/// What is known of an expression's type before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Int,
    Str,
    /// Only known when it runs.
    Open,
}

/// The static type.
pub(crate) fn type_of(expr: &Expr) -> Type {
    match &expr.kind {
        ExprKind::Int(_) | ExprKind::Call(_) | ExprKind::Myself | ExprKind::Assign { .. } => Type::Int,
        ExprKind::Str(_) => Type::Str,
        ExprKind::Unary { op: UnaryOp::ToStr, .. } => Type::Str,
        ExprKind::Unary { .. } => Type::Int,
        ExprKind::Binary { op, left, .. } => match op.node {
            BinaryOp::Add => type_of(left),
            _ => Type::Int,
        },
        ExprKind::Pv(_)
        | ExprKind::Select(_)
        | ExprKind::Keyword(_)
        | ExprKind::Word(_)
        | ExprKind::Error => Type::Open,
    }
}

/// The value, if it does not depend on anything and its types fit.
pub(crate) fn value_of(expr: &Expr) -> Option<Value> {
    match &expr.kind {
        ExprKind::Int(number) => Some(Value::Int(*number)),
        ExprKind::Str(text) => Some(Value::Str(text.as_slice().into())),
        ExprKind::Unary { op, operand } if unary_fits(*op, type_of(operand)) => {
            unary(*op, &value_of(operand)?)
        }
        ExprKind::Binary { op, left, right } if binary_fits(op.node, type_of(left), type_of(right)) => {
            binary(op.node, &value_of(left)?, &value_of(right)?)
        }
        _ => None,
    }
}

/// May the operator have an operand of this type? What Kamailio's parser refuses may not.
pub(crate) fn unary_fits(op: UnaryOp, operand: Type) -> bool {
    !matches!(
        (op, operand),
        (UnaryOp::Not | UnaryOp::Minus | UnaryOp::BitNot, Type::Str)
            | (UnaryOp::Defined | UnaryOp::StrLen | UnaryOp::StrEmpty, Type::Int)
    )
}

/// The same for two operands.
pub(crate) fn binary_fits(op: BinaryOp, left: Type, right: Type) -> bool {
    match op {
        BinaryOp::Add | BinaryOp::Eq | BinaryOp::Ne | BinaryOp::StrEq | BinaryOp::StrNe => {
            (left, right) != (Type::Int, Type::Str)
        }
        BinaryOp::Match => left != Type::Int && right != Type::Int,
        _ => left != Type::Str && right != Type::Str,
    }
}

fn unary(op: UnaryOp, operand: &Value) -> Option<Value> {
    let number = operate::int(operand).unwrap_or(0);
    Some(match op {
        UnaryOp::Not => Value::Int((number == 0).into()),
        UnaryOp::Minus => Value::Int(number.wrapping_neg()),
        UnaryOp::BitNot => Value::Int(!number),
        UnaryOp::ToInt => Value::Int(number),
        UnaryOp::ToStr => Value::Str(operand.to_str()),
        UnaryOp::Defined => Value::Int(1),
        UnaryOp::StrLen => Value::Int(operand.to_str().len() as i64),
        UnaryOp::StrEmpty => Value::Int(operand.to_str().is_empty().into()),
    })
}

fn binary(op: BinaryOp, left: &Value, right: &Value) -> Option<Value> {
    if op == BinaryOp::Add
        && let Value::Str(left) = left
    {
        let mut text = left.to_vec();
        text.extend_from_slice(&right.to_str());
        return Some(Value::Str(text.into()));
    }
    let numbers = (operate::int(left).unwrap_or(0), operate::int(right).unwrap_or(0));
    Some(Value::Int(match op {
        BinaryOp::And => (numbers.0 != 0 && numbers.1 != 0).into(),
        BinaryOp::Or => (numbers.0 != 0 || numbers.1 != 0).into(),
        BinaryOp::Eq => operate::equal(left, right).0.into(),
        BinaryOp::Ne => (!operate::equal(left, right).0).into(),
        BinaryOp::StrEq => (left.to_str() == right.to_str()).into(),
        BinaryOp::StrNe => (left.to_str() != right.to_str()).into(),
        BinaryOp::Match => return None,
        _ => arith(op)?.apply(numbers.0, numbers.1)?,
    }))
}

/// The operator on numbers, if it is one.
pub(crate) fn arith(op: BinaryOp) -> Option<Arith> {
    Some(match op {
        BinaryOp::BitOr => Arith::BitOr,
        BinaryOp::BitAnd => Arith::BitAnd,
        BinaryOp::BitXor => Arith::BitXor,
        BinaryOp::ShiftLeft => Arith::ShiftLeft,
        BinaryOp::ShiftRight => Arith::ShiftRight,
        BinaryOp::IntEq => Arith::Eq,
        BinaryOp::IntNe => Arith::Ne,
        BinaryOp::Lt => Arith::Lt,
        BinaryOp::Gt => Arith::Gt,
        BinaryOp::Le => Arith::Le,
        BinaryOp::Ge => Arith::Ge,
        BinaryOp::Add => Arith::Add,
        BinaryOp::Sub => Arith::Sub,
        BinaryOp::Mul => Arith::Mul,
        BinaryOp::Div => Arith::Div,
        BinaryOp::Mod => Arith::Mod,
        _ => return None,
    })
}

/// Of `1 && x`, `x || 0`, `x * 1` and the like: x, which the language takes for the whole (as a number).
/// So `$avp(a) && 1` is -7 when the AVP is, and a function's code comes through unchanged.
pub(crate) fn without_neutral(expr: &Expr) -> Option<&Expr> {
    let ExprKind::Binary { op, left, right } = &expr.kind else { return None };
    let on_left = match op.node {
        BinaryOp::And | BinaryOp::Mul => Some(1),
        BinaryOp::Or | BinaryOp::BitOr | BinaryOp::Add => Some(0),
        _ => None,
    };
    let on_right = match op.node {
        BinaryOp::And | BinaryOp::Mul | BinaryOp::Div => Some(1),
        BinaryOp::Or | BinaryOp::BitOr | BinaryOp::Sub => Some(0),
        BinaryOp::Add if type_of(left) == Type::Int => Some(0),
        _ => None,
    };
    let is = |side: &Expr, neutral: Option<i64>| {
        neutral.is_some_and(|neutral| value_of(side) == Some(Value::Int(neutral)))
    };
    if value_of(expr).is_some() {
        None
    } else if is(left, on_left) {
        Some(right)
    } else if is(right, on_right) {
        Some(left)
    } else {
        None
    }
}

/// May evaluating it fail, so that the statement is given up?
pub(crate) fn may_fail(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Unary { operand, .. } => may_fail(operand),
        ExprKind::Assign { value, .. } => may_fail(value),
        ExprKind::Binary { op, left, right } => {
            let itself = match op.node {
                BinaryOp::Div | BinaryOp::Mod => {
                    !matches!(value_of(right), Some(Value::Int(number)) if number != 0)
                }
                BinaryOp::Match => value_of(right).is_none(),
                _ => false,
            };
            itself || may_fail(left) || may_fail(right)
        }
        _ => false,
    }
}

/// Does a `+` in it take its type from what it meets at run time?
pub(crate) fn has_open_add(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Binary { op, left, right } if op.node == BinaryOp::Add => {
            type_of(left) == Type::Open || has_open_add(left) || has_open_add(right)
        }
        _ => false,
    }
}

/// A text's bytes as a constant.
pub(crate) fn text(bytes: &[u8]) -> Value {
    Value::Str(Str::copy(bytes))
}
