//! API keys: they act as their owner, with the owner's rights of the moment, within their scopes.

use uuid::Uuid;

use super::judge::Judge;
use super::{Decision, Denial, Digest, Rejection, Workspace, Write, conflict, granted, no_such};
use crate::actor::{Action, Actor, Limit, Permissions, Resource, right_by_name, right_name};
use crate::columns::instant;
use crate::draft::Patch;
use crate::event::workspace::{self, Fact, Facts, Told, moved, open};
use crate::text::{excerpt, nearest};
use crate::time::Timestamp;
use crate::violation::Violation;

/// Most keys of a user.
pub const MAX_KEYS: usize = 100;

/// The scope that allows all reading, as people write it.
const READ: &str = "read";

/// What a key is narrowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scopes {
    /// All reading.
    Read,
    /// These rights.
    Rights(Permissions),
}

impl Scopes {
    /// The rights that it leaves at most.
    pub fn rights(self) -> Permissions {
        match self {
            Scopes::Read => Permissions::reading(),
            Scopes::Rights(rights) => rights,
        }
    }

    /// `read`, or the names of rights.
    pub fn names(self) -> Vec<String> {
        match self {
            Scopes::Read => vec![READ.to_owned()],
            Scopes::Rights(rights) => {
                let rights = rights.iter();
                rights
                    .map(|(resource, action)| right_name(resource, action))
                    .collect()
            }
        }
    }

    /// What [`Scopes::names`] gave; names that are unknown allow nothing.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let names: Vec<_> = names.collect();
        if names == [READ] {
            Scopes::Read
        } else {
            Scopes::Rights(names.into_iter().filter_map(right_by_name).collect())
        }
    }

    fn parse(input: ScopesInput) -> Result<Self, Vec<Violation>> {
        let names = match input {
            ScopesInput::Word(word) if word.trim() == READ => return Ok(Scopes::Read),
            ScopesInput::Word(word) => {
                let message = format!(
                    "`scopes` is `{}`; accepted: `{READ}`, or a list such as [\"contacts:readAll\"]",
                    excerpt(&word, 40)
                );
                return Err(vec![Violation::new("/scopes", "invalid", message)]);
            }
            ScopesInput::List(names) => names,
        };
        if names == [READ] {
            return Ok(Scopes::Read);
        }
        let mut problems = Vec::new();
        let mut rights = Vec::new();
        for (at, name) in names.iter().enumerate() {
            match right_by_name(name) {
                Some(right) => rights.push(right),
                None => problems.push(unknown(at, name)),
            }
        }
        if names.is_empty() {
            let message = "`scopes` is empty; leave it out for all rights of the owner";
            problems.push(Violation::new("/scopes", "required", message));
        }
        if problems.is_empty() {
            Ok(Scopes::Rights(rights.into_iter().collect()))
        } else {
            Err(problems)
        }
    }
}

fn unknown(at: usize, name: &str) -> Violation {
    let all = Permissions::all();
    let all: Vec<_> = all.iter().map(|(on, to)| right_name(on, to)).collect();
    let near = nearest(name, all.iter().map(String::as_str));
    let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    let message = format!(
        "`{}` is no right; a right is a resource and an action, as in contacts:readAll{near}",
        excerpt(name, 60)
    );
    Violation::new(format!("/scopes/{at}"), "invalid", message)
}

/// A key; of the secret itself only the beginning is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: Uuid,
    /// The owner, as whom it acts.
    pub user: Uuid,
    /// For people.
    pub name: String,
    /// The first six characters.
    pub prefix: String,
    /// What it is narrowed to, if it is.
    pub scopes: Option<Scopes>,
    /// Until when it is valid, if it ends.
    pub expires_at: Option<Timestamp>,
    /// About when it was last used.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl ApiKey {
    /// A new key that reaches as far as its owner and does not end.
    pub fn unlimited(id: Uuid, user: Uuid, name: String, prefix: String, now: Timestamp) -> Self {
        ApiKey {
            id,
            user,
            name,
            prefix,
            scopes: None,
            expires_at: None,
            last_used_at: None,
            created_at: now,
        }
    }

    /// How far it reaches.
    pub fn limit(&self) -> Limit {
        limit(self.scopes, self.expires_at)
    }

    /// What the log of the workspace tells of it.
    pub fn facts(&self) -> Facts {
        vec![
            open("name", self.name.clone()),
            open("userId", self.user.to_string()),
            open("scopes", self.scopes.map(Scopes::names)),
            open(
                "expiresAt",
                self.expires_at.map(|expires| expires.to_string()),
            ),
        ]
    }
}

