//! Bodies about the company, its people, roles, invitations and keys.

mod sealed;

use kith_domain::actor::{Action, Permissions, Resource};
use kith_domain::draft::Patch;
use kith_domain::people::{
    CompanyDraft, InvitationDraft, KeyDraft, RoleDraft, ScopesInput, UserDraft,
};
use kith_domain::violation::Violation;
use uuid::Uuid;

use crate::draft::{ReadError, parse_id};
use crate::reader::{Members, Reader};
use crate::tree::{Json, Kind};

pub use sealed::{
    Acceptance, SigningUp, Texts, acceptance, password_change, password_reset, reset_completion,
    sign_in, sign_up,
};

const COMPANY: Members = Members {
    holder: "a company",
    known: &[
        "name",
        "country",
        "currency",
        "street",
        "city",
        "postalCode",
        "website",
        "phone",
        "email",
        "vatNumber",
    ],
    ignored: &["id", "createdAt", "updatedAt"],
};

const USER: Members = Members {
    holder: "a user",
    known: &[
        "firstName",
        "lastName",
        "country",
        "avatarUrl",
        "status",
        "roleId",
        "email",
    ],
    ignored: &["id", "companyId", "createdAt", "updatedAt"],
};

const ROLE: Members = Members {
    holder: "a role",
    known: &["name", "description", "permissions"],
    ignored: &["id", "companyId", "isSystemRole", "createdAt", "updatedAt"],
};

const PERMISSION: Members = Members {
    holder: "a permission",
    known: &["resource", "action"],
    ignored: &[],
};

const INVITATION: Members = Members {
    holder: "an invitation",
    known: &["email", "roleId"],
    ignored: &[],
};

const KEY: Members = Members {
    holder: "a key",
    known: &["name", "expiresAt", "scopes"],
    ignored: &[],
};

const KEY_NAME: Members = Members {
    holder: "a change of a key, whose scopes and expiry are fixed",
    known: &["name"],
    ignored: &[],
};

/// Most rights that a list names; there are fewer.
const MAX_RIGHTS: usize = 100;

/// What is wrong with the body as a whole is an error; the rest is told with what the domain finds.
fn read<'a>(
    body: &'a [u8],
    members: Members,
    each: impl FnMut(&mut Reader, &str, Json<'a>),
) -> Result<Vec<Violation>, ReadError> {
    let json = Json::parse(body)?;
    let mut reader = Reader::default();
    reader.object("", members, json, each);
    if json.kind() == Kind::Object {
        return Ok(reader.problems.into_found());
    }
    reader.none()?;
    Ok(Vec::new())
}

/// Whether a list of rights goes on too long; it is said once.
fn is_too_many(reader: &mut Reader, pointer: &str, at: usize) -> bool {
    if at == MAX_RIGHTS {
        let message = format!("there are fewer than {MAX_RIGHTS} rights; name each once");
        let problem = Violation::new(pointer, "too_many", message);
        reader.problems.add(problem);
    }
    at >= MAX_RIGHTS
}

fn id(reader: &mut Reader, pointer: &str, json: Json<'_>) -> Patch<Uuid> {
    reader.patch(pointer, json, "an id", |json| {
        json.string().and_then(|text| parse_id(&text))
    })
}

/// Changes of the company.
///
/// # Errors
/// When the body is no JSON object.
pub fn company(body: &[u8]) -> Result<CompanyDraft, ReadError> {
    let mut draft = CompanyDraft::default();
    draft.problems = read(body, COMPANY, |reader, name, value| {
        let text = reader.text(&format!("/{name}"), value);
        match name {
            "name" => draft.name = text,
            "country" => draft.country = text,
            "currency" => draft.currency = text,
            "street" => draft.street = text,
            "city" => draft.city = text,
            "postalCode" => draft.postal_code = text,
            "website" => draft.website = text,
            "phone" => draft.phone = text,
            "email" => draft.email = text,
            _ => draft.vat_number = text,
        }
    })?;
    Ok(draft)
}

/// Changes of a user.
///
/// # Errors
/// When the body is no JSON object.
pub fn user(body: &[u8]) -> Result<UserDraft, ReadError> {
    let mut draft = UserDraft::default();
    draft.problems = read(body, USER, |reader, name, value| match name {
        "firstName" => draft.first_name = reader.text("/firstName", value),
        "lastName" => draft.last_name = reader.text("/lastName", value),
        "country" => draft.country = reader.text("/country", value),
        "avatarUrl" => draft.avatar_url = reader.text("/avatarUrl", value),
        "status" => draft.status = reader.text("/status", value),
        "email" => draft.email = reader.text("/email", value),
        _ => draft.role = id(reader, "/roleId", value),
    })?;
    Ok(draft)
}

