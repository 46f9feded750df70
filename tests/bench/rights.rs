//! What rights cost: R1 as an administrator, and as a member who may read only what is assigned to them.

use std::collections::HashSet;

use anyhow::{Context, Result};
use kith_tests::Api;
use kith_tests::server::Process;
use kith_tests::usage::Watched;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::by_hand::{Database, Sql, Value};
use crate::questions::questions;
use crate::reads::{Args, ask_over_http, key_of};
use crate::{Options, report};

/// The part of the contacts that are assigned to the member.
const PART: f64 = 0.08;

/// Contacts that one call assigns.
const BATCH: usize = 1_000;

const ROLE: &str = "Reads their own";

/// Measures and prints.
pub(crate) async fn run(args: &Args, options: &Options) -> Result<()> {
    let url = &args.database_url;
    let mut database = Database::open(url).await?;
    let company = database.company(&args.email).await?;
    let process = Process::start(url)?;
    let key = key_of(url, &args.email)?;
    let admin = Api::new(process.address, company, Uuid::nil(), &key);
    let watched = Watched {
        server: process.pid(),
        postgres: database.postgres_pid().await?,
    };
    let (all, member) = busiest(&mut database, company).await?;
    let held = assign(&mut database, &admin, all, member).await?;
    let user = admin.get(&format!("/users/{member}")).await?.expect(200);
    let role = json!({ "roleId": role(&admin).await? });
    let path = format!("/users/{member}");
    admin.call("PUT", &path, &role).await?.expect(200);
    let email = user["email"].as_str().context("no e-mail address")?;
    let limited = admin.with_key(member, &key_of(url, email)?);

    let asked = questions(&mut database, &admin).await?;
    let question = asked.first().context("no question")?;
    let mut rows = Vec::new();
    for (who, api, records) in [("administrator", &admin, all), ("member", &limited, held)] {
        for (totals, fresh) in [("remembered", false), ("counted", true)] {
            let figures =
                ask_over_http(question, api, watched, 1, fresh.then_some(&admin), options);
            let figures = figures.await?;
            rows.push(vec![
                who.to_owned(),
                records.to_string(),
                totals.to_owned(),
                figures.measured.requests.to_string(),
                format!("{:.2}", figures.measured.percentile(0.5)),
                format!("{:.2}", figures.measured.percentile(0.95)),
            ]);
        }
    }
    println!("{} on {}", question.name, database.name());
    let head = ["who", "contacts", "total", "asked", "p50 ms", "p95 ms"];
    report::table(&head, &rows);
    Ok(())
}

/// How many contacts there are, and who has most of those who have less than the part.
async fn busiest(database: &mut Database, company: Uuid) -> Result<(i64, Uuid)> {
    let sql = |text: &str| Sql {
        text: text.to_owned(),
        values: vec![Value::Id(company)],
    };
    let all = "SELECT count(*), company_id FROM contact WHERE company_id = $1 GROUP BY company_id";
    let all = database.places(&sql(all)).await?;
    let all = all.first().context("there are no contacts")?.0;
    let each = "SELECT count(*), user_id FROM contact_user WHERE company_id = $1 GROUP BY user_id";
    let each = database.places(&sql(each)).await?;
    let below = each.into_iter().filter(|(count, _)| *count <= part(all));
    let member = below.max_by_key(|(count, _)| *count);
    Ok((all, member.context("no contact is assigned")?.1))
}

fn part(all: i64) -> i64 {
    (all as f64 * PART) as i64
}

/// Assigns further contacts to the member, spread evenly, until they have their part; how many those are.
async fn assign(database: &mut Database, admin: &Api, all: i64, member: Uuid) -> Result<i64> {
    let held = "SELECT contact_id FROM contact_user WHERE company_id = $1 AND user_id = $2";
    let values = vec![Value::Id(admin.company), Value::Id(member)];
    let held: HashSet<_> = database.ids_of(held, values).await?.into_iter().collect();
    let missing = usize::try_from(part(all))?.saturating_sub(held.len());
    let ids = "SELECT id FROM contact WHERE company_id = $1 ORDER BY id";
    let ids = database.ids_of(ids, vec![Value::Id(admin.company)]).await?;
    let others: Vec<_> = ids.into_iter().filter(|id| !held.contains(id)).collect();
    let step = (others.len() / missing.max(1)).max(1);
    let chosen: Vec<_> = others.into_iter().step_by(step).take(missing).collect();
    for some in chosen.chunks(BATCH) {
        let changes: Vec<_> = some
            .iter()
            .map(|id| json!({"id": id, "userIds": [member]}))
            .collect();
        let body = json!({ "contacts": changes });
        admin
            .call("PUT", "/contacts/many", &body)
            .await?
            .expect(200);
    }
    Ok(i64::try_from(held.len() + chosen.len())?)
}

/// The role, made at the first time.
async fn role(admin: &Api) -> Result<String> {
    let own = ["contacts", "organizations", "deals", "services", "tasks"]
        .map(|resource| json!({"resource": resource, "action": "readOwn"}));
    let body = json!({"name": ROLE, "permissions": own});
    let made = admin.call("POST", "/roles", &body).await?;
    let role = if made.status == 201 {
        made.json()
    } else {
        let roles = admin.get("/roles").await?.expect(200);
        let roles: Vec<Json> = serde_json::from_value(roles)?;
        let known = roles.into_iter().find(|role| role["name"] == ROLE);
        known.with_context(|| made.text())?
    };
    Ok(role["id"]
        .as_str()
        .context("a role without an id")?
        .to_owned())
}
