//! What the program knows and how that changes: a pure function of state and message.
//!
//! No input or output, no clock (the instant comes with each message), no threads. What is to be done outside
//! comes back as [`Effect`]s.

pub mod action;
mod answers;
pub mod context;
mod done;
mod input;
pub mod keymap;
pub mod list;
pub mod message;
pub mod modal;
pub mod msg;
pub mod screen;
pub mod text_field;

use crate::config::bindings::Chord;
use crate::desk::Who;
use crate::desk::known_head::LogMismatch;
use crate::domain::Instant;
use crate::domain::application::ApplicationId;

use action::{Action, ScreenId};
use context::{Context, Surroundings};
use message::Message;
use modal::{Flow, Help, Modal, Palette, Picker, Press};
use msg::{Effect, Load, Msg, RequestId, SessionInfo};
use screen::{ApplicationsScreen, AuditScreen, KeysScreen, UsersScreen};

/// All state of the screen.
#[derive(Debug)]
pub struct App {
    /// The present instant, as the last message brought it.
    pub now: Instant,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// What does not change.
    pub around: Surroundings,
    /// Who is here, and where; none before the first answer.
    pub session_info: Option<SessionInfo>,
    /// The screen below the modals.
    pub screen: ScreenId,
    /// Screen 1.
    pub keys: KeysScreen,
    /// Screen 2.
    pub applications: ApplicationsScreen,
    /// Screen 3.
    pub users: UsersScreen,
    /// Screen 4.
    pub audit: AuditScreen,
    /// Modals, the top one last.
    pub modals: Vec<Modal>,
    /// The message line.
    pub message: Option<Message>,
    /// Something that stays wrong until it is mended, such as a database that was moved away.
    pub banner: Option<String>,
    /// How the audit log differs from the known head.
    pub log_mismatch: Option<LogMismatch>,
    /// Whether the store waits for another session.
    pub waiting: bool,
    /// Which theme of the list of themes.
    pub theme: usize,
    /// Whether Ctrl-C was pressed while the secret's question is open: leave once it is answered.
    quitting: bool,
    last_request: RequestId,
    awaited_session_info: Option<RequestId>,
    awaited_known_head: Option<RequestId>,
    wanted_application: Option<String>,
}

impl App {
    /// The state before anything has happened, and what to ask for first.
    #[must_use]
    pub fn new(
        around: Surroundings,
        size: (u16, u16),
        now: Instant,
        application: Option<String>,
    ) -> (Self, Vec<Effect>) {
        let mut app = Self {
            now,
            size,
            around,
            session_info: None,
            screen: ScreenId::Keys,
            keys: KeysScreen::default(),
            applications: ApplicationsScreen::default(),
            users: UsersScreen::default(),
            audit: AuditScreen::default(),
            modals: Vec::new(),
            message: None,
            banner: None,
            log_mismatch: None,
            waiting: false,
            theme: 0,
            quitting: false,
            last_request: RequestId(0),
            awaited_session_info: None,
            awaited_known_head: None,
            wanted_application: application,
        };
        let mut effects = Vec::new();
        app.resize(size, &mut effects);
        app.load_session_info(&mut effects);
        (app, effects)
    }

    /// Takes a message; what is to be done outside is the answer.
    #[must_use]
    pub fn update(&mut self, msg: Msg, now: Instant) -> Vec<Effect> {
        self.now = now;
        let mut effects = Vec::new();
        match msg {
            Msg::Key(chord) => self.key(chord, &mut effects),
            Msg::Paste(text) => self.paste(&text, &mut effects),
            Msg::Click(target) => self.click(&target, &mut effects),
            Msg::Scroll(rows) => self.scroll(rows, &mut effects),
            Msg::Resize(columns, rows) => self.resize((columns, rows), &mut effects),
            Msg::Tick => {
                if self.message.as_mut().is_some_and(|message| message.is_over(now)) {
                    self.message = None;
                }
            }
            Msg::Resumed => effects.push(Effect::Redraw),
            Msg::Answer(answer) => self.answer(answer, &mut effects),
        }
        effects
    }

