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
    // A terminal that does not know its width, as `docker exec -t` may give one, says 0.
    if table.width() == Some(0) {
        table.force_no_tty();
    }
    table
}
