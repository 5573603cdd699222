//! Pseudo-variables in text: what is one, what it is made of, where its parts stand.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "files/tree.rs"]
#[allow(dead_code, reason = "the printer of whole trees is for the other tests")]
mod tree;

use cfg_syntax::ast::{Pv, TemplatePart};
use cfg_syntax::source::SourceMap;
use cfg_syntax::{Place, Span, parse_pv, parse_template};

fn template(text: &str) -> String {
    let (template, diagnostics) = parse_template(text.as_bytes(), &Place::nowhere());
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
    tree::template(&template)
}

fn mistake(text: &str) -> String {
    let (_, diagnostics) = parse_template(text.as_bytes(), &Place::nowhere());
    let [diagnostic] = diagnostics.as_slice() else { panic!("{text}: {diagnostics:?}") };
    diagnostic.message.clone()
}

#[test]
fn a_name_ends_where_letters_digits_dot_and_question_mark_end() {
    assert_eq!(template("[$rU:$rp]"), r#""[" $rU ":" $rp "]""#);
    assert_eq!(template("$rc-1"), r#"$rc "-1""#);
    assert_eq!(template("$?x$?"), "$?x $?");
    assert_eq!(template("$si."), "$si.");
    assert_eq!(template("$(rc)x"), r#"$rc "x""#);
}

#[test]
fn two_dollar_signs_are_one_and_a_percent_sign_is_itself() {
    assert_eq!(template("$$rU 100% %%"), r#""$rU 100% %%""#);
}

#[test]
fn the_short_form_has_no_index_and_no_transformation() {
    assert_eq!(template("$avp(x)[1]"), r#"$avp("x") "[1]""#);
    assert_eq!(template("$rc{s.len}"), r#"$rc "{s.len}""#);
    assert_eq!(template("$var(a)b)"), r#"$var("a") "b)""#);
}

#[test]
fn an_index_is_a_number_a_star_or_a_variable() {
    assert_eq!(template("$(avp(x)[1])$(avp(x)[-2])"), r#"$avp("x")[1] $avp("x")[-2]"#);
    assert_eq!(template("$(avp(x)[*])$(avp(x)[$var(i)])"), r#"$avp("x")[*] $avp("x")[$var("i")]"#);
    for text in ["$(avp(x)[ 1 ])", "$(avp(x)[+1])", "$(avp(x)[x])", "$(avp(x)[])"] {
        assert_eq!(mistake(text), "this is no index");
    }
}

#[test]
fn inner_names_are_templates_in_which_a_lone_dollar_stays() {
    assert_eq!(template("$xavp(a[0]=>b[$var(i)])"), r#"$xavp("a[0]=>b[" $var("i") "]")"#);
    assert_eq!(template("$_s(a $$ (b) $ c)"), r#"$_s("a $ (b) $ c")"#);
    assert_eq!(template("$var(a(b))"), r#"$var("a(b)")"#);
    assert_eq!(template("$var()"), "$var()");
}

#[test]
fn transformations_are_in_order_and_may_be_apart() {
    assert_eq!(template("$(ru{uri.user}{s.len} {s.int} )"), "$ru{uri.user}{s.len}{s.int}");
    assert_eq!(template("$(rU{s.substr, $var(i) ,2})"), r#"$rU{s.substr $var("i") "2"}"#);
    assert_eq!(template("$(rU{s.substr,$(var(i){s.len}),2})"), r#"$rU{s.substr $var("i"){s.len} "2"}"#);
    assert_eq!(template("$(rU{s.encode.hexa})"), "$rU{s.encode.hexa}");
    assert_eq!(template("$(rU{s.replace,,x})"), r#"$rU{s.replace "" "x"}"#);
}

#[test]
fn select_takes_a_comma_or_brace_for_its_separator() {
    assert_eq!(template("$(rU{s.select,1,,})"), r#"$rU{s.select "1" ","}"#);
    assert_eq!(template("$(rU{s.select,0,}})"), r#"$rU{s.select "0" "}"}"#);
    assert_eq!(template("$(rU{s.select,$var(i),;})"), r#"$rU{s.select $var("i") ";"}"#);
}

#[test]
fn a_substitution_keeps_its_slashes_and_commas() {
    assert_eq!(template("$(ru{re.subst,/a,(b)/\\1,c/g}{s.len})"), r#"$ru{re.subst "/a,(b)/\\1,c/g"}{s.len}"#);
}

#[test]
fn what_cannot_be_read_says_why() {
    for (text, message) in [
        ("a $", "a `$` that begins no pseudo-variable"),
        ("$ rU", "a `$` that begins no pseudo-variable"),
        ("$()", "a name is expected after `$(`"),
        ("$( rc)", "a name is expected after `$(`"),
        ("$(rc )", "` ` is unexpected here"),
        ("$(var(a) {s.len})", "` ` is unexpected here"),
        ("$var(v", "this parenthesis is not closed"),
        ("$(var(v)", "this pseudo-variable is not closed"),
        ("$(avp(v)[1)", "this bracket is not closed"),
        ("$(rU{})", "this is no transformation"),
        ("$(rU{len})", "this is no transformation"),
        ("$(rU{ s.len})", "this is no transformation"),
        ("$(rU{s.len)", "`)` is unexpected in a transformation"),
        ("$(rU{s.substr,1", "this transformation is not closed"),
    ] {
        assert_eq!(mistake(text), message, "{text}");
    }
    let deep = "$(a(".repeat(200) + &"))".repeat(200);
    assert_eq!(mistake(&deep), "pseudo-variables are nested too deeply");
}

#[test]
fn a_mistake_does_not_hide_the_next_one() {
    let (template, diagnostics) = parse_template(b"$() $rU $(rc ) $ $si", &Place::nowhere());
    assert_eq!(diagnostics.len(), 3);
    let pvs = template.parts.iter().filter(|part| matches!(part, TemplatePart::Pv(_))).count();
    assert_eq!(pvs, 2);
}

#[test]
fn one_variable_is_the_whole_text() {
    let pv = |text: &str| parse_pv(text.as_bytes(), &Place::nowhere());
    assert_eq!(tree::pv(&pv("$(rU{s.len})").unwrap()), "$rU{s.len}");
    assert_eq!(pv("$rU!").unwrap_err().message, "`!` follows the pseudo-variable");
    assert_eq!(pv("rU").unwrap_err().message, "a pseudo-variable is expected");
}

/// A source with `before` and then the string, and the string's span.
fn in_source(before: &str, string: &str) -> (SourceMap, Span) {
    let mut sources = SourceMap::default();
    let file = sources.add("main.cfg", format!("{before}{string};").into_bytes());
    (sources, Span::new(file, before.len() as u32, (before.len() + string.len()) as u32))
}

fn variables(template: &cfg_syntax::ast::Template) -> Vec<&Pv> {
    let mut variables: Vec<&Pv> = Vec::new();
    for part in &template.parts {
        if let TemplatePart::Pv(pv) = part {
            variables.push(pv);
        }
    }
    variables
}

#[test]
fn parts_of_a_plain_string_have_places_of_their_own() {
    let (sources, span) = in_source("xlog(", "\"a $(hdr(X)[1]{s.substr,$var(i),2}) b\"");
    let text = b"a $(hdr(X)[1]{s.substr,$var(i),2}) b";
    let (template, _) = parse_template(text, &Place::in_string(&sources, span));
    let [pv] = variables(&template)[..] else { panic!("{template:?}") };
    assert_eq!(sources.text(pv.span), b"$(hdr(X)[1]{s.substr,$var(i),2})");
    assert_eq!(sources.text(pv.name.span), b"hdr");
    assert_eq!(sources.text(pv.inner.as_ref().unwrap().span), b"X");
    assert_eq!(sources.text(pv.transformations[0].name.span), b"s.substr");
    assert_eq!(sources.text(pv.transformations[0].span), b"{s.substr,$var(i),2}");
}

#[test]
fn parts_of_a_string_with_escapes_have_places_of_their_own() {
    let (sources, span) = in_source("xlog(", "\"\\x41\\n$rU\\t$(avp(\\061))\\\\\"");
    let (template, _) = parse_template(b"A\n$rU\t$(avp(1))\\", &Place::in_string(&sources, span));
    let [user, avp] = variables(&template)[..] else { panic!("{template:?}") };
    assert_eq!(sources.text(user.span), b"$rU");
    assert_eq!(sources.text(avp.span), b"$(avp(\\061))");
    assert_eq!(sources.text(avp.inner.as_ref().unwrap().span), b"\\061");
}

#[test]
fn parts_of_a_changed_string_have_the_place_of_the_whole() {
    let (sources, span) = in_source("xlog(", "\"a $OLD\"");
    let (template, _) = parse_template(b"a $rU", &Place::in_string(&sources, span));
    let [pv] = variables(&template)[..] else { panic!("{template:?}") };
    assert_eq!(pv.span, span);
}
