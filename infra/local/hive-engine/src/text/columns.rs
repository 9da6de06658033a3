//! Builds typed columns from fields, one field at a time. What a field's type cannot read is NULL.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};

use crate::error::Failure;
use crate::types::HiveType;
use crate::value;

/// A column that is being built.
pub(crate) enum ColumnBuilder {
    Boolean(BooleanBuilder),
    TinyInt(Int8Builder),
    SmallInt(Int16Builder),
    Int(Int32Builder),
    BigInt(Int64Builder),
    Float(Float32Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder, u8, i8),
    /// With the most characters that a value may have, and whether spaces at its end are dropped.
    String(StringBuilder, Option<usize>, bool),
    Binary(BinaryBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
}

impl ColumnBuilder {
    /// A builder for a type.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] for complex types, which text tables do not have yet.
    pub(crate) fn new(kind: &HiveType) -> Result<Self, Failure> {
        let length = |length: &u32| Some(usize::try_from(*length).unwrap_or(usize::MAX));
        Ok(match kind {
            HiveType::Boolean => Self::Boolean(BooleanBuilder::new()),
            HiveType::TinyInt => Self::TinyInt(Int8Builder::new()),
            HiveType::SmallInt => Self::SmallInt(Int16Builder::new()),
            HiveType::Int => Self::Int(Int32Builder::new()),
            HiveType::BigInt => Self::BigInt(Int64Builder::new()),
            HiveType::Float => Self::Float(Float32Builder::new()),
            HiveType::Double => Self::Double(Float64Builder::new()),
            HiveType::Decimal(precision, scale) => {
                let builder = Decimal128Builder::new().with_precision_and_scale(*precision, *scale);
                Self::Decimal(
                    builder.map_err(|error| Failure::Query(error.to_string()))?,
                    *precision,
                    *scale,
                )
            }
            HiveType::String => Self::String(StringBuilder::new(), None, false),
            HiveType::Varchar(most) => Self::String(StringBuilder::new(), length(most), false),
            HiveType::Char(most) => Self::String(StringBuilder::new(), length(most), true),
            HiveType::Binary => Self::Binary(BinaryBuilder::new()),
            HiveType::Date => Self::Date(Date32Builder::new()),
            HiveType::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            complex => return Err(Failure::unsupported(format!("{complex} in a text table"))),
        })
    }

    /// Whether fields are texts, whose escapes have to be undone.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Self::String(..) | Self::Binary(_))
    }

    /// Appends a field; `None` is NULL.
    pub(crate) fn append(&mut self, field: Option<&[u8]>) {
        let text = |field: &[u8]| std::str::from_utf8(field).ok().map(str::to_owned);
        match self {
            Self::Boolean(builder) => builder.append_option(field.and_then(|field| {
                if field.eq_ignore_ascii_case(b"true") {
                    Some(true)
                } else if field.eq_ignore_ascii_case(b"false") {
                    Some(false)
                } else {
                    None
                }
            })),
            Self::TinyInt(builder) => builder.append_option(narrow(field)),
            Self::SmallInt(builder) => builder.append_option(narrow(field)),
            Self::Int(builder) => builder.append_option(narrow(field)),
            Self::BigInt(builder) => builder.append_option(field.and_then(value::parse_integer)),
            #[expect(clippy::cast_possible_truncation, reason = "a float keeps what it can")]
            Self::Float(builder) => {
                builder.append_option(field.and_then(number).map(|value| value as f32))
            }
            Self::Double(builder) => builder.append_option(field.and_then(number)),
            Self::Decimal(builder, precision, scale) => {
                let parse = |field: &[u8]| {
                    value::parse_decimal(std::str::from_utf8(field).ok()?, *precision, *scale)
                };
                builder.append_option(field.and_then(parse));
            }
            Self::String(builder, most, trim) => match field {
                None => builder.append_null(),
                Some(field) => append_text(builder, &String::from_utf8_lossy(field), *most, *trim),
            },
            Self::Binary(builder) => builder.append_option(field),
            Self::Date(builder) => builder.append_option(
                field
                    .and_then(text)
                    .and_then(|text| value::parse_date(&text)),
            ),
            Self::Timestamp(builder) => {
                builder.append_option(
                    field
                        .and_then(text)
                        .and_then(|text| value::parse_timestamp(&text)),
                );
            }
        }
    }

    /// The column so far; the builder is empty again.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::TinyInt(builder) => Arc::new(builder.finish()),
            Self::SmallInt(builder) => Arc::new(builder.finish()),
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::BigInt(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder, _, _) => Arc::new(builder.finish()),
            Self::String(builder, _, _) => Arc::new(builder.finish()),
            Self::Binary(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
        }
    }
}

fn narrow<T: TryFrom<i64>>(field: Option<&[u8]>) -> Option<T> {
    field
        .and_then(value::parse_integer)
        .and_then(|value| T::try_from(value).ok())
}

fn number(field: &[u8]) -> Option<f64> {
    value::parse_double(std::str::from_utf8(field).ok()?)
}

fn append_text(builder: &mut StringBuilder, text: &str, most: Option<usize>, trim: bool) {
    let mut text = text;
    if let Some((end, _)) = most.and_then(|most| text.char_indices().nth(most)) {
        text = &text[..end];
    }
    builder.append_value(if trim {
        text.trim_end_matches(' ')
    } else {
        text
    });
}
