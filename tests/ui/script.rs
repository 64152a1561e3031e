//! Drives the real App: keys in, frames out, the effects carried out at once against a real database.

use std::sync::Arc;

use keydesk::config::remembered::Remembered;
use keydesk::config::settings::Settings;
use keydesk::desk::known_head::KnownHeads;
use keydesk::domain::Instant;
use keydesk::domain::secret::Secret;
use keydesk::host::clipboard::Copied;
use keydesk::host::clock::Zone;
use keydesk::tui::app::App;
use keydesk::tui::app::msg::{Effect, Msg, Notice, Response};
use keydesk::tui::app::shared::Environment;
use keydesk::tui::effects::Effects;
use keydesk::tui::view;
use keydesk::tui::view::appearance::Appearances;
use keydesk::tui::view::canvas::Hits;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::support::{self, Seeded};

/// The program without its threads and its terminal.
pub struct Script {
    pub app: App,
    pub now: Instant,
    pub hits: Hits,
    pub quit: bool,
    /// Secrets that were copied.
    pub copied: Vec<Secret>,
    /// What was kept for the next start.
    pub remembered: Option<Remembered>,
    effects: Effects,
    appearances: Appearances,
    terminal: Terminal<TestBackend>,
    pub folder: tempfile::TempDir,
}

/// How the program starts, where it is not as usual.
#[derive(Default)]
pub struct Start {
    /// The heads of audit logs that somebody has seen before.
    pub known_heads: Option<KnownHeads>,
    /// What was chosen in a session before.
    pub remembered: Remembered,
    /// The text of `config.toml`.
    pub config: &'static str,
    pub no_color: bool,
    pub is_ascii: bool,
}

impl Script {
    /// On an empty database.
    pub fn first_start(columns: u16, rows: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut entropy = Seeded(7);
        let store = keydesk::store::Store::open(folder.path().join("keydesk.db"), &mut entropy).unwrap();
        Self::over(folder, store, entropy, support::noon(), Start::default(), (columns, rows))
    }

    /// On a database that is set up.
    pub fn new(columns: u16, rows: u16) -> Self {
        let desk = support::TestDesk::new();
        Self::on(desk, columns, rows)
    }

    pub fn on(desk: support::TestDesk, columns: u16, rows: u16) -> Self {
        Self::starting(desk, Start::default(), columns, rows)
    }

    /// On a database whose audit log somebody has seen before.
    pub fn with_known_heads(
        desk: support::TestDesk,
        known_heads: KnownHeads,
        columns: u16,
        rows: u16,
    ) -> Self {
        let start = Start { known_heads: Some(known_heads), ..Start::default() };
        Self::starting(desk, start, columns, rows)
    }

    pub fn starting(desk: support::TestDesk, start: Start, columns: u16, rows: u16) -> Self {
        Self::over(desk.folder, desk.store, desk.entropy, desk.now, start, (columns, rows))
    }

    fn over(
        folder: tempfile::TempDir,
        store: keydesk::store::Store,
        entropy: Seeded,
        now: Instant,
        start: Start,
        (columns, rows): (u16, u16),
    ) -> Self {
        let Start { known_heads, remembered, config, no_color, is_ascii } = start;
        let settings = Arc::new(Settings::parse(std::path::Path::new("config.toml"), config).unwrap());
        let environment = Environment {
            zone: Zone::utc(),
            week_start: chrono::Weekday::Mon,
            database: "keydesk.db".into(),
            settings: Arc::clone(&settings),
            no_color,
        };
        let desk = keydesk::desk::Desk::new(store, support::ana(), known_heads, Box::new(entropy))
            .with_max_lifetime(settings.max_lifetime);
        let effects = Effects::new(desk, Arc::clone(&settings));
        let appearances = Appearances::new(&settings, no_color, !is_ascii).unwrap();
        let terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        let (app, first) = App::new(environment, (columns, rows), now, None, remembered);
        let hits = Hits::default();
        let mut script = Self {
            app,
            now,
            hits,
            quit: false,
            copied: Vec::new(),
            remembered: None,
            effects,
            appearances,
            terminal,
            folder,
        };
        script.perform(first);
        script.draw();
        script
    }

    /// Presses keys, written as in the bindings and separated by spaces: `n enter ctrl-c`.
    pub fn press(&mut self, keys: &str) -> &mut Self {
        for key in keys.split_whitespace() {
            self.msg(Msg::Key(key.parse().unwrap()));
        }
        self
    }

