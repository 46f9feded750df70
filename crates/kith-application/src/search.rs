//! The questions about records: searches, what they can ask, and the search over all types.

use std::collections::BTreeSet;
use std::sync::Arc;

use kith_domain::actor::{Action, Actor, Resource};
use kith_domain::columns::Column;
use kith_domain::draft::Reference;
use kith_domain::entity::EntityType;
use kith_domain::filter::{
    Filter, FilterContext, FilterField, SearchInput, SearchTerm, SortableField, fields_of,
    sortable_fields,
};
use kith_domain::ports::{Clock, Name, Page, Repository};
use kith_domain::record::Record;
use kith_domain::relation::Target;
use kith_domain::violation::{Refusal, Violation};

use crate::error::Error;

/// Most records of one type in a search over all types.
const FOUND_PER_TYPE: u32 = 50;

/// The questions about records.
pub struct Searches {
    repository: Arc<dyn Repository>,
    clock: Arc<dyn Clock>,
}

/// The answer to a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The records of the page, how many there are in all, and the cursor of the next page.
    pub page: Page,
    /// The page's number, unless it follows a cursor.
    pub number: Option<u64>,
    /// Records on a full page.
    pub page_size: u32,
    /// The custom columns of the type.
    pub columns: Vec<Column>,
}

/// What searches on a type can ask.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// The custom columns of the type.
    pub columns: Vec<Column>,
    /// The fields of rules, with their operators.
    pub filterable: Vec<FilterField>,
    /// The fields of sort descriptors.
    pub sortable: Vec<SortableField>,
}

impl Searches {
    /// The questions over a repository.
    pub fn new(repository: Arc<dyn Repository>, clock: Arc<dyn Clock>) -> Self {
        Searches { repository, clock }
    }

    /// Judges a search and answers it, within what the actor may read.
    ///
    /// # Errors
    /// A missing right, every problem of the search, or a failure of the storage.
    pub async fn search(
        &self,
        actor: &Actor,
        entity: EntityType,
        input: &SearchInput,
    ) -> Result<Answer, Error> {
        let scope = scope(actor, entity)?;
        let schema = self.repository.schema(actor.company).await?;
        let context = FilterContext {
            parse: schema.context,
            now: self.clock.now(),
        };
        let mut search = input
            .judge(entity, &schema.columns, &context)
            .map_err(|problems| Error::Refused(Refusal::Invalid(problems)))?;
        search.filter = search.filter.and(scope);
        let page = self.repository.search(actor.company, &search).await?;
        Ok(Answer {
            page,
            number: search.window.number(),
            page_size: search.window.size(),
            columns: columns_of(entity, &schema.columns),
        })
    }

    /// What searches on a type can ask.
    ///
    /// # Errors
    /// A missing right, or a failure of the storage.
    pub async fn configuration(
        &self,
        actor: &Actor,
        entity: EntityType,
    ) -> Result<Configuration, Error> {
        scope(actor, entity)?;
        let schema = self.repository.schema(actor.company).await?;
        Ok(Configuration {
            columns: columns_of(entity, &schema.columns),
            filterable: fields_of(entity, &schema.columns),
            sortable: sortable_fields(entity, &schema.columns),
        })
    }

    /// The names of everything that records are linked with, of the types of which the actor may read all.
    ///
    /// # Errors
    /// A failure of the storage.
    pub async fn references(
        &self,
        actor: &Actor,
        records: &[Arc<Record>],
    ) -> Result<Vec<Name>, Error> {
        let linked = records.iter().flat_map(|record| {
            let links = record.entity.links().iter().zip(&record.links);
            links.flat_map(|(def, ids)| ids.ids().iter().map(|id| (def.target, *id)))
        });
        let may_read = |target: Target| {
            let resource = match target {
                Target::Record(entity) => Resource::Records(entity),
                Target::User => Resource::Users,
            };
            actor.require(resource, Action::ReadAll).is_ok()
        };
        let linked: BTreeSet<(Target, _)> =
            linked.filter(|(target, _)| may_read(*target)).collect();
        let references: Vec<_> = linked
            .into_iter()
            .map(|(target, id)| Reference::new(target, id))
            .collect();
        if references.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.repository.names(actor.company, &references).await?)
    }

    /// Looks for a term in all types that the actor may read: the names of at most 50 records of each, those with a
    /// name that begins with the first word first. An empty term finds nothing.
    ///
    /// # Errors
    /// A term that is too long, or a failure of the storage.
    pub async fn find(&self, actor: &Actor, term: &str) -> Result<Vec<Name>, Error> {
        let term = SearchTerm::parse(term).map_err(|message| {
            let problem = Violation::new("/searchTerm", "invalid_search_term", message);
            Error::Refused(Refusal::Invalid(vec![problem]))
        })?;
        let scopes: Vec<_> = EntityType::ALL
            .into_iter()
            .filter_map(|entity| Some((entity, scope(actor, entity).ok()?)))
            .collect();
        if term.is_empty() || scopes.is_empty() {
            return Ok(Vec::new());
        }
        let found = self
            .repository
            .find(actor.company, &term, &scopes, FOUND_PER_TYPE);
        Ok(found.await?)
    }
}

fn columns_of(entity: EntityType, columns: &[Column]) -> Vec<Column> {
    let own = columns.iter().filter(|column| column.entity == entity);
    own.cloned().collect()
}

/// The records of a type that an actor may read.
fn scope(actor: &Actor, entity: EntityType) -> Result<Filter, Error> {
    let resource = Resource::Records(entity);
    match actor.require(resource, Action::ReadAll) {
        Ok(()) => Ok(Filter::everything()),
        Err(_) if actor.require(resource, Action::ReadOwn).is_ok() => {
            Ok(Filter::of_user(entity, actor.user))
        }
        Err(missing) => Err(missing.into()),
    }
}
