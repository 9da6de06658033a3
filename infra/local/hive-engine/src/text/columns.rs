//! Builds typed columns from fields, one field at a time. What a field's type cannot read is NULL. Lists, maps and structs are
//! cut at the separators of their depth, as LazySimpleSerDe does.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float32Builder,
    Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, ListArray, MapArray,
    StructArray, TimestampMicrosecondBuilder,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, FieldRef, Fields};

use super::texts::Texts;
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
    String(Texts, Option<usize>, bool),
    Binary(BinaryBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    List(Box<Self>, Rows, FieldRef),
    Map(Box<Self>, Box<Self>, Rows, FieldRef),
    Struct(Vec<Self>, Vec<bool>, Fields),
}

/// Where the items of each row end, and which rows are not NULL.
pub(crate) struct Rows {
    ends: Vec<i32>,
    present: Vec<bool>,
}

impl Rows {
    fn new() -> Self {
        Self {
            ends: vec![0],
            present: Vec::new(),
        }
    }

    /// Ends a row that has `added` items.
    fn end(&mut self, added: usize, present: bool) {
        let last = self.ends.last().copied().unwrap_or(0);
        self.ends
            .push(last.saturating_add(i32::try_from(added).unwrap_or(i32::MAX)));
        self.present.push(present);
    }

    fn finish(&mut self) -> (OffsetBuffer<i32>, NullBuffer) {
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        (
            OffsetBuffer::new(ends.into()),
            NullBuffer::from(std::mem::take(&mut self.present)),
        )
    }
}

/// How text is cut below a field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Below<'a> {
    /// The separator of this depth, then those of the depths below.
    pub separators: &'a [u8],
    pub escape: Option<u8>,
    pub null: &'a [u8],
}

impl<'a> Below<'a> {
    fn deeper(self, by: usize) -> Self {
        Self {
            separators: self.separators.get(by..).unwrap_or_default(),
            ..self
        }
    }

