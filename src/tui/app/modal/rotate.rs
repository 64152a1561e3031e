//! Rotate: the reason, and when the old key expires. Then the secret, once.

use chrono::TimeDelta;

use crate::config::settings::Settings;
use crate::desk::{Ending, Rotated, text};
use crate::domain::key::Key;
use crate::domain::text::fold;

use super::reveal::{Reveal, Successor};
use super::{Action, Context, Dialog, Flow, Operation, Outcome, Press, Shared, Submission, Targets};

/// The number of [`overlaps`].
pub const OVERLAPS: usize = 5;

/// When the old key ends after a planned rotation.
pub fn overlaps(settings: &Settings) -> [(&'static str, Ending); OVERLAPS] {
    [
        ("In 1 hour", Ending::After(TimeDelta::hours(1))),
        ("In 24 hours", Ending::After(TimeDelta::hours(24))),
        ("In 7 days", Ending::After(TimeDelta::days(7))),
        ("At its own expiration", Ending::Unchanged),
        ("When no longer used", Ending::WhenUnused(settings.unused_after)),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Why?
    Why,
    /// When does the old key expire?
    Overlap,
}

/// An answer to "Why?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Planned,
    /// A disabled key is replaced: there is no overlap.
    PlannedDisabled,
    Leaked,
    /// An expired key is replaced.
    Replace,
}

#[derive(Debug)]
pub struct Rotate {
    pub targets: Targets,
    pub step: Step,
    /// The index of the chosen one of [`Rotate::reasons`].
    pub reason: usize,
    /// The index of the chosen one of [`overlaps`].
    pub overlap: usize,
    pub submission: Submission,
}

impl Rotate {
    pub fn new(targets: Targets) -> Self {
        Self { targets, step: Step::Why, reason: 0, overlap: 1, submission: Submission::default() }
    }

    /// The same with Leaked chosen, where there is a choice.
    pub fn leaked(targets: Targets) -> Self {
        Self { reason: 1, ..Self::new(targets) }
    }

    /// The answers to "Why?".
    pub fn reasons(&self) -> &'static [Reason] {
        match &self.targets.selection {
            Some(selection) if selection.single().is_some_and(|key| key.ended(selection.now).is_some()) => {
                &[Reason::Replace]
            }
            Some(selection) if selection.single().is_some_and(Key::stays_disabled) => {
                &[Reason::PlannedDisabled, Reason::Leaked]
            }
            _ => &[Reason::Planned, Reason::Leaked],
        }
    }

    pub fn chosen_reason(&self) -> Reason {
        self.reasons().get(self.reason).copied().unwrap_or(Reason::Replace)
    }

    /// The index of the chosen answer.
    pub fn chosen(&self) -> usize {
        match self.step {
            Step::Why => self.reason,
            Step::Overlap => self.overlap,
        }
    }

    fn forward(&mut self, shared: &mut Shared) {
        let ending = match (self.step, self.chosen_reason()) {
            (Step::Why, Reason::Planned) => {
                self.step = Step::Overlap;
                return;
            }
            (Step::Why, Reason::Leaked) => Ending::AtOnce,
            (Step::Why, Reason::PlannedDisabled | Reason::Replace) => Ending::Unchanged,
            (Step::Overlap, _) => {
                let overlaps = overlaps(shared.settings());
                overlaps.get(self.overlap).map_or(Ending::Unchanged, |(_, ending)| *ending)
            }
        };
        if let Some(picked) = self.targets.picked() {
            self.submission.send(Operation::RotateKeys(picked, ending), shared);
        }
    }

    fn select(&mut self, place: usize) {
        match self.step {
            Step::Why => self.reason = place.min(self.reasons().len() - 1),
            Step::Overlap => self.overlap = place.min(OVERLAPS - 1),
        }
    }

    /// Whether the key for Leaked rotates without another question.
    pub fn rotates_at_once(&self) -> bool {
        self.step == Step::Why
            && self.reasons().len() > 1
            && self.targets.single().is_some()
            && self.targets.picked().is_some()
    }

    /// Chooses an answer to "Why?" by its key. A single key that has been read is rotated as leaked at once; several ask
    /// for Enter.
    fn answer(&mut self, place: usize, shared: &mut Shared) {
        if self.reasons().len() > 1 {
            (self.step, self.reason) = (Step::Why, place);
            if self.rotates_at_once() || self.chosen_reason() == Reason::Planned {
                self.forward(shared);
            }
        }
    }
}

impl Dialog for Rotate {
    fn contexts(&self) -> &'static [Context] {
        &[Context::Rotate, Context::Modal, Context::List]
    }

    fn hints(&self) -> Vec<Action> {
        if self.targets.is_empty() {
            return vec![Action::Cancel];
        }
        let mut actions = vec![Action::Confirm];
        if self.step == Step::Why && self.reasons().len() > 1 {
            actions.extend([Action::Planned, Action::Leaked]);
        }
        actions.push(Action::Cancel);
        actions
    }

    fn targets(&mut self) -> Option<&mut Targets> {
        Some(&mut self.targets)
    }

    fn submission(&mut self) -> Option<&mut Submission> {
        Some(&mut self.submission)
    }

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        match press.action {
            Some(Action::Cancel | Action::Confirm) if self.targets.is_empty() => return Flow::Close,
            Some(Action::Cancel) if self.step == Step::Why => return Flow::Close,
            Some(Action::Cancel) => self.step = Step::Why,
            Some(Action::Confirm) => self.forward(shared),
            Some(Action::Leaked) => self.answer(1, shared),
            Some(Action::Planned) => self.answer(0, shared),
            Some(Action::Down | Action::Next) => self.select(self.chosen() + 1),
            Some(Action::Up | Action::Previous) => self.select(self.chosen().saturating_sub(1)),
            _ => {}
        }
        Flow::Stay
    }

    fn choose(&mut self, place: usize, shared: &mut Shared) -> Flow {
        if self.targets.is_empty() {
            return Flow::Close;
        }
        // A second click on what is chosen confirms it.
        if self.chosen() == place {
            self.forward(shared);
        } else {
            self.select(place);
        }
        Flow::Stay
    }

    fn done(&mut self, outcome: Outcome, shared: &mut Shared) -> Flow {
        let Outcome::Rotated(batch) = outcome else { return Flow::Close };
        let report = batch.report();
        let before = self.targets.selection.as_ref().map(|selection| selection.first.as_slice());
        let before = before.unwrap_or_default();
        let mut successors: Vec<Successor> =
            batch.done.into_iter().map(|one| successor(one, before, shared)).collect();
        successors.sort_by_cached_key(|one| fold(one.key.name.as_str()));
        if let (Some(first), Some(report)) = (successors.first_mut(), report) {
            first.fate = format!("{report} {}", first.fate);
        }
        Reveal::successors(successors).map_or(Flow::Close, Flow::swap)
    }
}

/// The new key, with a sentence about the old one. `before` are old keys as they were.
fn successor(rotated: Rotated, before: &[Key], shared: &Shared) -> Successor {
    let Rotated { created, old } = rotated;
    let fate = text::old_key_after_rotation(&old, shared.now, &shared.zone().show(old.expires));
    let before = before.iter().find(|key| key.id == old.id);
    let limited = before.and_then(|before| text::limited_lifetime(before, &created.key));
    let fate = limited.map_or(fate.clone(), |limited| format!("{fate} {limited}"));
    Successor { key: created.key, secret: created.secret, fate }
}
