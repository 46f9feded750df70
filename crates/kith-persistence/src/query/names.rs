//! Names: of what records are linked with, and of what a term is found in over all types.

use kith_domain::draft::Reference;
use kith_domain::entity::EntityType;
use kith_domain::filter::{Filter, SearchTerm};
use kith_domain::ports::{Name, RepositoryError};
use kith_domain::relation::Target;
use kith_domain::scope::{Reach, Scope};

use super::filter::{Conditions, own_key};
use super::statement::Value;
use super::{Approach, Statement};
use crate::shape::snake;
use crate::sql::{Cells, Dialect};
use crate::store::Store;

/// Most columns that make up a name.
const NAME_PARTS: usize = 2;

impl Store {
    /// Names of records and users that a caller may see.
    pub(crate) async fn read_names(
        &self,
        scope: &Scope,
        references: &[Reference],
    ) -> Result<Vec<Name>, RepositoryError> {
        let targets = EntityType::ALL.map(Target::Record);
        let targets: Vec<_> = targets.into_iter().chain([Target::User]).collect();
        let mut statement = Statement::new(self.dialect(), scope.company).planned_once();
        let mut texts = Vec::new();
        for (at, target) in targets.iter().enumerate() {
            let ids: Vec<_> = references
                .iter()
                .filter_map(|reference| match (reference, target) {
                    (Reference::Record(key), Target::Record(entity)) if key.entity == *entity => {
                        Some(key.id)
                    }
                    (Reference::User(id), Target::User) => Some(*id),
                    _ => None,
                })
                .collect();
            if ids.is_empty() || scope.reach(*target) == Reach::Nothing {
                continue;
            }
            let (table, mut parts) = match target {
                Target::Record(entity) => (entity.name(), name_columns(*entity)),
                Target::User => ("account", vec!["r.first_name".into(), "r.last_name".into()]),
            };
            parts.resize(NAME_PARTS, "''".to_owned());
            let is_one = statement.one_of("r.id", Value::Uuids(ids));
            let seen = statement.seen(scope, *target, "r.id");
            let seen = seen.map_or_else(String::new, |seen| format!(" AND {seen}"));
            texts.push(format!(
                "SELECT r.id, {}, CAST({at} AS bigint) FROM {table} r WHERE r.company_id = $1 AND {is_one}{seen}",
                parts.join(", ")
            ));
        }
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let read = |row: &dyn Cells| {
            let at = usize::try_from(row.int(1 + NAME_PARTS)?).unwrap_or_default();
            let target = targets.get(at).copied().unwrap_or(Target::User);
            read_name(row, target, NAME_PARTS)
        };
        self.ask(&statement, texts.join(" UNION ALL "), read).await
    }

    /// The names of records of all types that a caller may see and that contain a term.
    pub(crate) async fn find_names(
        &self,
        scope: &Scope,
        term: &SearchTerm,
        limit: u32,
    ) -> Result<Vec<Name>, RepositoryError> {
        let columns = self.read_columns(scope.company).await?.0;
        let mut names = Vec::new();
        for entity in EntityType::ALL {
            let own = match scope.reach_of(entity) {
                Reach::All => Filter::everything(),
                Reach::Own => Filter::of_user(entity, scope.user),
                Reach::Nothing => continue,
            };
            let mut statement = Statement::new(self.dialect(), scope.company);
            let mut conditions = Conditions {
                entity,
                scope: &Scope::everything(scope.company, scope.user),
                columns: &columns,
                approach: Approach::Filter,
                walked: &[],
                leader: None,
                is_follower: false,
                statement: &mut statement,
            };
            let term_holds = conditions.term(term);
            let scope_holds = conditions.filter(&own);
            let first = term.tokens().first().cloned().unwrap_or_default();
            let length = i64::try_from(first.chars().count()).unwrap_or_default();
            let (first, length) = (statement.bind(Value::Text(first)), statement.int(length));
            let begins = entity.def().sort_name.iter().map(|field| {
                let key = own_key(&statement, entity, *field);
                // PostgreSQL takes lengths as 32-bit integers.
                format!("substr({key}, 1, CAST({length} AS INTEGER)) = {first}")
            });
            let begins = begins.collect::<Vec<_>>().join(" OR ");
            let parts = name_columns(entity);
            let text = format!(
                "SELECT r.id, {} FROM {} r WHERE r.company_id = $1 AND {term_holds} AND {scope_holds} \
                 ORDER BY CASE WHEN {begins} THEN 0 ELSE 1 END, +r.name_key, r.id LIMIT {limit}",
                parts.join(", "),
                entity.name()
            );
            let text = match statement.dialect {
                Dialect::Sqlite => text,
                Dialect::Postgres => text.replace("+r.name_key", "r.name_key"),
            };
            let read = |row: &dyn Cells| read_name(row, Target::Record(entity), parts.len());
            names.extend(self.ask(&statement, text, read).await?);
        }
        Ok(names)
    }
}

/// The columns that make up a name, first name first.
fn name_columns(entity: EntityType) -> Vec<String> {
    let fields = entity.def().sort_name.iter().rev();
    let names = fields.filter_map(|field| entity.fields().get(*field));
    names
        .map(|field| format!("r.{}", snake(field.name)))
        .collect()
}

fn read_name(row: &dyn Cells, target: Target, parts: usize) -> Result<Name, sqlx::Error> {
    let mut name = String::new();
    for at in 1..=parts {
        let part = row.text(at)?;
        if !name.is_empty() && !part.is_empty() {
            name.push(' ');
        }
        name.push_str(part);
    }
    Ok(Name {
        target,
        id: row.uuid(0)?,
        name,
    })
}
