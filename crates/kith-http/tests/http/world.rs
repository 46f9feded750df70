//! A server in memory with one company, and a client with its key.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use kith_api_types::JsonEventEncoder;
use kith_application::credentials::{CredentialError, GivenPassword, NewPassword};
use kith_application::ports::Passwords;
use kith_application::sessions::{SignUp, Surroundings};
use kith_application::{Accounts, Columns, People, Records, Searches, Sessions, Sources};
use kith_domain::draft::Reference;
use kith_domain::event::CommittedEvent;
use kith_domain::filter::{Search, SearchTerm};
use kith_domain::people::PasswordHash;
use kith_domain::ports::{
    Clock, Ids, MemoryRepository, Name, Page, Repository, RepositoryError, Schema, Settled,
    UnitOfWork,
};
use kith_domain::record::{Record, RecordKey};
use kith_domain::scope::Scope;
use kith_domain::time::Timestamp;
use kith_http::{App, Following, Policy, endpoint};
use poem::Response;
use poem::http::Method;
use poem::test::TestClient;
use serde_json::Value;
use uuid::Uuid;

use crate::keys::Keys;

pub(crate) const COMPANY: Uuid = Uuid::from_u128(0xC0);
pub(crate) const USER: Uuid = Uuid::from_u128(0x05);
pub(crate) const KEY: &str = "administrator-key";
pub(crate) const NOBODY: &str = "0198c5f2-7a3e-7c14-9d52-3b8e6f1a2c44";

/// An answer, read.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Pointers and codes of the problems, after checking that this is a problem of a status.
    pub(crate) fn problems(&self, status: u16) -> Vec<(String, String)> {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["requestId"], self.header("x-request-id").unwrap());
        for member in ["type", "title", "detail", "code"] {
            assert!(
                problem[member]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{}",
                self.body
            );
        }
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        let text = |error: &Value, member: &str| error[member].as_str().unwrap().to_owned();
        errors
            .iter()
            .map(|error| (text(error, "pointer"), text(error, "code")))
            .collect()
    }
}

/// A body as it comes.
pub(crate) struct Pieces(Pin<Box<dyn Stream<Item = std::io::Result<Bytes>>>>);

impl Pieces {
    /// The next piece; none at the end.
    pub(crate) async fn next(&mut self) -> Option<String> {
        let piece = self.0.next().await?.unwrap();
        Some(String::from_utf8(piece.to_vec()).unwrap())
    }
}

/// The server with its client.
pub(crate) struct World {
    client: TestClient<Box<dyn poem::endpoint::DynEndpoint<Output = Response>>>,
}

impl World {
    pub(crate) fn new() -> Self {
        World::over(Arc::new(memory()))
    }

    pub(crate) fn over(repository: Arc<dyn Repository>) -> Self {
        World::of(app(repository))
    }

    /// With settings of the surface.
    pub(crate) fn set(policy: Policy) -> Self {
        World::of(App {
            policy,
            ..app(Arc::new(memory()))
        })
    }

    fn of(app: App) -> Self {
        let endpoint = poem::endpoint::ToDynEndpoint(endpoint(app));
        World {
            client: TestClient::new(Box::new(endpoint) as Box<_>),
        }
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Reply {
        let mut request = self.client.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.body(body.into()).send().await.0;
        let headers = response.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let status = response.status().as_u16();
        Reply {
            status,
            headers,
            body: response.into_body().into_string().await.unwrap(),
        }
    }

    /// A stream of events, with the administrator's key; it has to begin.
    pub(crate) async fn follow(&self, path: &str, headers: &[(&str, &str)]) -> Pieces {
        let path = format!("/api/v1{path}");
        let mut request = self.client.get(path).header("x-api-key", KEY);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.0;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.content_type(), Some("text/event-stream"));
        Pieces(Box::pin(response.into_body().into_bytes_stream()))
    }

