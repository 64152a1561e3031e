//! Change when the old key of a rotation ends.

use crate::config::settings::Settings;
use crate::desk::Ending;

use super::rotate::{OVERLAPS, overlaps};
use super::{Action, Dialog, Flow, Operation, Press, Shared, Submission, Targets};

/// The choices: those of a rotation, and to end the key now.
pub fn choices(settings: &Settings) -> impl Iterator<Item = (&'static str, Ending)> {
    overlaps(settings).into_iter().chain([("Now", Ending::AtOnce)])
}

#[derive(Debug)]
pub struct Overlap {
    pub targets: Targets,
    /// The index of the chosen one of [`choices`].
    pub chosen: usize,
    pub submission: Submission,
}

impl Overlap {
    pub fn new(targets: Targets) -> Self {
        Self { targets, chosen: 1, submission: Submission::default() }
    }

    /// The same with Now chosen.
    pub fn now(targets: Targets) -> Self {
        Self { chosen: OVERLAPS, ..Self::new(targets) }
    }

    /// The chosen end.
    pub fn ending(&self, settings: &Settings) -> Option<Ending> {
        choices(settings).nth(self.chosen).map(|(_, ending)| ending)
    }

    fn select(&mut self, place: usize) {
        self.chosen = place.min(OVERLAPS);
    }

    fn submit(&mut self, shared: &mut Shared) {
        let picked = self.targets.picked().and_then(|picked| picked.first().copied());
        if let Some((picked, ending)) = picked.zip(self.ending(shared.settings())) {
            self.submission.send(Operation::ChangeOverlap(picked, ending), shared);
        }
    }
}

impl Dialog for Overlap {
    fn hints(&self) -> Vec<Action> {
        if self.targets.is_empty() { vec![Action::Cancel] } else { vec![Action::Confirm, Action::Cancel] }
    }

    fn targets(&mut self) -> Option<&mut Targets> {
        Some(&mut self.targets)
    }

    fn submission(&mut self) -> Option<&mut Submission> {
        Some(&mut self.submission)
    }

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        match press.action {
            Some(Action::Cancel) => return Flow::Close,
            Some(Action::Confirm) if self.targets.is_empty() => return Flow::Close,
            Some(Action::Confirm) => self.submit(shared),
            Some(Action::Down | Action::Next) => self.select(self.chosen + 1),
            Some(Action::Up | Action::Previous) => self.select(self.chosen.saturating_sub(1)),
            _ => {}
        }
        Flow::Stay
    }

    fn choose(&mut self, place: usize, shared: &mut Shared) -> Flow {
        if self.targets.is_empty() {
            return Flow::Close;
        }
        // A second click on what is chosen confirms it.
        if self.chosen == place {
            self.submit(shared);
        } else {
            self.select(place);
        }
        Flow::Stay
    }
}
