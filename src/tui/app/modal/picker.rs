//! Choose an Application.

use crate::domain::application::Application;
use crate::domain::text::fold;

use super::{Dialog, Flow, Press};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::msg::{Answer, Load, Loaded, RequestId, Target};
use crate::tui::app::text_field::TextField;

/// A list of Applications with type-to-filter.
#[derive(Debug)]
pub struct Picker {
    /// What is typed to filter by.
    pub filter: TextField,
    /// All of them, once they have come.
    pub all: Option<Vec<Application>>,
    /// The chosen one's place among those that match.
    pub chosen: usize,
    /// Why they could not be read.
    pub error: Option<String>,
    awaited: RequestId,
}

impl Picker {
    /// Opens and asks for the Applications.
    pub fn new(cx: &mut Context<'_>) -> Self {
        let awaited = cx.load(Load::ApplicationChoices);
        Self { filter: TextField::new(100), all: None, chosen: 0, error: None, awaited }
    }

    /// Those that match the filter.
    #[must_use]
    pub fn matching(&self) -> Vec<&Application> {
        let filter = fold(self.filter.text());
        let words: Vec<&str> = filter.split_whitespace().collect();
        let matches = |a: &&Application| words.iter().all(|word| fold(a.name.as_str()).contains(word));
        self.all.iter().flatten().filter(matches).collect()
    }

    fn step(&mut self, by: isize) {
        let last = self.matching().len().saturating_sub(1);
        self.chosen = self.chosen.saturating_add_signed(by).min(last);
    }

    fn choose(&self, place: usize) -> Flow {
        self.matching().get(place).map_or(Flow::Stay, |application| Flow::Choose(application.id))
    }
}

impl Dialog for Picker {
    fn takes_text(&self) -> bool {
        true
    }

    fn press(&mut self, press: Press, _cx: &mut Context<'_>) -> Flow {
        match press.action {
            Some(Action::Cancel) => return Flow::Close,
            Some(Action::Confirm) => return self.choose(self.chosen),
            Some(Action::Next) => self.step(1),
            Some(Action::Previous) => self.step(-1),
            _ => {
                if self.filter.edit(&press.chord) {
                    self.chosen = 0;
                }
            }
        }
        Flow::Stay
    }

    fn paste(&mut self, text: &str, _cx: &mut Context<'_>) {
        self.filter.paste(text);
        self.chosen = 0;
    }

    fn click(&mut self, target: &Target, _cx: &mut Context<'_>) -> Flow {
        match target {
            Target::Choice(place) => self.choose(*place),
            _ => Flow::Stay,
        }
    }

    fn scroll(&mut self, rows: isize) {
        self.step(rows);
    }

    fn answer(&mut self, answer: &mut Answer, cx: &mut Context<'_>) -> Flow {
        if let Answer::Loaded(request, result) = answer
            && self.awaited == *request
        {
            match result {
                Ok(Loaded::ApplicationChoices(all)) => {
                    let here = cx.session_info.and_then(|s| s.application.as_ref()).map(|a| a.id);
                    self.chosen = all.iter().position(|a| Some(a.id) == here).unwrap_or_default();
                    self.all = Some(std::mem::take(all));
                }
                Ok(_) => {}
                Err(error) => self.error = Some(error.to_string()),
            }
        }
        Flow::Stay
    }
}