    fn parts(self, text: &'a [u8]) -> Vec<&'a [u8]> {
        let mut ranges = Vec::new();
        let separator = self.separators.first().copied().unwrap_or_default();
        super::delimited::split(text, separator, self.escape, &mut ranges);
        ranges
            .into_iter()
            .map(|(start, end)| &text[start..end])
            .collect()
    }
}

impl ColumnBuilder {
    /// A builder for a type.
    ///
    /// # Errors
    /// When a decimal's precision is out of range.
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
            HiveType::String => Self::String(Texts::default(), None, false),
            HiveType::Varchar(most) => Self::String(Texts::default(), length(most), false),
            HiveType::Char(most) => Self::String(Texts::default(), length(most), true),
            HiveType::Binary => Self::Binary(BinaryBuilder::new()),
            HiveType::Date => Self::Date(Date32Builder::new()),
            HiveType::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            HiveType::Array(item) => {
                let DataType::List(field) = kind.arrow() else {
                    return Err(Failure::unsupported(kind.to_string()));
                };
                Self::List(Box::new(Self::new(item)?), Rows::new(), field)
            }
            HiveType::Map(key, value) => {
                let DataType::Map(field, _) = kind.arrow() else {
                    return Err(Failure::unsupported(kind.to_string()));
                };
                let (key, value) = (Self::new(key)?, Self::new(value)?);
                Self::Map(Box::new(key), Box::new(value), Rows::new(), field)
            }
            HiveType::Struct(fields) => {
                let DataType::Struct(arrow) = kind.arrow() else {
                    return Err(Failure::unsupported(kind.to_string()));
                };
                let children = fields.iter().map(|(_, kind)| Self::new(kind));
                Self::Struct(children.collect::<Result<_, _>>()?, Vec::new(), arrow)
            }
        })
    }

    /// Whether fields are texts, whose escapes have to be undone.
    fn is_text(&self) -> bool {
        matches!(self, Self::String(..) | Self::Binary(_))
    }

    /// Whether a field would be a value and not NULL.
    fn reads(&self, field: &[u8]) -> bool {
        let text = || std::str::from_utf8(field).unwrap_or_default();
        match self {
            Self::Boolean(_) => {
                field.eq_ignore_ascii_case(b"true") || field.eq_ignore_ascii_case(b"false")
            }
            Self::TinyInt(_) => narrow::<i8>(Some(field)).is_some(),
            Self::SmallInt(_) => narrow::<i16>(Some(field)).is_some(),
            Self::Int(_) => narrow::<i32>(Some(field)).is_some(),
            Self::BigInt(_) => value::parse_integer(field).is_some(),
            Self::Float(_) | Self::Double(_) => number(field).is_some(),
            Self::Decimal(_, precision, scale) => {
                value::parse_decimal(text(), *precision, *scale).is_some()
            }
            Self::Date(_) => value::parse_date(text()).is_some(),
            Self::Timestamp(_) => value::parse_timestamp(text()).is_some(),
            Self::String(..) | Self::Binary(_) => true,
            Self::List(..) | Self::Map(..) | Self::Struct(..) => false,
        }
    }

    /// Appends a column of delimited lines.
    pub(crate) fn append_all_delimited<'a>(
        &mut self,
        fields: impl Iterator<Item = Option<&'a [u8]>>,
        below: Below<'_>,
    ) {
        let fields = fields.map(|field| field.filter(|field| *field != below.null));
        // Most columns are of these types: a loop of its own for each.
        match self {
            Self::Int(builder) => fields.for_each(|field| builder.append_option(narrow(field))),
            Self::BigInt(builder) => fields.for_each(|field| {
                builder.append_option(field.and_then(value::parse_integer));
            }),
            Self::Double(builder) => {
                fields.for_each(|field| builder.append_option(field.and_then(number)));
            }
            Self::String(builder, most, trim) if below.escape.is_none() => {
                fields.for_each(|field| builder.push(field, *most, *trim));
            }
            other => fields.for_each(|field| other.append_delimited(field, below)),
        }
    }

    /// Appends a column of fields; `None` is NULL.
    pub(crate) fn append_all<'a>(&mut self, fields: impl Iterator<Item = Option<&'a [u8]>>) {
        match self {
            Self::String(builder, most, trim) => {
                fields.for_each(|field| builder.push(field, *most, *trim));
            }
            other => fields.for_each(|field| other.append(field)),
        }
    }

    /// Appends a field of a delimited line, which may be absent, NULL, escaped, or made of parts.
    pub(crate) fn append_delimited(&mut self, field: Option<&[u8]>, below: Below<'_>) {
        let field = field.filter(|field| *field != below.null);
        match (self, field) {
            (Self::List(item, rows, _), Some(field)) => {
                let parts = if field.is_empty() {
                    Vec::new()
                } else {
                    below.parts(field)
                };
                for part in &parts {
                    item.append_delimited(Some(part), below.deeper(1));
                }
                rows.end(parts.len(), true);
            }
            (Self::Map(key, value, rows, _), Some(field)) => {
                let entries = entries(field, key, below);
                for (name, text) in &entries {
                    key.append_delimited(Some(name), below.deeper(2));
                    value.append_delimited(*text, below.deeper(2));
                }
                rows.end(entries.len(), true);
            }
            (Self::Struct(fields, present, _), Some(field)) => {
                let parts = below.parts(field);
                for (place, child) in fields.iter_mut().enumerate() {
                    child.append_delimited(parts.get(place).copied(), below.deeper(1));
                }
                present.push(true);
            }
            (Self::Binary(builder), field) => {
                // Bytes are written as Base64; what is none is taken as it is.
                let plain = field.map(|field| unescaped(field, below.escape));
                builder.append_option(
                    plain.map(|plain| STANDARD.decode(&plain).unwrap_or_else(|_| plain.to_vec())),
                );
            }
            (builder, Some(field)) if builder.is_text() => {
                builder.append(Some(&unescaped(field, below.escape)));
            }
            (builder, field) => builder.append(field),
        }
    }

    /// Appends a field; `None` is NULL.
    pub(crate) fn append(&mut self, field: Option<&[u8]>) {
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
            Self::String(builder, most, trim) => builder.push(field, *most, *trim),
            Self::Binary(builder) => builder.append_option(field),
            Self::Date(builder) => {
                builder.append_option(field.and_then(text).and_then(value::parse_date));
            }
            Self::Timestamp(builder) => {
                builder.append_option(field.and_then(text).and_then(value::parse_timestamp));
            }
            // Only delimited lines have parts; elsewhere there is nothing to cut them by.
            Self::List(_, rows, _) | Self::Map(_, _, rows, _) => rows.end(0, false),
            Self::Struct(fields, present, _) => {
                for child in fields {
                    child.append(None);
                }
                present.push(false);
            }
        }
    }

    /// The column so far; the builder is empty again.
    ///
    /// # Errors
    /// When its texts have more than 2 GiB.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef, Failure> {
        Ok(match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::TinyInt(builder) => Arc::new(builder.finish()),
            Self::SmallInt(builder) => Arc::new(builder.finish()),
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::BigInt(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder, _, _) => Arc::new(builder.finish()),
            Self::String(builder, _, _) => builder.finish()?,
            Self::Binary(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::List(item, rows, field) => {
                let (ends, present) = rows.finish();
                let items = item.finish()?;
                Arc::new(ListArray::new(
                    Arc::clone(field),
                    ends,
                    items,
                    Some(present),
                ))
            }
            Self::Map(key, value, rows, field) => {
                let (ends, present) = rows.finish();
                let columns = vec![key.finish()?, value.finish()?];
                let kinds = match field.data_type() {
                    DataType::Struct(kinds) => kinds.clone(),
                    _ => Fields::empty(),
                };
                let entries = StructArray::new(kinds, columns, None);
                let field = Arc::clone(field);
                Arc::new(MapArray::new(field, ends, entries, Some(present), false))
            }
            Self::Struct(fields, present, kinds) => {
                let columns = fields.iter_mut().map(Self::finish);
                let columns = columns.collect::<Result<Vec<_>, _>>()?;
                let present = NullBuffer::from(std::mem::take(present));
                Arc::new(StructArray::new(kinds.clone(), columns, Some(present)))
            }
        })
    }
}

