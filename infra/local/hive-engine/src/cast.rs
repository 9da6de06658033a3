//! Hive's conversions between types. What cannot be read becomes NULL; nothing is an error except a type without conversion.
//! Used when rows are written to a table, by explicit CASTs and by the implicit ones of a plan.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, ListArray, MapArray, StringArray,
    StringBuilder, StructArray, TimestampMicrosecondArray, new_null_array,
};
use datafusion::arrow::compute::cast as arrow_cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};

use crate::error::Failure;
use crate::types::HiveType;
use crate::value;

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

/// A cast to STRING: a boolean is in capitals there, and only there.
fn written(array: &ArrayRef) -> Result<ArrayRef, Failure> {
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
fn shorten(array: &ArrayRef, length: u32, trim: bool) -> Result<ArrayRef, Failure> {
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

fn boolean(array: &ArrayRef) -> Result<ArrayRef, Failure> {
    let values: BooleanArray = match array.data_type() {
        DataType::Utf8 => array
            .as_string::<i32>()
            .iter()
            .map(|value| value.and_then(parse_boolean))
            .collect(),
        DataType::Date32 | DataType::Binary => {
            return Err(no_conversion(array, &HiveType::Boolean));
        }
        DataType::Timestamp(_, _) => array
            .as_primitive::<TimestampMicrosecondType>()
            .iter()
            .map(|v| v.map(|v| v != 0))
            .collect(),
        DataType::Decimal128(_, _) => array
            .as_primitive::<Decimal128Type>()
            .iter()
            .map(|v| v.map(|v| v != 0))
            .collect(),
        _ => return kernel(array, &DataType::Boolean),
    };
    Ok(Arc::new(values))
}

/// Hive takes every text for true that does not say otherwise.
fn parse_boolean(text: &str) -> Option<bool> {
    const FALSE: [&str; 5] = ["", "false", "off", "no", "0"];
    Some(!FALSE.iter().any(|word| text.eq_ignore_ascii_case(word)))
}

/// Integers of any width, first as BIGINT. Doubles are cut off and saturate; a wider integer wraps, as in Java.
fn integer(array: &ArrayRef, target: &HiveType) -> Result<ArrayRef, Failure> {
    let from_text = array.data_type() == &DataType::Utf8;
    let saturates = matches!(array.data_type(), DataType::Float32 | DataType::Float64);
    let wide: Int64Array = match array.data_type() {
        DataType::Utf8 => {
            let parse = |text: &str| value::parse_integer(text.trim().as_bytes());
            array
                .as_string::<i32>()
                .iter()
                .map(|value| value.and_then(parse))
                .collect()
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "`as` saturates and cuts off as Java does"
        )]
        DataType::Float32 => array
            .as_primitive::<Float32Type>()
            .iter()
            .map(|v| v.map(|v| v as i64))
            .collect(),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "`as` saturates and cuts off as Java does"
        )]
        DataType::Float64 => array
            .as_primitive::<Float64Type>()
            .iter()
            .map(|v| v.map(|v| v as i64))
            .collect(),
        DataType::Decimal128(_, scale) => {
            let divisor = 10i128
                .checked_pow(u32::from(scale.unsigned_abs()))
                .unwrap_or(i128::MAX);
            let whole = |value: i128| i64::try_from(value / divisor).ok();
            array
                .as_primitive::<Decimal128Type>()
                .iter()
                .map(|value| value.and_then(whole))
                .collect()
        }
        DataType::Timestamp(_, _) => {
            let seconds = |micros: i64| micros.div_euclid(1_000_000);
            array
                .as_primitive::<TimestampMicrosecondType>()
                .iter()
                .map(|value| value.map(seconds))
                .collect()
        }
        DataType::Boolean => array
            .as_boolean()
            .iter()
            .map(|value| value.map(i64::from))
            .collect(),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            kernel(array, &DataType::Int64)?
                .as_primitive::<Int64Type>()
                .clone()
        }
        _ => return Err(no_conversion(array, target)),
    };
    let exact = from_text || matches!(array.data_type(), DataType::Decimal128(_, _));
    macro_rules! narrow {
        ($array:ty, $native:ty) => {{
            let narrowed: $array = wide
                .iter()
                .map(|value| {
                    value.and_then(|value| {
                        if exact {
                            return <$native>::try_from(value).ok();
                        }
                        // Java narrows a double to INT first, with saturation, and then wraps.
                        let value = if saturates {
                            value.clamp(i64::from(i32::MIN), i64::from(i32::MAX))
                        } else {
                            value
                        };
                        #[expect(
                            clippy::cast_possible_truncation,
                            reason = "a wider integer wraps, as in Java"
                        )]
                        Some(value as $native)
                    })
                })
                .collect();
            Ok(Arc::new(narrowed))
        }};
    }
    match target {
        HiveType::TinyInt => narrow!(Int8Array, i8),
        HiveType::SmallInt => narrow!(Int16Array, i16),
        HiveType::Int => narrow!(Int32Array, i32),
        _ => Ok(Arc::new(wide)),
    }
}

