//! The stable names of everything that this crate reports.

macro_rules! codes {
    ($($constant:ident = $code:literal: $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $constant: &str = $code;)*

        /// Every code with its meaning in one line, for documentation.
        pub const ALL: &[(&str, &str)] = &[$(($code, $meaning)),*];
    };
}

codes! {
    // Files and directives.
    CANNOT_READ = "cannot-read": "A file that the configuration needs cannot be read.";
    BAD_INCLUDE = "bad-include": "`include_file` or `import_file` without a usable name in double quotes.";
    INCLUDE_DEPTH = "include-depth": "Files include each other more than ten deep.";
    TOO_MUCH_TEXT = "too-much-text": "Defines or included files make more text than a configuration can hold.";
    UNKNOWN_DIRECTIVE = "unknown-directive": "A line that looks like a directive is only a comment.";
    INCOMPLETE_DIRECTIVE = "incomplete-directive": "A directive without a name, which makes it a comment.";
    TEXT_AFTER_DIRECTIVE = "text-after-directive": "Text behind a directive that must stand alone or takes one name.";
    MISSING_ENDIF = "missing-endif": "`#!ifdef` without `#!endif`.";
    STRAY_ENDIF = "stray-endif": "`#!endif` without `#!ifdef`.";
    STRAY_ELSE = "stray-else": "`#!else` without `#!ifdef`, or a second one.";
    ALREADY_DEFINED = "already-defined": "`#!define` of a name that exists.";
    NOT_DEFINED = "not-defined": "`#!undef` of a name that does not exist.";
    BAD_DEFINE_NAME = "bad-define-name": "A name that cannot be defined.";
    TOO_MANY_DEFINES = "too-many-defines": "More than 512 defines.";
    DEFINE_LOOP = "define-loop": "A define whose text leads back to itself.";
    COMMENT_IN_DEFINE = "comment-in-define": "A comment in a define's text hides the rest of the line that uses it.";
    ENVIRONMENT_UNSET = "environment-unset": "`#!defenv` of an environment variable that is not set.";
    BAD_EXPRESSION = "bad-expression": "An expression of `#!ifexp` or `#!defexp` that cannot be evaluated.";
    BAD_SUBST = "bad-subst": "A substitution rule that is none.";
    // Tokens.
    UNCLOSED_STRING = "unclosed-string": "A string without its closing quote.";
    UNCLOSED_COMMENT = "unclosed-comment": "`/*` without `*/`.";
    UNCLOSED_VARIABLE = "unclosed-variable": "A pseudo-variable without its closing parenthesis.";
    NUL_IN_STRING = "nul-in-string": "A zero byte in a string, which ends it.";
    NUMBER_TOO_LARGE = "number-too-large": "A number beyond 64 bits.";
    BAD_NUMBER = "bad-number": "Digits and letters that make no number.";
    STRAY_CHARACTER = "stray-character": "A character that begins nothing.";
    // Pseudo-variables.
    BAD_VARIABLE = "bad-variable": "A pseudo-variable that cannot be read.";
    BAD_TRANSFORMATION = "bad-transformation": "A transformation that cannot be read.";
    // Grammar.
    EMPTY_CONFIGURATION = "empty-configuration": "A file with nothing in it.";
    EXPECTED_ITEM = "expected-item": "Something that cannot stand at top level.";
    EXPECTED_STATEMENT = "expected-statement": "Something that begins no statement.";
    EXPECTED_EXPRESSION = "expected-expression": "Something that is no value.";
    EXPECTED_TOKEN = "expected-token": "A particular mark or word is missing.";
    EXPECTED_VALUE = "expected-value": "A parameter without a usable value.";
    EXPECTED_NAME = "expected-name": "A name is missing.";
    RESERVED_WORD = "reserved-word": "A name that is a word of the language.";
    EXPECTED_ADDRESS = "expected-address": "A host, address or port is missing or malformed.";
    MISSING_SEMICOLON = "missing-semicolon": "A statement without `;`.";
    UNCLOSED_BRACE = "unclosed-brace": "`{` without `}`.";
    UNCLOSED_PARENTHESIS = "unclosed-parenthesis": "`(` or `[` without its counterpart, or one too many.";
    STRAY_BRACE = "stray-brace": "`}` without `{`.";
    EMPTY_BLOCK = "empty-block": "A block without a statement.";
    STATEMENT_AT_TOP_LEVEL = "statement-at-top-level": "A statement outside of any route.";
    ITEM_IN_ROUTE = "item-in-route": "A parameter or module statement inside a route.";
    UNKNOWN_ROUTE_KIND = "unknown-route-kind": "A block that is no kind of route.";
    NOT_AN_OPERATOR = "not-an-operator": "An operator that other languages have.";
    UNQUOTED_WORD = "unquoted-word": "A bare word where a value is expected.";
    BAD_COMPARISON = "bad-comparison": "A comparison that its left side does not take.";
    MISPLACED_MYSELF = "misplaced-myself": "`myself` compared with something that is no address.";
    NESTED_CALL = "nested-call": "A function call inside another call's parentheses.";
    NOT_ASSIGNABLE = "not-assignable": "An assignment to something that is no variable.";
    BAD_CASE = "bad-case": "A label of a `switch` that cannot be read or cannot stand there.";
    TOO_DEEP = "too-deep": "Blocks or expressions nested beyond any use.";
}
