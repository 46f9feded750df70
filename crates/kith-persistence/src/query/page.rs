//! Pages of records, names, and the search over all types.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use kith_domain::filter::{Cursor, Filter, Search, Window};
use kith_domain::ports::{Page, RepositoryError};
use kith_domain::record::Record;
use kith_domain::relation::Target;
use kith_domain::scope::{Reach, Scope};
use uuid::Uuid;

use super::filter::Conditions;
use super::order::Order;
use super::totals::Known;
use super::{Approach, Statement, Value};
use crate::columns::CompanyColumns;
use crate::shape::Shape;
use crate::sql::{Cells, Dialect};
use crate::store::Store;
use crate::writer::count_column;

/// A search on its way.
pub(super) struct Question<'a> {
    pub(super) store: &'a Store,
    /// Whose eyes it is seen with.
    pub(super) scope: &'a Scope,
    pub(super) columns: &'a CompanyColumns,
    /// With the scope as a part of its filter.
    pub(super) search: &'a Search,
    /// Which of the rules that all have to hold finds fewest records, where that is known.
    leader: Option<usize>,
}

/// Which records of the order a statement reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All, if all have a value.
    All,
    /// Those with a value.
    Present,
    /// Those without.
    Absent,
}

impl Store {
    pub(crate) async fn read_page(
        &self,
        scope: &Scope,
        search: &Search,
    ) -> Result<Page, RepositoryError> {
        let company = scope.company;
        let columns = match self.remembered.latest(company) {
            Some(columns) => columns,
            None => self.read_columns(company).await?.0,
        };
        let Some(search) = within(search, scope) else {
            return Ok(Page {
                records: Vec::new(),
                total: search.with_total.then_some(0),
                next_cursor: None,
            });
        };
        let question = Question {
            store: self,
            scope,
            columns: &columns,
            search: &search,
            leader: None,
        };
        question.see_to_indexes().await?;
        question.answer().await
    }

    pub(crate) async fn explain_page(
        &self,
        scope: &Scope,
        search: &Search,
    ) -> Result<Vec<String>, RepositoryError> {
        let columns = self.read_columns(scope.company).await?.0;
        let Some(search) = within(search, scope) else {
            return Ok(Vec::new());
        };
        let mut question = Question {
            store: self,
            scope,
            columns: &columns,
            search: &search,
            leader: None,
        };
        question.see_to_indexes().await?;
        question.leader = question.find_leader().await?;
        let total = question.count(Part::All, None).await?;
        let approach = question.approach(Some(total)).await?;
        let part = match question.order(&mut question.statement()).present {
            Some(_) => Part::Present,
            None => Part::All,
        };
        let offset = search.window.offset();
        let limit = u64::from(search.window.size()) + 1;
        let mut lines = Vec::new();
        let counted = search
            .with_total
            .then(|| question.count_sql(Part::All, None));
        let page = question.page_sql(part, approach, offset, limit, false);
        for (statement, text) in counted.into_iter().chain([page]) {
            let (explain, at) = match statement.dialect {
                Dialect::Sqlite => ("EXPLAIN QUERY PLAN", 3),
                Dialect::Postgres => ("EXPLAIN (COSTS OFF)", 0),
            };
            let plan = self.ask(&statement, format!("{explain} {text}"), |row| {
                row.text(at).map(str::to_owned)
            });
            lines.extend(plan.await?);
        }
        Ok(lines)
    }
}

/// A search among what a caller may see; nothing if that is nothing.
fn within<'a>(search: &'a Search, scope: &Scope) -> Option<Cow<'a, Search>> {
    let entity = search.entity;
    let reach = scope.reach_of(entity);
    if reach == Reach::All && scope.shows_all_links(entity) {
        return Some(Cow::Borrowed(search));
    }
    let own = match reach {
        Reach::All => Filter::everything(),
        Reach::Own => Filter::of_user(entity, scope.user),
        Reach::Nothing => return None,
    };
    let mut limited = search.clone();
    limited.filter = limited.filter.within(scope, entity).and(own);
    Some(Cow::Owned(limited))
}

/// What a part of the records is sorted by.
fn by(order: &Order, part: Part, hidden: bool) -> String {
    match part {
        Part::Absent => order.by_id(hidden),
        Part::All | Part::Present => order.by(hidden),
    }
}

