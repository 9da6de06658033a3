//! Rows to lines, as LazySimpleSerDe and OpenCSVSerde write them.

use std::io::Write;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};

use super::format::RowFormat;
use crate::cast;
use crate::error::Failure;

/// Appends a batch's rows to a writer.
///
/// # Errors
/// When a column's type has no text, or the writer fails (given as `on_error`).
pub(crate) fn write_rows(
    writer: &mut impl Write,
    columns: &[ArrayRef],
    rows: usize,
    format: &RowFormat,
    on_error: impl FnOnce(std::io::Error) -> Failure,
) -> Result<(), Failure> {
    let texts = columns
        .iter()
        .map(cast::text)
        .collect::<Result<Vec<_>, _>>()?;
    let texts: Vec<&StringArray> = texts.iter().map(|text| text.as_string::<i32>()).collect();
    let mut line = Vec::new();
    for row in 0..rows {
        line.clear();
        for (index, column) in texts.iter().enumerate() {
            let value = (!column.is_null(row)).then(|| column.value(row));
            match format {
                RowFormat::Delimited {
                    field,
                    escape,
                    null,
                } => {
                    if index > 0 {
                        line.push(*field);
                    }
                    match value {
                        None => line.extend_from_slice(null),
                        Some(value) => push_escaped(&mut line, value, *field, *escape),
                    }
                }
                RowFormat::Quoted {
                    separator, quote, ..
                } => {
                    if index > 0 {
                        push_character(&mut line, *separator);
                    }
                    // The serde writes nothing for NULL, and quotes everything else.
                    if let Some(value) = value {
                        push_quoted(&mut line, value, *quote);
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

fn push_escaped(line: &mut Vec<u8>, value: &str, field: u8, escape: Option<u8>) {
    match escape {
        None => line.extend_from_slice(value.as_bytes()),
        Some(escape) => {
            for byte in value.bytes() {
                if byte == field || byte == escape {
                    line.push(escape);
                }
                line.push(byte);
            }
        }
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
