//! Reads the credential of a request from its headers: one of four forms, and exactly one.
//!
//! | header | form |
//! |---|---|
//! | `Authorization` | `ApiKey-v1 <key>` |
//! | `Authorization` | `Bearer <key>` (RFC 6750) |
//! | `Authorization` | `Basic <base64 of "ApiKey-v1 <key>:" or "<key>:">` (RFC 7617) |
//! | `X-API-Key` | `<key>` |
//!
//! Schemes ignore case (RFC 9110, section 11.1). Two credentials are rejected, even when they are equal: a proxy and the
//! software behind it could use different ones.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

pub(crate) const SCHEME: &str = "ApiKey-v1";

/// The presented text. `Debug` does not show it.
pub(crate) enum Credential<'a> {
    /// Exactly as in the header.
    Plain(&'a str),
    /// Decoded from a Basic credential.
    Decoded(Zeroizing<String>),
}

impl Credential<'_> {
    /// The text. Never log it.
    pub(crate) fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Decoded(text) => text,
        }
    }
}

impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(redacted)")
    }
}

/// Why there is no credential to verify, for logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum CredentialFault {
    Missing,
    /// More than one was sent.
    Several,
    /// Not one of the four forms.
    Malformed,
}

/// Returns the only credential in the values of a request's `Authorization` and `X-API-Key` headers.
///
/// # Errors
/// When there is no credential, more than one, or one of another form.
pub(crate) fn read<'a>(
    authorization: impl IntoIterator<Item = &'a [u8]>,
    x_api_key: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Credential<'a>, CredentialFault> {
    let (mut authorization, mut x_api_key) = (authorization.into_iter(), x_api_key.into_iter());
    let found = (authorization.next(), x_api_key.next());
    if authorization.next().is_some() || x_api_key.next().is_some() {
        return Err(CredentialFault::Several);
    }
    match found {
        (None, None) => Err(CredentialFault::Missing),
        (Some(_), Some(_)) => Err(CredentialFault::Several),
        (None, Some(value)) => word(value).map(Credential::Plain).ok_or(CredentialFault::Malformed),
        (Some(value), None) => from_authorization(value).ok_or(CredentialFault::Malformed),
    }
}

/// One word of visible ASCII, like every key.
fn word(bytes: &[u8]) -> Option<&str> {
    // Looks at all of them, several at once.
    let is_word = bytes.iter().fold(!bytes.is_empty(), |all, byte| all & byte.is_ascii_graphic());
    std::str::from_utf8(bytes).ok().filter(|_| is_word)
}

fn from_authorization(value: &[u8]) -> Option<Credential<'_>> {
    let (scheme, rest) = scheme_and_word(value)?;
    if scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) || scheme.eq_ignore_ascii_case(b"Bearer") {
        Some(Credential::Plain(rest))
    } else if scheme.eq_ignore_ascii_case(b"Basic") {
        let decoded = Zeroizing::new(STANDARD.decode(rest).ok()?);
        // The password is empty.
        let user = decoded.strip_suffix(b":")?;
        let key = match scheme_and_word(user) {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) => key,
            Some(_) => return None,
            None => word(user)?,
        };
        (!key.contains(':')).then(|| Credential::Decoded(Zeroizing::new(key.to_owned())))
    } else {
        None
    }
}

