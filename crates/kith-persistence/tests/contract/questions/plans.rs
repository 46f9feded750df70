//! How the databases go about the usual questions: through indexes, never through all records.

use kith_domain::columns::ColumnType;
use kith_domain::decide::Command;
use kith_domain::draft::{CustomInput, Draft};
use kith_domain::entity::EntityType;
use kith_domain::filter::{FilterContext, SearchInput, SortInput};
use kith_domain::ports::Repository;
use kith_domain::time::Timestamp;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::world::{World, draft_of};
use crate::support::{Database, runtime};

/// Enough that PostgreSQL would rather use an index than read everything.
const RECORDS: usize = 4_000;

fn questions(column: &str, stage: &str, linked: &str) -> Vec<(&'static str, SearchInput)> {
    let by = |field: &str| SearchInput {
        sort: Some(SortInput {
            field: field.to_owned(),
            direction: Some("desc".to_owned()),
        }),
        ..SearchInput::default()
    };
    let filtered = |filters: Value, sort: &str| SearchInput {
        filters,
        ..by(sort)
    };
    let term = |term: &str| SearchInput {
        search_term: Some(term.to_owned()),
        ..SearchInput::default()
    };
    vec![
        (
            "newest",
            SearchInput {
                with_total: Some(false),
                ..by("createdAt")
            },
        ),
        (
            "last changed",
            SearchInput {
                with_total: Some(false),
                ..by("updatedAt")
            },
        ),
        (
            "by name",
            SearchInput {
                with_total: Some(false),
                ..by("name")
            },
        ),
        (
            "by a column",
            SearchInput {
                with_total: Some(false),
                ..by(column)
            },
        ),
        (
            "by option, sorted by a column",
            filtered(
                json!([{ "field": stage, "operator": "equals", "value": "lost" }]),
                column,
            ),
        ),
        (
            "by amount",
            filtered(
                json!([{ "field": column, "operator": "between", "value": [3, 4] }]),
                "createdAt",
            ),
        ),
        (
            "one of three",
            filtered(
                json!([{ "or": [
                    { "field": column, "operator": "equals", "value": 17 },
                    { "field": stage, "operator": "equals", "value": "lost" },
                    { "field": "organizationIds", "operator": "in", "value": [linked] },
                ] }]),
                "createdAt",
            ),
        ),
        (
            "by link",
            filtered(
                json!([{ "field": "organizationIds", "operator": "in", "value": [linked] }]),
                "name",
            ),
        ),
        ("two words", term("number 123 ada")),
        (
            "a part of a name",
            filtered(
                json!([{ "field": "lastName", "operator": "contains", "value": "Number 77" }]),
                "createdAt",
            ),
        ),
        (
            "an address",
            filtered(
                json!([{ "field": "emails", "operator": "equals", "value": "ada77@example.com" }]),
                "createdAt",
            ),
        ),
        (
            "a day",
            filtered(
                json!([{ "field": "createdAt", "operator": "equals", "value": "2026-04-25" }]),
                "createdAt",
            ),
        ),
    ]
}

async fn check(database: &Database) {
    // As if there were many: what is found is walked along its order.
    let world = World::new(database, 1_000).await;
    let amount = world
        .column(draft_of(
            EntityType::Contact,
            "Amount",
            ColumnType::Currency,
        ))
        .await;
    let stage = world
        .column(draft_of(
            EntityType::Contact,
            "Stage",
            ColumnType::SingleSelect,
        ))
        .await;
    let organizations = (0..200)
        .map(|at| Draft::new(EntityType::Organization).text("name", &format!("Organization {at}")));
    let organizations = world
        .records(Command::create_many(
            EntityType::Organization,
            organizations,
        ))
        .await;
    for start in (0..RECORDS).step_by(500) {
        let drafts = (start..start + 500).map(|at| {
            let mut draft = Draft::new(EntityType::Contact)
                .text("firstName", "Ada")
                .text("lastName", &format!("Number {at}"))
                .links("organizations", [organizations[at % 200].id])
                .field(
                    "emails",
                    kith_domain::entity::FieldValue::Emails(vec![format!("ada{at}@example.com")]),
                );
            let mut custom = |at, column, value: Value| {
                draft.custom.push(CustomInput { at, column, value });
            };
            custom(0, amount.id, json!(at % 1_000));
            custom(
                1,
                stage.id,
                json!(["new", "Won", "lost"][usize::from(at % 20 > 0) + usize::from(at % 50 == 7)]),
            );
            draft
        });
        world
            .records(Command::create_many(EntityType::Contact, drafts))
            .await;
    }
    if database.url().starts_with("postgres") {
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        connection.execute(AssertSqlSafe("ANALYZE")).await.unwrap();
    }
    let columns = world.columns().await;
    let context = FilterContext {
        parse: world.store.schema(world.company).await.unwrap().context,
        now: Timestamp(1_776_852_000_000),
    };
    let linked = organizations[3].id.to_string();
    for (what, input) in questions(&amount.id.to_string(), &stage.id.to_string(), &linked) {
        let search = input
            .judge(EntityType::Contact, &columns, &context)
            .unwrap();
        // Each connection learns of a new index with the next statement that it runs; an explanation is none.
        for _ in 0..3 {
            world.store.search(&world.scope(), &search).await.unwrap();
        }
        let plan = world.store.explain(&world.scope(), &search).await.unwrap();
        let is_full = |line: &String| {
            let all = line.starts_with("SCAN r") && !line.contains("INDEX");
            // On SQLite a search of an index by nothing but the company is as bad.
            let company = line.starts_with("SEARCH r")
                && line.ends_with("(company_id=?)")
                && !line.contains("COVERING")
                && search.with_total;
            all || company && !line.contains("_amount") || line.contains("Seq Scan on contact r")
        };
        let full: Vec<_> = plan.iter().filter(|line| is_full(line)).collect();
        let walks = plan
            .iter()
            .any(|line| line.contains("_n1") || line.contains("_n2"));
        assert!(full.is_empty() || walks, "{what}: {plan:#?}");
    }
    world.store.close().await;
}

#[test]
fn usual_questions_use_indexes() {
    for database in [Database::sqlite(), Database::postgres()]
        .into_iter()
        .flatten()
    {
        runtime().block_on(check(&database));
    }
}
