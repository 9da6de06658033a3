//! Arrow types as ORC types: the flat list of columns, numbered in pre-order from the root struct. Used by `writer`.

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use orc_rust::proto::{Type, r#type::Kind};

use crate::error::OrcWriteError;

/// The field metadata key that carries a Hive type which Arrow does not have: `varchar(20)`, `char(3)`.
pub const HIVE_TYPE: &str = "hive.type";

/// The ORC types of a table with these columns, the root struct first.
pub(crate) fn orc_types(fields: &Fields) -> Result<Vec<Type>, OrcWriteError> {
    let mut types = Vec::new();
    structure(fields, "", &mut types)?;
    Ok(types)
}

fn structure(fields: &Fields, path: &str, types: &mut Vec<Type>) -> Result<(), OrcWriteError> {
    let own = types.len();
    types.push(of_kind(Kind::Struct));
    for field in fields {
        types[own].field_names.push(field.name().clone());
        child(own, field, path, types)?;
    }
    Ok(())
}

fn child(
    parent: usize,
    field: &Field,
    path: &str,
    types: &mut Vec<Type>,
) -> Result<(), OrcWriteError> {
    let column = types.len() as u32;
    types[parent].subtypes.push(column);
    let path = if path.is_empty() {
        field.name().clone()
    } else {
        format!("{path}.{}", field.name())
    };
    add(field, &path, types)
}

fn add(field: &Field, path: &str, types: &mut Vec<Type>) -> Result<(), OrcWriteError> {
    let own = types.len();
    let kind = match field.data_type() {
        DataType::Boolean => Kind::Boolean,
        DataType::Int8 => Kind::Byte,
        DataType::Int16 => Kind::Short,
        DataType::Int32 => Kind::Int,
        DataType::Int64 => Kind::Long,
        DataType::Float32 => Kind::Float,
        DataType::Float64 => Kind::Double,
        DataType::Utf8 => {
            types.push(text(field));
            return Ok(());
        }
        DataType::Binary => Kind::Binary,
        DataType::Date32 => Kind::Date,
        DataType::Timestamp(TimeUnit::Nanosecond, None) => Kind::Timestamp,
        DataType::Timestamp(TimeUnit::Nanosecond, Some(_)) => Kind::TimestampInstant,
        DataType::Decimal128(precision, scale) if *scale >= 0 => {
            types.push(Type {
                precision: Some(u32::from(*precision)),
                scale: Some(*scale as u32),
                ..of_kind(Kind::Decimal)
            });
            return Ok(());
        }
        DataType::Struct(fields) => return structure(fields, path, types),
        DataType::List(element) => {
            types.push(of_kind(Kind::List));
            return child(own, element, path, types);
        }
        DataType::Map(entries, _) => {
            types.push(of_kind(Kind::Map));
            if let DataType::Struct(fields) = entries.data_type() {
                for field in fields {
                    child(own, field, path, types)?;
                }
            }
            return Ok(());
        }
        other => {
            return Err(OrcWriteError::UnsupportedType {
                column: path.to_owned(),
                data_type: other.clone(),
            });
        }
    };
    types.push(of_kind(kind));
    Ok(())
}

fn text(field: &Field) -> Type {
    let declared = field
        .metadata()
        .get(HIVE_TYPE)
        .map(String::as_str)
        .unwrap_or_default();
    for (prefix, kind) in [("varchar(", Kind::Varchar), ("char(", Kind::Char)] {
        let length = declared
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix(')'));
        if let Some(length) = length.and_then(|digits| digits.trim().parse().ok()) {
            return Type {
                maximum_length: Some(length),
                ..of_kind(kind)
            };
        }
    }
    of_kind(Kind::String)
}

fn of_kind(kind: Kind) -> Type {
    Type {
        kind: Some(kind as i32),
        ..Type::default()
    }
}

/// The type that a column is cast to before it is written: views, dictionaries and large offsets become plain arrays,
/// timestamps nanoseconds.
pub(crate) fn storage_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Dictionary(_, values) => storage_type(values),
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()),
        DataType::Date64 => DataType::Date32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::FixedSizeList(element, _) => DataType::List(stored(element)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(stored).collect()),
        DataType::Map(entries, sorted) => DataType::Map(stored(entries), *sorted),
        other => other.clone(),
    }
}

fn stored(field: &std::sync::Arc<Field>) -> std::sync::Arc<Field> {
    let stored = field
        .as_ref()
        .clone()
        .with_data_type(storage_type(field.data_type()));
    std::sync::Arc::new(stored)
}
