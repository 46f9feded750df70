//! The demo workspace: a small consultancy with people, customers, offers and work to do.

mod data;

use std::sync::Arc;

use anyhow::Context;
use kith_application::accounts::Person;
use kith_application::credentials::{hash_password, random_text};
use kith_domain::actor::{Actor, Limit, Permissions};
use kith_domain::columns::{Column, ColumnDraft, ColumnType, OptionDraft, OptionsDraft};
use kith_domain::decide::Command;
use kith_domain::draft::{CustomInput, Draft, LinkItem, NotesInput, Patch};
use kith_domain::entity::{EntityType, FieldValue};
use kith_domain::people::PasswordHash;
use kith_domain::record::Record;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::commands::App;
use data::{CONTACTS, DEALS, ORGANIZATIONS, PEOPLE, PRIORITIES, SERVICES, STAGES, TASKS};

/// Makes the demo workspace; what to tell whoever started the server.
pub(crate) async fn found(app: &App) -> anyhow::Result<Vec<String>> {
    let password = random_text(14)?;
    let person = |first: &str, last: &str, password_hash| Person {
        email: format!("{}@demo.example", first.to_lowercase()),
        first_name: first.to_owned(),
        last_name: last.to_owned(),
        password_hash,
    };
    let [(first, last), colleagues @ ..] = PEOPLE;
    let administrator = person(first, last, Some(PasswordHash(hash_password(&password)?)));
    let email = administrator.email.clone();
    let colleagues = colleagues
        .iter()
        .map(|(first, last)| person(first, last, None))
        .collect();
    let founded = app
        .accounts
        .found_company("Kith Demo", administrator, colleagues)
        .await?;
    let actor = Actor {
        company: founded.company,
        user: founded.user,
        permissions: Permissions::all(),
        limit: Limit::none(),
    };
    let demo = Demo { app, actor };
    demo.fill()
        .await
        .context("the demo workspace cannot be made")?;
    Ok(vec![
        "A demo workspace was made. This is said once:".to_owned(),
        format!("  Sign in: {email} with the password {password}"),
        format!("  API key: {}", founded.api_key.reveal()),
    ])
}

struct Demo<'a> {
    app: &'a App,
    actor: Actor,
}

