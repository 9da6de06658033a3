//! Functions of numbers. Decimals stay decimals, integers stay integers, anything else is read as DOUBLE.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type};
use datafusion::common::ScalarValue;

use super::udf::{Arguments, DOUBLE, Function, at};
use crate::cast::cast_array;
use crate::error::Failure;
use crate::types::HiveType;
use crate::value;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new(
            "abs",
            1..=1,
            |types, _| Ok(same_number(types)),
            |arguments| keep_kind(arguments, i128::checked_abs, f64::abs),
        ),
        Function::new(
            "negative",
            1..=1,
            |types, _| Ok(same_number(types)),
            |arguments| keep_kind(arguments, i128::checked_neg, |value| -value),
        ),
        Function::new(
            "positive",
            1..=1,
            |types, _| Ok(same_number(types)),
            |arguments| keep_kind(arguments, Some, |value| value),
        ),
        Function::new(
            "ceil",
            1..=1,
            |types, _| Ok(whole(types)),
            |arguments| to_whole(arguments, true),
        ),
        Function::new(
            "floor",
            1..=1,
            |types, _| Ok(whole(types)),
            |arguments| to_whole(arguments, false),
        ),
        Function::new(
            "round",
            1..=2,
            |types, constants| Ok(rounded(types, constants)),
            |arguments| round(arguments, value::rescale),
        ),
        Function::new(
            "bround",
            1..=2,
            |types, constants| Ok(rounded(types, constants)),
            |arguments| round(arguments, value::rescale_to_even),
        ),
        double("sqrt", |value| (value >= 0.0).then(|| value.sqrt())),
        double("exp", |value| Some(value.exp())),
        double("ln", |value| (value > 0.0).then(|| value.ln())),
        double("log2", |value| (value > 0.0).then(|| value.log2())),
        double("log10", |value| (value > 0.0).then(|| value.log10())),
        double("sign", |value| {
            Some(if value == 0.0 { 0.0 } else { value.signum() })
        }),
        double("sin", |value| Some(value.sin())),
        double("cos", |value| Some(value.cos())),
        double("tan", |value| Some(value.tan())),
        double("asin", |value| (value.abs() <= 1.0).then(|| value.asin())),
        double("acos", |value| (value.abs() <= 1.0).then(|| value.acos())),
        double("atan", |value| Some(value.atan())),
        double("cbrt", |value| Some(value.cbrt())),
        Function::new("e", 0..=0, DOUBLE, |arguments| {
            doubles(arguments.rows, |_| Some(std::f64::consts::E))
        }),
        Function::new("pi", 0..=0, DOUBLE, |arguments| {
            doubles(arguments.rows, |_| Some(std::f64::consts::PI))
        }),
        Function::new(
            "factorial",
            1..=1,
            |_, _| Ok(DataType::Int64),
            |arguments| {
                let values = arguments.integer(0)?;
                let answer = |row| {
                    let value = at(&values, row).filter(|value| (0..=20).contains(value))?;
                    Some((1..=value).product::<i64>())
                };
                Ok(Arc::new(
                    (0..arguments.rows).map(answer).collect::<Int64Array>(),
                ))
            },
        ),
        bits("shiftleft", |value, by, wide| {
            if wide {
                value << (by & 63)
            } else {
                i64::from(low(value) << (by & 31))
            }
        }),
        bits("shiftright", |value, by, wide| {
            if wide {
                value >> (by & 63)
            } else {
                i64::from(low(value) >> (by & 31))
            }
        }),
        bits("shiftrightunsigned", |value, by, wide| {
            if wide {
                i64::from_ne_bytes(
                    (u64::from_ne_bytes(value.to_ne_bytes()) >> (by & 63)).to_ne_bytes(),
                )
            } else {
                let unsigned = u32::from_ne_bytes(low(value).to_ne_bytes()) >> (by & 31);
                i64::from(i32::from_ne_bytes(unsigned.to_ne_bytes()))
            }
        }),
        Function::new(
            "hive_not",
            1..=1,
            |types, _| Ok(same_number(types)),
            |arguments| {
                let values = arguments.integer(0)?;
                let values: ArrayRef = Arc::new(
                    (0..arguments.rows)
                        .map(|row| at(&values, row).map(|value| !value))
                        .collect::<Int64Array>(),
                );
                cast_array(&values, &HiveType::of_arrow(&arguments.kind)?)
            },
        ),
        Function::new("width_bucket", 4..=4, super::udf::INT, |arguments| {
            let (value, low, high, count) = (
                arguments.double(0)?,
                arguments.double(1)?,
                arguments.double(2)?,
                arguments.integer(3)?,
            );
            let answer = |row| {
                let (value, low, high) = (at(&value, row)?, at(&low, row)?, at(&high, row)?);
                let count = at(&count, row).filter(|count| *count > 0)?;
                #[expect(clippy::cast_precision_loss, reason = "buckets are few")]
                let place = (value - low) / (high - low) * count as f64;
                #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
                let place = place.floor().clamp(-1.0, count as f64) as i64 + 1;
                i32::try_from(place).ok()
            };
            Ok(Arc::new(
                (0..arguments.rows)
                    .map(answer)
                    .collect::<datafusion::arrow::array::Int32Array>(),
            ))
        }),
        double("radians", |value| Some(value.to_radians())),
        double("degrees", |value| Some(value.to_degrees())),
        Function::new("power", 2..=2, DOUBLE, |arguments| {
            let (base, exponent) = (arguments.double(0)?, arguments.double(1)?);
            doubles(arguments.rows, |row| {
                Some(at(&base, row)?.powf(at(&exponent, row)?))
            })
        }),
        Function::new("log", 1..=2, DOUBLE, |arguments| {
            let first = arguments.double(0)?;
            if arguments.count() == 1 {
                return doubles(arguments.rows, |row| {
                    at(&first, row).filter(|value| *value > 0.0).map(f64::ln)
                });
            }
            let second = arguments.double(1)?;
            doubles(arguments.rows, |row| {
                let (base, value) = (at(&first, row)?, at(&second, row)?);
                (base > 0.0 && base != 1.0 && value > 0.0).then(|| value.ln() / base.ln())
            })
        }),
    ]
}

