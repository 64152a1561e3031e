//! Create API Key: four steps, and nothing is written before the last.

use chrono::{Datelike, NaiveDate, TimeDelta};

use crate::config::bindings::Key as KeyCode;
use crate::desk::CreatedKey;
use crate::domain::Instant;
use crate::domain::application::ApplicationId;
use crate::domain::expiry::{self, PRESETS, Warning};
use crate::domain::key::{KeyKind, KeyType, NewKey};
use crate::domain::platform::Platform;
use crate::domain::text::{Name, fold};

use super::calendar::Calendar;
use super::{Dialog, Flow, Modal, Press, Reveal};
use crate::tui::app::action::Action;
use crate::tui::app::context::Context;
use crate::tui::app::msg::{Answer, Done, Load, Loaded, Operation, RequestId, Target};
use crate::tui::app::text_field::TextField;

/// The wizard: where one is, and what was answered so far.
#[derive(Debug)]
pub struct Wizard {
    /// Where one is.
    pub step: Step,
    /// *Do you want to use this API Key with a 3rd party service?*
    pub third_party: bool,
    /// Type-to-filter of the platforms.
    pub filter: TextField,
    /// The slugs that match, and the chosen one's place among them.
    pub platforms: Vec<String>,
    /// The place of the chosen platform.
    pub chosen: usize,
    /// What people will call the key.
    pub name: TextField,
    suggested: String,
    /// Production or test.
    pub key_type: KeyType,
    /// The chosen preset's place in [`PRESETS`]; none for a date.
    pub preset: Option<usize>,
    /// The date, where one is picked.
    pub calendar: Calendar,
    /// What has the focus in the third step.
    pub focus: Focus,
    /// What is wrong, in the step where it can be mended.
    pub error: Option<String>,
    application: ApplicationId,
    month: Option<(RequestId, u64)>,
}

/// Where one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// With a 3rd party service, or not.
    Service,
    /// Which platform.
    Platform,
    /// Name, type, expiration date.
    Details,
    /// All of it once more, and the button.
    Review,
    /// On its way to the disk; Esc does nothing any more.
    Submitting(RequestId),
}

/// The fields of the third step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// The name.
    Name,
    /// The type.
    Type,
    /// The preset.
    Expiry,
    /// The date.
    Date,
}

impl Wizard {
    /// A wizard for a key of this Application.
    pub fn new(application: ApplicationId, cx: &mut Context<'_>) -> Self {
        let today = cx.around.zone.local(cx.now).date_naive();
        let days = cx.settings().default_expiry;
        let preset = PRESETS.iter().position(|p| p.days == days);
        let date = today.checked_add_signed(TimeDelta::days(i64::from(days))).unwrap_or(today);
        let mut wizard = Self {
            step: Step::Service,
            third_party: false,
            filter: TextField::new(40),
            platforms: Vec::new(),
            chosen: 0,
            name: TextField::new(Name::MAX_CHARS),
            suggested: String::new(),
            key_type: KeyType::Production,
            preset,
            calendar: Calendar::new(today, date),
            focus: Focus::Name,
            error: None,
            application,
            month: None,
        };
        wizard.refilter(cx);
        wizard
    }

