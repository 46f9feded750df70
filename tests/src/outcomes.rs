//! One delivery to each kind of receiver, and what was recorded of it beside what has to be.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::faults::{settled, subscribe};
use crate::receiver::{BEHAVIOURS, Behaviour, Receiver, Recorded};
use crate::server::{Process, TestServer};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was recorded of a delivery.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The receiver's behaviour.
    pub behaviour: &'static Behaviour,
    /// The delivery, as the API tells it.
    pub delivery: Value,
    /// The webhook afterwards.
    pub webhook: Value,
}

impl Outcome {
    /// Whether it is what has to be recorded.
    ///
    /// # Errors
    /// What is not.
    pub fn check(&self) -> Result<()> {
        let (name, delivery) = (self.behaviour.name, &self.delivery);
        let Recorded {
            status,
            code,
            error,
            kept,
        } = self.behaviour.recorded;
        ensure!(delivery["status"] == status, "{name}: {delivery}");
        ensure!(
            delivery["statusCode"] == Value::from(code),
            "{name}: {delivery}"
        );
        match (delivery["error"].as_str(), error) {
            (None, None) => {}
            (Some(text), Some(begin)) => ensure!(text.starts_with(begin), "{name}: {text}"),
            (text, _) => anyhow::bail!("{name}: the error is {text:?}"),
        }
        let body = delivery["responseBody"].as_str().unwrap_or_default();
        ensure!(body.len() == kept, "{name}: {} bytes are kept", body.len());
        let is_gone = code == Some(410);
        ensure!(
            self.webhook["enabled"] == !is_gone,
            "{name}: {}",
            self.webhook
        );
        Ok(())
    }
}

/// Makes an event for a webhook to each behaviour, in place of a server that has just been started.
///
/// # Errors
/// When the server refuses, or the deliveries do not end.
pub async fn of_each_behaviour(server: &mut TestServer, timeout: Duration) -> Result<Vec<Outcome>> {
    let receiver = Receiver::start().await?;
    receiver.let_go();
    server.kill()?;
    let settings = receiver.settings(timeout);
    let process = Process::start_as(&server.database.url, "all", &settings)?;
    let api = server.api.at(process.address);
    let mut webhooks = Vec::new();
    for behaviour in &BEHAVIOURS {
        webhooks.extend(subscribe(&api, &receiver, 1, behaviour.name, false).await?);
    }
    let made = api
        .create("tasks", &serde_json::json!({"name": "A"}))
        .await?;
    ensure!(made.status == 201, "{}", made.text());
    settled(server, PATIENCE).await?;
    receiver.ledger.check()?;
    let mut outcomes = Vec::new();
    for (behaviour, (_, webhook)) in BEHAVIOURS.iter().zip(webhooks) {
        let page = api
            .get(&format!("/webhook-deliveries?webhookId={webhook}"))
            .await?;
        ensure!(page.status == 200, "{}", page.text());
        let mut page = page.json();
        let items = page["items"].as_array_mut().context("no items")?;
        ensure!(
            items.len() == 1,
            "{} deliveries to {}",
            items.len(),
            behaviour.name
        );
        outcomes.push(Outcome {
            behaviour,
            delivery: items.swap_remove(0),
            webhook: api.get(&format!("/webhooks/{webhook}")).await?.json(),
        });
    }
    Ok(outcomes)
}