/// A new role, or changes of one.
///
/// # Errors
/// When the body is no JSON object.
pub fn role(body: &[u8]) -> Result<RoleDraft, ReadError> {
    let mut draft = RoleDraft::default();
    draft.problems = read(body, ROLE, |reader, name, value| match name {
        "name" => draft.name = reader.text("/name", value),
        "description" => draft.description = reader.text("/description", value),
        _ => draft.permissions = permissions(reader, value),
    })?;
    Ok(draft)
}

fn permissions(reader: &mut Reader, json: Json<'_>) -> Patch<Permissions> {
    if json.kind() == Kind::Null {
        return Patch::Null;
    }
    let mut rights = Vec::new();
    let mut is_legible = true;
    let is_array = json.elements(|at, element| {
        if is_too_many(reader, "/permissions", at) {
            is_legible = false;
            return;
        }
        match permission(reader, at, element) {
            Some(right) => rights.push(right),
            None => is_legible = false,
        }
    });
    if !is_array {
        let takes = "an array of permissions, each {resource, action}";
        reader.wrong_type("/permissions", takes, json);
    }
    if is_array && is_legible {
        Patch::Set(rights.into_iter().collect())
    } else {
        Patch::Unreadable
    }
}

fn permission(reader: &mut Reader, at: usize, json: Json<'_>) -> Option<(Resource, Action)> {
    let place = format!("/permissions/{at}");
    let (mut resource, mut action) = (None, None);
    let seen = reader.object(&place, PERMISSION, json, |reader, name, value| {
        let place = format!("{place}/{name}");
        match name {
            "resource" => {
                resource = reader.named(&place, value, Resource::by_name, || {
                    let names: Vec<_> = Resource::all().map(Resource::name).collect();
                    names.join(", ")
                });
            }
            _ => {
                action = reader.named(&place, value, Action::by_name, || {
                    Action::ALL.map(Action::name).join(", ")
                });
            }
        }
    });
    if json.kind() == Kind::Object {
        for name in PERMISSION.known {
            if !seen.iter().any(|seen| seen == name) {
                let message = format!("`{name}` is missing; a permission needs it");
                let problem = Violation::new(format!("{place}/{name}"), "required", message);
                reader.problems.add(problem);
            }
        }
    }
    resource.zip(action)
}

/// Whom to invite.
///
/// # Errors
/// When the body is no JSON object.
pub fn invitation(body: &[u8]) -> Result<InvitationDraft, ReadError> {
    let mut draft = InvitationDraft::default();
    draft.problems = read(body, INVITATION, |reader, name, value| match name {
        "email" => draft.email = reader.text("/email", value),
        _ => draft.role = id(reader, "/roleId", value),
    })?;
    Ok(draft)
}

/// A new key.
///
/// # Errors
/// When the body is no JSON object.
pub fn key(body: &[u8]) -> Result<KeyDraft, ReadError> {
    let mut draft = KeyDraft::default();
    draft.problems = read(body, KEY, |reader, name, value| match name {
        "name" => draft.name = reader.text("/name", value),
        "expiresAt" => draft.expires_at = reader.text("/expiresAt", value),
        _ => draft.scopes = scopes(reader, value),
    })?;
    Ok(draft)
}

fn scopes(reader: &mut Reader, json: Json<'_>) -> Patch<ScopesInput> {
    match json.kind() {
        Kind::Null => return Patch::Null,
        Kind::String => {
            return reader.patch("/scopes", json, "`read` or an array", |json| {
                json.string().map(|word| ScopesInput::Word(word.into()))
            });
        }
        Kind::Array => {}
        Kind::Bool | Kind::Number | Kind::Object => {
            reader.wrong_type("/scopes", "`read` or an array of rights", json);
            return Patch::Unreadable;
        }
    }
    let mut names = Vec::new();
    let mut is_legible = true;
    json.elements(|at, element| {
        if is_too_many(reader, "/scopes", at) {
            is_legible = false;
            return;
        }
        match element.string() {
            Some(name) => names.push(name.into_owned()),
            None => {
                is_legible = false;
                let takes = "a right such as contacts:readAll";
                reader.wrong_type(&format!("/scopes/{at}"), takes, element);
            }
        }
    });
    if is_legible {
        Patch::Set(ScopesInput::List(names))
    } else {
        Patch::Unreadable
    }
}

/// A change of a key: its name.
///
/// # Errors
/// When the body is no JSON object.
pub fn key_name(body: &[u8]) -> Result<KeyDraft, ReadError> {
    let mut draft = KeyDraft::default();
    draft.problems = read(body, KEY_NAME, |reader, _, value| {
        draft.name = reader.text("/name", value);
    })?;
    Ok(draft)
}
