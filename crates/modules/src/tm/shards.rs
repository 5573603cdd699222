//! Questions to the other shards, each of which keeps transactions of its own.

use std::sync::Arc;
use std::time::Duration;

use engine::Running;
use engine::module::Visit;
use engine::server::Server;
use engine::services::Services;
use tokio::sync::oneshot;

/// How long to wait before a full inbox is tried again.
const PAUSE: Duration = Duration::from_millis(10);

/// Has something done on a shard, as soon as its inbox has room; not at all when the server stops before that.
pub(super) async fn visit(server: &Server, shard: usize, mut visit: Visit) {
    while let Err(refused) = server.visit(shard, visit) {
        if server.is_stopping() || shard >= server.shards() {
            tracing::error!(target: "tm", "shard {shard} could not be asked: the server stops");
            return;
        }
        visit = refused;
        tokio::time::sleep(PAUSE).await;
    }
}

/// A shard's answer; none when the server stops.
pub(super) async fn ask<T: Send + 'static>(
    server: &Server,
    shard: usize,
    question: impl FnOnce(&mut Services) -> T + Send + 'static,
) -> Option<T> {
    let (answer, wait) = oneshot::channel();
    let asked = move |services: &mut Services, _: &Arc<Running>| {
        // Nobody may be waiting any more.
        let _ = answer.send(question(services));
    };
    visit(server, shard, Box::new(asked)).await;
    wait.await.ok()
}

/// The first answer of any shard, asked one after the other.
pub(super) async fn first<T: Send + 'static>(
    server: &Server,
    question: impl FnOnce(&mut Services) -> Option<T> + Clone + Send + 'static,
) -> Option<T> {
    for shard in 0..server.shards() {
        if let Some(found) = ask(server, shard, question.clone()).await.flatten() {
            return Some(found);
        }
    }
    None
}

/// All shards' answers in their order.
pub(super) async fn all<T: Send + 'static>(server: &Server, question: fn(&mut Services) -> T) -> Vec<T> {
    let mut answers = Vec::with_capacity(server.shards());
    for shard in 0..server.shards() {
        answers.extend(ask(server, shard, question).await);
    }
    answers
}
