//! Which of the valid keys the endpoint accepts.

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::domain::key::{Accepted, KeyType};
use crate::verify::Reason;

/// The kind of a key without its platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum RequiredKind {
    Generic,
    ThirdParty,
}

impl RequiredKind {
    pub(crate) const ALL: &'static [Self] = Self::VARIANTS;

    /// The word on the command line, as in the JSON of a key.
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The type and the kind of key that is accepted; every one where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Restriction {
    pub key_type: Option<KeyType>,
    pub kind: Option<RequiredKind>,
}

impl Restriction {
    /// Why a valid key is rejected all the same.
    pub(super) fn reason_against(self, key: &Accepted) -> Option<Reason> {
        let kind = if key.platform.is_some() { RequiredKind::ThirdParty } else { RequiredKind::Generic };
        if self.key_type.is_some_and(|required| required != key.key_type) {
            Some(Reason::WrongType)
        } else if self.kind.is_some_and(|required| required != kind) {
            Some(Reason::WrongKind)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::KeyKind;

    #[test]
    fn the_words_are_those_of_the_json_of_a_key() {
        let third_party = KeyKind::from_platform(Some("braze".into()));
        assert_eq!(RequiredKind::Generic.as_str(), KeyKind::Generic.as_str());
        assert_eq!(RequiredKind::ThirdParty.as_str(), third_party.as_str());
    }
}
