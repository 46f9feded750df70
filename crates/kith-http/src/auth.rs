//! Who is calling: the key of a request, or the session of a browser (contract, section 1).

pub(crate) mod cookie;
mod origin;

use std::sync::Arc;

use kith_api_types::Problem;
use kith_application::Accounts;
use kith_application::accounts::{Caller, Credential, Identity};
use kith_domain::actor::Actor;
use kith_domain::ports::RepositoryError;
use poem::Request;
use poem::http::header;
use uuid::Uuid;

use crate::app::App;
use crate::aside::Aside;
use crate::limits::Limits;
use crate::reply::Failure;
use origin::Origins;

/// Lets in whoever has shown a credential.
pub(crate) struct Door {
    accounts: Arc<Accounts>,
    origins: Origins,
    pub(crate) limits: Limits,
}

/// The credential of a request whose answer lasts, to be looked at again for as long.
#[derive(Clone)]
pub(crate) struct Standing {
    accounts: Arc<Accounts>,
    shown: Shown,
}

#[derive(Clone)]
enum Shown {
    Key(String),
    Session(String),
}

impl Standing {
    /// Who the credential stands for now; nobody if it was taken away, or its owner may not act any more.
    pub(crate) async fn actor(&self) -> Result<Option<Arc<Actor>>, RepositoryError> {
        let caller = match &self.shown {
            Shown::Key(key) => self.accounts.authenticate(key).await?,
            Shown::Session(token) => self.accounts.authenticate_session(token).await?.0,
        };
        Ok(match caller {
            Caller::Active(identity) => Some(identity.actor),
            Caller::Inactive | Caller::Unknown => None,
        })
    }
}

/// The session that a request came with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CurrentSession(pub(crate) Uuid);

impl Door {
    pub(crate) fn new(app: &App) -> Self {
        Door {
            accounts: Arc::clone(&app.accounts),
            origins: Origins::new(&app.policy.public_url),
            limits: Limits::new(app.policy.requests_per_minute, app.policy.streams_per_key),
        }
    }

    /// Who has sent a request, if they may send one more.
    pub(crate) async fn identify(&self, request: &Request) -> Result<Identity, Failure> {
        let identity = self.recognise(request).await?;
        let aside = request.extensions().get::<Aside>();
        self.limits.count(identity.credential, aside)?;
        Ok(identity)
    }

    /// The credential of a request, to be looked at again.
    pub(crate) fn standing(&self, request: &Request) -> Option<Standing> {
        let key = key(request).map(|key| Shown::Key(key.to_owned()));
        let session = || cookie::token(request).map(|token| Shown::Session(token.to_owned()));
        Some(Standing {
            accounts: Arc::clone(&self.accounts),
            shown: key.or_else(session)?,
        })
    }

    /// A key counts before a session: whoever sends one means it.
    async fn recognise(&self, request: &Request) -> Result<Identity, Failure> {
        if let Some(key) = key(request) {
            let caller = self.accounts.authenticate(key).await?;
            return admitted(caller, "API key");
        }
        let Some(token) = cookie::token(request) else {
            return Err(unauthorized(
                "this needs an API key, in the header x-api-key or as Authorization: Bearer, or the cookie of a session",
            ));
        };
        let (caller, is_extended) = self.accounts.authenticate_session(token).await?;
        let identity = admitted(caller, "session")?;
        self.origins.require(request)?;
        if is_extended && let Some(aside) = request.extensions().get::<Aside>() {
            aside.add(header::SET_COOKIE, self.cookie(token));
        }
        Ok(identity)
    }

    /// What a browser is told to keep.
    pub(crate) fn cookie(&self, token: &str) -> String {
        cookie::kept(token, self.origins.are_secure())
    }

    /// What a browser is told to forget.
    pub(crate) fn no_cookie(&self) -> String {
        cookie::forgotten(self.origins.are_secure())
    }

    /// That a request without a credential does not come from a page of somebody else.
    pub(crate) fn require_no_other_origin(&self, request: &Request) -> Result<(), Failure> {
        if request.headers().contains_key(header::ORIGIN) {
            self.origins.require(request)
        } else {
            Ok(())
        }
    }
}

fn admitted(caller: Caller, credential: &str) -> Result<Identity, Failure> {
    match caller {
        Caller::Active(identity) => Ok(identity),
        Caller::Inactive => Err(inactive(&format!(
            "the owner of this {credential} is not active"
        ))),
        Caller::Unknown => Err(unauthorized(&format!(
            "this {credential} is unknown, revoked or expired"
        ))),
    }
}

/// The session of a request, for those who need to know.
pub(crate) fn remember_session(request: &mut Request, credential: Credential) {
    if let Credential::Session(id) = credential {
        request.extensions_mut().insert(CurrentSession(id));
    }
}

/// The session that a request came with, if it came with one.
pub(crate) fn current_session(request: &Request) -> Option<Uuid> {
    let session = request.extensions().get::<CurrentSession>();
    session.map(|session| session.0)
}

fn key(request: &Request) -> Option<&str> {
    let headers = request.headers();
    if let Some(key) = headers.get("x-api-key") {
        // What is no text is no key that anybody has.
        return Some(key.to_str().unwrap_or_default());
    }
    let (scheme, key) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// That a credential is missing or worth nothing.
pub(crate) fn unauthorized(detail: &str) -> Failure {
    Problem::new(401, "unauthorized", "Unauthorized", detail).into()
}

/// That a user may not act.
pub(crate) fn inactive(detail: &str) -> Failure {
    Problem::new(403, "inactive_user", "Forbidden", detail).into()
}
