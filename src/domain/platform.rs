//! The catalog of third-party platforms, and how to use a key.

use serde::Deserialize;

use super::key::KeyKind;

/// How a platform sends the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presents {
    /// `Authorization: ApiKey-v1 <key>`.
    Header,
    /// HTTP Basic (RFC 7617) with the user name `ApiKey-v1 <key>` and an empty password.
    Basic,
}

impl Presents {
    /// The word in the catalog and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Basic => "basic",
        }
    }
}

/// A third-party service that uses keys.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// 1 to 40 lower case letters, digits and `_`.
    pub slug: String,
    pub name: String,
    pub presents: Presents,
    /// How to configure the key there.
    #[serde(default)]
    pub steps: Vec<String>,
}

/// Platforms, ordered by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    platforms: Vec<Platform>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CatalogError {
    #[error("{0}")]
    Toml(String),
    #[error("platform slug {0:?}: use 1 to 40 lower case letters, digits and _, and not generic")]
    Slug(String),
    #[error("platform {0:?} has no name")]
    NoName(String),
    #[error("platform {0:?} is listed twice")]
    Twice(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    platforms: Vec<Platform>,
}

impl Catalog {
    /// `assets/platforms.toml`.
    pub fn built_in() -> Result<Self, CatalogError> {
        Self::parse(include_str!("../../assets/platforms.toml"))
    }

    pub fn parse(text: &str) -> Result<Self, CatalogError> {
        let listed: Listed = toml::from_str(text).map_err(|error| CatalogError::Toml(error.to_string()))?;
        Self::default().extended(listed.platforms)
    }

    /// Adds platforms. One with a known slug replaces the known one.
    pub fn extended(mut self, with: Vec<Platform>) -> Result<Self, CatalogError> {
        let mut seen = std::collections::HashSet::new();
        for platform in with {
            let slug = &platform.slug;
            let well_formed = slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if !well_formed || slug.is_empty() || slug.len() > 40 || slug == "generic" {
                return Err(CatalogError::Slug(slug.clone()));
            }
            if platform.name.trim().is_empty() {
                return Err(CatalogError::NoName(slug.clone()));
            }
            if !seen.insert(slug.clone()) {
                return Err(CatalogError::Twice(slug.clone()));
            }
            self.platforms.retain(|known| known.slug != *slug);
            self.platforms.push(platform);
        }
        self.platforms.sort_by_key(|platform| platform.name.to_lowercase());
        Ok(self)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Platform> {
        self.platforms.iter()
    }

    #[must_use]
    pub fn get(&self, slug: &str) -> Option<&Platform> {
        self.platforms.iter().find(|platform| platform.slug == slug)
    }

    /// The name of a platform; the slug where no catalog has it.
    #[must_use]
    pub fn name_of<'a>(&'a self, slug: &'a str) -> &'a str {
        self.get(slug).map_or(slug, |platform| &platform.name)
    }

    /// `Generic`, or the platform's name.
    #[must_use]
    pub fn label(&self, kind: &KeyKind) -> String {
        kind.platform().map_or_else(|| "Generic".to_owned(), |slug| super::text::inert(self.name_of(slug)))
    }
}

/// How to use a key, with `<key>` in place of the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instructions {
    /// `Generic`, or the platform's name.
    pub title: String,
    pub header: String,
    /// A command line for a first try.
    pub curl: String,
    pub steps: Vec<String>,
}

#[must_use]
pub fn instructions(kind: &KeyKind, catalog: &Catalog) -> Instructions {
    let platform = kind.platform().and_then(|slug| catalog.get(slug));
    let (header, curl) = match platform.map_or(Presents::Header, |p| p.presents) {
        Presents::Header => (
            "Authorization: ApiKey-v1 <key>".to_owned(),
            "curl -H 'Authorization: ApiKey-v1 <key>' https://api.example.com/".to_owned(),
        ),
        Presents::Basic => (
            "Authorization: Basic <base64 of \"ApiKey-v1 <key>:\">".to_owned(),
            "curl -u 'ApiKey-v1 <key>:' https://api.example.com/".to_owned(),
        ),
    };
    let steps = match platform {
        Some(platform) if !platform.steps.is_empty() => platform.steps.clone(),
        _ => vec![
            "Store the key in a secret store or an environment variable of your software, never in its source.".into(),
            "Send it with each request in the header above.".into(),
            "A response of 401 means that the key is rejected: expired, disabled, deleted or mistyped.".into(),
        ],
    };
    Instructions { title: catalog.label(kind), header, curl, steps }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_own_slugs_are_there() {
        let catalog = Catalog::built_in().unwrap();
        for slug in [
            "braze",
            "segment",
            "mparticle",
            "shopify",
            "iterable",
            "customer_engagement",
            "customer_data",
            "salesforce",
            "emarsys",
        ] {
            let platform = catalog.get(slug).unwrap_or_else(|| panic!("{slug}"));
            assert!(!platform.steps.is_empty(), "{slug}");
        }
    }

    #[test]
    fn users_extend_and_replace() {
        let own = Platform {
            slug: "braze".into(),
            name: "Our Braze".into(),
            presents: Presents::Header,
            steps: vec![],
        };
        let catalog = Catalog::built_in().unwrap().extended(vec![own]).unwrap();
        assert_eq!(catalog.name_of("braze"), "Our Braze");
        assert_eq!(catalog.name_of("gone"), "gone");
    }

    #[test]
    fn mistakes_are_named() {
        let platform = |slug: &str| Platform {
            slug: slug.into(),
            name: "X".into(),
            presents: Presents::Header,
            steps: vec![],
        };
        for slug in ["", "Braze", "a-b", "generic", "a\u{1b}"] {
            let error = Catalog::default().extended(vec![platform(slug)]).unwrap_err();
            assert_eq!(error, CatalogError::Slug(slug.into()));
        }
        let error = Catalog::default().extended(vec![platform("a"), platform("a")]).unwrap_err();
        assert_eq!(error, CatalogError::Twice("a".into()));
    }

    #[test]
    fn usage_never_needs_the_catalog() {
        let kind = KeyKind::ThirdParty { platform: "gone".into() };
        let usage = instructions(&kind, &Catalog::default());
        assert_eq!(usage.title, "gone");
        assert!(usage.curl.contains("<key>"));
    }
}
