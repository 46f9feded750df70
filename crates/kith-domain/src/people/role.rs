//! Roles: named sets of rights.

use uuid::Uuid;

use super::judge::{Judge, line};
use super::{Decision, Denial, Rejection, Workspace, Write, conflict, granted, no_such};
use crate::actor::{Action, Actor, Permissions, Resource, right_name};
use crate::draft::Patch;
use crate::event::workspace::{self, Facts, Told, moved, open};
use crate::text::lower;
use crate::time::Timestamp;
use crate::violation::Violation;

/// Most roles of a company.
pub const MAX_ROLES: usize = 500;

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: Uuid,
    /// Unique in the company, compared case-insensitively.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Whether it can be neither edited nor deleted.
    pub is_system: bool,
    /// What it allows.
    pub permissions: Permissions,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Role {
    /// What the name is compared by.
    pub fn name_key(&self) -> String {
        lower(&self.name)
    }

    /// What the log of the workspace tells of it.
    pub fn facts(&self) -> Facts {
        let rights = self.permissions.iter();
        let rights = rights.map(|(resource, action)| right_name(resource, action));
        vec![
            open("name", self.name.clone()),
            open("description", self.description.clone()),
            open("permissions", rights.collect::<Vec<_>>()),
        ]
    }
}

/// The wanted content of a new role, or the wanted changes of an existing one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoleDraft {
    /// 1 to 100 characters.
    pub name: Patch<String>,
    /// Up to 1,000 characters.
    pub description: Patch<String>,
    /// What it allows.
    pub permissions: Patch<Permissions>,
    /// What the reader could not read.
    pub problems: Vec<Violation>,
}

impl RoleDraft {
    fn judge(self, mut role: Role, is_new: bool) -> Result<Role, Rejection> {
        let mut judge = Judge::new(self.problems);
        if is_new {
            judge.required("name", &self.name, "a role");
        }
        judge.text("name", self.name, &mut role.name, 1..=100);
        judge.optional(
            "description",
            self.description,
            &mut role.description,
            |text| line("description", text, 1..=1_000),
        );
        judge.value("permissions", self.permissions, &mut role.permissions, Ok);
        judge.done()?;
        Ok(role)
    }
}

impl Workspace {
    /// Makes a role.
    ///
    /// # Errors
    /// A missing right, everything that is wrong, rights that the actor does not hold, or that the name is taken.
    pub fn create_role(
        &self,
        actor: &Actor,
        draft: RoleDraft,
        id: Uuid,
        now: Timestamp,
    ) -> Result<Decision<Role>, Rejection> {
        let held = self.require(actor, Resource::Users, Action::Create)?;
        let fresh = Role {
            id,
            name: String::new(),
            description: None,
            is_system: false,
            permissions: Permissions::default(),
            created_at: now,
            updated_at: now,
        };
        let role = draft.judge(fresh, true)?;
        granted(role.permissions, held)?;
        self.is_free(&role)?;
        if self.roles.len() >= MAX_ROLES {
            let message = format!("there are {MAX_ROLES} roles already, which is the most");
            return Err(conflict("", "too_many", message));
        }
        let logged = (workspace::ROLE_CREATED, id, Told::State(role.facts()));
        Ok(Decision::of(role.clone(), Write::Role(role), logged))
    }

    /// Changes a role.
    ///
    /// # Errors
    /// A missing right, its absence, that the actor may not edit it, everything that is wrong, rights that the actor
    /// does not hold, or that the name is taken.
    pub fn update_role(
        &self,
        actor: &Actor,
        id: Uuid,
        draft: RoleDraft,
        now: Timestamp,
    ) -> Result<Decision<Role>, Rejection> {
        let held = self.require(actor, Resource::Users, Action::Update)?;
        let present = self.editable(actor, id, held)?;
        let changed = draft.judge(present.clone(), false)?;
        granted(changed.permissions, held)?;
        self.is_free(&changed)?;
        let Some(told) = moved(&present.facts(), changed.facts()) else {
            return Ok(Decision::unchanged(changed));
        };
        let changed = Role {
            updated_at: now,
            ..changed
        };
        let logged = (workspace::ROLE_UPDATED, id, told);
        let is_other = changed.permissions != present.permissions;
        let mut decision = Decision::of(changed.clone(), Write::Role(changed), logged);
        if is_other {
            decision.writes.push(Write::NoResetsOfRole(id));
        }
        Ok(decision)
    }

    /// Deletes a role that nobody has.
    ///
    /// # Errors
    /// A missing right, its absence, that the actor may not delete it, or that it is in use.
    pub fn delete_role(&self, actor: &Actor, id: Uuid) -> Result<Decision<()>, Rejection> {
        let held = self.require(actor, Resource::Users, Action::Delete)?;
        self.editable(actor, id, held)?;
        let users = self.members(id).all;
        let invitations = self.invitations.iter();
        let invitations = invitations.filter(|known| known.role == id).count();
        if users > 0 || invitations > 0 {
            let message = format!(
                "the role is in use by {users} users and {invitations} invitations; give them another one first"
            );
            return Err(conflict("", "in_use", message));
        }
        let logged = (workspace::ROLE_DELETED, id, Told::Id);
        Ok(Decision::of((), Write::NoRole(id), logged))
    }

    fn editable(&self, actor: &Actor, id: Uuid, held: Permissions) -> Result<&Role, Rejection> {
        let role = self.role(id).ok_or_else(|| no_such("role", id))?;
        if role.is_system {
            return Err(Denial::SystemRole(role.name.clone()).into());
        }
        let me = self.users.iter().find(|user| user.id == actor.user);
        if me.is_some_and(|me| me.role == id) {
            return Err(Denial::OwnRole.into());
        }
        if !held.covers(role.permissions) {
            let beyond = role.permissions.beyond(held);
            return Err(Denial::HigherRole(role.name.clone(), beyond).into());
        }
        Ok(role)
    }

    fn is_free(&self, role: &Role) -> Result<(), Rejection> {
        let key = role.name_key();
        let mut others = self.roles.iter().filter(|other| other.id != role.id);
        match others.find(|other| other.name_key() == key) {
            None => Ok(()),
            Some(other) => {
                let message = format!("there is a role with the name `{}` already", other.name);
                Err(conflict("/name", "name_taken", message))
            }
        }
    }
}