    /// Calls `f` with what a screen or a modal may use, apart from the state that `f` is about.
    fn with<S, T>(
        &mut self,
        effects: &mut Vec<Effect>,
        part: impl FnOnce(&mut Self) -> S,
        f: impl FnOnce(&mut S, &mut Context<'_>) -> T,
        back: impl FnOnce(&mut Self, S),
    ) -> T {
        let mut state = part(self);
        let mut cx = Context {
            now: self.now,
            around: &self.around,
            session_info: self.session_info.as_ref(),
            effects,
            last_request: &mut self.last_request,
            message: &mut self.message,
        };
        let result = f(&mut state, &mut cx);
        back(self, state);
        result
    }

    /// The names of the bindings that work on the screen, the nearest first.
    #[must_use]
    pub fn contexts(&self) -> [&'static str; 3] {
        [self.screen.context(), "list", "global"]
    }

    /// Whether a filter takes the keys.
    #[must_use]
    pub fn is_typing(&self) -> bool {
        match self.screen {
            ScreenId::Keys => self.keys.filter.typing,
            ScreenId::Applications => self.applications.filter.typing,
            ScreenId::Users => self.users.filter.typing,
            ScreenId::Audit => self.audit.rows.filter.typing,
        }
    }

    /// Carries out what works on every screen; says whether the action was one.
    fn global(&mut self, action: Action, effects: &mut Vec<Effect>) -> bool {
        match action {
            Action::Quit => self.quit(effects),
            Action::Suspend => self.suspend(effects),
            Action::Redraw => effects.push(Effect::Redraw),
            Action::Help => {
                let help = Help::new(self.screen.title(), &self.contexts());
                self.modals.push(Modal::Help(Box::new(help)));
            }
            Action::Palette => {
                let palette = Palette::new(&self.contexts(), &self.around.keymap);
                self.modals.push(Modal::Palette(Box::new(palette)));
            }
            Action::NextScreen => self.go(self.screen.step(false), effects),
            Action::PreviousScreen => self.go(self.screen.step(true), effects),
            Action::ChooseApplication => {
                self.open(effects, |cx| Modal::Picker(Box::new(Picker::new(cx))));
            }
            Action::NextTheme => {
                self.theme += 1;
                effects.push(Effect::Redraw);
            }
            Action::Review => self.review(),
            Action::Dismiss if self.message.is_some() => self.message = None,
            action => match action.screen() {
                Some(screen) => self.go(screen, effects),
                None => return false,
            },
        }
        true
    }

    /// Goes to a screen and asks for its rows.
    fn go(&mut self, screen: ScreenId, effects: &mut Vec<Effect>) {
        self.screen = screen;
        self.reload(effects);
    }

    fn reload(&mut self, effects: &mut Vec<Effect>) {
        match self.screen {
            ScreenId::Keys => self.in_keys(effects, KeysScreen::reload),
            ScreenId::Applications => self.in_applications(effects, ApplicationsScreen::reload),
            ScreenId::Users => self.in_users(effects, UsersScreen::reload),
            ScreenId::Audit => self.in_audit(effects, AuditScreen::reload),
        }
    }

    fn in_keys<T>(
        &mut self,
        effects: &mut Vec<Effect>,
        f: impl FnOnce(&mut KeysScreen, &mut Context<'_>) -> T,
    ) -> T {
        self.with(effects, |app| std::mem::take(&mut app.keys), f, |app, keys| app.keys = keys)
    }

    fn in_applications<T>(
        &mut self,
        effects: &mut Vec<Effect>,
        f: impl FnOnce(&mut ApplicationsScreen, &mut Context<'_>) -> T,
    ) -> T {
        self.with(effects, |app| std::mem::take(&mut app.applications), f, |app, s| app.applications = s)
    }

    fn in_users<T>(
        &mut self,
        effects: &mut Vec<Effect>,
        f: impl FnOnce(&mut UsersScreen, &mut Context<'_>) -> T,
    ) -> T {
        self.with(effects, |app| std::mem::take(&mut app.users), f, |app, users| app.users = users)
    }

    fn in_audit<T>(
        &mut self,
        effects: &mut Vec<Effect>,
        f: impl FnOnce(&mut AuditScreen, &mut Context<'_>) -> T,
    ) -> T {
        self.with(effects, |app| std::mem::take(&mut app.audit), f, |app, audit| app.audit = audit)
    }

    /// Opens a modal that asks for something as it opens.
    fn open(&mut self, effects: &mut Vec<Effect>, make: impl FnOnce(&mut Context<'_>) -> Modal) {
        let modal = self.with(effects, |_| (), |(), cx| make(cx), |_, ()| ());
        self.modals.push(modal);
    }

    /// Hands something to the top modal and does what it wants.
    fn hand_to_modal(
        &mut self,
        effects: &mut Vec<Effect>,
        f: impl FnOnce(&mut Modal, &mut Context<'_>) -> Flow,
    ) {
        let Some(modal) = self.modals.pop() else { return };
        let mut flow = Flow::Stay;
        self.with(effects, |_| modal, |modal, cx| flow = f(modal, cx), |app, modal| app.modals.push(modal));
        self.follow(flow, effects);
    }

    fn follow(&mut self, flow: Flow, effects: &mut Vec<Effect>) {
        match flow {
            Flow::Stay => {}
            Flow::Close => self.close(effects),
            Flow::Open(modal) => self.modals.push(*modal),
            Flow::Swap(modal) => {
                self.modals.pop();
                self.modals.push(*modal);
            }
            Flow::CloseAnd(action) => {
                self.close(effects);
                if self.modals.is_empty() && !self.global(action, effects) {
                    self.act(action, effects);
                }
            }
            Flow::Choose(application) => {
                self.close(effects);
                self.choose(application, effects);
            }
        }
    }

    fn close(&mut self, effects: &mut Vec<Effect>) {
        let closed = self.modals.pop();
        if self.quitting && self.modals.is_empty() {
            effects.push(Effect::Quit);
        }
        // The program cannot work on an empty database: leaving its form is leaving.
        let set_up = matches!(&closed, Some(Modal::Form(form)) if matches!(form.purpose, modal::form::Purpose::SetUp { .. }));
        let done = self.session_info.as_ref().is_none_or(|session_info| session_info.who != Who::NotSetUp);
        if set_up && !done && !matches!(&closed, Some(Modal::Form(form)) if form.is_submitting()) {
            effects.push(Effect::Quit);
        }
    }

    /// Carries out an action on the screen.
    fn act(&mut self, action: Action, effects: &mut Vec<Effect>) {
        let press = Press { chord: Chord::none(), action: Some(action) };
        self.hand_to_screen(effects, &press);
    }

    fn hand_to_screen(&mut self, effects: &mut Vec<Effect>, press: &Press) {
        let modal = match self.screen {
            ScreenId::Keys => self.in_keys(effects, |screen, cx| screen.press(press, cx)),
            ScreenId::Users => self.in_users(effects, |screen, cx| screen.pressed(press, cx)),
            ScreenId::Audit => self.in_audit(effects, |screen, cx| screen.pressed(press, cx)),
            ScreenId::Applications => {
                let asked = self.in_applications(effects, |screen, cx| screen.pressed(press, cx));
                return self.asked(asked, effects);
            }
        };
        self.modals.extend(modal);
    }

    fn asked(&mut self, asked: Option<screen::applications::Asked>, effects: &mut Vec<Effect>) {
        match asked {
            Some(screen::applications::Asked::Open(modal)) => self.modals.push(modal),
            Some(screen::applications::Asked::Choose(application)) => self.choose(application, effects),
            None => {}
        }
    }

    /// Shows the keys of another Application.
    fn choose(&mut self, application: ApplicationId, effects: &mut Vec<Effect>) {
        self.screen = ScreenId::Keys;
        self.wanted_application = None;
        if let Some(session_info) = &mut self.session_info
            && session_info.application.as_ref().map(|a| a.id) != Some(application)
        {
            session_info.application = None;
        }
        self.in_keys(effects, |screen, cx| screen.show(Some(application), cx));
        self.load_session_info(effects);
    }

    fn load_session_info(&mut self, effects: &mut Vec<Effect>) {
        let application = self.keys.application;
        let named = self.wanted_application.clone();
        let request = self.with(
            effects,
            |_| (),
            |(), cx| cx.load(Load::SessionInfo { application, named }),
            |_, ()| (),
        );
        self.awaited_session_info = Some(request);
    }
}
