//! Conversions to BOOLEAN, the integers, DOUBLE and DECIMAL.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array,
};
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int64Type, TimestampMicrosecondType,
};

use super::{kernel, no_conversion};
use crate::error::Failure;
use crate::types::HiveType;
use crate::value;

pub(super) fn boolean(array: &ArrayRef) -> Result<ArrayRef, Failure> {
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
pub(super) fn integer(array: &ArrayRef, target: &HiveType) -> Result<ArrayRef, Failure> {
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

pub(super) fn double(array: &ArrayRef) -> Result<ArrayRef, Failure> {
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

pub(super) fn decimal(array: &ArrayRef, precision: u8, scale: i8) -> Result<ArrayRef, Failure> {
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
