//! What the surface is made of, and how its parts are put together.

use std::num::NonZeroU32;
use std::sync::Arc;

use kith_application::{Accounts, Columns, People, Records, Searches, Sessions, Webhooks};
use kith_domain::ports::{Health, Ids};
use kith_domain::webhook::address::AllowNets;
use poem::endpoint::{BoxEndpoint, Endpoint, EndpointExt};
use poem_openapi::OpenApi;
use tokio::sync::watch;

use crate::auth::Door;
use crate::columns::ColumnsApi;
use crate::events::{EventsApi, Following};
use crate::find::FindApi;
use crate::front::Front;
use crate::operation::Table;
use crate::people::PeopleApi;
use crate::records::RecordsApi;
use crate::route::Routes;
use crate::sessions::SessionsApi;
use crate::webhooks::WebhooksApi;
use crate::{docs, document, reset, system};

/// Where every path of the API begins.
pub(crate) const PREFIX: &str = "/api/v1";

/// The use cases behind the surface.
#[derive(Clone)]
pub struct App {
    /// Changes of records, and single records.
    pub records: Arc<Records>,
    /// Questions about records.
    pub searches: Arc<Searches>,
    /// Custom columns.
    pub columns: Arc<Columns>,
    /// Webhooks, their deliveries, and the event log.
    pub webhooks: Arc<Webhooks>,
    /// Who is calling.
    pub accounts: Arc<Accounts>,
    /// The company, its people, roles, invitations and keys.
    pub people: Arc<People>,
    /// Signing in and up, and passwords.
    pub sessions: Arc<Sessions>,
    /// What the surface is set to.
    pub policy: Policy,
    /// Makes request ids.
    pub ids: Arc<dyn Ids>,
    /// Whether the storage can serve, for `GET /readyz`.
    pub health: Arc<dyn Health>,
    /// How the event log is followed.
    pub following: Following,
}

/// Settings of the surface.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The address that people use; with https, cookies are sent over it alone.
    pub public_url: String,
    /// Proxies that are believed when they say from where a request came.
    pub trusted_proxies: AllowNets,
    /// How many requests an API key, or a session, may make in a minute; as many as it likes if there is none.
    pub requests_per_minute: Option<NonZeroU32>,
    /// How many live streams a key, or a session, may have open.
    pub streams_per_key: u32,
}

/// Everything that answers: the API, its description, and the signs of life.
pub fn endpoint(app: App) -> impl Endpoint<Output = poem::Response> + 'static {
    let (_, stopping) = watch::channel(false);
    endpoint_until(app, stopping)
}

/// The same; streams end when it says `true`.
pub(crate) fn endpoint_until(
    app: App,
    stopping: watch::Receiver<bool>,
) -> impl Endpoint<Output = poem::Response> + 'static {
    let ids = Arc::clone(&app.ids);
    let mut routes = Routes::default();
    api(&app, stopping)
        .into_iter()
        .for_each(|(path, methods)| routes.add(&format!("{PREFIX}{path}"), methods));
    document::routes()
        .into_iter()
        .for_each(|(path, endpoint)| routes.get(path, endpoint));
    docs::routes()
        .into_iter()
        .for_each(|(path, endpoint)| routes.get(path, endpoint));
    reset::routes()
        .into_iter()
        .for_each(|(path, endpoint)| routes.get(path, endpoint));
    system::routes(&app)
        .into_iter()
        .for_each(|(path, endpoint)| routes.get(path, endpoint));
    let is_paced = app.policy.requests_per_minute.is_some();
    Front::new(routes.finish(), ids, is_paced)
}

type Routing = std::collections::HashMap<
    String,
    std::collections::HashMap<poem::http::Method, BoxEndpoint<'static>>,
>;

fn api(app: &App, stopping: watch::Receiver<bool>) -> Routing {
    let mut table = Routing::new();
    let door = &Arc::new(Door::new(app));
    (
        RecordsApi::new(door, app),
        Table::new(door, ColumnsApi::new(app)),
        Table::new(door, FindApi::new(app)),
        Table::new(door, PeopleApi::new(app)),
        Table::new(door, SessionsApi::new(door, app)),
        Table::new(door, WebhooksApi::new(app)),
        Table::new(door, EventsApi::new(app, stopping)),
    )
        .add_routes(&mut table);
    table
}

/// A plain function as an endpoint.
pub(crate) fn answer(
    respond: impl Fn() -> poem::Response + Send + Sync + 'static,
) -> BoxEndpoint<'static> {
    poem::endpoint::make_sync(move |_| respond()).boxed()
}
