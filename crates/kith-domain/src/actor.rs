//! Who acts, and what they may do (contract, section 1).

use uuid::Uuid;

use crate::entity::EntityType;

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
    /// What they may do now.
    pub permissions: Permissions,
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

    #[test]
    fn every_right_has_its_own_bit() {
        assert_eq!(Permissions::all().iter().count(), 45);
        assert_eq!(Permissions::member().iter().count(), 22);
        assert!(!Permissions::member().contains(Resource::Api, Action::Create));
    }
}
