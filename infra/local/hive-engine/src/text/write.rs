//! Rows to lines, as LazySimpleSerDe and OpenCSVSerde write them.

use std::io::Write;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::DataType;

use super::format::{NESTED, RowFormat};
use crate::cast;
use crate::error::Failure;
use crate::types::HiveType;

/// A column that is being written.
enum Cells {
    Texts(StringArray),
    /// A list, map or struct.
    Nested(ArrayRef),
}

/// Appends a batch's rows to a writer. `kinds` are the columns' types.
///
/// # Errors
/// When a column's type has no text, or the writer fails (given as `on_error`).
pub(crate) fn write_rows(
    writer: &mut impl Write,
    columns: &[ArrayRef],
    kinds: &[HiveType],
    rows: usize,
    format: &RowFormat,
    on_error: impl FnOnce(std::io::Error) -> Failure,
) -> Result<(), Failure> {
    let cells = columns
        .iter()
        .zip(kinds)
        .map(|(column, kind)| cells(column, kind, format))
        .collect::<Result<Vec<_>, _>>()?;
    let mut line = Vec::new();
    for row in 0..rows {
        line.clear();
        for (index, column) in cells.iter().enumerate() {
            match (format, column) {
                (
                    RowFormat::Delimited {
                        field,
                        nested,
                        escape,
                        null,
                    },
                    column,
                ) => {
                    if index > 0 {
                        line.push(*field);
                    }
                    let output = Output {
                        field: *field,
                        separators: nested,
                        escape: *escape,
                        null,
                    };
                    match column {
                        Cells::Texts(texts) if texts.is_null(row) => line.extend_from_slice(null),
                        Cells::Texts(texts) => {
                            output.push_escaped(&mut line, texts.value(row).as_bytes())
                        }
                        Cells::Nested(array) => output.push(&mut line, array, row, 0)?,
                    }
                }
                (
                    RowFormat::Quoted {
                        separator, quote, ..
                    },
                    column,
                ) => {
                    if index > 0 {
                        push_character(&mut line, *separator);
                    }
                    // The serde writes nothing for NULL, and quotes everything else.
                    if let Cells::Texts(texts) = column
                        && !texts.is_null(row)
                    {
                        push_quoted(&mut line, texts.value(row), *quote);
                    }
                }
            }
        }
        line.push(b'\n');
        if let Err(error) = writer.write_all(&line) {
            return Err(on_error(error));
        }
    }
    Ok(())
}

fn cells(column: &ArrayRef, kind: &HiveType, format: &RowFormat) -> Result<Cells, Failure> {
    if !kind.is_primitive() {
        return Ok(Cells::Nested(Arc::clone(column)));
    }
    let texts = match (kind, format) {
        (HiveType::Binary, RowFormat::Delimited { .. }) => {
            let bytes = cast::cast_array(column, kind)?;
            let encoded = bytes.as_binary::<i32>().iter();
            return Ok(Cells::Texts(
                encoded
                    .map(|value| value.map(|value| STANDARD.encode(value)))
                    .collect(),
            ));
        }
        _ => cast::padded(column, kind)?,
    };
    Ok(Cells::Texts(texts.as_string::<i32>().clone()))
}

/// How a delimited line is written below its fields.
struct Output<'a> {
    field: u8,
    separators: &'a [u8; NESTED],
    escape: Option<u8>,
    null: &'a [u8],
}

impl Output<'_> {
    /// Every separator is escaped, at any depth.
    fn push_escaped(&self, line: &mut Vec<u8>, value: &[u8]) {
        match self.escape {
            None => line.extend_from_slice(value),
            Some(escape) => {
                for byte in value {
                    if *byte == self.field || *byte == escape || self.separators.contains(byte) {
                        line.push(escape);
                    }
                    line.push(*byte);
                }
            }
        }
    }

    fn separator(&self, depth: usize) -> Result<u8, Failure> {
        let separator = self.separators.get(depth).copied();
        separator.ok_or_else(|| {
            Failure::unsupported("a type in a text table that is nested more than seven deep")
        })
    }

    fn push(
        &self,
        line: &mut Vec<u8>,
        array: &ArrayRef,
        row: usize,
        depth: usize,
    ) -> Result<(), Failure> {
        if array.is_null(row) {
            line.extend_from_slice(self.null);
            return Ok(());
        }
        match array.data_type() {
            DataType::List(_) => {
                let items = array.as_list::<i32>().value(row);
                let separator = self.separator(depth)?;
                for item in 0..items.len() {
                    if item > 0 {
                        line.push(separator);
                    }
                    self.push(line, &items, item, depth + 1)?;
                }
            }
            DataType::Map(_, _) => {
                let entries = array.as_map().value(row);
                let (between, within) = (self.separator(depth)?, self.separator(depth + 1)?);
                for entry in 0..entries.len() {
                    if entry > 0 {
                        line.push(between);
                    }
                    self.push(line, entries.column(0), entry, depth + 2)?;
                    line.push(within);
                    self.push(line, entries.column(1), entry, depth + 2)?;
                }
            }
            DataType::Struct(_) => {
                let separator = self.separator(depth)?;
                for (place, column) in array.as_struct().columns().iter().enumerate() {
                    if place > 0 {
                        line.push(separator);
                    }
                    self.push(line, column, row, depth + 1)?;
                }
            }
            DataType::Binary => {
                let value = array.as_binary::<i32>().value(row);
                self.push_escaped(line, STANDARD.encode(value).as_bytes());
            }
            _ => {
                let text = cast::text(&array.slice(row, 1))?;
                self.push_escaped(line, text.as_string::<i32>().value(0).as_bytes());
            }
        }
        Ok(())
    }
}

fn push_quoted(line: &mut Vec<u8>, value: &str, quote: char) {
    push_character(line, quote);
    for character in value.chars() {
        if character == quote {
            push_character(line, quote);
        }
        push_character(line, character);
    }
    push_character(line, quote);
}

fn push_character(line: &mut Vec<u8>, character: char) {
    line.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}
