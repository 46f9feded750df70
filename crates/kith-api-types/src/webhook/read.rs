//! Bodies and queries about webhooks.

use chrono::DateTime;
use kith_domain::draft::Patch;
use kith_domain::event;
use kith_domain::ports::webhooks::DeliverySearch;
use kith_domain::text::excerpt;
use kith_domain::time::Timestamp;
use kith_domain::violation::Violation;
use kith_domain::webhook::delivery::Status;
use kith_domain::webhook::draft::{SecretInput, WebhookDraft};

use crate::draft::{Problems, ReadError, parse_id, unknown_member};
use crate::reader::{Members, Reader};
use crate::tree::{Json, Kind};

const MEMBERS: [&str; 6] = [
    "url",
    "description",
    "events",
    "secret",
    "enabled",
    "retryPolicy",
];

/// Members of a webhook that are shown and not set.
const IGNORED: [&str; 7] = [
    "id",
    "companyId",
    "hasSecret",
    "disabledReason",
    "failingSince",
    "createdAt",
    "updatedAt",
];

const SEARCH: [&str; 8] = [
    "searchTerm",
    "status",
    "webhookId",
    "event",
    "from",
    "until",
    "pageSize",
    "cursor",
];

/// Deliveries on a page if nothing is said, and at most.
const PAGE: (u32, u32) = (25, 100);

/// Deliveries that are looked at for a page: some ten milliseconds of the database.
const LOOKED_AT: u32 = 20_000;

/// A new webhook, or changes of one. What is wrong with the values is in the draft's problems, to be told with what
/// the domain finds.
///
/// # Errors
/// When the body is no JSON object.
pub fn draft(body: &[u8]) -> Result<WebhookDraft, ReadError> {
    let mut draft = WebhookDraft::default();
    let mut seen: Vec<String> = Vec::new();
    let json = Json::parse(body)?;
    let is_object = json.members(|name, value| {
        if IGNORED.contains(&&*name) {
            return;
        }
        if !MEMBERS.contains(&&*name) {
            let problem = unknown_member("", &name, MEMBERS.into_iter(), "a webhook");
            draft.problems.push(problem);
            return;
        }
        if seen.iter().any(|known| *known == name) {
            let message = format!("`{name}` occurs twice in the object; send it once");
            let problem = Violation::new(format!("/{name}"), "duplicate", message);
            draft.problems.push(problem);
            return;
        }
        match &*name {
            "url" => draft.url = text(&mut draft.problems, "/url", value),
            "description" => {
                draft.description = text(&mut draft.problems, "/description", value);
            }
            "secret" => draft.secret = secret(&mut draft.problems, value),
            "retryPolicy" => {
                draft.retry_policy = text(&mut draft.problems, "/retryPolicy", value);
            }
            "enabled" => draft.enabled = flag(&mut draft.problems, value),
            _ => draft.events = events(&mut draft.problems, value),
        }
        seen.push(name.into_owned());
    });
    if is_object {
        return Ok(draft);
    }
    let mut problems = Problems::default();
    let message = format!(
        "expected an object with members of {}, received {json}",
        MEMBERS.join(", ")
    );
    problems.add(Violation::new("", "wrong_type", message));
    problems.none()?;
    Ok(draft)
}

fn wrong_type(problems: &mut Vec<Violation>, pointer: &str, takes: &str, json: Json<'_>) {
    let message = format!("expected {takes}, received {json}");
    problems.push(Violation::new(pointer, "wrong_type", message));
}

fn text(problems: &mut Vec<Violation>, pointer: &str, json: Json<'_>) -> Patch<String> {
    if json.kind() == Kind::Null {
        return Patch::Null;
    }
    match json.string() {
        Some(text) => Patch::Set(text.into()),
        None => {
            wrong_type(problems, pointer, "a string", json);
            Patch::Unreadable
        }
    }
}

/// What was received instead of a secret is not repeated: it may be one.
fn secret(problems: &mut Vec<Violation>, json: Json<'_>) -> Patch<SecretInput> {
    if json.kind() == Kind::Null {
        return Patch::Null;
    }
    match json.string() {
        Some(text) => Patch::Set(SecretInput(text.into())),
        None => {
            let message = "expected a string or null";
            problems.push(Violation::new("/secret", "wrong_type", message));
            Patch::Unreadable
        }
    }
}

fn flag(problems: &mut Vec<Violation>, json: Json<'_>) -> Patch<bool> {
    if json.kind() == Kind::Null {
        return Patch::Null;
    }
    match json.raw().parse() {
        Ok(flag) => Patch::Set(flag),
        Err(_) => {
            wrong_type(problems, "/enabled", "true or false", json);
            Patch::Unreadable
        }
    }
}

