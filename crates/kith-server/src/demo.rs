//! The demo workspace: a small consultancy with people, customers, offers and work to do.

use std::sync::Arc;

use anyhow::Context;
use kith_application::accounts::Person;
use kith_application::credentials::{hash_password, random_text};
use kith_domain::actor::{Actor, Permissions};
use kith_domain::decide::Command;
use kith_domain::draft::{Draft, LinkItem, NotesInput, Patch};
use kith_domain::entity::{EntityType, FieldValue};
use kith_domain::record::Record;
use rust_decimal::Decimal;

use crate::commands::App;

const PEOPLE: [(&str, &str); 5] = [
    ("Julia", "Brandt"),
    ("Amir", "Haddad"),
    ("Sofia", "Lindqvist"),
    ("Tom", "Okafor"),
    ("Mei", "Tanaka"),
];

const ORGANIZATIONS: [&str; 12] = [
    "Initech",
    "Northwind Traders",
    "Hansen & Söhne Logistik",
    "Blue Harbor Clinics",
    "Quarry Lane Studios",
    "Fjord Energy",
    "Castellan Insurance",
    "Mirabel Foods",
    "Orchard Robotics",
    "Lumen Optics",
    "Delta Works Engineering",
    "Papeterie Dubois",
];

const CONTACTS: [(&str, &str); 30] = [
    ("Max", "Mustermann"),
    ("Ada", "Byron"),
    ("Lucía", "Fernández"),
    ("Noah", "Becker"),
    ("Ingrid", "Solberg"),
    ("Kofi", "Mensah"),
    ("Claire", "Dubois"),
    ("Rahul", "Iyer"),
    ("Hannah", "Schmidt"),
    ("Mateo", "Rossi"),
    ("Zoë", "van Dijk"),
    ("Jonas", "Hansen"),
    ("Priya", "Nair"),
    ("Oliver", "Grant"),
    ("Emilia", "Kowalska"),
    ("Samuel", "Adeyemi"),
    ("Nora", "Lindgren"),
    ("Victor", "Moreau"),
    ("Yuki", "Sato"),
    ("Elena", "Petrova"),
    ("Ben", "Carter"),
    ("Fatima", "Zahra"),
    ("Leon", "Wagner"),
    ("Grace", "O'Neill"),
    ("Tomás", "Silva"),
    ("Ana", "Horvat"),
    ("Felix", "Braun"),
    ("Chloé", "Martin"),
    ("Daniel", "Kim"),
    ("Marta", "Nowak"),
];

/// Name, price.
const SERVICES: [(&str, &str); 8] = [
    ("Consulting, per hour", "145"),
    ("Workshop, one day", "1900"),
    ("Setup fee", "750"),
    ("Support plan, per month", "320.50"),
    ("Data migration", "4200"),
    ("Training, per seat", "89.90"),
    ("Security review", "2600"),
    ("On-call, per hour", "210"),
];

const DEALS: [&str; 14] = [
    "Q2 contract",
    "Warehouse rollout",
    "Clinic onboarding",
    "Annual support",
    "Pilot project",
    "Security audit",
    "CRM migration",
    "Team training",
    "Expansion to Oslo",
    "Renewal 2027",
    "Data clean-up",
    "Studio retainer",
    "Claims workflow",
    "Robotics integration",
];

const TASKS: [&str; 12] = [
    "Send the revised offer",
    "Call back about the pilot",
    "Prepare the kick-off agenda",
    "Check the contract with legal",
    "Book the workshop room",
    "Collect references",
    "Write the migration plan",
    "Follow up after the demo",
    "Update the price list",
    "Invite the security team",
    "Plan the training week",
    "Thank Max for the introduction",
];

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
    let administrator = person(first, last, Some(hash_password(&password)?));
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
        let organizations = ORGANIZATIONS
            .iter()
            .map(|name| Draft::new(EntityType::Organization).text("name", name));
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
            draft
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
            draft
        });
        self.create(EntityType::Deal, deals.collect()).await?;
        let tasks = TASKS.iter().enumerate().map(|(at, name)| {
            let draft = Draft::new(EntityType::Task).text("name", name);
            if at % 2 == 0 {
                draft.links("users", [me])
            } else {
                draft
            }
        });
        self.create(EntityType::Task, tasks.collect()).await?;
        Ok(())
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

fn name_of(record: &Record) -> String {
    record.display_name()
}

/// The letters of a name that an address can have everywhere.
fn ascii(name: &str) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphabetic).collect();
    letters.to_lowercase()
}
