//! The intrinsic functions on numbers. Called by [`super::Call::evaluate`].

use serde_json::{Value, json};

use super::integer;
use crate::random::{Random, seeded_fraction};

pub(super) fn add(arguments: &[&Value]) -> Result<Value, String> {
    let (left, right) = (integer(arguments[0])?, integer(arguments[1])?);
    left.checked_add(right)
        .map(|sum| json!(sum))
        .ok_or_else(|| format!("The sum of {left} and {right} is out of range"))
}

/// A whole number from the first, included, to the second, excluded; a third argument seeds it.
pub(super) fn random(arguments: &[&Value], random: &mut Random) -> Result<Value, String> {
    let (first, last) = (integer(arguments[0])?, integer(arguments[1])?);
    if first >= last {
        return Err(format!(
            "The start number {first} must be less than the end number {last}"
        ));
    }
    let fraction = match arguments.get(2) {
        Some(seed) => seeded_fraction(integer(seed)?),
        None => random.fraction(),
    };
    let distance = i128::from(last) - i128::from(first);
    let number = i128::from(first) + (fraction * distance as f64) as i128;
    Ok(json!(
        number.clamp(i128::from(first), i128::from(last) - 1) as i64
    ))
}
