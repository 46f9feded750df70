//! How claims end: with the last outcome, by being given back, or by being taken over.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use kith_domain::ports::deliveries::Claimed;
use uuid::Uuid;

use crate::found::IN_CLAIM;
use crate::sql::{Cells, Column, Dialect, Rows, Session, Step};
use crate::writer::Failure;

/// Company, webhook and id.
pub(super) type Key = (Uuid, Uuid, Uuid);

fn keys(claims: &[Key]) -> Rows {
    Rows::new(vec![
        Column::Uuid(claims.iter().map(|(company, ..)| *company).collect()),
        Column::Uuid(claims.iter().map(|(_, webhook, _)| *webhook).collect()),
        Column::Uuid(claims.iter().map(|(.., id)| *id).collect()),
    ])
}

/// Whoever settles deliveries of a claim holds its row first: so that nobody who takes it over has to wait for a server
/// that has stopped in the middle.
pub(in crate::writer) async fn hold<S: Session>(
    session: &mut S,
    claims: impl IntoIterator<Item = Key>,
) -> Result<(), Failure> {
    if S::DIALECT == Dialect::Sqlite {
        return Ok(());
    }
    // In one order everywhere.
    let claims: BTreeSet<Key> = claims.into_iter().collect();
    let claims: Vec<Key> = claims.into_iter().collect();
    let text =
        format!("SELECT c.id {CLAIMS} ORDER BY c.company_id, c.webhook_id, c.id FOR UPDATE OF c");
    session.fetch(&text, &keys(&claims)).await?;
    Ok(())
}

const CLAIMS: &str = "FROM $k CROSS JOIN delivery_claim c \
    WHERE c.company_id = $k.c1 AND c.webhook_id = $k.c2 AND c.id = $k.c3";

/// Ends claims that nothing was heard of, save for those that are being settled at this moment; which. What they held
/// and what came between it since can be claimed again, and an attempt of it counts as made.
pub(super) async fn take_over<S: Session>(
    session: &mut S,
    claims: Vec<Key>,
) -> Result<HashSet<Key>, Failure> {
    let lock = match S::DIALECT {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE OF c SKIP LOCKED",
    };
    let text = format!("SELECT c.company_id, c.webhook_id, c.id {CLAIMS} {lock}");
    let mut ended = Vec::new();
    for row in session.fetch(&text, &keys(&claims)).await? {
        ended.push((row.uuid(0)?, row.uuid(1)?, row.uuid(2)?));
    }
    let counted = format!(
        "UPDATE delivery SET attempt = delivery.attempt + 1, status = 'pending' FROM $k CROSS JOIN delivery_claim c \
         WHERE c.company_id = $k.c1 AND c.webhook_id = $k.c2 AND c.id = $k.c3 AND delivery.webhook_id = $k.c2 \
         AND delivery.due_at BETWEEN c.first_due AND c.last_due AND {}",
        IN_CLAIM.replace("d.", "delivery.")
    );
    let step = Step {
        text: counted,
        rows: keys(&ended),
    };
    session.write(&[step]).await?;
    let names = ["company_id", "webhook_id", "id"];
    let step = Step::delete("delivery_claim", &names, keys(&ended));
    session.write(&[step]).await?;
    Ok(ended.into_iter().collect())
}

/// Gives deliveries back unsent: due before all others, outside of their stretch unless it begins with others that were
/// given back; those wait until it ends.
pub(in crate::writer) async fn release<S: Session>(
    session: &mut S,
    claimed: &[Claimed],
) -> Result<(), Failure> {
    let (companies, ids) = claimed
        .iter()
        .map(|claimed| (claimed.company, claimed.id))
        .unzip();
    let made = claimed
        .iter()
        .map(|claimed| Some(i64::from(claimed.attempt) - 1));
    let rows = Rows::new(vec![
        Column::Uuid(companies),
        Column::Uuid(ids),
        Column::Int(made.collect()),
    ]);
    let text = "UPDATE delivery SET due_at = 0 FROM $k WHERE delivery.company_id = $k.c1 \
        AND delivery.id = $k.c2 AND delivery.attempt = $k.c3 AND delivery.status IN ('pending', 'delivering') \
        RETURNING delivery.id";
    let claims: HashMap<_, _> = claimed
        .iter()
        .map(|claimed| {
            (
                claimed.id,
                (claimed.company, claimed.webhook, claimed.claim),
            )
        })
        .collect();
    let mut settled = Settled::default();
    hold(session, claims.values().copied()).await?;
    for row in session.fetch(text, &rows).await? {
        if let Some((company, webhook, claim)) = claims.get(&row.uuid(0)?) {
            settled.count(*company, *webhook, *claim);
        }
    }
    settled.store(session).await
}

/// How many deliveries of which claims are no longer theirs.
#[derive(Debug, Default)]
pub(in crate::writer) struct Settled(BTreeMap<Key, i64>);

impl Settled {
    pub(in crate::writer) fn count(&mut self, company: Uuid, webhook: Uuid, claim: Uuid) {
        *self.0.entry((company, webhook, claim)).or_default() += 1;
    }

    /// Claims of which nothing is left end.
    pub(in crate::writer) async fn store<S: Session>(self, session: &mut S) -> Result<(), Failure> {
        let claims = || self.0.keys();
        let rows = Rows::new(vec![
            Column::Uuid(claims().map(|(company, ..)| *company).collect()),
            Column::Uuid(claims().map(|(_, webhook, _)| *webhook).collect()),
            Column::Uuid(claims().map(|(.., claim)| *claim).collect()),
            Column::Int(self.0.values().map(|count| Some(*count)).collect()),
        ]);
        let text = "UPDATE delivery_claim SET unsettled = delivery_claim.unsettled - $k.c4 FROM $k \
            WHERE delivery_claim.company_id = $k.c1 AND delivery_claim.webhook_id = $k.c2 \
            AND delivery_claim.id = $k.c3 RETURNING delivery_claim.company_id, delivery_claim.webhook_id, \
            delivery_claim.id, delivery_claim.unsettled";
        let mut done = Vec::new();
        for row in session.fetch(text, &rows).await? {
            if row.int(3)? <= 0 {
                done.push((row.uuid(0)?, row.uuid(1)?, row.uuid(2)?));
            }
        }
        let names = ["company_id", "webhook_id", "id"];
        let step = Step::delete("delivery_claim", &names, keys(&done));
        Ok(session.write(&[step]).await?)
    }
}
