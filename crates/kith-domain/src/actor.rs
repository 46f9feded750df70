//! Who acts, and what they may do (contract, section 1).

use std::fmt;

use uuid::Uuid;

use crate::entity::EntityType;
use crate::time::Timestamp;

/// What rights are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Records of a type.
    Records(EntityType),
    /// Users of the company.
    Users,
    /// The company itself.
    Company,
    /// Webhooks and API keys.
    Api,
    /// The log of workspace changes.
    AuditLog,
}

impl Resource {
    /// Every resource, in the order of the contract.
    pub fn all() -> impl Iterator<Item = Resource> {
        EntityType::ALL.into_iter().map(Resource::Records).chain([
            Resource::Users,
            Resource::Company,
            Resource::Api,
            Resource::AuditLog,
        ])
    }

    /// `contacts`, `auditLog`.
    pub fn name(self) -> &'static str {
        match self {
            Resource::Records(entity) => entity.plural(),
            Resource::Users => "users",
            Resource::Company => "company",
            Resource::Api => "api",
            Resource::AuditLog => "auditLog",
        }
    }

    /// The resource with this name.
    pub fn by_name(name: &str) -> Option<Resource> {
        Self::all().find(|resource| resource.name() == name)
    }

    fn index(self) -> usize {
        match self {
            Resource::Users => 0,
            Resource::Company => 1,
            Resource::Api => 2,
            Resource::AuditLog => 3,
            Resource::Records(entity) => 4 + entity.index(),
        }
    }
}

/// What may be done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Make new ones.
    Create,
    /// Read those assigned to oneself.
    ReadOwn,
    /// Read all of the company.
    ReadAll,
    /// Change.
    Update,
    /// Delete.
    Delete,
}

impl Action {
    /// Every action, in the order of the contract.
    pub const ALL: [Action; 5] = [
        Action::Create,
        Action::ReadOwn,
        Action::ReadAll,
        Action::Update,
        Action::Delete,
    ];

    /// `create`, `readOwn`.
    pub fn name(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::ReadOwn => "readOwn",
            Action::ReadAll => "readAll",
            Action::Update => "update",
            Action::Delete => "delete",
        }
    }

    /// The action with this name.
    pub fn by_name(name: &str) -> Option<Action> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// A set of rights `{resource, action}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u64);

impl Permissions {
    /// Every right.
    pub fn all() -> Self {
        Resource::all()
            .flat_map(|resource| Action::ALL.map(|action| (resource, action)))
            .collect()
    }

    /// The rights of the role *Member* that every company starts with.
    pub fn member() -> Self {
        let records = EntityType::ALL.into_iter().flat_map(|entity| {
            [
                Action::Create,
                Action::ReadAll,
                Action::Update,
                Action::Delete,
            ]
            .map(|action| (Resource::Records(entity), action))
        });
        records
            .chain([
                (Resource::Users, Action::ReadAll),
                (Resource::Company, Action::ReadAll),
            ])
            .collect()
    }

    /// Whether the set holds a right.
    pub fn contains(self, resource: Resource, action: Action) -> bool {
        self.0 & bit(resource, action) != 0
    }

    /// Every right to read: what a key with the scope `read` may do at most.
    pub fn reading() -> Self {
        let actions = [Action::ReadOwn, Action::ReadAll];
        Resource::all()
            .flat_map(|resource| actions.map(|action| (resource, action)))
            .collect()
    }

    /// Whether a holder of these rights could do everything that the others allow. Who may read all may read their own.
    pub fn covers(self, others: Permissions) -> bool {
        others.beyond(self).0 == 0
    }

    /// The rights that a holder of `others` lacks.
    #[must_use]
    pub fn beyond(self, others: Permissions) -> Permissions {
        Permissions(self.0 & !others.widened().0)
    }

    /// What is left of these rights within a limit: a limit to readOwn leaves readOwn of readAll.
    #[must_use]
    pub fn within(self, limit: Permissions) -> Permissions {
        Permissions(self.widened().0 & limit.widened().0)
    }

    /// With readOwn wherever there is readAll.
    fn widened(self) -> Permissions {
        let own = self.iter().map(|(resource, action)| match action {
            Action::ReadAll => (resource, Action::ReadOwn),
            other => (resource, other),
        });
        Permissions(self.0 | own.collect::<Permissions>().0)
    }

    /// The rights in the set, by resource.
    pub fn iter(self) -> impl Iterator<Item = (Resource, Action)> {
        Resource::all()
            .flat_map(|resource| Action::ALL.map(|action| (resource, action)))
            .filter(move |(resource, action)| self.contains(*resource, *action))
    }
}

impl FromIterator<(Resource, Action)> for Permissions {
    fn from_iter<I: IntoIterator<Item = (Resource, Action)>>(rights: I) -> Self {
        Permissions(
            rights
                .into_iter()
                .fold(0, |bits, (resource, action)| bits | bit(resource, action)),
        )
    }
}