/// A scheme, one or more spaces, and a word (RFC 9110, section 11.4).
fn scheme_and_word(value: &[u8]) -> Option<(&[u8], &str)> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = value.split_at(space);
    let start = rest.iter().position(|byte| *byte != b' ')?;
    Some((scheme, word(rest.get(start..)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "ik_live_7Qm2x9KdPa_secret";

    fn said(authorization: &[&[u8]], x_api_key: &[&[u8]]) -> Result<String, CredentialFault> {
        read(authorization.iter().copied(), x_api_key.iter().copied())
            .map(|credential| credential.expose().to_owned())
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn the_four_forms_are_read() {
        let forms = [
            format!("ApiKey-v1 {KEY}"),
            format!("apikey-V1   {KEY}"),
            format!("Bearer {KEY}"),
            format!("BEARER {KEY}"),
            basic(&format!("ApiKey-v1 {KEY}:")),
            basic(&format!("{KEY}:")),
            basic(&format!("{KEY}:")).replace("Basic", "bAsIc"),
        ];
        for form in forms {
            assert_eq!(said(&[form.as_bytes()], &[]).as_deref(), Ok(KEY), "{form}");
        }
        assert_eq!(said(&[], &[KEY.as_bytes()]).as_deref(), Ok(KEY));
    }

    #[test]
    fn everything_else_is_rejected() {
        let malformed = [
            String::new(),
            " ".into(),
            KEY.into(),
            "Bearer".into(),
            "Bearer ".into(),
            format!("Bearer\t{KEY}"),
            format!("Bearer \t{KEY}"),
            format!("Bearer {KEY} {KEY}"),
            format!("Bearer {KEY}\u{e9}"),
            format!("Bearer {KEY}, Bearer {KEY}"),
            format!("Digest username=\"{KEY}\""),
            format!("ApiKey-v2 {KEY}"),
            format!(" Bearer {KEY}"),
            basic(KEY),
            basic(&format!("{KEY}:password")),
            basic(&format!("{KEY}::")),
            basic(&format!(":{KEY}")),
            basic(":"),
            basic(""),
            basic("ApiKey-v1 :"),
            basic(&format!("ApiKey-v1 \n\r\u{c}{KEY}:")),
            basic(&format!("ApiKey-v1 \n{KEY}:")),
            basic(&format!("ApiKey-v1 \t{KEY}:")),
            basic(&format!("ApiKey-v1\t{KEY}:")),
            basic(&format!("ApiKey-v1 {KEY}\n:")),
            basic(&format!(" ApiKey-v1 {KEY}:")),
            basic(&format!("Bearer {KEY}:")),
            basic(&format!("{KEY}:\n")),
            basic(&format!("{KEY}:")).trim_end_matches('=').to_owned() + "!",
            format!("Basic {KEY}:"),
        ];
        for value in malformed {
            assert_eq!(said(&[value.as_bytes()], &[]), Err(CredentialFault::Malformed), "{value:?}");
        }
        for value in ["", " ", "two words", "k\u{e9}y", "a\tb"] {
            assert_eq!(said(&[], &[value.as_bytes()]), Err(CredentialFault::Malformed), "{value:?}");
        }
        assert_eq!(said(&[], &[b"\xff\xfe"]), Err(CredentialFault::Malformed));
    }

    #[test]
    fn two_are_none() {
        let bearer = format!("Bearer {KEY}");
        let (one, key) = (bearer.as_bytes(), KEY.as_bytes());
        for (authorization, x_api_key) in [
            (vec![one, one], vec![]),
            (vec![], vec![key, key]),
            (vec![one], vec![key]),
            (vec![b""], vec![key]),
        ] {
            assert_eq!(said(&authorization, &x_api_key), Err(CredentialFault::Several));
        }
        assert_eq!(said(&[], &[]), Err(CredentialFault::Missing));
    }

    #[test]
    fn debug_shows_nothing() {
        let shown = format!("{:?}", read([], [KEY.as_bytes()]).unwrap());
        assert_eq!(shown, "Credential(redacted)");
    }

    proptest! {
        #[test]
        fn no_input_panics_and_credentials_are_one_word(
            authorization in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..3),
            x_api_key in prop::collection::vec("[ -~\\t]{0,40}", 0..3),
        ) {
            let credential = read(
                authorization.iter().map(Vec::as_slice),
                x_api_key.iter().map(String::as_bytes),
            );
            if let Ok(credential) = credential {
                prop_assert!(authorization.len() + x_api_key.len() == 1);
                prop_assert!(!credential.expose().is_empty());
                prop_assert!(credential.expose().bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }

        #[test]
        fn every_word_survives_basic_encoding(key in "[!-9;-~]{1,60}") {
            for form in [basic(&format!("{key}:")), basic(&format!("{SCHEME} {key}:"))] {
                prop_assert_eq!(said(&[form.as_bytes()], &[]), Ok(key.clone()));
            }
        }
    }
}
