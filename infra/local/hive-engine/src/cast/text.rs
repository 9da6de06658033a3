//! Values as texts: how Hive prints them, and how VARCHAR and CHAR cut and pad them. Called by the conversions and by results.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, StringArray, StringBuilder, new_null_array,
};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, TimestampMicrosecondType,
};

use super::{kernel, no_conversion, plain};
use crate::error::Failure;
use crate::types::HiveType;
use crate::value;

/// A cast to STRING: a boolean is in capitals there, and only there.
pub(super) fn written(array: &ArrayRef) -> Result<ArrayRef, Failure> {
    match array.as_boolean_opt() {
        None => text(array),
        Some(values) => {
            let word = |value: bool| if value { "TRUE" } else { "FALSE" };
            let words: StringArray = values.iter().map(|value| value.map(word)).collect();
            Ok(Arc::new(words))
        }
    }
}

/// Texts of an array, as Hive prints values.
pub(crate) fn text(array: &ArrayRef) -> Result<ArrayRef, Failure> {
    let array = &plain(array)?;
    let mut builder = StringBuilder::with_capacity(array.len(), array.len() * 8);
    macro_rules! each {
        ($values:expr, $print:expr) => {{
            for value in $values {
                builder.append_option(value.map($print));
            }
        }};
    }
    match array.data_type() {
        DataType::Utf8 => return Ok(Arc::clone(array)),
        DataType::Null => return Ok(new_null_array(&DataType::Utf8, array.len())),
        DataType::Boolean => each!(array.as_boolean(), |value| value.to_string()),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            return kernel(array, &DataType::Utf8);
        }
        DataType::Float32 => each!(array.as_primitive::<Float32Type>(), value::float_text),
        DataType::Float64 => each!(array.as_primitive::<Float64Type>(), value::double_text),
        DataType::Decimal128(_, scale) => each!(array.as_primitive::<Decimal128Type>(), |v| {
            value::decimal_text(v, *scale)
        }),
        DataType::Date32 => each!(array.as_primitive::<Date32Type>(), value::date_text),
        DataType::Timestamp(_, _) => each!(
            array.as_primitive::<TimestampMicrosecondType>(),
            value::timestamp_text
        ),
        DataType::Binary => each!(array.as_binary::<i32>(), |value| String::from_utf8_lossy(
            value
        )
        .into_owned()),
        _ => return Err(no_conversion(array, &HiveType::String)),
    }
    Ok(Arc::new(builder.finish()))
}

/// Cuts to a length in characters; a CHAR loses the spaces at its end.
pub(super) fn shorten(array: &ArrayRef, length: u32, trim: bool) -> Result<ArrayRef, Failure> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let cut = |text: &str| {
        let text = text
            .char_indices()
            .nth(length)
            .map_or(text, |(end, _)| &text[..end])
            .to_owned();
        if trim {
            text.trim_end_matches(' ').to_owned()
        } else {
            text
        }
    };
    let array: StringArray = array
        .as_string::<i32>()
        .iter()
        .map(|value| value.map(cut))
        .collect();
    Ok(Arc::new(array))
}

/// Texts as they are shown and stored: a CHAR has spaces up to its length.
///
/// # Errors
/// For a type that has no text.
pub(crate) fn padded(array: &ArrayRef, kind: &HiveType) -> Result<ArrayRef, Failure> {
    let texts = text(array)?;
    let HiveType::Char(length) = kind else {
        return Ok(texts);
    };
    let width = usize::try_from(*length).unwrap_or(usize::MAX);
    let padded: StringArray = texts
        .as_string::<i32>()
        .iter()
        .map(|value| value.map(|value| format!("{value:width$}")))
        .collect();
    Ok(Arc::new(padded))
}