    /// The number of the present step and how many there are: 2 of 4.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        let skipped = usize::from(!self.third_party);
        let number = match self.step {
            Step::Service => 1,
            Step::Platform => 2,
            Step::Details => 3 - skipped,
            Step::Review | Step::Submitting(_) => 4 - skipped,
        };
        (number, 4 - skipped)
    }

    /// Generic, or the chosen platform.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        let platform = self.platforms.get(self.chosen).filter(|_| self.third_party);
        KeyKind::from_platform(platform.cloned())
    }

    /// The instant from which the key will be refused, or what is wrong with the date.
    pub fn expires_at(&self, now: Instant, zone: &crate::host::clock::Zone) -> Result<Instant, String> {
        match self.preset.and_then(|place| PRESETS.get(place)) {
            Some(preset) => expiry::expires_after(now, i64::from(preset.days)).map_err(|e| e.to_string()),
            None => expiry::parse_when(self.calendar.text(), now, zone).map_err(|e| e.to_string()),
        }
    }

    /// Gentle warnings about the date.
    #[must_use]
    pub fn warnings(&self, now: Instant, zone: &crate::host::clock::Zone) -> Vec<Warning> {
        let in_month = self.month.map_or(0, |(_, count)| count);
        self.expires_at(now, zone).map_or_else(|_| Vec::new(), |at| expiry::warnings(at, zone, in_month))
    }

    fn refilter(&mut self, cx: &Context<'_>) {
        let words: Vec<String> = fold(self.filter.text()).split_whitespace().map(str::to_owned).collect();
        let matches = |platform: &&Platform| {
            let text = fold(&format!("{} {}", platform.name, platform.slug));
            words.iter().all(|word| text.contains(word.as_str()))
        };
        self.platforms = cx.catalogue().iter().filter(matches).map(|p| p.slug.clone()).collect();
        self.chosen = 0;
    }

    fn enter(&mut self, step: Step, cx: &mut Context<'_>) {
        self.error = None;
        self.step = step;
        if step == Step::Details {
            self.suggest_name(cx);
            self.focus = Focus::Name;
            self.date_changed(cx);
        }
    }

    /// Puts the suggestion into the name, unless someone has typed a name of their own.
    fn suggest_name(&mut self, cx: &Context<'_>) {
        let kind = self.kind();
        let what = kind.platform().map_or("Generic", |slug| cx.catalogue().name_of(slug));
        let suggestion = expiry::suggested_name(what, cx.now, &cx.around.zone);
        if self.name.text().is_empty() || self.name.text() == self.suggested {
            self.name.set(&suggestion);
        }
        self.suggested = suggestion;
    }

    /// Asks how many keys end in the month of the date.
    fn date_changed(&mut self, cx: &mut Context<'_>) {
        self.error = None;
        self.month = None;
        let Ok(expires) = self.expires_at(cx.now, &cx.around.zone) else { return };
        let date = cx.around.zone.local(expires).date_naive();
        if let Some((from, until)) = month_of(date, cx) {
            self.month = Some((cx.load(Load::MonthCount(self.application, from, until)), 0));
        }
    }

    fn back(&mut self, cx: &mut Context<'_>) -> Flow {
        match self.step {
            Step::Service => return Flow::Close,
            Step::Details if self.third_party => self.enter(Step::Platform, cx),
            Step::Platform | Step::Details => self.enter(Step::Service, cx),
            Step::Review => self.enter(Step::Details, cx),
            Step::Submitting(_) => {}
        }
        Flow::Stay
    }

    fn forward(&mut self, cx: &mut Context<'_>) -> Flow {
        match self.step {
            Step::Service if self.third_party => self.enter(Step::Platform, cx),
            Step::Platform if self.platforms.is_empty() => {
                self.error = Some("No platform matches. Clear the filter, or go back and answer No.".into());
            }
            Step::Service | Step::Platform => self.enter(Step::Details, cx),
            Step::Details => match self.draft(cx) {
                Ok(_) => self.enter(Step::Review, cx),
                Err(error) => self.error = Some(error),
            },
            Step::Review => match self.draft(cx) {
                Ok(new) => self.step = Step::Submitting(cx.operate(Operation::CreateKey(new))),
                Err(error) => {
                    self.enter(Step::Details, cx);
                    self.error = Some(error);
                }
            },
            Step::Submitting(_) => {}
        }
        Flow::Stay
    }

    fn draft(&self, cx: &Context<'_>) -> Result<NewKey, String> {
        Ok(NewKey {
            application: self.application,
            name: Name::parse(self.name.text()).map_err(|error| error.to_string())?,
            kind: self.kind(),
            key_type: self.key_type,
            expires: self.expires_at(cx.now, &cx.around.zone)?,
        })
    }

    fn move_focus(&mut self, back: bool) {
        let order: &[Focus] = if self.preset.is_none() {
            &[Focus::Name, Focus::Type, Focus::Expiry, Focus::Date]
        } else {
            &[Focus::Name, Focus::Type, Focus::Expiry]
        };
        let place = order.iter().position(|f| *f == self.focus).unwrap_or_default();
        let step = if back { order.len() - 1 } else { 1 };
        self.focus = order[(place + step) % order.len()];
    }

    /// The places of the expiration choices: the presets, then "a date".
    fn choose_expiry(&mut self, place: usize, cx: &mut Context<'_>) {
        self.preset = (place < PRESETS.len()).then_some(place);
        self.date_changed(cx);
    }

    fn press_in_details(&mut self, press: Press, cx: &mut Context<'_>) -> Flow {
        let (left, right) = (press.chord.key == KeyCode::Left, press.chord.key == KeyCode::Right);
        match self.focus {
            Focus::Date if self.calendar.press(&press.chord) => self.date_changed(cx),
            Focus::Name if self.name.edit(&press.chord) => self.error = None,
            Focus::Type if left || right || press.chord.key == KeyCode::Space => {
                self.key_type = match self.key_type {
                    KeyType::Production => KeyType::Test,
                    KeyType::Test => KeyType::Production,
                };
            }
            Focus::Expiry if left || right || press.chord.key == KeyCode::Space => {
                let place = self.preset.unwrap_or(PRESETS.len());
                let choices = PRESETS.len() + 1;
                let step = if left { choices - 1 } else { 1 };
                self.choose_expiry((place + step) % choices, cx);
            }
            _ => match press.action {
                Some(Action::Next) => self.move_focus(false),
                Some(Action::Previous) => self.move_focus(true),
                _ => {}
            },
        }
        Flow::Stay
    }

    fn press_in_service(&mut self, press: Press, cx: &mut Context<'_>) -> Flow {
        match press.chord.key {
            KeyCode::Char('y' | 'Y') => self.third_party = true,
            KeyCode::Char('n' | 'N') => self.third_party = false,
            KeyCode::Left | KeyCode::Right | KeyCode::Space | KeyCode::Char('h' | 'j' | 'k' | 'l') => {
                self.third_party = !self.third_party;
                return Flow::Stay;
            }
            _ => {
                if matches!(press.action, Some(Action::Next | Action::Previous)) {
                    self.third_party = !self.third_party;
                }
                return Flow::Stay;
            }
        }
        self.forward(cx)
    }

    fn press_in_platform(&mut self, press: Press, cx: &mut Context<'_>) -> Flow {
        match press.action {
            Some(Action::Next) => self.step_platform(1),
            Some(Action::Previous) => self.step_platform(-1),
            _ if self.filter.edit(&press.chord) => {
                self.error = None;
                self.refilter(cx);
            }
            _ => {}
        }
        Flow::Stay
    }

    fn step_platform(&mut self, by: isize) {
        let last = self.platforms.len().saturating_sub(1);
        self.chosen = self.chosen.saturating_add_signed(by).min(last);
    }
}

