//! What one can do, apart from the keys that do it.

use std::str::FromStr;

/// The four screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScreenId {
    /// The Application's keys.
    Keys,
    /// All Applications.
    Applications,
    /// All users.
    Users,
    /// Who did what.
    Audit,
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

    /// The name of its bindings in `assets/keys.toml`.
    #[must_use]
    pub fn context(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Applications => "applications",
            Self::Users => "users",
            Self::Audit => "audit",
        }
    }

    /// The next one, round and round; or the one before.
    #[must_use]
    pub fn step(self, back: bool) -> Self {
        let place = Self::ALL.iter().position(|s| *s == self).unwrap_or_default();
        let step = if back { Self::ALL.len() - 1 } else { 1 };
        Self::ALL[(place + step) % Self::ALL.len()]
    }
}

macro_rules! actions {
    ($($(#[doc = $doc:literal])* $name:ident = $word:literal,)*) => {
        /// Something that a key press can ask for. The words are those of `assets/keys.toml`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action { $($(#[doc = $doc])* $name,)* }

        impl Action {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word in `assets/keys.toml`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

actions! {
    /// Leave the program.
    Quit = "quit",
    /// Show the keys that do something here.
    Help = "help",
    /// Find an action by its name.
    Palette = "palette",
    /// Go to the background.
    Suspend = "suspend",
    /// Draw everything anew.
    Redraw = "redraw",
    /// Go to Developer settings.
    ScreenKeys = "screen-keys",
    /// Go to Applications.
    ScreenApplications = "screen-applications",
    /// Go to Users.
    ScreenUsers = "screen-users",
    /// Go to the Audit log.
    ScreenAudit = "screen-audit",
    /// Go to the next screen.
    NextScreen = "next-screen",
    /// Go to the screen before.
    PreviousScreen = "previous-screen",
    /// Choose another Application.
    ChooseApplication = "choose-application",
    /// Take a message, a filter or a selection away.
    Dismiss = "dismiss",
    /// Use the next theme.
    NextTheme = "next-theme",
    /// Select the row above.
    Up = "up",
    /// Select the row below.
    Down = "down",
    /// Go up by a screen.
    PageUp = "page-up",
    /// Go down by a screen.
    PageDown = "page-down",
    /// Select the first row.
    First = "first",
    /// Select the last row.
    Last = "last",
    /// Type words to filter by.
    Filter = "filter",
    /// Open what is selected.
    Open = "open",
    /// Create a key or an Application.
    Create = "create",
    /// Add a user.
    Add = "add",
    /// Delete what is selected.
    Delete = "delete",
    /// Replace what is selected by a new key.
    Rotate = "rotate",
    /// Disable what is selected.
    Disable = "disable",
    /// Enable what is selected.
    Enable = "enable",
    /// Give an Application another name.
    Rename = "rename",
    /// Show how to use a key.
    Usage = "usage",
    /// Show keys of the next state only.
    FilterState = "filter-state",
    /// Sort by the next column.
    Sort = "sort",
    /// Show how the audit log differs from the one that was seen.
    Review = "review",
    /// Show or hide the expirations of the next 12 months.
    Timeline = "timeline",
    /// Turn the order round.
    Reverse = "reverse",
    /// Add the row to the selection, or take it out.
    Select = "select",
    /// Add all that is shown to the selection.
    SelectAll = "select-all",
    /// Copy the secret.
    Copy = "copy",
    /// Write the secret to a file.
    Write = "write",
    /// Write this secret and all that follow into a folder.
    WriteAll = "write-all",
    /// Show or hide the secret.
    Show = "show",
    /// Empty the terminal's clipboard.
    ClearClipboard = "clear-clipboard",
    /// Close a modal.
    Close = "close",
    /// Go on in a modal.
    Confirm = "confirm",
    /// Go back in a modal, or close it.
    Cancel = "cancel",
    /// The next field or choice of a modal.
    Next = "next",
    /// The field or choice before.
    Previous = "previous",
}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(word: &str) -> Result<Self, UnknownAction> {
        Self::ALL.iter().copied().find(|a| a.as_str() == word).ok_or_else(|| UnknownAction(word.to_owned()))
    }
}

/// A word in `assets/keys.toml` names no action.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no action is called {0:?}")]
pub struct UnknownAction(pub String);

impl Action {
    /// The screen that it leads to, if it does.
    #[must_use]
    pub fn screen(self) -> Option<ScreenId> {
        match self {
            Self::ScreenKeys => Some(ScreenId::Keys),
            Self::ScreenApplications => Some(ScreenId::Applications),
            Self::ScreenUsers => Some(ScreenId::Users),
            Self::ScreenAudit => Some(ScreenId::Audit),
            _ => None,
        }
    }
}
