//! Pseudo-variables and templates in strings that only exist at run time: `KSR.pv.get("$ru")`, `pv_eval`,
//! `log_prefix`.

use crate::catalogue::Catalogue;
use crate::host::{Host, WriteError};
use crate::program::{Pool, PvInfo, PvRef, TemplateRef};
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
    #[allow(dead_code)]
    pool: Pool,
    #[allow(dead_code)]
    root: TemplateRef,
}

impl BoundPv {
    /// What it is.
    pub fn info(&self) -> PvInfo {
        self.pool.info(self.root)
    }
}

/// Binds one pseudo-variable, `$ru` or `$(ru{uri.user})`, to the declarations of the loaded modules.
/// The error is one line for people.
pub fn bind_pv(catalogue: &Catalogue, modules: &[String], text: &[u8]) -> Result<BoundPv, String> {
    let _ = (catalogue, modules, text);
    Err("not a pseudo-variable".into())
}

/// Binds a text with pseudo-variables.
/// The error is one line for people.
pub fn bind_template(
    catalogue: &Catalogue,
    modules: &[String],
    text: &[u8],
) -> Result<BoundTemplate, String> {
    let _ = (catalogue, modules, text);
    Err("not a template".into())
}

/// Reads it.
pub fn read_bound<H: Host>(host: &mut H, pv: &BoundPv) -> Value {
    let _ = (host, pv);
    Value::Null
}

/// Writes it; [`Value::Null`] deletes.
pub fn write_bound<H: Host>(host: &mut H, pv: &BoundPv, value: Value) -> Result<(), WriteError> {
    let _ = (host, pv, value);
    Ok(())
}

/// Its text.
pub fn evaluate_bound<H: Host>(host: &mut H, template: &BoundTemplate) -> Str {
    let _ = (host, template);
    Str::EMPTY
}
