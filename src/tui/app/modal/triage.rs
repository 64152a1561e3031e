//! Leak triage: identifies the keys in a pasted text, which is never displayed.

use zeroize::Zeroizing;

use crate::config::bindings::{Chord, Key as KeyName};
use crate::desk::{FoundState, Identified, KeyAction};
use crate::domain::key::Key;
use crate::domain::secret::Secret;
use crate::tui::app::msg::Suspect;

use super::{Action, Context, Dialog, Flow, Load, Overlap, Pending, Press, Reply, Rotate, Shared, Targets};

/// Bytes that can be typed. Pasted text may be longer.
const MOST_TYPED: usize = 4_096;

#[derive(Debug)]
pub struct Triage {
    typed: HiddenText,
    /// A text that is still to be identified.
    text: Option<Secret>,
    /// Number of characters of the last text.
    pub received: usize,
    /// None until a text was identified.
    pub found: Option<Vec<Identified>>,
    pub error: Option<String>,
    /// The index of the shown one.
    pub chosen: usize,
    pending: Pending<Vec<Identified>>,
}

impl Triage {
    /// Waits for a text.
    pub fn asking() -> Self {
        Self {
            typed: HiddenText::new(),
            text: None,
            received: 0,
            found: None,
            error: None,
            chosen: 0,
            pending: Pending::default(),
        }
    }

    /// Identifies a text.
    pub fn pasted(text: Secret) -> Self {
        Self { text: Some(text), ..Self::asking() }
    }

    /// Number of characters that were typed and are not identified yet.
    pub fn typed(&self) -> usize {
        self.typed.chars()
    }

    /// Whether a text is being identified.
    pub fn is_reading(&self) -> bool {
        self.found.is_none() && self.pending.is_waiting()
    }

    /// The shown key.
    pub fn shown(&self) -> Option<&Identified> {
        self.found.as_ref()?.get(self.chosen)
    }

    /// The shown key, if it exists.
    fn key(&self) -> Option<&Key> {
        self.shown()?.key()
    }

    /// Whether the shown key can be rotated, or ended because it has a successor.
    fn is_revocable(&self) -> bool {
        match (self.shown().map(|found| found.state), self.key()) {
            (Some(FoundState::Live | FoundState::Disabled), Some(_)) => true,
            (Some(FoundState::Expired), Some(key)) => key.replaced_by.is_none(),
            _ => false,
        }
    }

    /// Identifies a pasted text instead of the present one.
    pub fn paste(&mut self, text: Secret, shared: &mut Shared) {
        self.typed.clear();
        self.identify(text, shared);
    }

    fn is_asking(&self) -> bool {
        self.found.is_none() && !self.pending.is_waiting()
    }

    fn identify(&mut self, text: Secret, shared: &mut Shared) {
        self.received = text.expose().chars().count();
        (self.found, self.error, self.chosen) = (None, None, 0);
        self.pending.load(Load::Identify(Suspect::Text(text)), shared);
    }

    fn press_while_asking(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        match press.action {
            Some(Action::Cancel) => return Flow::Close,
            Some(Action::Confirm) if self.typed.chars() > 0 => {
                let text = self.typed.take();
                self.identify(text, shared);
            }
            _ => self.typed.edit(&press.chord),
        }
        Flow::Stay
    }
}

