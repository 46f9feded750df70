//! What the source says between the blocks that the parser reports: blank lines, and definitions of link targets.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag};

use super::node::{Kind, Node};

/// Turns the space between blocks into nodes.
pub(super) struct Gaps<'a> {
    source: &'a str,
    /// Where definitions stand that links use; those need not be kept as text.
    used: Vec<Range<usize>>,
    /// Whether there may be definitions at all.
    definitions: bool,
}

impl<'a> Gaps<'a> {
    /// Looks for the definitions that are used.
    pub(super) fn new(source: &'a str, options: Options) -> Gaps<'a> {
        let definitions = source.contains("]:");
        let mut used = Vec::new();
        if definitions {
            let mut labels = HashSet::new();
            let parser = Parser::new_ext(source, options);
            let spans: Vec<_> = parser
                .reference_definitions()
                .iter()
                .map(|(label, definition)| (fold(label), definition.span.clone()))
                .collect();
            for event in parser {
                if let Event::Start(Tag::Link { id, .. } | Tag::Image { id, .. }) = event {
                    labels.insert(fold(&id));
                }
            }
            used.extend(
                spans
                    .into_iter()
                    .filter(|(label, _)| labels.contains(label))
                    .map(|(_, span)| span),
            );
            used.sort_by_key(|span| span.start);
        }
        Gaps {
            source,
            used,
            definitions,
        }
    }

    /// Fills the space before a block.
    pub(super) fn fill(&self, container: Kind, range: Range<usize>, nodes: &mut Vec<Node>) {
        let is_first = nodes.is_empty();
        let kept = self.keep_definitions(&range, nodes);
        let after_marker = is_first && container == Kind::ListItem;
        if !kept && !after_marker {
            let count = self.blank_pairs(container, range);
            add_empty(
                if is_first {
                    count
                } else {
                    count.saturating_sub(1)
                },
                nodes,
            );
        }
    }

    /// Fills the space after the last block.
    pub(super) fn fill_end(&self, container: Kind, range: Range<usize>, nodes: &mut Vec<Node>) {
        if !self.keep_definitions(&range, nodes) && container != Kind::ListItem {
            let mut end = range.end;
            if container == Kind::Blockquote {
                // The line end after the last line is not part of what the quote holds.
                let gap = self.source.get(range.clone()).unwrap_or("");
                end = range.start + gap.trim_end_matches([' ', '\t', '\n']).len();
            }
            let count = self.blank_pairs(container, range.start..end);
            add_empty(count, nodes);
        }
    }

    /// How many separators of paragraphs (two line ends) the space holds.
    fn blank_pairs(&self, container: Kind, range: Range<usize>) -> usize {
        let gap = self.source.get(range).unwrap_or("");
        if self.definitions && gap.contains(|c: char| !matches!(c, ' ' | '\t' | '\n' | '>')) {
            return 0;
        }
        match container {
            Kind::Doc => gap.matches("\n\n").count(),
            _ => gap.matches('\n').count() / 2,
        }
    }

    /// Keeps, as text, definitions that nothing uses; says whether there were any.
    fn keep_definitions(&self, range: &Range<usize>, nodes: &mut Vec<Node>) -> bool {
        if !self.definitions {
            return false;
        }
        let mut kept = false;
        let mut at = range.start;
        let first = self.used.partition_point(|span| span.end <= range.start);
        let inside = self.used[first..]
            .iter()
            .take_while(|span| span.start < range.end);
        for span in inside.chain(std::iter::once(&(range.end..range.end))) {
            if at < span.start {
                let text = self.source.get(at..span.start).unwrap_or("");
                for line in text.lines() {
                    let line = line.trim_matches([' ', '\t', '>', '\n']);
                    if line.chars().any(char::is_alphanumeric) || line.contains("]:") {
                        nodes.push(Node::paragraph(vec![Node::text(
                            line.to_owned(),
                            Vec::new(),
                        )]));
                        kept = true;
                    }
                }
            }
            at = at.max(span.end);
        }
        kept
    }
}

/// Where the content of a block ends that stands in so many quotes: before the blank lines that the parser counts to it.
pub(super) fn content_end(source: &str, range: Range<usize>, quotes: usize) -> usize {
    let mut text = &source[..range.end.min(source.len())];
    loop {
        text = text.trim_end_matches([' ', '\t', '\n']);
        let line_end = text.rfind('\n').unwrap_or(0);
        let line = &text[line_end..];
        let marks = line.matches('>').count();
        let is_blank = line.chars().all(|c| matches!(c, ' ' | '\t' | '\n' | '>'));
        if !is_blank || marks == 0 || marks > quotes || line_end <= range.start {
            return text.len();
        }
        text = &text[..line_end];
    }
}

fn add_empty(count: usize, nodes: &mut Vec<Node>) {
    nodes.extend(std::iter::repeat_with(|| Node::paragraph(Vec::new())).take(count));
}

fn fold(label: &str) -> String {
    label
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

/// Escapes the pipes that stand in code spans of table rows, so that they do not divide cells.
pub(super) fn with_escaped_pipes(markdown: &str) -> Cow<'_, str> {
    let lines: Vec<&str> = markdown.split('\n').collect();
    let mut changed: Vec<(usize, String)> = Vec::new();
    let mut fence: Option<&str> = None;
    let mut in_table = false;
    for (index, line) in lines.iter().enumerate() {
        let start = line.trim_start();
        let opens = ["```", "~~~"]
            .into_iter()
            .find(|mark| start.starts_with(mark));
        match (fence, opens) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            _ => {}
        }
        let heads = line.contains('|')
            && lines
                .get(index + 1)
                .is_some_and(|next| is_delimiter_row(next));
        let is_blank = line.trim_matches([' ', '\t', '>']).is_empty();
        let is_row = is_delimiter_row(line) || !begins_block(line);
        let goes_on = heads || (in_table && !is_blank && is_row);
        in_table = fence.is_none() && goes_on;
        if in_table && line.contains('|') && line.contains('`') {
            let escaped = escape_pipes(line);
            if escaped != *line {
                changed.push((index, escaped));
            }
        }
    }
    if changed.is_empty() {
        return Cow::Borrowed(markdown);
    }
    let mut lines: Vec<Cow<'_, str>> = lines.into_iter().map(Cow::Borrowed).collect();
    for (index, line) in changed {
        lines[index] = Cow::Owned(line);
    }
    Cow::Owned(lines.join("\n"))
}

