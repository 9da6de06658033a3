//! Hive's arithmetic where it differs: `/` gives DOUBLE or DECIMAL, and a division by zero gives NULL.
//! The planner of binary operators calls these by name.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, i256};

use super::udf::{Arguments, BIGINT, Function, at};
use crate::cast::cast_array;
use crate::error::Failure;
use crate::types::HiveType;
use crate::value;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("hive_divide", 2..=2, |types, _| Ok(divided(types)), divide),
        Function::new(
            "hive_modulo",
            2..=2,
            |types, _| Ok(remainder_type(types)),
            modulo,
        ),
        Function::new(
            "hive_add",
            2..=2,
            |types, _| wide_type('+', types),
            wide('+'),
        ),
        Function::new(
            "hive_subtract",
            2..=2,
            |types, _| wide_type('-', types),
            wide('-'),
        ),
        Function::new(
            "hive_multiply",
            2..=2,
            |types, _| wide_type('*', types),
            wide('*'),
        ),
        Function::new(
            "pmod",
            2..=2,
            |types, _| Ok(remainder_type(types)),
            positive_modulo,
        ),
        Function::new("hive_div", 2..=2, BIGINT, |arguments| {
            let (left, right) = (arguments.integer(0)?, arguments.integer(1)?);
            let divide = |row| at(&left, row)?.checked_div(at(&right, row)?);
            Ok(Arc::new(
                (0..arguments.rows).map(divide).collect::<Int64Array>(),
            ))
        }),
    ]
}

/// Precision and scale of a number that takes part in decimal arithmetic.
fn decimal_of(kind: &DataType) -> Option<(u8, i8)> {
    match kind {
        DataType::Decimal128(precision, scale) => Some((*precision, *scale)),
        DataType::Int8 => Some((3, 0)),
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        _ => None,
    }
}

fn both_decimal(types: &[DataType]) -> Option<((u8, i8), (u8, i8))> {
    let any = types
        .iter()
        .any(|kind| matches!(kind, DataType::Decimal128(_, _)));
    let (left, right) = (decimal_of(&types[0])?, decimal_of(&types[1])?);
    any.then_some((left, right))
}

/// Hive's rule: at least six digits behind the point, and digits before it are kept when 38 are not enough.
fn divided(types: &[DataType]) -> DataType {
    let Some(((p1, s1), (p2, s2))) = both_decimal(types) else {
        return DataType::Float64;
    };
    let (p1, s1, p2, s2) = (i32::from(p1), i32::from(s1), i32::from(p2), i32::from(s2));
    let scale = 6.max(s1 + p2 + 1);
    fitting(p1 - s1 + s2 + scale, scale)
}

fn divide(arguments: &Arguments) -> Result<ArrayRef, Failure> {
    let DataType::Decimal128(precision, scale) = arguments.kind else {
        let (left, right) = (arguments.double(0)?, arguments.double(1)?);
        let divide = |row| {
            let (left, right) = (at(&left, row)?, at(&right, row)?);
            (right != 0.0).then(|| left / right)
        };
        return Ok(Arc::new(
            (0..arguments.rows).map(divide).collect::<Float64Array>(),
        ));
    };
    let (left, left_scale) = decimals(arguments, 0)?;
    let (right, right_scale) = decimals(arguments, 1)?;
    let shift = i32::from(scale) - i32::from(left_scale) + i32::from(right_scale);
    let factor = power_of_ten(u32::try_from(shift).unwrap_or(0));
    let divide = |row| {
        let (left, right) = (
            i256::from_i128(at(&left, row)?),
            i256::from_i128(at(&right, row)?),
        );
        if right == i256::ZERO {
            return None;
        }
        let product = left.checked_mul(factor)?;
        let (quotient, rest) = (product.checked_div(right)?, product.checked_rem(right)?);
        let half = rest.wrapping_abs().checked_mul(i256::from_i128(2))? >= right.wrapping_abs();
        let away = if (product < i256::ZERO) == (right < i256::ZERO) {
            i256::ONE
        } else {
            i256::MINUS_ONE
        };
        let rounded = if half {
            quotient.checked_add(away)?
        } else {
            quotient
        };
        rounded
            .to_i128()
            .filter(|value| value::fits(*value, precision))
    };
    finish((0..arguments.rows).map(divide).collect(), precision, scale)
}

fn power_of_ten(exponent: u32) -> i256 {
    (0..exponent).fold(i256::ONE, |power, _| {
        power.wrapping_mul(i256::from_i128(10))
    })
}

fn decimals(arguments: &Arguments, index: usize) -> Result<(Decimal128Array, i8), Failure> {
    let column = &arguments.columns[index];
    let (precision, scale) = decimal_of(column.data_type()).unwrap_or((38, 10));
    let cast = cast_array(column, &HiveType::Decimal(precision, scale))?;
    Ok((cast.as_primitive::<Decimal128Type>().clone(), scale))
}

fn finish(values: Decimal128Array, precision: u8, scale: i8) -> Result<ArrayRef, Failure> {
    let values = values
        .with_precision_and_scale(precision, scale)
        .map_err(|error| Failure::Query(error.to_string()))?;
    Ok(Arc::new(values))
}

/// Hive's rule where a result would need more than 38 digits: those before the point are kept, and six behind it.
fn fitting(precision: i32, scale: i32) -> DataType {
    let (precision, scale) = if precision > 38 {
        let whole = precision - scale;
        (38, (38 - whole).max(6.min(scale)))
    } else {
        (precision, scale)
    };
    DataType::Decimal128(
        u8::try_from(precision).unwrap_or(38),
        i8::try_from(scale).unwrap_or(6),
    )
}

