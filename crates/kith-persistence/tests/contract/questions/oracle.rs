//! Random questions, answered by the database and, naively, in memory: the same records in the same order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use kith_domain::actor::{Action, Permissions, Resource};
use kith_domain::columns::{ColumnPatch, ColumnType, CustomValue, OptionsDraft};
use kith_domain::decide::{ColumnCommand, Command};
use kith_domain::draft::{Patch, Reference};
use kith_domain::entity::{EntityType, FieldValue};
use kith_domain::filter::{
    FieldRef, FilterContext, FilterField, FilterKind, Operator, SearchInput, SearchTerm, SortInput,
    fields_of, sortable_fields,
};
use kith_domain::ports::Repository;
use kith_domain::record::{Record, RecordKey};
use kith_domain::relation::Target;
use kith_domain::scope::Scope;
use kith_domain::time::Timestamp;
use serde_json::{Value, json};

use super::world::{Dice, Task, WORDS, World, content, draft_of, option, value_of, words};
use crate::support::{Database, runtime};

/// Questions of one run.
const QUESTIONS: usize = 10_000;

#[test]
fn sqlite_answers_as_the_domain_says() {
    let database = Database::sqlite().unwrap();
    runtime().block_on(run(&database, QUESTIONS));
}

#[test]
fn postgres_answers_as_the_domain_says() {
    match Database::postgres() {
        Some(database) => runtime().block_on(run(&database, QUESTIONS)),
        None => eprintln_skipped(),
    }
}

#[expect(clippy::print_stderr, reason = "a test that was left out says so")]
fn eprintln_skipped() {
    eprintln!("left out: KITH_TEST_POSTGRES_URL names no server");
}

/// Tasks that ask at the same time.
const ASKING: usize = 4;

/// Someone who asks, and the records as they are to see them.
struct Viewer {
    scope: Scope,
    records: Vec<Arc<Record>>,
}

/// People who may read everything, their own, nothing, and mixtures of these.
fn viewers(world: &World, records: &[Record], dice: &mut Dice) -> Vec<Viewer> {
    let by_key: HashMap<_, _> = records
        .iter()
        .map(|record| (record.key(), record))
        .collect();
    let resources = || EntityType::ALL.map(Resource::Records).into_iter();
    let each = |action| -> Permissions {
        let rights = resources().chain([Resource::Users]);
        rights.map(|resource| (resource, action)).collect()
    };
    let mut rights = vec![Permissions::all(), each(Action::ReadOwn)];
    for _ in 0..6 {
        let some = Permissions::all().iter().filter(|_| dice.chance(45));
        rights.push(some.collect());
    }
    let viewers = rights.into_iter().enumerate().map(|(at, rights)| {
        let scope = Scope::new(world.company, world.users[at % world.users.len()], rights);
        let seen = records.iter().filter(|record| scope.sees(record));
        let shown = |record: &Record| {
            let find = |key: RecordKey| by_key.get(&key).copied();
            scope.shown(&Arc::new(record.clone()), find)
        };
        Viewer {
            scope,
            records: seen.map(shown).collect(),
        }
    });
    viewers.collect()
}

async fn run(database: &Database, questions: usize) {
    let world = Arc::new(World::new(database, 25).await);
    let mut dice = Dice::new(2026);
    let records = Arc::new(corpus(&world, &mut dice).await);
    let viewers = Arc::new(viewers(&world, &records, &mut dice));
    let mut asking = Vec::new();
    for seed in 0..ASKING {
        let (world, viewers) = (Arc::clone(&world), Arc::clone(&viewers));
        let records = Arc::clone(&records);
        asking.push(tokio::spawn(async move {
            let mut dice = Dice::new(seed as u64 + 1);
            ask(&world, &viewers, &records, &mut dice, questions / ASKING).await;
        }));
    }
    for task in asking {
        task.await.unwrap();
    }
    for viewer in viewers.iter() {
        names(&world, viewer).await;
        one_by_one(&world, viewer, &records).await;
    }
    world.store.close().await;
}