    /// Presses keys so fast that no response arrives in between.
    pub fn press_at_once(&mut self, keys: &str) -> &mut Self {
        let keys = keys.split_whitespace().map(|key| Msg::Key(key.parse().unwrap()));
        let effects: Vec<Effect> = keys.flat_map(|key| self.app.update(key, self.now)).collect();
        self.perform(effects);
        self.draw();
        self
    }

    /// Types a text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            self.msg(Msg::Key(c.to_string().parse().unwrap()));
        }
        self
    }

    pub fn msg(&mut self, msg: Msg) -> &mut Self {
        if let Msg::Resize(columns, rows) = &msg {
            self.terminal.backend_mut().resize(*columns, *rows);
        }
        let effects = self.app.update(msg, self.now);
        self.perform(effects);
        self.draw();
        self
    }

    /// Another session works on the same database.
    pub fn elsewhere(&mut self, f: impl FnOnce(&mut keydesk::desk::Session<'_>)) -> &mut Self {
        let mut entropy = Seeded(99);
        let path = self.folder.path().join("keydesk.db");
        let mut store = keydesk::store::Store::open(&path, &mut entropy).unwrap();
        let caller = support::ana();
        f(&mut keydesk::desk::Session {
            store: &mut store,
            caller: &caller,
            now: self.now,
            entropy: &mut entropy,
            max_lifetime: None,
        });
        self.msg(Msg::Notice(Notice::Changed))
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        let mut queue = std::collections::VecDeque::from(effects);
        while let Some(effect) = queue.pop_front() {
            let (request, response) = match effect {
                Effect::Load(request, load) => (request, Response::Loaded(self.effects.load(load, self.now))),
                Effect::Do(request, operation) => {
                    (request, Response::Done(Box::new(self.effects.operate(operation, self.now))))
                }
                Effect::Copy(request, secret) => {
                    self.copied.push(secret);
                    (request, Response::Copied(Ok(Copied::System { seconds: 45, until_logout: false })))
                }
                Effect::Write(request, path, secret) => {
                    // A relative path is shown as one in a home that is the same in each snapshot.
                    let shown = std::path::Path::new("/home/ana").join(&path);
                    let path = self.folder.path().join(path);
                    let written = keydesk::host::new_file::write_new(&path, secret.expose());
                    (request, Response::Written(written.map(|()| shown).map_err(|error| error.to_string())))
                }
                Effect::Remember(choices) => {
                    self.remembered = Some(choices);
                    continue;
                }
                Effect::Quit => {
                    self.quit = true;
                    continue;
                }
                _ => continue,
            };
            queue.extend(self.app.update(Msg::Response(request, response), self.now));
        }
    }

    fn draw(&mut self) {
        let appearance = self.appearances.get(self.app.shared.theme());
        let (app, hits) = (&self.app, &mut self.hits);
        self.terminal.draw(|frame| *hits = view::draw(app, appearance, frame)).unwrap();
    }

    /// The cells of the frame.
    pub fn buffer(&self) -> &ratatui::buffer::Buffer {
        self.terminal.backend().buffer()
    }

    /// The frame as text: the cells, and below them runs of cells that look alike, so that colours show in a diff.
    pub fn screen(&self) -> String {
        let buffer = self.buffer();
        let mut text = String::new();
        for y in 0..buffer.area.height {
            let line: String = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// The same with the looks of each line's words.
    pub fn picture(&self) -> String {
        let theme = &self.appearances.get(self.app.shared.theme()).theme;
        let buffer = self.buffer();
        let roles = [
            ('a', theme.accent),
            ('h', theme.heading),
            ('s', theme.selection),
            ('m', theme.matched),
            ('w', theme.warning),
            ('d', theme.danger),
            ('g', theme.good),
            ('c', theme.cursor),
            ('f', theme.field),
            ('b', theme.border),
            ('-', theme.dim),
        ];
        let mut text = self.screen();
        text.push_str("looks:\n");
        for y in 0..buffer.area.height {
            let line: String = (0..buffer.area.width)
                .map(|x| {
                    let style = buffer[(x, y)].style();
                    roles
                        .iter()
                        .find(|(_, role)| {
                            role.fg == style.fg.filter(|_| role.fg.is_some())
                                && (role.bg.is_none() || role.bg == style.bg)
                                && style.add_modifier == role.add_modifier
                        })
                        .map_or(' ', |(letter, _)| *letter)
                })
                .collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text.trim_end().to_owned()
    }
}