    /// With the administrator's key and a JSON body.
    pub(crate) async fn call(&self, method: Method, path: &str, body: impl Into<Vec<u8>>) -> Reply {
        let headers = [("x-api-key", KEY), ("content-type", "application/json")];
        self.send(method, &format!("/api/v1{path}"), &headers, body)
            .await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.call(Method::POST, path, body.to_string()).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Reply {
        self.call(Method::PUT, path, body.to_string()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, "").await
    }

    /// Creates a record and gives its id.
    pub(crate) async fn made(&self, path: &str, body: &Value) -> String {
        let reply = self.post(path, body).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.json()["id"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn memory() -> MemoryRepository {
    let repository = MemoryRepository::default();
    repository.add_user(COMPANY, USER);
    repository
}

pub(crate) fn app(repository: Arc<dyn Repository>) -> App {
    let clock = Arc::new(Tick::default());
    let encoder = Arc::new(JsonEventEncoder);
    let ids: Arc<dyn Ids> = Arc::new(Count::default());
    let sources = Sources {
        encoder: encoder.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
    };
    let accounts = Arc::new(Accounts::new(Arc::new(Keys), sources));
    let people = Arc::new(People::new(accounts.clone()));
    let sessions = Surroundings {
        passwords: Arc::new(AtOnce),
        mailer: None,
        sign_up: SignUp::Open,
        public_url: "http://kith".to_owned(),
    };
    App {
        sessions: Arc::new(Sessions::new(people.clone(), sessions)),
        policy: policy(),
        records: Arc::new(Records::new(
            repository.clone(),
            encoder.clone(),
            clock.clone(),
            ids.clone(),
        )),
        searches: Arc::new(Searches::new(repository.clone(), clock.clone())),
        webhooks: Arc::new(crate::shelf::webhooks(
            repository.clone(),
            clock.clone(),
            ids.clone(),
        )),
        columns: Arc::new(Columns::new(repository, encoder, clock, ids.clone())),
        people,
        accounts,
        ids,
        health: Arc::new(Keys),
        following: Following::default(),
    }
}

/// The usual settings.
pub(crate) fn policy() -> Policy {
    Policy {
        public_url: "https://kith.example".to_owned(),
        trusted_proxies: Default::default(),
        requests_per_minute: None,
        streams_per_key: 2,
    }
}

/// Passwords are hashed on the spot.
struct AtOnce;

#[async_trait]
impl Passwords for AtOnce {
    async fn hash(&self, password: NewPassword) -> Result<PasswordHash, CredentialError> {
        password.hash()
    }

    async fn matches(
        &self,
        password: GivenPassword,
        hash: PasswordHash,
    ) -> Result<bool, CredentialError> {
        password.matches(&hash)
    }
}

/// Every look at the clock is a second later.
#[derive(Default)]
struct Tick(AtomicU64);

impl Clock for Tick {
    fn now(&self) -> Timestamp {
        let ticks = i64::try_from(self.0.fetch_add(1, Ordering::Relaxed)).unwrap();
        Timestamp(1_776_852_000_000 + ticks * 1_000)
    }
}

#[derive(Default)]
struct Count(AtomicU64);

impl Ids for Count {
    fn new_id(&self) -> Uuid {
        Uuid::from_u128(
            0x0198_0000_0000_7000_8000_0000_0000_0000
                + u128::from(self.0.fetch_add(1, Ordering::Relaxed)),
        )
    }
}

/// What a repository can do to a server.
pub(crate) enum Broken {
    /// It panics.
    Panicking,
    /// It fails and says things that nobody outside should read.
    Failing,
    /// It is too busy.
    Busy,
}

#[async_trait]
impl Repository for Broken {
    async fn transact(&self, _: Box<dyn UnitOfWork>) -> Result<Settled, RepositoryError> {
        match self {
            Broken::Panicking => panic!("secret inside"),
            Broken::Failing => Err(RepositoryError::Failed("secret inside".to_owned())),
            Broken::Busy => Err(RepositoryError::Unavailable("secret inside".to_owned())),
        }
    }

    async fn get(&self, _: &Scope, _: RecordKey) -> Result<Option<Arc<Record>>, RepositoryError> {
        Ok(None)
    }

    async fn schema(&self, _: Uuid) -> Result<Schema, RepositoryError> {
        Ok(Schema::default())
    }

    async fn search(&self, _: &Scope, _: &Search) -> Result<Page, RepositoryError> {
        Err(RepositoryError::Failed("secret inside".to_owned()))
    }

    async fn names(&self, _: &Scope, _: &[Reference]) -> Result<Vec<Name>, RepositoryError> {
        Ok(Vec::new())
    }

    async fn find(&self, _: &Scope, _: &SearchTerm, _: u32) -> Result<Vec<Name>, RepositoryError> {
        Ok(Vec::new())
    }

    async fn events(
        &self,
        _: Uuid,
        _: i64,
        _: usize,
    ) -> Result<Vec<CommittedEvent>, RepositoryError> {
        Ok(Vec::new())
    }
}