fn limit(scopes: Option<Scopes>, until: Option<Timestamp>) -> Limit {
    let rights = scopes.map_or(Permissions::all(), Scopes::rights);
    Limit { rights, until }
}

/// What is kept of a secret that has just been made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyMaterial {
    /// SHA-256 of it.
    pub digest: Digest,
    /// Its first six characters.
    pub prefix: String,
}

/// Scopes as they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopesInput {
    /// One word, which has to be `read`.
    Word(String),
    /// Names of rights.
    List(Vec<String>),
}

/// The wanted content of a new key; of an existing one only the name can be changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyDraft {
    /// 1 to 300 characters.
    pub name: Patch<String>,
    /// RFC 3339, in the future.
    pub expires_at: Patch<String>,
    /// What it is narrowed to.
    pub scopes: Patch<ScopesInput>,
    /// What the reader could not read.
    pub problems: Vec<Violation>,
}

impl Workspace {
    /// Makes a key for the actor.
    ///
    /// # Errors
    /// A missing right, everything that is wrong, scopes beyond what the actor holds, or a key that would reach
    /// further than the actor's own.
    pub fn create_key(
        &self,
        actor: &Actor,
        draft: KeyDraft,
        material: KeyMaterial,
        id: Uuid,
        now: Timestamp,
    ) -> Result<Decision<ApiKey>, Rejection> {
        let held = self.require(actor, Resource::Api, Action::Create)?;
        let key = draft.judge(actor.user, material.prefix, id, now)?;
        if !actor.limit.encloses(key.limit()) {
            return Err(wider(actor));
        }
        if let Some(Scopes::Rights(rights)) = key.scopes {
            granted(rights, held)?;
        }
        self.store_key(key, material.digest)
    }

    /// Makes a key for a user at the wish of whoever runs the server.
    ///
    /// # Errors
    /// That the user has too many.
    pub fn create_key_for(
        &self,
        user: Uuid,
        name: String,
        material: KeyMaterial,
        id: Uuid,
        now: Timestamp,
    ) -> Result<Decision<ApiKey>, Rejection> {
        let key = ApiKey::unlimited(id, user, name, material.prefix, now);
        self.store_key(key, material.digest)
    }

    fn store_key(&self, key: ApiKey, digest: Digest) -> Result<Decision<ApiKey>, Rejection> {
        let owned = self.keys.iter().filter(|known| known.user == key.user);
        if owned.count() >= MAX_KEYS {
            let message = format!(
                "there are {MAX_KEYS} keys already, which is the most that one user has; revoke those that nobody needs"
            );
            return Err(conflict("", "too_many", message));
        }
        let logged = (workspace::API_KEY_CREATED, key.id, Told::State(key.facts()));
        Ok(Decision::of(
            key.clone(),
            Write::NewKey(key, digest),
            logged,
        ))
    }

    /// Renames a key.
    ///
    /// # Errors
    /// A missing right, its absence, an owner who may do more than the actor, or everything that is wrong.
    pub fn rename_key(
        &self,
        actor: &Actor,
        id: Uuid,
        draft: KeyDraft,
    ) -> Result<Decision<ApiKey>, Rejection> {
        let held = self.require(actor, Resource::Api, Action::Update)?;
        let present = self.key(actor, id, held)?;
        let mut changed = present.clone();
        let mut judge = Judge::new(draft.problems);
        judge.text("name", draft.name, &mut changed.name, 1..=300);
        judge.done()?;
        let Some(told) = moved(&present.facts(), changed.facts()) else {
            return Ok(Decision::unchanged(changed));
        };
        let logged = (workspace::API_KEY_UPDATED, id, told);
        Ok(Decision::of(changed.clone(), Write::Key(changed), logged))
    }

