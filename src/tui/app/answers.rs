//! What the worker answers: to whoever waits for it, and to the header.

use crate::desk::Who;
use crate::desk::known_head::LogMismatch;
use crate::domain::text::capitalized;

use super::App;
use super::message::Message;
use super::modal::{Dialog, Form, LogMismatchDialog, Modal};
use super::msg::{Answer, Effect, Load, Loaded, SessionInfo};

impl App {
    pub(super) fn answer(&mut self, mut answer: Answer, effects: &mut Vec<Effect>) {
        match &mut answer {
            Answer::Changed => return self.changed(effects),
            Answer::Waiting(waiting) => return self.waiting = *waiting,
            Answer::Banner(banner) => return self.banner = banner.take(),
            Answer::Loaded(request, result) if self.awaited_session_info == Some(*request) => {
                match result {
                    Ok(Loaded::SessionInfo(session_info)) => {
                        self.set_session_info((**session_info).clone(), effects)
                    }
                    Err(error) if !error.is_interrupted() => self.banner = Some(error.to_string()),
                    _ => {}
                }
                return;
            }
            Answer::Loaded(request, Ok(Loaded::KnownHead(check)))
                if self.awaited_known_head == Some(*request) =>
            {
                if let Some(loss) = check.loss() {
                    self.message = Some(Message::error(format!("{}.", capitalized(&loss))));
                }
                return self.set_log_mismatch(check.mismatch.take());
            }
            _ => {}
        }
        // Before a modal takes anything out of the answer.
        self.done(&answer, effects);
        for place in (0..self.modals.len()).rev() {
            self.answer_modal(place, &mut answer, effects);
        }
        self.in_keys(effects, |screen, cx| screen.answer(&mut answer, cx));
        self.in_applications(effects, |screen, cx| screen.answer(&mut answer, cx));
        self.in_users(effects, |screen, cx| screen.answer(&mut answer, cx));
        self.in_audit(effects, |screen, cx| screen.answer(&mut answer, cx));
    }

    /// Hands an answer to a modal, wherever it is in the stack.
    pub(super) fn answer_modal(&mut self, place: usize, answer: &mut Answer, effects: &mut Vec<Effect>) {
        let above = self.modals.split_off((place + 1).min(self.modals.len()));
        self.hand_to_modal(effects, |modal, cx| modal.answer(answer, cx));
        self.modals.extend(above);
    }

    /// Takes who is here, and where.
    pub(super) fn set_session_info(&mut self, session_info: SessionInfo, effects: &mut Vec<Effect>) {
        let first = self.session_info.is_none();
        let application = session_info.application.as_ref().map(|a| a.id);
        if first {
            match &session_info.who {
                Who::NotSetUp => {
                    let form = Form::set_up(&session_info.suggested_email, session_info.notice);
                    self.modals.push(Modal::Form(Box::new(form)));
                }
                Who::Unknown => {
                    self.message = Some(Message::note(format!(
                        "Your login {:?} is not known here: you can look, and change nothing. Ask an active user \
                         to add you (screen 3).",
                        session_info.login
                    )));
                }
                Who::Disabled(_) => {
                    self.message =
                        Some(Message::note("You are disabled here: you can look, and change nothing."));
                }
                Who::Active(_) => {}
            }
            if !session_info.warnings.is_empty() {
                self.message = Some(Message::error(session_info.warnings.join(" ")));
            }
        }
        if let Some(name) = self.wanted_application.take()
            && session_info.application.as_ref().is_none_or(|a| !a.name.as_str().eq_ignore_ascii_case(&name))
        {
            self.message = Some(Message::error(format!("No Application is called {name:?}.")));
        }
        self.session_info = Some(session_info);
        self.banner = None;
        if first || self.keys.application != application {
            self.in_keys(effects, |screen, cx| screen.show(application, cx));
        }
        if first {
            // After the rows: nobody is to wait for it.
            self.load_known_head(effects);
        }
    }

    /// Asks for the comparison of the audit log with the known head.
    fn load_known_head(&mut self, effects: &mut Vec<Effect>) {
        let request = self.with(effects, |_| (), |(), cx| cx.load(Load::KnownHead), |_, ()| ());
        self.awaited_known_head = Some(request);
    }

    /// Takes a mismatch, and opens its dialog when it is new.
    fn set_log_mismatch(&mut self, mismatch: Option<LogMismatch>) {
        if let (None, Some(mismatch)) = (&self.log_mismatch, &mismatch) {
            // Below what somebody is in the middle of.
            self.modals.insert(0, Modal::LogMismatch(Box::new(LogMismatchDialog::new(mismatch.clone()))));
        }
        self.log_mismatch = mismatch;
    }

    /// Opens the dialog of the mismatch.
    pub(super) fn review(&mut self) {
        match &self.log_mismatch {
            Some(mismatch) => {
                self.modals.push(Modal::LogMismatch(Box::new(LogMismatchDialog::new(mismatch.clone()))))
            }
            None => {
                self.message = Some(Message::note("The audit log contains the known head."));
            }
        }
    }

    /// Another session, or an operation, has changed the data.
    pub(super) fn changed(&mut self, effects: &mut Vec<Effect>) {
        self.load_session_info(effects);
        self.reload(effects);
        self.load_known_head(effects);
        for place in 0..self.modals.len() {
            if let Some(Modal::Details(_) | Modal::AuditDetails(_)) = self.modals.get(place) {
                let modal = self.modals.remove(place);
                self.with(
                    effects,
                    |_| modal,
                    |modal, cx| match modal {
                        Modal::Details(details) => details.reload(cx),
                        Modal::AuditDetails(details) => details.reload(cx),
                        _ => {}
                    },
                    |app, modal| app.modals.insert(place, modal),
                );
            }
        }
    }
}
