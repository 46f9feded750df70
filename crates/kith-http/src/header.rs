//! Headers with a meaning for records: `If-Match` and `Idempotency-Key` (contract, section 2).

use kith_api_types::Problem;
use kith_domain::actor::Actor;
use kith_domain::ports::IdempotencyClaim;
use poem::Request;
use poem::http::{HeaderName, header};
use ring::digest;

use crate::reply::Failure;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Longest accepted idempotency key, in characters.
const LONGEST_KEY: usize = 255;

/// The version that a request wants its record to have; none if it wants no particular one. A request that is about no
/// single existing record must not ask for one: its change would not be guarded as its caller believes.
pub(crate) fn expected_version(
    request: &Request,
    is_about_one: bool,
) -> Result<Option<i64>, Failure> {
    let Some(given) = request.headers().get(header::IF_MATCH) else {
        return Ok(None);
    };
    let given = given.to_str().unwrap_or_default().trim();
    if given == "*" {
        return Ok(None);
    }
    if !is_about_one {
        let detail = "If-Match guards the change of one existing record; this request takes none, change the records one by one to guard them";
        return Err(invalid(detail.to_owned()));
    }
    let version = given
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let version = version.and_then(|digits| {
        let version: i64 = digits.parse().ok()?;
        // Tags are compared letter by letter: "01" is no tag of Kith's.
        (version > 0 && version.to_string() == digits).then_some(version)
    });
    if version.is_some() {
        return Ok(version);
    }
    let shown = kith_domain::text::excerpt(given, 60);
    let what = if given.starts_with("W/") {
        "a weak tag, which never matches"
    } else if given.contains(',') {
        "a list of tags"
    } else {
        "no tag of a record"
    };
    let detail = format!(
        "If-Match is {shown}: {what}; accepted are * and the ETag of the record, such as \"3\""
    );
    Err(invalid(detail))
}

/// The wish of a request to run once, if it has one.
pub(crate) fn claim(
    request: &Request,
    actor: &Actor,
    body: &[u8],
) -> Result<Option<IdempotencyClaim>, Failure> {
    let Some(given) = request.headers().get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = std::str::from_utf8(given.as_bytes())
        .ok()
        .filter(|key| (1..=LONGEST_KEY).contains(&key.chars().count()));
    let Some(key) = key else {
        return Err(invalid(format!(
            "Idempotency-Key takes 1 to {LONGEST_KEY} characters"
        )));
    };
    let mut fingerprint = digest::Context::new(&digest::SHA256);
    let path = request
        .uri()
        .path_and_query()
        .map_or("", |path| path.as_str());
    for part in [
        request.method().as_str().as_bytes(),
        path.as_bytes(),
        actor.user.as_bytes(),
    ] {
        fingerprint.update(part);
        fingerprint.update(b"\n");
    }
    fingerprint.update(body);
    let fingerprint = fingerprint.finish().as_ref().to_vec();
    Ok(Some(IdempotencyClaim {
        key: key.to_owned(),
        fingerprint,
    }))
}

fn invalid(detail: String) -> Failure {
    Problem::new(400, "invalid_header", "A header is not valid", detail).into()
}
