//! A tree as compact s-expressions: an item or statement a line.

use std::fmt::Write;

use cfg_syntax::ast::*;

pub(crate) fn config(config: &Config) -> String {
    let mut out = String::new();
    for item in &config.items {
        write_item(&mut out, item);
    }
    out
}

fn write_item(out: &mut String, item: &Item) {
    let line = match item {
        Item::CoreParam(param) => format!("(param {} {})", param.name.node, value(&param.value)),
        Item::Listen(listen) => write_listen(listen),
        Item::Alias(aliases) => format!("(alias{})", join(aliases, alias)),
        Item::LoadModule(module) => {
            let word = if module.evaluated { "loadmodulex" } else { "loadmodule" };
            format!("({word} {}{})", text(&module.path.node), option(&module.options, |o| text(&o.node)))
        }
        Item::LoadPath(path) => format!("(loadpath {})", text(&path.node)),
        Item::ModParam(param) => {
            let word = if param.evaluated { "modparamx" } else { "modparam" };
            format!(
                "({word} {} {} {})",
                text(&param.module.node),
                text(&param.name.node),
                value(&param.value)
            )
        }
        Item::CfgEngine(engine) => format!("(cfgengine {})", text(&engine.node)),
        Item::Flags(flags) => {
            let flag = |flag: &FlagName| {
                let name = if flag.avp { format!("avp:{}", flag.name.node) } else { flag.name.node.clone() };
                format!("{name}{}", flag.number.as_ref().map_or(String::new(), |n| format!(":{}", n.node)))
            };
            format!("(flags{})", join(flags, flag))
        }
        Item::CustomVar(var) => format!(
            "(variable {}{}.{} {}{})",
            var.group.node,
            var.index.as_ref().map_or(String::new(), |index| format!("[{}]", index.node)),
            var.name.node,
            value(&var.value),
            option(&var.description, |d| text(&d.node)),
        ),
        Item::Route(route) => {
            writeln!(out, "(route {:?}{}", route.kind, option(&route.name, |name| name.node.clone()))
                .unwrap();
            write_block(out, &route.body, 1);
            out.push_str(")\n");
            return;
        }
    };
    writeln!(out, "{line}").unwrap();
}

fn write_listen(listen: &Listen) -> String {
    let mut line = String::from("(listen");
    line += &option(&listen.proto, |proto| proto.node.clone());
    line += &join(&listen.hosts, |host| text(&host.node));
    line += &option(&listen.port, |port| port.node.to_string());
    line += &option(&listen.advertise, |advertise| format!("(advertise {})", alias(advertise)));
    line += &option(&listen.name, |name| format!("(name {})", text(&name.node)));
    line += &option(&listen.agname, |name| format!("(agname {})", text(&name.node)));
    line += &option(&listen.workers, |workers| format!("(workers {})", workers.node));
    if listen.is_virtual {
        line += " virtual";
    }
    line + ")"
}

fn alias(alias: &Alias) -> String {
    let proto = alias.proto.as_ref().map_or(String::new(), |proto| format!("{}:", proto.node));
    let port = alias.port.as_ref().map_or(String::new(), |port| format!(":{}", port.node));
    format!("{proto}{}{port}", text(&alias.host.node))
}

fn value(value: &ParamValue) -> String {
    match value {
        ParamValue::Int(number) => number.node.to_string(),
        ParamValue::Str(string) => text(&string.node),
        ParamValue::Word(word) => String::from_utf8_lossy(&word.node).into_owned(),
    }
}

fn write_block(out: &mut String, block: &Block, depth: usize) {
    for statement in &block.statements {
        write_statement(out, statement, depth);
    }
}

