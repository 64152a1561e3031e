//! The actions of key bindings, and the contexts in which they work.

use serde::Deserialize;
use strum::AsRefStr;

/// The context of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, AsRefStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Context {
    Keys,
    Applications,
    Users,
    Audit,
    /// All lists.
    List,
    /// A filter while it is typed.
    Filter,
    /// All screens.
    Global,
    /// All dialogs.
    Modal,
    /// A dialog that asks for Yes or No.
    Question,
    /// Buttons and options side by side.
    Choice,
    Calendar,
    /// The dialog that rotates keys.
    Rotate,
    /// The dialog that identifies a key.
    Triage,
    /// The dialog that shows a secret.
    Reveal,
}

impl Context {
    /// Whether keys of both contexts can be pressed at the same time.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        let is_screen = |c: Self| matches!(c, Self::Keys | Self::Applications | Self::Users | Self::Audit);
        let is_general = |c: Self| matches!(c, Self::List | Self::Global);
        self == other
            || (is_general(self) && (is_general(other) || is_screen(other)))
            || (is_screen(self) && is_general(other))
    }
}

/// An action of a key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, AsRefStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Action {
    Quit,
    Help,
    Palette,
    Suspend,
    Redraw,
    ScreenKeys,
    ScreenApplications,
    ScreenUsers,
    ScreenAudit,
    NextScreen,
    PreviousScreen,
    ChooseApplication,
    /// Clears a message, a selection or a filter.
    Dismiss,
    NextTheme,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    First,
    Last,
    Filter,
    Open,
    Create,
    Add,
    Delete,
    Rotate,
    /// Rotates as planned: both keys work during the overlap.
    Planned,
    /// Rotates as leaked: the old key is rejected at once.
    Leaked,
    Disable,
    Enable,
    Acknowledge,
    Rename,
    /// Changes name, owner, note and allowed sources of a key.
    Edit,
    /// Shows how to use a key.
    Usage,
    /// Identifies a leaked key.
    Identify,
    CopyPrefix,
    /// Filters by the next state.
    FilterState,
    /// Sorts by the next column.
    Sort,
    /// Shows how the audit log differs from the known head.
    Review,
    Timeline,
    /// Shows or hides the details beside the list.
    Details,
    Reverse,
    Select,
    SelectAll,
    Copy,
    Write,
    /// Writes this secret and the following ones to a directory.
    WriteAll,
    Show,
    ClearClipboard,
    Close,
    Confirm,
    Cancel,
    /// The next field or choice of a dialog.
    Next,
    Previous,
    /// Changes to the other option.
    Toggle,
    Yes,
    No,
}