async fn ask(
    world: &World,
    viewers: &[Viewer],
    records: &[Record],
    dice: &mut Dice,
    questions: usize,
) {
    let columns = world.columns().await;
    let context = FilterContext {
        parse: world.store.schema(world.company).await.unwrap().context,
        now: Timestamp(1_776_852_000_000),
    };
    let mut asked = 0;
    let mut found = 0;
    while asked < questions {
        let entity = *dice.pick(&[
            EntityType::Contact,
            EntityType::Contact,
            EntityType::Organization,
            EntityType::Deal,
            EntityType::Service,
            EntityType::Task,
        ]);
        let fields = fields_of(entity, &columns);
        let sorts = sortable_fields(entity, &columns);
        // Half of the questions are of one who sees everything.
        let viewer = match dice.chance(50) {
            true => &viewers[0],
            false => dice.pick(viewers),
        };
        let is_own = |record: &&Record| record.entity == entity;
        let seen: Vec<_> = viewer
            .records
            .iter()
            .map(AsRef::as_ref)
            .filter(is_own)
            .collect();
        // What is asked about may be outside of what is seen.
        let own: Vec<_> = records.iter().filter(is_own).collect();
        let rules: Vec<_> = (0..dice.roll(4))
            .map(|_| filter(dice, &fields, &own, &columns, 0))
            .collect();
        let mut input = SearchInput {
            filters: Value::Array(rules),
            search_term: dice.chance(20).then(|| term(dice)),
            sort: dice.chance(85).then(|| SortInput {
                field: dice.pick(&sorts).name.clone(),
                direction: Some((*dice.pick(&["asc", "desc"])).to_owned()),
            }),
            page: Some(1 + u64::try_from(dice.roll(4)).unwrap()),
            page_size: Some(1 + u64::try_from(dice.roll(30)).unwrap()),
            cursor: None,
            with_total: Some(dice.chance(70)),
        };
        let Ok(search) = input.judge(entity, &columns, &context) else {
            continue;
        };
        asked += 1;
        let expected = search.answer(seen.iter().copied());
        let page = world.store.search(&viewer.scope, &search).await;
        let page = page.unwrap_or_else(|error| panic!("{error}: {input:#?}"));
        let same = page
            .records
            .iter()
            .map(AsRef::as_ref)
            .eq(expected.records.iter().copied());
        let ids = |records: &[&Record]| {
            let places = records
                .iter()
                .map(|record| (search.sort.key(record), record.id));
            places.collect::<Vec<_>>()
        };
        let answered: Vec<_> = page.records.iter().map(AsRef::as_ref).collect();
        assert!(
            same,
            "{:?}\n{input:#?}\n{search:#?}\nanswered {:?}\nexpected {:?}",
            viewer.scope,
            ids(&answered),
            ids(&expected.records)
        );
        assert_eq!(
            page.total,
            search.with_total.then_some(expected.total),
            "{:?}\n{input:#?}\n{search:#?}",
            viewer.scope
        );
        assert_eq!(page.next_cursor, expected.next_cursor, "{input:#?}");
        found += answered.len();
        if let Some(cursor) = page.next_cursor.filter(|_| dice.chance(30)) {
            input.cursor = Some(cursor);
            input.page = None;
            let search = input.judge(entity, &columns, &context).unwrap();
            let expected = search.answer(seen.iter().copied());
            let page = world.store.search(&viewer.scope, &search).await.unwrap();
            let answered: Vec<_> = page.records.iter().map(AsRef::as_ref).collect();
            assert_eq!(ids(&answered), ids(&expected.records), "{input:#?}");
            assert_eq!(page.next_cursor, expected.next_cursor, "{input:#?}");
        }
    }
    assert!(found > questions, "the questions find too little: {found}");
}

/// The search over all types, against its meaning.
async fn names(world: &World, viewer: &Viewer) {
    for text in ["ada", "sor mul", "日", "%", "zzz"] {
        let term = SearchTerm::parse(text).unwrap();
        let names = world.store.find(&viewer.scope, &term, 7).await.unwrap();
        let mut expected = Vec::new();
        for entity in EntityType::ALL {
            let mut found: Vec<_> = viewer
                .records
                .iter()
                .filter(|record| record.entity == entity && term.matches(record))
                .collect();
            found.sort_by_key(|record| {
                let name = kith_domain::filter::sort_name(record);
                (!term.begins(record), name, record.id)
            });
            expected.extend(
                found
                    .iter()
                    .take(7)
                    .map(|record| (record.id, record.display_name())),
            );
        }
        let names: Vec<_> = names.into_iter().map(|name| (name.id, name.name)).collect();
        assert_eq!(names, expected, "{text}");
    }
}

