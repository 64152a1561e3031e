//! Keys, pastes, clicks and sizes: to the top dialog, else to the screen.

use crate::config::bindings::{Action, Chord, Context};
use crate::domain::secret::Secret;
use crate::domain::token::holds_secret;

use super::App;
use super::message::Message;
use super::modal::reading::Page;
use super::modal::{Dialog, Flow, Modal, Press, Reading, Triage};
use super::msg::{Asker, Effect, Target};
use super::screen_id::ScreenId;
use super::shared::Shared;

/// Said where a text was not inserted.
const SECRET_PASTED: &str = "The pasted text contains the secret of a key and was not inserted. Close this dialog and paste \
                             the text again to identify the key.";

/// Maximum number of keys that are kept until a dialog has its result.
const MOST_TYPED_AHEAD: usize = 32;

impl App {
    pub(super) fn key(&mut self, chord: Chord) {
        if chord == Chord::ctrl_c() {
            // Whatever is bound to it.
            return self.quit();
        }
        let bound = |app: &Self, contexts: &[Context]| app.shared.bindings().action(contexts, &chord);
        match bound(self, &[Context::Global]) {
            Some(Action::Suspend) => return self.suspend(),
            Some(Action::Redraw) => return self.shared.push(Effect::Redraw),
            Some(Action::Help) => {
                if let Some(dialog) =
                    self.modals.last().map(Modal::dialog).filter(|dialog| !dialog.takes_text())
                    && !matches!(self.modals.last(), Some(Modal::Reading(reading)) if matches!(reading.page, Page::Help { .. }))
                {
                    return self.open(Reading::help("this dialog", dialog.contexts()));
                }
            }
            _ => {}
        }
        if self.is_submitting() {
            if self.typed_ahead.len() < MOST_TYPED_AHEAD {
                self.typed_ahead.push(chord);
            }
            return;
        }
        let top = self.modals.last().map(Modal::dialog);
        // A character typed into a field is text, whatever it is bound to.
        let takes_text = top.map_or_else(|| self.is_typing(), Dialog::takes_text);
        let action = match top {
            Some(dialog) => bound(self, dialog.contexts()),
            None => bound(self, self.contexts()),
        };
        let press = Press { chord, action: action.filter(|_| !(takes_text && chord.is_text())) };
        if self.in_dialog(|dialog, shared| dialog.press(&press, shared)) {
            return;
        }
        if takes_text || !press.action.is_some_and(|action| self.act_globally(action)) {
            self.press_on_screen(&press);
        }
    }

    fn is_submitting(&mut self) -> bool {
        let top = self.modals.last_id().and_then(|id| self.modals.get_mut(id));
        top.is_some_and(|modal| modal.dialog_mut().is_submitting())
    }

    /// Passes on what was typed while a dialog waited for its result. It is meant for the dialog that shows the result:
    /// without one it is dropped, as is what repeats the confirmation.
    pub(super) fn replay(&mut self, is_replaced: bool) {
        if self.is_submitting() {
            return;
        }
        let typed = std::mem::take(&mut self.typed_ahead);
        if is_replaced {
            let contexts = [Context::Modal];
            let is_confirmation =
                |chord: &Chord| self.shared.bindings().action(&contexts, chord) == Some(Action::Confirm);
            let typed: Vec<Chord> = typed.into_iter().skip_while(is_confirmation).collect();
            for chord in typed {
                self.key(chord);
            }
        }
    }

    /// Calls `f` with the top dialog, unless that waits for its result; returns whether a dialog is open.
    fn in_dialog(&mut self, f: impl FnOnce(&mut dyn Dialog, &mut Shared) -> Flow) -> bool {
        let Some(id) = self.modals.last_id() else { return false };
        if let Some((dialog, shared)) = self.dialog(id)
            && !dialog.is_submitting()
        {
            let flow = f(dialog, shared);
            self.follow(flow, Some(id));
        }
        true
    }

    /// A pasted key is identified. A dialog for something else rejects it.
    pub(super) fn paste(&mut self, text: Secret) {
        if let Some(id) = self.modals.last_id()
            && let Some(Modal::Triage(triage)) = self.modals.get_mut(id)
        {
            return triage.paste(text, self.shared.on_behalf_of(Asker::Dialog(id)));
        }
        let is_secret = holds_secret(text.expose());
        let in_dialog = self.in_dialog(|dialog, shared| {
            if !is_secret {
                dialog.paste(text.expose(), shared);
            } else if let Some(submission) = dialog.submission() {
                submission.error = Some(SECRET_PASTED.to_owned());
            } else {
                shared.say(Message::error(SECRET_PASTED));
            }
            Flow::Stay
        });
        if in_dialog {
            return;
        }
        if is_secret || (self.screens.current == ScreenId::Keys && !self.is_typing()) {
            return self.open(Triage::pasted(text));
        }
        let (screen, shared) = self.current();
        screen.paste(text.expose(), shared);
    }

    pub(super) fn click(&mut self, target: &Target) {
        let in_dialog = self.in_dialog(|dialog, shared| match target {
            Target::Action(action) => dialog.press(&Press::of(*action), shared),
            Target::Choice(place) => dialog.choose(*place, shared),
            Target::Day(day) => {
                dialog.choose_day(*day, shared);
                Flow::Stay
            }
            Target::Row(_) | Target::Screen(_) => Flow::Stay,
        });
        if in_dialog {
            return;
        }
        match target {
            Target::Screen(screen) => self.go(*screen),
            Target::Action(action) => self.act(*action),
            Target::Row(row) => {
                let (screen, shared) = self.current();
                let flow = screen.click(*row, shared);
                self.follow(flow, None);
            }
            Target::Choice(_) | Target::Day(_) => {}
        }
    }

    pub(super) fn scroll(&mut self, rows: isize) {
        if let Some(id) = self.modals.last_id()
            && let Some((dialog, _)) = self.dialog(id)
        {
            return dialog.scroll(rows);
        }
        let action = if rows < 0 { Action::Up } else { Action::Down };
        for _ in 0..rows.unsigned_abs().min(10) {
            self.press_on_screen(&Press::of(action));
        }
    }

    pub(super) fn resize(&mut self, size: (u16, u16)) {
        self.shared.size = size;
        for id in ScreenId::ALL {
            self.screens.get_mut(id).resize(self.shared.on_behalf_of(Asker::Screen(id)));
        }
        if self.shared.session.is_some() {
            // More rows may be visible now than were fetched.
            self.reload();
        }
    }

    /// Quits; while a secret has not been delivered, its dialog asks first.
    pub(super) fn quit(&mut self) {
        let undelivered =
            self.modals.iter_mut().enumerate().rev().find_map(|(place, (_, modal))| match modal {
                Modal::Reveal(reveal) => (!reveal.may_close()).then_some(place),
                _ => None,
            });
        match undelivered {
            Some(place) => {
                self.modals.truncate(place + 1);
                self.quitting = true;
            }
            None => self.shared.push(Effect::Quit),
        }
    }

    /// Whether mouse events are wanted: not where a secret is, where the mouse selects text.
    pub fn wants_mouse(&self) -> bool {
        self.shared.settings().mouse && !self.modals.iter().any(|modal| matches!(modal, Modal::Reveal(_)))
    }

    /// Suspends the program, with its secret hidden.
    pub(super) fn suspend(&mut self) {
        for (_, modal) in self.modals.iter_mut() {
            if let Modal::Reveal(reveal) = modal {
                reveal.hide();
            }
        }
        self.shared.push(Effect::Suspend);
    }
}
