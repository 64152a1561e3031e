//! Decides about all requests that have arrived, in one read of the database.
//!
//! A read transaction and a look at the file cost more than a lookup; requests that arrive together share them. Each
//! still sees the database as it is after it arrived, for the read begins only then: a deletion that was reported as
//! done before a request is seen by it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::store::StoreError;
use crate::verify::{Decision, Question, Verifier, VerifyError};

/// How long requests wait for a lock that keeps readers out, before the response is 503.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long it waits between two attempts.
const RETRY_EVERY: Duration = Duration::from_millis(5);

/// The database cannot be read: every request is rejected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unavailable;

/// Questions, and where their decisions go. Both lists are kept and filled again: they are the only memory that a
/// request would need of its own.
#[derive(Default)]
struct Queue {
    questions: Vec<Question>,
    senders: Vec<oneshot::Sender<Decision>>,
}

/// The queue before the verifier.
pub(super) struct Batch {
    verifier: Verifier,
    waiting: Mutex<Queue>,
    wake: Notify,
}

impl Batch {
    /// A queue before a verifier that never waits itself.
    pub(super) fn new(verifier: Verifier) -> Arc<Self> {
        Arc::new(Self { verifier, waiting: Mutex::default(), wake: Notify::new() })
    }

    pub(super) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Asks, and waits for the decision.
    pub(super) async fn decide(&self, question: Question) -> Result<Decision, Unavailable> {
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
        // The sender is dropped without a decision when there is none.
        decision.await.map_err(|_| Unavailable)
    }

    /// Decides until it is aborted.
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
            let decided = self.verifier.decide_all(&queue.questions, |decision| {
                if let Some(sender) = senders.next() {
                    // It fails when the client is gone.
                    let _ = sender.send(decision);
                }
            });
            match decided {
                Err(error) if matches!(error.store(), StoreError::Busy) && Instant::now() < until => {
                    // No decision was made: all continue to wait.
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
