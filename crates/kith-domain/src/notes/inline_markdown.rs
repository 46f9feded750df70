//! Inline content as Markdown.

use super::autolink;
use super::entities;
use super::node::{Kind, Mark, MarkKind, Node};
use super::normal::Place;

/// How much is done so that the text is read back as it was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Exactly what Tiptap's extension writes.
    Tiptap,
    /// Characters escaped that would be read as structure where they stand.
    Careful,
    /// Besides, marks written as tags, which hold wherever they stand.
    Tags,
}

impl Style {
    /// From the plainest to the safest.
    pub(super) const ALL: [Style; 3] = [Style::Tiptap, Style::Careful, Style::Tags];
}

/// A mark that is open.
struct Open<'a> {
    mark: &'a Mark,
    close: String,
}

/// Writes nodes that went through [`super::normal`].
pub(super) fn render(nodes: &[Node], style: Style, place: Place) -> String {
    let ends = run_ends(nodes);
    let mut out = String::new();
    let mut open: Vec<Open<'_>> = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let wanted = |mark: &Mark| node.marks.contains(mark);
        let mut keep = open
            .iter()
            .position(|open| !wanted(open.mark))
            .unwrap_or(open.len());
        let is_new = |mark: &Mark, open: &[Open<'_>]| !open.iter().any(|open| open.mark == mark);
        if node.marks.iter().any(|mark| is_new(mark, &open)) {
            // Code takes everything in it literally, so it is always the innermost.
            let code = open
                .iter()
                .position(|open| open.mark.kind == MarkKind::Code);
            keep = keep.min(code.unwrap_or(keep));
        }
        let mut interrupted = Vec::new();
        while open.len() > keep {
            if let Some(Open { mark, close }) = open.pop() {
                out.push_str(&close);
                interrupted.push(mark);
            }
        }
        let mut missing: Vec<&Mark> = node
            .marks
            .iter()
            .filter(|mark| is_new(mark, &open))
            .collect();
        let end = |mark: &Mark| ends[index][mark.kind as usize];
        missing.sort_by_key(|mark| {
            (
                mark.kind == MarkKind::Code,
                std::cmp::Reverse(end(mark)),
                mark.kind,
            )
        });
        for mark in missing {
            let tags = style == Style::Tags || interrupted.contains(&mark);
            let (start, close) = delimiters(mark, node, tags, style);
            if start == "[" {
                escape_exclamation(&mut out);
            }
            out.push_str(&start);
            open.push(Open { mark, close });
        }
        match node.kind {
            Kind::Text if node.has(MarkKind::Code) => out.push_str(&node.text),
            Kind::Text => {
                let links = style != Style::Tiptap && !node.has(MarkKind::Link);
                escape(&node.text, style, place, links, &mut out);
            }
            Kind::Image => out.push_str(&image(node, style)),
            _ => {
                let is_break = |at: Option<usize>| {
                    at.and_then(|at| nodes.get(at))
                        .is_some_and(|node| node.kind == Kind::HardBreak)
                };
                let doubled = is_break(index.checked_sub(1)) || is_break(Some(index + 1));
                let tag = match place {
                    Place::Cell => true,
                    Place::Heading => style != Style::Tiptap,
                    Place::Paragraph => style != Style::Tiptap && doubled,
                };
                out.push_str(if tag { "<br>" } else { "  \n" });
            }
        }
    }
    while let Some(Open { close, .. }) = open.pop() {
        out.push_str(&close);
    }
    match (style, place) {
        (Style::Tiptap, _) | (_, Place::Cell) => out,
        (_, Place::Heading) => closed_heading(out),
        (_, Place::Paragraph) if out == "\u{a0}" => "&#160;".to_owned(),
        (_, Place::Paragraph) => {
            let lines: Vec<String> = out.split('\n').map(line_start).collect();
            lines.join("\n")
        }
    }
}

/// An image, in a paragraph or alone.
pub(super) fn image(node: &Node, style: Style) -> String {
    let mut alt = String::new();
    match style {
        Style::Tiptap => alt.push_str(node.attr("alt")),
        _ => escape(node.attr("alt"), style, Place::Paragraph, false, &mut alt),
    }
    format!(
        "![{alt}]({})",
        target(node.attr("src"), node.attr("title"), style)
    )
}

/// For each node and kind of mark, where the run ends that the node's mark is part of.
fn run_ends(nodes: &[Node]) -> Vec<[usize; 6]> {
    let mut ends = vec![[0; 6]; nodes.len()];
    for index in (0..nodes.len()).rev() {
        for mark in &nodes[index].marks {
            let kind = mark.kind as usize;
            let goes_on = nodes
                .get(index + 1)
                .is_some_and(|next| next.marks.contains(mark));
            ends[index][kind] = if goes_on {
                ends[index + 1][kind]
            } else {
                index + 1
            };
        }
    }
    ends
}

