//! The command line, under both names.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::rig::{Folder, free_port, tandem, wait_for_file, wait_until};

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

const GOOD: &str = "loadmodule \"sl.so\"\nrequest_route {\n  sl_send_reply(\"200\", \"OK\");\n}\n";
const BAD: &str = "loadmodule \"sl.so\"\nrequest_route {\n  sl_send_repyl(\"200\", \"OK\");\n}\n";

#[test]
fn check_tells_by_its_exit_status_and_shows_the_place() {
    let folder = Folder::new();
    let good = folder.write("good.cfg", GOOD);
    let bad = folder.write("bad.cfg", BAD);
    assert_eq!(tandem(&["check", good.to_str().unwrap()]).status.code(), Some(0));
    let output = tandem(&["check", bad.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(255));
    let shown = text(&output.stderr);
    for part in ["bad.cfg:3:3", "sl_send_repyl", "sl_send_reply", "^^^"] {
        assert!(shown.contains(part), "no {part:?} in:\n{shown}");
    }
}

#[test]
fn check_speaks_json_to_editors() {
    let folder = Folder::new();
    let bad = folder.write("bad.cfg", BAD);
    let output = tandem(&["check", "--format", "json", bad.to_str().unwrap()]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let first = &document["diagnostics"][0];
    assert_eq!(first["severity"], "error");
    assert_eq!((first["place"]["line"].as_u64(), first["place"]["column"].as_u64()), (Some(3), Some(3)));
}

#[test]
fn kamailios_check_has_kamailios_words_and_statuses() {
    let folder = Folder::new();
    let port = free_port();
    let good = folder.write("good.cfg", &format!("listen=udp:127.0.0.1:{port}\n{GOOD}"));
    let output = tandem(&["kamailio", "-c", "-f", good.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("config file ok, exiting..."));
    assert!(text(&output.stdout).contains("Listening on"));
    let bad = folder.write("bad.cfg", BAD);
    let output = tandem(&["kamailio", "-c", "-f", bad.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(255));
    assert!(text(&output.stderr).contains("ERROR: bad config file (1 errors)"));
    let output = tandem(&["kamailio", "-c", "-f", "/no/such/file.cfg"]);
    assert_eq!(output.status.code(), Some(255));
    assert!(text(&output.stderr).contains("ERROR: loading config file(/no/such/file.cfg)"));
}

#[test]
fn linked_as_kamailio_it_becomes_a_daemon_with_a_pid_file() {
    let folder = Folder::new();
    let port = free_port();
    let file = folder.write("k.cfg", &format!("listen=udp:127.0.0.1:{port}\ndisable_tcp=yes\n{GOOD}"));
    let link = folder.path("kamailio");
    symlink(env!("CARGO_BIN_EXE_tandem"), &link).unwrap();
    let pid_file = folder.path("k.pid");
    let status = Command::new(&link)
        .args(["-f", file.to_str().unwrap(), "-P", pid_file.to_str().unwrap(), "-m", "64", "-M", "8"])
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0), "the parent ends once the child serves");
    wait_for_file(&pid_file);
    let pid: i32 = std::fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    let taken = Command::new(&link).args(["-DD", "-E", "-f", file.to_str().unwrap()]).output().unwrap();
    assert_eq!(taken.status.code(), Some(255));
    assert!(text(&taken.stderr).contains("is taken by another program"), "{}", text(&taken.stderr));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM).unwrap();
    wait_until("the pid file gone", || !pid_file.exists(), String::new);
}

#[test]
fn every_command_has_help_with_examples() {
    for command in ["run", "check", "ctl", "reference"] {
        let output = tandem(&[command, "--help"]);
        assert!(output.status.success());
        assert!(text(&output.stdout).contains("Examples:"), "{command}");
    }
    assert!(text(&tandem(&["kamailio", "-h"]).stdout).contains("-f file"));
    assert!(text(&tandem(&["kamailio", "-v"]).stdout).starts_with("version: kamailio 5.6.3"));
}

#[test]
fn cfg_print_prints_what_is_left_after_preprocessing() {
    let folder = Folder::new();
    folder.write("included.cfg", "loadmodule \"pv.so\"\n");
    let file = folder.write(
        "main.cfg",
        "#!KAMAILIO\n#!define WITH_LOG\n#!substdef \"!GREETING!Hello!g\"\ninclude_file \"included.cfg\"\nloadmodule \"sl.so\"\n\
         #!ifdef WITH_LOG\nloadmodule \"xlog.so\"\n#!else\nloadmodule \"none.so\"\n#!endif\n\
         request_route {\n  sl_send_reply(\"200\", \"GREETING\");\n}\n",
    );
    let ours = tandem(&["kamailio", "--cfg-print", "-f", file.to_str().unwrap()]);
    assert_eq!(ours.status.code(), Some(0), "{}", text(&ours.stderr));
    let golden = include_str!("cfg-print.golden");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/server/cfg-print.golden");
        std::fs::write(path, &ours.stdout).unwrap();
        return;
    }
    assert_eq!(text(&ours.stdout), golden, "set UPDATE_GOLDEN=1 to take the new output");
    // The real one, where it is installed.
    if let Ok(theirs) = Command::new("kamailio").args(["--cfg-print", "-f"]).arg(&file).output() {
        assert_eq!(text(&ours.stdout), text(&theirs.stdout));
    }
}

