//! Responses of the worker, passed to the part of the state that asked.

use crate::desk::known_head::LogMismatch;
use crate::desk::{Who, text};
use crate::domain::application::Scope;
use crate::domain::text::capitalized;

use super::App;
use super::message::Message;
use super::modal::{Flow, Form, LogMismatchDialog};
use super::msg::{Asker, Load, RequestId, Response, SessionInfo};
use super::pending::Reply;

impl App {
    pub(super) fn respond(&mut self, request: RequestId, response: Response) {
        if let Response::Done(result) = &response {
            self.notify(request.asker, result);
        }
        let mut reply = Reply::new(request, response);
        match request.asker {
            Asker::App => self.receive(&mut reply),
            Asker::Screen(id) => {
                self.screens.get_mut(id).receive(&mut reply, self.shared.on_behalf_of(request.asker));
            }
            Asker::Dialog(id) => {
                if let Some((dialog, shared)) = self.dialog(id) {
                    let flow = dialog.receive(&mut reply, shared);
                    let is_replaced = matches!(flow, Flow::Swap(_));
                    self.follow(flow, Some(id));
                    self.replay(is_replaced);
                }
            }
        }
    }

    fn receive(&mut self, reply: &mut Reply) {
        match self.session.take(reply) {
            Some(Ok(session)) => self.enter(*session),
            Some(Err(error)) if !error.is_interrupted() => self.banner = Some(error.to_string()),
            _ => {}
        }
        if let Some(Ok(check)) = self.known_head.take(reply) {
            if let Some(loss) = check.loss() {
                self.shared.say_also(&format!("{}.", capitalized(&loss)));
            }
            self.set_log_mismatch(check.mismatch);
        }
    }

    /// Takes the session information.
    fn enter(&mut self, session: SessionInfo) {
        let is_first = self.shared.session.is_none();
        if is_first {
            self.greet(&session);
        }
        let scope = session.scope;
        let application = match scope {
            Some(Scope::Application(id)) => session.application(id),
            Some(Scope::All) | None => None,
        };
        if let Some(name) = self.wanted_application.take()
            && application.is_none_or(|application| !application.name.as_str().eq_ignore_ascii_case(&name))
        {
            self.shared.say_also(&format!("Application {name:?} not found."));
        }
        self.shared.session = Some(session);
        self.banner = None;
        if is_first || self.screens.keys.scope() != scope {
            let (keys, shared) = self.keys();
            keys.show(scope, shared);
        }
        if is_first {
            // After the rows, which must not wait for it.
            self.load_known_head();
        }
    }

    fn greet(&mut self, session: &SessionInfo) {
        if session.who == Who::NotSetUp {
            self.open(Form::set_up(&session.suggested_email, session.account, session.notice));
        }
        if let Some(reason) = session.who.read_only(&session.login, session.account) {
            let why = capitalized(&text::read_only(&reason));
            self.say(Message::note(format!("{why}. {}.", text::how_to_get_access(&reason))));
        }
        if !session.warnings.is_empty() {
            self.shared.say_also(&session.warnings.join(" "));
        }
    }

    /// Asks for the comparison of the audit log with the known head.
    fn load_known_head(&mut self) {
        self.known_head.load(Load::KnownHead, self.shared.on_behalf_of(Asker::App));
    }

    /// Takes a mismatch, and opens its dialog when it is new.
    fn set_log_mismatch(&mut self, mismatch: Option<LogMismatch>) {
        if let (None, Some(mismatch)) = (&self.shared.log_mismatch, &mismatch) {
            // Below the dialogs that are in use.
            self.modals.push_below(LogMismatchDialog::new(mismatch.clone()).into(), &mut self.shared);
        }
        self.shared.log_mismatch = mismatch;
    }

    /// Opens the dialog of the mismatch.
    pub(super) fn review(&mut self) {
        match &self.shared.log_mismatch {
            Some(mismatch) => self.open(LogMismatchDialog::new(mismatch.clone())),
            None => self.say(Message::note("The audit log contains the known head.")),
        }
    }

    /// Another session, or an operation, has changed the data.
    pub(super) fn refresh(&mut self) {
        self.load_session();
        self.reload();
        self.load_known_head();
        for (id, modal) in self.modals.iter_mut() {
            modal.dialog_mut().refresh(self.shared.on_behalf_of(Asker::Dialog(id)));
        }
    }
}
