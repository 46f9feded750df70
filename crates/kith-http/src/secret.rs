//! Secrets in bodies: what is wrong with one is said without repeating it.

use kith_application::credentials::NewPassword;
use kith_domain::draft::Patch;
use kith_domain::violation::Violation;

/// A secret that may not be missing.
pub(crate) fn required(
    name: &str,
    given: Patch<String>,
    problems: &mut Vec<Violation>,
) -> Option<String> {
    match given {
        Patch::Set(text) => Some(text),
        Patch::Unreadable => None,
        Patch::Absent | Patch::Null => {
            let message = format!("`{name}` is missing; this needs it");
            problems.push(Violation::new(format!("/{name}"), "required", message));
            None
        }
    }
}

/// A password that somebody chooses.
pub(crate) fn chosen(
    name: &str,
    given: Patch<String>,
    problems: &mut Vec<Violation>,
) -> Option<NewPassword> {
    match NewPassword::parse(required(name, given, problems)?) {
        Ok(password) => Some(password),
        Err(reason) => {
            problems.push(Violation::new(format!("/{name}"), "invalid", reason));
            None
        }
    }
}