impl Demo<'_> {
    async fn fill(&self) -> anyhow::Result<()> {
        let me = self.actor.user;
        let (deal, task) = (EntityType::Deal, EntityType::Task);
        let website = self
            .column(EntityType::Organization, "Website", ColumnType::Link, &[])
            .await?;
        let phone = self
            .column(EntityType::Contact, "Phone", ColumnType::Phone, &[])
            .await?;
        let met = self
            .column(EntityType::Contact, "Last met", ColumnType::Date, &[])
            .await?;
        let stage = self
            .column(deal, "Stage", ColumnType::SingleSelect, &STAGES)
            .await?;
        let budget = self
            .column(deal, "Budget", ColumnType::Currency, &[])
            .await?;
        let priority = self
            .column(task, "Priority", ColumnType::SingleSelect, &PRIORITIES)
            .await?;
        let due = self.column(task, "Due", ColumnType::DateTime, &[]).await?;
        let organizations = ORGANIZATIONS.iter().map(|name| {
            let address = format!("https://{}.example", ascii(name));
            let draft = Draft::new(EntityType::Organization).text("name", name);
            with(draft, &website, json!(address))
        });
        let organizations = self
            .create(EntityType::Organization, organizations.collect())
            .await?;
        let services = SERVICES.iter().map(|(name, price)| {
            let amount = Decimal::from_str_exact(price).unwrap_or_default();
            Draft::new(EntityType::Service)
                .text("name", name)
                .field("amount", FieldValue::Decimal(amount))
        });
        let services = self.create(EntityType::Service, services.collect()).await?;
        let contacts = CONTACTS.iter().enumerate().map(|(at, (first, last))| {
            let employer = &organizations[at * 5 % organizations.len()];
            let address = format!("{}.{at}@customer.example", ascii(first));
            let mut draft = Draft::new(EntityType::Contact)
                .text("firstName", first)
                .text("lastName", last)
                .field("emails", FieldValue::Emails(vec![address]))
                .links("organizations", [employer.id]);
            if at % 4 == 0 {
                draft = draft.links("users", [me]);
            }
            if at % 6 == 0 {
                let text = format!(
                    "Met at the **spring fair**.\n\n- prefers calls\n- works at {}",
                    name_of(employer)
                );
                draft.notes = Patch::Set(NotesInput::Markdown(text));
            }
            let draft = with(draft, &phone, json!(format!("+49 30 5550 {:03}", at * 7)));
            with(
                draft,
                &met,
                json!(format!("2026-{:02}-{:02}", at % 9 + 1, at % 27 + 1)),
            )
        });
        let contacts = self.create(EntityType::Contact, contacts.collect()).await?;
        let deals = DEALS.iter().enumerate().map(|(at, name)| {
            let stakeholders = [
                contacts[at * 2 % contacts.len()].id,
                contacts[(at * 2 + 7) % contacts.len()].id,
            ];
            let customer = &organizations[at % organizations.len()];
            let lines = [(at % 8, at % 5 + 1), ((at + 3) % 8, at % 3 + 1)];
            let mut draft = Draft::new(EntityType::Deal)
                .text("name", &format!("{name} ({})", name_of(customer)))
                .links("contacts", stakeholders)
                .links("organizations", [customer.id])
                .links("users", [me]);
            let lines = lines.iter().enumerate().map(|(at, (service, quantity))| {
                LinkItem::with_quantity(at, services[*service].id, Decimal::from(*quantity))
            });
            if let Some(link) = EntityType::Deal.link_index("services") {
                draft.links[link] = Patch::Set(lines.collect());
            }
            let draft = with(draft, &stage, json!(STAGES[at % STAGES.len()].0));
            with(draft, &budget, json!((at + 2) * 1_250))
        });
        self.create(deal, deals.collect()).await?;
        let tasks = TASKS.iter().enumerate().map(|(at, name)| {
            let mut draft = Draft::new(task).text("name", name);
            if at % 2 == 0 {
                draft = draft.links("users", [me]);
            }
            let draft = with(draft, &priority, json!(PRIORITIES[at % PRIORITIES.len()].0));
            with(
                draft,
                &due,
                json!(format!("2027-01-{:02}T09:00:00Z", at * 2 + 4)),
            )
        });
        self.create(task, tasks.collect()).await?;
        Ok(())
    }

    /// A column; of the options, if there are any, the first is the default.
    async fn column(
        &self,
        entity: EntityType,
        label: &str,
        column_type: ColumnType,
        options: &[(&str, &str)],
    ) -> anyhow::Result<Column> {
        let list = options
            .iter()
            .enumerate()
            .map(|(at, (label, color))| OptionDraft {
                label: (*label).to_owned(),
                color: Some((*color).to_owned()),
                is_default: at == 0,
                ..OptionDraft::default()
            });
        let mut given = OptionsDraft::default();
        if !options.is_empty() {
            given.options = Patch::Set(list.collect());
        }
        let draft = ColumnDraft {
            entity,
            label: label.to_owned(),
            column_type,
            options: given,
        };
        Ok(self.app.columns.create(&self.actor, draft).await?)
    }

    async fn create(
        &self,
        entity: EntityType,
        drafts: Vec<Draft>,
    ) -> anyhow::Result<Vec<Arc<Record>>> {
        let command = Command::Create {
            entity,
            drafts,
            batch: true,
        };
        Ok(self.app.records.execute(&self.actor, command).await?)
    }
}

/// A draft with a value for a custom column.
fn with(mut draft: Draft, column: &Column, value: Value) -> Draft {
    draft.custom.push(CustomInput {
        at: draft.custom.len(),
        column: column.id,
        value,
    });
    draft
}

fn name_of(record: &Record) -> String {
    record.display_name()
}

/// The letters of a name that an address can have everywhere.
fn ascii(name: &str) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphabetic).collect();
    letters.to_lowercase()
}
