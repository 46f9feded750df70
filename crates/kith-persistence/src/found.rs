//! Deliveries are found along an index, newest first, and no page looks at more of them than it says.
//!
//! Few of many deliveries wait or have failed: those have indexes of their own. What no index knows (a text in the URL,
//! the name of an event) is looked for in a number of deliveries; then the page ends, and the next one goes on.

use kith_domain::ports::RepositoryError;
use kith_domain::ports::webhooks::{DeliveryPage, DeliverySearch};
use kith_domain::time::Timestamp;
use kith_domain::webhook::delivery::Status;
use sea_orm::Value;
use uuid::Uuid;

use crate::store::{Store, get};
use crate::webhooks::read_delivery;

/// Whether a delivery `d` lies in the stretch of its lane that a claim `c` names.
pub(crate) const IN_CLAIM: &str = "(d.due_at, d.id) >= (c.first_due, c.first_id) \
    AND (d.due_at, d.id) <= (c.last_due, c.last_id)";

/// What is claimed waits no longer.
fn status() -> String {
    format!(
        "CASE WHEN d.status = 'pending' AND EXISTS (SELECT 1 FROM delivery_claim c \
         WHERE c.company_id = d.company_id AND c.webhook_id = d.webhook_id AND {IN_CLAIM}) \
         THEN 'delivering' ELSE d.status END"
    )
}

/// What is shown of a delivery. The last attempt is the one whose number the delivery has, once it is recorded.
pub(crate) fn shown() -> String {
    format!(
        "d.id, d.webhook_id, d.url, d.event_type, d.event_id, {}, {SHOWN}",
        status()
    )
}

const SHOWN: &str = "d.attempt, d.due_at, d.resend_of, d.created_at, d.delivered_at, a.number, a.at, a.url, a.remote, a.status_code, a.headers, a.body, \
    a.error, a.dns_us, a.connect_us, a.tls_us, a.first_byte_us, a.total_us";

pub(crate) const LAST_ATTEMPT: &str = "LEFT JOIN delivery_attempt a \
    ON a.company_id = d.company_id AND a.delivery_id = d.id AND a.number = d.attempt";

const COLUMNS: &str = "d.company_id, d.id, d.webhook_id, d.url, d.event_type, d.event_id, d.status, d.attempt, \
    d.due_at, d.resend_of, d.created_at, d.delivered_at";

/// The webhooks that a company has deliveries of, deleted ones too: from one to the next in the index.
const LANES: &str = "WITH RECURSIVE lane(id) AS (\
    SELECT (SELECT d.webhook_id FROM delivery d WHERE d.company_id = $1 ORDER BY d.webhook_id LIMIT 1) \
    UNION ALL SELECT (SELECT d.webhook_id FROM delivery d WHERE d.company_id = $1 AND d.webhook_id > lane.id \
    ORDER BY d.webhook_id LIMIT 1) FROM lane WHERE lane.id IS NOT NULL)";

/// The webhook that is asked for, whose id is the second value.
const WEBHOOK: &str = "WITH lane(id) AS (SELECT $2)";

/// As many as wait, however many others there are: by the index of what is due, which no other condition may lead away
/// from.
const OPEN: &str = ", open AS MATERIALIZED (SELECT d.company_id, d.id, d.webhook_id, d.url, d.event_type, d.event_id, \
    d.status, d.attempt, d.due_at, d.resend_of, d.created_at, d.delivered_at FROM lane CROSS JOIN delivery d \
    WHERE d.webhook_id = lane.id AND d.due_at IS NOT NULL)";

/// Ids tell the time at which they were made; a delivery is made somewhat after its id.
const APART_MS: i64 = 300_000;

/// The least id of a time.
fn id_at(time: i64) -> Uuid {
    let time = u128::try_from(time).unwrap_or_default();
    Uuid::from_u128((time & 0xffff_ffff_ffff) << 80)
}

/// Below every id of a delivery that was made at a time or later.
pub(crate) fn first_id(since: Timestamp) -> Uuid {
    id_at(since.0.saturating_sub(APART_MS))
}

/// Above every id of a delivery that was made before a time.
fn last_id(until: Timestamp) -> Uuid {
    id_at(until.0.saturating_add(APART_MS))
}

/// Conditions with their values.
#[derive(Clone)]
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    /// `?` stands for the value.
    fn and(&mut self, condition: &str, value: Value) {
        self.values.push(value);
        let place = format!("${}", self.values.len());
        self.sql.push_str(" AND ");
        self.sql.push_str(&condition.replace('?', &place));
    }

    /// The place of a further value.
    fn place(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }
}