fn double(name: &'static str, answer: fn(f64) -> Option<f64>) -> Function {
    Function::new(name, 1..=1, DOUBLE, move |arguments| {
        let values = arguments.double(0)?;
        doubles(arguments.rows, |row| at(&values, row).and_then(answer))
    })
}

/// The low 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "the low bits are wanted")]
fn low(value: i64) -> i32 {
    value as i32
}

/// A function of bits; the last argument of the answer says whether the value is a BIGINT.
fn bits(name: &'static str, answer: fn(i64, i64, bool) -> i64) -> Function {
    Function::new(
        name,
        2..=2,
        |types, constants| {
            // A small constant is an INT, although DataFusion reads every constant as BIGINT.
            let small = constants.first().and_then(Option::as_ref).is_some_and(|value| {
                matches!(value, ScalarValue::Int64(Some(value)) if i32::try_from(*value).is_ok())
            });
            Ok(match types[0] {
                DataType::Int64 if !small => DataType::Int64,
                _ => DataType::Int32,
            })
        },
        move |arguments| {
            let (values, by) = (arguments.integer(0)?, arguments.integer(1)?);
            let wide = arguments.kind == DataType::Int64;
            let values: ArrayRef = Arc::new(
                (0..arguments.rows)
                    .map(|row| Some(answer(at(&values, row)?, at(&by, row)?, wide)))
                    .collect::<Int64Array>(),
            );
            cast_array(&values, &HiveType::of_arrow(&arguments.kind)?)
        },
    )
}

fn doubles(rows: usize, answer: impl Fn(usize) -> Option<f64>) -> Result<ArrayRef, Failure> {
    Ok(Arc::new((0..rows).map(answer).collect::<Float64Array>()))
}

fn same_number(types: &[DataType]) -> DataType {
    match &types[0] {
        kind @ DataType::Decimal128(_, _) => kind.clone(),
        kind if kind.is_integer() => kind.clone(),
        _ => DataType::Float64,
    }
}

fn keep_kind(
    arguments: &Arguments,
    whole: fn(i128) -> Option<i128>,
    double: fn(f64) -> f64,
) -> Result<ArrayRef, Failure> {
    match &arguments.kind {
        DataType::Float64 => {
            let values = arguments.double(0)?;
            doubles(arguments.rows, |row| at(&values, row).map(double))
        }
        DataType::Decimal128(precision, scale) => {
            let values = arguments.columns[0].as_primitive::<Decimal128Type>();
            finish(
                (0..arguments.rows)
                    .map(|row| at(values, row).and_then(whole))
                    .collect(),
                *precision,
                *scale,
            )
        }
        kind => {
            let values = arguments.integer(0)?;
            #[expect(clippy::cast_possible_truncation, reason = "Java's integers wrap")]
            let answer = |row| {
                at(&values, row)
                    .and_then(|value| whole(i128::from(value)))
                    .map(|value| value as i64)
            };
            let values: ArrayRef =
                Arc::new((0..arguments.rows).map(answer).collect::<Int64Array>());
            cast_array(&values, &HiveType::of_arrow(kind)?)
        }
    }
}

fn finish(values: Decimal128Array, precision: u8, scale: i8) -> Result<ArrayRef, Failure> {
    let values = values
        .with_precision_and_scale(precision, scale)
        .map_err(|error| Failure::Query(error.to_string()))?;
    Ok(Arc::new(values))
}

fn whole(types: &[DataType]) -> DataType {
    match &types[0] {
        DataType::Decimal128(precision, scale) => DataType::Decimal128(
            (precision.saturating_sub(scale.unsigned_abs()) + 1).clamp(1, 38),
            0,
        ),
        _ => DataType::Int64,
    }
}

