//! Keys, pastes, clicks and sizes: to the top modal, else to the screen.

use crate::config::bindings::Chord;
use crate::tui::layout;

use super::App;
use super::action::{Action, ScreenId};
use super::modal::{Dialog, Flow, Help, Modal, Press};
use super::msg::{Effect, Target};

impl App {
    pub(super) fn key(&mut self, chord: Chord, effects: &mut Vec<Effect>) {
        let keymap = std::sync::Arc::clone(&self.around.keymap);
        let global = keymap.action(&["global"], &chord);
        if chord == Chord::ctrl_c() {
            // Whatever is bound to it: the way out that everybody knows.
            return self.quit(effects);
        }
        match (global, self.modals.last()) {
            (Some(Action::Suspend), _) => return self.suspend(effects),
            (Some(Action::Redraw), _) => return effects.push(Effect::Redraw),
            (Some(Action::Help), Some(modal)) if !modal.takes_text() && !matches!(modal, Modal::Help(_)) => {
                let help = Help::new("this dialog", modal.contexts());
                return self.modals.push(Modal::Help(Box::new(help)));
            }
            _ => {}
        }
        if let Some(modal) = self.modals.last() {
            // A letter typed into a field is a letter, whatever it is bound to.
            let bound = !(modal.takes_text() && chord.is_text());
            let action = keymap.action(modal.contexts(), &chord).filter(|_| bound);
            return self.hand_to_modal(effects, |modal, cx| modal.press(Press { chord, action }, cx));
        }
        let typing = self.is_typing();
        let action = keymap.action(&self.contexts(), &chord).filter(|_| !(typing && chord.is_text()));
        let press = Press { chord, action };
        if !typing
            && let Some(action) = action
            && self.global(action, effects)
        {
            return;
        }
        self.hand_to_screen(effects, &press);
    }

    pub(super) fn paste(&mut self, text: &str, effects: &mut Vec<Effect>) {
        if self.modals.is_empty() {
            match self.screen {
                ScreenId::Keys => self.in_keys(effects, |screen, cx| screen.paste(text, cx)),
                ScreenId::Applications => self.in_applications(effects, |screen, cx| screen.paste(text, cx)),
                ScreenId::Users => self.in_users(effects, |screen, cx| screen.paste(text, cx)),
                ScreenId::Audit => self.in_audit(effects, |screen, cx| screen.rows.paste(text, cx)),
            }
        } else {
            self.hand_to_modal(effects, |modal, cx| {
                modal.paste(text, cx);
                Flow::Stay
            });
        }
    }

    pub(super) fn click(&mut self, target: &Target, effects: &mut Vec<Effect>) {
        if !self.modals.is_empty() {
            return self.hand_to_modal(effects, |modal, cx| modal.click(target, cx));
        }
        match target {
            Target::Screen(screen) => self.go(*screen, effects),
            Target::Action(action) => {
                if !self.global(*action, effects) {
                    self.act(*action, effects);
                }
            }
            Target::Row(place) => {
                let modal = match self.screen {
                    ScreenId::Keys => self.in_keys(effects, |screen, cx| screen.click(*place, cx)),
                    ScreenId::Audit => self.in_audit(effects, |screen, cx| screen.clicked(*place, cx)),
                    ScreenId::Applications => {
                        let asked = self.applications.clicked(*place);
                        return self.asked(asked, effects);
                    }
                    ScreenId::Users => {
                        self.users.click(*place);
                        None
                    }
                };
                self.modals.extend(modal);
            }
            Target::Choice(_) | Target::Day(_) => {}
        }
    }

    pub(super) fn scroll(&mut self, rows: isize, effects: &mut Vec<Effect>) {
        if let Some(modal) = self.modals.last_mut() {
            return modal.scroll(rows);
        }
        let action = if rows < 0 { Action::Up } else { Action::Down };
        for _ in 0..rows.unsigned_abs().min(10) {
            self.act(action, effects);
        }
    }

    pub(super) fn resize(&mut self, size: (u16, u16), effects: &mut Vec<Effect>) {
        self.size = size;
        let height = layout::list_height(size);
        self.keys.list.set_height(height);
        self.applications.list.set_height(height);
        self.users.list.set_height(height);
        self.audit.rows.list.set_height(height);
        self.in_keys(effects, |screen, cx| screen.set_pane(size.0 >= layout::WIDE, cx));
        if self.session_info.is_some() {
            // More rows may be visible now than were fetched.
            self.reload(effects);
        }
    }

    /// Leaves, through the secret's question when one is open.
    pub(super) fn quit(&mut self, effects: &mut Vec<Effect>) {
        let revealing = self.modals.iter_mut().rposition(|modal| match modal {
            Modal::Reveal(reveal) => !reveal.may_close(),
            _ => false,
        });
        match revealing {
            Some(place) => {
                self.modals.truncate(place + 1);
                self.quitting = true;
            }
            None => effects.push(Effect::Quit),
        }
    }

    /// Whether mouse events are wanted: not where the secret is, there the mouse selects text.
    #[must_use]
    pub fn wants_mouse(&self) -> bool {
        let revealing = self.modals.iter().any(|modal| matches!(modal, Modal::Reveal(_)));
        self.around.settings.mouse && !revealing
    }

    /// Goes to the background; the secret is hidden before.
    pub(super) fn suspend(&mut self, effects: &mut Vec<Effect>) {
        for modal in &mut self.modals {
            if let Modal::Reveal(reveal) = modal {
                reveal.hide();
            }
        }
        effects.push(Effect::Suspend);
    }
}
