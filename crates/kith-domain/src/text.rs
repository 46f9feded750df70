//! Text as people type it, made fit to store.

/// Trims white space; refuses control characters other than tab and newline (a carriage return before a newline is
/// dropped).
///
/// # Errors
/// The first refused character.
pub fn clean(text: &str) -> Result<String, char> {
    let text = text.trim();
    let text = if text.contains('\r') {
        text.replace("\r\n", "\n")
    } else {
        text.to_owned()
    };
    match text
        .chars()
        .find(|c| c.is_control() && !matches!(c, '\t' | '\n'))
    {
        Some(control) => Err(control),
        None => Ok(text),
    }
}

/// The first `max` characters for an error message, with `…` where something was cut.
pub fn excerpt(text: &str, max: usize) -> String {
    let mut cut: String = text.chars().take(max).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

/// The candidate most like a mistyped text, if one is similar enough to be what was meant.
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    let mut best = None;
    for candidate in candidates {
        let likeness = strsim::jaro_winkler(&text, &candidate.to_lowercase());
        if likeness > 0.7 && best.is_none_or(|(_, highest)| likeness > highest) {
            best = Some((candidate, likeness));
        }
    }
    best.map(|(candidate, _)| candidate)
}
