//! Bodies that hold passwords and tokens. What is wrong with them is said without repeating anything of them.

use kith_domain::draft::Patch;
use kith_domain::people::{FoundingDraft, JoiningDraft};
use kith_domain::violation::Violation;

use super::read;
use crate::draft::ReadError;
use crate::reader::{Members, Reader};
use crate::tree::{Json, Kind};

const ACCEPTANCE: Members = Members {
    holder: "an acceptance",
    known: &["token", "firstName", "lastName", "password"],
    ignored: &[],
};

const SIGN_UP: Members = Members {
    holder: "a sign-up",
    known: &[
        "token",
        "companyName",
        "email",
        "firstName",
        "lastName",
        "password",
    ],
    ignored: &[],
};

const SIGN_IN: Members = Members {
    holder: "a sign-in",
    known: &["email", "password"],
    ignored: &[],
};

const PASSWORD_CHANGE: Members = Members {
    holder: "a change of a password",
    known: &["currentPassword", "newPassword"],
    ignored: &[],
};

const PASSWORD_RESET: Members = Members {
    holder: "a password reset",
    known: &["email"],
    ignored: &[],
};

const RESET_COMPLETION: Members = Members {
    holder: "a password reset",
    known: &["token", "newPassword"],
    ignored: &[],
};

/// A body of which nothing is repeated: a secret in the wrong place would be shown.
fn read_sealed<'a>(
    body: &'a [u8],
    members: Members,
    each: impl FnMut(&mut Reader, &str, Json<'a>),
) -> Result<Vec<Violation>, ReadError> {
    if Json::parse(body)?.kind() != Kind::Object {
        let message = format!(
            "expected an object with members of {}",
            members.known.join(", ")
        );
        let problem = Violation::new("", "wrong_type", message);
        return Err(ReadError::Invalid(vec![problem]));
    }
    read(body, members, each)
}

/// The body that accepts an invitation. It is not to be printed: it holds a token and a password.
pub struct Acceptance {
    /// The token of the invitation.
    pub token: Patch<String>,
    /// The password to be.
    pub password: Patch<String>,
    /// The rest.
    pub joining: JoiningDraft,
}

/// `{token, firstName, lastName, password}`.
///
/// # Errors
/// When the body is no JSON object.
pub fn acceptance(body: &[u8]) -> Result<Acceptance, ReadError> {
    let given = joining(body, ACCEPTANCE)?;
    Ok(Acceptance {
        token: given.token,
        password: given.password,
        joining: given.founding.joining,
    })
}

/// The body that signs somebody up. It is not to be printed: it holds a token and a password.
pub struct SigningUp {
    /// The token of an invitation.
    pub token: Patch<String>,
    /// The password to be.
    pub password: Patch<String>,
    /// The rest; of the invited only the names are wanted.
    pub founding: FoundingDraft,
}

/// `{token, firstName, lastName, password}`, or `{companyName, email, firstName, lastName, password}`.
///
/// # Errors
/// When the body is no JSON object.
pub fn sign_up(body: &[u8]) -> Result<SigningUp, ReadError> {
    joining(body, SIGN_UP)
}

fn joining(body: &[u8], members: Members) -> Result<SigningUp, ReadError> {
    let (mut token, mut password) = (Patch::Absent, Patch::Absent);
    let mut founding = FoundingDraft::default();
    let joining = &mut founding.joining;
    joining.problems = read_sealed(body, members, |reader, name, value| match name {
        "companyName" => founding.company = reader.text("/companyName", value),
        "email" => founding.email = reader.text("/email", value),
        "firstName" => joining.first_name = reader.text("/firstName", value),
        "lastName" => joining.last_name = reader.text("/lastName", value),
        "token" => token = secret(reader, "/token", value),
        _ => password = secret(reader, "/password", value),
    })?;
    Ok(SigningUp {
        token,
        password,
        founding,
    })
}

/// Texts that a request for an account consists of, by the names of their members. It is not to be printed: some are
/// secrets.
pub struct Texts<const N: usize>([String; N]);

impl<const N: usize> Texts<N> {
    /// The texts in the order of the names.
    pub fn into_inner(self) -> [String; N] {
        self.0
    }
}

/// `{email, password}`.
///
/// # Errors
/// Everything that is wrong.
pub fn sign_in(body: &[u8]) -> Result<Texts<2>, ReadError> {
    texts(body, "a sign-in", ["email", "password"], SIGN_IN)
}

/// `{currentPassword, newPassword}`.
///
/// # Errors
/// Everything that is wrong.
pub fn password_change(body: &[u8]) -> Result<Texts<2>, ReadError> {
    let names = ["currentPassword", "newPassword"];
    texts(body, "a change of a password", names, PASSWORD_CHANGE)
}

/// `{email}`.
///
/// # Errors
/// Everything that is wrong.
pub fn password_reset(body: &[u8]) -> Result<Texts<1>, ReadError> {
    texts(body, "a password reset", ["email"], PASSWORD_RESET)
}

/// `{token, newPassword}`.
///
/// # Errors
/// Everything that is wrong.
pub fn reset_completion(body: &[u8]) -> Result<Texts<2>, ReadError> {
    let names = ["token", "newPassword"];
    texts(body, "a password reset", names, RESET_COMPLETION)
}

/// Texts of which none may be missing and none is repeated in a message.
fn texts<const N: usize>(
    body: &[u8],
    holder: &str,
    names: [&'static str; N],
    members: Members,
) -> Result<Texts<N>, ReadError> {
    let mut given = names.map(|_| Patch::Absent);
    let mut problems = read_sealed(body, members, |reader, name, value| {
        if let Some(at) = names.iter().position(|known| *known == name) {
            given[at] = secret(reader, &format!("/{name}"), value);
        }
    })?;
    for (name, given) in names.iter().zip(&given) {
        if matches!(given, Patch::Absent) {
            let message = format!("`{name}` is missing; {holder} needs it");
            problems.push(Violation::new(format!("/{name}"), "required", message));
        }
    }
    if !problems.is_empty() {
        return Err(ReadError::Invalid(problems));
    }
    Ok(Texts(given.map(|given| match given {
        Patch::Set(text) => text,
        Patch::Absent | Patch::Null | Patch::Unreadable => String::new(),
    })))
}

/// What was received instead of a secret is not repeated: it may be one.
fn secret(reader: &mut Reader, pointer: &str, json: Json<'_>) -> Patch<String> {
    match json.string() {
        Some(text) => Patch::Set(text.into()),
        None => {
            let problem = Violation::new(pointer, "wrong_type", "expected a string");
            reader.problems.add(problem);
            Patch::Unreadable
        }
    }
}
