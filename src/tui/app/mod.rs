//! State and update: a pure function of state and message.
//!
//! No input or output, no clock (the time comes with each message), no threads. What is to be done outside is
//! returned as [`Effect`]s.

pub mod direction;
pub mod filter;
mod input;
pub mod list;
pub mod message;
pub mod modal;
pub mod msg;
mod notifications;
pub mod pending;
mod responses;
pub mod screen;
pub mod screen_id;
pub mod screens;
pub mod shared;
pub mod text_field;

use crate::config::bindings::{Action, Chord, Context};
use crate::config::remembered::Remembered;
use crate::config::settings::ThemeName;
use crate::desk::Who;
use crate::desk::known_head::KnownHeadCheck;
use crate::domain::Instant;
use crate::domain::application::Scope;
use crate::domain::key::Key;

use direction::Direction;
use message::{Message, Tone};
use modal::stack::Modals;
use modal::{Chooser, Dialog, Flow, Modal, Press, Reading};
use msg::{Asker, DialogId, Effect, Load, Msg, Notice, SessionInfo};
use pending::Pending;
use screen::Screen;
use screen::keys::KeysScreen;
use screen_id::ScreenId;
use screens::Screens;
use shared::{Environment, Shared};

/// All state of the terminal UI.
#[derive(Debug)]
pub struct App {
    pub shared: Shared,
    pub screens: Screens,
    pub modals: Modals,
    /// An error that persists until it is fixed, such as a database that was moved.
    pub banner: Option<String>,
    /// Whether the store waits for another session.
    pub waiting: bool,
    /// Whether Ctrl-C was pressed while a secret has not been delivered: quit once that question is answered.
    quitting: bool,
    /// Keys for the dialog that replaces the present one, typed before it is open.
    typed_ahead: Vec<Chord>,
    session: Pending<Box<SessionInfo>>,
    known_head: Pending<Box<KnownHeadCheck>>,
    /// The Application that the command line names.
    wanted_application: Option<String>,
}

impl App {
    /// The initial state, with its first effects.
    pub fn new(
        environment: Environment,
        size: (u16, u16),
        now: Instant,
        application: Option<String>,
        remembered: Remembered,
    ) -> (Self, Vec<Effect>) {
        let mut app = Self {
            shared: Shared::new(environment, remembered, size, now),
            screens: Screens::default(),
            modals: Modals::default(),
            banner: None,
            waiting: false,
            quitting: false,
            typed_ahead: Vec::new(),
            session: Pending::default(),
            known_head: Pending::default(),
            wanted_application: application,
        };
        app.resize(size);
        app.load_session();
        let effects = app.shared.take_effects();
        (app, effects)
    }

    /// Takes a message and returns its effects.
    pub fn update(&mut self, msg: Msg, now: Instant) -> Vec<Effect> {
        self.shared.now = now;
        match msg {
            Msg::Key(chord) => self.key(chord),
            Msg::Paste(text) => self.paste(text),
            Msg::Click(target) => self.click(&target),
            Msg::Scroll(rows) => self.scroll(rows),
            Msg::Resize(columns, rows) => self.resize((columns, rows)),
            Msg::Tick => {
                if self.shared.message.as_mut().is_some_and(|message| message.is_over(now)) {
                    self.shared.message = None;
                }
                for (_, modal) in self.modals.iter_mut() {
                    modal.dialog_mut().tick(now);
                }
            }
            Msg::Resumed => self.shared.push(Effect::Redraw),
            Msg::Response(request, response) => self.respond(request, response),
            Msg::Notice(Notice::Changed) => self.refresh(),
            Msg::Notice(Notice::Waiting(waiting)) => self.waiting = waiting,
            Msg::Notice(Notice::Unreachable(reason)) => self.banner = reason,
        }
        self.shared.take_effects()
    }