/// Every record by its id, and its name: for one who may not see it, it is not there.
async fn one_by_one(world: &World, viewer: &Viewer, records: &[Record]) {
    let mut named = BTreeMap::new();
    for record in records {
        let seen = viewer
            .records
            .iter()
            .find(|seen| seen.key() == record.key());
        let got = world.store.get(&viewer.scope, record.key()).await.unwrap();
        assert_eq!(got.as_ref(), seen, "{:?}", viewer.scope);
        named.extend(seen.map(|seen| (seen.id, seen.display_name())));
    }
    let all: Vec<_> = records
        .iter()
        .map(|record| Reference::Record(record.key()))
        .chain(world.users.iter().map(|user| Reference::User(*user)))
        .collect();
    let names = world.store.names(&viewer.scope, &all).await.unwrap();
    let (users, names): (Vec<_>, Vec<_>) = names
        .into_iter()
        .partition(|name| name.target == Target::User);
    let names: BTreeMap<_, _> = names.into_iter().map(|name| (name.id, name.name)).collect();
    assert_eq!(names, named, "{:?}", viewer.scope);
    let users: BTreeSet<_> = users.into_iter().map(|name| name.id).collect();
    let seen = world.users.iter().copied();
    let seen: BTreeSet<_> = seen.filter(|user| viewer.scope.sees_user(*user)).collect();
    assert_eq!(users, seen, "{:?}", viewer.scope);
}

/// Records of all types, created, changed and deleted in a company that also changes its columns.
async fn corpus(world: &World, dice: &mut Dice) -> Vec<Record> {
    for entity in EntityType::ALL {
        for column_type in ColumnType::ALL {
            let label = format!("{} {}", entity.name(), column_type.name());
            world.column(draft_of(entity, &label, column_type)).await;
        }
    }
    // More columns of one kind than there are slots: some go without.
    for number in 0..18 {
        let label = format!("date {number}");
        world
            .column(draft_of(EntityType::Task, &label, ColumnType::Date))
            .await;
    }
    for number in 0..24 {
        let label = format!("text {number}");
        let column_type = if number % 2 == 0 {
            ColumnType::Plain
        } else {
            ColumnType::Link
        };
        world
            .column(draft_of(EntityType::Service, &label, column_type))
            .await;
    }
    let gone = world
        .column(draft_of(EntityType::Contact, "gone", ColumnType::Plain))
        .await;
    let mut known: Vec<RecordKey> = Vec::new();
    let columns = world.columns().await;
    for round in 0..8 {
        for entity in EntityType::ALL {
            let count = if entity == EntityType::Contact { 14 } else { 6 };
            let drafts = (0..count)
                .map(|_| content(dice, entity, &columns, &known, &world.users))
                .collect::<Vec<_>>();
            let created = world.records(Command::create_many(entity, drafts)).await;
            known.extend(created.iter().map(|record| record.key()));
        }
        for _ in 0..6 {
            let key = *dice.pick(&known);
            if dice.chance(25) {
                known.retain(|other| *other != key);
                world.records(Command::delete(key)).await;
            } else {
                let change = content(dice, key.entity, &columns, &known, &world.users);
                world.records(Command::update(key.id, change)).await;
            }
        }
        if round == 4 {
            reorder(world).await;
        }
    }
    let task = Task::Columns(ColumnCommand::Delete { id: gone.id });
    world.run(task).await.unwrap();
    // Its slot goes to another.
    world
        .column(draft_of(EntityType::Contact, "next", ColumnType::Email))
        .await;
    let columns = world.columns().await;
    for _ in 0..60 {
        let key = *dice.pick(&known);
        let change = content(dice, key.entity, &columns, &known, &world.users);
        world.records(Command::update(key.id, change)).await;
    }
    let mut records = Vec::new();
    for key in known {
        let record = world.get(key).await.unwrap();
        assert!(!record.custom.contains_key(&gone.id));
        records.push(Record::clone(&record));
    }
    records
}

/// Options in another order, one more between them.
async fn reorder(world: &World) {
    for column in world.columns().await.iter() {
        if column.column_type() != ColumnType::SingleSelect {
            continue;
        }
        let options = ["lost", "new", "maybe", "Später", "Won"].map(|label| option(label, label));
        let patch = ColumnPatch {
            options: OptionsDraft {
                options: Patch::Set(options.into()),
                ..OptionsDraft::default()
            },
            ..ColumnPatch::default()
        };
        let task = Task::Columns(ColumnCommand::Update {
            id: column.id,
            patch,
        });
        world.run(task).await.unwrap();
    }
}

