//! Questions to the worker, and who takes the response.

use std::marker::PhantomData;
use std::path::PathBuf;

use super::msg::{Effect, Load, Loaded, Operation, Outcome, RequestId, Response};
use super::shared::Shared;
use crate::desk::{DeskError, Identified, Selection};
use crate::domain::application::Application;
use crate::domain::key::{Key, KeyId};
use crate::domain::text::Name;
use crate::domain::user::User;
use crate::host::clipboard::{Copied, CopyError};
use crate::store::audit::AuditRow;
use crate::store::usage::Presented;
use crate::store::{Page, StoreError};

use super::msg::{KeyDetails, Remains, SessionInfo, UserDetails, VerificationStep};

/// One outstanding question whose response is a `T`. A newer question replaces an older one: its response is dropped.
#[derive(Debug)]
pub struct Pending<T> {
    request: Option<RequestId>,
    response: PhantomData<fn() -> T>,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self { request: None, response: PhantomData }
    }
}

impl<T: Expected> Pending<T> {
    /// Asks for something to be read.
    pub fn load(&mut self, load: Load, shared: &mut Shared) {
        self.ask(shared, |request| Effect::Load(request, load));
    }

    /// Asks for an operation.
    pub fn operate(&mut self, operation: Operation, shared: &mut Shared) {
        self.ask(shared, |request| Effect::Do(request, operation));
    }

    /// Asks for an effect that is responded to.
    pub fn ask(&mut self, shared: &mut Shared, effect: impl FnOnce(RequestId) -> Effect) {
        let request = shared.request();
        shared.push(effect(request));
        self.request = Some(request);
    }

    /// Drops the response that is still to come.
    pub fn cancel(&mut self) {
        self.request = None;
    }

    /// Whether a response is still to come.
    pub fn is_waiting(&self) -> bool {
        self.request.is_some()
    }

    /// Takes its own response; leaves any other where it is.
    pub fn take(&mut self, reply: &mut Reply) -> Option<Result<T, T::Error>> {
        if self.request != Some(reply.request) {
            return None;
        }
        self.request = None;
        T::expect(reply.response.take()?)
    }
}

/// A response on its way to the part of the state that asked.
#[derive(Debug)]
pub struct Reply {
    request: RequestId,
    response: Option<Response>,
}

impl Reply {
    pub fn new(request: RequestId, response: Response) -> Self {
        Self { request, response: Some(response) }
    }
}

/// What a question can be about.
pub trait Expected: Sized {
    type Error;

    /// The content of the response, if it is of this type.
    fn expect(response: Response) -> Option<Result<Self, Self::Error>>;
}

macro_rules! loaded {
    ($($type:ty = $variant:ident,)*) => {
        $(impl Expected for $type {
            type Error = StoreError;

            fn expect(response: Response) -> Option<Result<Self, StoreError>> {
                match response {
                    Response::Loaded(Ok(Loaded::$variant(content))) => Some(Ok(content)),
                    Response::Loaded(Err(error)) => Some(Err(error)),
                    _ => None,
                }
            }
        })*
    };
}

loaded! {
    Box<SessionInfo> = SessionInfo,
    Page<Key> = Keys,
    u64 = Count,
    Vec<KeyId> = KeyIds,
    Option<Box<KeyDetails>> = Details,
    Option<Box<UserDetails>> = User,
    Box<Selection> = Selection,
    Name = UnusedName,
    Vec<u64> = Timeline,
    Page<Application> = Applications,
    Vec<Application> = ApplicationChoices,
    Page<User> = Users,
    Page<AuditRow> = Audit,
    VerificationStep = AuditChain,
    Box<crate::desk::known_head::KnownHeadCheck> = KnownHead,
    Vec<Presented> = Presented,
    Option<Box<Remains>> = Remains,
    Vec<Identified> = Identified,
}

macro_rules! expected {
    ($($type:ty, $error:ty: $response:pat => $content:expr;)*) => {
        $(impl Expected for $type {
            type Error = $error;

            fn expect(response: Response) -> Option<Result<Self, $error>> {
                if let $response = response { Some($content) } else { None }
            }
        })*
    };
}

expected! {
    Outcome, DeskError: Response::Done(result) => *result;
    Copied, CopyError: Response::Copied(result) => result;
    PathBuf, String: Response::Written(result) => result;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::app::msg::Asker;

    #[test]
    fn a_response_to_an_older_question_is_dropped() {
        let request = |number| RequestId { asker: Asker::App, number };
        let reply = |number, count| Reply::new(request(number), Response::Loaded(Ok(Loaded::Count(count))));
        let mut pending = Pending::<u64> { request: Some(request(2)), ..Pending::default() };
        assert!(pending.take(&mut reply(1, 10)).is_none() && pending.is_waiting());
        assert!(matches!(pending.take(&mut reply(2, 20)), Some(Ok(20))));
        assert!(pending.take(&mut reply(2, 20)).is_none() && !pending.is_waiting());
    }
}
