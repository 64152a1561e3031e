//! Rotate: why, and how long the old key goes on working. Then the secret, once.

use chrono::TimeDelta;

use crate::desk::{Ending, Picked, Rotated};
use crate::domain::expiry::relative;
use crate::domain::key::KeyId;
use crate::domain::text::{fold, inert};

use super::delete::MOST_LISTED;
use super::reveal::{Reveal, Successor};
use super::{Dialog, Flow, Modal, Press};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::msg::{Answer, Done, KeyDetails, Load, Loaded, Operation, RequestId, Target};

/// How long the old key may go on working when the rotation is planned.
pub const OVERLAPS: [(&str, Ending); 4] = [
    ("1 hour", Ending::After(TimeDelta::hours(1))),
    ("24 hours", Ending::After(TimeDelta::hours(24))),
    ("7 days", Ending::After(TimeDelta::days(7))),
    ("until it expires", Ending::Unchanged),
];

/// The answers to "Why?".
pub const REASONS: [&str; 2] =
    ["Planned: the old key goes on working for a while", "Leaked: the old key is refused at once"];

/// Which question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Why?
    Why,
    /// The old key goes on working for...
    Overlap,
}

/// The dialog.
#[derive(Debug)]
pub struct Rotate {
    /// Identities and versions of all of them.
    pub picked: Vec<Picked>,
    /// Their details, once they have come: of the first hundred.
    pub keys: Vec<KeyDetails>,
    /// Which question is asked.
    pub step: Step,
    /// Whether the key has leaked.
    pub leaked: bool,
    /// The chosen one of [`OVERLAPS`].
    pub overlap: usize,
    /// Why it could not be done.
    pub error: Option<String>,
    awaited: Option<RequestId>,
    submitting: Option<RequestId>,
}

impl Rotate {
    /// Opens on keys.
    pub fn new(picked: Vec<Picked>, cx: &mut Context<'_>) -> Self {
        let ids: Vec<KeyId> = picked.iter().take(MOST_LISTED).map(|picked| picked.id).collect();
        let awaited = Some(cx.load(Load::Targets(ids)));
        let step = Step::Why;
        let (leaked, overlap) = (false, 1);
        Self { picked, keys: Vec::new(), step, leaked, overlap, error: None, awaited, submitting: None }
    }

    /// Whether it is on its way.
    #[must_use]
    pub fn is_submitting(&self) -> bool {
        self.submitting.is_some()
    }

    fn go_on(&mut self, cx: &mut Context<'_>) {
        if self.step == Step::Why && !self.leaked {
            self.step = Step::Overlap;
            return;
        }
        let planned = OVERLAPS.get(self.overlap).map_or(Ending::Unchanged, |(_, ending)| *ending);
        let ending = if self.leaked { Ending::AtOnce } else { planned };
        self.error = None;
        self.submitting = Some(cx.operate(Operation::RotateKeys(self.picked.clone(), ending)));
    }

    fn choose(&mut self, place: usize) {
        match self.step {
            Step::Why => self.leaked = place == 1,
            Step::Overlap => self.overlap = place.min(OVERLAPS.len() - 1),
        }
    }

    fn chosen(&self) -> usize {
        match self.step {
            Step::Why => usize::from(self.leaked),
            Step::Overlap => self.overlap,
        }
    }
}

impl Dialog for Rotate {
    fn press(&mut self, press: Press, cx: &mut Context<'_>) -> Flow {
        if self.submitting.is_some() {
            return Flow::Stay;
        }
        match press.action {
            Some(Action::Cancel) if self.step == Step::Why => return Flow::Close,
            Some(Action::Cancel) => self.step = Step::Why,
            Some(Action::Confirm) => self.go_on(cx),
            Some(Action::Down | Action::Next) => self.choose(self.chosen() + 1),
            Some(Action::Up | Action::Previous) => self.choose(self.chosen().saturating_sub(1)),
            _ => {}
        }
        Flow::Stay
    }

    fn click(&mut self, target: &Target, cx: &mut Context<'_>) -> Flow {
        if let (Target::Choice(place), None) = (target, self.submitting) {
            // A second click on what is chosen goes on.
            if self.chosen() == *place {
                self.go_on(cx);
            } else {
                self.choose(*place);
            }
        }
        Flow::Stay
    }

    fn answer(&mut self, answer: &mut Answer, cx: &mut Context<'_>) -> Flow {
        match answer {
            Answer::Loaded(request, Ok(Loaded::Targets(details))) if self.awaited == Some(*request) => {
                self.awaited = None;
                self.keys = std::mem::take(details);
                self.keys.sort_by_cached_key(|details| fold(details.key.name.as_str()));
                Flow::Stay
            }
            Answer::Done(request, result) if self.submitting == Some(*request) => {
                if let Ok(Done::Rotated(rotated)) = &mut **result {
                    let mut successors: Vec<Successor> =
                        std::mem::take(rotated).into_iter().map(|one| successor(one, cx)).collect();
                    successors.sort_by_cached_key(|one| fold(one.key.name.as_str()));
                    return match Reveal::successors(successors, cx) {
                        Some(reveal) => Flow::Swap(Box::new(Modal::Reveal(Box::new(reveal)))),
                        None => Flow::Close,
                    };
                }
                super::settle(&mut self.submitting, &mut self.error, answer)
            }
            _ => Flow::Stay,
        }
    }
}

/// What is to be known of the old key while the new one is handed over.
fn successor(rotated: Rotated, cx: &Context<'_>) -> Successor {
    let Rotated { created, old } = rotated;
    let used = match (old.last_used, old.last_used_from.as_deref()) {
        (None, _) => "it was never used".to_owned(),
        (Some(at), None) => format!("still used {}", relative(at, cx.now)),
        (Some(at), Some(from)) => format!("still used {} from {}", relative(at, cx.now), inert(from)),
    };
    let fate = if old.expires <= cx.now || old.disabled.is_some() {
        format!("The old key {} is refused from now on; {used}.", old.prefix)
    } else {
        format!("The old key {} works until {}; {used}.", old.prefix, cx.around.zone.show(old.expires))
    };
    Successor { key: created.key, secret: created.secret, fate }
}
