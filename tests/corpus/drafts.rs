//! The records, as they would be asked for.

use kith_domain::draft::Draft;
use kith_domain::entity::{EntityType, FieldValue};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::random::Random;

const FIRST: [&str; 48] = [
    "Ada", "Max", "Lucía", "Noah", "Ingrid", "Kofi", "Claire", "Rahul", "Hannah", "Mateo", "Zoë",
    "Jonas", "Priya", "Oliver", "Emilia", "Samuel", "Nora", "Victor", "Yuki", "Elena", "Ben",
    "Fatima", "Leon", "Grace", "Tomás", "Ana", "Felix", "Chloé", "Daniel", "Marta", "Søren",
    "Agnès", "Björn", "Carla", "Dmitri", "Eva", "Farid", "Greta", "Hugo", "Iris", "Jakub", "Katya",
    "Liam", "Mira", "Nils", "Olga", "Pedro", "Quinn",
];

const SYLLABLES: [&str; 32] = [
    "ba", "ker", "lin", "do", "mar", "tens", "sil", "va", "ro", "hol", "stein", "berg", "mo",
    "reau", "ku", "bo", "wa", "ler", "fi", "scher", "gar", "nu", "ta", "ri", "han", "sen", "pe",
    "lo", "zim", "mer", "cha", "vez",
];

const TRADES: [&str; 16] = [
    "Logistics",
    "Foods",
    "Clinics",
    "Robotics",
    "Optics",
    "Energy",
    "Insurance",
    "Studios",
    "Textiles",
    "Software",
    "Engineering",
    "Traders",
    "Publishing",
    "Chemicals",
    "Motors",
    "Gardens",
];

const WORKS: [&str; 12] = [
    "Contract",
    "Rollout",
    "Onboarding",
    "Support",
    "Pilot",
    "Audit",
    "Migration",
    "Training",
    "Expansion",
    "Renewal",
    "Retainer",
    "Workshop",
];

const VERBS: [&str; 10] = [
    "Call", "Write to", "Visit", "Remind", "Thank", "Invoice", "Invite", "Ask", "Meet", "Brief",
];

const NOTES: [&str; 6] = [
    "Met at the **spring fair**; asked for an offer before the end of the month.",
    "- prefers calls\n- decides with the board\n- renews in *autumn*",
    "Introduced by a colleague. See [the minutes](https://www.example.com/minutes).",
    "# Background\n\nFamily business in the third generation, growing abroad.",
    "Waiting for the new budget; call again in two weeks.",
    "> We would like to start small.\n\nPilot first, then the other sites.",
];

/// A family name; there are some tens of thousands.
pub(crate) fn surname(random: &mut Random) -> String {
    let mut name = String::new();
    for _ in 0..random.below(2) + 2 {
        name.push_str(random.of(&SYLLABLES));
    }
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn with_notes(draft: Draft, part: f64, random: &mut Random) -> Draft {
    if random.chance(part) {
        draft.markdown(random.of(&NOTES))
    } else {
        draft
    }
}

fn with_user(draft: Draft, part: f64, users: &[Uuid], random: &mut Random) -> Draft {
    if random.chance(part) {
        draft.links("users", [users[random.skewed(users.len())]])
    } else {
        draft
    }
}

pub(crate) fn service(number: usize, random: &mut Random) -> Draft {
    let price = i64::try_from(random.skewed(1_000_000)).unwrap_or_default();
    Draft::new(EntityType::Service)
        .text("name", &format!("{} {number}", random.of(&WORKS)))
        .field("amount", FieldValue::Decimal(Decimal::new(price + 100, 2)))
}

pub(crate) fn organization(users: &[Uuid], random: &mut Random) -> Draft {
    let name = format!("{} {}", surname(random), random.of(&TRADES));
    let draft = Draft::new(EntityType::Organization).text("name", &name);
    let draft = with_user(draft, 0.5, users, random);
    with_notes(draft, 0.2, random)
}

pub(crate) fn contact(
    number: usize,
    organizations: &[Uuid],
    users: &[Uuid],
    random: &mut Random,
) -> Draft {
    let (first, last) = (random.of(&FIRST), surname(random));
    let address = format!("{}.{number}@example.com", last.to_lowercase());
    let draft = Draft::new(EntityType::Contact)
        .text("firstName", first)
        .text("lastName", &last)
        .field("emails", FieldValue::Emails(vec![address]))
        .links("organizations", organizations.iter().copied());
    let draft = with_user(draft, 0.4, users, random);
    with_notes(draft, 0.2, random)
}

/// A deal of an organization with some of its contacts and one to four services, popular ones most often.
pub(crate) fn deal(
    organization: Uuid,
    contacts: &[Uuid],
    services: &[Uuid],
    users: &[Uuid],
    random: &mut Random,
) -> Draft {
    let mut people = Vec::new();
    for _ in 0..random.below(3) + 1 {
        if let Some(contact) = contacts.get(random.below(contacts.len().max(1)))
            && !people.contains(contact)
        {
            people.push(*contact);
        }
    }
    let mut lines: Vec<(Uuid, Decimal)> = Vec::new();
    for _ in 0..random.below(4) + 1 {
        let service = services[random.skewed(services.len())];
        if lines.iter().all(|(known, _)| *known != service) {
            let quantity = i64::try_from(random.skewed(20) + 1).unwrap_or(1);
            lines.push((service, Decimal::from(quantity)));
        }
    }
    let name = format!("{} {}", random.of(&WORKS), surname(random));
    let draft = Draft::new(EntityType::Deal)
        .text("name", &name)
        .links("organizations", [organization])
        .links("contacts", people)
        .lines("services", lines);
    let draft = with_user(draft, 0.8, users, random);
    with_notes(draft, 0.3, random)
}

pub(crate) fn task(users: &[Uuid], random: &mut Random) -> Draft {
    let name = format!(
        "{} {} {}",
        random.of(&VERBS),
        random.of(&FIRST),
        surname(random)
    );
    let draft = Draft::new(EntityType::Task).text("name", &name);
    let draft = with_user(draft, 0.9, users, random);
    with_notes(draft, 0.1, random)
}
