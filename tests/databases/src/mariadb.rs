//! MariaDB.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::User;

use crate::folder::Folder;
use crate::process::{self, Process};
use crate::{NAME, PASSWORD, USER};

const SERVER: &str = "/usr/sbin/mariadbd";
const INSTALL: &str = "/usr/bin/mariadb-install-db";
/// Another may take the port between our finding and the server's opening it.
const ATTEMPTS: usize = 5;

/// A MariaDB server with an empty database.
pub struct MariaDb {
    // Before the folder, so that the server has ended when that is removed.
    process: Option<Process>,
    folder: Folder,
    owner: Option<User>,
    port: u16,
}

impl MariaDb {
    /// A fresh server, ready for connections.
    pub fn start() -> Self {
        let folder = Folder::new();
        let owner = process::owner("mysql");
        if let Some(user) = &owner {
            folder.give_to(user);
        }
        let data = format!("--datadir={}", folder.path().join("data").display());
        let mut install = process::command(Path::new(INSTALL), owner.as_ref());
        install.args(["--no-defaults", &data, "--auth-root-authentication-method=normal", "--skip-test-db"]);
        // In a shared folder each server removes at its start what it takes for its own leftovers: the others' tables.
        install.env("TMPDIR", folder.path());
        process::finish(&mut install);
        let init = format!(
            "CREATE DATABASE IF NOT EXISTS {NAME};\n\
             CREATE OR REPLACE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL ON {NAME}.* TO {USER}@'%';\n"
        );
        std::fs::write(folder.path().join("init.sql"), init).unwrap();
        let mut server = Self { process: None, folder, owner, port: 0 };
        for _ in 0..ATTEMPTS {
            server.port = process::free_port();
            if server.launch() {
                return server;
            }
        }
        panic!("MariaDB does not start: {}", server.log());
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        format!("mysql://{USER}:{PASSWORD}@127.0.0.1:{}/{NAME}", self.port)
    }

    /// The port on 127.0.0.1; a restart keeps it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Starts it again after [`Self::kill`], with its data and at its port.
    pub fn restart(&mut self) {
        assert!(self.launch(), "MariaDB does not start again: {}", self.log());
    }

    /// Stops it from answering, with all connections open.
    pub fn freeze(&self) {
        self.process.as_ref().unwrap().signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.process.as_ref().unwrap().signal(Signal::SIGCONT);
    }

    fn launch(&mut self) -> bool {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        let mut command = process::command(Path::new(SERVER), self.owner.as_ref());
        command.env("TMPDIR", self.folder.path());
        command.args([
            "--no-defaults".to_owned(),
            format!("--datadir={}", at("data")),
            format!("--socket={}", at("socket")),
            format!("--pid-file={}", at("pid")),
            format!("--init-file={}", at("init.sql")),
            format!("--port={}", self.port),
            "--bind-address=127.0.0.1".to_owned(),
            "--innodb-buffer-pool-size=32M".to_owned(),
            "--innodb-flush-log-at-trx-commit=2".to_owned(),
        ]);
        let port = self.port;
        self.process = Process::start(&mut command, &self.folder.path().join("log"), || greets(port));
        self.process.is_some()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// Whether a server sends its greeting: it speaks first.
fn greets(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
    let mut byte = [0];
    stream.set_read_timeout(Some(Duration::from_secs(1))).is_ok() && stream.read_exact(&mut byte).is_ok()
}
