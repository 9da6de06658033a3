//! The intrinsic functions on arrays. Called by [`super::Call::evaluate`].

use serde_json::{Value, json};

use super::{array, integer};
use crate::jsonpath::equal_numbers;

/// `States.ArrayRange` makes at most this many items.
const LONGEST_RANGE: i64 = 1000;

pub(super) fn contains(arguments: &[&Value]) -> Result<Value, String> {
    let found = array(arguments[0])?
        .iter()
        .any(|item| same(item, arguments[1]));
    Ok(Value::Bool(found))
}

pub(super) fn get_item(arguments: &[&Value]) -> Result<Value, String> {
    let (items, index) = (array(arguments[0])?, integer(arguments[1])?);
    usize::try_from(index)
        .ok()
        .and_then(|index| items.get(index))
        .cloned()
        .ok_or_else(|| {
            format!(
                "The index {index} is out of bounds for an array of length {}",
                items.len()
            )
        })
}

pub(super) fn length(arguments: &[&Value]) -> Result<Value, String> {
    Ok(json!(array(arguments[0])?.len()))
}

pub(super) fn partition(arguments: &[&Value]) -> Result<Value, String> {
    let (items, size) = (array(arguments[0])?, integer(arguments[1])?);
    let size = usize::try_from(size)
        .ok()
        .filter(|size| *size > 0)
        .ok_or_else(|| format!("The chunk size must be a positive number but was {size}"))?;
    Ok(items
        .chunks(size)
        .map(|chunk| Value::Array(chunk.to_vec()))
        .collect())
}

/// From the first number to the last, both included.
pub(super) fn range(arguments: &[&Value]) -> Result<Value, String> {
    let (first, last, step) = (
        integer(arguments[0])?,
        integer(arguments[1])?,
        integer(arguments[2])?,
    );
    if step == 0 {
        return Err("The step of a range cannot be 0".to_owned());
    }
    let length = match last
        .checked_sub(first)
        .and_then(|distance| distance.checked_div(step))
    {
        Some(steps) if steps >= 0 && (last - first).signum() * step.signum() >= 0 => steps + 1,
        Some(_) => 0,
        None => LONGEST_RANGE + 1,
    };
    if length > LONGEST_RANGE {
        return Err(format!(
            "A range cannot contain more than {LONGEST_RANGE} items"
        ));
    }
    Ok((0..length)
        .map(|position| json!(first + position * step))
        .collect())
}

pub(super) fn unique(arguments: &[&Value]) -> Result<Value, String> {
    let mut kept: Vec<Value> = Vec::new();
    for item in array(arguments[0])? {
        if !kept.iter().any(|other| same(item, other)) {
            kept.push(item.clone());
        }
    }
    Ok(Value::Array(kept))
}

/// Equality of JSON values: numbers by quantity, objects whatever the order of their fields.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => equal_numbers(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(name, value)| right.get(name).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}
