//! What the preprocessor does that files alone cannot show: options, modules, the environment, other files.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::HashMap;
use std::io::{Error, ErrorKind};
use std::path::Path;

use cfg_syntax::ast::{Item, ParamValue};
use cfg_syntax::source::Loader;
use cfg_syntax::{CommandLine, Modules, Options, Parsed, Predefined, Severity, parse};

/// Files by name.
#[derive(Default)]
struct Files {
    files: HashMap<&'static str, String>,
    env: HashMap<&'static str, &'static str>,
}

impl Files {
    fn main(text: &str) -> Self {
        Self::default().with("main.cfg", text)
    }

    fn with(mut self, name: &'static str, text: &str) -> Self {
        self.files.insert(name, text.to_owned());
        self
    }

    fn parse(&self, options: &Options<'_>) -> Parsed {
        parse(self, Path::new("main.cfg"), options)
    }
}

impl Loader for Files {
    fn load(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        let text = path.to_str().and_then(|path| self.files.get(path));
        text.map(|text| text.clone().into_bytes()).ok_or_else(|| Error::from(ErrorKind::NotFound))
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).map(|value| (*value).to_owned())
    }
}

/// The custom variables as `name=value`, and the codes of what is wrong.
fn outcome(parsed: &Parsed) -> (Vec<String>, Vec<&'static str>) {
    let variable = |item: &Item| match item {
        Item::CustomVar(variable) => {
            let value = match &variable.value {
                ParamValue::Int(number) => number.node.to_string(),
                ParamValue::Str(text) | ParamValue::Word(text) => {
                    String::from_utf8_lossy(&text.node).into_owned()
                }
            };
            Some(format!("{}={value}", variable.name.node))
        }
        _ => None,
    };
    let variables = parsed.config.items.iter().filter_map(variable).collect();
    (variables, parsed.diagnostics.iter().map(|diagnostic| diagnostic.code).collect())
}

fn variables(files: &Files, options: &Options<'_>) -> Vec<String> {
    let (variables, codes) = outcome(&files.parse(options));
    assert_eq!(codes, Vec::<&str>::new());
    variables
}

#[test]
fn the_command_line_defines_and_substitutes() {
    let files = Files::main("#!ifdef FLAG\nx.a = VALUE\nx.b = WORD\nx.c = \"HOST\"\nx.d = QUOTED\n#!endif\n");
    let command_line = [
        CommandLine::Define(b"FLAG".to_vec()),
        CommandLine::Define(b"VALUE=7".to_vec()),
        CommandLine::SubstDef(b"/WORD/8/".to_vec()),
        CommandLine::Subst(b"/HOST/example.com/".to_vec()),
        CommandLine::SubstDefs(b"!QUOTED!text!".to_vec()),
    ];
    let options = Options { command_line: &command_line, ..Options::default() };
    assert_eq!(variables(&files, &options), ["a=7", "b=8", "c=example.com", "d=text"]);
}

#[test]
fn predefined_names_exist_and_cannot_be_defined_again() {
    let files = Files::main("#!ifdef TANDEM\nx.a = VERSION\n#!endif\n#!define TANDEM\n");
    let predefined = [("TANDEM", ""), ("VERSION", "5006003")]
        .map(|(name, value)| Predefined { name: name.into(), value: value.into() });
    let options = Options { predefined: &predefined, ..Options::default() };
    assert_eq!(outcome(&files.parse(&options)), (vec!["a=5006003".to_owned()], vec!["already-defined"]));
}

#[test]
fn a_module_that_loads_defines_its_name() {
    struct OnlyTm;
    impl Modules for OnlyTm {
        fn loads(&self, name: &str) -> bool {
            name == "tm"
        }
    }
    let files = Files::main(
        "loadmodule \"/usr/lib/tm.so\"\n#!ifdef MOD_tm\nx.a = 1\n#!endif\n\
         loadmodule(\"tls\", \"x\")\n#!ifdef MOD_tls\nx.b = 1\n#!endif\n",
    );
    assert_eq!(variables(&files, &Options { modules: &OnlyTm, ..Options::default() }), ["a=1"]);
    assert_eq!(variables(&files, &Options::default()), ["a=1", "b=1"]);
}

