//! Functions of arrays and maps that DataFusion lacks or does otherwise.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, Int32Array};
use datafusion::arrow::datatypes::DataType;

use super::udf::{Function, INT};
use crate::error::Failure;

pub(super) fn functions() -> Vec<Function> {
    vec![Function::new("size", 1..=1, INT, |arguments| {
        let column = &arguments.columns[0];
        let length = |row: usize| match column.data_type() {
            DataType::List(_) => {
                Ok(usize::try_from(column.as_list::<i32>().value_length(row)).unwrap_or(0))
            }
            DataType::Map(_, _) => {
                Ok(usize::try_from(column.as_map().value_length(row)).unwrap_or(0))
            }
            other => Err(Failure::semantic(format!(
                "size takes an array or a map, not {other}"
            ))),
        };
        // The size of NULL is -1.
        let sizes = (0..arguments.rows).map(|row| {
            if column.is_null(row) {
                Ok(-1)
            } else {
                Ok(i32::try_from(length(row)?).unwrap_or(i32::MAX))
            }
        });
        Ok(Arc::new(Int32Array::from(
            sizes.collect::<Result<Vec<_>, Failure>>()?,
        )))
    })]
}
