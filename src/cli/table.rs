//! The style of all tables.

use comfy_table::{Attribute, Cell, Table, presets};

/// A table with this header and nothing in it.
pub(super) fn empty(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(
        header
            .iter()
            .map(|name| Cell::new(name).add_attribute(Attribute::Bold)),
    );
    spread_out(&mut table);
    table
}

/// A terminal that does not know its width, as `docker exec -t` may give one, says 0. Taken at its
/// word, it would get columns of one letter.
fn spread_out(table: &mut Table) {
    if table.width() == Some(0) {
        table.set_width(u16::MAX);
    }
}

#[cfg(test)]
mod tests {
    use comfy_table::ContentArrangement;

    use super::*;

    fn rows_on_a_terminal_of(width: u16) -> Vec<String> {
        let mut table = empty(&["Series", "Help"]);
        table.set_width(width);
        spread_out(&mut table);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.add_row(["one_series_total", "what it counts, in some more words"]);
        table.lines().collect()
    }

    #[test]
    fn a_terminal_that_does_not_know_its_width_gets_each_row_in_one_line() {
        let rows = rows_on_a_terminal_of(0);

        let row = "│ one_series_total ┆ what it counts, in some more words │";
        assert!(rows.iter().any(|line| line == row), "{rows:#?}");
    }

    #[test]
    fn a_terminal_that_knows_its_width_gets_no_longer_line() {
        let rows = rows_on_a_terminal_of(40);

        let widths: Vec<_> = rows.iter().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width <= 40), "{rows:#?}");
    }
}
