//! The questions R1 to R6, each in a few variants, over HTTP and by hand.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use kith_tests::Api;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::by_hand::{Database, Sql, Statement, Value};

/// How deep R2 begins.
const DEPTH: usize = 10_000;

/// Records on a page.
const PAGE: usize = 25;

/// A question in some variants, which are asked in turn.
pub(crate) struct Question {
    pub(crate) name: &'static str,
    /// Whether its p95 has a bound.
    pub(crate) is_bounded: bool,
    pub(crate) asks: Arc<Vec<Ask>>,
}

/// One variant.
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) by_hand: Vec<Statement>,
}

/// Stages that 5 to 13 % of the contacts are in, with their places in the list of options.
const STAGES: [(&str, i64); 5] = [
    ("qualified", 1),
    ("proposal", 2),
    ("negotiation", 3),
    ("won", 4),
    ("lost", 5),
];

/// A first name and the beginning of a family name.
const TERMS: [[&str; 2]; 5] = [
    ["ingrid", "holberg"],
    ["samuel", "stein"],
    ["lucia", "silva"],
    ["priya", "marker"],
    ["quinn", "zim"],
];

/// What the SQL by hand has to know: the company, the custom columns with their slots, and how each database spells.
struct Known {
    company: Uuid,
    /// By label.
    columns: HashMap<String, (Uuid, String)>,
    is_sqlite: bool,
}

/// A statement in the making: its values.
struct Values(Vec<Value>);

impl Values {
    fn add(&mut self, value: Value) -> String {
        self.0.push(value);
        format!("${}", self.0.len())
    }
}

/// The questions for a corpus.
pub(crate) async fn questions(database: &mut Database, api: &Api) -> Result<Vec<Question>> {
    let sql = "SELECT id, label, slot FROM custom_column WHERE company_id = $1 AND entity_type = 'contact'";
    let columns = database.texts(sql, vec![Value::Id(api.company)]).await?;
    let columns = columns
        .into_iter()
        .map(|(id, label, slot)| (label, (id, slot)));
    let known = Known {
        company: api.company,
        columns: columns.collect(),
        is_sqlite: database.is_sqlite(),
    };
    let mut filter_and_sort = Vec::new();
    let mut deep = Vec::new();
    let mut deep_bare = Vec::new();
    for (stage, place) in STAGES {
        filter_and_sort.push(known.filter_and_sort(stage, place)?);
        let (cursor, after) = known.at_depth(stage, place, database, api).await?;
        deep.push(known.after(stage, place, &cursor, after, true)?);
        deep_bare.push(known.after(stage, place, &cursor, after, false)?);
    }
    let mut terms = Vec::new();
    for tokens in TERMS {
        terms.push(known.term(tokens));
    }
    let mut either = Vec::new();
    let mut either_broad = Vec::new();
    for (at, region) in ["bavaria", "kent", "saxony", "wales", "umbria"]
        .into_iter()
        .enumerate()
    {
        either.push(known.either(region, STAGES[at], ("Budget", 20_000, 21_000))?);
        either_broad.push(known.either(region, STAGES[at], ("Revenue", 700_000, 1_000_000))?);
    }
    // Deals have links of four kinds. Any would do; these lie apart.
    let sql = "SELECT id FROM deal WHERE company_id = $1 ORDER BY id LIMIT 25 OFFSET 500";
    let deals = database.ids_of(sql, vec![Value::Id(known.company)]).await?;
    let one = deals.into_iter().map(|deal| known.one(deal)).collect();
    let sql = "SELECT id FROM organization WHERE company_id = $1 ORDER BY id LIMIT 300";
    let organizations = database.ids_of(sql, vec![Value::Id(known.company)]).await?;
    let of = organizations
        .chunks_exact(3)
        .map(|three| known.of_organizations(three))
        .collect();
    let question = |name, is_bounded, asks| Question {
        name,
        is_bounded,
        asks: Arc::new(asks),
    };
    Ok(vec![
        question("R1 filter, sort, total", true, filter_and_sort),
        question("R2 at depth 10,000, total", true, deep),
        question("R2b without total", true, deep_bare),
        question("R3 two tokens", false, terms),
        question("R4 three rules, or", true, either),
        question("R4b likewise, broad", false, either_broad),
        question("R5 get, references", false, one),
        question("R6 of three organizations", true, of),
    ])
}

fn search(body: &Json, by_hand: Vec<Statement>) -> Ask {
    Ask {
        method: "POST",
        path: "/api/v1/contacts/search".to_owned(),
        body: body.to_string(),
        by_hand,
    }
}

