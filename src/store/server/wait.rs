//! One background thread drives all connections. Callers wait for it, each with a limit.
//!
//! A caller may be on any thread, also on one that runs an async runtime: its future is polled there, and the thread
//! sleeps until the future is woken or the limit has passed.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;
use tokio::task::coop::unconstrained;

/// Threads that look up host names. More would only pile up where a name server does not answer.
const MOST_LOOKUPS: usize = 8;

/// The runtime of the background thread, once it has started.
static DRIVER: Mutex<Option<Handle>> = Mutex::new(None);

/// Starts a future on the background thread.
///
/// # Errors
/// When the thread could not be started.
pub(in crate::store) fn spawn<F>(future: F) -> io::Result<JoinHandle<F::Output>>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    Ok(driver()?.spawn(future))
}

fn driver() -> io::Result<Handle> {
    let mut driver = lock(&DRIVER);
    if let Some(handle) = &*driver {
        return Ok(handle.clone());
    }
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new().name("keydesk-postgres".to_owned()).spawn(move || {
        match Builder::new_current_thread().enable_all().max_blocking_threads(MOST_LOOKUPS).build() {
            Ok(runtime) => {
                let _ = sender.send(Ok(runtime.handle().clone()));
                runtime.block_on(std::future::pending::<()>());
            }
            Err(error) => {
                let _ = sender.send(Err(error));
            }
        }
    })?;
    let handle = receiver.recv().map_err(io::Error::other)??;
    *driver = Some(handle.clone());
    Ok(handle)
}

/// Waits for a future. Returns `None` when the limit passes first.
pub(in crate::store) fn wait<F: Future>(limit: Instant, future: F) -> Option<F::Output> {
    Waiter::default().wait(limit, pin!(future))
}

/// Waits for several futures, one after the other.
pub(in crate::store) struct Waiter {
    bell: Arc<Bell>,
    waker: Waker,
}

impl Default for Waiter {
    fn default() -> Self {
        let bell = Arc::new(Bell::default());
        Self { waker: Waker::from(Arc::clone(&bell)), bell }
    }
}

impl Waiter {
    /// Waits for a future. Returns `None` when the limit passes first.
    pub(in crate::store) fn wait<F: Future>(&self, limit: Instant, future: Pin<&mut F>) -> Option<F::Output> {
        // Inside a task of tokio its budget would count, and a future that waits for a new budget is woken only after this
        // thread has returned to the runtime.
        let mut future = pin!(unconstrained(future));
        loop {
            self.bell.silence();
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&self.waker)) {
                return Some(output);
            }
            let left = limit.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            self.bell.wait(left);
        }
    }
}

/// Wakes a thread. Not [`std::thread::park`]: its token is shared with all other code on the thread.
#[derive(Default)]
struct Bell {
    is_rung: Mutex<bool>,
    rung: Condvar,
}

impl Bell {
    fn silence(&self) {
        *lock(&self.is_rung) = false;
    }

    fn wait(&self, limit: Duration) {
        let is_rung = lock(&self.is_rung);
        drop(self.rung.wait_timeout_while(is_rung, limit, |is_rung| !*is_rung));
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *lock(&self.is_rung) = true;
        self.rung.notify_one();
    }
}

/// Locks a mutex whose content is valid even where a holder has panicked.
pub(in crate::store) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    async fn soon() -> std::thread::ThreadId {
        tokio::time::sleep(Duration::from_millis(5)).await;
        std::thread::current().id()
    }

    fn answer() -> std::thread::ThreadId {
        wait(Instant::now() + LONG, spawn(soon()).unwrap()).unwrap().unwrap()
    }

    #[test]
    fn one_thread_drives_the_futures_of_all_threads() {
        let first = answer();
        assert_ne!(first, std::thread::current().id());
        let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(|| [answer(), answer()])).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), [first, first]);
        }
    }

    #[test]
    fn waiting_works_inside_a_runtime() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let expected = answer();
        runtime.block_on(async {
            // More often than the budget of a task allows.
            for _ in 0..300 {
                let handle = spawn(std::future::ready(7)).unwrap();
                assert_eq!(wait(Instant::now() + LONG, handle).unwrap().unwrap(), 7);
            }
            assert_eq!(answer(), expected);
        });
    }

    #[test]
    fn no_wait_is_longer_than_its_limit() {
        let limit = Duration::from_millis(50);
        let since = Instant::now();
        assert_eq!(wait(since + limit, std::future::pending::<()>()), None);
        assert!(since.elapsed() >= limit);
        // Also where the future is woken all the time.
        let restless = std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert_eq!(wait(Instant::now() + limit, restless), None);
        // What is ready is returned even where the limit has passed.
        assert_eq!(wait(since, std::future::ready(7)), Some(7));
    }

    #[test]
    fn a_panic_on_the_thread_does_not_end_it() {
        let failed = spawn(async { panic!("expected") }).unwrap();
        assert!(wait(Instant::now() + LONG, failed).unwrap().is_err());
        answer();
    }
}
