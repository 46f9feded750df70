//! Text as people type it, made fit to store, to find and to sort.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

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

/// Whether a text holds control characters that are no white space, which no stored text does.
pub fn has_control(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && !c.is_whitespace())
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
    if text.len() > 200 {
        return None;
    }
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

/// Lower case, letter by letter: what "without regard to case" means wherever text is compared in part.
pub fn lower(text: &str) -> String {
    text.chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c == 'ς' { 'σ' } else { c })
        .collect()
}

/// Lower case without accents, as a search sees text: `Søren Müller` and `soren muller` are the same.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(text.len());
    for c in text
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
    {
        match c {
            // Letters with a stroke and ligatures, which Unicode does not decompose.
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'ħ' => folded.push('h'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            c if is_combining_mark(c) => {}
            c => folded.push(c),
        }
    }
    folded
}

/// What text is sorted by, bytewise: the first 200 characters of its folded form.
pub fn sort_key(text: &str) -> String {
    let folded = fold(text);
    match folded.char_indices().nth(SORTED) {
        Some((end, _)) => folded[..end].to_owned(),
        None => folded,
    }
}

/// How many characters of a text decide its place, so that indexes can hold them.
const SORTED: usize = 200;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folding_removes_case_and_accents() {
        for (text, folded) in [
            ("Ada", "ada"),
            ("MÜLLER", "muller"),
            ("Straße", "strasse"),
            ("Łukasz Sørensen", "lukasz sorensen"),
            ("Ĳssel ﬁn", "ijssel fin"),
            ("İstanbul Diyarbakır", "istanbul diyarbakir"),
            ("Σίσυφος ΟΔΟΣ", "σισυφοσ οδοσ"),
            ("日本", "日本"),
            ("100 % _ \\", "100 % _ \\"),
        ] {
            assert_eq!(fold(text), folded);
        }
        assert_eq!(lower("ÄÖ ΟΔΟΣ ς"), "äö οδοσ σ");
        assert_eq!(sort_key(&"É".repeat(300)), "e".repeat(200));
    }

    #[test]
    fn only_likely_typos_have_a_nearest_name() {
        let names = ["firstName", "lastName", "emails", "organizationIds"];
        assert_eq!(nearest("first_name", names), Some("firstName"));
        assert_eq!(nearest("organisationIds", names), Some("organizationIds"));
        assert_eq!(nearest("zzz", names), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), names), None);
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in any::<String>()) {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once.clone());
            let once = sort_key(&text);
            prop_assert_eq!(sort_key(&once), once.clone());
        }
    }
}
