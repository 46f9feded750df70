//! What questions cost on many records, beside the same question as SQL written by hand. Left out unless asked for:
//! `cargo test --release -p kith-persistence --test contract scale -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use kith_domain::columns::ColumnType;
use kith_domain::draft::Draft;
use kith_domain::entity::EntityType;
use kith_domain::filter::{FilterContext, SearchInput, SortInput};
use kith_domain::ports::Repository;
use kith_domain::time::Timestamp;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use super::world::{World, draft_of};
use crate::support::{Database, runtime};

fn contacts() -> usize {
    let asked = std::env::var("KITH_SCALE").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(250_000)
}

/// Contacts with an option, an amount and a date each, and a link to one of the organizations.
fn corpus(world: &World, is_sqlite: bool, columns: &[String; 3]) -> Vec<String> {
    let company = world.company.simple();
    let count = contacts();
    let (tenant, id, numbers, organization) = if is_sqlite {
        (
            format!("x'{company}'"),
            "unhex('019000000000' || '70008000' || printf('%012x', i))",
            format!(
                "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {count}) "
            ),
            "(SELECT id FROM organization ORDER BY id LIMIT 1 OFFSET 3)",
        )
    } else {
        (
            format!("'{company}'::uuid"),
            "('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid",
            format!("WITH c AS (SELECT i::bigint FROM generate_series(1, {count}) AS g (i)) "),
            "(SELECT id FROM organization ORDER BY id LIMIT 1 OFFSET 3)",
        )
    };
    let name = "'ada' || (i * 7919 % 100003)";
    let [stage, amount, date] = columns;
    let rank = "CASE WHEN i % 10 = 3 THEN 1 WHEN i % 1000 = 7 THEN 2 ELSE 0 END";
    let (with, select) = if is_sqlite {
        (numbers.as_str(), "")
    } else {
        ("", numbers.as_str())
    };
    let mut statements = vec![
        format!(
            "{with} INSERT INTO contact (company_id, id, version, created_at, updated_at, first_name, last_name, emails, \
             name_key, search, n1, n2, d1, custom) {select} SELECT {tenant}, {id}, 1, 1776852000000 + i, 1776852000000 + i, \
             'Ada', {name}, '[\"' || {name} || '@example.com\"]', {name} || chr(1) || 'ada', \
             'ada' || chr(10) || {name} || chr(10) || {name} || '@example.com', {rank}, i * 7907 % 1000003, i * 31 % 3650, \
             '{{\"{stage}\":\"onew\",\"{amount}\":\"m' || (i % 1000) || '.00EUR\",\"{date}\":\"d2026-01-01\"}}' FROM c"
        ),
        format!(
            "{with} INSERT INTO contact_organization (company_id, contact_id, organization_id) \
             {select} SELECT {tenant}, {id}, {organization} FROM c WHERE i % 5000 = 0"
        ),
    ];
    statements.push(format!(
        "UPDATE company_position SET contact_count = {count}"
    ));
    if is_sqlite {
        for statement in &mut statements {
            *statement = statement.replace("chr(", "char(");
        }
    } else {
        statements
            .push("INSERT INTO contact_search SELECT company_id, id, search FROM contact".into());
        statements.push("VACUUM ANALYZE".into());
    }
    statements
}

/// The same question, written by hand, and how its records are counted.
fn by_hand(what: &str, world: &World, is_sqlite: bool) -> Option<[String; 2]> {
    let company = world.company.simple();
    let tenant = if is_sqlite {
        format!("x'{company}'")
    } else {
        format!("'{company}'::uuid")
    };
    let page = |condition: &str, order: &str| {
        [
            format!("SELECT count(*) FROM contact WHERE company_id = {tenant} AND {condition}"),
            format!(
                "SELECT id, first_name, last_name, emails, notes, custom FROM contact \
                 WHERE company_id = {tenant} AND {condition} ORDER BY {order} LIMIT 25"
            ),
        ]
    };
    Some(match what {
        "R1" => page("n1 = 1 AND n2 IS NOT NULL", "n2 DESC, id DESC"),
        "R1 rare" => page("n1 = 2 AND n2 IS NOT NULL", "n2 DESC, id DESC"),
        "R6" => page(
            &format!(
                "id IN (SELECT contact_id FROM contact_organization WHERE company_id = {tenant} \
                 AND organization_id = (SELECT id FROM organization ORDER BY id LIMIT 1 OFFSET 3))"
            ),
            "id DESC",
        ),
        _ => return None,
    })
}

fn median(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    (at(50), at(95))
}

