//! `assert_true`, which lets a script stop itself; `greatest` and `least`; and numbers out of texts for aggregates.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, make_comparator, new_null_array};
use datafusion::arrow::compute::{SortOptions, kernels::zip::zip};
use datafusion::arrow::datatypes::DataType;

use super::udf::{Arguments, Function, at};
use crate::cast::cast_array;
use crate::error::Failure;
use crate::types::HiveType;

/// Reads a text as DOUBLE and leaves numbers as they are; aggregates of numbers get their arguments through it.
pub(crate) const NUMBER: &str = "hive_number";

pub(super) fn functions() -> Vec<Function> {
    vec![
        // Volatile, so that it is neither folded away while planning nor shared between rows.
        Function::new(
            "assert_true",
            1..=2,
            |_, _| Ok(DataType::Boolean),
            |arguments| {
                let conditions = arguments.boolean(0)?;
                if (0..arguments.rows).any(|row| at(&conditions, row) != Some(true)) {
                    // The rewriter hands over what the column is called.
                    let name = if arguments.count() == 2 {
                        at(&arguments.text(1)?, 0).map(str::to_owned)
                    } else {
                        None
                    };
                    return Err(Failure::Assertion { name });
                }
                Ok(new_null_array(&DataType::Boolean, arguments.rows))
            },
        )
        .volatile(),
        Function::new(
            "greatest",
            2..=usize::MAX,
            |types, _| common_type(types),
            |arguments| extreme(arguments, Ordering::Greater),
        ),
        Function::new(
            "least",
            2..=usize::MAX,
            |types, _| common_type(types),
            |arguments| extreme(arguments, Ordering::Less),
        ),
        Function::new(
            NUMBER,
            1..=1,
            |types, _| Ok(number(&types[0])),
            |arguments| {
                if arguments.columns[0].data_type() == &arguments.kind {
                    return Ok(Arc::clone(&arguments.columns[0]));
                }
                Ok(Arc::new(arguments.double(0)?))
            },
        ),
    ]
}

fn number(kind: &DataType) -> DataType {
    if kind.is_numeric() {
        kind.clone()
    } else {
        DataType::Float64
    }
}

/// The type that values of several types share: texts win, then doubles, decimals, integers.
pub(super) fn common_type(types: &[DataType]) -> Result<DataType, Failure> {
    let kinds = types
        .iter()
        .filter(|kind| **kind != DataType::Null)
        .map(HiveType::of_arrow)
        .collect::<Result<Vec<_>, _>>()?;
    let mut common: Option<HiveType> = None;
    for kind in kinds {
        common = Some(match common {
            None => kind,
            Some(known) => shared(known, kind)?,
        });
    }
    Ok(common.unwrap_or(HiveType::String).arrow())
}

fn shared(left: HiveType, right: HiveType) -> Result<HiveType, Failure> {
    const INTEGERS: [HiveType; 4] = [
        HiveType::TinyInt,
        HiveType::SmallInt,
        HiveType::Int,
        HiveType::BigInt,
    ];
    let rank = |kind: &HiveType| INTEGERS.iter().position(|integer| integer == kind);
    let as_decimal = |kind: &HiveType| match kind {
        HiveType::Decimal(precision, scale) => Some((i16::from(*precision), i16::from(*scale))),
        other => rank(other).map(|rank| ([3, 5, 10, 19][rank], 0)),
    };
    if left == right {
        return Ok(left);
    }
    if left == HiveType::String || right == HiveType::String {
        return Ok(HiveType::String);
    }
    if let (Some(first), Some(second)) = (rank(&left), rank(&right)) {
        return Ok(INTEGERS[first.max(second)].clone());
    }
    if let (Some((p1, s1)), Some((p2, s2))) = (as_decimal(&left), as_decimal(&right)) {
        let scale = s1.max(s2);
        let precision = ((p1 - s1).max(p2 - s2) + scale).min(38);
        return Ok(HiveType::Decimal(
            u8::try_from(precision).unwrap_or(38),
            i8::try_from(scale).unwrap_or(0),
        ));
    }
    match (&left, &right) {
        (HiveType::Date, HiveType::Timestamp) | (HiveType::Timestamp, HiveType::Date) => {
            Ok(HiveType::Timestamp)
        }
        _ if left.arrow().is_numeric() && right.arrow().is_numeric() => Ok(HiveType::Double),
        _ => Err(Failure::semantic(format!(
            "{left} and {right} have no common type"
        ))),
    }
}

/// NULL as soon as one argument is.
fn extreme(arguments: &Arguments, wanted: Ordering) -> Result<ArrayRef, Failure> {
    let kind = HiveType::of_arrow(&arguments.kind)?;
    let failed = |error: datafusion::arrow::error::ArrowError| Failure::Query(error.to_string());
    let mut best = cast_array(&arguments.columns[0], &kind)?;
    for column in &arguments.columns[1..] {
        let other = cast_array(column, &kind)?;
        let compare = make_comparator(&other, &best, SortOptions::default()).map_err(failed)?;
        let better =
            |row: usize| !best.is_null(row) && (other.is_null(row) || compare(row, row) == wanted);
        let mask: BooleanArray = (0..arguments.rows).map(|row| Some(better(row))).collect();
        best = zip(&mask, &other, &best).map_err(failed)?;
    }
    Ok(best)
}
