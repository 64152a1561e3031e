//! The four screens by name.

use super::direction::Direction;
use crate::config::bindings::{Action, Context};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ScreenId {
    #[default]
    Keys,
    Applications,
    Users,
    Audit,
}

impl ScreenId {
    /// All, in the order of their number keys.
    pub const ALL: [Self; 4] = [Self::Keys, Self::Applications, Self::Users, Self::Audit];

    /// The name in the header.
    pub fn title(self) -> &'static str {
        match self {
            Self::Keys => "Developer settings",
            Self::Applications => "Applications",
            Self::Users => "Users",
            Self::Audit => "Audit log",
        }
    }

    /// The bindings that work on it, its own first.
    pub fn contexts(self) -> &'static [Context] {
        match self {
            Self::Keys => &[Context::Keys, Context::List, Context::Global],
            Self::Applications => &[Context::Applications, Context::List, Context::Global],
            Self::Users => &[Context::Users, Context::List, Context::Global],
            Self::Audit => &[Context::Audit, Context::List, Context::Global],
        }
    }

    /// The screen that an action leads to from this one, if it does.
    pub fn after(self, action: Action) -> Option<Self> {
        Some(match action {
            Action::ScreenKeys => Self::Keys,
            Action::ScreenApplications => Self::Applications,
            Action::ScreenUsers => Self::Users,
            Action::ScreenAudit => Self::Audit,
            Action::NextScreen => Direction::Forward.among(&Self::ALL, self),
            Action::PreviousScreen => Direction::Back.among(&Self::ALL, self),
            _ => return None,
        })
    }
}
