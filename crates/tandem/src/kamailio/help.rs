//! Texts that Kamailio's command line prints.

use std::fmt::Write as _;

use engine::identity;
use transport::address::ListenSocket;

/// `-h`.
pub(crate) const USAGE: &str = "Usage: kamailio [options]    (Tandem, answering as kamailio 5.6.3)
Options:
    -f file      Configuration (default: /etc/kamailio/kamailio.cfg)
    -c           Check the configuration, all of it, and exit (0: can run, 255: cannot)
    --cfg-print  Print the configuration after includes, defines and ifdefs
    -A define    Preprocessor define: NAME or NAME=VALUE
    --subst=exp --substdef=exp --substdefs=exp
                 The preprocessor directives of these names
    --loadmodule=name  --modparam=module:parameter:i|s:value
                 Further statements, after the file's own
    -l address   Listen: [proto:]host[:port][/advertised[:port]]; may be repeated
    --alias=host A host that counts as ours
    -a mode      auto_aliases: yes or no
    -n number    Workers (children); as many shards as cores and workers allow
    -D -DD -DDD  One worker in the foreground; foreground; daemon (default)
    -E           Log to stderr (else syslog)
    -d, --debug=N
                 Log level
    -u user -g group
                 Run as, after the sockets are open
    -w dir       Working directory (default when a daemon: /)
    -P file      Write the process id there;  -G file  the process group
    -r -R        dns, rev_dns for received=
    -T           No TCP
    -K           Check Via hosts of replies
    --server-id=N
    -v -V --version, -I, -h --help
Accepted and without effect: -m -M -x -X -W -O -Q -S -N -b -B -L -Y -e --atexit --log-engine
Not supported: -t (chroot)

`tandem --help` shows the same server's own commands.";

/// `-v`.
pub(crate) fn version() -> String {
    format!("version: kamailio {} (x86_64/linux) \ntandem {}", identity::VERSION, env!("CARGO_PKG_VERSION"))
}

/// `-I`.
pub(crate) fn internals() -> String {
    format!(
        "Tandem {}\n  Version: kamailio {} (x86_64/linux) \n  Default config: /etc/kamailio/kamailio.cfg\n  \
         Modules: linked in\n  Memory: the system's, no pools",
        env!("CARGO_PKG_VERSION"),
        identity::VERSION
    )
}

/// The sockets, as `-c` and a start print them.
pub(crate) fn listening(sockets: &[ListenSocket]) -> String {
    let mut out = String::from("Listening on \n");
    for socket in sockets {
        // A String takes everything.
        let _ = writeln!(out, "             {}: {}", socket.proto, socket.addr);
    }
    out
}