    /// Gives a key a new secret; the old one is worth nothing from then on.
    ///
    /// # Errors
    /// A missing right, its absence, another owner, or a key that reaches further than the actor's own: the secret is
    /// shown to the actor.
    pub fn rotate_key(
        &self,
        actor: &Actor,
        id: Uuid,
        material: KeyMaterial,
    ) -> Result<Decision<ApiKey>, Rejection> {
        let held = self.require(actor, Resource::Api, Action::Update)?;
        let present = self.key(actor, id, held)?;
        if present.user != actor.user {
            return Err(Denial::OthersKey.into());
        }
        if !actor.limit.encloses(present.limit()) {
            return Err(wider(actor));
        }
        let changed = ApiKey {
            prefix: material.prefix,
            last_used_at: None,
            ..present.clone()
        };
        let secret = |key: &ApiKey| Fact::Secret(Some(key.prefix.clone().into_bytes()));
        let secrets = ("secret", secret(present), secret(&changed));
        let told = Told::Moved(changed.facts(), vec![secrets]);
        let logged = (workspace::API_KEY_ROTATED, id, told);
        Ok(Decision::of(
            changed.clone(),
            Write::NewKey(changed, material.digest),
            logged,
        ))
    }

    /// Ends a key.
    ///
    /// # Errors
    /// A missing right, its absence, or an owner who may do more than the actor.
    pub fn revoke_key(&self, actor: &Actor, id: Uuid) -> Result<Decision<()>, Rejection> {
        let held = self.require(actor, Resource::Api, Action::Delete)?;
        self.key(actor, id, held)?;
        let logged = (workspace::API_KEY_REVOKED, id, Told::Id);
        Ok(Decision::of((), Write::NoKey(id), logged))
    }

    /// A key that the actor sees and may handle.
    fn key(&self, actor: &Actor, id: Uuid, held: Permissions) -> Result<&ApiKey, Rejection> {
        let found = self.keys.iter().find(|key| key.id == id);
        let key = found
            .filter(|key| may_see_key(held, actor, key))
            .ok_or_else(|| no_such("API key", id))?;
        if key.user != actor.user {
            let owner = self.users.iter().find(|user| user.id == key.user);
            let rights = owner.map_or(Permissions::all(), |owner| self.rights_of_user(owner));
            if !held.covers(rights) {
                return Err(Denial::HigherUser(rights.beyond(held)).into());
            }
        }
        Ok(key)
    }
}

/// Whether somebody who holds `held` sees a key: all with readAll, their own always.
pub fn may_see_key(held: Permissions, actor: &Actor, key: &ApiKey) -> bool {
    held.contains(Resource::Api, Action::ReadAll) || key.user == actor.user
}

fn wider(actor: &Actor) -> Rejection {
    Denial::WiderKey(actor.limit).into()
}

impl KeyDraft {
    fn judge(
        self,
        user: Uuid,
        prefix: String,
        id: Uuid,
        now: Timestamp,
    ) -> Result<ApiKey, Rejection> {
        let mut key = ApiKey::unlimited(id, user, String::new(), prefix, now);
        let mut problems = self.problems;
        if let Patch::Set(input) = self.scopes {
            match Scopes::parse(input) {
                Ok(scopes) => key.scopes = Some(scopes),
                Err(found) => problems.extend(found),
            }
        }
        let mut judge = Judge::new(problems);
        judge.required("name", &self.name, "a key");
        judge.text("name", self.name, &mut key.name, 1..=300);
        if let Patch::Set(text) = self.expires_at {
            match instant(text.trim()).filter(|at| *at > now) {
                Some(at) => key.expires_at = Some(at),
                None => judge.add(
                    "expiresAt",
                    "invalid",
                    format!(
                        "`expiresAt` is `{}`; accepted: a time in the future with an offset, as in 2030-04-22T10:00:00Z",
                        excerpt(&text, 60)
                    ),
                ),
            }
        }
        judge.done()?;
        Ok(key)
    }
}