fn double(array: &ArrayRef) -> Result<ArrayRef, Failure> {
    let values: Float64Array = match array.data_type() {
        DataType::Utf8 => array
            .as_string::<i32>()
            .iter()
            .map(|value| value.and_then(value::parse_double))
            .collect(),
        #[expect(clippy::cast_precision_loss, reason = "a double keeps what it can")]
        DataType::Timestamp(_, _) => array
            .as_primitive::<TimestampMicrosecondType>()
            .iter()
            .map(|v| v.map(|v| v as f64 / 1e6))
            .collect(),
        DataType::Date32
        | DataType::Binary
        | DataType::List(_)
        | DataType::Struct(_)
        | DataType::Map(_, _) => {
            return Err(no_conversion(array, &HiveType::Double));
        }
        _ => return kernel(array, &DataType::Float64),
    };
    Ok(Arc::new(values))
}

fn decimal(array: &ArrayRef, precision: u8, scale: i8) -> Result<ArrayRef, Failure> {
    let target = HiveType::Decimal(precision, scale);
    let parse = |text: &str| value::parse_decimal(text, precision, scale);
    let fitting = |value: i128| value::fits(value, precision).then_some(value);
    let values: Decimal128Array = match array.data_type() {
        DataType::Utf8 => array
            .as_string::<i32>()
            .iter()
            .map(|value| value.and_then(parse))
            .collect(),
        DataType::Float64 => array
            .as_primitive::<Float64Type>()
            .iter()
            .map(|v| v.and_then(|v| parse(&value::double_text(v))))
            .collect(),
        DataType::Float32 => array
            .as_primitive::<Float32Type>()
            .iter()
            .map(|v| v.and_then(|v| parse(&value::float_text(v))))
            .collect(),
        DataType::Decimal128(_, from) => {
            let convert = |value: i128| value::rescale(value, *from, scale).and_then(fitting);
            array
                .as_primitive::<Decimal128Type>()
                .iter()
                .map(|value| value.and_then(convert))
                .collect()
        }
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Boolean => {
            let wide = integer(array, &HiveType::BigInt)?;
            let convert =
                |value: i64| value::rescale(i128::from(value), 0, scale).and_then(fitting);
            wide.as_primitive::<Int64Type>()
                .iter()
                .map(|value| value.and_then(convert))
                .collect()
        }
        _ => return Err(no_conversion(array, &target)),
    };
    let values = values
        .with_precision_and_scale(precision, scale)
        .map_err(|error| Failure::Query(error.to_string()))?;
    Ok(Arc::new(values))
}

fn date(array: &ArrayRef) -> Result<ArrayRef, Failure> {
    let values: Date32Array = match array.data_type() {
        DataType::Utf8 => array
            .as_string::<i32>()
            .iter()
            .map(|value| value.and_then(value::parse_date))
            .collect(),
        DataType::Timestamp(_, _) => {
            let day = |micros: i64| i32::try_from(micros.div_euclid(value::DAY_MICROS)).ok();
            array
                .as_primitive::<TimestampMicrosecondType>()
                .iter()
                .map(|value| value.and_then(day))
                .collect()
        }
        _ => return Err(no_conversion(array, &HiveType::Date)),
    };
    Ok(Arc::new(values))
}

/// Integers and doubles are seconds, as Spark reads them.
fn timestamp(array: &ArrayRef) -> Result<ArrayRef, Failure> {
    let values: TimestampMicrosecondArray = match array.data_type() {
        DataType::Utf8 => array
            .as_string::<i32>()
            .iter()
            .map(|value| value.and_then(value::parse_timestamp))
            .collect(),
        DataType::Date32 => array
            .as_primitive::<Date32Type>()
            .iter()
            .map(|v| v.map(|v| i64::from(v) * value::DAY_MICROS))
            .collect(),
        #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
        DataType::Float32 | DataType::Float64 | DataType::Decimal128(_, _) => {
            let seconds = double(array)?;
            seconds
                .as_primitive::<Float64Type>()
                .iter()
                .map(|v| v.map(|v| (v * 1e6) as i64))
                .collect()
        }
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Boolean => {
            let seconds = integer(array, &HiveType::BigInt)?;
            seconds
                .as_primitive::<Int64Type>()
                .iter()
                .map(|v| v.and_then(|v| v.checked_mul(1_000_000)))
                .collect()
        }
        _ => return Err(no_conversion(array, &HiveType::Timestamp)),
    };
    Ok(Arc::new(values))
}

#[cfg(test)]
mod tests {
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
