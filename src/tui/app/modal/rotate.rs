//! Rotate: the reason, and how long the old key keeps working. Then the secret, once.

use chrono::TimeDelta;

use crate::desk::{Ending, Picked, Rotated, text};
use crate::domain::text::fold;

use super::reveal::{Reveal, Successor};
use super::{Action, Dialog, Flow, Operation, Outcome, Press, Reply, Shared, Submission, Targets};

/// How long the old key can keep working after a planned rotation.
pub const OVERLAPS: [(&str, Ending); 4] = [
    ("1 hour", Ending::After(TimeDelta::hours(1))),
    ("24 hours", Ending::After(TimeDelta::hours(24))),
    ("7 days", Ending::After(TimeDelta::days(7))),
    ("until it expires", Ending::Unchanged),
];

/// The answers to "Why?".
pub const REASONS: [&str; 2] =
    ["Planned: the old key goes on working for a while", "Leaked: the old key is refused at once"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Why?
    Why,
    /// How long the old key keeps working.
    Overlap,
}

#[derive(Debug)]
pub struct Rotate {
    pub targets: Targets,
    pub step: Step,
    /// Whether the key has leaked.
    pub leaked: bool,
    /// The chosen one of [`OVERLAPS`].
    pub overlap: usize,
    pub submission: Submission,
}

impl Rotate {
    pub fn new(picked: Vec<Picked>) -> Self {
        let (targets, submission) = (Targets::new(picked), Submission::default());
        Self { targets, step: Step::Why, leaked: false, overlap: 1, submission }
    }

    fn forward(&mut self, shared: &mut Shared) {
        if self.step == Step::Why && !self.leaked {
            self.step = Step::Overlap;
            return;
        }
        let planned = OVERLAPS.get(self.overlap).map_or(Ending::Unchanged, |(_, ending)| *ending);
        let ending = if self.leaked { Ending::AtOnce } else { planned };
        self.submission.send(Operation::RotateKeys(self.targets.picked.clone(), ending), shared);
    }

    fn select(&mut self, place: usize) {
        match self.step {
            Step::Why => self.leaked = place == 1,
            Step::Overlap => self.overlap = place.min(OVERLAPS.len() - 1),
        }
    }

    /// The place of the chosen answer.
    pub fn chosen(&self) -> usize {
        match self.step {
            Step::Why => usize::from(self.leaked),
            Step::Overlap => self.overlap,
        }
    }
}

impl Dialog for Rotate {
    fn hints(&self) -> Vec<Action> {
        vec![Action::Confirm, Action::Cancel]
    }

    fn targets(&mut self) -> Option<&mut Targets> {
        Some(&mut self.targets)
    }

    fn submission(&mut self) -> Option<&mut Submission> {
        Some(&mut self.submission)
    }

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        match press.action {
            Some(Action::Cancel) if self.step == Step::Why => return Flow::Close,
            Some(Action::Cancel) => self.step = Step::Why,
            Some(Action::Confirm) => self.forward(shared),
            Some(Action::Down | Action::Next) => self.select(self.chosen() + 1),
            Some(Action::Up | Action::Previous) => self.select(self.chosen().saturating_sub(1)),
            _ => {}
        }
        Flow::Stay
    }

    fn choose(&mut self, place: usize, shared: &mut Shared) -> Flow {
        // A second click on what is chosen confirms it.
        if self.chosen() == place {
            self.forward(shared);
        } else {
            self.select(place);
        }
        Flow::Stay
    }

    fn loaded(&mut self, _reply: &mut Reply) {
        self.targets.keys.sort_by_cached_key(|details| fold(details.key.name.as_str()));
    }

    fn done(&mut self, outcome: Outcome, shared: &mut Shared) -> Flow {
        let Outcome::Rotated(rotated) = outcome else { return Flow::Close };
        let mut successors: Vec<Successor> = rotated.into_iter().map(|one| successor(one, shared)).collect();
        successors.sort_by_cached_key(|one| fold(one.key.name.as_str()));
        Reveal::successors(successors).map_or(Flow::Close, Flow::swap)
    }
}

/// The new key, with a sentence about the old one.
fn successor(rotated: Rotated, shared: &Shared) -> Successor {
    let Rotated { created, old } = rotated;
    let fate = text::old_key_after_rotation(&old, shared.now, &shared.zone().show(old.expires));
    Successor { key: created.key, secret: created.secret, fate }
}