fn term(dice: &mut Dice) -> String {
    let count = 1 + dice.roll(2);
    let parts: Vec<_> = (0..count)
        .map(|_| {
            let text = words(dice);
            part(dice, &text)
        })
        .collect();
    parts.join(" ")
}

/// A piece of a text, sometimes in other letters.
fn part(dice: &mut Dice, text: &str) -> String {
    let letters: Vec<_> = text.chars().collect();
    let start = dice.roll(letters.len().max(1));
    let length = 1 + dice.roll(6);
    let piece: String = letters.into_iter().skip(start).take(length).collect();
    match dice.roll(3) {
        0 => piece.to_uppercase(),
        1 => piece.to_lowercase(),
        _ => piece,
    }
}

fn filter(
    dice: &mut Dice,
    fields: &[FilterField],
    records: &[&Record],
    columns: &[kith_domain::columns::Column],
    depth: usize,
) -> Value {
    if depth < 3 && dice.chance(25) {
        let inner: Vec<_> = (0..=dice.roll(3))
            .map(|_| filter(dice, fields, records, columns, depth + 1))
            .collect();
        return match dice.roll(3) {
            0 => json!({ "or": inner }),
            1 => json!({ "and": inner }),
            _ => json!({ "not": inner[0] }),
        };
    }
    let field = dice.pick(fields);
    let operator = *dice.pick(field.operators());
    let mut rule = json!({ "field": field.name, "operator": operator.name() });
    let several = |dice: &mut Dice, count: usize| -> Value {
        let values = (0..count).map(|_| value(dice, field, records, columns));
        values.collect()
    };
    let operand = match operator {
        Operator::IsNull | Operator::IsNotNull => None,
        Operator::HasNone | Operator::HasSome if dice.chance(50) => None,
        Operator::Contains => {
            let text = value(dice, field, records, columns);
            let text = text.as_str().unwrap_or("a").to_owned();
            Some(part(dice, &text).into())
        }
        Operator::InLastDays => Some((1 + dice.roll(60)).into()),
        Operator::Between => Some(several(dice, 2)),
        Operator::In | Operator::NotIn | Operator::HasNone | Operator::HasSome => {
            let count = 1 + dice.roll(3);
            Some(several(dice, count))
        }
        _ => Some(value(dice, field, records, columns)),
    };
    if let Some(operand) = operand {
        rule["value"] = operand;
    }
    rule
}

/// A value to compare with: mostly one that a record holds.
fn value(
    dice: &mut Dice,
    field: &FilterField,
    records: &[&Record],
    columns: &[kith_domain::columns::Column],
) -> Value {
    let record = *dice.pick(records);
    match field.field {
        FieldRef::Id => json!(record.id.to_string()),
        FieldRef::CreatedAt => instant(dice, record.created_at),
        FieldRef::UpdatedAt => instant(dice, record.updated_at),
        FieldRef::Version => json!(record.version),
        FieldRef::Notes => json!(words(dice)),
        FieldRef::Own(index) => match &record.fields[index] {
            FieldValue::Text(text) if !text.is_empty() => json!(text),
            FieldValue::Text(_) => json!(dice.pick(&WORDS)),
            FieldValue::Emails(emails) => {
                json!(emails.first().map_or("x@y.example", |email| email))
            }
            FieldValue::Decimal(number) => json!(number.to_string()),
        },
        FieldRef::Link(index) => {
            let linked = record.links[index].ids().first().copied();
            json!(linked.unwrap_or(record.id).to_string())
        }
        FieldRef::Custom(id) => {
            let column = columns.iter().find(|column| column.id == id).unwrap();
            let held = match record.custom.get(&id) {
                Some(CustomValue::Many(texts)) => json!(dice.pick(texts)),
                Some(CustomValue::Money(money)) if dice.chance(60) => {
                    json!(money.amount().to_string())
                }
                Some(held @ CustomValue::DateTime(_)) if dice.chance(50) => {
                    json!(held.to_text(column)[..10])
                }
                Some(held) => json!(held.to_text(column)),
                None => match value_of(dice, column) {
                    Value::Array(items) => items[0].clone(),
                    value => value,
                },
            };
            if field.kind == FilterKind::Emails && dice.chance(30) {
                json!(held.as_str().unwrap().to_uppercase())
            } else {
                held
            }
        }
    }
}

fn instant(dice: &mut Dice, at: Timestamp) -> Value {
    let text = at.to_string();
    if dice.chance(50) {
        json!(text[..10])
    } else {
        json!(text)
    }
}
