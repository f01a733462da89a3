//! Aligned columns of text.

use crate::host::Colour;

/// ANSI code of what somebody must look at.
const RED: u8 = 31;

/// Space between two columns.
const GAP: &str = "  ";

/// One field of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    text: String,
    alert: bool,
}

impl Cell {
    /// Text as it is.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), alert: false }
    }

    /// Text that somebody must look at: marked, and red on a terminal.
    pub(super) fn alert(text: impl Into<String>) -> Self {
        Self { text: text.into(), alert: true }
    }

    fn width(&self) -> usize {
        self.text.chars().count() + usize::from(self.alert)
    }

    fn shown(&self) -> String {
        if self.alert { format!("{}!", self.text) } else { self.text.clone() }
    }
}

/// A table: its first column begins on the left, all others end on the right.
#[derive(Debug, Clone)]
pub(super) struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub(super) fn new<const N: usize>(heading: [&'static str; N]) -> Self {
        Self { heading: heading.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, as long as the heading.
    pub(super) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        debug_assert_eq!(N, self.heading.len());
        self.rows.push(cells.into());
    }

    /// The heading's line and one for each row, without ends of lines; `width` characters each.
    fn lines(&self, colour: Colour) -> (usize, Vec<String>) {
        let heading: Vec<Cell> = self.heading.iter().map(|name| Cell::new(*name)).collect();
        let rows = || std::iter::once(&heading).chain(&self.rows);
        let widths: Vec<usize> = (0..heading.len())
            .map(|column| rows().filter_map(|row| row.get(column)).map(Cell::width).max().unwrap_or_default())
            .collect();
        let line = |row: &Vec<Cell>| {
            let padded = row.iter().zip(widths.iter().copied()).enumerate().map(|(column, (cell, width))| {
                let text = cell.shown();
                let text = if column == 0 { format!("{text:<width$}") } else { format!("{text:>width$}") };
                if cell.alert { colour.paint(RED, &text) } else { text }
            });
            padded.collect::<Vec<_>>().join(GAP)
        };
        let width = widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
        (width, rows().map(line).collect())
    }

    /// The table as text.
    pub(super) fn text(&self, colour: Colour) -> String {
        self.lines(colour).1.iter().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    /// Two tables next to each other.
    pub(super) fn beside(&self, right: &Self, colour: Colour) -> String {
        let (width, left) = self.lines(colour);
        let (_, right) = right.lines(colour);
        let blank = " ".repeat(width);
        let (count, mut text) = (left.len().max(right.len()), String::new());
        for index in 0..count {
            let line = format!(
                "{}    {}",
                left.get(index).unwrap_or(&blank),
                right.get(index).map(String::as_str).unwrap_or_default()
            );
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["queue", "visible"]);
        table.row([Cell::new("a"), Cell::alert("12")]);
        table.row([Cell::new("опаш"), Cell::new("3")]);
        table
    }

    #[test]
    fn the_first_column_begins_left_and_the_others_end_right() {
        assert_eq!(table().text(Colour::None), "queue  visible\na          12!\nопаш         3\n");
    }

    #[test]
    fn colour_moves_nothing() {
        let coloured = table().text(Colour::Ansi);
        assert!(coloured.contains("\u{1b}[31m    12!\u{1b}[0m"), "{coloured:?}");
        let plain = coloured.replace("\u{1b}[31m", "").replace("\u{1b}[0m", "");
        assert_eq!(plain, table().text(Colour::None));
    }

    #[test]
    fn the_shorter_of_two_tables_leaves_room() {
        let mut short = Table::new(["x"]);
        short.row([Cell::new("1")]);
        let expect = "queue  visible    x\na          12!    1\nопаш         3\n";
        assert_eq!(table().beside(&short, Colour::None), expect);
        let expect = "x    queue  visible\n1    a          12!\n     опаш         3\n";
        assert_eq!(short.beside(&table(), Colour::None), expect);
    }
}
