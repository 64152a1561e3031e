//! The four screens.

use super::screen::Screen;
use super::screen::applications::ApplicationsScreen;
use super::screen::audit::AuditScreen;
use super::screen::keys::KeysScreen;
use super::screen::users::UsersScreen;
use super::screen_id::ScreenId;

/// The screens, and which one is shown.
#[derive(Debug, Default)]
pub struct Screens {
    pub current: ScreenId,
    pub keys: KeysScreen,
    pub applications: ApplicationsScreen,
    pub users: UsersScreen,
    pub audit: AuditScreen,
}

impl Screens {
    pub fn current(&self) -> &dyn Screen {
        match self.current {
            ScreenId::Keys => &self.keys,
            ScreenId::Applications => &self.applications,
            ScreenId::Users => &self.users,
            ScreenId::Audit => &self.audit,
        }
    }

    pub fn get_mut(&mut self, id: ScreenId) -> &mut dyn Screen {
        match id {
            ScreenId::Keys => &mut self.keys,
            ScreenId::Applications => &mut self.applications,
            ScreenId::Users => &mut self.users,
            ScreenId::Audit => &mut self.audit,
        }
    }
}
