//! Functions of numbers.

use super::format_number::format_number;
use super::{Entries, argument};
use crate::error::{Error, quoted};
use crate::evaluator::{Evaluator, shown};
use crate::operators::finite;
use crate::value::{Value, number_text, truthy};

pub(super) const TABLE: Entries = &[
    ("number", "<(nsb)-:n>", number),
    ("floor", "<n-:n>", |_, arguments| {
        Ok(mapped(arguments, f64::floor))
    }),
    ("ceil", "<n-:n>", |_, arguments| {
        Ok(mapped(arguments, f64::ceil))
    }),
    ("abs", "<n-:n>", |_, arguments| {
        Ok(mapped(arguments, f64::abs))
    }),
    ("round", "<n-n?:n>", |_, arguments| {
        let places = argument(arguments, 1).as_number().unwrap_or_default();
        Ok(mapped(arguments, |number| round(number, places as i32)))
    }),
    ("sqrt", "<n-:n>", sqrt),
    ("power", "<n-n:n>", power),
    ("random", "<:n>", |evaluator, _| {
        Ok(Value::Number(evaluator.host.random()))
    }),
    ("sum", "<a<n>:n>", |_, arguments| {
        Ok(folded(arguments, |numbers| Some(numbers.iter().sum())))
    }),
    ("count", "<a:n>", |_, arguments| {
        Ok(Value::Number(argument(arguments, 0).items().len() as f64))
    }),
    ("max", "<a<n>:n>", |_, arguments| {
        Ok(folded(arguments, |numbers| {
            numbers.iter().copied().reduce(f64::max)
        }))
    }),
    ("min", "<a<n>:n>", |_, arguments| {
        Ok(folded(arguments, |numbers| {
            numbers.iter().copied().reduce(f64::min)
        }))
    }),
    ("average", "<a<n>:n>", |_, arguments| {
        Ok(folded(arguments, |numbers| {
            (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
        }))
    }),
    ("formatNumber", "<n-so?:s>", |_, arguments| {
        format_number(arguments)
    }),
    ("formatBase", "<n-n?:s>", format_base),
    ("boolean", "<x-:b>", |_, arguments| {
        let value = argument(arguments, 0);
        Ok(if value.is_undefined() {
            Value::Undefined
        } else {
            Value::Bool(truthy(value))
        })
    }),
    ("not", "<x-:b>", |_, arguments| {
        let value = argument(arguments, 0);
        Ok(if value.is_undefined() {
            Value::Undefined
        } else {
            Value::Bool(!truthy(value))
        })
    }),
    ("exists", "<x:b>", |_, arguments| {
        Ok(Value::Bool(!argument(arguments, 0).is_undefined()))
    }),
];

fn mapped(arguments: &[Value], map: impl Fn(f64) -> f64) -> Value {
    argument(arguments, 0)
        .as_number()
        .map_or(Value::Undefined, |number| Value::Number(map(number)))
}

fn folded(arguments: &[Value], fold: impl Fn(&[f64]) -> Option<f64>) -> Value {
    let list = argument(arguments, 0);
    if list.is_undefined() {
        return Value::Undefined;
    }
    let numbers: Vec<f64> = list.items().iter().filter_map(Value::as_number).collect();
    fold(&numbers).map_or(Value::Undefined, Value::Number)
}

fn number(_: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let value = argument(arguments, 0);
    let refused = || {
        Error::new(
            "D3030",
            format!("Unable to cast value to a number: {}", shown(value)),
        )
    };
    match value {
        Value::Undefined | Value::Number(_) => Ok(value.clone()),
        Value::Bool(bool) => Ok(Value::Number(f64::from(u8::from(*bool)))),
        Value::Text(text) => {
            let based = [
                ("0x", 16),
                ("0X", 16),
                ("0o", 8),
                ("0O", 8),
                ("0b", 2),
                ("0B", 2),
            ]
            .iter()
            .find_map(|(prefix, radix)| Some((text.strip_prefix(prefix)?, *radix)));
            if let Some((digits, radix)) = based {
                return u64::from_str_radix(digits, radix)
                    .map(|number| Value::Number(number as f64))
                    .map_err(|_| refused());
            }
            let digits = text.strip_prefix('-').unwrap_or(text);
            let well_formed = digits.starts_with(|first: char| first.is_ascii_digit())
                && digits.ends_with(|last: char| last.is_ascii_digit())
                && digits
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
                && !digits.contains(".e")
                && !digits.contains(".E");
            match text.parse::<f64>() {
                Ok(number) if well_formed && number.is_finite() => Ok(Value::Number(number)),
                _ => Err(refused()),
            }
        }
        _ => Err(refused()),
    }
}

/// Moves the point, in decimal.
fn shifted(number: f64, places: i32) -> f64 {
    let text = format!("{number:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent = exponent.parse::<i32>().unwrap_or_default() + places;
    format!("{mantissa}e{exponent}").parse().unwrap_or(number)
}

/// Rounds; a half goes to the even side.
pub(super) fn round(number: f64, places: i32) -> f64 {
    let moved = shifted(number, places);
    let rounded = shifted(moved.round_ties_even(), -places);
    if rounded == 0.0 { 0.0 } else { rounded }
}

fn sqrt(_: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    match argument(arguments, 0).as_number() {
        Some(number) if number < 0.0 => Err(Error::new(
            "D3060",
            format!(
                "The sqrt function cannot be applied to a negative number: {}",
                number_text(number)
            ),
        )),
        _ => Ok(mapped(arguments, f64::sqrt)),
    }
}

fn power(_: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let (Some(base), Some(exponent)) = (
        argument(arguments, 0).as_number(),
        argument(arguments, 1).as_number(),
    ) else {
        return Ok(Value::Undefined);
    };
    let result = base.powf(exponent);
    if result.is_finite() {
        return Ok(Value::Number(result));
    }
    Err(Error::new(
        "D3061",
        format!(
            "The power function has resulted in a value that cannot be represented as a JSON number: base={}, exponent={}",
            number_text(base),
            number_text(exponent)
        ),
    ))
}

fn format_base(_: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let Some(number) = argument(arguments, 0).as_number() else {
        return Ok(Value::Undefined);
    };
    let number = round(finite(number)?, 0);
    let radix = round(argument(arguments, 1).as_number().unwrap_or(10.0), 0);
    if !(2.0..=36.0).contains(&radix) {
        return Err(Error::new(
            "D3100",
            format!(
                "The radix of the formatBase function must be between 2 and 36.  It was given {}",
                number_text(radix)
            ),
        ));
    }
    let (mut rest, radix) = (number.abs() as u128, radix as u128);
    let mut digits = Vec::new();
    while rest > 0 || digits.is_empty() {
        digits.push(char::from_digit((rest % radix) as u32, 36).unwrap_or('0'));
        rest /= radix;
    }
    let text: String = number
        .is_sign_negative()
        .then_some('-')
        .into_iter()
        .chain(digits.into_iter().rev())
        .collect();
    Ok(Value::text(if number == 0.0 {
        "0".to_owned()
    } else {
        text
    }))
}

/// A text that no number function takes, for messages.
pub(super) fn unsupported_sequence(first: &str) -> Error {
    Error::new(
        "D3130",
        format!(
            "Formatting or parsing an integer as a sequence starting with {} is not supported by this implementation",
            quoted(first)
        ),
    )
}
