//! Web addresses: http and https, in the one spelling that the URL standard gives them.

use url::Url;

/// Longest address that is accepted, in bytes.
pub(super) const MAX_URL: usize = 2_048;

/// Checks an address and writes it in its standard spelling: scheme and host in lower case, non-ASCII characters
/// encoded. The `/` that stands for "no path" is not added.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.len() > MAX_URL {
        return Err(format!("a web address has at most {MAX_URL} bytes"));
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("a web address has no white space".to_owned());
    }
    let Ok(url) = Url::parse(text) else {
        return Err("not a web address; it begins with https:// or http://".to_owned());
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "web addresses begin with https:// or http://, not {}:",
            crate::text::excerpt(url.scheme(), 20)
        ));
    }
    if url.host_str().is_none_or(|host| host.contains(',')) {
        return Err("the web address has no valid host name".to_owned());
    }
    let mut address = String::from(url);
    while let Some(at) = end_of_first(&address) {
        address.replace_range(at..=at, "%2C");
    }
    if address.len() > MAX_URL {
        return Err(format!("a web address has at most {MAX_URL} bytes"));
    }
    if !text.ends_with('/') && address.ends_with('/') && address.matches('/').count() == 3 {
        address.pop();
    }
    Ok(address)
}

/// Splits a comma-separated list.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = end_of_first(text);
        rest = end.map(|at| &text[at + 1..]);
        Some(end.map_or(text, |at| &text[..at]))
    })
}

/// Where the first address of a comma-separated list ends. A comma inside an address belongs to it, since the next
/// address begins with `http`.
fn end_of_first(text: &str) -> Option<usize> {
    let commas = text.match_indices(',').map(|(at, _)| at);
    commas.into_iter().find(|at| {
        let next = text[at + 1..].trim_start().as_bytes();
        let is_scheme = |start: &[u8]| start.eq_ignore_ascii_case(b"http");
        next.is_empty() || next.starts_with(b",") || next.get(..4).is_some_and(is_scheme)
    })
}
