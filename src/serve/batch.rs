//! Verifies all waiting requests in one read of the database.
//!
//! A read transaction and the check of the file cost more than a lookup, so that concurrent requests share them. The
//! read begins after each of them has arrived: a deletion that was completed before a request is always seen.
//!
//! A file is read in microseconds, by a task of the runtime. A server answers after a round trip over the network, for which
//! a thread of its own waits: one read is in flight, and the requests that come meanwhile share the next one.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};
use tokio::task;

use crate::store::StoreError;
use crate::verify::{Decision, Question, Verifier, VerifyError};

/// How long requests wait for a lock that blocks readers, or for a server, before the response is 503.
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
    /// When the first of them has arrived, if a thread decides.
    since: Option<Instant>,
    is_stopping: bool,
}

/// Who decides, to be woken.
enum Wake {
    Task(Notify),
    Thread(Condvar),
}

/// The queue in front of the verifier.
pub(super) struct Batch {
    verifier: Verifier,
    waiting: Mutex<Queue>,
    wake: Wake,
}

/// What decides.
pub(super) enum Deciding {
    Task(task::JoinHandle<()>),
    Thread(thread::JoinHandle<()>, Arc<Batch>),
}

impl Batch {
    /// A queue in front of a verifier that does not wait itself for a file.
    pub(super) fn new(verifier: Verifier) -> Arc<Self> {
        let wake =
            if verifier.is_on_server() { Wake::Thread(Condvar::new()) } else { Wake::Task(Notify::new()) };
        Arc::new(Self { verifier, waiting: Mutex::default(), wake })
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
            let first = waiting.questions.len() == 1;
            if first && matches!(self.wake, Wake::Thread(_)) {
                waiting.since = Some(Instant::now());
            }
            first
        };
        if first {
            match &self.wake {
                Wake::Task(task) => task.notify_one(),
                Wake::Thread(thread) => thread.notify_one(),
            }
        }
        // The sender is dropped when there is no decision.
        decision.await.map_err(|_| Unavailable)
    }

    /// Starts to decide.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn start(self: &Arc<Self>) -> io::Result<Deciding> {
        let this = Arc::clone(self);
        Ok(match &self.wake {
            Wake::Task(_) => Deciding::Task(tokio::spawn(this.run())),
            Wake::Thread(_) => {
                let thread = thread::Builder::new().name("decisions".into()).spawn(move || this.run_thread());
                Deciding::Thread(thread?, Arc::clone(self))
            }
        })
    }

    async fn run(self: Arc<Self>) {
        let Wake::Task(wake) = &self.wake else { return };
        let mut failing = false;
        let mut queue = Queue::default();
        loop {
            wake.notified().await;
            std::mem::swap(&mut queue, &mut *self.lock());
            if queue.questions.is_empty() {
                continue;
            }
            log(&self.decide_all(&mut queue).await, &mut failing);
            queue.questions.clear();
            queue.senders.clear();
        }
    }

    fn run_thread(&self) {
        let Wake::Thread(wake) = &self.wake else { return };
        let mut failing = false;
        let mut queue = Queue::default();
        loop {
            {
                let is_idle = |waiting: &mut Queue| waiting.questions.is_empty() && !waiting.is_stopping;
                let mut waiting =
                    wake.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
                if waiting.is_stopping {
                    return;
                }
                std::mem::swap(&mut queue, &mut *waiting);
            }
            let until = queue.since.take().unwrap_or_else(Instant::now) + PATIENCE;
            let mut senders = queue.senders.drain(..);
            let mut at = None;
            let decided = self.verifier.decide_all(&queue.questions, until, |decision| {
                if let Some(sender) = senders.next() {
                    let at = *at.get_or_insert_with(Instant::now);
                    // Fails when the client has disconnected.
                    let _ = sender.send((decision, at));
                }
            });
            drop(senders);
            queue.questions.clear();
            log(&decided, &mut failing);
        }
    }

    async fn decide_all(&self, queue: &mut Queue) -> Result<(), VerifyError> {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut senders = queue.senders.drain(..);
            let mut at = None;
            let decided = self.verifier.decide_all(&queue.questions, until, |decision| {
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

impl Deciding {
    /// Ends it. A read that is in flight ends within its limit.
    pub(super) async fn stop(self) {
        match self {
            Self::Task(task) => {
                task.abort();
                let _ = task.await;
            }
            Self::Thread(thread, batch) => {
                batch.lock().is_stopping = true;
                if let Wake::Thread(wake) = &batch.wake {
                    wake.notify_one();
                }
                let _ = thread.join();
            }
        }
    }
}

/// Logs the first failure and the end of it.
fn log(decided: &Result<(), VerifyError>, failing: &mut bool) {
    match decided {
        Ok(()) => {
            if std::mem::take(failing) {
                tracing::info!("the database can be read again");
            }
        }
        Err(error) => {
            if !std::mem::replace(failing, true) {
                tracing::error!(%error, "rejecting all requests: cannot read the database");
            }
        }
    }
}
