//! A question to whichever node of a set is the call's: who does not answer is left alone for a while, and the next
//! one is asked.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::{self, Patience};
use crate::nodes::{Health, Node, Spread, choose};

/// How nodes are asked.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// Each node.
    pub patience: Patience,
    /// How long one that did not answer is left alone.
    pub down_for: Duration,
    /// How many nodes at most for one question.
    pub nodes: usize,
    /// When all are down, ask them anyway.
    pub redetect: bool,
    /// How calls spread.
    pub spread: Spread,
    /// Whether calls go on with their node when it is not asked for new ones.
    pub keep: Keep,
}

/// With which nodes, that get no new calls, the calls that they have go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// None.
    #[default]
    None,
    /// Those that an operator took out, and those that did not answer.
    All,
    /// Those that an operator took out.
    TakenOut,
}

impl Keep {
    fn allows(self, health: Health) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::TakenOut => health == Health::Off,
        }
    }
}

/// What a protocol needs said of it.
#[derive(Clone, Copy)]
pub struct Protocol {
    /// A question that a living node answers.
    pub probe: &'static [u8],
    /// Whether that answer is one.
    pub is_alive: fn(&[u8]) -> bool,
    /// Whether a node declines the call, so that another is asked; it stays up.
    pub declines: fn(&[u8]) -> bool,
    /// In the log.
    pub name: &'static str,
}

/// No node of the set takes the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NobodyThere;

impl fmt::Display for NobodyThere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no node of the set answers")
    }
}

impl std::error::Error for NobodyThere {}

/// Whether a node answers its probe. It is up then; else it is down, unless an operator took it out.
pub async fn probe(node: &Node, protocol: Protocol, manners: &Manners) -> bool {
    let answer = client::ask(&node.endpoint, protocol.probe, manners.patience).await;
    match answer {
        Ok(answer) if (protocol.is_alive)(&answer) => {
            node.set_health(Health::Up);
            return true;
        }
        Ok(answer) => {
            let answer = answer.escape_ascii();
            tracing::error!(target: "media", "{} node {} answers its probe with `{answer}`", protocol.name, node.url);
        }
        Err(error) => tracing::error!(target: "media", "{} node {}: {error}", protocol.name, node.url),
    }
    down(node, manners);
    false
}

fn down(node: &Node, manners: &Manners) {
    if node.health() != Health::Off {
        node.set_health(Health::Down(Instant::now() + manners.down_for));
    }
}

/// Asks the node that the call has, or else the one that falls to it, or else the next. Gives who answered, and what.
///
/// # Errors
/// Nobody answers.
pub async fn ask(
    nodes: &[Arc<Node>],
    call: &[u8],
    known: Option<Arc<Node>>,
    question: &[u8],
    protocol: Protocol,
    manners: &Manners,
) -> Result<(Arc<Node>, Vec<u8>), NobodyThere> {
    let mut left: Vec<&Arc<Node>> = nodes.iter().filter(|node| node.health() != Health::Off).collect();
    let now = Instant::now();
    let rests = |node: &&Arc<Node>| matches!(node.health(), Health::Down(until) if until > now);
    if !(manners.redetect && left.iter().all(&rests)) {
        left.retain(|node| !rests(node));
    }
    let mut known = known.as_ref().filter(|known| {
        manners.keep.allows(known.health()) || left.iter().any(|node| Arc::ptr_eq(node, known))
    });
    for _ in 0..manners.nodes {
        let Some(node) = known.take().or_else(|| choose(&left, manners.spread, call)) else { break };
        left.retain(|other| !Arc::ptr_eq(other, node));
        if matches!(node.health(), Health::Down(_)) && !probe(node, protocol, manners).await {
            continue;
        }
        match client::ask(&node.endpoint, question, manners.patience).await {
            Ok(answer) if (protocol.declines)(&answer) => {
                tracing::warn!(target: "media", "{} node {} takes no more calls", protocol.name, node.url);
            }
            Ok(answer) => return Ok((Arc::clone(node), answer)),
            Err(error) => {
                tracing::error!(
                    target: "media",
                    "{} node {}: {error}; it is left alone for {} s",
                    protocol.name, node.url, manners.down_for.as_secs()
                );
                down(node, manners);
            }
        }
    }
    Err(NobodyThere)
}
