//! `tandem reference`: the reference pages, made from the modules' tables.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use cfg_vm::catalogue::{ArgKind, InnerRule, ParamKind, PvType, Routes};
use clap::Args;
use engine::{Function, Module};

use crate::source;

/// Arguments of `tandem reference`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  tandem reference rr            one module, to the terminal\n  tandem reference --to docs/reference   a Markdown page a module"
)]
pub(crate) struct ReferenceArgs {
    /// The module; all when left out.
    pub module: Option<String>,
    /// Write a page a module into this folder.
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
}

/// Prints or writes it.
pub(crate) fn main(args: &ReferenceArgs) -> ExitCode {
    let all = source::all_modules();
    let chosen: Vec<_> =
        all.iter().filter(|module| args.module.as_ref().is_none_or(|name| name == module.name)).collect();
    if chosen.is_empty() {
        let _ = writeln!(std::io::stderr(), "tandem reference: no such module; `tandem reference` lists all");
        return ExitCode::FAILURE;
    }
    let result = match &args.to {
        Some(folder) => write_all(folder, &chosen),
        None => chosen.iter().try_for_each(|module| write!(std::io::stdout(), "{}", page(module))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "tandem reference: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write_all(folder: &std::path::Path, modules: &[&&Module]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut index = String::from(
        "# Reference\n\nMade from the modules' tables by `tandem reference --to docs/reference`.\n\n",
    );
    for module in modules {
        std::fs::write(folder.join(format!("{}.md", module.name)), page(module))?;
        // A String takes everything.
        let _ = writeln!(index, "- [{0}]({0}.md): {1}", module.name, module.doc);
    }
    std::fs::write(folder.join("README.md"), index)
}

/// One module's page.
fn page(module: &Module) -> String {
    let mut out = format!("# {}\n\n{}\n", module.name, module.doc);
    section(
        &mut out,
        "Parameters",
        module.params.iter().map(|param| {
            let kind = match param.decl.kind {
                ParamKind::Int => "number".to_owned(),
                ParamKind::IntIn(least, most) => format!("number from {least} to {most}"),
                ParamKind::Str => "text".to_owned(),
                ParamKind::Any => "number or text".to_owned(),
            };
            let again = if param.decl.repeatable { ", may be repeated" } else { "" };
            let ignored = if param.ignored { " Accepted, without effect." } else { "" };
            let default = if param.decl.default.is_empty() {
                String::new()
            } else {
                format!(", default `{}`", param.decl.default)
            };
            format!("`{}` ({kind}{default}{again}): {}{ignored}", param.decl.name, param.doc)
        }),
    );
    section(&mut out, "Functions", module.functions.iter().map(function));
    section(
        &mut out,
        "Pseudo-variables",
        module.pvs.iter().map(|pv| {
            let inner = match pv.decl.inner {
                InnerRule::None => "",
                InnerRule::Required | InnerRule::Parsed(_) | InnerRule::Checked(_) | InnerRule::Raw(_) => {
                    "(…)"
                }
                InnerRule::Optional => "[(…)]",
            };
            let kind = match pv.decl.ty {
                PvType::Int => "number",
                PvType::Str => "text",
                PvType::Any => "number or text",
            };
            let writable = if pv.decl.writable { ", writable" } else { "" };
            format!("`${}{inner}` ({kind}{writable}): {}", pv.decl.name, pv.doc)
        }),
    );
    section(
        &mut out,
        "Transformations",
        module.transforms.iter().map(|t| format!("`{{{}}}`: {}", t.decl.name, t.doc)),
    );
    section(
        &mut out,
        "Event routes",
        module.event_routes.iter().map(|e| format!("`event_route[{}]`: {}", e.name, e.doc)),
    );
    section(&mut out, "RPC", module.rpc.iter().map(|r| format!("`{}`: {}", r.name, r.doc)));
    out
}

fn section(out: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    // A String takes everything.
    let _ = writeln!(out, "\n## {title}\n");
    for line in lines {
        let _ = writeln!(out, "- {line}");
    }
}

fn function(function: &Function) -> String {
    let decl = &function.decl;
    let arguments: Vec<_> = decl
        .arguments
        .iter()
        .enumerate()
        .map(|(at, kind)| {
            let name = argument(kind);
            if at < decl.required { name.to_owned() } else { format!("[{name}]") }
        })
        .collect();
    let more = if decl.variadic { ", …" } else { "" };
    let waits = if decl.waits { " May wait; the route is parked meanwhile." } else { "" };
    format!(
        "`{}({}{more})` [{}]: {}{waits}",
        decl.name,
        arguments.join(", "),
        routes(decl.routes),
        function.doc
    )
}

fn argument(kind: &ArgKind) -> &'static str {
    match kind {
        ArgKind::Text => "text",
        ArgKind::Format | ArgKind::Template => "text with variables",
        ArgKind::Int => "number",
        ArgKind::Flag => "flag",
        ArgKind::PvRead => "variable",
        ArgKind::PvWrite => "variable to fill",
        ArgKind::Route(_) => "route",
        ArgKind::Parsed(_) => "constant",
        ArgKind::ParsedFormat(_) => "text with variables",
        ArgKind::ParsedOrValue(_) => "constant or variable",
        ArgKind::Value => "value",
    }
}

fn routes(routes: Routes) -> String {
    if routes == Routes::ANY {
        return "any route".to_owned();
    }
    let names = [
        (Routes::REQUEST, "request"),
        (Routes::FAILURE, "failure"),
        (Routes::CORE_REPLY, "reply"),
        (Routes::TM_REPLY, "onreply"),
        (Routes::BRANCH, "branch"),
        (Routes::LOCAL, "local"),
        (Routes::ONSEND, "onsend"),
        (Routes::EVENT, "event"),
        (Routes::BRANCH_FAILURE, "branch-failure"),
    ];
    let named: Vec<_> =
        names.iter().filter(|(one, _)| routes.intersects(*one)).map(|(_, name)| *name).collect();
    named.join(", ")
}
