//! A document as Markdown: Tiptap's text where it is read back as it was meant, a careful one where it is not.

use super::inline_markdown::{self, Style};
use super::node::{Kind, Node};
use super::normal::{self, Place};
use super::{parse, table};

/// Writes a document.
pub(super) fn render(root: &Node) -> String {
    let blocks = normal::blocks(&root.content, false);
    if blocks.iter().all(Node::is_empty_paragraph) {
        return String::new();
    }
    let plain = Writer { careful: false }.blocks(&blocks, 0).join("\n\n");
    if reads_back(&plain, &blocks) {
        return plain;
    }
    // Careful only where it is needed; everywhere, if that is not enough.
    let careful = Writer { careful: true }.blocks(&blocks, 0);
    let plain = Writer { careful: false }.blocks(&blocks, 0);
    let choose = |((block, plain), careful): ((&Node, String), &String)| {
        let holds = block.is_empty_paragraph() || reads_back(&plain, std::slice::from_ref(block));
        if holds { plain } else { careful.clone() }
    };
    let mixed = blocks.iter().zip(plain).zip(&careful).map(choose);
    let mixed = mixed.collect::<Vec<_>>().join("\n\n");
    if reads_back(&mixed, &blocks) {
        return mixed;
    }
    careful.join("\n\n")
}

/// What stands before an item's text.
pub(super) fn marker(list: &Node, item: &Node, index: usize, other: bool) -> String {
    let bullet = if other { '*' } else { '-' };
    match list.kind {
        Kind::OrderedList => {
            let start = list.integer("start").unwrap_or(1).max(1);
            let number = start
                .saturating_add(i64::try_from(index).unwrap_or(0))
                .min(999_999_999);
            let point = if other { ')' } else { '.' };
            format!("{number}{point} ")
        }
        Kind::TaskList if item.flag("checked") => format!("{bullet} [x] "),
        Kind::TaskList => format!("{bullet} [ ] "),
        _ => format!("{bullet} "),
    }
}

/// Whether a text is read as these blocks.
fn reads_back(markdown: &str, blocks: &[Node]) -> bool {
    parse::document(markdown).is_ok_and(|read| normal::blocks(&read.content, false) == blocks)
}

struct Writer {
    /// Whether to write so that it holds by itself, without looking whether less would do.
    careful: bool,
}

impl Writer {
    /// Each block as text, without what separates them.
    fn blocks(&self, nodes: &[Node], lists: usize) -> Vec<String> {
        let mut last: Option<(Kind, bool, bool)> = None;
        let mut previous: Option<&Node> = None;
        let mut out = Vec::with_capacity(nodes.len());
        for node in nodes {
            let after_empty = previous.is_some_and(Node::is_empty_paragraph);
            let mut other = false;
            if node.kind.is_list() {
                // Neighbouring lists that would be read as one get another marker.
                let is_ordered = |kind: Kind| kind == Kind::OrderedList;
                if let Some((kind, mark, apart)) = last
                    && is_ordered(kind) == is_ordered(node.kind)
                {
                    other = if kind == node.kind || apart {
                        !mark
                    } else {
                        mark
                    };
                }
                last = Some((node.kind, other, false));
            } else if node.is_empty_paragraph() && !after_empty {
                last = last.map(|(kind, mark, _)| (kind, mark, true));
            } else {
                last = None;
            }
            out.push(self.block(node, after_empty, other, lists));
            previous = Some(node);
        }
        out
    }

    fn block(&self, node: &Node, after_empty: bool, other: bool, lists: usize) -> String {
        match node.kind {
            Kind::Paragraph if node.content.is_empty() => {
                if after_empty {
                    "&nbsp;".to_owned()
                } else {
                    String::new()
                }
            }
            Kind::Paragraph => self.leaf(node, "", Place::Paragraph),
            Kind::Heading => {
                let level = usize::try_from(node.integer("level").unwrap_or(1)).unwrap_or(1);
                self.leaf(node, &("#".repeat(level) + " "), Place::Heading)
            }
            Kind::BulletList | Kind::OrderedList | Kind::TaskList => {
                let item = |(index, item)| self.item(node, item, index, other, lists + 1);
                node.content
                    .iter()
                    .enumerate()
                    .map(item)
                    .collect::<Vec<_>>()
                    .join("\n")
            }
            Kind::Blockquote => self.quote(node, lists),
            Kind::CodeBlock => self.code(node),
            Kind::HorizontalRule => "---".to_owned(),
            Kind::Table => {
                let text = self.best(std::slice::from_ref(node), |style| {
                    table::render(node, style)
                });
                // Tiptap's blank lines around a table add up between two of them.
                match self.careful {
                    true => text.trim_matches('\n').to_owned(),
                    false => text,
                }
            }
            Kind::Image => self.best(std::slice::from_ref(node), |style| {
                inline_markdown::image(node, style)
            }),
            _ => String::new(),
        }
    }

