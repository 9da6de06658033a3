//! Hive's conversions between types. What cannot be read becomes NULL; nothing is an error except a type without conversion.
//! Used when rows are written to a table, by explicit CASTs and by the implicit ones of a plan.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float32Array, ListArray, MapArray, StructArray, new_null_array,
};
use datafusion::arrow::compute::cast as arrow_cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, TimeUnit};

use self::number::{boolean, decimal, double, integer};
use self::text::{shorten, written};
use self::time::{date, timestamp};
use crate::error::Failure;
use crate::types::HiveType;

mod number;
mod text;
mod time;

pub(crate) use self::text::{padded, text};

const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// Converts an array.
///
/// # Errors
/// [`Failure::Semantic`] when Hive has no conversion between the types.
pub(crate) fn cast_array(array: &ArrayRef, target: &HiveType) -> Result<ArrayRef, Failure> {
    let array = plain(array)?;
    if array.data_type() == &DataType::Null {
        return Ok(new_null_array(&target.arrow(), array.len()));
    }
    if array.data_type() == &target.arrow()
        && !matches!(target, HiveType::Varchar(_) | HiveType::Char(_))
    {
        return Ok(array);
    }
    match target {
        HiveType::String => written(&array),
        HiveType::Varchar(length) => shorten(&written(&array)?, *length, false),
        HiveType::Char(length) => shorten(&written(&array)?, *length, true),
        HiveType::Boolean => boolean(&array),
        HiveType::TinyInt | HiveType::SmallInt | HiveType::Int | HiveType::BigInt => {
            integer(&array, target)
        }
        HiveType::Float => {
            let doubles = double(&array)?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a float keeps what it can of a double"
            )]
            let floats: Float32Array = doubles
                .as_primitive::<Float64Type>()
                .iter()
                .map(|v| v.map(|v| v as f32))
                .collect();
            Ok(Arc::new(floats))
        }
        HiveType::Double => double(&array),
        HiveType::Decimal(precision, scale) => decimal(&array, *precision, *scale),
        HiveType::Date => date(&array),
        HiveType::Timestamp => timestamp(&array),
        HiveType::Binary => match array.data_type() {
            DataType::Utf8 | DataType::Binary => kernel(&array, &DataType::Binary),
            _ => Err(no_conversion(&array, target)),
        },
        HiveType::Array(item) => {
            let Some(list) = array.as_list_opt::<i32>() else {
                return Err(no_conversion(&array, target));
            };
            let DataType::List(field) = target.arrow() else {
                return Err(no_conversion(&array, target));
            };
            let values = cast_array(list.values(), item)?;
            let list =
                ListArray::try_new(field, list.offsets().clone(), values, list.nulls().cloned());
            Ok(Arc::new(
                list.map_err(|error| Failure::Query(error.to_string()))?,
            ))
        }
        HiveType::Struct(fields) => {
            let Some(found) = array.as_struct_opt() else {
                return Err(no_conversion(&array, target));
            };
            if found.num_columns() != fields.len() {
                return Err(no_conversion(&array, target));
            }
            let columns = found
                .columns()
                .iter()
                .zip(fields)
                .map(|(column, (_, kind))| cast_array(column, kind));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            let DataType::Struct(fields) = target.arrow() else {
                return Err(no_conversion(&array, target));
            };
            let made = StructArray::try_new(fields, columns, found.nulls().cloned());
            Ok(Arc::new(
                made.map_err(|error| Failure::Query(error.to_string()))?,
            ))
        }
        HiveType::Map(key, item) => {
            let Some(map) = array.as_map_opt() else {
                return Err(no_conversion(&array, target));
            };
            let DataType::Map(field, sorted) = target.arrow() else {
                return Err(no_conversion(&array, target));
            };
            let DataType::Struct(entry_fields) = field.data_type() else {
                return Err(no_conversion(&array, target));
            };
            let columns = vec![
                cast_array(map.keys(), key)?,
                cast_array(map.values(), item)?,
            ];
            let failed =
                |error: datafusion::arrow::error::ArrowError| Failure::Query(error.to_string());
            let entries =
                StructArray::try_new(entry_fields.clone(), columns, None).map_err(failed)?;
            let made = MapArray::try_new(
                field,
                map.offsets().clone(),
                entries,
                map.nulls().cloned(),
                sorted,
            );
            Ok(Arc::new(made.map_err(failed)?))
        }
    }
}

