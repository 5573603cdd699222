//! PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::sys::signal::Signal;
use nix::unistd::User;

use crate::folder::Folder;
use crate::process::{self, Process};
use crate::{NAME, PASSWORD, USER};

/// Debian keeps a folder here for each version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Another may take the port between our finding and the server's opening it.
const ATTEMPTS: usize = 5;

/// A PostgreSQL server with an empty database; its user may do everything.
pub struct Postgres {
    // Before the folder, so that the server has ended when that is removed.
    process: Option<Process>,
    folder: Folder,
    owner: Option<User>,
    port: u16,
}

impl Postgres {
    /// A fresh server, ready for connections.
    pub fn start() -> Self {
        let folder = Folder::new();
        let owner = process::owner("postgres");
        if let Some(user) = &owner {
            folder.give_to(user);
        }
        let mut server = Self { process: None, folder, owner, port: 0 };
        server.prepare();
        for _ in 0..ATTEMPTS {
            server.port = process::free_port();
            if server.launch() {
                return server;
            }
        }
        panic!("PostgreSQL does not start: {}", server.log());
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{NAME}", self.port)
    }

    /// The port on 127.0.0.1; a restart keeps it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it, as a crash would. Its children end when they see it gone.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Starts it again after [`Self::kill`], with its data and at its port.
    pub fn restart(&mut self) {
        // Children of the killed server hold its shared memory until they have seen that it is gone.
        let restarted = (0..ATTEMPTS * 20).any(|_| {
            let _ = std::fs::remove_file(self.data().join("postmaster.pid"));
            self.launch()
        });
        assert!(restarted, "PostgreSQL does not start again: {}", self.log());
    }

    /// Stops it from taking new connections. Open ones are served by processes of their own, which go on.
    pub fn freeze(&self) {
        self.process.as_ref().unwrap().signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.process.as_ref().unwrap().signal(Signal::SIGCONT);
    }

    fn prepare(&self) {
        let secret = self.folder.path().join("password");
        std::fs::write(&secret, PASSWORD).unwrap();
        let data = self.data().display().to_string();
        process::finish(process::command(&program("initdb"), self.owner.as_ref()).args([
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--auth=scram-sha-256",
            &format!("--username={USER}"),
            &format!("--pwfile={}", secret.display()),
            &format!("--pgdata={data}"),
        ]));
        let statement = self.folder.path().join("create.sql");
        std::fs::write(&statement, format!("CREATE DATABASE {NAME};\n")).unwrap();
        let statement = Stdio::from(std::fs::File::open(&statement).unwrap());
        process::finish(process::command(&program("postgres"), self.owner.as_ref()).stdin(statement).args([
            "--single",
            "-D",
            &data,
            "template1",
        ]));
    }

    fn launch(&mut self) -> bool {
        let mut command = process::command(&program("postgres"), self.owner.as_ref());
        command.args(["-D", &self.data().display().to_string()]).args(["-p", &self.port.to_string()]);
        command.args(["-k", &self.folder.path().display().to_string()]);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=16MB"]);
        let status = self.data().join("postmaster.pid");
        let ready = || std::fs::read_to_string(&status).is_ok_and(|text| text.trim_end().ends_with("ready"));
        self.process = Process::start(&mut command, &self.folder.path().join("log"), ready);
        self.process.is_some()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// A program of the newest version.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    let newest = newest.unwrap_or_else(|| panic!("PostgreSQL is missing: run scripts/setup.sh"));
    Path::new(VERSIONS).join(newest.to_string()).join("bin").join(name)
}
