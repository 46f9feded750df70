//! Tables: as Markdown can say them, and as text.

use super::inline_markdown::{self, Style};
use super::node::{Kind, Mark, MarkKind, Node};
use super::normal::{self, Place};

/// A header row, the same number of cells in each row, one paragraph in each cell; `None` without any cell.
pub(super) fn normal(table: &Node) -> Option<Node> {
    let columns = table
        .content
        .iter()
        .map(|row| row.content.len())
        .max()
        .unwrap_or(0);
    if columns == 0 {
        return None;
    }
    let align = |column: usize| {
        let cells = table
            .content
            .iter()
            .filter_map(|row| row.content.get(column));
        cells
            .map(|cell| cell.attr("align"))
            .find(|align| !align.is_empty())
    };
    let aligns: Vec<_> = (0..columns).map(align).collect();
    let row = |source: Option<&Node>, kind: Kind| {
        let cells = aligns.iter().enumerate().map(|(column, align)| {
            let cell = source.and_then(|row| row.content.get(column));
            let content = cell.map(|cell| flat(&cell.content)).unwrap_or_default();
            let paragraph = Node::paragraph(normal::inline(&content, Place::Cell));
            let attrs = align
                .map(|align| ("align", align.into()))
                .into_iter()
                .collect();
            Node {
                attrs,
                ..Node::with(kind, vec![paragraph])
            }
        });
        Node::with(Kind::TableRow, cells.collect())
    };
    let first = table.content.first();
    let has_header = first.is_some_and(|row| {
        row.content
            .iter()
            .any(|cell| cell.kind == Kind::TableHeader)
    });
    let mut rows = vec![row(first.filter(|_| has_header), Kind::TableHeader)];
    let body = table.content.iter().skip(usize::from(has_header));
    rows.extend(body.map(|source| row(Some(source), Kind::TableCell)));
    Some(Node::with(Kind::Table, rows))
}

/// The blocks of a cell as one line: what separates them becomes a break, what marks them becomes text.
fn flat(blocks: &[Node]) -> Vec<Node> {
    let mut out: Vec<Node> = Vec::new();
    for block in blocks {
        if !out.is_empty() {
            out.push(Node::leaf(Kind::HardBreak, Vec::new()));
        }
        let text = |text: String| Node::text(text, Vec::new());
        match block.kind {
            Kind::Paragraph => out.extend(block.content.iter().cloned()),
            Kind::Heading => {
                let level = usize::try_from(block.integer("level").unwrap_or(1)).unwrap_or(1);
                out.push(text("#".repeat(level) + " "));
                out.extend(block.content.iter().cloned());
            }
            Kind::BulletList | Kind::OrderedList | Kind::TaskList => {
                for (index, item) in block.content.iter().enumerate() {
                    if index > 0 {
                        out.push(Node::leaf(Kind::HardBreak, Vec::new()));
                    }
                    out.push(text(super::markdown::marker(block, item, index, false)));
                    out.extend(flat(&item.content));
                }
            }
            Kind::Blockquote => {
                out.push(text("> ".to_owned()));
                out.extend(flat(&block.content));
            }
            Kind::CodeBlock => {
                let lines = block
                    .content
                    .iter()
                    .flat_map(|child| child.text.split('\n'));
                for (index, line) in lines.enumerate() {
                    if index > 0 {
                        out.push(Node::leaf(Kind::HardBreak, Vec::new()));
                    }
                    if !line.is_empty() {
                        out.push(Node::text(
                            line.to_owned(),
                            vec![Mark::plain(MarkKind::Code)],
                        ));
                    }
                }
            }
            Kind::HorizontalRule => out.push(text("---".to_owned())),
            Kind::Image => out.push(block.clone()),
            Kind::Table => {
                for (index, row) in block.content.iter().enumerate() {
                    if index > 0 {
                        out.push(Node::leaf(Kind::HardBreak, Vec::new()));
                    }
                    for (index, cell) in row.content.iter().enumerate() {
                        if index > 0 {
                            out.push(text(" | ".to_owned()));
                        }
                        out.extend(flat(&cell.content));
                    }
                }
            }
            _ => {}
        }
    }
    out
}

/// Writes a table that went through [`normal`], with a line end before and after it.
pub(super) fn render(table: &Node, style: Style) -> String {
    let rows: Vec<Vec<String>> = table
        .content
        .iter()
        .map(|row| {
            row.content
                .iter()
                .map(|cell| cell_text(cell, style))
                .collect()
        })
        .collect();
    let Some(header) = table.content.first() else {
        return String::new();
    };
    // Widths are counted as JavaScript counts them.
    let width = |text: &str| text.encode_utf16().count();
    let widths: Vec<usize> = (0..header.content.len())
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|text| width(text))
                .max()
        })
        .map(|widest| widest.unwrap_or(0).max(3))
        .collect();
    let mut out = String::from("\n");
    for (index, row) in rows.iter().enumerate() {
        let mut separator = "| ";
        for (text, column) in row.iter().zip(&widths) {
            out.push_str(separator);
            out.push_str(text);
            out.push_str(&" ".repeat(column.saturating_sub(width(text))));
            separator = " | ";
        }
        out.push_str(" |\n");
        if index == 0 {
            let mut separator = "| ";
            for (cell, column) in header.content.iter().zip(&widths) {
                let align = cell.attr("align");
                out.push_str(separator);
                out.push_str(if matches!(align, "left" | "center") {
                    ":"
                } else {
                    ""
                });
                out.push_str(&"-".repeat(*column));
                out.push_str(if matches!(align, "right" | "center") {
                    ":"
                } else {
                    ""
                });
                separator = " | ";
            }
            out.push_str(" |\n");
        }
    }
    out
}

fn cell_text(cell: &Node, style: Style) -> String {
    let nodes = cell
        .content
        .first()
        .map_or(&[][..], |paragraph| &paragraph.content);
    let text = inline_markdown::render(nodes, style, Place::Cell);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.trim_matches([' ', '\t', '\n']).chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                out.push('\\');
                out.extend(chars.next());
            }
            '|' => out.push_str("\\|"),
            c => out.push(c),
        }
    }
    out
}
