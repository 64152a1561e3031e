//! The settings of `config.toml`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use toml::Spanned;

use super::bindings::{BindingError, Bindings, Chord};
use super::{ConfigError, position};
use crate::domain::expiry::parse_duration;
use crate::domain::platform::{Catalog, CatalogError, Platform};
use crate::host::clipboard::ClipboardMode;
use crate::host::regular_file;

/// Size limit of a configuration file.
const MAX_BYTES: u64 = 1 << 20;

/// The documented defaults, as `keydesk config --default` prints them.
pub const DEFAULT: &str = include_str!("../../assets/config.toml");

/// The name of a theme in `assets/themes/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ThemeName {
    /// Light on dark.
    Dark,
    /// Dark on light.
    Light,
    /// The strongest contrast.
    HighContrast,
    /// The colors of the terminal.
    Terminal,
}

impl ThemeName {
    /// In the order in which `T` steps through them.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name in `config.toml`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Ascii {
    /// ASCII where the locale is not UTF-8.
    Auto,
    On,
    Off,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub theme: ThemeName,
    pub ascii: Ascii,
    pub mouse: bool,
    /// Lifetime of a new key, in days; never more than `max_lifetime`.
    pub default_expiry: u32,
    /// The longest lifetime of a new key: whole days; none without a limit.
    pub max_lifetime: Option<TimeDelta>,
    /// How long before its expiration a key expires soon.
    pub expires_soon: TimeDelta,
    /// How long the old key of a rotation must be unused until it ends, if that is chosen.
    pub unused_after: TimeDelta,
    pub clipboard: ClipboardMode,
    /// After this time the display's clipboard is cleared.
    pub clipboard_clear_after: Duration,
    /// Built-in and configured bindings; none where the file configures none.
    configured: Option<Bindings>,
    /// Built-in and configured ones.
    pub catalog: Catalog,
    /// The line of each setting that the file contains. Bindings are named `keys.CONTEXT.ACTION`, platforms
    /// `platforms.SLUG`.
    pub lines: BTreeMap<String, usize>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    theme: Option<Spanned<ThemeName>>,
    ascii: Option<Spanned<Ascii>>,
    mouse: Option<Spanned<bool>>,
    default_expiry: Option<Spanned<Days>>,
    max_lifetime: Option<Spanned<MaxLifetime>>,
    expires_soon: Option<Spanned<Length>>,
    unused_after: Option<Spanned<Length>>,
    clipboard: Option<Spanned<ClipboardMode>>,
    clipboard_clear_after: Option<Spanned<Length>>,
    #[serde(default)]
    keys: Keys,
    #[serde(default)]
    platforms: Vec<Spanned<Platform>>,
}

/// `[keys.CONTEXT]` with lines `ACTION = ["KEY", ...]`.
type Keys = BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Vec<Chord>>>;

/// A `DURATION` that is not zero.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Length(TimeDelta);

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let length = parse_duration(&text).map_err(|error| error.to_string())?;
        if length.is_zero() { Err("must be longer than zero".to_owned()) } else { Ok(Self(length)) }
    }
}

/// A `DURATION` of whole days.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Days(u32);

impl TryFrom<String> for Days {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Length(length) = text.try_into()?;
        let days = u32::try_from(length.num_days()).ok();
        days.filter(|days| TimeDelta::days((*days).into()) == length)
            .map(Self)
            .ok_or_else(|| "must be whole days: write 90d or 12w".to_owned())
    }
}

/// A number of days, or none.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct MaxLifetime(Option<u32>);

impl TryFrom<String> for MaxLifetime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == NO_LIMIT {
            return Ok(Self(None));
        }
        let Days(days) = text.try_into().map_err(|error: String| format!("{error}, or \"{NO_LIMIT}\""))?;
        Ok(Self(Some(days)))
    }
}

/// The built-in bindings, parsed with their first use: commands do without. A test checks that they are valid.
static BUILT_IN: LazyLock<Bindings> = LazyLock::new(|| Bindings::built_in().unwrap_or_default());

/// The value of a setting without a limit.
const NO_LIMIT: &str = "none";

