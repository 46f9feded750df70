//! The query string of requests for records: few parameters, each with few values.

use kith_api_types::{NotesFormat, Problem};
use kith_domain::text::{excerpt, nearest};
use poem::Request;

use crate::reply::Failure;

/// How the caller wants records shown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    /// `notesFormat`.
    pub(crate) notes: NotesFormat,
}

/// Reads the parameters of a request; an unknown one is refused by name.
pub(crate) fn shown(request: &Request) -> Result<Shown, Failure> {
    let mut shown = Shown::default();
    let Some(query) = request.uri().query().filter(|query| !query.is_empty()) else {
        return Ok(shown);
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (name, value) {
            ("notesFormat", "markdown") => shown.notes = NotesFormat::Markdown,
            ("notesFormat", "tiptap") => shown.notes = NotesFormat::Tiptap,
            ("notesFormat", other) => {
                let other = excerpt(other, 60);
                return Err(invalid(format!(
                    "notesFormat is `{other}`; accepted are markdown and tiptap"
                )));
            }
            (other, _) => return Err(unknown(other, &["notesFormat"])),
        }
    }
    Ok(shown)
}

fn unknown(name: &str, known: &[&str]) -> Failure {
    let shown = excerpt(name, 60);
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("accepted are {}", known.join(", ")),
    };
    invalid(format!(
        "there is no query parameter `{shown}` here; {hint}"
    ))
}

fn invalid(detail: String) -> Failure {
    Problem::new(400, "invalid_query", "The query is not valid", detail).into()
}
