//! The JSON documents that several commands print. The order of the fields is part of the contract.

use serde::Serialize;

use crate::domain::Instant;
use crate::domain::application::Application;
use crate::domain::audit::ChainHead;
use crate::domain::expiry::rfc3339;
use crate::domain::key::{Key, KeyId};
use crate::domain::source;
use crate::domain::text::{Name, Note};
use crate::domain::user::{Email, User};
use crate::store::usage::{Source, SourceAddress};

#[derive(Clone, Serialize)]
pub(crate) struct KeyDocument<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) application: &'a str,
    pub(crate) prefix: &'a str,
    pub(crate) kind: &'static str,
    pub(crate) platform: Option<&'a str>,
    #[serde(rename = "type")]
    pub(crate) key_type: &'static str,
    pub(crate) state: &'static str,
    pub(crate) created: String,
    pub(crate) creator: Option<&'a str>,
    pub(crate) expires: String,
    pub(crate) last_used: Option<String>,
    pub(crate) last_used_from: Option<&'a str>,
    pub(crate) uses_30d: u64,
    pub(crate) replaces: Option<&'a str>,
    pub(crate) replaced_by: Option<&'a str>,
    pub(crate) owner: Option<&'a str>,
    pub(crate) note: Option<&'a str>,
    /// Addresses and networks; none stands for any.
    pub(crate) allowed_sources: Vec<String>,
    pub(crate) canary: bool,
    /// While it is disabled for a time.
    pub(crate) disabled_until: Option<String>,
    /// Seconds, until it has ended.
    pub(crate) ends_when_unused_for: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

impl<'a> KeyDocument<'a> {
    /// `application` is the name of the key's Application.
    pub(crate) fn new(
        key: &'a Key,
        application: &'a str,
        now: Instant,
        soon: chrono::TimeDelta,
        uses_30d: u64,
    ) -> Self {
        Self {
            id: key.id.as_str(),
            name: key.name.as_str(),
            application,
            prefix: &key.prefix,
            kind: key.kind.as_str(),
            platform: key.kind.platform(),
            key_type: key.key_type.as_str(),
            state: key.state(now, soon).as_str(),
            created: rfc3339(key.created),
            creator: key.creator.email.as_ref().map(Email::as_str),
            expires: rfc3339(key.expires),
            last_used: key.last_used.map(rfc3339),
            last_used_from: key.last_used_from.as_deref(),
            uses_30d,
            replaces: key.replaces.as_ref().map(KeyId::as_str),
            replaced_by: key.replaced_by.as_ref().map(KeyId::as_str),
            owner: key.owner.as_ref().map(Name::as_str),
            note: key.note.as_ref().map(Note::as_str),
            allowed_sources: key
                .allowed_sources
                .networks()
                .iter()
                .map(|network| source::text(*network))
                .collect(),
            canary: key.is_canary,
            disabled_until: key.disabled_until.filter(|_| key.is_disabled(now)).map(rfc3339),
            ends_when_unused_for: key
                .until_unused
                .as_ref()
                .filter(|_| key.ended(now).is_none())
                .map(|rule| rule.length.num_seconds()),
            secret: None,
        }
    }

    pub(crate) fn with_secret(self, secret: &'a str) -> Self {
        Self { secret: Some(secret), ..self }
    }
}

/// A source of rejected requests. The address is null where it is not known, and `*` stands for those that are too old to be
/// listed alone.
#[derive(Serialize)]
pub(crate) struct RejectedDocument<'a> {
    address: Option<&'a str>,
    requests: u64,
    first: String,
    last: String,
}

impl<'a> RejectedDocument<'a> {
    pub(crate) fn of(source: &'a Source) -> Self {
        Self {
            address: match &source.address {
                SourceAddress::Known(address) => Some(address),
                SourceAddress::Unknown => None,
                SourceAddress::Older => Some("*"),
            },
            requests: source.requests,
            first: rfc3339(source.first),
            last: rfc3339(source.last),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct ApplicationDocument<'a> {
    name: &'a str,
    keys: u64,
    created: String,
}

impl<'a> From<&'a Application> for ApplicationDocument<'a> {
    fn from(application: &'a Application) -> Self {
        Self {
            name: application.name.as_str(),
            keys: application.keys,
            created: rfc3339(application.created),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct UserDocument<'a> {
    id: i64,
    email: Option<&'a str>,
    login: Option<&'a str>,
    status: &'static str,
    keys: u64,
    created: String,
}

impl<'a> From<&'a User> for UserDocument<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id.0,
            email: user.email.as_ref().map(Email::as_str),
            login: user.login.as_deref(),
            status: user.status.as_str(),
            keys: user.keys,
            created: rfc3339(user.created),
        }
    }
}

/// The head of the audit log.
#[derive(Serialize)]
pub(crate) struct HeadDocument {
    head: String,
    number: u64,
    hash: String,
}

impl From<ChainHead> for HeadDocument {
    fn from(head: ChainHead) -> Self {
        Self { head: head.to_string(), number: head.number, hash: head.hash.to_string() }
    }
}
