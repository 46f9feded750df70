//! Removes old events and deliveries. What a delivery sends outlives its event.

use uuid::Uuid;

use super::Failure;
use crate::sql::{Column, Rows, Session, Step};

/// Events that follow each other in a company's log.
#[derive(Debug)]
pub(crate) struct OldEvents {
    company: Uuid,
    first: i64,
    last: i64,
    /// From the earliest time in their ids to after the latest: there are the ids of their deliveries.
    ids: (Uuid, Uuid),
}

impl OldEvents {
    /// None yet.
    pub(crate) fn of(company: Uuid) -> Self {
        OldEvents {
            company,
            first: 1,
            last: 0,
            ids: (Uuid::max(), Uuid::nil()),
        }
    }

    /// The next one.
    pub(crate) fn add(&mut self, position: i64, id: Uuid) {
        // A version 7 id begins with 48 bits of time.
        const REST: u32 = 80;
        if self.count() == 0 {
            self.first = position;
        }
        self.last = position;
        let time = id.as_u128() >> REST;
        self.ids.0 = self.ids.0.min(Uuid::from_u128(time << REST));
        self.ids.1 = self.ids.1.max(Uuid::from_u128((time + 1) << REST));
    }

    pub(crate) fn count(&self) -> usize {
        usize::try_from(self.last - self.first + 1).unwrap_or_default()
    }
}

/// Waits for the writes of the company, as one of them: a repeat that is being made has its bytes from the event.
pub(super) const LOCK: &str = "UPDATE company_position SET seq = company_position.seq FROM $k \
    WHERE company_position.company_id = $k.c1";

const BODY: &str = "UPDATE delivery SET body = (SELECT e.body FROM event e \
    WHERE e.company_id = delivery.company_id AND e.seq = delivery.event_seq) \
    WHERE delivery.company_id = (SELECT c1 FROM $k) AND delivery.body IS NULL \
    AND delivery.event_seq BETWEEN (SELECT c2 FROM $k) AND (SELECT c3 FROM $k)";

const EVENTS: &str = "DELETE FROM event WHERE event.company_id = (SELECT c1 FROM $k) \
    AND event.seq BETWEEN (SELECT c2 FROM $k) AND (SELECT c3 FROM $k)";

pub(super) async fn events<S: Session>(session: &mut S, old: &OldEvents) -> Result<(), Failure> {
    let step = |text: String| Step {
        text,
        rows: Rows::new(vec![
            Column::Uuid(vec![old.company]),
            Column::Int(vec![Some(old.first)]),
            Column::Int(vec![Some(old.last)]),
            Column::Uuid(vec![old.ids.0]),
            Column::Uuid(vec![old.ids.1]),
        ]),
    };
    let own = "AND delivery.id >= (SELECT c4 FROM $k) AND delivery.id < (SELECT c5 FROM $k)";
    for text in [
        LOCK.to_owned(),
        format!("{BODY} {own}"),
        format!("{BODY} AND delivery.resend_of IS NOT NULL"),
        EVENTS.to_owned(),
    ] {
        session.write(&[step(text)]).await?;
    }
    Ok(())
}

/// Their attempts go with them: on SQLite by the foreign key.
pub(super) async fn deliveries<S: Session>(
    session: &mut S,
    old: &[(Uuid, Uuid)],
) -> Result<(), Failure> {
    let attempts = "DELETE FROM delivery_attempt WHERE EXISTS (SELECT 1 FROM delivery d \
        WHERE d.company_id = delivery_attempt.company_id AND d.id = delivery_attempt.delivery_id \
        AND d.due_at IS NULL) AND (company_id, delivery_id) IN (SELECT c1, c2 FROM $k)";
    let deliveries =
        "DELETE FROM delivery WHERE (company_id, id) IN (SELECT c1, c2 FROM $k) AND due_at IS NULL";
    for text in [attempts, deliveries] {
        let step = Step {
            text: text.to_owned(),
            rows: Rows::keys(old.iter().copied()),
        };
        session.write(&[step]).await?;
    }
    Ok(())
}
