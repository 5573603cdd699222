//! POSIX extended regular expressions over bytes, in linear time.
//!
//! A pattern is translated to the syntax of the `regex` crate. Whether a text matches is the same in both
//! worlds; *what* matches is not: POSIX takes the longest of the leftmost matches, where Perl's rule takes the
//! first that an alternation or repetition prefers. Patterns for which that may differ are found at load, and
//! their matches are first measured with an automaton that knows all ends.

mod translate;

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use regex_automata::MatchKind;
use regex_automata::meta;
use regex_automata::util::syntax;

/// Expressions that one thread keeps compiled.
const CACHED: usize = 256;

/// How an expression is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// Letters match in either case, as with `=~`.
    pub ignore_case: bool,
    /// `^` and `$` match at line ends, and `.` and `[^…]` do not match a newline (C's `REG_NEWLINE`).
    pub newline: bool,
}

/// An expression that cannot be compiled: why, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegexError(pub String);

impl fmt::Display for RegexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RegexError {}

/// Places of groups; group 0 is the whole match.
pub type Groups = Vec<Option<Range<usize>>>;

/// A compiled expression; cheap to clone.
#[derive(Clone, Debug)]
pub struct Regex(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    first: meta::Regex,
    /// Only where the longest match may not be the first one.
    longest: Option<Longest>,
}

#[derive(Debug)]
struct Longest {
    translated: String,
    flags: Flags,
    /// Knows all ends, so that the longest can be chosen.
    ends: OnceLock<Option<meta::Regex>>,
    /// Held to the end of its text: for the groups of the longest.
    exact: OnceLock<Option<meta::Regex>>,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::default();
}

/// One thread's expressions.
#[derive(Default)]
struct Cache {
    /// By pattern, one map for each combination of flags, so that a look-up needs no key of its own.
    kept: HashMap<Flags, HashMap<Box<[u8]>, Regex>>,
    count: usize,
}

impl Cache {
    fn get(&mut self, pattern: &[u8], flags: Flags) -> Result<Regex, RegexError> {
        if let Some(regex) = self.kept.get(&flags).and_then(|kept| kept.get(pattern)) {
            return Ok(regex.clone());
        }
        let regex = Regex::posix(pattern, flags)?;
        if self.count >= CACHED {
            *self = Self::default();
        }
        self.count += 1;
        self.kept.entry(flags).or_default().insert(pattern.into(), regex.clone());
        Ok(regex)
    }
}

impl Regex {
    /// Compiles a POSIX extended expression.
    ///
    /// # Errors
    /// The expression is not valid, too big, or refers back to a group, which cannot be done in linear time.
    pub fn posix(pattern: &[u8], flags: Flags) -> Result<Self, RegexError> {
        let translation = translate::translate(pattern, flags)?;
        let first = build(&translation.pattern, flags, MatchKind::LeftmostFirst)?;
        let longest = translation.is_ambiguous.then(|| Longest {
            translated: translation.pattern,
            flags,
            ends: OnceLock::new(),
            exact: OnceLock::new(),
        });
        Ok(Self(Arc::new(Compiled { first, longest })))
    }

    /// The same, kept in a bounded cache of this thread: for expressions made at run time.
    ///
    /// # Errors
    /// As [`Regex::posix`].
    pub fn cached(pattern: &[u8], flags: Flags) -> Result<Self, RegexError> {
        CACHE.with_borrow_mut(|cache| cache.get(pattern, flags))
    }

    /// Does it match anywhere?
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.0.first.is_match(text)
    }

    /// The leftmost longest match at or after a place.
    pub fn find_at(&self, text: &[u8], start: usize) -> Option<Range<usize>> {
        let input = regex_automata::Input::new(text).span(start..text.len());
        let first = self.0.first.search(&input)?.range();
        Some(self.lengthen(text, first))
    }

    /// The leftmost longest match at or after a place, with its groups.
    pub fn captures_at(&self, text: &[u8], start: usize) -> Option<Groups> {
        let whole = self.find_at(text, start)?;
        let mut captures = self.0.first.create_captures();
        // The groups are those of a match of the same text, so the search is held to that range first. Where
        // the preferred match is the shorter one, the end must be forced, which `$` at the range's end does
        // not do when the pattern looks around; then the preferred groups are the best there is.
        let input = regex_automata::Input::new(text).span(start..text.len());
        self.0.first.search_captures(&input, &mut captures);
        if captures.get_match().map(|found| found.range()) != Some(whole.clone())
            && let Some(exact) = self.exact()
        {
            let input = regex_automata::Input::new(&text[..whole.end])
                .span(whole.start..whole.end)
                .anchored(regex_automata::Anchored::Yes);
            let mut held = exact.create_captures();
            exact.search_captures(&input, &mut held);
            if held.is_match() {
                captures = held;
            }
        }
        let mut groups: Groups = (0..captures.group_len())
            .map(|group| captures.get_group(group).map(|span| span.range()))
            .collect();
        groups[0] = Some(whole);
        Some(groups)
    }

    fn lengthen(&self, text: &[u8], first: Range<usize>) -> Range<usize> {
        let Some(longest) = &self.0.longest else { return first };
        let ends =
            longest.ends.get_or_init(|| build(&longest.translated, longest.flags, MatchKind::All).ok());
        let input = regex_automata::Input::new(text)
            .span(first.start..text.len())
            .anchored(regex_automata::Anchored::Yes);
        match ends.as_ref().and_then(|regex| regex.search(&input)) {
            Some(found) => found.range(),
            None => first,
        }
    }

    fn exact(&self) -> Option<&meta::Regex> {
        let longest = self.0.longest.as_ref()?;
        let build = || {
            let pattern = format!("(?:{})\\z", longest.translated);
            build(&pattern, longest.flags, MatchKind::LeftmostFirst).ok()
        };
        longest.exact.get_or_init(build).as_ref()
    }
}

fn build(pattern: &str, flags: Flags, kind: MatchKind) -> Result<meta::Regex, RegexError> {
    meta::Regex::builder()
        .configure(meta::Regex::config().match_kind(kind).utf8_empty(false).nfa_size_limit(Some(8 << 20)))
        .syntax(
            syntax::Config::new()
                .unicode(false)
                .utf8(false)
                .case_insensitive(flags.ignore_case)
                .multi_line(flags.newline)
                .dot_matches_new_line(!flags.newline),
        )
        .build(pattern)
        .map_err(|error| {
            let text = match (error.syntax_error(), error.size_limit()) {
                (_, Some(_)) => "the expression is too big".into(),
                (Some(error), _) => format!("the expression does not parse: {error}"),
                _ => error.to_string(),
            };
            RegexError(text)
        })
}

#[cfg(test)]
mod tests;
