//! The four screens by name.

use crate::config::bindings::{Action, Context};

/// A screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScreenId {
    Keys,
    Applications,
    Users,
    Audit,
}

/// Which way to go round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Back,
}

impl Direction {
    /// The neighbor of a place in a ring of so many.
    #[must_use]
    pub fn step(self, place: usize, count: usize) -> usize {
        let count = count.max(1);
        match self {
            Self::Forward => (place + 1) % count,
            Self::Back => (place + count - 1) % count,
        }
    }
}

impl ScreenId {
    /// All, in the order of their number keys.
    pub const ALL: [Self; 4] = [Self::Keys, Self::Applications, Self::Users, Self::Audit];

    /// The name in the header.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Keys => "Developer settings",
            Self::Applications => "Applications",
            Self::Users => "Users",
            Self::Audit => "Audit log",
        }
    }

    /// Its own bindings.
    #[must_use]
    pub fn context(self) -> Context {
        match self {
            Self::Keys => Context::Keys,
            Self::Applications => Context::Applications,
            Self::Users => Context::Users,
            Self::Audit => Context::Audit,
        }
    }

    /// The screen that an action leads to from this one, if it does.
    #[must_use]
    pub fn after(self, action: Action) -> Option<Self> {
        let place = Self::ALL.iter().position(|screen| *screen == self).unwrap_or_default();
        let neighbor = |direction: Direction| Self::ALL[direction.step(place, Self::ALL.len())];
        Some(match action {
            Action::ScreenKeys => Self::Keys,
            Action::ScreenApplications => Self::Applications,
            Action::ScreenUsers => Self::Users,
            Action::ScreenAudit => Self::Audit,
            Action::NextScreen => neighbor(Direction::Forward),
            Action::PreviousScreen => neighbor(Direction::Back),
            _ => return None,
        })
    }
}
