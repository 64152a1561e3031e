//! The loop: wait, update, draw.

use std::io::{Write, stdout};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant as Moment};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;

use super::app::App;
use super::app::msg::{Effect, Msg, Notice};
use super::input;
use super::terminal::{Guard, TerminalError};
use super::view;
use super::view::appearance::Appearances;
use super::view::canvas::Hits;
use super::worker::{Incoming, Job, Worker};
use crate::host::clock;
use crate::store::DatabaseClock;

/// How long the loop waits for a message before it updates relative times.
const TICK: Duration = Duration::from_secs(1);

/// The same while a change is being made.
const IMPATIENT_TICK: Duration = Duration::from_millis(200);

/// How long a change may take before the UI says that it waits for another session.
const WAITING: Duration = Duration::from_millis(700);

/// The maximum time for taking messages before a frame is drawn.
const BEFORE_A_FRAME: Duration = Duration::from_millis(8);

pub(super) struct Loop<'a> {
    pub(super) app: App,
    /// The clock of the database, by which keys expire.
    pub(super) clock: DatabaseClock,
    pub(super) appearances: Appearances,
    pub(super) worker: &'a Worker,
    pub(super) guard: &'a Guard,
    pub(super) incoming: Receiver<Incoming>,
    pub(super) hits: Hits,
    pub(super) leaving: bool,
    pub(super) redraw: bool,
}

impl Loop<'_> {
    /// Runs until the program is quit. Returns a message to print then.
    pub(super) fn run(mut self, first: Vec<Effect>) -> Result<Option<&'static str>, TerminalError> {
        let mut terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
        self.perform(first)?;
        while !self.leaving {
            self.draw(&mut terminal)?;
            self.take_messages()?;
        }
        Ok(self.app.farewell())
    }

    fn draw(
        &mut self,
        terminal: &mut Terminal<CrosstermBackend<std::io::Stdout>>,
    ) -> Result<(), TerminalError> {
        let appearance = self.appearances.get(self.app.shared.theme());
        if std::mem::take(&mut self.redraw) {
            // `clear` would ask the terminal for the cursor position and wait for it.
            let size = terminal.size()?;
            terminal.resize(Rect::new(0, 0, size.width, size.height))?;
        }
        let (app, hits) = (&self.app, &mut self.hits);
        terminal.draw(|frame| *hits = view::draw(app, appearance, frame))?;
        Ok(())
    }

    /// Waits for a message, and takes those that follow immediately.
    fn take_messages(&mut self) -> Result<(), TerminalError> {
        let patience = if self.worker.changing_since().is_some() { IMPATIENT_TICK } else { TICK };
        match self.incoming.recv_timeout(patience) {
            Ok(incoming) => self.take(incoming)?,
            Err(RecvTimeoutError::Timeout) => self.update(Msg::Tick)?,
            Err(RecvTimeoutError::Disconnected) => self.leaving = true,
        }
        let since = Moment::now();
        while !self.leaving && !self.redraw && since.elapsed() < BEFORE_A_FRAME {
            let Ok(incoming) = self.incoming.try_recv() else { break };
            self.take(incoming)?;
        }
        let waiting = self.worker.changing_since().is_some_and(|since| since.elapsed() > WAITING);
        if waiting != self.app.waiting {
            self.update(Msg::Notice(Notice::Waiting(waiting)))?;
        }
        Ok(())
    }

    fn take(&mut self, incoming: Incoming) -> Result<(), TerminalError> {
        match incoming {
            Incoming::Event(event) => match input::message(event, &self.hits) {
                Some(msg) => self.update(msg),
                None => Ok(()),
            },
            Incoming::Msg(msg) => self.update(msg),
            Incoming::Emit(bytes, msg) => {
                let mut out = stdout();
                let _ = out.write_all(&bytes).and_then(|()| out.flush());
                msg.map_or(Ok(()), |msg| self.update(msg))
            }
        }
    }

    fn update(&mut self, msg: Msg) -> Result<(), TerminalError> {
        let effects = self.app.update(msg, self.clock.now(clock::now()));
        self.perform(effects)
    }

    fn perform(&mut self, effects: Vec<Effect>) -> Result<(), TerminalError> {
        for effect in effects {
            match effect {
                Effect::Load(request, load) => self.worker.send(Job::Load(request, load)),
                Effect::Do(request, operation) => self.worker.send(Job::Do(request, operation)),
                Effect::Remember(choices) => self.worker.send(Job::Remember(choices)),
                Effect::Scrub => self.worker.send(Job::Scrub),
                Effect::Copy(request, secret) => self.worker.copy(request, secret),
                Effect::ClearClipboard => self.worker.clear_clipboard(),
                Effect::Write(request, path, secret) => self.worker.write(request, path, secret),
                Effect::Mouse(on) => self.guard.set_mouse(on),
                Effect::Redraw => self.redraw = true,
                Effect::Suspend => {
                    let mouse = self.app.wants_mouse();
                    self.guard.suspend(mouse)?;
                    let size = crossterm::terminal::size().unwrap_or(self.app.shared.size);
                    self.update(Msg::Resize(size.0, size.1))?;
                    self.update(Msg::Resumed)?;
                }
                Effect::Quit => self.leaving = true,
            }
        }
        Ok(())
    }
}

/// Reads events of the terminal on a separate thread, which ends with the process.
pub(super) fn read_events(outgoing: Sender<Incoming>) -> std::io::Result<()> {
    std::thread::Builder::new().name("input".into()).spawn(move || {
        while let Ok(event) = crossterm::event::read() {
            if outgoing.send(Incoming::Event(event)).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

/// The channel of the loop.
pub(super) fn channel() -> (Sender<Incoming>, Receiver<Incoming>) {
    mpsc::channel()
}
