//! Invitations: how people join a company.

use uuid::Uuid;

use super::judge::Judge;
use super::{
    Decision, Denial, Digest, PasswordHash, Rejection, User, UserStatus, Workspace, Write,
    conflict, no_such,
};
use crate::actor::{Action, Actor, Resource};
use crate::draft::Patch;
use crate::email::{comparison_key, parse_email};
use crate::event::workspace::{self, Facts, Told, open};
use crate::time::Timestamp;
use crate::violation::{Refusal, Violation};

/// How long an invitation can be accepted, in milliseconds: 7 days.
pub const INVITATION_LASTS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Most invitations of a company that have neither been accepted nor revoked.
pub const MAX_INVITATIONS: usize = 1_000;

/// An invitation that has been neither accepted nor revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: Uuid,
    /// Whom it is for.
    pub email: String,
    /// The role that they will have.
    pub role: Uuid,
    /// Who invited them.
    pub invited_by: Uuid,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
}

impl Invitation {
    /// Whether it can be accepted no more.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }

    /// What the log of the workspace tells of it.
    pub fn facts(&self) -> Facts {
        vec![
            open("email", self.email.clone()),
            open("roleId", self.role.to_string()),
            open("expiresAt", self.expires_at.to_string()),
        ]
    }
}

/// Whom to invite.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InvitationDraft {
    /// Their address.
    pub email: Patch<String>,
    /// One of the company's roles.
    pub role: Patch<Uuid>,
    /// What the reader could not read.
    pub problems: Vec<Violation>,
}

/// Who somebody is that accepts an invitation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JoiningDraft {
    /// 1 to 200 characters.
    pub first_name: Patch<String>,
    /// Up to 200 characters.
    pub last_name: Patch<String>,
    /// What the reader could not read.
    pub problems: Vec<Violation>,
}

/// [`JoiningDraft`], judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joining {
    /// Given name.
    pub first_name: String,
    /// Family name, or nothing.
    pub last_name: String,
}

impl JoiningDraft {
    /// Everything that is wrong with it.
    pub fn problems(self) -> Vec<Violation> {
        match self.judge() {
            Err(Rejection::Refused(Refusal::Invalid(problems))) => problems,
            Ok(_) | Err(_) => Vec::new(),
        }
    }

    /// Judges it.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn judge(self) -> Result<Joining, Rejection> {
        let mut joining = Joining::default();
        let mut judge = Judge::new(self.problems);
        judge.required("firstName", &self.first_name, "a user");
        judge.text(
            "firstName",
            self.first_name,
            &mut joining.first_name,
            1..=200,
        );
        judge.text("lastName", self.last_name, &mut joining.last_name, 0..=200);
        judge.done()?;
        Ok(joining)
    }
}

/// A company that somebody founds, and who they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FoundingDraft {
    /// 1 to 300 characters.
    pub company: Patch<String>,
    /// Their address.
    pub email: Patch<String>,
    /// The rest of them, with what the reader could not read.
    pub joining: JoiningDraft,
}

/// [`FoundingDraft`], judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Founding {
    /// The name of the company.
    pub company: String,
    /// The address of its administrator.
    pub email: String,
    /// Their name.
    pub joining: Joining,
}

impl FoundingDraft {
    /// Everything that is wrong with it.
    pub fn problems(self) -> Vec<Violation> {
        match self.judge() {
            Err(Rejection::Refused(Refusal::Invalid(problems))) => problems,
            Ok(_) | Err(_) => Vec::new(),
        }
    }

    /// Judges it.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn judge(self) -> Result<Founding, Rejection> {
        let (mut company, mut email) = (String::new(), String::new());
        let (joining, problems) = match self.joining.judge() {
            Ok(joining) => (joining, Vec::new()),
            Err(Rejection::Refused(Refusal::Invalid(problems))) => (Joining::default(), problems),
            Err(other) => return Err(other),
        };
        let mut judge = Judge::new(problems);
        judge.required("companyName", &self.company, "a new company");
        judge.required("email", &self.email, "a user");
        judge.text("companyName", self.company, &mut company, 1..=300);
        judge.value("email", self.email, &mut email, |text| {
            parse_email(&text).map_err(|error| format!("`email`: {error}"))
        });
        judge.done()?;
        Ok(Founding {
            company,
            email,
            joining,
        })
    }
}

