//! Decides for all requests that have arrived, in one read of the database.
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

/// How long requests wait for a lock that keeps readers out, before they are told to come back.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often it is tried again meanwhile.
const TRY_AGAIN: Duration = Duration::from_millis(5);

/// There is no answer: nobody passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unanswered;

struct Asked {
    question: Question,
    answer: oneshot::Sender<Result<Decision, Unanswered>>,
}

/// The queue before the verifier.
pub(super) struct Batch {
    verifier: Verifier,
    waiting: Mutex<Vec<Asked>>,
    wake: Notify,
}

impl Batch {
    /// A queue before a verifier that never waits itself.
    pub(super) fn new(verifier: Verifier) -> Arc<Self> {
        Arc::new(Self { verifier, waiting: Mutex::default(), wake: Notify::new() })
    }

    /// Whom the questions go to.
    pub(super) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Asks, and waits for the answer.
    pub(super) async fn decide(&self, question: Question) -> Result<Decision, Unanswered> {
        let (answer, decision) = oneshot::channel();
        let first = {
            let mut waiting = self.lock();
            waiting.push(Asked { question, answer });
            waiting.len() == 1
        };
        if first {
            self.wake.notify_one();
        }
        decision.await.unwrap_or(Err(Unanswered))
    }

    /// Answers for ever.
    pub(super) async fn run(self: Arc<Self>) {
        let mut failing = false;
        loop {
            self.wake.notified().await;
            let asked = std::mem::take(&mut *self.lock());
            if asked.is_empty() {
                continue;
            }
            let (questions, answers): (Vec<_>, Vec<_>) =
                asked.into_iter().map(|asked| (asked.question, asked.answer)).unzip();
            match self.decide_all(&questions).await {
                Ok(decisions) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!("the database answers again");
                    }
                    for (answer, decision) in answers.into_iter().zip(decisions) {
                        // Whoever is gone meanwhile needs none.
                        let _ = answer.send(Ok(decision));
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(%error, "nobody is let in: the database cannot be read");
                    }
                    for answer in answers {
                        let _ = answer.send(Err(Unanswered));
                    }
                }
            }
        }
    }

    async fn decide_all(&self, questions: &[Question]) -> Result<Vec<Decision>, VerifyError> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.verifier.decide_all(questions) {
                Err(error) if matches!(error.store(), StoreError::Busy) && Instant::now() < until => {
                    tokio::time::sleep(TRY_AGAIN).await;
                }
                decided => return decided,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
