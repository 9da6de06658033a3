//! Conversions to DATE and TIMESTAMP.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Date32Array, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int64Type, TimestampMicrosecondType,
};

use super::no_conversion;
use super::number::{double, integer};
use crate::error::Failure;
use crate::types::HiveType;
use crate::value;

pub(super) fn date(array: &ArrayRef) -> Result<ArrayRef, Failure> {
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

/// Integers are milliseconds, as long as `hive.int.timestamp.conversion.in.seconds` is not set; all other numbers are seconds.
pub(super) fn timestamp(array: &ArrayRef) -> Result<ArrayRef, Failure> {
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
            let milliseconds = integer(array, &HiveType::BigInt)?;
            milliseconds
                .as_primitive::<Int64Type>()
                .iter()
                .map(|v| v.and_then(|v| v.checked_mul(1000)))
                .collect()
        }
        _ => return Err(no_conversion(array, &HiveType::Timestamp)),
    };
    Ok(Arc::new(values))
}