impl Known {
    fn id(&self, label: &str) -> Result<Uuid> {
        let column = self.columns.get(label);
        Ok(column.with_context(|| format!("no column {label}"))?.0)
    }

    fn slot(&self, label: &str) -> Result<&str> {
        let column = self.columns.get(label);
        Ok(&column.with_context(|| format!("no column {label}"))?.1)
    }

    fn values(&self) -> Values {
        Values(vec![Value::Id(self.company)])
    }

    /// A column that SQLite must not choose an index for.
    fn plain(&self, column: &str) -> String {
        if self.is_sqlite {
            format!("+{column}")
        } else {
            column.to_owned()
        }
    }

    /// The ids of a link as one value.
    fn linked(&self, table: &str, own: &str, other: &str) -> String {
        let from =
            format!("FROM {table} l WHERE l.company_id = r.company_id AND l.{own}_id = r.id");
        if self.is_sqlite {
            format!("(SELECT group_concat(hex(l.{other}_id), '') {from})")
        } else {
            format!("ARRAY(SELECT l.{other}_id {from})")
        }
    }

    fn contact(&self) -> String {
        format!(
            "r.id, r.version, r.created_at, r.updated_at, r.first_name, r.last_name, r.emails, r.notes, r.custom, \
             {}, {}, {}",
            self.linked("contact_organization", "contact", "organization"),
            self.linked("contact_deal", "contact", "deal"),
            self.linked("contact_user", "contact", "user"),
        )
    }

    /// A page of contacts: the ids first, so that whatever is long is read for them only.
    fn page(&self, condition: &str, order: &str, values: Values) -> Statement {
        let text = format!(
            "SELECT {} FROM (SELECT r.id AS found FROM contact r WHERE r.company_id = $1 AND {condition} \
             ORDER BY {order} LIMIT {PAGE}) p CROSS JOIN contact r WHERE r.company_id = $1 AND r.id = p.found \
             ORDER BY {}",
            self.contact(),
            if self.is_sqlite && !order.starts_with('+') {
                format!("+{order}")
            } else {
                order.to_owned()
            }
        );
        Statement::Rows(Sql {
            text,
            values: values.0,
        })
    }

    fn count(&self, condition: &str, values: Values) -> Statement {
        let text =
            format!("SELECT count(*) FROM contact r WHERE r.company_id = $1 AND {condition}");
        Statement::Count(Sql {
            text,
            values: values.0,
        })
    }

    fn filters(&self, stage: &str) -> Result<Json> {
        let stage = json!({"field": self.id("Stage")?, "operator": "equals", "value": stage});
        Ok(json!({
            "filters": [stage],
            "sortDescriptor": {"field": self.id("Revenue")?, "direction": "desc"},
        }))
    }

    fn filter_and_sort(&self, stage: &str, place: i64) -> Result<Ask> {
        let (filtered, sorted) = (self.slot("Stage")?, self.slot("Revenue")?);
        let mut body = self.filters(stage)?;
        body["pagination"] = json!({"page": 1, "pageSize": PAGE});
        let mut values = self.values();
        let place = Value::Int(place);
        let bound = values.add(place.clone());
        let condition = format!(
            "{} = {bound} AND r.{sorted} IS NOT NULL",
            self.plain(&format!("r.{filtered}"))
        );
        let page = self.page(&condition, &format!("r.{sorted} DESC, r.id DESC"), values);
        let mut values = self.values();
        let bound = values.add(place);
        let count = self.count(&format!("r.{filtered} = {bound}"), values);
        Ok(search(&body, vec![count, page]))
    }

    /// The cursor after the record at [`DEPTH`], and the sorted value and id of that record.
    async fn at_depth(
        &self,
        stage: &str,
        place: i64,
        database: &mut Database,
        api: &Api,
    ) -> Result<(String, (i64, Uuid))> {
        let (filtered, sorted) = (self.slot("Stage")?, self.slot("Revenue")?);
        let mut values = self.values();
        let bound = values.add(Value::Int(place));
        let condition =
            format!("r.company_id = $1 AND r.{filtered} = {bound} AND r.{sorted} IS NOT NULL");
        let count = self.count(&condition, Values(values.0.clone()));
        let there = usize::try_from(database.count(&count).await?)?;
        // A small corpus is not that deep.
        let depth = DEPTH.min(there / 2);
        let mut cursor = Json::Null;
        let mut passed = 0;
        while passed < depth {
            let size = (depth - passed).min(1_000);
            let mut body = self.filters(stage)?;
            body["pageSize"] = json!(size);
            body["withTotal"] = json!(false);
            if passed > 0 {
                body["cursor"] = cursor;
            } else {
                body.as_object_mut()
                    .context("no object")?
                    .remove("pageSize");
                body["pagination"] = json!({"page": 1, "pageSize": size});
            }
            let reply = api.call("POST", "/contacts/search", &body).await?;
            ensure!(reply.status == 200, "{}", reply.text());
            cursor = reply.json()["nextCursor"].take();
            passed += size;
        }
        let text = format!(
            "SELECT r.{sorted}, r.id FROM contact r WHERE {condition} ORDER BY r.{sorted} DESC, r.id DESC \
             LIMIT 1 OFFSET {}",
            depth.saturating_sub(1)
        );
        let sql = Sql {
            text,
            values: values.0,
        };
        let place = database.places(&sql).await?;
        let cursor = cursor.as_str().context("no cursor at that depth")?;
        Ok((
            cursor.to_owned(),
            *place.first().context("nothing at that depth")?,
        ))
    }