/// The type of a sum, difference or product of decimals that need more than 38 digits, where DataFusion's rule is another.
pub(crate) fn wide_result(operator: char, types: &[DataType]) -> Option<DataType> {
    let ((p1, s1), (p2, s2)) = both_decimal(types)?;
    let (p1, s1, p2, s2) = (i32::from(p1), i32::from(s1), i32::from(p2), i32::from(s2));
    let (precision, scale) = match operator {
        '*' => (p1 + p2 + 1, s1 + s2),
        _ => ((p1 - s1).max(p2 - s2) + s1.max(s2) + 1, s1.max(s2)),
    };
    (precision > 38).then(|| fitting(precision, scale))
}

fn wide_type(operator: char, types: &[DataType]) -> Result<DataType, Failure> {
    wide_result(operator, types)
        .ok_or_else(|| Failure::Query("decimals of more than 38 digits were expected".to_owned()))
}

fn wide(operator: char) -> impl Fn(&Arguments) -> Result<ArrayRef, Failure> + Send + Sync {
    move |arguments| {
        let DataType::Decimal128(precision, scale) = arguments.kind else {
            return Err(Failure::Query("a decimal was expected".to_owned()));
        };
        let (left, left_scale) = decimals(arguments, 0)?;
        let (right, right_scale) = decimals(arguments, 1)?;
        let common = left_scale.max(right_scale);
        let shifted = |value: i128, by: i8| {
            i256::from_i128(value).checked_mul(power_of_ten(u32::try_from(by).unwrap_or(0)))
        };
        let answer = |row| {
            let (left, right) = (at(&left, row)?, at(&right, row)?);
            let (exact, found) = if operator == '*' {
                let (left, right) = (i256::from_i128(left), i256::from_i128(right));
                (left.checked_mul(right)?, left_scale + right_scale)
            } else {
                let left = shifted(left, common - left_scale)?;
                let right = shifted(right, common - right_scale)?;
                let sum = if operator == '+' {
                    left.checked_add(right)?
                } else {
                    left.checked_sub(right)?
                };
                (sum, common)
            };
            rounded(exact, u32::try_from(found - scale).unwrap_or(0))?
                .to_i128()
                .filter(|value| value::fits(*value, precision))
        };
        finish((0..arguments.rows).map(answer).collect(), precision, scale)
    }
}

/// Without so many digits at its end; halves go away from zero.
fn rounded(value: i256, digits: u32) -> Option<i256> {
    if digits == 0 {
        return Some(value);
    }
    let divisor = power_of_ten(digits);
    let (quotient, rest) = (value.checked_div(divisor)?, value.checked_rem(divisor)?);
    if rest.wrapping_abs().checked_mul(i256::from_i128(2))? < divisor {
        return Some(quotient);
    }
    let away = if value < i256::ZERO {
        i256::MINUS_ONE
    } else {
        i256::ONE
    };
    quotient.checked_add(away)
}

fn remainder_type(types: &[DataType]) -> DataType {
    if let Some(((p1, s1), (p2, s2))) = both_decimal(types) {
        let whole = (i32::from(p1) - i32::from(s1)).min(i32::from(p2) - i32::from(s2));
        return fitting(whole + i32::from(s1.max(s2)), i32::from(s1.max(s2)));
    }
    match (&types[0], &types[1]) {
        (left, right) if left.is_integer() && right.is_integer() => {
            if left.primitive_width() >= right.primitive_width() {
                left.clone()
            } else {
                right.clone()
            }
        }
        _ => DataType::Float64,
    }
}

fn modulo(arguments: &Arguments) -> Result<ArrayRef, Failure> {
    remainder(
        arguments,
        |left, right| left.checked_rem(right),
        |left, right| left % right,
    )
}

fn positive_modulo(arguments: &Arguments) -> Result<ArrayRef, Failure> {
    let whole = |left: i128, right: i128| {
        left.checked_rem(right)
            .and_then(|rest| rest.checked_add(right)?.checked_rem(right))
    };
    remainder(arguments, whole, |left, right| {
        ((left % right) + right) % right
    })
}

fn remainder(
    arguments: &Arguments,
    whole: impl Fn(i128, i128) -> Option<i128>,
    double: impl Fn(f64, f64) -> f64,
) -> Result<ArrayRef, Failure> {
    match &arguments.kind {
        DataType::Float64 => {
            let (left, right) = (arguments.double(0)?, arguments.double(1)?);
            let answer = |row| {
                let (left, right) = (at(&left, row)?, at(&right, row)?);
                (right != 0.0).then(|| double(left, right))
            };
            Ok(Arc::new(
                (0..arguments.rows).map(answer).collect::<Float64Array>(),
            ))
        }
        DataType::Decimal128(precision, scale) => {
            let kind = HiveType::Decimal(38, *scale);
            let (left, right) = (
                cast_array(&arguments.columns[0], &kind)?,
                cast_array(&arguments.columns[1], &kind)?,
            );
            let (left, right) = (
                left.as_primitive::<Decimal128Type>(),
                right.as_primitive::<Decimal128Type>(),
            );
            let answer = |row| whole(at(left, row)?, at(right, row)?);
            finish(
                (0..arguments.rows).map(answer).collect(),
                *precision,
                *scale,
            )
        }
        kind => {
            let (left, right) = (arguments.integer(0)?, arguments.integer(1)?);
            let answer = |row| {
                i64::try_from(whole(
                    i128::from(at(&left, row)?),
                    i128::from(at(&right, row)?),
                )?)
                .ok()
            };
            let values: ArrayRef =
                Arc::new((0..arguments.rows).map(answer).collect::<Int64Array>());
            cast_array(&values, &HiveType::of_arrow(kind)?)
        }
    }
}
