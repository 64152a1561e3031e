//! The settings of `config.toml`.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use toml::Spanned;

use super::ConfigError;
use super::bindings::{BindingError, Bindings, Bound, Overrides};
use crate::domain::expiry::parse_duration;
use crate::domain::platform::{Catalog, CatalogError, Platform};
use crate::host::clipboard::ClipboardMode;
use crate::host::regular_file;

/// Size limit of a configuration file.
const MAX_BYTES: u64 = 1 << 20;

/// The documented defaults, as `keydesk config --default` prints them.
pub const DEFAULT: &str = include_str!("../../assets/config.toml");

/// The name of a theme in `assets/themes/`.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ThemeName {
    /// Light on dark.
    #[default]
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

    /// The word in `config.toml`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, VariantArray, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Ascii {
    /// ASCII where the locale is not UTF-8.
    #[default]
    Auto,
    On,
    Off,
}

/// All settings, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    pub theme: ThemeName,
    pub ascii: Ascii,
    pub mouse: bool,
    /// Lifetime of a new key, in days.
    pub default_expiry: u32,
    /// How long before its expiration a key expires soon.
    pub expires_soon: TimeDelta,
    pub clipboard: ClipboardMode,
    /// After this time the display's clipboard is cleared.
    pub clipboard_clear_after: Duration,
    /// With the user's own.
    pub bindings: Bindings,
    /// With the user's own.
    pub catalog: Catalog,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    theme: Option<Spanned<String>>,
    ascii: Option<Spanned<String>>,
    mouse: Option<bool>,
    default_expiry: Option<Spanned<String>>,
    expires_soon: Option<Spanned<String>>,
    clipboard: Option<Spanned<String>>,
    clipboard_clear_after: Option<Spanned<String>>,
    keys: Option<Keys>,
    platforms: Option<Vec<Spanned<Platform>>>,
}

/// [`Overrides`] with the position of each word.
type Keys = BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Vec<Spanned<String>>>>;

impl Settings {
    /// Reads a file. Without one, the defaults apply.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        match regular_file::read(path, MAX_BYTES) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::parse(path, ""),
            Err(error) => Err(ConfigError::Unreadable { path: path.to_owned(), reason: error.to_string() }),
        }
    }

    /// Parses the text of a file. What it does not set has its default.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let defaults = read(Path::new("assets/config.toml"), DEFAULT)?;
        let own = read(path, text)?;
        let values = Values { path, text };
        let built_in = |error: String| ConfigError::at(Path::new("assets"), "", 0, error);
        let bindings = Bindings::built_in().map_err(|error| built_in(error.to_string()))?;
        let catalog = Catalog::built_in().map_err(|error| built_in(error.to_string()))?;
        let wrong = |at: usize, error: String| ConfigError::at(path, text, at, error);
        Ok(Self {
            theme: values.word(own.theme.as_ref(), defaults.theme.as_ref())?,
            ascii: values.word(own.ascii.as_ref(), defaults.ascii.as_ref())?,
            mouse: own.mouse.or(defaults.mouse).unwrap_or(true),
            default_expiry: values.days(own.default_expiry.as_ref(), defaults.default_expiry.as_ref())?,
            expires_soon: values.length(own.expires_soon.as_ref(), defaults.expires_soon.as_ref(), "7d")?,
            clipboard: values.word(own.clipboard.as_ref(), defaults.clipboard.as_ref())?,
            clipboard_clear_after: values
                .length(own.clipboard_clear_after.as_ref(), defaults.clipboard_clear_after.as_ref(), "45s")?
                .to_std()
                .unwrap_or(Duration::from_secs(45)),
            bindings: match own.keys {
                None => bindings,
                Some(keys) => bindings
                    .overridden(&plain(&keys))
                    .map_err(|error| wrong(place_of_key(&keys, &error), error.to_string()))?,
            },
            catalog: match own.platforms {
                None => catalog,
                Some(platforms) => {
                    let listed = platforms.iter().map(|platform| platform.get_ref().clone()).collect();
                    catalog
                        .extended(listed)
                        .map_err(|error| wrong(place_of_platform(&platforms, &error), error.to_string()))?
                }
            },
        })
    }
}

fn read(path: &Path, text: &str) -> Result<Written, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        ConfigError::at(path, text, at, error.message().trim())
    })
}

fn plain(keys: &Keys) -> Overrides {
    let texts = |chords: &Vec<Spanned<String>>| chords.iter().map(|chord| chord.get_ref().clone()).collect();
    keys.iter()
        .map(|(context, actions)| {
            let actions = actions.iter().map(|(action, chords)| (action.get_ref().clone(), texts(chords)));
            (context.get_ref().clone(), actions.collect())
        })
        .collect()
}