fn events(problems: &mut Vec<Violation>, json: Json<'_>) -> Patch<Vec<String>> {
    if json.kind() == Kind::Null {
        return Patch::Null;
    }
    let mut names = Vec::new();
    let mut unreadable = Vec::new();
    let is_array = json.elements(|at, element| {
        // More than there are events is too much in any case; the domain names the first that repeats.
        if at > 2 * event::names().count() {
            return;
        }
        match element.string() {
            Some(name) => names.push(name.into_owned()),
            None => wrong_type(
                &mut unreadable,
                &format!("/events/{at}"),
                "the name of an event",
                element,
            ),
        }
    });
    if !is_array {
        wrong_type(&mut unreadable, "/events", "an array of event names", json);
    }
    if unreadable.is_empty() {
        return Patch::Set(names);
    }
    problems.append(&mut unreadable);
    Patch::Unreadable
}

/// `{since}`: from when on failed deliveries are sent again.
///
/// # Errors
/// When the body is no JSON object, or says no time.
pub fn resend_since(body: &[u8]) -> Result<Timestamp, ReadError> {
    const SINCE: Members = Members {
        holder: "a resend of what failed",
        known: &["since"],
        ignored: &[],
    };
    let mut reader = Reader::default();
    let (mut since, takes) = (None, "a time with an offset, as in 2026-04-22T10:00:00Z");
    let json = Json::parse(body)?;
    let seen = reader.object("", SINCE, json, |reader, _, value| {
        since = value.string().and_then(|text| time(&text).ok());
        if since.is_none() {
            reader.wrong_type("/since", takes, value);
        }
    });
    if seen.is_empty() && json.kind() == Kind::Object {
        let message = format!("`since` is missing; it is {takes}");
        reader
            .problems
            .add(Violation::new("/since", "required", message));
    }
    reader.none()?;
    Ok(since.unwrap_or_default())
}

/// The members of a body that searches deliveries, as they would stand in a query string.
///
/// # Errors
/// When the body is no JSON object of strings and numbers.
pub fn search_members(body: &[u8]) -> Result<Vec<(String, String)>, ReadError> {
    let mut members = Vec::new();
    let mut problems = Problems::default();
    let json = Json::parse(body)?;
    let is_object = json.members(|name, value| match value.kind() {
        Kind::Null => {}
        Kind::Number => members.push((name.into_owned(), value.raw().to_owned())),
        _ => match value.string() {
            Some(text) => members.push((name.into_owned(), text.into_owned())),
            None => {
                let message = format!("expected a string, received {value}");
                problems.add(Violation::new(format!("/{name}"), "wrong_type", message));
            }
        },
    });
    if !is_object {
        let message = format!(
            "expected an object with members of {}, received {json}",
            SEARCH.join(", ")
        );
        problems.add(Violation::new("", "wrong_type", message));
    }
    problems.none()?;
    Ok(members)
}

/// Which deliveries to list, from the members of a body or the parameters of a query string.
///
/// # Errors
/// Every member that is unknown or not understood.
pub fn delivery_search(members: &[(String, String)]) -> Result<DeliverySearch, ReadError> {
    let mut search = DeliverySearch {
        limit: PAGE.0,
        looked_at: LOOKED_AT,
        ..DeliverySearch::default()
    };
    let mut problems = Problems::default();
    for (name, value) in members {
        let accepted = match name.as_str() {
            "searchTerm" => {
                search.term = Some(value.trim().to_owned()).filter(|term| !term.is_empty());
                Ok(())
            }
            "status" => Status::by_name(value)
                .map(|status| search.status = Some(status))
                .ok_or_else(|| Status::ALL.map(Status::name).join(", ")),
            "webhookId" => parse_id(value)
                .map(|id| search.webhook = Some(id))
                .ok_or_else(|| "the id of a webhook".to_owned()),
            "event" => {
                search.event = Some(value.clone());
                Ok(())
            }
            "from" => time(value).map(|at| search.from = Some(at)),
            "until" => time(value).map(|at| search.until = Some(at)),
            "pageSize" => value
                .parse()
                .ok()
                .filter(|size| (1..=PAGE.1).contains(size))
                .map(|size| search.limit = size)
                .ok_or_else(|| format!("1 to {}", PAGE.1)),
            "cursor" => parse_id(value)
                .map(|id| search.before = Some(id))
                .ok_or_else(|| "the nextCursor of a page before".to_owned()),
            unknown => {
                let known = SEARCH.into_iter();
                problems.add(unknown_member("", unknown, known, "a search of deliveries"));
                Ok(())
            }
        };
        if let Err(accepted) = accepted {
            let message = format!("{name} is `{}`; accepted: {accepted}", excerpt(value, 60));
            problems.add(Violation::new(format!("/{name}"), "not_accepted", message));
        }
    }
    problems.none()?;
    Ok(search)
}

fn time(text: &str) -> Result<Timestamp, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| Timestamp(at.timestamp_millis()))
        .map_err(|_| "a time with an offset, as in 2026-04-22T10:00:00Z".to_owned())
}
