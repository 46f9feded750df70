//! Filling: batch after batch through the use cases, in an order in which neighbours meet.
//!
//! Contacts and deals come organization by organization: the event of an organization carries all its links, and a
//! batch has one event for each neighbour, however many links the batch adds to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kith_api_types::event::JsonEventEncoder;
use kith_application::accounts::{AccountError, Person};
use kith_application::{Accounts, Columns, Records};
use kith_domain::actor::{Actor, Limit, Permissions};
use kith_domain::decide::Command;
use kith_domain::draft::Draft;
use kith_domain::entity::EntityType;
use kith_domain::ports::directory::Directory;
use kith_domain::ports::{Clock, EventEncoder, Ids, Repository, Silent};
use kith_persistence::{Settings, Store};
use uuid::Uuid;

use crate::Cli;
use crate::columns;
use crate::drafts;
use crate::random::{Random, Sources};

/// Whose company it is.
pub(crate) const ADMINISTRATOR: &str = "ada@corpus.example";

/// People of the company, who share the records.
const PEOPLE: usize = 20;

/// 2024-01-01 and 2025-12-31: the time in which the records are made, whatever the day.
const FROM: i64 = 1_704_067_200_000;
const UNTIL: i64 = 1_767_139_200_000;

/// What was made of a type, and in which time.
struct Made {
    entity: EntityType,
    count: usize,
    took: Duration,
}

/// What was made.
pub(crate) struct Filled(Vec<Made>);

impl Filled {
    pub(crate) fn records(&self) -> usize {
        self.0.iter().map(|made| made.count).sum()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |name: &str, count: usize, took: Duration| {
            let rate = count as f64 / took.as_secs_f64().max(0.001);
            format!(
                "{name:<14} {count:>9} records in {:>7.1} s, {rate:>7.0} a second",
                took.as_secs_f64()
            )
        };
        let mut lines: Vec<_> = self
            .0
            .iter()
            .map(|made| line(made.entity.plural(), made.count, made.took))
            .collect();
        lines.push(line(
            "all",
            self.records(),
            self.0.iter().map(|made| made.took).sum(),
        ));
        lines
    }
}

struct Filler {
    sources: Arc<Sources>,
    records: Records,
    actor: Actor,
    users: Vec<Uuid>,
    /// By type, in the order of the columns.
    columns: Vec<Vec<Uuid>>,
    batch: usize,
    /// Milliseconds between two batches.
    step: i64,
    random: Random,
    made: Vec<Made>,
}

/// Fills the database.
pub(crate) async fn run(cli: &Cli) -> Result<Filled> {
    let url = &cli.database_url;
    Store::migrate(url).await?;
    let sources = Arc::new(Sources::new(cli.seed, FROM));
    let clock: Arc<dyn Clock> = sources.clone();
    let ids: Arc<dyn Ids> = sources.clone();
    let encoder: Arc<dyn EventEncoder> = Arc::new(JsonEventEncoder);
    let store =
        Arc::new(Store::open(&Settings::new(url), Arc::clone(&clock), Arc::new(Silent)).await?);
    let directory: Arc<dyn Directory> = store.clone();
    let repository: Arc<dyn Repository> = store.clone();

    let accounts = Accounts::new(
        Arc::clone(&directory),
        kith_application::Sources {
            encoder: Arc::clone(&encoder),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
        },
    );
    let (actor, users) = found(&accounts, directory.as_ref()).await?;
    let makes_columns = Columns::new(
        Arc::clone(&repository),
        Arc::clone(&encoder),
        Arc::clone(&clock),
        Arc::clone(&ids),
    );
    let mut made_columns = Vec::new();
    for entity in EntityType::ALL {
        let mut of_type = Vec::new();
        for at in 0..columns::COLUMNS.len() {
            let column = makes_columns
                .create(&actor, columns::draft(entity, at))
                .await;
            of_type.push(column.context("a column was refused")?.id);
        }
        made_columns.push(of_type);
    }

    let count = |number: usize| ((number as f64 * cli.scale).round() as usize).max(1);
    let counts = [250_000, 10_000, 25_000, 2_000, 50_000].map(count);
    let batch = usize::try_from(cli.batch)?;
    let batches = i64::try_from(counts.iter().sum::<usize>() / batch + 10)?;
    let mut filler = Filler {
        sources,
        records: Records::new(repository, encoder, clock, ids),
        actor,
        users,
        columns: made_columns,
        batch,
        step: (UNTIL - FROM) / batches,
        random: Random::new(cli.seed),
        made: Vec::new(),
    };
    filler.fill(counts).await?;
    store.close().await;
    Ok(Filled(filler.made))
}