/// Views, dictionaries, large and unsigned arrays as the few types that the rest of this file knows.
fn plain(array: &ArrayRef) -> Result<ArrayRef, Failure> {
    let target = match array.data_type() {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Timestamp(unit, zone) if *unit != TimeUnit::Microsecond || zone.is_some() => {
            TIMESTAMP
        }
        DataType::Date64 => DataType::Date32,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Decimal256(_, scale) => DataType::Decimal128(38, *scale),
        DataType::Dictionary(_, value) => {
            let unpacked = kernel(array, value)?;
            return plain(&unpacked);
        }
        DataType::LargeList(item) => DataType::List(Arc::clone(item)),
        _ => return Ok(Arc::clone(array)),
    };
    kernel(array, &target)
}

fn kernel(array: &ArrayRef, target: &DataType) -> Result<ArrayRef, Failure> {
    arrow_cast(array, target).map_err(|error| Failure::Query(error.to_string()))
}

fn no_conversion(array: &ArrayRef, target: &HiveType) -> Failure {
    let from = HiveType::of_arrow(array.data_type())
        .map_or_else(|_| array.data_type().to_string(), |kind| kind.to_string());
    Failure::semantic(format!("{from} cannot be converted to {target}"))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Float64Array, Int64Array, StringArray};

    use super::*;

    fn strings(values: &[&str]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    fn printed(array: &ArrayRef, target: &str) -> Vec<Option<String>> {
        let cast = cast_array(array, &target.parse().unwrap()).unwrap();
        text(&cast)
            .unwrap()
            .as_string::<i32>()
            .iter()
            .map(|value| value.map(str::to_owned))
            .collect()
    }

    fn some(values: &[&str]) -> Vec<Option<String>> {
        values
            .iter()
            .map(|value| (*value != "NULL").then(|| (*value).to_owned()))
            .collect()
    }

    #[test]
    fn refuses_what_hive_has_no_conversion_for() {
        let dates = cast_array(&strings(&["2026-01-01"]), &HiveType::Date).unwrap();
        let error = cast_array(&dates, &HiveType::Int).unwrap_err();
        assert_eq!(error.to_string(), "date cannot be converted to int");
    }

    #[test]
    fn unreadable_text_is_null_in_every_type() {
        for target in [
            "tinyint",
            "int",
            "bigint",
            "double",
            "decimal(10,2)",
            "date",
            "timestamp",
        ] {
            assert_eq!(
                printed(&strings(&["abc", ""]), target),
                [None, None],
                "{target}"
            );
        }
    }

    #[test]
    fn a_number_too_wide_for_its_type_is_null_when_read_from_text() {
        assert_eq!(
            printed(&strings(&["127", "128", " 5 ", "1.9"]), "tinyint"),
            some(&["127", "NULL", "5", "1"])
        );
        assert_eq!(
            printed(&strings(&["999.994", "999.995"]), "decimal(5,2)"),
            some(&["999.99", "NULL"])
        );
    }

    #[test]
    fn doubles_are_cut_off_and_integers_wrap() {
        let doubles: ArrayRef = Arc::new(Float64Array::from(vec![1.9, -1.9, 1e20, f64::NAN]));
        assert_eq!(
            printed(&doubles, "int"),
            some(&["1", "-1", "2147483647", "0"])
        );
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![300, -129]));
        assert_eq!(printed(&wide, "tinyint"), some(&["44", "127"]));
    }

    #[test]
    fn texts_are_cut_to_their_length_in_characters() {
        assert_eq!(
            printed(&strings(&["äöüß", "a  "]), "varchar(3)"),
            some(&["äöü", "a  "])
        );
        assert_eq!(
            printed(&strings(&["äöüß", "a  "]), "char(3)"),
            some(&["äöü", "a"])
        );
    }

    #[test]
    fn values_print_as_hive_prints_them() {
        let doubles: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 1e10]));
        assert_eq!(printed(&doubles, "string"), some(&["1.0", "1.0E10"]));
        assert_eq!(
            printed(&doubles, "decimal(14,3)"),
            some(&["1.000", "10000000000.000"])
        );
        assert_eq!(
            printed(&strings(&["2026-1-2 3:4:5.60"]), "timestamp"),
            some(&["2026-01-02 03:04:05.6"])
        );
        assert_eq!(
            printed(&strings(&["yes", "False", "0", "", "f"]), "boolean"),
            some(&["true", "false", "false", "false", "true"])
        );
    }
}
