//! How values are written in the document: hashes, heads and key IDs as text, instants as RFC 3339 in UTC.

/// A value with `Display` and `FromStr`.
pub(super) mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in super::super) fn serialize<T: Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(in super::super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A commitment, in hexadecimal digits like a hash; null for none.
pub(super) mod commitment {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::domain::audit::ChainHash;
    use crate::domain::commitment::Commitment;

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(in super::super) fn serialize<S: Serializer>(
        value: &Option<Commitment>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(Commitment(bytes)) => serializer.collect_str(&ChainHash(*bytes)),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Commitment>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        let hash = text.map(|text| text.parse::<ChainHash>()).transpose().map_err(D::Error::custom)?;
        Ok(hash.map(|hash| Commitment(hash.0)))
    }
}

/// RFC 3339 in UTC, whole seconds.
pub(super) mod instant {
    use chrono::{DateTime, Utc};
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::domain::Instant;
    use crate::domain::expiry::rfc3339;

    pub(in super::super) fn serialize<S: Serializer>(
        value: &Instant,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339(*value))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Instant, D::Error> {
        let text = String::deserialize(deserializer)?;
        DateTime::parse_from_rfc3339(&text).map(|at| at.with_timezone(&Utc)).map_err(D::Error::custom)
    }
}