fn write_statement(out: &mut String, statement: &Statement, depth: usize) {
    let indent = "  ".repeat(depth);
    let line = match &statement.kind {
        StatementKind::Call(call) => write_call(call),
        StatementKind::Assign { target, value } => format!("(= {} {})", expr(target), expr(value)),
        StatementKind::If { condition, then, otherwise } => {
            writeln!(out, "{indent}(if {}", expr(condition)).unwrap();
            write_block(out, then, depth + 1);
            if let Some(otherwise) = otherwise {
                writeln!(out, "{indent} else").unwrap();
                write_block(out, otherwise, depth + 1);
            }
            writeln!(out, "{indent})").unwrap();
            return;
        }
        StatementKind::Switch { subject, cases } => {
            writeln!(out, "{indent}(switch {}", expr(subject)).unwrap();
            for case in cases {
                let label = match &case.label {
                    CaseLabel::Value(value) => expr(value),
                    CaseLabel::Regex { pattern, flags } => format!("/{}/{flags}", text(&pattern.node)),
                    CaseLabel::Default => "default".into(),
                };
                writeln!(out, "{indent} case {label}").unwrap();
                for statement in &case.body {
                    write_statement(out, statement, depth + 1);
                }
            }
            writeln!(out, "{indent})").unwrap();
            return;
        }
        StatementKind::While { condition, body } => {
            writeln!(out, "{indent}(while {}", expr(condition)).unwrap();
            write_block(out, body, depth + 1);
            writeln!(out, "{indent})").unwrap();
            return;
        }
        StatementKind::Block(block) => {
            writeln!(out, "{indent}(block").unwrap();
            write_block(out, block, depth + 1);
            writeln!(out, "{indent})").unwrap();
            return;
        }
        StatementKind::Break => "(break)".into(),
        StatementKind::Return(value) => format!("(return{})", option(value, |value| expr(value))),
        StatementKind::Exit(value) => format!("(exit{})", option(value, |value| expr(value))),
        StatementKind::Drop(value) => format!("(drop{})", option(value, |value| expr(value))),
        StatementKind::Expr(value) => format!("(expr {})", expr(value)),
        StatementKind::Empty => "()".into(),
    };
    writeln!(out, "{indent}{line}").unwrap();
}

fn write_call(call: &Call) -> String {
    format!("({}{})", call.name.node, join(&call.arguments, argument))
}

fn argument(argument: &Argument) -> String {
    match &argument.kind {
        ArgumentKind::Str(string) => text(string),
        ArgumentKind::Int(number) => number.to_string(),
        ArgumentKind::Pv(variable) => pv(variable),
        ArgumentKind::Word(word) => format!("'{}", String::from_utf8_lossy(word)),
        ArgumentKind::Expr(value) => expr(value),
        ArgumentKind::Empty => "_".into(),
    }
}

fn expr(value: &Expr) -> String {
    match &value.kind {
        ExprKind::Int(number) => number.to_string(),
        ExprKind::Str(string) => text(string),
        ExprKind::Pv(variable) => pv(variable),
        ExprKind::Select(select) => select.clone(),
        ExprKind::Keyword(keyword) => format!("{keyword:?}"),
        ExprKind::Myself => "Myself".into(),
        ExprKind::Word(word) => format!("'{}", String::from_utf8_lossy(word)),
        ExprKind::Call(call) => write_call(call),
        ExprKind::Unary { op, operand } => format!("({op:?} {})", expr(operand)),
        ExprKind::Binary { op, left, right } => format!("({:?} {} {})", op.node, expr(left), expr(right)),
        ExprKind::Assign { target, value } => format!("(= {} {})", expr(target), expr(value)),
        ExprKind::Error => "Error".into(),
    }
}

pub(crate) fn pv(variable: &Pv) -> String {
    let mut out = format!("${}", variable.name.node);
    if let Some(inner) = &variable.inner {
        write!(out, "({})", template(inner)).unwrap();
    }
    match &variable.index {
        Some(PvIndex::At(index)) => write!(out, "[{}]", index.node).unwrap(),
        Some(PvIndex::All(_)) => out.push_str("[*]"),
        Some(PvIndex::Pv(index)) => write!(out, "[{}]", pv(index)).unwrap(),
        None => {}
    }
    for transformation in &variable.transformations {
        let arguments = join(&transformation.arguments, |argument| match argument {
            TransformationArg::Text(string) => text(&string.node),
            TransformationArg::Pv(variable) => pv(variable),
        });
        write!(out, "{{{}{arguments}}}", transformation.name.node).unwrap();
    }
    out
}

pub(crate) fn template(template: &Template) -> String {
    let part = |part: &TemplatePart| match part {
        TemplatePart::Text(string) => text(string),
        TemplatePart::Pv(variable) => pv(variable),
    };
    join(&template.parts, part).trim_start().to_owned()
}

fn text(bytes: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(bytes))
}

fn join<T>(parts: &[T], write: impl Fn(&T) -> String) -> String {
    parts.iter().map(|part| format!(" {}", write(part))).collect()
}

fn option<T>(value: &Option<T>, write: impl Fn(&T) -> String) -> String {
    value.as_ref().map_or(String::new(), |value| format!(" {}", write(value)))
}
