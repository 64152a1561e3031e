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

/// Questions, and where their answers go. Both lists are kept and filled again: they are the only memory that a request
/// would need of its own.
#[derive(Default)]
struct Asked {
    questions: Vec<Question>,
    answers: Vec<oneshot::Sender<Decision>>,
}

/// The queue before the verifier.
pub(super) struct Batch {
    verifier: Verifier,
    waiting: Mutex<Asked>,
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
            waiting.questions.push(question);
            waiting.answers.push(answer);
            waiting.questions.len() == 1
        };
        if first {
            self.wake.notify_one();
        }
        // A sender that goes away without an answer says that there is none.
        decision.await.map_err(|_| Unanswered)
    }

    /// Answers for ever.
    pub(super) async fn run(self: Arc<Self>) {
        let mut failing = false;
        let mut asked = Asked::default();
        loop {
            self.wake.notified().await;
            std::mem::swap(&mut asked, &mut *self.lock());
            if asked.questions.is_empty() {
                continue;
            }
            match self.decide_all(&mut asked).await {
                Ok(()) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!("the database answers again");
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(%error, "nobody is let in: the database cannot be read");
                    }
                }
            }
            asked.questions.clear();
            asked.answers.clear();
        }
    }

    async fn decide_all(&self, asked: &mut Asked) -> Result<(), VerifyError> {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut answers = asked.answers.drain(..);
            let decided = self.verifier.decide_all(&asked.questions, |decision| {
                if let Some(answer) = answers.next() {
                    // Whoever is gone meanwhile needs none.
                    let _ = answer.send(decision);
                }
            });
            match decided {
                Err(error) if matches!(error.store(), StoreError::Busy) && Instant::now() < until => {
                    // None was answered: they all wait on.
                    let all = answers.collect();
                    asked.answers = all;
                    tokio::time::sleep(TRY_AGAIN).await;
                }
                decided => return decided,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
