//! `assert_true`, which lets a script stop itself.

use datafusion::arrow::array::new_null_array;
use datafusion::arrow::datatypes::DataType;

use super::udf::{Function, at};
use crate::error::Failure;

pub(super) fn functions() -> Vec<Function> {
    // Volatile, so that it is neither folded away while planning nor shared between rows.
    vec![
        Function::new(
            "assert_true",
            1..=1,
            |_, _| Ok(DataType::Boolean),
            |arguments| {
                let conditions = arguments.boolean(0)?;
                if (0..arguments.rows).any(|row| at(&conditions, row) != Some(true)) {
                    return Err(Failure::Assertion);
                }
                Ok(new_null_array(&DataType::Boolean, arguments.rows))
            },
        )
        .volatile(),
    ]
}
