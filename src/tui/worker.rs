//! The thread that owns the store and runs effects, so that the UI thread never waits.
//!
//! A newer request for rows cancels an older one of its kind: that is removed from the queue, or interrupted while it is
//! read. Changes are never interrupted.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant as Moment};

use zeroize::Zeroizing;

use super::app::msg::{Counted, Load, Msg, Notice, Operation, RequestId, Response};
use super::effects::Effects;
use crate::config::remembered::{Remembered, RememberedFile};
use crate::config::settings::Settings;
use crate::desk::Desk;
use crate::domain::secret::Secret;
use crate::host::clipboard::Clipboard;
use crate::host::{clock, locations, new_file};
use crate::store::{Interrupter, StoreError};

/// What reaches the loop.
#[derive(Debug)]
pub(super) enum Incoming {
    Event(crossterm::event::Event),
    Msg(Msg),
    /// Bytes for the terminal, written between two frames, and then a message.
    Emit(Zeroizing<Vec<u8>>, Option<Msg>),
}

/// How often to check for changes by other sessions.
const LOOK_AGAIN: Duration = Duration::from_millis(400);

/// How often to look for keys that have ended by themselves, where nothing changes.
const SETTLE_AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) enum Job {
    Load(RequestId, Load),
    Do(RequestId, Operation),
    Remember(Remembered),
    /// Overwrites deleted data.
    Scrub,
    End,
}

/// The current job: a read and its kind, or a change and its start.
#[derive(Debug, Default)]
enum UnderWay {
    #[default]
    Nothing,
    Reading(Kind),
    Changing(Moment),
}

/// A newer request cancels older ones of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    SessionInfo,
    Keys,
    Applications,
    Users,
    Audit,
    Chain,
    Presented,
    Timeline,
    /// Never canceled.
    Own,
}

impl Kind {
    fn of(load: &Load) -> Self {
        match load {
            Load::SessionInfo { .. } => Self::SessionInfo,
            // Rows that are not wanted any more need not be counted or selected either.
            Load::Keys(..) | Load::Count(Counted::Keys(_)) | Load::KeyIds(_) => Self::Keys,
            Load::Applications(..) | Load::Count(Counted::Applications(_)) => Self::Applications,
            Load::Users(..) | Load::Count(Counted::Users(_)) => Self::Users,
            Load::Audit(..) | Load::Count(Counted::Audit(_)) => Self::Audit,
            Load::AuditChain => Self::Chain,
            Load::Presented => Self::Presented,
            Load::Timeline(..) => Self::Timeline,
            Load::Details(_)
            | Load::Selection(..)
            | Load::User(_)
            | Load::Remains(_)
            | Load::Identify(_)
            | Load::UnusedName(..)
            | Load::MonthCount(..)
            | Load::KnownHead
            | Load::ApplicationChoices => Self::Own,
        }
    }

    /// Whether this request cancels older ones of its kind. Counts do not.
    fn voids(load: &Load) -> bool {
        !matches!(load, Load::Count(_) | Load::KeyIds(_)) && Self::of(load) != Self::Own
    }
}

