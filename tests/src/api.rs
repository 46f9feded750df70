//! A caller of the API: a key, and connections that are kept.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::{Connection, Reply};

/// A person who calls a server with a key; clones share the connections.
#[derive(Clone, Debug)]
pub struct Api {
    /// The server.
    pub address: SocketAddr,
    /// The tenant.
    pub company: Uuid,
    /// Who calls.
    pub user: Uuid,
    /// The header line with the key.
    pub key_line: String,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Api {
    /// A caller with a key.
    pub fn new(address: SocketAddr, company: Uuid, user: Uuid, key: &str) -> Self {
        Api {
            address,
            company,
            user,
            key_line: format!("x-api-key: {key}\r\n"),
            idle: Arc::default(),
        }
    }

    /// The same person with another key.
    #[must_use]
    pub fn with_key(&self, user: Uuid, key: &str) -> Self {
        Api::new(self.address, self.company, user, key)
    }

    /// The same caller at another server.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Self {
        Api {
            address,
            idle: Arc::default(),
            ..self.clone()
        }
    }

    /// Sends a request below `/api/v1` with the key and further header lines, each with its CRLF.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn send(&self, method: &str, path: &str, head: &str, body: &[u8]) -> Result<Reply> {
        let head = format!("{}{head}", self.key_line);
        self.send_raw(method, &format!("/api/v1{path}"), &head, body)
            .await
    }

    /// Sends a request as it is.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn send_raw(
        &self,
        method: &str,
        path: &str,
        head: &str,
        body: &[u8],
    ) -> Result<Reply> {
        let idle = self.connections().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => Connection::open(self.address).await?,
        };
        let reply = connection.request(method, path, head, body).await?;
        if reply.header("connection") != Some("close") {
            self.connections().push(connection);
        }
        Ok(reply)
    }

    fn connections(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends JSON.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Result<Reply> {
        self.call_with(method, path, "", body).await
    }

    /// Sends JSON with further header lines.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn call_with(
        &self,
        method: &str,
        path: &str,
        head: &str,
        body: &Value,
    ) -> Result<Reply> {
        let head = format!("content-type: application/json\r\n{head}");
        self.send(method, path, &head, body.to_string().as_bytes())
            .await
    }

    /// `GET`.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn get(&self, path: &str) -> Result<Reply> {
        self.send("GET", path, "", b"").await
    }

    /// `DELETE` without a body.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn delete(&self, path: &str) -> Result<Reply> {
        self.send("DELETE", path, "", b"").await
    }

    /// Makes a record: `create("contacts", &json!({…}))`.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn create(&self, plural: &str, body: &Value) -> Result<Reply> {
        self.call("POST", &format!("/{plural}"), body).await
    }

    /// Changes a record.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn update(&self, plural: &str, id: &str, body: &Value) -> Result<Reply> {
        self.call("PUT", &format!("/{plural}/{id}"), body).await
    }

    /// A record as it is: the member of `GET` that is named after the type.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn record(&self, plural: &str, id: &str) -> Result<Value> {
        let reply = self.get(&format!("/{plural}/{id}")).await?;
        Ok(reply.expect(200)[plural.trim_end_matches('s')].take())
    }

    /// Adds links.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn link(
        &self,
        plural: &str,
        id: &str,
        relation: &str,
        ids: &[&str],
    ) -> Result<Reply> {
        let path = format!("/{plural}/{id}/links/{relation}");
        self.call("POST", &path, &json!({ "ids": ids })).await
    }

    /// Removes links.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn unlink(
        &self,
        plural: &str,
        id: &str,
        relation: &str,
        ids: &[&str],
    ) -> Result<Reply> {
        let path = format!("/{plural}/{id}/links/{relation}");
        self.call("DELETE", &path, &json!({ "ids": ids })).await
    }
}
