//! Users: who they are, and who may change them.

use uuid::Uuid;

use super::company::country;
use super::judge::Judge;
use super::{Decision, Denial, Rejection, Workspace, Write, conflict, no_such};
use crate::actor::{Action, Actor, Permissions, Resource};
use crate::columns::web_address;
use crate::draft::Patch;
use crate::event::workspace::{self, Facts, moved, open};
use crate::text::excerpt;
use crate::time::Timestamp;
use crate::violation::Violation;

/// Whether somebody may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserStatus {
    /// They may.
    Active,
    /// They may not any more.
    Inactive,
    /// They may not yet.
    PendingAuthorization,
}

impl UserStatus {
    /// Every status.
    pub const ALL: [UserStatus; 3] = [
        UserStatus::Active,
        UserStatus::Inactive,
        UserStatus::PendingAuthorization,
    ];

    /// `active`, `pendingAuthorization`.
    pub fn name(self) -> &'static str {
        match self {
            UserStatus::Active => "active",
            UserStatus::Inactive => "inactive",
            UserStatus::PendingAuthorization => "pendingAuthorization",
        }
    }

    /// The status with this name.
    pub fn by_name(name: &str) -> Option<UserStatus> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// A user. They are never deleted, only made inactive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: Uuid,
    /// Unique across the server, compared case-insensitively.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// ISO 3166-1 alpha-2, if known.
    pub country: Option<String>,
    /// A picture, if there is one.
    pub avatar_url: Option<String>,
    /// Whether they may act.
    pub status: UserStatus,
    /// Their role.
    pub role: Uuid,
    /// When they were added.
    pub created_at: Timestamp,
    /// When they last changed.
    pub updated_at: Timestamp,
}

impl User {
    /// What the log of the workspace tells of them.
    pub fn facts(&self) -> Facts {
        vec![
            open("email", self.email.clone()),
            open("firstName", self.first_name.clone()),
            open("lastName", self.last_name.clone()),
            open("country", self.country.clone()),
            open("avatarUrl", self.avatar_url.clone()),
            open("status", self.status.name()),
            open("roleId", self.role.to_string()),
        ]
    }
}

/// The wanted changes of a user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserDraft {
    /// 1 to 200 characters.
    pub first_name: Patch<String>,
    /// Up to 200 characters.
    pub last_name: Patch<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Patch<String>,
    /// https or http.
    pub avatar_url: Patch<String>,
    /// `active` or `inactive`.
    pub status: Patch<String>,
    /// One of the company's roles.
    pub role: Patch<Uuid>,
    /// The present one: an address cannot be changed.
    pub email: Patch<String>,
    /// What the reader could not read.
    pub problems: Vec<Violation>,
}

impl Workspace {
    /// Changes a user. Everybody may change their own profile with a credential that is not limited; whatever else is
    /// changed needs the right to update users.
    ///
    /// # Errors
    /// A missing right, the user's absence, everything that is wrong, that they may do more than the actor or would
    /// afterwards, or that no active administrator would be left.
    pub fn update_user(
        &self,
        actor: &Actor,
        id: Uuid,
        draft: UserDraft,
        now: Timestamp,
    ) -> Result<Decision<User>, Rejection> {
        let held = self.rights_of(actor);
        let is_own = id == actor.user && !actor.limit.is_narrow() && self.is_active(actor);
        if !is_own {
            self.require(actor, Resource::Users, Action::Update)?;
        }
        let present = self.users.iter().find(|user| user.id == id);
        let present = present
            .filter(|user| may_see(held, actor, user.id))
            .ok_or_else(|| no_such("user", id))?;
        let changed = draft.judge(present)?;
        let Some(told) = moved(&present.facts(), changed.facts()) else {
            return Ok(Decision::unchanged(changed));
        };
        let is_promoted = (present.role, present.status) != (changed.role, changed.status);
        if is_promoted {
            self.require(actor, Resource::Users, Action::Update)?;
        }
        if !is_own {
            let rights = self.rights_of_user(present);
            if !held.covers(rights) {
                return Err(Denial::HigherUser(rights.beyond(held)).into());
            }
        }
        if changed.role != present.role {
            self.assignable(changed.role, held)?;
        }
        if self.is_last_administrator(present) && !self.is_administrator(&changed) {
            return Err(conflict(
                "",
                "last_administrator",
                "this is the last active administrator; make somebody else one first",
            ));
        }
        let changed = User {
            updated_at: now,
            ..changed
        };
        let logged = (workspace::USER_UPDATED, id, told);
        let mut decision = Decision::of(changed.clone(), Write::User(changed), logged);
        if is_promoted {
            // Whoever was handed a link for their password was judged by what they might do then.
            decision.writes.push(Write::NoResets(id));
        }
        Ok(decision)
    }

    fn is_active(&self, actor: &Actor) -> bool {
        let mut users = self.users.iter();
        users.any(|user| user.id == actor.user && user.status == UserStatus::Active)
    }

    /// Whether somebody is active and has the system role.
    fn is_administrator(&self, user: &User) -> bool {
        user.status == UserStatus::Active && self.role(user.role).is_some_and(|role| role.is_system)
    }

    /// Whether nobody else is an active administrator.
    fn is_last_administrator(&self, user: &User) -> bool {
        self.is_administrator(user) && self.members(user.role).active <= 1
    }
}

/// Whether somebody who holds `held` sees a user: all with readAll, oneself always.
pub fn may_see(held: Permissions, actor: &Actor, user: Uuid) -> bool {
    held.contains(Resource::Users, Action::ReadAll) || user == actor.user
}

impl UserDraft {
    fn judge(self, present: &User) -> Result<User, Rejection> {
        let mut user = present.clone();
        let mut judge = Judge::new(self.problems);
        judge.changed_text("firstName", self.first_name, &mut user.first_name, 1..=200);
        judge.changed_text("lastName", self.last_name, &mut user.last_name, 0..=200);
        judge.optional("country", self.country, &mut user.country, country);
        judge.optional(
            "avatarUrl",
            self.avatar_url,
            &mut user.avatar_url,
            web_address,
        );
        judge.value("status", self.status, &mut user.status, |name| {
            let found = UserStatus::by_name(&name);
            // Who waits for admission may be sent back as such, but nobody is sent back to waiting.
            let accepted = found.filter(|status| {
                *status == present.status || *status != UserStatus::PendingAuthorization
            });
            accepted.ok_or_else(|| {
                let given = excerpt(&name, 40);
                format!("`status` is `{given}`; accepted: active, inactive")
            })
        });
        judge.value("roleId", self.role, &mut user.role, Ok);
        judge.value("email", self.email, &mut user.email, |email| {
            if email == present.email {
                Ok(email)
            } else {
                Err("`email` cannot be changed; leave it out".to_owned())
            }
        });
        judge.done()?;
        Ok(user)
    }
}
