//! Pseudo-variables and templates in strings that only exist at run time: `KSR.pv.get("$ru")`, `pv_eval`,
//! `log_prefix`.

use cfg_syntax::Place;

use crate::bind::Binder;
use crate::catalogue::Catalogue;
use crate::host::{Host, WriteError};
use crate::known::Known;
use crate::program::{Pool, PvInfo, PvRef, TemplateRef};
use crate::read::Reader;
use crate::scope::Scope;
use crate::value::{Str, Value};

/// A pseudo-variable, bound.
#[derive(Debug)]
pub struct BoundPv {
    pool: Pool,
    root: PvRef,
}

/// Text with pseudo-variables, bound.
#[derive(Debug)]
pub struct BoundTemplate {
    pool: Pool,
    root: TemplateRef,
}

impl BoundPv {
    /// What it is.
    pub fn info(&self) -> PvInfo {
        self.pool.info(self.root)
    }
}

/// Binds one pseudo-variable, `$ru` or `$(ru{uri.user})`, to the declarations of the loaded modules.
///
/// # Errors
/// One line for people: it does not parse, or names what is not there.
pub fn bind_pv(catalogue: &Catalogue, modules: &[String], text: &[u8]) -> Result<BoundPv, String> {
    let pv = cfg_syntax::parse_pv(text, &Place::nowhere()).map_err(|found| found.message)?;
    let mut binder = binder(catalogue, modules);
    let root = binder.pv(&pv);
    match (root, binder.diagnostics.into_iter().next()) {
        (Some(root), None) => Ok(BoundPv { pool: binder.pool, root }),
        (_, Some(found)) => Err(found.message),
        (None, None) => Err("it cannot be read".into()),
    }
}

/// Binds a text with pseudo-variables.
///
/// # Errors
/// One line for people: the first thing in it that does not parse, or names what is not there.
pub fn bind_template(
    catalogue: &Catalogue,
    modules: &[String],
    text: &[u8],
) -> Result<BoundTemplate, String> {
    let (template, found) = cfg_syntax::parse_template(text, &Place::nowhere());
    if let Some(found) = found.into_iter().next() {
        return Err(found.message);
    }
    let mut binder = binder(catalogue, modules);
    let root = binder.template(&template);
    match binder.diagnostics.into_iter().next() {
        None => Ok(BoundTemplate { pool: binder.pool, root }),
        Some(found) => Err(found.message),
    }
}

fn binder<'a>(catalogue: &'a Catalogue, modules: &'a [String]) -> Binder<'a> {
    Binder::new(Scope::new(catalogue, Known::kamailio(), modules.iter().map(String::as_str)))
}

/// Reads it.
pub fn read_bound<H: Host>(host: &mut H, pv: &BoundPv) -> Value {
    Reader::new(host, &pv.pool, &mut Vec::new(), false).read(pv.root)
}

/// Writes it; [`Value::Null`] deletes.
///
/// # Errors
/// [`WriteError`] says whether the value does not fit or nothing can be written here.
pub fn write_bound<H: Host>(host: &mut H, pv: &BoundPv, value: Value) -> Result<(), WriteError> {
    if !pv.info().writable {
        return Err(WriteError::Unfit("it is read-only".into()));
    }
    Reader::new(host, &pv.pool, &mut Vec::new(), false).write(pv.root, value)
}

/// Its text.
pub fn evaluate_bound<H: Host>(host: &mut H, template: &BoundTemplate) -> Str {
    Reader::new(host, &template.pool, &mut Vec::new(), false).text(template.root)
}
