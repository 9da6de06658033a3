//! SELECT: runs a plan and turns its batches into rows of cells.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type};
use datafusion::physical_plan::collect;
use sqlparser::ast::Query;

use super::{Executed, Executor};
use crate::cast::{self, cast_array, text};
use crate::error::Failure;
use crate::outcome::{Cell, QueryResult, StatementKind};
use crate::plan::context::failure_of;
use crate::plan::select::shown_name;
use crate::types::HiveType;

/// Times that a query is begun anew because its files were replaced.
pub(crate) const MOST_REPEATS: usize = 20;

impl Executor<'_> {
    /// Runs a query; again, when a load has replaced the files that it was about to read.
    pub(super) async fn query(&self, query: &Query) -> Result<Executed, Failure> {
        for _ in 0..MOST_REPEATS {
            match self.query_once(query).await {
                Err(failure) if failure.is_replaced_file() => {}
                done => return done,
            }
        }
        self.query_once(query).await
    }

    async fn query_once(&self, query: &Query) -> Result<Executed, Failure> {
        let planned = self.plan(query).await?;
        let kinds = planned
            .schema()
            .fields()
            .iter()
            .map(|field| HiveType::of_field(field))
            .collect::<Result<Vec<_>, _>>()?;
        let columns = planned
            .schema()
            .fields()
            .iter()
            .map(|field| shown_name(field.name()).to_owned())
            .collect();
        let (physical, context) = planned.physical().await?;
        let batches = collect(physical, context.task_ctx())
            .await
            .map_err(failure_of)?;
        let mut rows = Vec::new();
        for batch in &batches {
            let cells = batch
                .columns()
                .iter()
                .zip(&kinds)
                .map(|(column, kind)| match kind {
                    // A CHAR is as long as it says wherever it is shown.
                    HiveType::Char(_) => cells(&cast::padded(column, kind)?),
                    _ => cells(column),
                })
                .collect::<Result<Vec<_>, _>>()?;
            rows.extend((0..batch.num_rows()).map(|row| {
                cells
                    .iter()
                    .map(|column| column[row].clone())
                    .collect::<Vec<_>>()
            }));
        }
        let result = QueryResult {
            columns,
            types: kinds.iter().map(ToString::to_string).collect(),
            rows,
        };
        Ok(Executed {
            result: Some(result),
            ..Executed::new(StatementKind::Query)
        })
    }
}

/// One cell per row.
fn cells(array: &ArrayRef) -> Result<Vec<Cell>, Failure> {
    let rows = 0..array.len();
    Ok(match array.data_type() {
        DataType::Null => vec![Cell::Null; array.len()],
        DataType::Boolean => array
            .as_boolean()
            .iter()
            .map(|value| value.map_or(Cell::Null, Cell::Boolean))
            .collect(),
        kind if kind.is_integer() => {
            let values = cast_array(array, &HiveType::BigInt)?;
            values
                .as_primitive::<Int64Type>()
                .iter()
                .map(|value| value.map_or(Cell::Null, Cell::Integer))
                .collect()
        }
        DataType::Float64 => array
            .as_primitive::<Float64Type>()
            .iter()
            .map(|value| value.map_or(Cell::Null, Cell::Double))
            .collect(),
        DataType::Float32 => {
            // Through its own digits: 0.1 must not become 0.10000000149011612.
            let printed = |value: f32| {
                crate::value::float_text(value)
                    .parse()
                    .map_or(Cell::Null, Cell::Double)
            };
            array
                .as_primitive::<Float32Type>()
                .iter()
                .map(|value| value.map_or(Cell::Null, printed))
                .collect()
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::Struct(_) | DataType::Map(_, _) => {
            rows.map(|row| {
                if array.is_null(row) {
                    Ok(Cell::Null)
                } else {
                    let mut text = String::new();
                    write_nested(&mut text, array, row)?;
                    Ok(Cell::Text(text))
                }
            })
            .collect::<Result<_, Failure>>()?
        }
        _ => {
            let texts = text(array)?;
            let texts = texts.as_string::<i32>();
            texts
                .iter()
                .map(|value| value.map_or(Cell::Null, |value| Cell::Text(value.to_owned())))
                .collect()
        }
    })
}

/// Appends a value as Hive's client prints it inside of a list, map or struct: nearly JSON, but the keys of maps are values of any
/// type, and numbers have all their digits.
fn write_nested(text: &mut String, array: &ArrayRef, row: usize) -> Result<(), Failure> {
    if array.is_null(row) {
        text.push_str("null");
        return Ok(());
    }
    let items = |text: &mut String, items: &ArrayRef| {
        text.push('[');
        for item in 0..items.len() {
            if item > 0 {
                text.push(',');
            }
            write_nested(text, items, item)?;
        }
        text.push(']');
        Ok(())
    };
    match array.data_type() {
        DataType::List(_) => items(text, &array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => items(text, &array.as_list::<i64>().value(row)),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            for (number, (field, column)) in fields.iter().zip(columns).enumerate() {
                text.push(if number == 0 { '{' } else { ',' });
                write_quoted(text, field.name());
                text.push(':');
                write_nested(text, column, row)?;
            }
            text.push('}');
            Ok(())
        }
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            text.push('{');
            for entry in 0..entries.len() {
                if entry > 0 {
                    text.push(',');
                }
                write_nested(text, entries.column(0), entry)?;
                text.push(':');
                write_nested(text, entries.column(1), entry)?;
            }
            text.push('}');
            Ok(())
        }
        kind => {
            match cells(&array.slice(row, 1))?.remove(0) {
                Cell::Text(value) if !kind.is_decimal() && *kind != DataType::Binary => {
                    write_quoted(text, &value);
                }
                value => text.push_str(&value.to_string()),
            }
            Ok(())
        }
    }
}

/// Appends a text in quotes, with the characters escaped that Hive escapes.
fn write_quoted(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            control if control < ' ' => {
                text.push_str(&format!("\\u{:04X}", u32::from(control)));
            }
            other => text.push(other),
        }
    }
    text.push('"');
}
