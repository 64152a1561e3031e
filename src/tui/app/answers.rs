//! What the worker answers: to whoever waits for it, and to the header.

use crate::desk::Who;
use crate::desk::witness::Doubt;

use super::App;
use super::message::Message;
use super::modal::{Dialog, DoubtDialog, Form, Modal};
use super::msg::{Answer, Effect, Load, Loaded, Standing};

impl App {
    pub(super) fn answer(&mut self, mut answer: Answer, effects: &mut Vec<Effect>) {
        match &mut answer {
            Answer::Changed => return self.changed(effects),
            Answer::Waiting(waiting) => return self.waiting = *waiting,
            Answer::Banner(banner) => return self.banner = banner.take(),
            Answer::Loaded(request, result) if self.awaited_standing == Some(*request) => {
                match result {
                    Ok(Loaded::Standing(standing)) => self.stand((**standing).clone(), effects),
                    Err(error) if !error.is_interrupted() => self.banner = Some(error.to_string()),
                    _ => {}
                }
                return;
            }
            Answer::Loaded(request, Ok(Loaded::Witness(sight))) if self.awaited_witness == Some(*request) => {
                return self.doubted(sight.doubt.take());
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
    pub(super) fn stand(&mut self, standing: Standing, effects: &mut Vec<Effect>) {
        let first = self.standing.is_none();
        let application = standing.application.as_ref().map(|a| a.id);
        if first {
            match &standing.who {
                Who::NotSetUp => {
                    let form = Form::set_up(&standing.suggested_email, standing.notice);
                    self.modals.push(Modal::Form(Box::new(form)));
                }
                Who::Unknown => {
                    self.message = Some(Message::note(format!(
                        "Your login {:?} is not known here: you can look, and change nothing. Ask an active user \
                         to add you (screen 3).",
                        standing.login
                    )));
                }
                Who::Disabled(_) => {
                    self.message =
                        Some(Message::note("You are disabled here: you can look, and change nothing."));
                }
                Who::Active(_) => {}
            }
            if !standing.warnings.is_empty() {
                self.message = Some(Message::error(standing.warnings.join(" ")));
            }
        }
        if let Some(name) = self.wanted_application.take()
            && standing.application.as_ref().is_none_or(|a| !a.name.as_str().eq_ignore_ascii_case(&name))
        {
            self.message = Some(Message::error(format!("No Application is called {name:?}.")));
        }
        self.standing = Some(standing);
        self.banner = None;
        if first || self.keys.application != application {
            self.in_keys(effects, |screen, cx| screen.show(application, cx));
        }
        if first {
            // After the rows: nobody is to wait for it.
            self.load_witness(effects);
        }
    }

    /// Asks whether the audit log is the one that was seen last.
    fn load_witness(&mut self, effects: &mut Vec<Effect>) {
        let request = self.with(effects, |_| (), |(), cx| cx.load(Load::Witness), |_, ()| ());
        self.awaited_witness = Some(request);
    }

    /// Takes how the audit log differs from the one that was seen, and asks what to do when that is news.
    fn doubted(&mut self, doubt: Option<Doubt>) {
        if let (None, Some(doubt)) = (&self.doubt, &doubt) {
            // Below what somebody is in the middle of.
            self.modals.insert(0, Modal::Doubt(Box::new(DoubtDialog::new(doubt.clone()))));
        }
        self.doubt = doubt;
    }

    /// Asks once more what to do about it.
    pub(super) fn review(&mut self) {
        match &self.doubt {
            Some(doubt) => self.modals.push(Modal::Doubt(Box::new(DoubtDialog::new(doubt.clone())))),
            None => {
                self.message = Some(Message::note("The audit log is the one that you saw last."));
            }
        }
    }

    /// Another session, or an operation, has changed the data.
    pub(super) fn changed(&mut self, effects: &mut Vec<Effect>) {
        self.load_standing(effects);
        self.reload(effects);
        self.load_witness(effects);
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
