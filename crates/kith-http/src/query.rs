//! The query string of requests for records: few parameters, each with few values.

use kith_api_types::{NotesFormat, Problem};
use kith_domain::text::{excerpt, nearest};
use poem::Request;

use crate::records::Operation;
use crate::reply::Failure;

/// How the caller wants records shown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    /// `notesFormat`.
    pub(crate) notes: NotesFormat,
    /// `include=references`.
    pub(crate) references: bool,
}

/// Reads the parameters of a request; an unknown one is refused by name.
pub(crate) fn shown(request: &Request, operation: Operation) -> Result<Shown, Failure> {
    let mut shown = Shown::default();
    for (name, value) in pairs(request) {
        match (name, value) {
            ("notesFormat", "markdown") => shown.notes = NotesFormat::Markdown,
            ("notesFormat", "tiptap") => shown.notes = NotesFormat::Tiptap,
            ("notesFormat", other) => return Err(unaccepted(name, other, "markdown and tiptap")),
            ("include", "references") if operation.takes_include() => shown.references = true,
            ("include", other) if operation.takes_include() => {
                return Err(unaccepted(name, other, "references"));
            }
            (other, _) if operation.takes_include() => {
                return Err(unknown(other, &["notesFormat", "include"]));
            }
            (other, _) => return Err(unknown(other, &["notesFormat"])),
        }
    }
    Ok(shown)
}

/// The parameters of a request as they stand: names and values of ours need no decoding.
pub(crate) fn pairs(request: &Request) -> impl Iterator<Item = (&str, &str)> {
    let query = request.uri().query().unwrap_or_default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn unaccepted(name: &str, value: &str, accepted: &str) -> Failure {
    let value = excerpt(value, 60);
    invalid(format!("{name} is `{value}`; accepted: {accepted}"))
}

/// A parameter that nothing knows.
pub(crate) fn unknown(name: &str, known: &[&str]) -> Failure {
    let shown = excerpt(name, 60);
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("accepted are {}", known.join(", ")),
    };
    invalid(format!(
        "there is no query parameter `{shown}` here; {hint}"
    ))
}

/// A query that is not accepted.
pub(crate) fn invalid(detail: String) -> Failure {
    Problem::new(400, "invalid_query", "The query is not valid", detail).into()
}
