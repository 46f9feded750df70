//! The questions about records: searches, what they can ask, and the search over all types.

use std::collections::BTreeSet;
use std::sync::Arc;

use kith_domain::actor::{Action, Actor, Resource};
use kith_domain::columns::Column;
use kith_domain::draft::Reference;
use kith_domain::entity::EntityType;
use kith_domain::filter::{
    FilterContext, FilterField, SearchInput, SearchTerm, SortableField, fields_of, sortable_fields,
};
use kith_domain::ports::{Clock, Name, Page, Repository};
use kith_domain::record::Record;
use kith_domain::relation::Target;
use kith_domain::scope::{Reach, Scope};
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
        let scope = readable(actor, entity)?;
        let schema = self.repository.schema(actor.company).await?;
        let context = FilterContext {
            parse: schema.context,
            now: self.clock.now(),
        };
        let search = input
            .judge(entity, &schema.columns, &context)
            .map_err(|problems| Error::Refused(Refusal::Invalid(problems)))?;
        let page = self.repository.search(&scope, &search).await?;
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
        readable(actor, entity)?;
        let schema = self.repository.schema(actor.company).await?;
        Ok(Configuration {
            columns: columns_of(entity, &schema.columns),
            filterable: fields_of(entity, &schema.columns),
            sortable: sortable_fields(entity, &schema.columns),
        })
    }

    /// The names of everything that records are linked with, as far as the actor may read it.
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
        let linked: BTreeSet<(Target, _)> = linked.collect();
        let references: Vec<_> = linked
            .into_iter()
            .map(|(target, id)| Reference::new(target, id))
            .collect();
        if references.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.repository.names(&actor.scope(), &references).await?)
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
        if term.is_empty() {
            return Ok(Vec::new());
        }
        let scope = actor.scope();
        Ok(self.repository.find(&scope, &term, FOUND_PER_TYPE).await?)
    }
}

fn columns_of(entity: EntityType, columns: &[Column]) -> Vec<Column> {
    let own = columns.iter().filter(|column| column.entity == entity);
    own.cloned().collect()
}

/// What an actor may read, if that is anything of a type.
pub(crate) fn readable(actor: &Actor, entity: EntityType) -> Result<Scope, Error> {
    let scope = actor.scope();
    if scope.reach_of(entity) == Reach::Nothing {
        actor.require(Resource::Records(entity), Action::ReadAll)?;
    }
    Ok(scope)
}
