//! What a caller may read of a company's data (contract, section 1): asked by every read and every write.
//!
//! A [`Scope`] is made of an actor in one place. Storage compiles it into its queries; [`Scope::sees`] and
//! [`Scope::shown`] say what the compiled form must give. Whatever is outside does not exist for the caller: not as a
//! record, not as a link, not in a count.

use std::sync::Arc;

use uuid::Uuid;

use crate::actor::{Action, Actor, Permissions, Resource};
use crate::draft::Reference;
use crate::entity::EntityType;
use crate::record::{Record, RecordKey};
use crate::relation::Target;

/// How much of one kind of thing a caller may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Nothing of it.
    Nothing,
    /// Records that are assigned to them; of the users, themselves.
    Own,
    /// All of the company.
    All,
}

/// What one caller may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The tenant.
    pub company: Uuid,
    /// The caller.
    pub user: Uuid,
    records: [Reach; EntityType::ALL.len()],
    users: Reach,
}

impl Scope {
    /// Everything that a company has: of work that nobody asked for, and of callers without limits.
    pub fn everything(company: Uuid, user: Uuid) -> Self {
        Scope::new(company, user, Permissions::all())
    }

    /// What these rights let a user read.
    pub fn new(company: Uuid, user: Uuid, rights: Permissions) -> Self {
        let reach = |resource| {
            if rights.contains(resource, Action::ReadAll) {
                Reach::All
            } else if rights.contains(resource, Action::ReadOwn) {
                Reach::Own
            } else {
                Reach::Nothing
            }
        };
        Scope {
            company,
            user,
            records: EntityType::ALL.map(|entity| reach(Resource::Records(entity))),
            users: reach(Resource::Users),
        }
    }

    /// How much of one kind of thing.
    pub fn reach(&self, target: Target) -> Reach {
        match target {
            Target::Record(entity) => self.records[entity.index()],
            Target::User => self.users,
        }
    }

    /// How much of one type.
    pub fn reach_of(&self, entity: EntityType) -> Reach {
        self.reach(Target::Record(entity))
    }

    /// Whether everything that records of a type are linked with is inside.
    pub fn shows_all_links(&self, entity: EntityType) -> bool {
        let links = entity.links().iter();
        links
            .into_iter()
            .all(|link| self.reach(link.target) == Reach::All)
    }

    /// Whether a record is inside.
    pub fn sees(&self, record: &Record) -> bool {
        match self.reach_of(record.entity) {
            Reach::All => true,
            Reach::Own => record
                .linked("users")
                .is_some_and(|users| users.contains(self.user)),
            Reach::Nothing => false,
        }
    }

    /// Whether a user is inside.
    pub fn sees_user(&self, id: Uuid) -> bool {
        match self.users {
            Reach::All => true,
            Reach::Own => id == self.user,
            Reach::Nothing => false,
        }
    }

    /// Whether something is inside; `find` gives the records.
    pub fn sees_any<'a>(
        &self,
        reference: Reference,
        find: impl Fn(RecordKey) -> Option<&'a Record>,
    ) -> bool {
        match reference {
            Reference::User(id) => self.sees_user(id),
            Reference::Record(key) => match self.reach_of(key.entity) {
                Reach::All => true,
                Reach::Own => find(key).is_some_and(|record| self.sees(record)),
                Reach::Nothing => false,
            },
        }
    }

    /// A record with the links that are inside; `find` gives the records at their other ends.
    #[must_use]
    pub fn shown<'a>(
        &self,
        record: &Arc<Record>,
        find: impl Fn(RecordKey) -> Option<&'a Record>,
    ) -> Arc<Record> {
        if self.shows_all_links(record.entity) {
            return Arc::clone(record);
        }
        let mut shown = Record::clone(record);
        for (link, linked) in record.entity.links().iter().zip(&mut shown.links) {
            linked.retain(|id| self.sees_any(Reference::new(link.target, id), &find));
        }
        Arc::new(shown)
    }
}

impl Actor {
    /// What the actor may read.
    pub fn scope(&self) -> Scope {
        Scope::new(self.company, self.user, self.permissions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::right_by_name;
    use crate::record::LinkSet;
    use crate::time::Timestamp;

    const ME: Uuid = Uuid::from_u128(1);
    const COLLEAGUE: Uuid = Uuid::from_u128(2);

    fn scope(rights: &[&str]) -> Scope {
        let rights = rights.iter().filter_map(|name| right_by_name(name));
        Scope::new(Uuid::nil(), ME, rights.collect())
    }

    fn record(entity: EntityType, id: u128, links: &[(&str, &[Uuid])]) -> Arc<Record> {
        let mut record = Record::empty(entity, Uuid::from_u128(id), Timestamp(0));
        for (relation, ids) in links {
            if let Some(link) = entity.link_index(relation) {
                record.links[link] = LinkSet::from_ids(ids.to_vec());
            }
        }
        Arc::new(record)
    }

    #[test]
    fn a_record_is_seen_by_right_and_assignment() {
        let mine = record(EntityType::Task, 10, &[("users", &[COLLEAGUE, ME])]);
        let theirs = record(EntityType::Task, 11, &[("users", &[COLLEAGUE])]);
        for (rights, sees) in [
            (vec!["tasks:readAll"], [true, true]),
            (vec!["tasks:readAll", "tasks:readOwn"], [true, true]),
            (vec!["tasks:readOwn"], [true, false]),
            (vec!["tasks:update", "deals:readAll"], [false, false]),
        ] {
            let scope = scope(&rights);
            assert_eq!([scope.sees(&mine), scope.sees(&theirs)], sees, "{rights:?}");
        }
    }

    #[test]
    fn links_are_shown_as_far_as_their_other_ends_are_seen() {
        let mine = record(EntityType::Deal, 20, &[("users", &[ME])]);
        let theirs = record(EntityType::Deal, 21, &[]);
        let gone = Uuid::from_u128(22);
        let contact = record(
            EntityType::Contact,
            30,
            &[
                ("organizations", &[Uuid::from_u128(40)]),
                ("deals", &[mine.id, theirs.id, gone]),
                ("users", &[ME, COLLEAGUE]),
            ],
        );
        let find = |key: RecordKey| {
            [&mine, &theirs]
                .into_iter()
                .find(|record| record.key() == key)
                .map(Arc::as_ref)
        };
        for (rights, shown) in [
            (vec![], [0, 0, 0]),
            (vec!["organizations:readAll", "deals:readOwn"], [1, 1, 0]),
            (vec!["deals:readAll", "users:readOwn"], [0, 3, 1]),
            (vec!["organizations:readOwn", "users:readAll"], [0, 0, 2]),
        ] {
            let masked = scope(&rights).shown(&contact, find);
            let counts: Vec<_> = masked.links.iter().map(LinkSet::len).collect();
            assert_eq!(counts, shown, "{rights:?}");
        }
        let all = Scope::everything(Uuid::nil(), ME);
        assert!(Arc::ptr_eq(&all.shown(&contact, find), &contact));
    }
}
