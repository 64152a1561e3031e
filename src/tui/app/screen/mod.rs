//! What every screen does.

pub mod applications;
pub mod audit;
pub mod filtered_list;
pub mod keys;
pub mod timeline;
pub mod users;

use crate::config::bindings::Action;
use crate::tui::layout;

use super::modal::{Flow, Press};
use super::pending::Reply;
use super::shared::Shared;
use filtered_list::{Pressed, Rows};

/// A screen. The provided methods are those of a list with actions on its rows.
pub trait Screen {
    fn rows(&self) -> &dyn Rows;

    fn rows_mut(&mut self) -> &mut dyn Rows;

    /// Carries out an action that is not the list's own.
    fn act(&mut self, action: Action, shared: &mut Shared) -> Flow;

    /// The actions for the footer, the most wanted first.
    fn hints(&self, shared: &Shared) -> Vec<Action>;

    /// Another row is selected.
    fn moved(&mut self, _shared: &mut Shared) {}

    fn reload(&mut self, shared: &mut Shared) {
        self.rows_mut().reload(shared);
    }

    fn resize(&mut self, shared: &mut Shared) {
        self.rows_mut().set_height(layout::list_height(shared.size));
    }

    fn press(&mut self, press: &Press, shared: &mut Shared) -> Flow {
        let pressed = self.rows_mut().press(press, shared);
        self.follow(pressed, shared)
    }

    fn paste(&mut self, text: &str, shared: &mut Shared) {
        self.rows_mut().paste(text, shared);
    }

    /// Selects a row; a second click on it opens it.
    fn click(&mut self, row: usize, shared: &mut Shared) -> Flow {
        if self.rows_mut().click(row) {
            return self.act(Action::Open, shared);
        }
        self.moved(shared);
        Flow::Stay
    }

    fn receive(&mut self, reply: &mut Reply, shared: &mut Shared) {
        self.rows_mut().receive(reply, shared);
    }

    #[doc(hidden)]
    fn follow(&mut self, pressed: Pressed, shared: &mut Shared) -> Flow {
        match pressed {
            Pressed::Nothing => {}
            Pressed::Moved => self.moved(shared),
            Pressed::Other(action) => return self.act(action, shared),
        }
        Flow::Stay
    }
}
