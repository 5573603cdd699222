//! Expressions and statements, each held against what Kamailio 5.6.3 did with the same text.

mod support;

use support::{World, run};

const ROUTES: &str = "
route[NEG] { return -3; }
route[POS] { return 4; }
route[BRK] { break; }
route[R1] { $avp(s)=\"12\"; return $avp(s)+1; }
";

/// Evaluates one expression after some preparation; shows the value and its type.
fn value(before: &str, expression: &str) -> String {
    let text = format!("{ROUTES} request_route {{ {before} $var(r) = \"undone\"; $var(r) = {expression}; }}");
    let world = run(&text);
    match world.vars.get(&b"r"[..]) {
        Some(cfg_vm::Value::Int(number)) => format!("int {number}"),
        Some(cfg_vm::Value::Str(text)) => format!("str {}", text.to_lossy()),
        other => panic!("{expression}: {other:?}"),
    }
}

fn table(before: &str, rows: &[(&str, &str)]) {
    for (expression, expected) in rows {
        assert_eq!(value(before, expression), *expected, "{expression} after {before}");
    }
}

#[test]
fn plus_is_typed_by_its_left_side() {
    table(
        r#"$avp(s)="12"; $avp(i)=12;"#,
        &[
            (r#""12"+3"#, "str 123"),
            (r#""a"+1+2"#, "str a12"),
            (r#"$avp(un)+"x""#, "str x"),
            ("$avp(un)+1", "str 1"),
            ("$avp(un)+$avp(un2)", "str "),
            (r#"$var(un)+"x""#, "int 0"),
            ("1+$avp(un)", "int 1"),
            (r#""a"+$avp(un)"#, "str a"),
            ("$avp(s)+1", "str 121"),
            (r#"$avp(i)+"1""#, "int 13"),
            ("$avp(i)+$avp(s)", "int 24"),
            ("$avp(s)+$avp(i)", "str 1212"),
            ("$avp(s)+1+2", "str 1212"),
            ("1+$avp(s)+2", "int 15"),
            ("$avp(s)+(1+2)", "str 123"),
            ("$avp(s)+0", "str 120"),
            ("0+$avp(s)", "int 12"),
            (r#"$avp(s)+"""#, "str 12"),
            (r#"""+$avp(i)"#, "str 12"),
            (r#"$avp(i)+"5"+"6""#, "int 23"),
            ("(str)5+6", "str 56"),
            (r#"(int)"5"+6"#, "int 11"),
            (r#"$null+1"#, "str 1"),
        ],
    );
}

#[test]
fn an_open_plus_adds_where_a_number_is_wanted() {
    table(
        r#"$avp(s)="12"; $avp(i)=12;"#,
        &[
            ("route(R1)", "int 13"),
            ("($avp(s)+1)*2", "int 26"),
            ("-($avp(s)+1)", "int -13"),
            ("1+($avp(s)+1)", "int 14"),
            ("0+($avp(s)+1)", "int 13"),
            ("($avp(s)+1)==121", "int 1"),
            ("($avp(s)+1)==13", "int 0"),
            ("13==($avp(s)+1)", "int 1"),
            ("121==($avp(s)+1)", "int 0"),
            ("($avp(s)+1)>100", "int 0"),
            ("(int)($avp(s)+1)", "int 13"),
            (r#"!($avp(s)+"0")"#, "int 0"),
            ("strlen($avp(s)+1)", "int 3"),
            (r#""x"+($avp(s)+1)"#, "str x121"),
            ("$avp(s)+($avp(s)+1)", "str 12121"),
            ("$avp(i)+($avp(s)+1)", "int 25"),
            ("1 || ($avp(s)+1)", "int 1"),
            ("$avp(un)+1+1", "str 11"),
            ("0+($avp(un)+1+1)", "int 2"),
            (r#""a"+($avp(i)+1)"#, "str a13"),
            ("(str)($avp(i)+1)", "str 13"),
            ("strlen($avp(i)+1)", "int 2"),
            (r#"$avp(i)+$avp(i) =~ "24""#, "int 1"),
            (r#"($avp(i)+1) eq "13""#, "int 1"),
            ("($avp(s)+1) ieq 13", "int 1"),
            ("$avp(un)+5==5", "int 1"),
            ("5==$avp(un)+5", "int 1"),
        ],
    );
}

#[test]
fn equality_is_typed_by_its_left_side_and_undefined_takes_the_rights() {
    table(
        r#"$avp(s)="12"; $avp(i)=12;"#,
        &[
            ("$avp(s)==12", "int 1"),
            (r#"$avp(i)=="12""#, "int 1"),
            ("$avp(i)==$avp(s)", "int 1"),
            (r#""12"==12"#, "int 1"),
            (r#"$avp(s)=="012""#, "int 0"),
            (r#"$avp(i)=="012""#, "int 1"),
            (r#"$avp(i)=="12abc""#, "int 0"),
            ("$avp(s)!=12", "int 0"),
            ("$avp(s) ieq 12", "int 1"),
            ("$avp(s) ieq $avp(i)", "int 1"),
            (r#"$avp(i) eq "12""#, "int 1"),
            ("$avp(i) eq 12", "int 1"),
            (r#"$avp(i) ne "012""#, "int 1"),
            ("$avp(s) ine 12", "int 0"),
            ("12==$avp(s)", "int 1"),
            (r#"$avp(un)=="""#, "int 1"),
            ("$avp(un)==0", "int 1"),
            ("$avp(un)==$avp(un2)", "int 1"),
            (r#"$avp(un)=="x""#, "int 0"),
            (r#"""==$avp(un)"#, "int 1"),
            ("0==$avp(un)", "int 1"),
            (r#"$avp(un)!="x""#, "int 1"),
            ("$avp(un)==$null", "int 1"),
            ("$avp(un)!=$null", "int 0"),
            ("$null==$null", "int 1"),
            ("$var(un)==$null", "int 0"),
            (r#""x"==$null"#, "int 0"),
            (r#"""==$null"#, "int 0"),
            ("$null==$avp(un)", "int 1"),
            ("$null==0", "int 1"),
            (r#"$null=="""#, "int 1"),
            (r#"("1"+$avp(i))==112"#, "int 1"),
        ],
    );
}

#[test]
fn undefined_is_nothing_and_zero() {
    table(
        "",
        &[
            (r#"$avp(un) eq """#, "int 1"),
            ("$avp(un) ieq 0", "int 1"),
            ("$avp(un)<1", "int 1"),
            ("$avp(un)>-1", "int 1"),
            ("$avp(un)*1", "int 0"),
            ("-$avp(un)", "int 0"),
            ("!$avp(un)", "int 1"),
            ("defined $avp(un)", "int 0"),
            ("defined $var(un)", "int 1"),
            ("!defined $avp(un)", "int 1"),
            ("strlen($avp(un))", "int 0"),
            ("strempty($avp(un))", "int 1"),
            ("(int)$avp(un)", "int 0"),
            ("(str)$avp(un)", "str "),
            (r#"defined "x""#, "int 1"),
            ("defined $null", "int 0"),
            (r#"$avp(un)=~"x""#, "int 0"),
            (r#"$avp(un)=~"""#, "int 1"),
            (r#""x"=~$avp(un)"#, "int 1"),
            (r#"$avp(un)=~"^$""#, "int 1"),
        ],
    );
}

#[test]
fn truth_inside_and_outside_of_logic() {
    table(
        r#"$avp(abc)="abc"; $avp(five)="5"; $avp(z)="0"; $avp(e)=""; $avp(n)=-1; $avp(i)=12;"#,
        &[
            ("!$avp(abc)", "int 1"),
            ("!$avp(five)", "int 0"),
            ("!$avp(z)", "int 1"),
            ("!$avp(e)", "int 1"),
            ("!$avp(n)", "int 0"),
            ("!5", "int 0"),
            ("!!5", "int 1"),
            ("$avp(n) && $avp(i)", "int 1"),
            ("$avp(abc) || $avp(n)", "int 1"),
            ("$avp(i) && 0", "int 0"),
            ("$avp(i) || 1", "int 1"),
            ("$avp(n) && 1 && 2", "int 1"),
            ("$avp(n) && (1+1)", "int 1"),
            ("1 or 0 and 0", "int 1"),
            ("not 1", "int 0"),
        ],
    );
}

#[test]
fn neutral_operands_fall_away() {
    table(
        r#"$avp(five)="5"; $avp(n)=-1; $avp(e)="";"#,
        &[
            ("$avp(five) && 1", "int 5"),
            ("$avp(n) && 1", "int -1"),
            ("$avp(n) || 0", "int -1"),
            ("$avp(e) || 0", "int 0"),
            ("1 && $avp(n)", "int -1"),
            ("0 || $avp(n)", "int -1"),
            ("(1==1) && $avp(n)", "int -1"),
            ("1 && ($avp(n) && 1)", "int -1"),
            ("$avp(n) && (1 && $avp(n))", "int 1"),
            ("$avp(n) && $avp(n) && 1", "int 1"),
            ("route(NEG)*1", "int -3"),
            ("0+route(NEG)", "int -3"),
            ("route(NEG)+0", "int -3"),
            ("route(NEG)-0", "int -3"),
            ("route(NEG)/1", "int -3"),
            ("0|route(NEG)", "int -3"),
            ("route(NEG)^0", "int 0"),
            ("route(NEG)<<0", "int 0"),
            ("route(POS) && 1", "int 4"),
            ("route(NEG) && 1", "int -3"),
            ("(route(NEG)+0)+0", "int -3"),
            ("route(NEG)+1-1", "int 0"),
        ],
    );
}

#[test]
fn codes_are_one_or_zero_inside_expressions_and_raw_alone() {
    table(
        "",
        &[
            (r#"is_method("OPTIONS")+2"#, "int 3"),
            (r#"is_method("INVITE")+2"#, "int 2"),
            ("route(POS)+1", "int 2"),
            (r#"!is_method("INVITE")"#, "int 1"),
            ("!route(POS)", "int 0"),
            ("-route(POS)", "int -1"),
            ("route(POS)*3", "int 3"),
            (r#""1"==is_method("OPTIONS")"#, "int 1"),
            (r#""a"+route(POS)"#, "str a1"),
            ("(int)route(POS)", "int 1"),
            ("(str)route(POS)", "str 1"),
            ("route(NEG)", "int -3"),
            ("route(POS)", "int 4"),
            ("(route(POS))", "int 4"),
            ("route(BRK)", "int 0"),
            ("route(NEG)==-3", "int 0"),
            ("1==route(POS)", "int 1"),
            (r#"is_method("INVITE")"#, "int -1"),
        ],
    );
}

#[test]
fn precedence_and_arithmetic() {
    table(
        r#"$avp(a)="9"; $avp(b)="10"; $avp(s)="12";"#,
        &[
            ("-7/2", "int -3"),
            ("-7 mod 3", "int -1"),
            ("7 mod -3", "int 1"),
            ("2-3-4", "int -5"),
            ("100/10/2", "int 5"),
            ("$avp(a)<$avp(b)", "int 1"),
            ("1<<4", "int 16"),
            ("256>>4", "int 16"),
            ("-1>>1", "int -1"),
            ("5&3", "int 1"),
            ("5|3", "int 7"),
            ("5^3", "int 6"),
            ("1|2==2", "int 1"),
            ("6&4==4", "int 0"),
            ("1<2==1", "int 1"),
            ("2*3 mod 4", "int 2"),
            ("7 mod 4*2", "int 6"),
            ("!1==0", "int 1"),
            ("!0+1", "int 2"),
            ("- 3+5", "int 2"),
            ("1==1==1", "int 1"),
            ("5>3>2", "int 0"),
            ("1+2<<1", "int 6"),
            ("3&2==2", "int 1"),
            ("~ 5", "int -6"),
            ("~ $avp(s)", "int -13"),
            ("$avp(s)*2", "int 24"),
            ("-$avp(s)", "int -12"),
            ("$avp(s)/5", "int 2"),
            ("017", "int 15"),
            ("0xff", "int 255"),
            ("101b", "int 5"),
        ],
    );
}

#[test]
fn matching_is_case_insensitive_and_unanchored() {
    table(
        r#"$avp(i)=12; $avp(re)="^1"; $avp(bad)="(";"#,
        &[
            (r#""a"=~"A""#, "int 1"),
            (r#""abc"=~"b""#, "int 1"),
            (r#"$avp(i)=~"^12$""#, "int 1"),
            ("$avp(i)=~$avp(re)", "int 1"),
            (r#""1x" =~ $avp(re)"#, "int 1"),
            ("$avp(i)=~$avp(bad)", "str undone"),
            (r#""a" =~ $avp(i)"#, "int 0"),
            (r#""x12" =~ $avp(i)"#, "int 1"),
            (r#"$rU=~"al"+"i""#, "int 1"),
        ],
    );
}

#[test]
fn keywords_compare_without_regard_to_case() {
    table(
        "",
        &[
            ("src_ip==127.0.0.1", "int 1"),
            ("src_ip==127.0.0.0/8", "int 1"),
            ("src_ip==10.0.0.1", "int 0"),
            ("src_ip!=127.0.0.1", "int 0"),
            (r#"src_ip=="127.0.0.1""#, "int 1"),
            (r#"src_ip=~"127""#, "int 1"),
            ("src_ip==localhost", "int 1"),
            ("src_ip==$si", "int 1"),
            (r#"method=="OPTIONS""#, "int 1"),
            (r#"method=="options""#, "int 1"),
            ("method==OPTIONS", "int 1"),
            (r#"method!="INVITE""#, "int 1"),
            (r#"(method=="OPTIONS")+1"#, "int 2"),
            (r#"!(method=="INVITE")"#, "int 1"),
            (r#"method=~"opt|inv""#, "int 1"),
            ("method==$rm", "int 1"),
            (r#"uri=~"t3""#, "int 1"),
            (r#"uri=="sip:T3@127.0.0.1:25990""#, "int 1"),
            (r#"uri=="sip:t3@127.0.0.1""#, "int 0"),
            ("uri==myself", "int 1"),
            ("myself==uri", "int 1"),
            ("from_uri!=myself", "int 1"),
            ("proto==UDP", "int 1"),
            ("proto==TCP", "int 0"),
            (r#"proto=="udp""#, "int 0"),
            ("af==INET", "int 1"),
            ("af==INET6", "int 0"),
            ("msg:len>10", "int 1"),
            ("src_port>0", "int 1"),
            ("src_port!=0", "int 1"),
            ("src_port==5080", "int 1"),
            (r#"status=="200""#, "int 0"),
        ],
    );
}

/// Runs a route's body; what `$rc` shows in it and after it, or nothing after it if the script ended.
fn codes(body: &str) -> Vec<String> {
    let text = format!(
        "{ROUTES} route[ZERO] {{ return 0; }}
         route[T] {{ {body} }}
         request_route {{ route(T); log(\"after $rc\"); }}"
    );
    run(&text).log
}

fn code_table(rows: &[(&str, &[&str])]) {
    for (body, expected) in rows {
        assert_eq!(codes(body), *expected, "{body}");
    }
}

#[test]
fn only_functions_and_routes_set_the_return_code() {
    code_table(&[
        (r#"is_method("INVITE"); $var(x)=1; log("$rc");"#, &["-1", "after 1"]),
        (r#"is_method("INVITE"); log("$rc"); log("$rc");"#, &["-1", "1", "after 1"]),
        (r#"is_method("INVITE"); if($var(y)==0) { $var(x)=1; } log("$retcode");"#, &["-1", "after 1"]),
        (r#"route(NEG); log("$?");"#, &["-3", "after 1"]),
        (r#"if(!route(NEG)) { log("$rc"); }"#, &["-3", "after 1"]),
        (r#"if(route(POS)) { log("$rc"); }"#, &["4", "after 1"]),
        (r#"if(route(POS)==4) { log("no"); } log("$rc");"#, &["4", "after 1"]),
        (r#"if($var(q)==1 || route(NEG)) { log("no"); } log("$rc");"#, &["-3", "after 1"]),
        (r#"$var(i)=0; while($var(i)<3) { $var(i)=$var(i)+1; } log("$rc");"#, &["0", "after 1"]),
        (r#"switch($rU) { case "alice": is_method("INVITE"); break; } log("$rc");"#, &["-1", "after 1"]),
    ]);
}

#[test]
fn a_route_is_worth_its_last_statement() {
    code_table(&[
        (r#"is_method("INVITE");"#, &["after -1"]),
        (r#"is_method("INVITE"); $var(x)=1;"#, &["after 1"]),
        (r#"$var(x)=is_method("INVITE");"#, &["after 1"]),
        (r#"if($var(x)==0) { is_method("INVITE"); }"#, &["after -1"]),
        (r#"if(is_method("INVITE")) { $var(x)=1; }"#, &["after 1"]),
        (r#"$var(i)=0; while($var(i)<3) { $var(i)=$var(i)+1; is_method("INVITE"); }"#, &["after -1"]),
        (r#"$var(i)=0; while($var(i)<3) { $var(i)=$var(i)+1; if ($var(i)==2) break; }"#, &["after 0"]),
        (r#"while($var(nope)>3) { $var(i)=1; }"#, &["after 1"]),
        (r#"is_method("INVITE"); ;"#, &["after -1"]),
        (r#"switch($rU) { case "alice": is_method("INVITE"); break; default: $var(x)=1; }"#, &["after 0"]),
        (r#"switch($rU) { case "a": $var(x)=1; break; default: is_method("INVITE"); }"#, &["after -1"]),
        (r#"is_method("INVITE"); switch($rU) { case "a": is_method("INVITE"); break; }"#, &["after 1"]),
        (r#"$var(x)=1/$var(nope);"#, &["after -1"]),
        (r#"is_method("INVITE"); while(1/$var(nope)) { $var(x)=1; }"#, &["after 1"]),
        (r#"route("NO" + "PE");"#, &["after -10"]),
        (r#"$var(i)=0; while($var(i)<500) { $var(i)=$var(i)+1; }"#, &["after -1"]),
    ]);
}

#[test]
fn return_exit_drop_and_break() {
    code_table(&[
        ("return;", &["after 1"]),
        ("return 5;", &["after 5"]),
        ("return -4;", &["after -4"]),
        ("return route(POS);", &["after 1"]),
        ("return route(POS)+1;", &["after 2"]),
        ("$var(x)=-5; return $var(x);", &["after -5"]),
        (r#"$avp(x)="7"; return $avp(x);"#, &["after 7"]),
        ("return 1/$var(nope);", &["after -5"]),
        ("break; log(\"no\");", &["after 0"]),
        ("if($var(x)==0) { break; } log(\"no\");", &["after 0"]),
        (r#"switch($rU) { case "x": return 1; default: return -4; } log("no");"#, &["after -4"]),
        ("while($var(x)==0) { return -4; } log(\"no\");", &["after -4"]),
        // What follows a 0 is nothing, for any caller.
        (r#"return is_method("INVITE");"#, &[]),
        ("return route(NEG);", &[]),
        ("return !route(POS);", &[]),
        ("return $avp(un);", &[]),
        ("return 0;", &[]),
        ("exit;", &[]),
        ("drop;", &[]),
        ("code(0); log(\"no\");", &[]),
        ("route(ZERO); log(\"no\");", &[]),
        ("if(route(ZERO)) { log(\"no\"); } log(\"no\");", &[]),
        ("$var(x)=route(ZERO); log(\"no\");", &[]),
        ("if($var(x)==2 && route(ZERO)) { log(\"no\"); } log(\"reached\");", &["reached", "after 1"]),
        ("if(route(BRK)) { log(\"yes\"); } else { log(\"no\"); }", &["no", "after 1"]),
    ]);
}

#[test]
fn a_failed_expression_gives_up_its_statement_only() {
    code_table(&[
        (r#"$var(x)="kept"; $var(x)=1/$var(nope); log("$var(x)");"#, &["kept", "after 1"]),
        (r#"if(1/$var(nope)) log("yes"); else log("no");"#, &["no", "after 1"]),
        (r#"if(1/$var(nope)==0) log("yes"); else log("no");"#, &["no", "after 1"]),
        (r#"if(!(1/$var(nope))) log("yes"); else log("no");"#, &["no", "after 1"]),
        (r#"while(1/$var(nope)) { break; } log("after it");"#, &["after it", "after 1"]),
        (
            r#"switch(1/$var(nope)) { case 1: break; default: log("default"); } log("then");"#,
            &["default", "then", "after 1"],
        ),
    ]);
    let world = run("request_route { $var(x) = 5 mod $var(nope); }");
    assert_eq!(world.notices, ["DivisionByZero"]);
}

#[test]
fn conditions_hold_above_zero_only() {
    let holds = |condition: &str| {
        let world = run(&format!(
            "request_route {{ $avp(n)=-1; $avp(s)=\"5\"; if({condition}) log(\"yes\"); else log(\"no\"); }}"
        ));
        world.log == ["yes"]
    };
    for condition in
        ["5", "\"5\"", "$avp(s)", "$avp(n) && $avp(s)", "1 && 2", "$avp(n) || $avp(un)", "!$avp(un)"]
    {
        assert!(holds(condition), "{condition}");
    }
    for condition in
        ["-5", "\"abc\"", "\"\"", "$rU", "$avp(n)", "!$avp(n)", "$avp(n) && 1", "$avp(un)", "$avp(n)+0"]
    {
        assert!(!holds(condition), "{condition}");
    }
}

#[test]
fn switch_jumps_falls_through_and_knows_default() {
    code_table(&[
        (
            r#"switch($rU) { case "alice": log("a"); case "x": log("x"); break; case "y": log("y"); }"#,
            &["a", "x", "after 0"],
        ),
        (r#"switch($var(x)) { case 1: exit; default: log("d"); case 2: log("2"); }"#, &["d", "2", "after 1"]),
        (r#"switch($var(x)) { default: log("d"); break; case 0: log("0"); }"#, &["0", "after 1"]),
        (
            r#"switch($rU) { case /"^ALI": log("re"); break; case "alice": log("text"); }"#,
            &["text", "after 1"],
        ),
        (r#"switch($rU) { case /"^al": log("re"); break; case "alice": log("text"); }"#, &["re", "after 0"]),
        (r#"switch($avp(un)) { case "": log("empty"); break; default: log("d"); }"#, &["empty", "after 0"]),
        (r#"switch($avp(un)) { case 0: log("zero"); break; default: log("d"); }"#, &["zero", "after 0"]),
        (r#"switch($rU) { case 0: log("zero"); break; default: log("d"); }"#, &["zero", "after 0"]),
        (
            r#"$avp(i)=5; switch($avp(i)) { case "5": log("five"); break; default: log("d"); }"#,
            &["five", "after 0"],
        ),
        (r#"switch(1+1) { case 2: log("two"); break; default: log("d"); }"#, &["two", "after 0"]),
        (r#"switch($var(x)) { case 1-1: log("zero"); break; }"#, &["zero", "after 0"]),
        (r#"switch(route(NEG)) { case -3: log("raw"); break; case 0: log("0"); break; }"#, &["0", "after 0"]),
        (
            r#"$var(i)=0; while($var(i)<3) { $var(i)=$var(i)+1; switch($var(i)) { case 2: break; } log("$var(i)"); }"#,
            &["1", "2", "3", "after 1"],
        ),
    ]);
}

#[test]
fn a_loop_is_cut_and_the_script_goes_on() {
    let world = run("request_route { while($var(i) < 500) { $var(i) = $var(i) + 1; } log(\"$var(i)\"); }");
    assert_eq!(world.log, ["100"]);
    assert_eq!(world.notices, ["LoopLimit(100)"]);
}

#[test]
fn a_runaway_script_is_cut_with_its_line() {
    let program =
        support::program("request_route { route(A); } route[A] { while($var(x)==0) { $var(y) = 1; } }");
    let mut world = World::default();
    world.limits.loops = 0;
    world.limits.steps = 1000;
    assert!(matches!(world.start(&program), cfg_vm::Ended::Cut(_)));
    assert_eq!(world.notices, ["StepLimit(1000)"]);
}

#[test]
fn routes_may_not_nest_without_end() {
    let world = run("request_route { route(A); log(\"end $rc\"); } route[A] { route(A); }");
    assert_eq!(world.notices, ["Recursion(256)"]);
    assert_eq!(world.log, ["end -1"]);
}

#[test]
fn routes_by_variable_by_function_and_joined() {
    let world = run(
        "request_route { $var(r)=\"A\"; route($var(r)); log(\"$rc\"); route(\"B\" + $var(none)); log(\"$rc\"); run(\"A\"); log(\"$rc\"); }
         request_route { log(\"joined\"); }
         route[A] { log(\"in A\"); return 7; }",
    );
    assert_eq!(world.log, ["in A", "7", "1", "in A", "7", "joined"]);
    assert_eq!(world.notices, ["NoRoute([66, 48])"]);
}

#[test]
fn end_says_how() {
    use cfg_vm::{End, Ended};
    let end = |body: &str| match run(&format!("request_route {{ {body} }}")).ended {
        Some(Ended::Finished(end)) => end,
        other => panic!("{body}: {other:?}"),
    };
    assert_eq!(end("exit;"), End { code: 1, drop: false, exit: true });
    assert_eq!(end("exit 5;"), End { code: 5, drop: false, exit: true });
    assert_eq!(end("drop;"), End { code: 0, drop: true, exit: true });
    assert_eq!(end("return;"), End { code: 1, drop: false, exit: false });
    assert_eq!(end("return -1;"), End { code: -1, drop: false, exit: false });
    assert_eq!(end("return 0;"), End { code: 0, drop: false, exit: true });
    assert_eq!(end("break;"), End { code: 0, drop: false, exit: false });
    assert_eq!(end("is_method(\"INVITE\");"), End { code: -1, drop: false, exit: false });
}

#[test]
fn the_listing_shows_routes_and_places() {
    let listing = support::program("request_route { $var(x) = 5; }").listing();
    let lines: Vec<&str> = listing.lines().map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "Request",
            "0     3:17  Statement(0)",
            "1     3:27  Int(5)",
            "2     3:17  Write(PvRef(0))",
            "3     3:1   Leave"
        ]
    );
}
