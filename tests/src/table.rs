//! Results as a table for people.

/// Rows with aligned columns: the first two to the left, numbers to the right.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let headings: Vec<_> = headings.iter().map(|text| (*text).to_owned()).collect();
    let widths: Vec<usize> = (0..headings.len())
        .map(|column| {
            let cells = rows
                .iter()
                .chain([&headings])
                .filter_map(|row| row.get(column));
            cells
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        })
        .collect();
    let mut text = String::new();
    for row in [&headings].into_iter().chain(rows) {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let padding = " ".repeat(width - cell.chars().count());
            if column < 2 {
                line.extend([cell, padding.as_str(), "  "]);
            } else {
                line.extend([padding.as_str(), cell, "  "]);
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