    fn after(
        &self,
        stage: &str,
        place: i64,
        cursor: &str,
        (number, id): (i64, Uuid),
        with_total: bool,
    ) -> Result<Ask> {
        let (filtered, sorted) = (self.slot("Stage")?, self.slot("Revenue")?);
        let mut body = self.filters(stage)?;
        body["cursor"] = json!(cursor);
        body["pageSize"] = json!(PAGE);
        body["withTotal"] = json!(with_total);
        let mut values = self.values();
        let stage = values.add(Value::Int(place));
        let number = values.add(Value::Int(number));
        let id = values.add(Value::Id(id));
        let condition = format!(
            "{} = {stage} AND r.{sorted} IS NOT NULL AND (r.{sorted}, r.id) < ({number}, {id})",
            self.plain(&format!("r.{filtered}"))
        );
        let order = format!("r.{sorted} DESC, r.id DESC");
        let mut by_hand = Vec::new();
        if with_total {
            let mut values = self.values();
            let bound = values.add(Value::Int(place));
            by_hand.push(self.count(&format!("r.{filtered} = {bound}"), values));
        }
        by_hand.push(self.page(&condition, &order, values));
        Ok(search(&body, by_hand))
    }

    fn term(&self, tokens: [&str; 2]) -> Ask {
        let body = json!({
            "searchTerm": tokens.join(" "),
            "pagination": {"page": 1, "pageSize": PAGE},
        });
        let condition = |values: &mut Values| {
            if self.is_sqlite {
                // Trigrams find the rows; the tokens are looked for in them.
                let trigrams = tokens.iter().flat_map(|token| {
                    (0..token.len() - 2).map(|at| format!("\"{}\"", &token[at..at + 3]))
                });
                let trigrams = trigrams.collect::<Vec<_>>().join(" AND ");
                let trigrams = values.add(Value::Text(trigrams));
                let mut condition = format!(
                    "r.rid IN (SELECT rowid FROM contact_fts WHERE contact_fts MATCH {trigrams})"
                );
                for token in tokens {
                    let token = values.add(Value::Text(token.to_owned()));
                    condition += &format!(" AND instr(r.search, {token}) > 0");
                }
                condition
            } else {
                let likes = tokens.map(|token| {
                    let pattern = values.add(Value::Text(format!("%{token}%")));
                    format!("s.search LIKE {pattern}")
                });
                format!(
                    "r.id IN (SELECT s.id FROM contact_search s WHERE s.company_id = $1 AND {})",
                    likes.join(" AND ")
                )
            }
        };
        let mut values = self.values();
        let found = condition(&mut values);
        let order = if self.is_sqlite {
            "+r.id DESC"
        } else {
            "r.id DESC"
        };
        let page = self.page(&found, order, values);
        let mut values = self.values();
        let found = condition(&mut values);
        let count = self.count(&found, values);
        search(&body, vec![count, page])
    }

