//! Rows of a query as a table that fits the terminal, as CSV, or as JSON.

use comfy_table::{Cell as TableCell, CellAlignment, ContentArrangement, Table, presets};
use hive_engine::{Cell, QueryResult};
use serde_json::{Map, Value};

use super::paint::{left, wrap};

/// A column narrower than this shows values in shreds.
const READABLE: usize = 10;

/// A table no wider than `width`; long values are wrapped within their column. With more columns than can be read side by
/// side, each row is set as a list.
pub fn as_table(result: &QueryResult, width: usize, unicode: bool) -> String {
    let needed: usize = (0..result.columns.len())
        .map(|column| widest(result, column).min(READABLE) + 3)
        .sum();
    let count = super::figures::counted(result.rows.len() as u64, "row");
    if needed + 1 > width {
        return format!("{}{count}\n", as_lists(result, width, unicode));
    }
    let mut table = Table::new();
    table.load_style(if unicode {
        presets::UTF8_FULL_CONDENSED
    } else {
        presets::ASCII_FULL_CONDENSED
    });
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(&result.columns);
    for row in &result.rows {
        table.add_row(row.iter().map(|cell| TableCell::new(cell.to_string())));
    }
    for (column, kind) in table.column_iter_mut().zip(&result.types) {
        if is_number(kind) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let table = table.trim_fmt();
    format!("{table}\n{count}\n")
}

fn widest(result: &QueryResult, column: usize) -> usize {
    let values = result
        .rows
        .iter()
        .filter_map(|row| row.get(column))
        .map(ToString::to_string);
    let widths = values.map(|value| console::measure_text_width(&value));
    widths
        .chain([console::measure_text_width(&result.columns[column])])
        .max()
        .unwrap_or(0)
}

fn as_lists(result: &QueryResult, width: usize, unicode: bool) -> String {
    let rule = if unicode { "─" } else { "-" };
    let names = result
        .columns
        .iter()
        .map(|name| console::measure_text_width(name))
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (index, row) in result.rows.iter().enumerate() {
        let title = format!("{rule} row {} ", index + 1);
        let rest = width.saturating_sub(console::measure_text_width(&title));
        text.push_str(&format!("{title}{}\n", rule.repeat(rest)));
        for (name, cell) in result.columns.iter().zip(row) {
            let value = wrap(&cell.to_string(), width.saturating_sub(names + 2));
            for (line, part) in value.iter().enumerate() {
                let name = if line == 0 { name.as_str() } else { "" };
                text.push_str(&format!("{}  {part}\n", left(name, names)));
            }
        }
    }
    text
}

/// Comma-separated values with a header line, as RFC 4180 has them; NULL is empty.
pub fn as_csv(result: &QueryResult) -> String {
    let mut text = csv_line(result.columns.iter().map(|name| csv_field(name)));
    for row in &result.rows {
        text.push_str(&csv_line(row.iter().map(|cell| match cell {
            Cell::Null => String::new(),
            // An empty text is told apart from NULL.
            Cell::Text(text) if text.is_empty() => "\"\"".to_owned(),
            cell => csv_field(&cell.to_string()),
        })));
    }
    text
}

/// An array of objects. Two columns of one name would lose a value, so the later one gets a number.
pub fn as_json(result: &QueryResult) -> Value {
    let mut names: Vec<String> = Vec::new();
    for name in &result.columns {
        let mut unique = name.clone();
        let mut number = 2;
        while names.contains(&unique) {
            unique = format!("{name}_{number}");
            number += 1;
        }
        names.push(unique);
    }
    let object = |row: &Vec<Cell>| {
        let fields = names.iter().cloned().zip(row.iter().map(json_value));
        Value::Object(fields.collect::<Map<String, Value>>())
    };
    Value::Array(result.rows.iter().map(object).collect())
}

fn json_value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Boolean(flag) => Value::Bool(*flag),
        Cell::Integer(number) => Value::from(*number),
        // JSON has neither NaN nor infinity: these stay texts.
        Cell::Double(number) if !number.is_finite() => Value::String(cell.to_string()),
        Cell::Double(number) => Value::from(*number),
        Cell::Text(text) => Value::String(text.clone()),
    }
}

fn csv_field(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn csv_line(fields: impl Iterator<Item = String>) -> String {
    let mut line = fields.collect::<Vec<_>>().join(",");
    line.push('\n');
    line
}

fn is_number(kind: &str) -> bool {
    let name = kind.split('(').next().unwrap_or(kind);
    matches!(
        name,
        "tinyint" | "smallint" | "int" | "bigint" | "float" | "double" | "decimal"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result() -> QueryResult {
        QueryResult {
            columns: vec!["name".into(), "amount".into(), "name".into()],
            types: vec!["string".into(), "decimal(12,2)".into(), "string".into()],
            rows: vec![
                vec![
                    Cell::Text("a \"b\", c".into()),
                    Cell::Text("12.50".into()),
                    Cell::Null,
                ],
                vec![
                    Cell::Text(String::new()),
                    Cell::Integer(7),
                    Cell::Double(f64::NAN),
                ],
            ],
        }
    }

    #[test]
    fn csv_quotes_what_needs_it_and_tells_empty_from_null() {
        assert_eq!(
            as_csv(&result()),
            "name,amount,name\n\"a \"\"b\"\", c\",12.50,\n\"\",7,NaN\n"
        );
    }

    #[test]
    fn json_keeps_both_columns_of_one_name() {
        assert_eq!(
            as_json(&result()).to_string(),
            r#"[{"name":"a \"b\", c","amount":"12.50","name_2":null},{"name":"","amount":7,"name_2":"NaN"}]"#
        );
    }

    #[test]
    fn a_table_is_never_wider_than_the_terminal() {
        let mut result = result();
        result.rows[0][0] = Cell::Text("long words ".repeat(20));
        for width in [40, 80] {
            for line in as_table(&result, width, true).lines() {
                assert!(console::measure_text_width(line) <= width, "{line}");
            }
        }
    }

    #[test]
    fn more_columns_than_can_be_read_become_lists() {
        let columns = 12;
        let result = QueryResult {
            columns: (0..columns)
                .map(|column| format!("column_{column}"))
                .collect(),
            types: vec!["string".into(); columns],
            rows: vec![vec![Cell::Text("a value of some length".into()); columns]],
        };
        let text = as_table(&result, 80, true);
        assert!(text.starts_with("─ row 1 ───"), "{text}");
        assert!(
            text.contains("\ncolumn_3   a value of some length\n"),
            "{text}"
        );
        assert!(text.ends_with("\n1 row\n"), "{text}");
    }

    #[test]
    fn numbers_are_set_to_the_right() {
        let table = as_table(&result(), 80, false);
        assert!(table.contains("|  12.50 |"), "{table}");
        assert!(table.ends_with("2 rows\n"), "{table}");
    }
}
