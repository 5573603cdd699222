//! A case: a configuration and the messages that go through it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::flow::{self, Scenario};
use crate::message::{self, Message};
use crate::server::Kind;

/// One folder of `cases/`, `scenarios/` or `seed/`.
#[derive(Debug)]
pub struct Case {
    /// Its folder below this crate, such as `cases/rr/loose`.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// The configuration's text, with canonical addresses.
    pub configuration: String,
    /// What is done with it.
    pub content: Content,
}

/// What goes through a case's configuration; each part is one pair.
#[derive(Debug)]
pub enum Content {
    /// Single messages, in the order in which they are sent.
    Messages(Vec<Message>),
    /// Whole calls, one after the other.
    Scenarios(Vec<Scenario>),
}

/// This crate's own folder, where the cases are.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Case {
    /// Every case whose name contains one of `filters` (all, when there are none), sorted by name.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Case`] for a case that cannot be read.
    pub fn load_all(filters: &[String]) -> Result<Vec<Self>> {
        Self::load_below(&["cases", "scenarios", "seed"], filters)
    }

    /// As [`Self::load_all`], of the cases with single messages only.
    ///
    /// # Errors
    /// As there.
    pub fn load_pairs() -> Result<Vec<Self>> {
        let mut cases = Self::load_below(&["cases", "seed"], &[])?;
        cases.retain(|case| matches!(case.content, Content::Messages(_)));
        Ok(cases)
    }

    /// As [`Self::load_all`], of the cases with scenarios only.
    ///
    /// # Errors
    /// As there.
    pub fn load_scenarios() -> Result<Vec<Self>> {
        let mut cases = Self::load_below(&["scenarios", "seed"], &[])?;
        cases.retain(|case| matches!(case.content, Content::Scenarios(_)));
        Ok(cases)
    }

    /// How many pairs it holds for a server.
    #[must_use]
    pub fn pairs(&self, kind: &Kind) -> usize {
        match &self.content {
            Content::Messages(messages) => messages.len(),
            Content::Scenarios(scenarios) => {
                scenarios.iter().filter(|scenario| scenario.is_for(kind)).count()
            }
        }
    }

    fn load_below(above: &[&str], filters: &[String]) -> Result<Vec<Self>> {
        let mut folders = Vec::new();
        for folder in above {
            find_folders(&root().join(folder), &mut folders)?;
        }
        folders.sort();
        folders
            .into_iter()
            .map(|folder| (name_of(&folder), folder))
            .filter(|(name, _)| filters.is_empty() || filters.iter().any(|filter| name.contains(filter)))
            .map(|(name, folder)| Self::load(name, folder))
            .collect()
    }

    fn load(name: String, folder: PathBuf) -> Result<Self> {
        let configuration = configuration(&folder)?;
        let flows = folder.join("flows.txt");
        let content = if flows.is_file() {
            Content::Scenarios(flow::load(&flows)?)
        } else {
            Content::Messages(message::load(&folder.join("messages.sip"))?)
        };
        Ok(Self { name, folder, configuration, content })
    }
}

fn name_of(folder: &Path) -> String {
    folder.strip_prefix(root()).unwrap_or(folder).to_string_lossy().into_owned()
}

fn find_folders(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    if ["messages.sip", "flows.txt"].iter().any(|name| folder.join(name).is_file()) {
        found.push(folder.to_path_buf());
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let path = entry.map_err(Error::file(folder))?.path();
        if path.is_dir() {
            find_folders(&path, found)?;
        }
    }
    Ok(())
}

/// `kamailio.cfg` as it stands; or, for a block of the seed, its prelude, the block with its addresses mapped,
/// and what closes it.
fn configuration(folder: &Path) -> Result<String> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(Error::file(&path))
    };
    if folder.join("kamailio.cfg").is_file() {
        return read("kamailio.cfg");
    }
    let map = read("map.txt")?;
    let mut block = read("block.cfg")?;
    let mut pairs = Vec::new();
    for line in map.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let pair = line.split_once(' ').ok_or_else(|| {
            Error::Case(folder.join("map.txt"), format!("`{line}`: write the block's address, a space, ours"))
        })?;
        pairs.push(pair);
    }
    for (from, to) in &pairs {
        // A target that the page blanked stands for several: each line takes the next of them.
        let is_one_of_many = pairs.iter().filter(|(other, _)| other == from).count() > 1;
        let times = if is_one_of_many { 1 } else { usize::MAX };
        block = block.replacen(from, to.trim(), times);
    }
    let closing = read("closing.cfg").unwrap_or_default();
    Ok(format!("{}\n{block}\n{closing}", read("prelude.cfg")?))
}