fn delimiters(mark: &Mark, node: &Node, tags: bool, style: Style) -> (String, String) {
    let pair = |open: &str, close: &str| (open.to_owned(), close.to_owned());
    match mark.kind {
        MarkKind::Bold if tags => pair("<strong>", "</strong>"),
        MarkKind::Bold => pair("**", "**"),
        MarkKind::Italic if tags => pair("<em>", "</em>"),
        MarkKind::Italic => pair("*", "*"),
        MarkKind::Strike if tags => pair("<s>", "</s>"),
        MarkKind::Strike => pair("~~", "~~"),
        MarkKind::Underline => pair("<u>", "</u>"),
        MarkKind::Link => {
            let target = target(mark.attr("href"), mark.attr("title"), style);
            ("[".to_owned(), format!("]({target})"))
        }
        MarkKind::Code => {
            let fence = "`".repeat(unused_run(&node.text));
            let padding = if node.text.starts_with('`') || node.text.ends_with('`') {
                " "
            } else {
                ""
            };
            (format!("{fence}{padding}"), format!("{padding}{fence}"))
        }
    }
}

/// The shortest run of backticks that does not stand in the text.
fn unused_run(text: &str) -> usize {
    let runs: std::collections::HashSet<usize> = text
        .split(|c| c != '`')
        .map(str::len)
        .filter(|len| *len > 0)
        .collect();
    (1..=runs.len() + 1)
        .find(|len| !runs.contains(len))
        .unwrap_or(1)
}

/// A link's or image's address and title.
fn target(address: &str, title: &str, style: Style) -> String {
    let mut out = String::new();
    let mut titled = String::new();
    if style == Style::Tiptap {
        out.push_str(address);
        titled.push_str(title);
    } else {
        for c in address.chars() {
            match c {
                '\\' | '(' | ')' | '<' | '>' | '*' | '_' | '`' | '[' | ']' | '~' => {
                    out.extend(['\\', c])
                }
                '&' => out.push_str("&amp;"),
                c => out.push(c),
            }
        }
        for c in title.chars() {
            match c {
                '\\' | '"' | '`' | '[' | ']' | '<' => titled.extend(['\\', c]),
                '&' => titled.push_str("&amp;"),
                c => titled.push(c),
            }
        }
    }
    if titled.is_empty() {
        out
    } else {
        format!("{out} \"{titled}\"")
    }
}

/// A `!` before a link would make it an image.
fn escape_exclamation(out: &mut String) {
    if let Some(before) = out.strip_suffix('!') {
        let backslashes = before.len() - before.trim_end_matches('\\').len();
        if backslashes.is_multiple_of(2) {
            out.pop();
            out.push_str("\\!");
        }
    }
}

/// Text: `&`, `<`, `>` as references, the characters of Markdown's own marks behind a backslash.
fn escape(text: &str, style: Style, place: Place, links: bool, out: &mut String) {
    let triggers: Vec<usize> = match links {
        true => autolink::find(text)
            .iter()
            .map(|found| found.trigger.start)
            .collect(),
        false => Vec::new(),
    };
    let in_cell = style != Style::Tiptap && place == Place::Cell;
    let mut triggers = triggers.into_iter().peekable();
    for (at, c) in text.char_indices() {
        if triggers.next_if_eq(&at).is_some() {
            out.extend(['\\', c]);
            continue;
        }
        match c {
            '|' if in_cell => out.push_str("&#124;"),
            '\\' if in_cell => out.push_str("&#92;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' => out.extend(['\\', c]),
            '&' | '<' | '>' => entities::encode(c.encode_utf8(&mut [0; 4]), out),
            c => out.push(c),
        }
    }
}

/// A heading may end in number signs of its own.
fn closed_heading(mut text: String) -> String {
    if text.ends_with('#') {
        text.pop();
        text.push_str("\\#");
    }
    text
}

/// A line of a paragraph whose beginning would be read as something else.
fn line_start(line: &str) -> String {
    let followed = |rest: &str| rest.is_empty() || rest.starts_with([' ', '\t']);
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let at = match line.chars().next() {
        Some('#') => {
            let rest = line.trim_start_matches('#');
            (line.len() - rest.len() <= 6 && followed(rest)).then_some(0)
        }
        Some('+') if followed(&line[1..]) => Some(0),
        Some('-') if followed(&line[1..]) || is_rule(line) => Some(0),
        Some('-' | '|' | ':') if is_rule(line) => Some(0),
        Some('=') if line.trim_end().chars().all(|c| c == '=') => Some(0),
        Some('0'..='9') => {
            let rest = line[digits..].strip_prefix(['.', ')']);
            (digits <= 9 && rest.is_some_and(followed)).then_some(digits)
        }
        _ => None,
    };
    match at {
        Some(at) => format!("{}\\{}", &line[..at], &line[at..]),
        None => line.to_owned(),
    }
}

/// Whether a line holds nothing but what rules and the second line of tables are made of.
fn is_rule(line: &str) -> bool {
    line.contains('-')
        && line
            .chars()
            .all(|c| matches!(c, '-' | '|' | ':' | ' ' | '\t'))
}