/// The handle of the UI thread.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: Sender<Job>,
    under_way: Arc<Mutex<UnderWay>>,
    interrupter: Interrupter,
    outgoing: Sender<Incoming>,
    clipboard: Clipboard,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread, which responds through `outgoing`.
    pub(super) fn start(
        desk: Desk,
        settings: &Arc<Settings>,
        remembered: Option<RememberedFile>,
        clipboard: Clipboard,
        outgoing: Sender<Incoming>,
    ) -> std::io::Result<Self> {
        let (jobs, incoming) = mpsc::channel();
        let under_way = Arc::new(Mutex::new(UnderWay::Nothing));
        let interrupter = desk.store().interrupter();
        let mut thread = Thread {
            data_version: desk.store().data_version().unwrap_or_default(),
            effects: Effects::new(desk, Arc::clone(settings)),
            remembered,
            outgoing: outgoing.clone(),
            under_way: Arc::clone(&under_way),
            scrub_due: false,
            banner: false,
            settled: None,
        };
        let thread =
            std::thread::Builder::new().name("worker".into()).spawn(move || thread.run(&incoming))?;
        Ok(Self { jobs, under_way, interrupter, outgoing, clipboard, thread: Some(thread) })
    }

    /// Queues a job. Never waits.
    pub(super) fn send(&self, job: Job) {
        match &job {
            Job::Load(_, load) if Kind::voids(load) => {
                self.interrupt_if(|kind| kind == Kind::of(load) || kind == Kind::Chain);
            }
            // The verification of the log has the lowest priority. It continues later where it was.
            _ => self.interrupt_if(|kind| kind == Kind::Chain),
        }
        // The thread lives as long as this handle.
        let _ = self.jobs.send(job);
    }

    /// Interrupts the current read, if it is of such a kind. Never a change, whose outcome would be unknown.
    fn interrupt_if(&self, is_void: impl FnOnce(Kind) -> bool) {
        let under_way = lock(&self.under_way);
        // The worker cannot begin with something else while the lock is held.
        if matches!(*under_way, UnderWay::Reading(kind) if is_void(kind)) {
            self.interrupter.interrupt();
        }
    }

    /// The start of the change that is being made.
    pub(super) fn changing_since(&self) -> Option<Moment> {
        match *lock(&self.under_way) {
            UnderWay::Changing(since) => Some(since),
            _ => None,
        }
    }

    /// Copies a secret, on a separate thread: a display that does not respond takes two seconds.
    pub(super) fn copy(&self, request: RequestId, secret: Secret) {
        let (clipboard, outgoing) = (self.clipboard.clone(), self.outgoing.clone());
        std::thread::spawn(move || {
            let mut sequences = Zeroizing::new(Vec::with_capacity(1_024));
            let result = clipboard.copy(&secret, &mut *sequences);
            let _ = outgoing
                .send(Incoming::Emit(sequences, Some(Msg::Response(request, Response::Copied(result)))));
        });
    }

    /// Asks the terminal to clear its clipboard.
    pub(super) fn clear_clipboard(&self) {
        let (clipboard, outgoing) = (self.clipboard.clone(), self.outgoing.clone());
        std::thread::spawn(move || {
            let mut sequences = Zeroizing::new(Vec::new());
            let _ = clipboard.clear_terminal(&mut *sequences);
            let _ = outgoing.send(Incoming::Emit(sequences, None));
        });
    }

    /// Writes a secret to a new file, on a separate thread: the file system may be slow.
    pub(super) fn write(&self, request: RequestId, path: PathBuf, secret: Secret) {
        let outgoing = self.outgoing.clone();
        std::thread::spawn(move || {
            let path = locations::expand(&path);
            let result = new_file::write_new(&path, secret.expose()).map_err(|error| error.to_string());
            let written = result.map(|()| path.canonicalize().unwrap_or(path));
            let _ = outgoing.send(Incoming::Msg(Msg::Response(request, Response::Written(written))));
        });
    }

    /// Waits until the current job is finished.
    pub(super) fn end(mut self) {
        let _ = self.jobs.send(Job::End);
        self.interrupt_if(|_| true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(under_way: &Mutex<UnderWay>) -> MutexGuard<'_, UnderWay> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state of the thread.
struct Thread {
    effects: Effects,
    remembered: Option<RememberedFile>,
    outgoing: Sender<Incoming>,
    under_way: Arc<Mutex<UnderWay>>,
    data_version: i64,
    scrub_due: bool,
    banner: bool,
    /// When it last looked for keys that have ended by themselves.
    settled: Option<Moment>,
}

impl Thread {
    fn run(&mut self, incoming: &Receiver<Job>) {
        let mut queue = VecDeque::new();
        loop {
            match incoming.recv_timeout(LOOK_AGAIN) {
                Ok(job) => queue.push_back(job),
                Err(RecvTimeoutError::Timeout) => self.idle(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Some(job) = self.next(&mut queue, incoming) {
                match job {
                    Job::End => return,
                    Job::Scrub => self.scrub(),
                    Job::Load(request, load) => self.read(request, load),
                    Job::Do(request, operation) => self.change(request, operation),
                    Job::Remember(choices) => self.remember(&choices),
                }
            }
        }
    }

    /// The next job that is not canceled.
    fn next(&self, queue: &mut VecDeque<Job>, incoming: &Receiver<Job>) -> Option<Job> {
        queue.extend(incoming.try_iter());
        loop {
            let job = queue.pop_front()?;
            match &job {
                Job::Load(request, load) if is_overtaken(load, queue) => {
                    self.say(Msg::Response(*request, Response::Loaded(Err(StoreError::Interrupted))));
                }
                _ => return Some(job),
            }
        }
    }

    fn say(&self, msg: Msg) {
        // The loop may have ended already.
        let _ = self.outgoing.send(Incoming::Msg(msg));
    }

    fn idle(&mut self) {
        if self.scrub_due {
            self.scrub();
        }
        let reachable = self.effects.store().same_file();
        if reachable.is_err() != self.banner {
            self.banner = reachable.is_err();
            self.say(Msg::Notice(Notice::Unreachable(reachable.err().map(|error| error.to_string()))));
        }
        if let Ok(version) = self.effects.store().data_version()
            && version != self.data_version
        {
            self.data_version = version;
            self.settled = None;
            self.say(Msg::Notice(Notice::Changed));
        }
        if self.settled.is_none_or(|settled| settled.elapsed() >= SETTLE_AGAIN) {
            self.settled = Some(Moment::now());
            if self.effects.settle(clock::now()) {
                self.say(Msg::Notice(Notice::Changed));
            }
        }
    }

    fn remember(&self, choices: &Remembered) {
        if let Some(Err(error)) = self.remembered.as_ref().map(|file| file.write(choices)) {
            // The choice holds for this session.
            tracing::debug!(%error, "could not remember a choice");
        }
    }

    fn scrub(&mut self) {
        self.scrub_due = !matches!(self.effects.store().scrub(), Ok(true));
    }

    fn read(&mut self, request: RequestId, load: Load) {
        *lock(&self.under_way) = UnderWay::Reading(Kind::of(&load));
        let result = self.effects.load(load, clock::now());
        *lock(&self.under_way) = UnderWay::Nothing;
        self.say(Msg::Response(request, Response::Loaded(result)));
    }

    fn change(&mut self, request: RequestId, operation: Operation) {
        *lock(&self.under_way) = UnderWay::Changing(Moment::now());
        let result = self.effects.operate(operation, clock::now());
        *lock(&self.under_way) = UnderWay::Nothing;
        self.say(Msg::Response(request, Response::Done(Box::new(result))));
    }
}

fn is_overtaken(load: &Load, queue: &VecDeque<Job>) -> bool {
    let kind = Kind::of(load);
    queue
        .iter()
        .any(|job| matches!(job, Job::Load(_, newer) if Kind::voids(newer) && Kind::of(newer) == kind))
}