impl Dialog for Wizard {
    fn takes_text(&self) -> bool {
        match self.step {
            Step::Platform => true,
            Step::Details => matches!(self.focus, Focus::Name | Focus::Date),
            _ => false,
        }
    }

    fn press(&mut self, press: Press, cx: &mut Context<'_>) -> Flow {
        match press.action {
            Some(Action::Cancel) => return self.back(cx),
            Some(Action::Confirm) => return self.forward(cx),
            _ => {}
        }
        match self.step {
            Step::Service => self.press_in_service(press, cx),
            Step::Platform => self.press_in_platform(press, cx),
            Step::Details => self.press_in_details(press, cx),
            Step::Review | Step::Submitting(_) => Flow::Stay,
        }
    }

    fn paste(&mut self, text: &str, cx: &mut Context<'_>) {
        match (self.step, self.focus) {
            (Step::Platform, _) => {
                self.filter.paste(text);
                self.refilter(cx);
            }
            (Step::Details, Focus::Name) => self.name.paste(text),
            (Step::Details, Focus::Date) => {
                self.calendar.paste(text);
                self.date_changed(cx);
            }
            _ => {}
        }
    }

    fn click(&mut self, target: &Target, cx: &mut Context<'_>) -> Flow {
        match (self.step, target) {
            (Step::Service, Target::Choice(place)) => {
                self.third_party = *place == 1;
                self.forward(cx)
            }
            (Step::Platform, Target::Choice(place)) if *place < self.platforms.len() => {
                self.chosen = *place;
                self.forward(cx)
            }
            (Step::Details, Target::Choice(place)) => {
                // 0 the name, 1 and 2 the types, then the expiration choices, then the date.
                match *place {
                    0 => self.focus = Focus::Name,
                    1 | 2 => {
                        self.focus = Focus::Type;
                        self.key_type = KeyType::ALL[*place - 1];
                    }
                    place if place - 3 <= PRESETS.len() => {
                        self.focus = Focus::Expiry;
                        self.choose_expiry(place - 3, cx);
                    }
                    _ => self.focus = Focus::Date,
                }
                Flow::Stay
            }
            (Step::Details, Target::Day(date)) => {
                self.focus = Focus::Date;
                self.calendar.select(*date);
                self.date_changed(cx);
                Flow::Stay
            }
            _ => Flow::Stay,
        }
    }

    fn scroll(&mut self, rows: isize) {
        if self.step == Step::Platform {
            self.step_platform(rows);
        }
    }

    fn answer(&mut self, answer: &mut Answer, cx: &mut Context<'_>) -> Flow {
        match answer {
            Answer::Loaded(request, Ok(Loaded::MonthCount(count))) => {
                if let Some((awaited, month)) = &mut self.month
                    && *awaited == *request
                {
                    *month = *count;
                }
                Flow::Stay
            }
            Answer::Done(request, result) if self.step == Step::Submitting(*request) => match &mut **result {
                Ok(Done::Created(CreatedKey { key, secret })) => Flow::Swap(Box::new(Modal::Reveal(
                    Box::new(Reveal::new(key.clone(), secret.clone(), cx)),
                ))),
                Ok(_) => Flow::Close,
                Err(error) => {
                    self.step = Step::Review;
                    self.error = Some(super::sentence(error));
                    Flow::Stay
                }
            },
            _ => Flow::Stay,
        }
    }
}

/// The first instants of a date's month and of the next, UTC.
fn month_of(date: NaiveDate, cx: &Context<'_>) -> Option<(Instant, Instant)> {
    let first = date.with_day(1)?;
    let next = first.checked_add_months(chrono::Months::new(1))?;
    Some((cx.around.zone.start_of(first)?, cx.around.zone.start_of(next)?))
}