    /// One of a region and a stage, and an amount in a range.
    fn either(
        &self,
        region: &str,
        (stage, place): (&str, i64),
        (amount, least, most): (&str, i64, i64),
    ) -> Result<Ask> {
        let rule = |label, operator, value: Json| -> Result<Json> {
            Ok(json!({"field": self.id(label)?, "operator": operator, "value": value}))
        };
        let body = json!({
            "filters": [
                {"or": [rule("Region", "equals", json!(region))?, rule("Stage", "equals", json!(stage))?]},
                rule(amount, "between", json!([least, most]))?,
            ],
            "pagination": {"page": 1, "pageSize": PAGE},
        });
        let regions = [
            "alsace",
            "bavaria",
            "castile",
            "dalmatia",
            "emilia",
            "flanders",
            "galicia",
            "hesse",
            "istria",
            "jutland",
            "kent",
            "lapland",
            "moravia",
            "navarre",
            "ostrobothnia",
            "piedmont",
            "saxony",
            "tyrol",
            "umbria",
            "wales",
        ];
        let region = regions.iter().position(|known| *known == region);
        let region = i64::try_from(region.context("no such region")?)?;
        let (stages, regions, revenue) = (
            self.slot("Stage")?,
            self.slot("Region")?,
            self.slot(amount)?,
        );
        let condition = |values: &mut Values| {
            let region = values.add(Value::Int(region));
            let place = values.add(Value::Int(place));
            let least = values.add(Value::Int(least * 10_000));
            let most = values.add(Value::Int(most * 10_000));
            format!(
                "({} = {region} OR {} = {place}) AND r.{revenue} BETWEEN {least} AND {most}",
                self.plain(&format!("r.{regions}")),
                self.plain(&format!("r.{stages}"))
            )
        };
        let mut values = self.values();
        let found = condition(&mut values);
        let order = if self.is_sqlite {
            "+r.id DESC"
        } else {
            "r.id DESC"
        };
        let page = self.page(&found, order, values);
        let mut values = self.values();
        let found = condition(&mut values);
        let count = self.count(&found, values);
        Ok(search(&body, vec![count, page]))
    }

    fn one(&self, deal: Uuid) -> Ask {
        let values = || vec![Value::Id(self.company), Value::Id(deal)];
        let record = format!(
            "SELECT r.id, r.version, r.created_at, r.updated_at, r.name, r.total_value, r.total_value_rest, \
             r.total_quantity, r.notes, r.custom, {}, {}, {}, {}, {} FROM deal r WHERE r.company_id = $1 AND r.id = $2",
            self.linked("contact_deal", "deal", "contact"),
            self.linked("organization_deal", "deal", "organization"),
            self.linked("deal_user", "deal", "user"),
            self.linked("deal_service", "deal", "service"),
            if self.is_sqlite {
                "(SELECT group_concat(l.quantity) FROM deal_service l WHERE l.company_id = r.company_id AND l.deal_id = r.id)"
            } else {
                "ARRAY(SELECT l.quantity FROM deal_service l WHERE l.company_id = r.company_id AND l.deal_id = r.id)"
            }
        );
        let names = |table: &str, of: &str, target: &str, name: &str| {
            format!(
                "SELECT n.id, {name} FROM {table} l CROSS JOIN {target} n WHERE l.company_id = $1 AND l.deal_id = $2 \
                 AND n.company_id = $1 AND n.id = l.{of}_id"
            )
        };
        let person = "n.first_name || ' ' || n.last_name";
        let names = [
            names("contact_deal", "contact", "contact", person),
            names(
                "organization_deal",
                "organization",
                "organization",
                "n.name",
            ),
            names("deal_service", "service", "service", "n.name"),
            names("deal_user", "user", "account", person),
        ]
        .join(" UNION ALL ");
        let rows = |text| {
            Statement::Rows(Sql {
                text,
                values: values(),
            })
        };
        Ask {
            method: "GET",
            path: format!("/api/v1/deals/{deal}?include=references"),
            body: String::new(),
            by_hand: vec![rows(record), rows(names)],
        }
    }

    fn of_organizations(&self, organizations: &[Uuid]) -> Ask {
        let body = json!({
            "filters": [{"field": "organizationIds", "operator": "in", "value": organizations}],
            "pagination": {"page": 1, "pageSize": PAGE},
        });
        let listed = |values: &mut Values| {
            let places: Vec<_> = organizations
                .iter()
                .map(|id| values.add(Value::Id(*id)))
                .collect();
            places.join(", ")
        };
        let mut values = self.values();
        let places = listed(&mut values);
        let count = Statement::Count(Sql {
            text: format!(
                "SELECT count(DISTINCT contact_id) FROM contact_organization WHERE company_id = $1 \
                 AND organization_id IN ({places})"
            ),
            values: values.0,
        });
        let mut values = self.values();
        let places = listed(&mut values);
        let condition = format!(
            "r.id IN (SELECT l.contact_id FROM contact_organization l WHERE l.company_id = $1 \
             AND l.organization_id IN ({places}))"
        );
        let order = if self.is_sqlite {
            "+r.id DESC"
        } else {
            "r.id DESC"
        };
        let page = self.page(&condition, order, values);
        search(&body, vec![count, page])
    }
}
