//! The transformations that need nothing but their input: `s.`, `line.`, `param.`, `num.`, `val.`, `re.`.

use crate::catalogue::TransformDecl;

/// All of module `pv`'s in this crate; constant arguments reach them as [`crate::Value::Str`], as written.
pub const PURE: &[TransformDecl] = &[];

/// `re.subst`, of module `textops`.
pub const RE: &[TransformDecl] = &[];