/// The position of a mistake in the bindings: the key, else the action, else the context.
fn place_of_key(keys: &Keys, error: &BindingError) -> usize {
    let action = |context: &str, action: &str| {
        keys.get(context).and_then(|actions| actions.get_key_value(action)).map(|(word, _)| word.span().start)
    };
    let bound = |bound: &Bound| action(bound.context.as_ref(), bound.action.as_ref());
    match error {
        BindingError::Toml(_) => None,
        BindingError::Context { context, .. } => {
            keys.get_key_value(context.as_str()).map(|(word, _)| word.span().start)
        }
        BindingError::Action { context, action: word, .. } => action(context, word),
        BindingError::Fixed { bound: fixed, .. } => bound(fixed),
        BindingError::Key { context, action: word, error } => keys
            .get(context.as_str())
            .and_then(|actions| actions.get(word.as_str()))
            .and_then(|chords| chords.iter().find(|chord| *chord.get_ref() == error.0))
            .map(|chord| chord.span().start),
        // The later of the two lines, where both are the user's.
        BindingError::Clash { first, second, .. } => bound(first).max(bound(second)),
    }
    .unwrap_or(0)
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

/// Parses values and reports the position of a wrong one.
struct Values<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Values<'_> {
    fn wrong(&self, value: &Spanned<String>, message: impl Into<String>) -> ConfigError {
        ConfigError::at(self.path, self.text, value.span().start, message)
    }

    fn word<T>(
        &self,
        own: Option<&Spanned<String>>,
        default: Option<&Spanned<String>>,
    ) -> Result<T, ConfigError>
    where
        T: FromStr + VariantArray + Copy + Default,
        &'static str: From<T>,
    {
        let Some(value) = own else {
            return Ok(default.and_then(|value| value.get_ref().parse().ok()).unwrap_or_default());
        };
        value.get_ref().parse().map_err(|_| {
            let allowed: Vec<&str> = T::VARIANTS.iter().map(|word| (*word).into()).collect();
            self.wrong(value, format!("{:?} is not one of: {}", value.get_ref(), allowed.join(", ")))
        })
    }

    fn length(
        &self,
        own: Option<&Spanned<String>>,
        default: Option<&Spanned<String>>,
        otherwise: &str,
    ) -> Result<TimeDelta, ConfigError> {
        if let Some(value) = own {
            parse_duration(value.get_ref())
                .map_err(|error| error.to_string())
                .and_then(|length| {
                    if length.is_zero() { Err("must be longer than nothing".to_owned()) } else { Ok(length) }
                })
                .map_err(|error| self.wrong(value, error))
        } else {
            let text = default.map_or(otherwise, |value| value.get_ref());
            Ok(parse_duration(text).unwrap_or(TimeDelta::days(1)))
        }
    }

    fn days(
        &self,
        own: Option<&Spanned<String>>,
        default: Option<&Spanned<String>>,
    ) -> Result<u32, ConfigError> {
        let length = self.length(own, default, "90d")?;
        match (u32::try_from(length.num_days()), own) {
            (Ok(days), _) if days >= 1 && TimeDelta::days(days.into()) == length => Ok(days),
            (_, Some(value)) => Err(self.wrong(value, "must be whole days: write 90d or 12w")),
            _ => Ok(90),
        }
    }
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
        assert_eq!(settings.clipboard_clear_after, Duration::from_secs(45));
        assert_eq!(
            (settings.theme, settings.ascii, settings.mouse, settings.clipboard),
            (ThemeName::Dark, Ascii::Auto, true, ClipboardMode::Auto)
        );
        let same = parse(DEFAULT).unwrap();
        assert_eq!(same.default_expiry, settings.default_expiry);
        let written: toml::Table = DEFAULT.parse().unwrap();
        for name in [
            "theme",
            "ascii",
            "mouse",
            "default_expiry",
            "expires_soon",
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
            "config.toml:2:9: \"blue\" is not one of: dark, light, high-contrast, terminal"
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
    fn a_mistake_far_down_has_its_own_line() {
        let fine = "mouse = true\n[keys.list]\nup = [\"w\"]\n";
        for (text, place) in [
            ("[keys.keys]\nselect = [\"y\"]\nexplode = [\"d\"]", "6:1"),
            ("[keys.keys]\ncreate = [\"n\", \"hyper-x\"]", "5:16"),
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