impl Settings {
    /// Reads a file. Without one, the defaults apply.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        match regular_file::read(path, MAX_BYTES) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::parse(path, ""),
            Err(error) => Err(ConfigError::Unreadable { path: path.to_owned(), reason: error.to_string() }),
        }
    }

    /// Parses the text of a file. Settings that it does not contain have their defaults.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let (own, default) = (read(path, text)?, read(Path::new("assets/config.toml"), DEFAULT)?);
        let mut file = SettingsFile { path, text, lines: BTreeMap::new() };
        let Length(clear_after) =
            file.either("clipboard_clear_after", own.clipboard_clear_after, default.clipboard_clear_after)?;
        let MaxLifetime(max_lifetime) =
            file.either("max_lifetime", own.max_lifetime, default.max_lifetime)?;
        let default_expiry = file.default_expiry(own.default_expiry, default.default_expiry, max_lifetime)?;
        Ok(Self {
            theme: file.either("theme", own.theme, default.theme)?,
            ascii: file.either("ascii", own.ascii, default.ascii)?,
            mouse: file.either("mouse", own.mouse, default.mouse)?,
            default_expiry,
            max_lifetime: max_lifetime.map(|days| TimeDelta::days(days.into())),
            expires_soon: file.either("expires_soon", own.expires_soon, default.expires_soon)?.0,
            unused_after: file.either("unused_after", own.unused_after, default.unused_after)?.0,
            clipboard: file.either("clipboard", own.clipboard, default.clipboard)?,
            // Never negative (`parse_duration`).
            clipboard_clear_after: clear_after.to_std().unwrap_or_default(),
            configured: file.bindings(own.keys)?,
            catalog: file.catalog(&own.platforms)?,
            lines: file.lines,
        })
    }

    /// The built-in and configured bindings.
    #[must_use]
    pub fn bindings(&self) -> &Bindings {
        self.configured.as_ref().unwrap_or(&BUILT_IN)
    }
}

fn read(path: &Path, text: &str) -> Result<Written, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        ConfigError::at(path, text, offset, error.message().trim())
    })
}

/// A file whose settings are being taken over.
struct SettingsFile<'a> {
    path: &'a Path,
    text: &'a str,
    lines: BTreeMap<String, usize>,
}

impl SettingsFile<'_> {
    fn wrong(&self, offset: usize, error: &impl ToString) -> ConfigError {
        ConfigError::at(self.path, self.text, offset, error.to_string())
    }

    fn note(&mut self, name: String, offset: usize) {
        self.lines.insert(name, position(self.text, offset).0);
    }

    /// The value of the file, else the default.
    fn either<T>(
        &mut self,
        name: &str,
        own: Option<Spanned<T>>,
        default: Option<Spanned<T>>,
    ) -> Result<T, ConfigError> {
        if let Some(own) = &own {
            self.note(name.to_owned(), own.span().start);
        }
        let missing = || self.wrong(0, &format!("{name} has no default"));
        own.or(default).map(Spanned::into_inner).ok_or_else(missing)
    }

    /// The default lifetime in days. One that is not in the file is at most the maximum.
    fn default_expiry(
        &mut self,
        own: Option<Spanned<Days>>,
        default: Option<Spanned<Days>>,
        max: Option<u32>,
    ) -> Result<u32, ConfigError> {
        let max = max.unwrap_or(u32::MAX);
        let own_at = own.as_ref().map(|own| own.span().start);
        let Days(days) = self.either("default_expiry", own, default)?;
        match own_at {
            Some(at) if days > max => {
                Err(self.wrong(at, &format!("default_expiry is longer than max_lifetime ({max}d)")))
            }
            _ => Ok(days.min(max)),
        }
    }

    /// The built-in bindings with those of the file; none where it has none.
    fn bindings(&mut self, keys: Keys) -> Result<Option<Bindings>, ConfigError> {
        if keys.is_empty() {
            return Ok(None);
        }
        let mut bindings = Bindings::built_in().map_err(|error| self.wrong(0, &error))?;
        let mut offsets = Vec::new();
        for (context, actions) in keys {
            for (action, chords) in actions {
                let bound = bindings.set(context.get_ref(), action.get_ref(), chords).map_err(|error| {
                    let word = if matches!(error, BindingError::Context { .. }) { &context } else { &action };
                    self.wrong(word.span().start, &error)
                })?;
                self.note(format!("keys.{bound}"), action.span().start);
                offsets.push((bound, action.span().start));
            }
        }
        // Of a clash of two configured keys, the later line.
        bindings.check().map_err(|error| {
            let wrong = offsets.iter().filter(|(bound, _)| error.is_about(*bound)).map(|(_, offset)| *offset);
            self.wrong(wrong.max().unwrap_or(0), &error)
        })?;
        Ok(Some(bindings))
    }

    fn catalog(&mut self, platforms: &[Spanned<Platform>]) -> Result<Catalog, ConfigError> {
        let built_in = Catalog::built_in().map_err(|error| self.wrong(0, &error))?;
        for platform in platforms {
            self.note(format!("platforms.{}", platform.get_ref().slug), platform.span().start);
        }
        let listed = platforms.iter().map(|platform| platform.get_ref().clone()).collect();
        built_in.extended(listed).map_err(|error| self.wrong(place_of_platform(platforms, &error), &error))
    }
}

