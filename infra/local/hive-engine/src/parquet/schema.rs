//! The schema and compression of a Parquet file for a table's columns, with the names that Hive gives to the levels of lists
//! and maps.

use std::sync::Arc;

use parquet::basic::{Compression, ConvertedType, Repetition, Type as Physical, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::schema::types::Type;

use crate::error::Failure;
use crate::types::HiveType;

/// The compression that `parquet.compression` names; none where nothing is named, as in Hive.
///
/// # Errors
/// For a codec that is not there.
pub(crate) fn compression(name: Option<&str>) -> Result<Compression, Failure> {
    match name.unwrap_or("UNCOMPRESSED").to_ascii_uppercase().as_str() {
        "NONE" | "UNCOMPRESSED" => Ok(Compression::UNCOMPRESSED),
        "SNAPPY" => Ok(Compression::SNAPPY),
        "GZIP" => Ok(Compression::GZIP(parquet::basic::GzipLevel::default())),
        "ZSTD" => Ok(Compression::ZSTD(ZstdLevel::default())),
        other => Err(Failure::unsupported(format!("parquet.compression {other}"))),
    }
}

/// The file's schema.
///
/// # Errors
/// When a column cannot stand in a schema.
pub(crate) fn schema_of(columns: &[(String, HiveType)]) -> Result<Arc<Type>, Failure> {
    columns
        .iter()
        .map(|(name, kind)| node(name, kind, Repetition::OPTIONAL))
        .collect::<Result<Vec<_>, _>>()
        .and_then(|fields| {
            Type::group_type_builder("hive_schema")
                .with_fields(fields)
                .build()
        })
        .map(Arc::new)
        .map_err(|error| Failure::Query(format!("the columns have no Parquet schema: {error}")))
}

fn node(name: &str, kind: &HiveType, repetition: Repetition) -> Result<Arc<Type>, ParquetError> {
    let leaf = |physical, meaning| {
        Type::primitive_type_builder(name, physical)
            .with_repetition(repetition)
            .with_converted_type(meaning)
    };
    let built = match kind {
        HiveType::Boolean => leaf(Physical::BOOLEAN, ConvertedType::NONE),
        HiveType::TinyInt => leaf(Physical::INT32, ConvertedType::INT_8),
        HiveType::SmallInt => leaf(Physical::INT32, ConvertedType::INT_16),
        HiveType::Int => leaf(Physical::INT32, ConvertedType::NONE),
        HiveType::BigInt => leaf(Physical::INT64, ConvertedType::NONE),
        HiveType::Float => leaf(Physical::FLOAT, ConvertedType::NONE),
        HiveType::Double => leaf(Physical::DOUBLE, ConvertedType::NONE),
        HiveType::String | HiveType::Varchar(_) | HiveType::Char(_) => {
            leaf(Physical::BYTE_ARRAY, ConvertedType::UTF8)
        }
        HiveType::Binary => leaf(Physical::BYTE_ARRAY, ConvertedType::NONE),
        HiveType::Date => leaf(Physical::INT32, ConvertedType::DATE),
        HiveType::Timestamp => leaf(Physical::INT96, ConvertedType::NONE),
        HiveType::Decimal(precision, scale) => {
            leaf(Physical::FIXED_LEN_BYTE_ARRAY, ConvertedType::DECIMAL)
                .with_length(decimal_bytes(*precision))
                .with_precision(i32::from(*precision))
                .with_scale(i32::from(*scale))
        }
        HiveType::Array(item) => {
            let item = node("array_element", item, Repetition::OPTIONAL)?;
            let items = group("bag", Repetition::REPEATED, ConvertedType::NONE, vec![item])?;
            return group(name, repetition, ConvertedType::LIST, vec![items]);
        }
        HiveType::Map(key, value) => {
            let pair = vec![
                node("key", key, Repetition::REQUIRED)?,
                node("value", value, Repetition::OPTIONAL)?,
            ];
            let kind = ConvertedType::MAP_KEY_VALUE;
            let pairs = group("map", Repetition::REPEATED, kind, pair)?;
            return group(name, repetition, ConvertedType::MAP, vec![pairs]);
        }
        HiveType::Struct(fields) => {
            let fields = fields
                .iter()
                .map(|(name, kind)| node(name, kind, Repetition::OPTIONAL));
            let fields = fields.collect::<Result<_, _>>()?;
            return group(name, repetition, ConvertedType::NONE, fields);
        }
    };
    built.build().map(Arc::new)
}

fn group(
    name: &str,
    repetition: Repetition,
    kind: ConvertedType,
    fields: Vec<Arc<Type>>,
) -> Result<Arc<Type>, ParquetError> {
    let group = Type::group_type_builder(name)
        .with_repetition(repetition)
        .with_converted_type(kind)
        .with_fields(fields);
    group.build().map(Arc::new)
}

/// The fewest bytes that hold every number of so many digits, with its sign.
fn decimal_bytes(precision: u8) -> i32 {
    let largest = 10u128.pow(u32::from(precision)) - 1;
    let bits = 128 - largest.leading_zeros() + 1;
    i32::try_from(bits.div_ceil(8)).unwrap_or(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_codec_that_it_does_not_have() {
        let error = compression(Some("LZO")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "parquet.compression LZO is not supported"
        );
        assert_eq!(compression(None).unwrap(), Compression::UNCOMPRESSED);
    }

    #[test]
    fn a_name_may_hold_what_a_written_schema_could_not() {
        let columns = [("a b;{".to_owned(), HiveType::Int)];
        assert_eq!(schema_of(&columns).unwrap().get_fields()[0].name(), "a b;{");
    }

    #[test]
    fn decimals_take_as_few_bytes_as_they_need() {
        let sizes = [
            (1, 1),
            (2, 1),
            (3, 2),
            (9, 4),
            (10, 5),
            (18, 8),
            (19, 9),
            (38, 16),
        ];
        for (precision, bytes) in sizes {
            assert_eq!(decimal_bytes(precision), bytes, "{precision}");
        }
    }
}