    /// A message to print after quitting.
    pub fn farewell(&self) -> Option<&'static str> {
        let is_empty = self.shared.session.as_ref().is_some_and(|session| session.who == Who::NotSetUp);
        is_empty.then_some("setup canceled, the database is still empty")
    }

    /// The bindings that work on the screen, the nearest first.
    pub fn contexts(&self) -> &'static [Context] {
        if self.is_typing() { &[Context::Filter] } else { self.screens.current.contexts() }
    }

    /// Whether a filter takes the keys.
    pub fn is_typing(&self) -> bool {
        self.screens.current().rows().filter().typing
    }

    /// The actions for the footer, the most wanted first.
    pub fn hints(&self) -> Vec<Action> {
        if self.is_typing() {
            return vec![Action::Confirm, Action::Cancel];
        }
        let mut actions = self.screens.current().hints(&self.shared);
        // Help and quit always fit.
        let last = [Action::Help, Action::Quit, Action::Palette, Action::ChooseApplication];
        let at = actions.len().min(if self.shared.size.0 < 100 { 5 } else { 9 });
        actions.splice(at..at, last);
        actions
    }

    /// The current screen, with the shared state for its requests.
    fn current(&mut self) -> (&mut dyn Screen, &mut Shared) {
        let id = self.screens.current;
        (self.screens.get_mut(id), self.shared.on_behalf_of(Asker::Screen(id)))
    }

    fn keys(&mut self) -> (&mut KeysScreen, &mut Shared) {
        (&mut self.screens.keys, self.shared.on_behalf_of(Asker::Screen(ScreenId::Keys)))
    }

    /// A dialog, with the shared state for its requests.
    fn dialog(&mut self, id: DialogId) -> Option<(&mut dyn Dialog, &mut Shared)> {
        let modal = self.modals.get_mut(id)?;
        Some((modal.dialog_mut(), self.shared.on_behalf_of(Asker::Dialog(id))))
    }

    fn open(&mut self, modal: impl Into<Modal>) {
        self.modals.push(modal.into(), &mut self.shared);
    }

    /// Carries out an action that works on every screen; returns whether it was one.
    fn act_globally(&mut self, action: Action) -> bool {
        match action {
            Action::Quit => self.quit(),
            Action::Suspend => self.suspend(),
            Action::Redraw => self.shared.push(Effect::Redraw),
            Action::Help => self.open(Reading::help(self.screens.current.title(), self.contexts())),
            Action::Palette => self.open(Chooser::actions(self.contexts(), self.shared.bindings())),
            Action::ChooseApplication => self.open(Chooser::applications()),
            Action::NextTheme => self.next_theme(),
            Action::Review => self.review(),
            Action::Dismiss if self.shared.message.is_some() => {
                self.shared.message = None;
                // A message that offers to clear the filter needs one key press for both.
                return !self.screens.current().rows().hides_result();
            }
            action => match self.screens.current.after(action) {
                Some(screen) => self.go(screen),
                None => return false,
            },
        }
        true
    }

    fn next_theme(&mut self) {
        if self.shared.environment.no_color {
            return self.say(Message::note("Themes are unavailable: NO_COLOR is set."));
        }
        let theme = Direction::Forward.among(ThemeName::ALL, self.shared.theme());
        self.shared.remember(|remembered| remembered.theme = Some(theme));
        self.say(Message::note(format!("Theme: {}.", theme.as_str())));
        self.shared.push(Effect::Redraw);
    }

    fn act(&mut self, action: Action) {
        if !self.act_globally(action) {
            self.press_on_screen(&Press::of(action));
        }
    }

    fn press_on_screen(&mut self, press: &Press) {
        let (screen, shared) = self.current();
        let flow = screen.press(press, shared);
        self.follow(flow, None);
    }

    fn go(&mut self, screen: ScreenId) {
        self.screens.current = screen;
        self.reload();
    }

    fn reload(&mut self) {
        let (screen, shared) = self.current();
        screen.reload(shared);
    }

    /// Does what a screen or a dialog asks for.
    fn follow(&mut self, flow: Flow, dialog: Option<DialogId>) {
        match flow {
            Flow::Stay => {}
            Flow::Close => self.close(dialog),
            Flow::Open(modal) => self.open(*modal),
            Flow::Swap(modal) => {
                if let Some(id) = dialog {
                    self.modals.replace(id, *modal, &mut self.shared);
                }
            }
            Flow::CloseAnd(action) => {
                self.close(dialog);
                if self.modals.is_empty() {
                    self.act(action);
                }
            }
            Flow::Choose(scope) => {
                self.close(dialog);
                self.choose(scope);
            }
            Flow::Show(key) => {
                self.close(dialog);
                self.show(*key);
            }
        }
    }

    fn close(&mut self, dialog: Option<DialogId>) {
        if let Some(id) = dialog {
            self.modals.remove(id);
        }
        if !self.modals.is_empty() {
            return;
        }
        if self.quitting {
            self.shared.push(Effect::Quit);
        }
        if self.screens.current().rows().hides_result()
            && let Some(done) = self.shared.message.as_mut().filter(|message| message.tone == Tone::Done)
        {
            done.append(&Message::note("The filter hides the new key. Press Esc to clear the filter."));
        }
    }

    /// Shows the keys of another Application, or of all.
    fn choose(&mut self, scope: Scope) {
        self.screens.current = ScreenId::Keys;
        self.wanted_application = None;
        self.shared.remember(|remembered| remembered.scope = Some(scope));
        if let Some(session) = &mut self.shared.session {
            session.scope = Some(scope);
        }
        let (keys, shared) = self.keys();
        keys.show(Some(scope), shared);
        self.load_session();
    }

    /// Selects a key in the list, which shows all keys of its Application then.
    fn show(&mut self, key: Key) {
        let scope = Scope::Application(key.application);
        if !matches!(self.screens.keys.scope(), Some(shown) if shown == Scope::All || shown == scope) {
            self.choose(scope);
        }
        self.screens.current = ScreenId::Keys;
        let (keys, shared) = self.keys();
        keys.list.show(key, shared);
    }

    fn load_session(&mut self) {
        let scope = self.screens.keys.scope().or(self.shared.remembered.scope);
        let named = self.wanted_application.clone();
        let load = Load::SessionInfo { scope, named };
        self.session.load(load, self.shared.on_behalf_of(Asker::App));
    }

    fn say(&mut self, message: Message) {
        self.shared.say(message);
    }
}