fn to_whole(arguments: &Arguments, up: bool) -> Result<ArrayRef, Failure> {
    if let (DataType::Decimal128(_, scale), DataType::Decimal128(precision, _)) =
        (arguments.columns[0].data_type(), &arguments.kind)
    {
        let divisor = 10i128.pow(u32::from(scale.unsigned_abs()));
        let values = arguments.columns[0].as_primitive::<Decimal128Type>();
        let answer = |value: i128| {
            let floor = value.div_euclid(divisor);
            if up && value.rem_euclid(divisor) != 0 {
                floor + 1
            } else {
                floor
            }
        };
        return finish(
            (0..arguments.rows)
                .map(|row| at(values, row).map(answer))
                .collect(),
            *precision,
            0,
        );
    }
    if arguments.columns[0].data_type().is_integer() {
        return Ok(Arc::new(arguments.integer(0)?));
    }
    let values = arguments.double(0)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates as Java does"
    )]
    let answer = |value: f64| {
        if up {
            value.ceil() as i64
        } else {
            value.floor() as i64
        }
    };
    Ok(Arc::new(
        (0..arguments.rows)
            .map(|row| at(&values, row).map(answer))
            .collect::<Int64Array>(),
    ))
}

/// The digits that ROUND keeps, when they are a constant.
fn constant_digits(constants: &[Option<ScalarValue>]) -> i64 {
    constants
        .get(1)
        .and_then(Option::as_ref)
        .and_then(|value| value.cast_to(&DataType::Int64).ok())
        .map_or(0, |value| match value {
            ScalarValue::Int64(Some(digits)) => digits,
            _ => 0,
        })
}

fn rounded(types: &[DataType], constants: &[Option<ScalarValue>]) -> DataType {
    match &types[0] {
        DataType::Decimal128(precision, scale) => {
            let digits =
                i8::try_from(constant_digits(constants).clamp(0, i64::from(*scale))).unwrap_or(0);
            let whole = i16::from(*precision) - i16::from(*scale) + 1;
            DataType::Decimal128(
                u8::try_from(whole + i16::from(digits))
                    .unwrap_or(38)
                    .clamp(1, 38),
                digits,
            )
        }
        kind if kind.is_integer() => kind.clone(),
        _ => DataType::Float64,
    }
}

/// Rounds as `rescale` does: half away from zero, or half to even.
fn round(
    arguments: &Arguments,
    rescale: fn(i128, i8, i8) -> Option<i128>,
) -> Result<ArrayRef, Failure> {
    let digits = if arguments.count() == 2 {
        Some(arguments.integer(1)?)
    } else {
        None
    };
    let digits = |row| digits.as_ref().map_or(Some(0), |digits| at(digits, row));
    match &arguments.kind {
        DataType::Decimal128(precision, scale) => {
            let DataType::Decimal128(_, from) = arguments.columns[0].data_type() else {
                return Err(Failure::semantic("round: the argument is no decimal"));
            };
            let values = arguments.columns[0].as_primitive::<Decimal128Type>();
            let answer = |row| {
                let kept = i8::try_from(digits(row)?.clamp(-38, i64::from(*scale))).ok()?;
                value::rescale(rescale(at(values, row)?, *from, kept)?, kept, *scale)
            };
            finish(
                (0..arguments.rows).map(answer).collect(),
                *precision,
                *scale,
            )
        }
        DataType::Float64 => {
            let values = arguments.double(0)?;
            doubles(arguments.rows, |row| {
                let (value, digits) = (at(&values, row)?, digits(row)?);
                if !value.is_finite() {
                    return Some(value);
                }
                // Through the shortest decimal text, as Java's BigDecimal does: 2.675 is 2.675, not a little less.
                let digits = i8::try_from(digits.clamp(-38, 30)).ok()?;
                let exact = value::parse_decimal(&format!("{value:?}"), 38, 17);
                let Some(exact) = exact.filter(|_| digits <= 17) else {
                    return Some(value);
                };
                let kept = rescale(exact, 17, digits)?;
                let unscaled = if digits < 0 {
                    value::rescale(kept, digits, 0)?
                } else {
                    kept
                };
                value::decimal_text(unscaled, digits.max(0)).parse().ok()
            })
        }
        kind => {
            let values = arguments.integer(0)?;
            let answer = |row| {
                let kept = i8::try_from(digits(row)?.clamp(-38, 0)).ok()?;
                let rounded =
                    value::rescale(rescale(i128::from(at(&values, row)?), 0, kept)?, kept, 0)?;
                i64::try_from(rounded).ok()
            };
            let values: ArrayRef =
                Arc::new((0..arguments.rows).map(answer).collect::<Int64Array>());
            cast_array(&values, &HiveType::of_arrow(kind)?)
        }
    }
}
