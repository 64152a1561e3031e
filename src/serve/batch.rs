//! Verifies all waiting requests in one read of the database.
//!
//! A read transaction and the check of the file cost more than a lookup, so that concurrent requests share them. The
//! read begins after each of them has arrived: a deletion that was completed before a request is always seen.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use crate::store::StoreError;
use crate::verify::{Decision, Question, Verifier, VerifyError};

/// How long requests wait for a lock that blocks readers, before the response is 503.
const PATIENCE: Duration = Duration::from_secs(1);

const RETRY_EVERY: Duration = Duration::from_millis(5);

/// The database cannot be read: all requests are rejected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unavailable;

/// A decision, and when the read that it depends on was complete: the clock is read once for all requests of a read.
pub(super) type Decided = (Decision, Instant);

/// Requests, and the channels for their decisions. Both lists are reused to avoid allocations for each request.
#[derive(Default)]
struct Queue {
    questions: Vec<Question>,
    senders: Vec<oneshot::Sender<Decided>>,
}

/// The queue in front of the verifier.
pub(super) struct Batch {
    verifier: Verifier,
    waiting: Mutex<Queue>,
    wake: Notify,
}

impl Batch {
    /// A queue in front of a verifier that does not wait itself.
    pub(super) fn new(verifier: Verifier) -> Arc<Self> {
        Arc::new(Self { verifier, waiting: Mutex::default(), wake: Notify::new() })
    }

    pub(super) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Queues a request and waits for its decision.
    pub(super) async fn decide(&self, question: Question) -> Result<Decided, Unavailable> {
        let (sender, decision) = oneshot::channel();
        let first = {
            let mut waiting = self.lock();
            waiting.questions.push(question);
            waiting.senders.push(sender);
            waiting.questions.len() == 1
        };
        if first {
            self.wake.notify_one();
        }
        // The sender is dropped when there is no decision.
        decision.await.map_err(|_| Unavailable)
    }

    /// Runs until it is aborted.
    pub(super) async fn run(self: Arc<Self>) {
        let mut failing = false;
        let mut queue = Queue::default();
        loop {
            self.wake.notified().await;
            std::mem::swap(&mut queue, &mut *self.lock());
            if queue.questions.is_empty() {
                continue;
            }
            match self.decide_all(&mut queue).await {
                Ok(()) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!("the database can be read again");
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(%error, "rejecting all requests: cannot read the database");
                    }
                }
            }
            queue.questions.clear();
            queue.senders.clear();
        }
    }

    async fn decide_all(&self, queue: &mut Queue) -> Result<(), VerifyError> {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut senders = queue.senders.drain(..);
            let mut at = None;
            let decided = self.verifier.decide_all(&queue.questions, |decision| {
                if let Some(sender) = senders.next() {
                    let at = *at.get_or_insert_with(Instant::now);
                    // Fails when the client has disconnected.
                    let _ = sender.send((decision, at));
                }
            });
            match decided {
                Err(error) if matches!(error.store(), StoreError::Busy) && Instant::now() < until => {
                    // All requests keep waiting.
                    let all = senders.collect();
                    queue.senders = all;
                    tokio::time::sleep(RETRY_EVERY).await;
                }
                decided => return decided,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
