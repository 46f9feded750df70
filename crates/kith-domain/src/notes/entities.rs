//! Character references as Tiptap's Markdown extension reads and writes them: four names, and numbers.

/// What a reference (`&amp;`, `&#38;`, `&#x26;`) stands for; other names stay as they are written.
pub(super) fn decode(reference: &str) -> Option<char> {
    let body = reference.strip_prefix('&')?.strip_suffix(';')?;
    match body {
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "amp" => return Some('&'),
        _ => {}
    }
    let number = body.strip_prefix('#')?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) if (1..=6).contains(&hex.len()) => u32::from_str_radix(hex, 16).ok()?,
        None if (1..=7).contains(&number.len()) => number.parse().ok()?,
        _ => return None,
    };
    let code = usize::try_from(code)
        .ok()
        .and_then(|code| WINDOWS_1252.get(code.checked_sub(0x80)?))
        .map_or(code, |mapped| *mapped);
    match char::from_u32(code) {
        None | Some('\0') => Some('\u{fffd}'),
        // A control character would be refused if it were written as itself.
        Some(c) if c.is_control() && !matches!(c, '\t' | '\n') => Some('\u{fffd}'),
        Some(c) => Some(c),
    }
}

/// Writes `&`, `<` and `>` as references.
pub(super) fn encode(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
}

/// What HTML makes of the numbers 0x80 to 0x9F.
const WINDOWS_1252: [u32; 32] = [
    0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039,
    0x0152, 0x8d, 0x017d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
    0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d, 0x017e, 0x0178,
];
