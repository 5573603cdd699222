//! What a command line chooses: which servers, with which configuration, on which ports.

use std::error::Error;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::server::{Kind, Ports, Programs};

/// Which servers, and where they are.
#[derive(Debug, clap::Args)]
pub(crate) struct Choice {
    /// In the order of measurement: forwarder, kamailio-N and kamailio-tlsf-N (UDP processes), tandem-N (shards)
    /// [default: forwarder,kamailio-1,kamailio-tlsf-1,kamailio-2,tandem-1,tandem-2; for `registers`
    /// kamailio-1,kamailio-tlsf-1,tandem-1,tandem-2; for `memory` and `faults` tandem-1,tandem-2]
    #[arg(long, value_delimiter = ',')]
    servers: Vec<Kind>,
    /// The configuration that Kamailio and Tandem run [default: examples/stateless-proxy.cfg; for `memory` and
    /// `faults` examples/stateful-proxy.cfg; for `registers` examples/registrar.cfg]
    #[arg(long)]
    config: Option<PathBuf>,
    #[arg(long, default_value = "/usr/sbin/kamailio")]
    kamailio: PathBuf,
    /// [default: `tandem` beside this program]
    #[arg(long)]
    tandem: Option<PathBuf>,
    /// Options of Tandem; {config}, {listen}, {callee} and {workers} are filled in
    #[arg(long)]
    tandem_options: Option<String>,
    /// The first of 48 ports on 127.0.0.1
    #[arg(long, default_value_t = 17_000)]
    port_base: u16,
    /// Where SIPp's and the servers' files go
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
}

impl Choice {
    /// The programs, with `config` unless another was chosen.
    pub(crate) fn programs(&self, config: &str) -> Result<Programs, Box<dyn Error>> {
        let config = self.config.clone().unwrap_or_else(|| config.into());
        let config = fs::canonicalize(&config).map_err(|error| {
            format!("{}: {error}; run from the repository's root or give --config", config.display())
        })?;
        let beside = std::env::current_exe()?.with_file_name("tandem");
        let tandem = self.tandem.clone().unwrap_or(beside);
        Ok(Programs {
            kamailio: self.kamailio.clone(),
            // Servers run in a folder of their own; what does not exist is told of later.
            tandem: fs::canonicalize(&tandem).unwrap_or(tandem),
            tandem_options: self.tandem_options.clone(),
            config,
            defines: Vec::new(),
        })
    }

    /// A fresh folder for one run's files.
    pub(crate) fn run_folder(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        fs::canonicalize(folder)
    }

    /// The servers that are here, and those that are not with the reason; of `usual` unless others were chosen.
    pub(crate) fn present(&self, programs: &Programs, usual: &[Kind]) -> (Vec<Kind>, Vec<(Kind, String)>) {
        let chosen = if self.servers.is_empty() { usual } else { &self.servers };
        let missing: Vec<_> = chosen
            .iter()
            .filter_map(|kind| programs.missing(*kind).map(|why| (*kind, why.to_owned())))
            .collect();
        let present = chosen.iter().copied().filter(|kind| programs.missing(*kind).is_none()).collect();
        (present, missing)
    }

    /// The addresses to measure on.
    pub(crate) fn ports(&self) -> Ports {
        Ports::new(self.port_base)
    }
}