impl Workspace {
    /// Invites somebody. An invitation of the same address that has expired is replaced.
    ///
    /// # Errors
    /// A missing right, everything that is wrong, a role that allows more than the actor may do, or that the address
    /// belongs to a user or has been invited.
    pub fn invite(
        &self,
        actor: &Actor,
        draft: InvitationDraft,
        token: Digest,
        id: Uuid,
        now: Timestamp,
    ) -> Result<Decision<Invitation>, Rejection> {
        let held = self.require(actor, Resource::Users, Action::Create)?;
        let (mut email, mut role) = (String::new(), Uuid::nil());
        let mut judge = Judge::new(draft.problems);
        judge.required("email", &draft.email, "an invitation");
        judge.required("roleId", &draft.role, "an invitation");
        judge.value("email", draft.email, &mut email, |text| {
            parse_email(&text).map_err(|error| format!("`email`: {error}"))
        });
        judge.value("roleId", draft.role, &mut role, Ok);
        judge.done()?;
        self.assignable(role, held)?;
        let key = comparison_key(&email);
        let same = |known: &str| comparison_key(known) == key;
        if self.users.iter().any(|user| same(&user.email)) {
            let message = format!("{email} belongs to a user of this company already");
            return Err(conflict("/email", "already_member", message));
        }
        let before = self.invitations.iter().find(|known| same(&known.email));
        if before.is_some_and(|before| !before.has_expired(now)) {
            let message = format!("{email} is invited already; revoke that invitation first");
            return Err(conflict("/email", "already_invited", message));
        }
        if before.is_none() && self.invitations.len() >= MAX_INVITATIONS {
            let message = format!(
                "there are {MAX_INVITATIONS} invitations already, which is the most; revoke those that nobody needs"
            );
            return Err(conflict("", "too_many", message));
        }
        let invitation = Invitation {
            id,
            email,
            role,
            invited_by: actor.user,
            created_at: now,
            expires_at: Timestamp(now.0 + INVITATION_LASTS),
        };
        let told = Told::State(invitation.facts());
        let mut decision = Decision::of(
            invitation.clone(),
            Write::Invitation(invitation, token),
            (workspace::INVITATION_CREATED, id, told),
        );
        if let Some(before) = before {
            decision.writes.insert(0, Write::NoInvitation(before.id));
        }
        Ok(decision)
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// A missing right, its absence, or that it is for a role that allows more than the actor may do.
    pub fn revoke_invitation(&self, actor: &Actor, id: Uuid) -> Result<Decision<()>, Rejection> {
        let held = self.require(actor, Resource::Users, Action::Delete)?;
        let invitation = self.invitation(id)?;
        if let Some(role) = self.role(invitation.role)
            && !held.covers(role.permissions)
        {
            let beyond = role.permissions.beyond(held);
            return Err(Denial::HigherRole(role.name.clone(), beyond).into());
        }
        let logged = (workspace::INVITATION_REVOKED, id, Told::Id);
        Ok(Decision::of((), Write::NoInvitation(id), logged))
    }

    /// Makes an active user of somebody who was invited; the invitation is used up. Whoever calls this has checked the
    /// token, which says which invitation it is.
    ///
    /// # Errors
    /// That the invitation is gone or has expired.
    pub fn accept_invitation(
        &self,
        id: Uuid,
        joining: Joining,
        password: PasswordHash,
        user: Uuid,
        now: Timestamp,
    ) -> Result<Decision<User>, Rejection> {
        let invitation = self.invitation(id)?;
        if invitation.has_expired(now) {
            return Err(no_such("invitation", id).into());
        }
        let user = User {
            id: user,
            email: invitation.email.clone(),
            first_name: joining.first_name,
            last_name: joining.last_name,
            country: None,
            avatar_url: None,
            status: UserStatus::Active,
            role: invitation.role,
            created_at: now,
            updated_at: now,
        };
        let state = Told::State(user.facts());
        Ok(Decision {
            writes: vec![
                Write::NoInvitation(id),
                Write::NewUser(user.clone(), password),
            ],
            logged: vec![
                (workspace::INVITATION_ACCEPTED, id, Told::Id),
                (workspace::USER_CREATED, user.id, state),
            ],
            value: user,
        })
    }

    fn invitation(&self, id: Uuid) -> Result<&Invitation, Rejection> {
        let found = self.invitations.iter().find(|known| known.id == id);
        found.ok_or_else(|| no_such("invitation", id).into())
    }
}