impl Dialog for Triage {
    fn contexts(&self) -> &'static [Context] {
        if self.is_asking() {
            &[Context::Modal, Context::List]
        } else {
            &[Context::Triage, Context::Modal, Context::List]
        }
    }

    fn hints(&self) -> Vec<Action> {
        if self.is_asking() {
            return vec![Action::Confirm, Action::Cancel];
        }
        let has_others = self.found.as_ref().is_some_and(|found| found.len() > 1);
        let rotate = self.is_revocable().then_some(Action::Rotate);
        let open = self.key().map(|_| Action::Open);
        let next = has_others.then_some(Action::Next);
        rotate.into_iter().chain(open).chain([Action::Cancel]).chain(next).collect()
    }

    fn label(&self, action: Action) -> Option<&'static str> {
        match action {
            Action::Confirm => Some("identify"),
            Action::Cancel => Some("close"),
            Action::Next => Some("next key"),
            _ => None,
        }
    }

    fn takes_text(&self) -> bool {
        self.is_asking()
    }

    fn opened(&mut self, shared: &mut Shared) {
        if let Some(text) = self.text.take() {
            self.identify(text, shared);
        }
    }

    fn refresh(&mut self, shared: &mut Shared) {
        if let Some(found) = &self.found {
            let texts = found.iter().map(|one| one.text.clone()).collect();
            self.pending.load(Load::Identify(Suspect::Found(texts)), shared);
        }
    }

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        if self.is_asking() {
            return self.press_while_asking(press, shared);
        }
        let last = self.found.as_ref().map_or(0, |found| found.len().saturating_sub(1));
        match (press.action, self.key()) {
            (Some(Action::Cancel), _) | (Some(Action::Open | Action::Confirm), None) => return Flow::Close,
            (Some(Action::Rotate), _) if !self.is_revocable() => {}
            // It has a successor: it only has to end.
            (Some(Action::Rotate), Some(key))
                if key.replaced_by.is_some() && key.ended(shared.now).is_none() =>
            {
                let targets = Targets::key(KeyAction::Overlap, key.clone(), false, shared.now);
                return Flow::swap(Overlap::now(targets));
            }
            (Some(Action::Rotate), Some(key)) => {
                let targets = Targets::key(KeyAction::Rotate, key.clone(), false, shared.now);
                return Flow::swap(Rotate::leaked(targets));
            }
            (Some(Action::Open), Some(key)) => return Flow::Show(Box::new(key.clone())),
            (Some(Action::Down | Action::Next), _) => self.chosen = (self.chosen + 1) % (last + 1),
            (Some(Action::Up | Action::Previous), _) => self.chosen = (self.chosen + last) % (last + 1),
            _ => {}
        }
        Flow::Stay
    }

    fn loaded(&mut self, reply: &mut Reply) {
        match self.pending.take(reply) {
            Some(Ok(found)) => {
                self.chosen = self.chosen.min(found.len().saturating_sub(1));
                self.found = Some(found);
            }
            Some(Err(error)) => self.error = Some(error.to_string()),
            None => {}
        }
    }
}

/// A text that is typed and not displayed. Its memory never grows, so that no copy of it remains.
struct HiddenText(Zeroizing<String>);

impl std::fmt::Debug for HiddenText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HiddenText(redacted)")
    }
}

impl HiddenText {
    fn new() -> Self {
        Self(Zeroizing::new(String::with_capacity(MOST_TYPED)))
    }

    fn chars(&self) -> usize {
        self.0.chars().count()
    }

    fn take(&mut self) -> Secret {
        Secret::new(std::mem::take(&mut *std::mem::replace(self, Self::new()).0))
    }

    fn clear(&mut self) {
        *self = Self::new();
    }

    fn edit(&mut self, chord: &Chord) {
        match (chord.key, chord.ctrl || chord.alt) {
            (KeyName::Char(c), false) => self.push(c),
            (KeyName::Space, false) => self.push(' '),
            (KeyName::Backspace, false) => drop(self.0.pop()),
            (KeyName::Char('u'), true) => self.clear(),
            _ => {}
        }
    }

    fn push(&mut self, c: char) {
        if self.0.len() + c.len_utf8() <= MOST_TYPED {
            self.0.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_redacted_and_never_moves() {
        let mut typed = HiddenText::new();
        let place = typed.0.as_ptr();
        for _ in 0..10_000 {
            typed.edit(&"é".parse().unwrap());
        }
        assert_eq!((typed.0.as_ptr(), typed.chars()), (place, MOST_TYPED / 2));
        typed.edit(&"backspace".parse().unwrap());
        assert_eq!(typed.chars(), MOST_TYPED / 2 - 1);
        assert!(!format!("{typed:?}").contains('é'));
        assert_eq!(typed.take().expose().len(), MOST_TYPED - 2);
        assert_eq!(typed.chars(), 0);
    }
}
