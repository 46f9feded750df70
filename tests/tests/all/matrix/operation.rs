//! What the document says of an operation, and how it is called.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result};
use kith_tests::http::Connection;
use kith_tests::{Api, Reply};
use serde_json::Value;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What ids stand for the names in a request.
pub(super) type Ids = BTreeMap<String, String>;

/// An operation of the document.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) method: String,
    pub(super) path: String,
    /// The status when it succeeds.
    pub(super) success: u16,
    /// Whether the document asks for no credential.
    pub(super) is_open: bool,
    /// Whether its answer does not end.
    pub(super) is_endless: bool,
    /// What `{relation}` in its path may be.
    pub(super) relations: Vec<String>,
}

/// A request in which `<name>` stands for an id.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) operation: Operation,
    /// With its query string.
    pub(super) path: String,
    /// Null for none.
    pub(super) body: Value,
}

/// The operations of the document, by their ids.
pub(super) fn operations(document: &Value) -> BTreeMap<String, Operation> {
    let mut operations = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, about) in methods.as_object().unwrap() {
            let id = about["operationId"].as_str().unwrap();
            let known = operations.insert(id.to_owned(), operation(method, path, about));
            assert!(known.is_none(), "two operations have the id {id}");
        }
    }
    operations
}

fn operation(method: &str, path: &str, about: &Value) -> Operation {
    let responses = about["responses"].as_object().unwrap();
    let (success, response) = responses
        .iter()
        .find(|(status, _)| status.starts_with('2'))
        .unwrap();
    let parameters = about["parameters"].as_array().into_iter().flatten();
    let relations = parameters
        .filter(|parameter| parameter["name"] == "relation")
        .flat_map(|parameter| parameter["schema"]["enum"].as_array().unwrap());
    Operation {
        method: method.to_uppercase(),
        path: path.to_owned(),
        success: success.parse().unwrap(),
        is_open: about["security"].as_array().is_none_or(Vec::is_empty),
        is_endless: response["content"].get("text/event-stream").is_some(),
        relations: relations
            .map(|name| name.as_str().unwrap().to_owned())
            .collect(),
    }
}

impl Template {
    /// The names in it.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let text = format!("{} {}", self.path, self.body);
        let parts = text.split('<').skip(1);
        parts
            .filter_map(|part| part.split_once('>'))
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// Whether a name stands in the path, before the query string.
    pub(super) fn leads_through(&self, name: &str) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        path.contains(&format!("<{name}>"))
    }

    /// Sends the request with these ids. Of an answer that does not end, only the head is read.
    pub(super) async fn send(&self, api: &Api, ids: &Ids, is_granted: bool) -> Result<Reply> {
        let path = filled(&self.path, ids);
        let body = match &self.body {
            Value::Null => String::new(),
            body => filled(&body.to_string(), ids),
        };
        let mut head = api.key_line.clone();
        if !body.is_empty() {
            head.push_str("content-type: application/json\r\n");
        }
        let method = &self.operation.method;
        let answer = async {
            if self.operation.is_endless && is_granted {
                let mut connection = Connection::open(api.address).await?;
                let request = format!("{method} {path} HTTP/1.1\r\nhost: kith\r\n{head}\r\n");
                connection.send(request.as_bytes()).await?;
                return connection.reply(true).await;
            }
            api.send_raw(method, &path, &head, body.as_bytes()).await
        };
        let late = || format!("no answer to {method} {path}");
        tokio::time::timeout(PATIENCE, answer)
            .await
            .with_context(late)?
    }
}

fn filled(text: &str, ids: &Ids) -> String {
    let mut text = text.to_owned();
    for (name, id) in ids {
        text = text.replace(&format!("<{name}>"), id);
    }
    text
}