/// `contacts:create, users:update`.
impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self
            .iter()
            .map(|(resource, action)| right_name(resource, action))
            .collect();
        f.write_str(&names.join(", "))
    }
}

/// `contacts:create`.
pub fn right_name(resource: Resource, action: Action) -> String {
    format!("{}:{}", resource.name(), action.name())
}

/// The right with this name, as [`right_name`] gives it.
pub fn right_by_name(name: &str) -> Option<(Resource, Action)> {
    let (resource, action) = name.split_once(':')?;
    Some((Resource::by_name(resource)?, Action::by_name(action)?))
}

fn bit(resource: Resource, action: Action) -> u64 {
    1 << (resource.index() * Action::ALL.len() + action as usize)
}

/// A user who acts within their company, by session or by API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The tenant.
    pub company: Uuid,
    /// The user.
    pub user: Uuid,
    /// What they may do now: the rights of their role within the limit of their credential.
    pub permissions: Permissions,
    /// How far their credential reaches, whatever they may do themselves.
    pub limit: Limit,
}

/// How far a credential reaches: a session as far as its user, an API key as far as its scopes and its expiry say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The rights that it leaves at most.
    pub rights: Permissions,
    /// When it ends, if it does.
    pub until: Option<Timestamp>,
}

impl Limit {
    /// No limit.
    pub fn none() -> Self {
        Limit {
            rights: Permissions::all(),
            until: None,
        }
    }

    /// Whether some right is beyond it.
    pub fn is_narrow(self) -> bool {
        self.rights != Permissions::all()
    }

    /// Whether another limit allows nothing that this one does not.
    pub fn encloses(self, other: Limit) -> bool {
        let as_long = match (self.until, other.until) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => theirs <= mine,
        };
        as_long && self.rights.covers(other.rights)
    }
}

impl Actor {
    /// Checks a right.
    ///
    /// # Errors
    /// The missing right.
    pub fn require(&self, resource: Resource, action: Action) -> Result<(), MissingRight> {
        if self.permissions.contains(resource, action) {
            Ok(())
        } else {
            Err(MissingRight { resource, action })
        }
    }
}

/// A right that the actor lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this needs the right {}:{}", resource.name(), action.name())]
pub struct MissingRight {
    /// On what.
    pub resource: Resource,
    /// To do what.
    pub action: Action,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(names: &[&str]) -> Permissions {
        let rights = names.iter().filter_map(|name| right_by_name(name));
        rights.collect()
    }

    #[test]
    fn rights_have_names_that_lead_back() {
        for (resource, action) in Permissions::all().iter() {
            let name = right_name(resource, action);
            assert_eq!(right_by_name(&name), Some((resource, action)), "{name}");
        }
        for name in [
            "contacts",
            "contacts:",
            "contact:create",
            "contacts:read",
            ":",
        ] {
            assert_eq!(right_by_name(name), None, "{name}");
        }
        let some = rights(&["users:update", "contacts:create"]);
        assert_eq!(some.to_string(), "contacts:create, users:update");
    }

    #[test]
    fn who_reads_all_reads_their_own() {
        let all = rights(&["contacts:readAll", "tasks:update"]);
        let own = rights(&["contacts:readOwn"]);
        assert!(all.covers(own) && !own.covers(all));
        assert_eq!(all.beyond(own), all);
        assert_eq!(all.within(own), own);
        assert_eq!(own.within(Permissions::reading()), own);
        assert_eq!(Permissions::reading().iter().count(), 18);
        let nothing = Permissions::default();
        assert!(nothing.covers(nothing) && !nothing.covers(own));
    }

    #[test]
    fn a_limit_encloses_what_is_narrower_and_ends_no_later() {
        let limit = |rights, until: Option<i64>| Limit {
            rights,
            until: until.map(Timestamp),
        };
        let (all, some) = (Permissions::all(), rights(&["contacts:readAll"]));
        for (outer, inner, encloses) in [
            (Limit::none(), limit(some, Some(1)), true),
            (limit(some, None), Limit::none(), false),
            (limit(all, Some(5)), limit(all, None), false),
            (limit(all, Some(5)), limit(some, Some(5)), true),
            (limit(all, Some(5)), limit(some, Some(6)), false),
        ] {
            assert_eq!(outer.encloses(inner), encloses, "{outer:?} {inner:?}");
        }
        assert!(limit(some, None).is_narrow() && !limit(all, Some(1)).is_narrow());
    }

    #[test]
    fn every_right_has_its_own_bit() {
        assert_eq!(Permissions::all().iter().count(), 45);
        assert_eq!(Permissions::member().iter().count(), 22);
        assert!(!Permissions::member().contains(Resource::Api, Action::Create));
    }
}