async fn found(accounts: &Accounts, directory: &dyn Directory) -> Result<(Actor, Vec<Uuid>)> {
    let person = |email: String| Person {
        email,
        first_name: "Ada".to_owned(),
        last_name: "Byron".to_owned(),
        password_hash: None,
    };
    let member = |number| format!("member{number}@corpus.example");
    let members = (1..PEOPLE).map(|number| person(member(number)));
    let founded = accounts
        .found_company(
            "Corpus U",
            person(ADMINISTRATOR.to_owned()),
            members.collect(),
        )
        .await;
    let founded = match founded {
        Err(AccountError::EmailTaken(_)) => {
            bail!("this database holds a corpus already; name an empty one")
        }
        founded => founded?,
    };
    let mut users = vec![founded.user];
    for number in 1..PEOPLE {
        let user = directory.user_by_email(&member(number)).await?;
        users.push(user.context("a member is missing")?.1);
    }
    let actor = Actor {
        company: founded.company,
        user: founded.user,
        permissions: Permissions::all(),
        limit: Limit::none(),
    };
    Ok((actor, users))
}

impl Filler {
    async fn fill(&mut self, counts: [usize; 5]) -> Result<()> {
        let [contacts, organizations, deals, services, tasks] = counts;
        let users = self.users.clone();
        let services = self
            .make(EntityType::Service, services, drafts::service)
            .await?;
        let organizations = self
            .make(EntityType::Organization, organizations, |_, random| {
                drafts::organization(&users, random)
            })
            .await?;

        // Every seventh contact belongs nowhere; they stand between the organizations.
        let sizes = shares(contacts - contacts / 7, organizations.len());
        let mut homes: Vec<Option<usize>> = Vec::with_capacity(contacts);
        for (organization, size) in sizes.iter().enumerate() {
            for _ in 0..*size {
                homes.push(Some(organization));
                if homes.len() % 7 == 6 && homes.len() < contacts {
                    homes.push(None);
                }
            }
        }
        homes.resize(contacts, None);
        let made = self
            .make(EntityType::Contact, contacts, |number, random| {
                let mut linked = Vec::new();
                if let Some(home) = homes[number] {
                    linked.push(organizations[home]);
                    // A few belong to the next one too.
                    if random.chance(0.05)
                        && let Some(next) = organizations.get(home + 1)
                    {
                        linked.push(*next);
                    }
                }
                drafts::contact(number, &linked, &users, random)
            })
            .await?;
        let mut people: Vec<Vec<Uuid>> = vec![Vec::new(); organizations.len()];
        for (contact, home) in made.iter().zip(&homes) {
            if let Some(home) = home {
                people[*home].push(*contact);
            }
        }

        let shares = shares(deals, organizations.len());
        let customers: Vec<usize> = shares
            .iter()
            .enumerate()
            .flat_map(|(organization, share)| std::iter::repeat_n(organization, *share))
            .collect();
        self.make(EntityType::Deal, deals, |number, random| {
            let customer = customers[number];
            drafts::deal(
                organizations[customer],
                &people[customer],
                &services,
                &users,
                random,
            )
        })
        .await?;
        self.make(EntityType::Task, tasks, |_, random| {
            drafts::task(&users, random)
        })
        .await?;
        Ok(())
    }

    /// Makes records of a type; their ids.
    async fn make(
        &mut self,
        entity: EntityType,
        count: usize,
        mut draft: impl FnMut(usize, &mut Random) -> Draft,
    ) -> Result<Vec<Uuid>> {
        let started = Instant::now();
        let mut ids = Vec::with_capacity(count);
        while ids.len() < count {
            let end = (ids.len() + self.batch).min(count);
            let mut drafts = Vec::with_capacity(end - ids.len());
            for number in ids.len()..end {
                let mut draft = draft(number, &mut self.random);
                let columns = &self.columns[entity.index()];
                draft.custom = columns::values(columns, number, &mut self.random);
                drafts.push(draft);
            }
            let command = Command::Create {
                entity,
                drafts,
                batch: true,
            };
            self.sources.set(self.sources.now().0 + self.step);
            let records = self.records.execute(&self.actor, command).await;
            let records = records.with_context(|| format!("{entity} {} was refused", ids.len()))?;
            ids.extend(records.iter().map(|record| record.id));
        }
        self.made.push(Made {
            entity,
            count,
            took: started.elapsed(),
        });
        Ok(ids)
    }
}

/// Divides a number in shares that fall with their rank as those of real customers do (Zipf, exponent 0.8), and
/// spreads the ranks.
fn shares(count: usize, among: usize) -> Vec<usize> {
    let weight = |rank: usize| 1.0 / (rank as f64 + 10.0).powf(0.8);
    let sum: f64 = (0..among).map(weight).sum();
    let mut shares = vec![0; among];
    let (mut passed, mut given) = (0.0, 0);
    let mut place = 0;
    let stride = stride(among);
    for rank in 0..among {
        passed += weight(rank);
        let until = if rank + 1 == among {
            count
        } else {
            // A part of a number is below it.
            (count as f64 * passed / sum) as usize
        };
        shares[place] = until - given;
        given = until;
        place = (place + stride) % among;
    }
    shares
}

/// A step that visits every place: it has no divisor in common with their number.
fn stride(among: usize) -> usize {
    fn divisor(one: usize, other: usize) -> usize {
        if other == 0 {
            one
        } else {
            divisor(other, one % other)
        }
    }
    let mut stride = among * 382 / 1_000 + 1;
    while divisor(stride, among) != 1 {
        stride += 1;
    }
    stride
}