/// A field without its escapes.
fn unescaped(field: &[u8], escape: Option<u8>) -> Cow<'_, [u8]> {
    match escape {
        Some(escape) if field.contains(&escape) => {
            Cow::Owned(super::delimited::unescape(field, escape))
        }
        _ => Cow::Borrowed(field),
    }
}

/// Keys and values of a map's text. Of equal keys the first counts; an entry without a key is left out, and one without a
/// separator has no value.
fn entries<'a>(
    text: &'a [u8],
    key: &ColumnBuilder,
    below: Below<'a>,
) -> Vec<(&'a [u8], Option<&'a [u8]>)> {
    let mut entries: Vec<(&[u8], Option<&[u8]>)> = Vec::new();
    if text.is_empty() {
        return entries;
    }
    for part in below.parts(text) {
        let mut cut = below.deeper(1).parts(part).into_iter();
        let name = cut.next().unwrap_or_default();
        // Only the first separator of an entry separates.
        let value = cut.next().map(|_| &part[name.len() + 1..]);
        let usable = name != below.null && key.reads(name);
        if usable && !entries.iter().any(|(known, _)| *known == name) {
            entries.push((name, value));
        }
    }
    entries
}

fn narrow<T: TryFrom<i64>>(field: Option<&[u8]>) -> Option<T> {
    field
        .and_then(value::parse_integer)
        .and_then(|value| T::try_from(value).ok())
}

fn number(field: &[u8]) -> Option<f64> {
    value::parse_short_double(field).or_else(|| value::parse_double(text(field)?))
}

fn text(field: &[u8]) -> Option<&str> {
    std::str::from_utf8(field).ok()
}