    fn leaf(&self, node: &Node, prefix: &str, place: Place) -> String {
        self.best(std::slice::from_ref(node), |style| {
            prefix.to_owned() + &inline_markdown::render(&node.content, style, place)
        })
    }

    /// The plainest style that is read back.
    fn best(&self, nodes: &[Node], write: impl Fn(Style) -> String) -> String {
        if !self.careful {
            return write(Style::Tiptap);
        }
        let found = Style::ALL
            .into_iter()
            .map(&write)
            .find(|text| reads_back(text, nodes));
        found.unwrap_or_else(|| write(Style::Tags))
    }

    fn code(&self, node: &Node) -> String {
        let text = node.content.first().map_or("", |child| child.text.as_str());
        let language = node.attr("language");
        if !self.careful {
            return format!("```{language}\n{text}\n```");
        }
        let mark = if language.contains('`') { '~' } else { '`' };
        let runs = text.split(|c| c != mark).map(str::len).max().unwrap_or(0);
        let fence = mark.to_string().repeat(3.max(runs + 1));
        let escaped = language.replace('\\', "\\\\").replace('&', "&amp;");
        format!("{fence}{escaped}\n{text}\n{fence}")
    }

    fn quote(&self, node: &Node, lists: usize) -> String {
        let prefixed = |block: String| {
            // White space alone says something in code.
            let is_blank =
                |line: &str| line.is_empty() || (!self.careful && line.trim().is_empty());
            let line = |line: &str| match is_blank(line) {
                true => ">".to_owned(),
                false => format!("> {line}"),
            };
            block.split('\n').map(line).collect::<Vec<_>>().join("\n")
        };
        let blocks = self.blocks(&node.content, lists).into_iter().map(prefixed);
        blocks.collect::<Vec<_>>().join("\n>\n")
    }

    fn item(&self, list: &Node, item: &Node, index: usize, other: bool, lists: usize) -> String {
        let marker = marker(list, item, index, other);
        let width = if list.kind == Kind::OrderedList {
            marker.len()
        } else {
            2
        };
        let indent = " ".repeat(width);
        let mut blocks = self.blocks(&item.content, lists).into_iter();
        let first = blocks.next().unwrap_or_default();
        let is_empty = item.content.first().is_none_or(Node::is_empty_paragraph);
        let mut out = marker;
        if is_empty {
            let nested = list.kind != Kind::TaskList && lists > 1;
            if nested || self.careful {
                out.push_str("&nbsp;");
            }
        } else if self.careful || list.kind == Kind::TaskList {
            out.push_str(&first.replace('\n', &format!("\n{indent}")));
        } else {
            out.push_str(&first);
        }
        for (position, block) in blocks.enumerate() {
            let child = item.content.get(position + 1);
            let before = item.content.get(position);
            out.push('\n');
            if self.separated(before, child) {
                out.push('\n');
            }
            for (index, line) in block.split('\n').enumerate() {
                if index > 0 {
                    out.push('\n');
                }
                if !(self.careful && line.is_empty()) {
                    out.push_str(&indent);
                    out.push_str(line);
                }
            }
        }
        out
    }

    /// Whether a blank line goes before a block in an item.
    fn separated(&self, before: Option<&Node>, block: Option<&Node>) -> bool {
        let Some(block) = block else { return false };
        if !self.careful {
            return block.kind == Kind::Paragraph;
        }
        let after_text =
            before.is_some_and(|node| node.kind == Kind::Paragraph && !node.content.is_empty());
        let has_text = block
            .content
            .first()
            .and_then(|item| item.content.first())
            .is_some_and(|first| !first.content.is_empty());
        !(after_text && has_text && matches!(block.kind, Kind::BulletList | Kind::TaskList))
    }
}