impl Question<'_> {
    async fn answer(mut self) -> Result<Page, RepositoryError> {
        let search = self.search;
        let (total, mut records) = if search.with_total && !self.asks_nothing() {
            self.total_and_records().await?
        } else {
            self.only_records().await?
        };
        let size = search.window.size() as usize;
        let has_more = records.len() > size;
        records.truncate(size);
        let next_cursor = records
            .last()
            .filter(|_| has_more)
            .map(|last| search.cursor_after(last));
        Ok(Page {
            records: records.into_iter().map(Arc::new).collect(),
            total,
            next_cursor,
        })
    }

    /// The records, and the total where it is at hand.
    async fn only_records(&mut self) -> Result<(Option<u64>, Vec<Record>), RepositoryError> {
        if self.asks_nothing() {
            let total = match self.search.with_total {
                true => Some(self.all().await?),
                false => None,
            };
            return Ok((total, self.records(Approach::Walk, total).await?));
        }
        self.leader = self.find_leader().await?;
        let approach = match self.is_alike_either_way() {
            true => Approach::Walk,
            false => self.approach(None).await?,
        };
        Ok((None, self.records(approach, None).await?))
    }

    /// The total, counted unless that was done before and nothing has changed since, and the records.
    async fn total_and_records(&mut self) -> Result<(Option<u64>, Vec<Record>), RepositoryError> {
        let totals = &self.store.totals;
        let key = totals.key(self.scope, self.search);
        // Read before anything is counted: what is committed in between makes the total one of a later position, which
        // is then asked for in vain and counted again.
        let position = self.position().await?;
        let (total, records) = if let Some(known) = totals.get(key, position) {
            self.leader = known.leader;
            let approach = match self.is_alike_either_way() {
                true => Approach::Walk,
                false => self.approach(Some(known.total)).await?,
            };
            (
                known.total,
                self.records(approach, Some(known.total)).await?,
            )
        } else if self.is_alike_either_way() {
            // Neither waits for the other.
            let count = self.count(Part::All, None);
            let (total, records) = tokio::join!(count, self.records(Approach::Walk, None));
            (total?, records?)
        } else {
            self.leader = self.find_leader().await?;
            match self.few_at_once().await? {
                Some(found) => found,
                None => {
                    let total = self.count(Part::All, None).await?;
                    let approach = self.approach(Some(total)).await?;
                    (total, self.records(approach, Some(total)).await?)
                }
            }
        };
        let leader = self.leader;
        totals.put(key, position, Known { total, leader });
        Ok((Some(total), records))
    }

    /// Where the company's log and its columns are.
    async fn position(&self) -> Result<(i64, i64), RepositoryError> {
        let text = "SELECT seq, columns_version FROM company_position WHERE company_id = $1";
        let statement = self.statement();
        let read = self.store.ask(&statement, text.to_owned(), |row| {
            Ok((row.int(0)?, row.int(1)?))
        });
        Ok(read.await?.first().copied().unwrap_or_default())
    }

    /// The page and the total by one statement, where a rule is known to find few records, so that all of them are
    /// looked at anyway; nothing where that says nothing of the total.
    async fn few_at_once(&self) -> Result<Option<(u64, Vec<Record>)>, RepositoryError> {
        let is_whole = self.order(&mut self.statement()).present.is_none();
        if self.leader.is_none() || !is_whole || self.cursor().is_some() {
            return Ok(None);
        }
        let window = &self.search.window;
        let limit = u64::from(window.size()) + 1;
        let (statement, text) =
            self.page_sql(Part::All, Approach::Filter, window.offset(), limit, true);
        let shape = Shape::of(self.search.entity);
        let at = shape.cells();
        let read = |row: &dyn Cells| Ok((row.int(at)?, shape.read(row)?));
        let rows = self.store.ask(&statement, text, read).await?;
        // Past the last page there is no row to tell the total.
        let total = rows
            .first()
            .and_then(|(total, _)| u64::try_from(*total).ok());
        let records = rows.into_iter().map(|(_, record)| record).collect();
        Ok(total.map(|total| (total, records)))
    }

    /// Whether the text of the question does not depend on the approach: then PostgreSQL alone decides.
    fn is_alike_either_way(&self) -> bool {
        if self.store.dialect() != Dialect::Postgres {
            return false;
        }
        let text = |approach| {
            let mut statement = self.statement();
            let order = self.order(&mut self.statement());
            self.conditions(Part::All, approach, &order, &mut statement)
        };
        text(Approach::Filter) == text(Approach::Walk)
    }

    pub(super) fn asks_nothing(&self) -> bool {
        self.search.filter == Filter::everything() && self.search.term.is_empty()
    }

    /// How many records of the type there are.
    pub(super) async fn all(&self) -> Result<u64, RepositoryError> {
        let column = count_column(self.search.entity);
        let text = format!("SELECT {column} FROM company_position WHERE company_id = $1");
        let counts = self
            .store
            .ask(&self.statement(), text, |row| row.int(0))
            .await?;
        let count = counts.first().copied().unwrap_or_default();
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// The records of the page and one more, if there is one.
    async fn records(
        &self,
        approach: Approach,
        total: Option<u64>,
    ) -> Result<Vec<Record>, RepositoryError> {
        let offset = self.search.window.offset();
        if total.is_some_and(|total| total <= offset) {
            return Ok(Vec::new());
        }
        let wanted = u64::from(self.search.window.size()) + 1;
        if self.order(&mut self.statement()).present.is_none() {
            return self.part(Part::All, approach, offset, wanted).await;
        }
        // Records without a value are not in the index of the order: they are read when the others do not fill the page.
        let cursor = self.cursor();
        let mut records = Vec::new();
        if cursor.is_none_or(|cursor| cursor.key.is_some()) {
            records = self.part(Part::Present, approach, offset, wanted).await?;
        }
        let found = records.len() as u64;
        if found < wanted {
            let passed = if found == 0 && offset > 0 {
                self.count(Part::Present, None).await?
            } else {
                offset
            };
            let skip = offset.saturating_sub(passed);
            records.extend(
                self.part(Part::Absent, approach, skip, wanted - found)
                    .await?,
            );
        }
        Ok(records)
    }

    async fn part(
        &self,
        part: Part,
        approach: Approach,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<Record>, RepositoryError> {
        if self.store.dialect() == Dialect::Postgres {
            // What a record is read with has the same text each time and need not be planned again.
            let (statement, text) = self.ids_sql(part, approach, offset, limit);
            let found = self.store.ask(&statement, text, |row| row.uuid(0)).await?;
            let wanted = found.len();
            let records = self.records_of(found).await?;
            if records.len() == wanted {
                return Ok(records);
            }
            // Some have gone in between: the page is read again in one go.
        }
        let (statement, text) = self.page_sql(part, approach, offset, limit, false);
        let shape = Shape::of(self.search.entity);
        self.store
            .ask(&statement, text, |row| shape.read(row))
            .await
    }

    /// The records with these ids, in this order, as far as they are still there and seen.
    async fn records_of(&self, ids: Vec<Uuid>) -> Result<Vec<Record>, RepositoryError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let shape = Shape::of(self.search.entity);
        let mut statement = self.statement().planned_once();
        let cells = shape.select_within(self.scope, &mut statement);
        let seen = statement.seen(self.scope, Target::Record(shape.entity), "r.id");
        let seen = seen.map_or_else(String::new, |seen| format!(" AND {seen}"));
        let places: HashMap<Uuid, usize> = ids.iter().copied().zip(0..).collect();
        let wanted = statement.bind(Value::Uuids(ids));
        let text = format!(
            "SELECT {cells} FROM {} r WHERE r.company_id = $1 AND r.id = ANY ({wanted}){seen}",
            shape.table()
        );
        let read = self.store.ask(&statement, text, |row| shape.read(row));
        let mut records = read.await?;
        records.sort_by_key(|record| places.get(&record.id).copied());
        Ok(records)
    }

    /// The ids of the page are found first, so that whatever else a record has is read for them only; the total stands
    /// in a last cell, if it is wanted.
    fn page_sql(
        &self,
        part: Part,
        approach: Approach,
        offset: u64,
        limit: u64,
        is_counted: bool,
    ) -> (Statement, String) {
        let (mut statement, mut found) = self.ids_sql(part, approach, offset, limit);
        let order = self.order(&mut statement);
        let hidden = statement.dialect == Dialect::Sqlite;
        let shape = Shape::of(self.search.entity);
        let mut total = "";
        if is_counted {
            found = found.replacen(" AS found", " AS found, count(*) OVER () AS total", 1);
            total = ", p.total";
        }
        let text = format!(
            "SELECT {}{total} FROM ({found}) p CROSS JOIN {} r \
             WHERE r.company_id = $1 AND r.id = p.found ORDER BY {}",
            shape.select_within(self.scope, &mut statement),
            shape.table(),
            by(&order, part, hidden)
        );
        (statement, text)
    }

    fn ids_sql(
        &self,
        part: Part,
        approach: Approach,
        offset: u64,
        limit: u64,
    ) -> (Statement, String) {
        let mut statement = self.statement();
        let order = self.order(&mut statement);
        let mut conditions = self.conditions(part, approach, &order, &mut statement);
        if let Some(cursor) = self.cursor() {
            conditions.push(match part {
                // Those without a value follow all that have one.
                Part::Absent if cursor.key.is_some() => "TRUE".to_owned(),
                Part::Absent => order.after_id(cursor, &mut statement),
                Part::All | Part::Present => order.after(cursor, &mut statement),
            });
        }
        let hidden = statement.dialect == Dialect::Sqlite && approach == Approach::Filter;
        let table = self.search.entity.name();
        let limit = statement.int(i64::try_from(limit).unwrap_or(i64::MAX));
        let skip = match offset {
            0 => String::new(),
            offset => format!(
                " OFFSET {}",
                statement.int(i64::try_from(offset).unwrap_or(i64::MAX))
            ),
        };
        let text = format!(
            "SELECT r.id AS found FROM {table} r WHERE {} ORDER BY {} LIMIT {limit}{skip}",
            conditions.join(" AND "),
            by(&order, part, hidden)
        );
        (statement, text)
    }

    /// How many records a part has, or whether it has at least `enough`.
    pub(super) async fn count(
        &self,
        part: Part,
        enough: Option<u64>,
    ) -> Result<u64, RepositoryError> {
        let (statement, text) = self.count_sql(part, enough);
        let counts = self.store.ask(&statement, text, |row| row.int(0)).await?;
        Ok(counts
            .first()
            .and_then(|count| u64::try_from(*count).ok())
            .unwrap_or_default())
    }

    fn count_sql(&self, part: Part, enough: Option<u64>) -> (Statement, String) {
        let mut statement = self.statement();
        // Where the order plays no part, nothing of it may be bound.
        let order = match part {
            Part::All => self.order(&mut self.statement()),
            Part::Present | Part::Absent => self.order(&mut statement),
        };
        let conditions = self
            .conditions(part, Approach::Filter, &order, &mut statement)
            .join(" AND ");
        let table = self.search.entity.name();
        let text = match enough {
            None => format!("SELECT count(*) FROM {table} r WHERE {conditions}"),
            Some(enough) => format!(
                "SELECT count(*) FROM (SELECT 1 FROM {table} r WHERE {conditions} LIMIT {enough}) f"
            ),
        };
        (statement, text)
    }

    pub(super) fn statement(&self) -> Statement {
        Statement::new(self.store.dialect(), self.scope.company)
    }

    fn order(&self, statement: &mut Statement) -> Order {
        let Search {
            entity,
            sort,
            filter,
            ..
        } = self.search;
        Order::new(*entity, self.columns, sort, filter, statement)
    }

    fn cursor(&self) -> Option<&Cursor> {
        match &self.search.window {
            Window::After { cursor, .. } => Some(cursor),
            Window::Page { .. } => None,
        }
    }

    fn conditions(
        &self,
        part: Part,
        approach: Approach,
        order: &Order,
        statement: &mut Statement,
    ) -> Vec<String> {
        let mut parts = vec!["r.company_id = $1".to_owned()];
        match (part, &order.present) {
            (Part::Present, Some(present)) => parts.push(present.clone()),
            (Part::Absent, Some(present)) => parts.push(format!("NOT ({present})")),
            _ => {}
        }
        let walked = match part {
            Part::Absent => vec!["r.id".to_owned()],
            Part::All | Part::Present => order.walked(),
        };
        let mut conditions = Conditions {
            entity: self.search.entity,
            scope: self.scope,
            columns: self.columns,
            approach,
            walked: &walked,
            leader: match approach {
                Approach::Filter => self.leader,
                Approach::Walk => None,
            },
            is_follower: false,
            statement,
        };
        if !self.search.term.is_empty() {
            parts.push(conditions.term(&self.search.term));
        }
        if self.search.filter != Filter::everything() {
            parts.push(conditions.filter(&self.search.filter));
        }
        parts
    }
}