/// Whether a line ends a table because another block begins there.
fn begins_block(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '\t', '>']);
    let marker = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let ends = match marker.len() < line.len() {
        true => [") ", ". "].as_slice(),
        false => ["- ", "* ", "+ ", "#"].as_slice(),
    };
    ends.iter().any(|end| marker.starts_with(end))
}

fn is_delimiter_row(line: &str) -> bool {
    line.contains('|')
        && line.contains('-')
        && line
            .chars()
            .all(|c| matches!(c, ' ' | '\t' | '|' | ':' | '-' | '>'))
}

fn escape_pipes(line: &str) -> String {
    let bytes = line.as_bytes();
    let run = |at: usize| bytes[at..].iter().take_while(|byte| **byte == b'`').count();
    let mut out = String::with_capacity(line.len() + 4);
    let mut at = 0;
    // Where no run of that length closes any more, so that many unclosed runs do not cost a search each.
    let mut unclosed = HashSet::new();
    while at < bytes.len() {
        let step = match bytes[at] {
            b'\\' => 1 + line[at + 1..].chars().next().map_or(0, char::len_utf8),
            b'`' => {
                let len = run(at);
                let mut close = at + len;
                while close < bytes.len() && !unclosed.contains(&len) {
                    match bytes[close] {
                        b'`' if run(close) == len => break,
                        b'`' => close += run(close),
                        _ => close += 1,
                    }
                }
                if close >= bytes.len() || unclosed.contains(&len) {
                    unclosed.insert(len);
                    len
                } else {
                    out.push_str(&line[at..at + len]);
                    let inside = line[at + len..close].replace("\\|", "|");
                    out.push_str(&inside.replace('|', "\\|"));
                    out.push_str(&line[close..close + len]);
                    at = close + len;
                    continue;
                }
            }
            _ => line[at..].chars().next().map_or(1, char::len_utf8),
        };
        out.push_str(&line[at..at + step]);
        at += step;
    }
    out
}
