//! The deliveries of a batch: a row for every event and every enabled webhook that wants it, in the same transaction.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use kith_domain::time::Timestamp;
use kith_domain::webhook::EventSet;
use kith_domain::webhook::delivery::{Status, delivery_id};
use uuid::Uuid;

use super::{Failure, Tenants};
use crate::sql::{Cells, Column, Rows, Session, Step};

/// Most companies whose webhooks are remembered.
const REMEMBERED: usize = 10_000;

/// An enabled webhook, as far as the writer needs to know it.
#[derive(Debug)]
pub(crate) struct Subscription {
    id: Uuid,
    url: String,
    events: EventSet,
}

type Known = (i64, Arc<Vec<Subscription>>);

/// The webhooks of companies that this process has seen, each at a version; the writer knows the present one from the
/// row that it locks anyway.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subscriptions(Arc<RwLock<HashMap<Uuid, Known>>>);

impl Subscriptions {
    fn at(&self, company: Uuid, version: i64) -> Option<Arc<Vec<Subscription>>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (seen, webhooks) = known.get(&company)?;
        (*seen == version).then(|| Arc::clone(webhooks))
    }

    fn put(&self, company: Uuid, version: i64, webhooks: Arc<Vec<Subscription>>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(company, (version, webhooks));
    }
}

/// Finds the webhooks of the companies that have events. No statement for companies without webhooks, or whose
/// webhooks are remembered.
pub(super) async fn load<S: Session>(
    session: &mut S,
    tenants: &mut Tenants,
    known: &Subscriptions,
) -> Result<(), Failure> {
    let mut unknown: HashMap<Uuid, Vec<Subscription>> = HashMap::new();
    for (company, tenant) in &mut *tenants {
        if tenant.events.is_empty() || tenant.webhooks_version == 0 {
            continue;
        }
        match known.at(*company, tenant.webhooks_version) {
            Some(webhooks) => tenant.webhooks = webhooks,
            None => {
                unknown.insert(*company, Vec::new());
            }
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let rows = Rows::new(vec![Column::Uuid(unknown.keys().copied().collect())]);
    let text = "SELECT w.company_id, w.id, w.url, w.events FROM $k CROSS JOIN webhook w \
                WHERE w.company_id = $k.c1 AND w.enabled = 1";
    for row in session.fetch(text, &rows).await? {
        let subscription = Subscription {
            id: row.uuid(1)?,
            url: row.text(2)?.to_owned(),
            events: row.text(3)?.split(',').collect(),
        };
        unknown.entry(row.uuid(0)?).or_default().push(subscription);
    }
    for (company, webhooks) in unknown {
        if let Some(tenant) = tenants.get_mut(&company) {
            tenant.webhooks = Arc::new(webhooks);
            known.put(
                company,
                tenant.webhooks_version,
                Arc::clone(&tenant.webhooks),
            );
        }
    }
    Ok(())
}

/// The new rows of `delivery`, due at once.
pub(super) fn step(tenants: &Tenants, now: Timestamp) -> Step {
    let mut keys = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut positions, mut names, mut urls) = (Vec::new(), Vec::new(), Vec::new());
    for (company, tenant) in tenants {
        for (position, event) in (tenant.position + 1..).zip(&tenant.events) {
            let wanting = tenant
                .webhooks
                .iter()
                .filter(|webhook| webhook.events.contains(event.name));
            for webhook in wanting {
                keys.0.push(*company);
                keys.1.push(delivery_id(event.id, webhook.id));
                keys.2.push(webhook.id);
                keys.3.push(event.id);
                positions.push(Some(position));
                names.push(event.name);
                urls.push(Some(webhook.url.clone()));
            }
        }
    }
    let count = names.len();
    let columns = vec![
        Column::Uuid(keys.0),
        Column::Uuid(keys.1),
        Column::Uuid(keys.2),
        Column::Uuid(keys.3),
        Column::Int(positions),
        Column::Name(names),
        Column::Text(urls),
        Column::Name(vec![Status::Pending.name(); count]),
        Column::Int(vec![Some(now.0); count]),
        Column::Int(vec![Some(0); count]),
        Column::Int(vec![Some(now.0); count]),
    ];
    let names = [
        "company_id",
        "id",
        "webhook_id",
        "event_id",
        "event_seq",
        "event_type",
        "url",
        "status",
        "due_at",
        "attempt",
        "created_at",
    ];
    Step::insert("delivery", &names, "", Rows::new(columns))
}

/// Whether the batch adds deliveries.
pub(super) fn adds(tenants: &Tenants) -> bool {
    tenants.values().any(|tenant| {
        let mut events = tenant.events.iter();
        !tenant.webhooks.is_empty()
            && events.any(|event| {
                let mut webhooks = tenant.webhooks.iter();
                webhooks.any(|webhook| webhook.events.contains(event.name))
            })
    })
}
