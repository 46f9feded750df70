//! The webhook sender put together: settings, key, sender, worker, use cases.

use std::sync::Arc;

use anyhow::Context;
use kith_api_types::event::JsonEventEncoder;
use kith_application::webhooks::Surroundings;
use kith_application::{EventLog, Sources, Webhooks};
use kith_domain::ports::Clock;
use kith_domain::webhook::destination::UrlRules;
use kith_persistence::Store;
use kith_webhooks::{
    KeyVault, Sender, SenderSettings, SystemLookup, Worker, WorkerHandle, WorkerPorts,
    WorkerSettings,
};

use crate::config::WebhookConfig;
use crate::sources::{OrderedIds, SystemClock};

/// What sending webhooks takes.
pub(crate) struct Sending {
    vault: Arc<KeyVault>,
    sender: Arc<Sender>,
    clock: Arc<dyn Clock>,
    worker: WorkerSettings,
    rules: UrlRules,
}

impl Sending {
    /// Reads the key, or makes one, and sets up the sender.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub(crate) fn open(config: &WebhookConfig) -> anyhow::Result<Self> {
        let extra_roots = config.ca_file.as_ref().map(|file| {
            std::fs::read(file)
                .with_context(|| format!("the file {} cannot be read", file.display()))
        });
        let settings = SenderSettings {
            timeout: config.timeout,
            rules: config.rules.clone(),
            extra_roots: extra_roots.transpose()?,
            ..SenderSettings::default()
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let sender = Sender::new(settings, Arc::clone(&clock), Arc::new(SystemLookup))?;
        Ok(Sending {
            vault: Arc::new(KeyVault::open_file(&config.key_file)?),
            sender: Arc::new(sender),
            clock,
            worker: WorkerSettings::new(config.timeout),
            rules: config.rules.clone(),
        })
    }

    /// Starts to deliver.
    pub(crate) fn start(&self, store: &Arc<Store>) -> WorkerHandle {
        let ports = WorkerPorts {
            deliveries: store.clone(),
            transport: self.sender.clone(),
            vault: self.vault.clone(),
            clock: Arc::clone(&self.clock),
            ids: Arc::new(OrderedIds),
            encoder: Arc::new(JsonEventEncoder),
        };
        Worker::new(ports, self.worker.clone()).start()
    }

    /// The use cases on webhooks.
    pub(crate) fn use_cases(&self, store: &Arc<Store>) -> Webhooks {
        Webhooks::new(Surroundings {
            storage: store.clone(),
            repository: store.clone(),
            log: EventLog::new(store.clone(), store.clone()),
            feed: store.clone(),
            destinations: self.sender.clone(),
            vault: self.vault.clone(),
            sources: Sources {
                encoder: Arc::new(JsonEventEncoder),
                clock: Arc::clone(&self.clock),
                ids: Arc::new(OrderedIds),
            },
            rules: self.rules.clone(),
            test_body: kith_api_types::webhook::test_body,
        })
    }
}