#[test]
fn the_environment_defines() {
    let mut files =
        Files::main("#!defenv ONE\n#!defenvs TWO=HOME\n#!trydefenv MISSING\nx.a = ONE\nx.b = TWO\n");
    files.env = HashMap::from([("ONE", "1"), ("HOME", "/home/me")]);
    assert_eq!(variables(&files, &Options::default()), ["a=1", "b=/home/me"]);
}

#[test]
fn expressions_decide_and_define() {
    let text = "#!define VERSION 5006003\n#!ifexp VERSION >= 5006000 && (1 + 1 == 2)\nx.a = 1\n#!else\nx.a = 2\n#!endif\n\
                #!defexp SUM VERSION + 1\n#!defexps TEXT \"a\" + 1\nx.b = SUM\nx.c = TEXT\n";
    assert_eq!(variables(&Files::main(text), &Options::default()), ["a=1", "b=5006004", "c=a1"]);
    let (_, codes) =
        outcome(&Files::main("#!ifexp (1\nx.a = 1\n#!endif\nx.b = 2\n").parse(&Options::default()));
    assert_eq!(codes, ["bad-expression"]);
}

#[test]
fn included_files_are_looked_up_as_named_then_beside_the_including_one() {
    let files = Files::main("include_file \"sub/one.cfg\"\nx.last = 3\n")
        .with("sub/one.cfg", "#!define INSIDE 1\nx.one = INSIDE\ninclude_file \"two.cfg\"\n")
        .with("sub/two.cfg", "x.two = 2\n");
    assert_eq!(variables(&files, &Options::default()), ["one=1", "two=2", "last=3"]);
}

#[test]
fn substitutions_apply_to_included_names() {
    let files = Files::main("#!subst \"/NAME/part/\"\n!!include_file \"NAME.cfg\"\n")
        .with("part.cfg", "x.a = \"NAME\"\n");
    assert_eq!(variables(&files, &Options::default()), ["a=part"]);
}

#[test]
fn a_missing_file_is_an_error_for_include_and_nothing_for_import() {
    let files = Files::main("import_file \"no\"\ninclude_file \"no\"\nx.a = 1\n");
    assert_eq!(outcome(&files.parse(&Options::default())), (vec!["a=1".to_owned()], vec!["cannot-read"]));
    let nothing = Files::default().parse(&Options::default());
    assert_eq!(outcome(&nothing).1, ["cannot-read"]);
}

#[test]
fn a_mistake_in_a_define_is_shown_where_its_name_is_used() {
    let parsed = Files::main("#!define BROKEN $var(x) := 1;\nrequest_route {\n\tBROKEN\n}\n")
        .parse(&Options::default());
    let [diagnostic] = parsed.diagnostics.as_slice() else { panic!("{:?}", parsed.diagnostics) };
    assert_eq!(parsed.sources.text(diagnostic.primary.span), b"BROKEN");
}

#[test]
fn what_was_defined_is_listed_as_written() {
    let parsed = Files::main("#!define B \"two\" \n#!define A 1\n#!redefine B 3\nx.a = 1\n")
        .parse(&Options::default());
    let defines: Vec<(&str, &[u8])> =
        parsed.defines.iter().map(|define| (define.name.as_str(), define.value.as_slice())).collect();
    assert_eq!(defines, [("A", &b"1"[..]), ("B", b"3")]);
}

#[test]
fn more_than_512_defines_are_an_error() {
    let text: String = (0..513).map(|i| format!("#!define D{i}\n")).collect();
    let (_, codes) = outcome(&Files::main(&format!("{text}x.a = 1\n")).parse(&Options::default()));
    assert_eq!(codes, ["too-many-defines"]);
}

#[test]
fn what_kamailio_takes_for_a_comment_is_only_a_warning() {
    let text = "#!ifdfe A\n#!define\n#!else\nx.a = 1\n#!ifdef A\nx.b = 1\n#!else // not one\nx.c = 1\n#!endif\n#!undef A\n";
    let parsed = Files::main(text).parse(&Options::default());
    assert!(parsed.diagnostics.iter().all(|diagnostic| diagnostic.severity == Severity::Warning));
    let (variables, codes) = outcome(&parsed);
    assert_eq!(variables, ["a=1"]);
    let expected =
        ["unknown-directive", "incomplete-directive", "stray-else", "text-after-directive", "not-defined"];
    assert_eq!(codes, expected);
}