/// Those that an index serves, in whatever order they come.
fn leading(company: Uuid, search: &DeliverySearch) -> Conditions {
    let mut all = Conditions {
        sql: "d.company_id = $1".to_owned(),
        values: vec![company.into()],
    };
    if let Some(webhook) = search.webhook {
        all.and("d.webhook_id = ?", webhook.into());
    }
    if search.status == Some(Status::Failed) {
        all.sql.push_str(" AND d.status = 'failed'");
    }
    if let Some(before) = search.before {
        all.and("d.id < ?", before.into());
    }
    if let Some(from) = search.from {
        all.and("d.id > ?", first_id(from).into());
    }
    if let Some(until) = search.until {
        all.and("d.id < ?", last_id(until).into());
    }
    all
}

/// The others; without them every delivery that is looked at is found.
fn resting(search: &DeliverySearch, all: &mut Conditions) -> bool {
    let before = all.sql.len();
    if let Some(from) = search.from {
        all.and("d.created_at >= ?", from.0.into());
    }
    if let Some(until) = search.until {
        all.and("d.created_at < ?", until.0.into());
    }
    if let Some(status) = search.status.filter(|status| *status != Status::Failed) {
        all.and(&format!("{} = ?", self::status()), status.name().into());
    }
    if let Some(event) = &search.event {
        all.and("d.event_type = ?", event.clone().into());
    }
    if let Some(term) = &search.term {
        // Patterns mean nothing in a term.
        let escaped = term
            .to_lowercase()
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_");
        all.and(
            "(lower(d.url) LIKE ? ESCAPE '\\' OR lower(d.event_type) LIKE ? ESCAPE '\\')",
            format!("%{escaped}%").into(),
        );
    }
    all.sql.len() > before
}

impl Store {
    pub(crate) async fn find_deliveries(
        &self,
        company: Uuid,
        search: &DeliverySearch,
    ) -> Result<DeliveryPage, RepositoryError> {
        let limit = usize::try_from(search.limit).unwrap_or(usize::MAX);
        // One more than the page has room for tells that there is another.
        let most = i64::from(search.limit).saturating_add(1);
        let waits = matches!(search.status, Some(Status::Pending | Status::Delivering));
        let leading = leading(company, search);
        let mut all = leading.clone();
        let (from, is_cut) = if waits {
            resting(search, &mut all);
            let lanes = match search.webhook {
                Some(_) => WEBHOOK,
                None => LANES,
            };
            let sql = format!("{lanes}{OPEN} SELECT {} FROM open d", shown());
            (sql, false)
        } else {
            let mut rest = all.clone();
            rest.sql.clear();
            let is_filtered = resting(search, &mut rest);
            let looked_at = match is_filtered {
                true => i64::from(search.looked_at),
                false => most,
            };
            let place = rest.place(looked_at.into());
            let walk = format!(
                "SELECT {COLUMNS} FROM delivery d WHERE {} ORDER BY d.id DESC LIMIT {place}",
                all.sql
            );
            all = rest;
            all.sql.insert_str(0, "TRUE");
            (format!("SELECT {} FROM ({walk}) d", shown()), is_filtered)
        };
        let place = all.place(most.into());
        let sql = format!(
            "{from} {LAST_ATTEMPT} WHERE {} ORDER BY d.id DESC LIMIT {place}",
            all.sql
        );
        let rows = self.rows(&sql, all.values).await?;
        let found: Result<Vec<_>, _> = rows.iter().map(read_delivery).collect();
        let mut found = found?;
        if found.len() > limit {
            found.truncate(limit);
            let next = found.last().map(|last| last.id);
            return Ok(DeliveryPage {
                deliveries: found,
                next,
            });
        }
        let next = match is_cut {
            true => self.looked_at_last(leading, search.looked_at).await?,
            false => None,
        };
        Ok(DeliveryPage {
            deliveries: found,
            next,
        })
    }

    /// The last delivery that a page looked at, if it ended for having looked at so many.
    async fn looked_at_last(
        &self,
        mut leading: Conditions,
        looked_at: u32,
    ) -> Result<Option<Uuid>, RepositoryError> {
        let place = leading.place((i64::from(looked_at) - 1).into());
        let sql = format!(
            "SELECT d.id FROM delivery d WHERE {} ORDER BY d.id DESC LIMIT 1 OFFSET {place}",
            leading.sql
        );
        let rows = self.rows(&sql, leading.values).await?;
        rows.first().map(|row| get(row, 0)).transpose()
    }
}
