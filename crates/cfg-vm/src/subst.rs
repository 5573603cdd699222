//! `sed`-like substitutions, `/expression/replacement/flags`, as `subst()` and `{re.subst,…}` take them.

use std::ops::Range;
use std::sync::OnceLock;

use crate::bound::BoundPv;
use crate::value::Str;

/// A parsed substitution. The separator is whatever stands first.
#[derive(Debug)]
pub struct Subst {}

/// A pseudo-variable in a replacement.
#[derive(Debug)]
pub struct SubstPv {
    /// As written, with its `$`.
    pub text: Box<[u8]>,
    bound: OnceLock<Option<BoundPv>>,
}

impl SubstPv {
    /// Binds it at the first use; none if it cannot be bound.
    pub fn bound(&self, bind: impl FnOnce(&[u8]) -> Option<BoundPv>) -> Option<&BoundPv> {
        self.bound.get_or_init(|| bind(&self.text)).as_ref()
    }
}

/// What becomes of one match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// What is replaced.
    pub range: Range<usize>,
    /// By what.
    pub text: Vec<u8>,
}

impl Subst {
    /// Parses it. The error is one line for people.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let _ = text;
        Err("not a substitution".into())
    }

    /// Finds what is to be replaced: the first match, or all with flag `g`. `value` gives the text of each
    /// pseudo-variable in the replacement, evaluated once for each match.
    pub fn replacements(&self, text: &[u8], value: &mut dyn FnMut(&SubstPv) -> Str) -> Vec<Replacement> {
        let _ = (text, value);
        Vec::new()
    }

    /// The new text; none if nothing matched.
    pub fn apply(&self, text: &[u8], value: &mut dyn FnMut(&SubstPv) -> Str) -> Option<Vec<u8>> {
        let _ = (text, value);
        None
    }
}