#[expect(clippy::print_stdout, reason = "a measurement shows its numbers")]
async fn measure(database: &Database) {
    let is_sqlite = database.url().starts_with("sqlite");
    let world = World::new(database, 5_000).await;
    let mut columns = Vec::new();
    for column_type in [
        ColumnType::SingleSelect,
        ColumnType::Currency,
        ColumnType::Date,
    ] {
        let draft = draft_of(EntityType::Contact, column_type.name(), column_type);
        columns.push(world.column(draft).await.id.to_string());
    }
    for at in 0..10 {
        world
            .create(
                Draft::new(EntityType::Organization).text("name", &format!("Organization {at}")),
            )
            .await;
    }
    let columns: [String; 3] = columns.try_into().unwrap();
    let started = Instant::now();
    let statements = corpus(&world, is_sqlite, &columns);
    if is_sqlite {
        let mut connection = SqliteConnection::connect(database.url()).await.unwrap();
        for sql in statements {
            connection.execute(AssertSqlSafe(sql)).await.unwrap();
        }
    } else {
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        for sql in statements {
            connection.execute(AssertSqlSafe(sql)).await.unwrap();
        }
    }
    println!("{} contacts in {:?}", contacts(), started.elapsed());
    let schema = world.store.schema(world.company).await.unwrap();
    let organizations = SearchInput {
        sort: Some(SortInput {
            field: "createdAt".into(),
            direction: Some("asc".into()),
        }),
        ..SearchInput::default()
    };
    let context = FilterContext {
        parse: schema.context,
        now: Timestamp(1_776_852_000_000),
    };
    let search = organizations
        .judge(EntityType::Organization, &schema.columns, &context)
        .unwrap();
    let page = world.store.search(&world.scope(), &search).await.unwrap();
    let linked = page.records[3].id.to_string();
    let [stage, amount, date] = &columns;
    let by = |field: &str, filters: Value| SearchInput {
        filters,
        sort: Some(SortInput {
            field: field.into(),
            direction: Some("desc".into()),
        }),
        ..SearchInput::default()
    };
    let rule = |field: &str, operator: &str, value: Value| json!({ "field": field, "operator": operator, "value": value });
    let won = rule(stage, "equals", json!("Won"));
    let lost = rule(stage, "equals", json!("lost"));
    let questions = [
        ("R1", by(amount, json!([won]))),
        ("R1 rare", by(amount, json!([lost]))),
        (
            "R3",
            SearchInput {
                search_term: Some("ada 777".into()),
                ..SearchInput::default()
            },
        ),
        (
            "R4",
            by(
                "createdAt",
                json!([{ "or": [
                lost,
                rule(amount, "between", json!([3, 3.2])),
                rule("organizationIds", "in", json!([linked])),
            ] }, rule(date, "gte", json!("1971-01-01"))]),
            ),
        ),
        (
            "R6",
            by(
                "createdAt",
                json!([rule("organizationIds", "in", json!([linked]))]),
            ),
        ),
        ("by name", by("name", Value::Null)),
        (
            "page 400",
            SearchInput {
                page: Some(400),
                ..by(amount, json!([won]))
            },
        ),
    ];
    for (what, input) in questions {
        let search = input
            .judge(EntityType::Contact, &schema.columns, &context)
            .unwrap();
        let mut times = Vec::new();
        let mut found = None;
        let mut cursor = None;
        for _ in 0..21 {
            let started = Instant::now();
            let page = world.store.search(&world.scope(), &search).await.unwrap();
            times.push(started.elapsed());
            found = page.total;
            cursor = page.next_cursor;
        }
        let (p50, p95) = median(times);
        let mut line = format!("{what}: {p50:.1} ms, p95 {p95:.1} ms, {found:?} found");
        if let Some(statements) = by_hand(what, &world, is_sqlite) {
            line += &format!("; by hand {:.1} ms", hand(database, &statements).await);
        }
        println!("{line}");
        if what == "page 400"
            && let Some(cursor) = cursor
        {
            let input = SearchInput {
                cursor: Some(cursor),
                page: None,
                with_total: Some(false),
                ..input
            };
            let search = input
                .judge(EntityType::Contact, &schema.columns, &context)
                .unwrap();
            let started = Instant::now();
            world.store.search(&world.scope(), &search).await.unwrap();
            println!("R2: {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
        }
        if p50 > 20.0 {
            println!(
                "{:#?}",
                world.store.explain(&world.scope(), &search).await.unwrap()
            );
        }
    }
    world.store.close().await;
}

async fn hand(database: &Database, statements: &[String; 2]) -> f64 {
    let mut times = Vec::new();
    if database.url().starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(database.url()).await.unwrap();
        for _ in 0..21 {
            let started = Instant::now();
            for sql in statements {
                connection
                    .fetch_all(AssertSqlSafe(sql.clone()))
                    .await
                    .unwrap();
            }
            times.push(started.elapsed());
        }
    } else {
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        for _ in 0..21 {
            let started = Instant::now();
            for sql in statements {
                connection
                    .fetch_all(AssertSqlSafe(sql.clone()))
                    .await
                    .unwrap();
            }
            times.push(started.elapsed());
        }
    }
    median(times).0
}

#[test]
#[ignore = "measures; asked for by name"]
fn scale() {
    for database in [Database::sqlite(), Database::postgres()]
        .into_iter()
        .flatten()
    {
        runtime().block_on(measure(&database));
    }
}
