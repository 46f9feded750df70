//! Who is woken after a commit: the delivery worker and live readers, in this process and in the others.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::DatabaseConnection;
use sqlx::postgres::PgListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// The channel that processes on one PostgreSQL wake each other by.
const CHANNEL: &str = "kith";

/// Shortest time between two notices to the other processes: rung in every transaction, they would halve the rate of
/// commits.
const DEBOUNCE: Duration = Duration::from_millis(20);

/// How long to wait before a broken connection for notices is opened again; polling serves meanwhile.
const REOPEN: Duration = Duration::from_secs(1);

/// The bells of a process.
#[derive(Clone)]
pub(crate) struct Bells {
    deliveries: Arc<Notify>,
    events: watch::Sender<()>,
    others: Arc<Notify>,
}

impl Default for Bells {
    fn default() -> Self {
        Bells {
            deliveries: Arc::default(),
            events: watch::Sender::new(()),
            others: Arc::default(),
        }
    }
}

impl Bells {
    /// Events were committed, perhaps with deliveries.
    pub(crate) fn committed(&self, has_deliveries: bool) {
        self.events.send_replace(());
        if has_deliveries {
            self.deliveries.notify_one();
        }
        self.others.notify_one();
    }

    /// Deliveries were added or given back.
    pub(crate) fn deliveries_due(&self) {
        self.deliveries.notify_one();
        self.others.notify_one();
    }

    /// Returns when deliveries may be due.
    pub(crate) async fn wait_for_deliveries(&self) {
        self.deliveries.notified().await;
    }

    /// Sees each commit that comes after the call.
    pub(crate) fn watch_events(&self) -> watch::Receiver<()> {
        self.events.subscribe()
    }

    /// Another process rang; it does not say for what.
    fn ring_here(&self) {
        self.events.send_replace(());
        self.deliveries.notify_one();
    }

    /// Joins the bells of all processes on a PostgreSQL.
    pub(crate) fn join(&self, reads: &DatabaseConnection) -> [JoinHandle<()>; 2] {
        let pool = reads.get_postgres_connection_pool().clone();
        let (told, teller) = (self.clone(), pool.clone());
        let tell = tokio::spawn(async move {
            loop {
                told.others.notified().await;
                let sent = sqlx::query("SELECT pg_notify($1, '')")
                    .bind(CHANNEL)
                    .execute(&teller)
                    .await;
                if let Err(error) = sent {
                    tracing::debug!(%error, "other processes were not woken; they poll");
                }
                tokio::time::sleep(DEBOUNCE).await;
            }
        });
        let bells = self.clone();
        let listen = tokio::spawn(async move {
            loop {
                if let Err(error) = listen(&pool, &bells).await {
                    tracing::debug!(%error, "notices of other processes are not heard at present");
                }
                tokio::time::sleep(REOPEN).await;
            }
        });
        [tell, listen]
    }
}

async fn listen(pool: &sqlx::PgPool, bells: &Bells) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // Nothing means that the connection was lost for a while, and notices with it.
        listener.try_recv().await?;
        bells.ring_here();
    }
}
