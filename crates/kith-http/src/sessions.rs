//! Signing in, out and up, sessions, and passwords over HTTP (contract, section 1).

mod passwords;
mod sign_in;

use std::net::IpAddr;
use std::sync::Arc;

use kith_application::Sessions;
use kith_domain::people::Visitor;
use kith_domain::text::clean;
use kith_domain::webhook::address::AllowNets;
use poem::Request;
use poem::http::header;

use crate::app::App;
use crate::auth::Door;
use crate::client;
use crate::operation::{Operation, Surface};

/// The operations on sessions.
pub(crate) struct SessionsApi {
    sessions: Arc<Sessions>,
    door: Arc<Door>,
    trusted_proxies: AllowNets,
}

impl SessionsApi {
    pub(crate) fn new(door: &Arc<Door>, app: &App) -> Self {
        SessionsApi {
            sessions: Arc::clone(&app.sessions),
            door: Arc::clone(door),
            trusted_proxies: app.policy.trusted_proxies.clone(),
        }
    }

    /// The network address of whoever sent a request.
    fn address(&self, request: &Request) -> Option<IpAddr> {
        client::address(request, &self.trusted_proxies)
    }

    /// Where a request came from, as far as it is shown to the user.
    fn visitor(&self, request: &Request) -> Visitor {
        let address = self.address(request);
        let agent = request.headers().get(header::USER_AGENT);
        let agent = agent.and_then(|text| clean(text.to_str().ok()?).ok());
        Visitor {
            address: address.map(|address| address.to_string()),
            user_agent: agent.filter(|text| !text.is_empty()),
        }
    }
}

impl Surface for SessionsApi {
    const TAGS: &'static [(&'static str, &'static str)] = &[
        (
            sign_in::TAG,
            "Signing in and out, and where the caller is signed in.",
        ),
        (
            passwords::TAG,
            "Changes of passwords, and new ones for those who forgot theirs.",
        ),
    ];

    fn operations() -> Vec<Operation<Self>> {
        let mut operations = sign_in::operations();
        operations.extend(passwords::operations());
        operations
    }
}