/// The position of the platform that has a mistake. Of two with the same slug it is the second.
fn place_of_platform(platforms: &[Spanned<Platform>], error: &CatalogError) -> usize {
    let (CatalogError::Slug(slug) | CatalogError::NoName(slug) | CatalogError::Twice(slug)) = error else {
        return 0;
    };
    let mut alike = platforms.iter().filter(|platform| {
        let platform = platform.get_ref();
        platform.slug == *slug
            && (!matches!(error, CatalogError::NoName(_)) || platform.name.trim().is_empty())
    });
    let found = if matches!(error, CatalogError::Twice(_)) { alike.nth(1) } else { alike.next() };
    found.map_or(0, |platform| platform.span().start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(Path::new("config.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_those_of_the_file() {
        let settings = parse("").unwrap();
        assert_eq!(settings.default_expiry, 90);
        assert_eq!(settings.expires_soon, TimeDelta::days(7));
        assert_eq!(settings.unused_after, TimeDelta::hours(24));
        assert_eq!(settings.clipboard_clear_after, Duration::from_secs(45));
        assert_eq!(
            (settings.theme, settings.ascii, settings.mouse, settings.clipboard),
            (ThemeName::Dark, Ascii::Auto, true, ClipboardMode::Auto)
        );
        assert_eq!(settings.max_lifetime, None);
        let same = parse(DEFAULT).unwrap();
        assert_eq!(same.default_expiry, settings.default_expiry);
        let written: toml::Table = DEFAULT.parse().unwrap();
        for name in [
            "theme",
            "ascii",
            "mouse",
            "default_expiry",
            "max_lifetime",
            "expires_soon",
            "unused_after",
            "clipboard",
            "clipboard_clear_after",
        ] {
            assert!(written.contains_key(name), "{name} is documented");
        }
    }

    #[test]
    fn a_mistake_has_a_line_a_column_and_what_is_allowed() {
        assert_eq!(
            parse("mouse = true\ntheme = \"blue\"").unwrap_err(),
            "config.toml:2:9: unknown variant `blue`, expected one of `dark`, `light`, `high-contrast`, `terminal`"
        );
        let error = parse("teme = \"dark\"").unwrap_err();
        assert!(error.starts_with("config.toml:1:1:") && error.contains("`theme`"), "{error}");
        let error = parse("expires_soon = \"soon\"").unwrap_err();
        assert!(error.starts_with("config.toml:1:16:") && error.contains("45s, 15m"), "{error}");
        let error = parse("\n[keys.keys]\ncreate = [\"d\"]").unwrap_err();
        assert!(error.contains("keys.create") && error.contains("keys.delete"), "{error}");
        let error = parse("[[platforms]]\nslug = \"A\"\nname = \"A\"\npresents = \"header\"").unwrap_err();
        assert!(error.contains("lower case"), "{error}");
        for text in ["5h", "36h"] {
            let error = parse(&format!("default_expiry = \"{text}\"")).unwrap_err();
            assert!(error.contains("whole days"), "{text}: {error}");
        }
        assert_eq!(parse("default_expiry = \"48h\"").unwrap().default_expiry, 2);
        assert!(parse("= nonsense").is_err());
    }

    #[test]
    fn the_default_lifetime_is_never_longer_than_the_maximum() {
        let settings = parse("max_lifetime = \"30d\"").unwrap();
        assert_eq!((settings.default_expiry, settings.max_lifetime), (30, Some(TimeDelta::days(30))));
        let settings = parse("max_lifetime = \"52w\"\ndefault_expiry = \"7d\"").unwrap();
        assert_eq!((settings.default_expiry, settings.max_lifetime), (7, Some(TimeDelta::days(364))));
        assert_eq!(
            parse("max_lifetime = \"30d\"\ndefault_expiry = \"60d\"").unwrap_err(),
            "config.toml:2:18: default_expiry is longer than max_lifetime (30d)"
        );
        for text in ["off", "36h", "0d"] {
            let error = parse(&format!("max_lifetime = \"{text}\"")).unwrap_err();
            assert!(error.starts_with("config.toml:1:16:") && error.contains("\"none\""), "{text}: {error}");
        }
    }

    #[test]
    fn a_mistake_far_down_has_its_own_line() {
        let fine = "mouse = true\n[keys.list]\nup = [\"w\"]\n";
        for (text, place) in [
            ("[keys.keys]\nselect = [\"y\"]\nexplode = [\"d\"]", "6:1"),
            ("[keys.keys]\ncreate = [\"n\", \"hyper-x\"]", "5:10"),
            ("[keys.keys]\nselect = [\"y\"]\ncreate = [\"d\"]", "6:1"),
            ("[keys.keys]\nselect = [\"y\"]\ncreate = [\"y\"]", "6:1"),
            ("[keys.cellar]\nup = [\"w\"]", "4:7"),
            ("[keys.modal]\ncancel = [\"x\"]", "5:1"),
        ] {
            let error = parse(&format!("{fine}{text}")).unwrap_err();
            assert!(error.starts_with(&format!("config.toml:{place}:")), "{text:?}: {error}");
        }
        let platform =
            |slug: &str| format!("[[platforms]]\nslug = \"{slug}\"\nname = \"N\"\npresents = \"header\"\n");
        for wrong in ["A", "fine"] {
            let error = parse(&format!("{}{}", platform("fine"), platform(wrong))).unwrap_err();
            assert!(error.starts_with("config.toml:5:"), "{wrong}: {error}");
        }
    }
}