#[test]
fn check_tries_the_modules_too() {
    let folder = Folder::new();
    let bad = folder.write(
        "timer.cfg",
        "loadmodule \"rtimer.so\"\nmodparam(\"rtimer\", \"timer\", \"name=t;interval=10;\")\n\
         modparam(\"rtimer\", \"exec\", \"timer=t;route=NOWHERE\")\nrequest_route {\n  exit;\n}\n",
    );
    let output = tandem(&["check", bad.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(255));
    assert!(text(&output.stderr).contains("timer.cfg:3"), "{}", text(&output.stderr));
}

#[test]
fn run_tells_each_mistake_once_when_a_module_refuses_too() {
    let folder = Folder::new();
    let bad = folder.write(
        "twice.cfg",
        "loadmodule \"rtimer.so\"\nmodparam(\"rtimer\", \"timer\", \"name=t;interval=10;\")\n\
         modparam(\"rtimer\", \"exec\", \"timer=t;route=NOWHERE\")\nroute[UNUSED] {\n  exit;\n}\nrequest_route {\n  exit;\n}\n",
    );
    let output = tandem(&["run", bad.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(255));
    let shown = text(&output.stderr);
    for mistake in ["warning[unused-route]", "error[module-start]"] {
        assert_eq!(shown.matches(mistake).count(), 1, "{shown}");
    }
}

#[test]
fn the_examples_check_without_a_word() {
    let examples = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"));
    let mut checked = 0;
    for entry in std::fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "cfg") {
            let output = tandem(&["check", path.to_str().unwrap()]);
            let shown = text(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{shown}");
            assert!(shown.ends_with("can run (0 errors, 0 warnings)\n"), "{shown}");
            checked += 1;
        }
    }
    assert!(checked > 0, "no example in {}", examples.display());
}

/// The articles' blocks whose prose expects more of a failure route than Kamailio gives: what the check says about them, and
/// that it is quiet once Tandem's own parameter is set.
#[test]
fn check_points_out_what_a_failure_route_does_not_do() {
    let blocks = [
        (
            "failover",
            "unresolved_as_failure",
            include_str!("../../../../tests/differential/seed/failover/block.cfg"),
        ),
        (
            "serial",
            "auto_next_contacts",
            include_str!("../../../../tests/differential/seed/serial-forking/block.cfg"),
        ),
    ];
    let modules = ["tm", "sl", "rr", "textops", "corex", "xlog", "pv"];
    let modules: String = modules.iter().map(|name| format!("loadmodule \"{name}.so\"\n")).collect();
    let mut said = String::new();
    for (name, parameter, block) in blocks {
        let folder = Folder::new();
        let file = folder.write(&format!("{name}.cfg"), &format!("{modules}{block}"));
        let output = tandem(&["check", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "it runs: {}", text(&output.stderr));
        let above = format!("{}/", file.parent().unwrap().display());
        said.push_str(&text(&output.stderr).replace(&above, ""));

        let quiet = format!("{modules}modparam(\"tm\", \"{parameter}\", 1)\n{block}");
        let file = folder.write(&format!("{name}-quiet.cfg"), &quiet);
        let output = tandem(&["check", file.to_str().unwrap()]);
        assert!(!text(&output.stderr).contains(parameter), "{}", text(&output.stderr));
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/server/surprises.golden"), &said).unwrap();
        return;
    }
    assert_eq!(said, include_str!("surprises.golden"), "set UPDATE_GOLDEN=1 to take the new output");
}
