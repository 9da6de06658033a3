//! Walks a value along a path. Called by [`super::Path::evaluate`] and by filters.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::{Map, Value};

use super::Segment;

/// Why a path has no value, in Jayway's words, which Step Functions passes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathError {
    /// The last step found nothing.
    #[error("No results for path: {0}")]
    NoResults(String),
    /// The last step is an index that its list does not have.
    #[error("No results for path: {0}")]
    OutOfBounds(String),
    /// A step before the last found nothing.
    #[error("Missing property in path {0}")]
    Missing(String),
    /// A field of something that is not an object.
    #[error(
        "Expected to find an object with property ['{field}'] in path {path} but found '{found}'. This is not a json object \
         according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'."
    )]
    NotAnObject {
        field: String,
        path: String,
        found: &'static str,
    },
    /// An index into something that is not a list.
    #[error("Filter: {step} can only be applied to arrays. Current context is: {value}")]
    NotAnArray { step: String, value: String },
    /// A function that its argument does not suit.
    #[error("{0}")]
    Function(String),
}

pub(super) fn evaluate<'v>(
    segments: &[Segment],
    definite: bool,
    root: &'v Value,
) -> Result<Cow<'v, Value>, PathError> {
    if let Some(found) = straight(segments, root) {
        return Ok(Cow::Borrowed(found));
    }
    let (steps, function) = match segments.split_last() {
        Some((Segment::Function(function), steps)) => (steps, Some(function)),
        _ => (segments, None),
    };
    let found = walk(steps, root, root)?;
    let Some(function) = function else {
        return if definite {
            found
                .into_iter()
                .next()
                .ok_or_else(|| PathError::NoResults(write_path(steps)))
        } else {
            Ok(Cow::Owned(list(found)))
        };
    };
    if steps.contains(&Segment::Scan) {
        return function.apply(&list(found), root).map(Cow::Owned);
    }
    let mut results = Vec::with_capacity(found.len());
    for value in found {
        results.push(function.apply(&value, root)?);
    }
    if definite {
        results
            .pop()
            .map(Cow::Owned)
            .ok_or_else(|| PathError::NoResults(write_path(segments)))
    } else {
        Ok(Cow::Owned(Value::Array(results)))
    }
}

/// What fields and indices alone lead to, which is what most paths are made of; `None` if they lead nowhere, or there is more
/// to the path.
pub(super) fn straight<'v>(segments: &[Segment], root: &'v Value) -> Option<&'v Value> {
    let mut value = root;
    for segment in segments {
        value = match (segment, value) {
            (Segment::Field(name), Value::Object(object)) => object.get(name)?,
            (Segment::Index(index), Value::Array(array)) => at(array, *index)?,
            _ => return None,
        };
    }
    Some(value)
}

fn list(values: Vec<Cow<'_, Value>>) -> Value {
    values.into_iter().map(Cow::into_owned).collect()
}

/// Every value at the end of the steps. A step that finds nothing is an error as long as all before it were definite and
/// none after it is a pattern; a pattern that finds nothing gives nothing.
pub(super) fn walk<'v>(
    steps: &[Segment],
    from: &'v Value,
    root: &Value,
) -> Result<Vec<Cow<'v, Value>>, PathError> {
    let strict = steps.iter().all(|step| {
        matches!(
            step,
            Segment::Field(_) | Segment::Fields(_) | Segment::Index(_)
        )
    });
    let mut found = vec![Cow::Borrowed(from)];
    for (position, step) in steps.iter().enumerate() {
        let mut next = Vec::new();
        for value in &found {
            match value {
                Cow::Borrowed(value) => apply(step, value, root, &mut next),
                Cow::Owned(value) => {
                    let mut inner = Vec::new();
                    apply(step, value, root, &mut inner);
                    next.extend(
                        inner
                            .into_iter()
                            .map(|value| Cow::Owned(value.into_owned())),
                    );
                }
            }
        }
        if strict && next.is_empty() {
            return Err(nothing(steps, position, &found[0]));
        }
        found = next;
    }
    Ok(found)
}

fn nothing(steps: &[Segment], position: usize, value: &Value) -> PathError {
    let path = write_path(&steps[..position]);
    match &steps[position] {
        Segment::Field(field) if !value.is_object() => PathError::NotAnObject {
            field: field.clone(),
            path,
            found: java_type(value),
        },
        step @ Segment::Index(_) if !value.is_array() => PathError::NotAnArray {
            step: write_path(std::slice::from_ref(step)).split_off(1),
            value: value.to_string(),
        },
        Segment::Index(_) if position + 1 == steps.len() => {
            PathError::OutOfBounds(write_path(steps))
        }
        _ if position + 1 < steps.len() => PathError::Missing(write_path(&steps[..=position])),
        _ => PathError::NoResults(write_path(steps)),
    }
}

fn apply<'v>(step: &Segment, value: &'v Value, root: &Value, next: &mut Vec<Cow<'v, Value>>) {
    match (step, value) {
        (Segment::Field(name), Value::Object(object)) => {
            next.extend(object.get(name).map(Cow::Borrowed))
        }
        (Segment::Fields(names), Value::Object(object)) => {
            let chosen: Map<String, Value> = names
                .iter()
                .filter_map(|name| Some((name.clone(), object.get(name)?.clone())))
                .collect();
            next.push(Cow::Owned(Value::Object(chosen)));
        }
        (Segment::Index(index), Value::Array(array)) => {
            next.extend(at(array, *index).map(Cow::Borrowed))
        }
        (Segment::Indices(indices), Value::Array(array)) => {
            next.extend(
                indices
                    .iter()
                    .filter_map(|index| at(array, *index))
                    .map(Cow::Borrowed),
            );
        }
        (Segment::Slice(first, last), Value::Array(array)) => {
            let length = array.len() as i64;
            let clamp = |index: i64| {
                (if index < 0 { index + length } else { index }).clamp(0, length) as usize
            };
            let (first, last) = (clamp(first.unwrap_or(0)), clamp(last.unwrap_or(length)));
            if first < last {
                next.extend(array[first..last].iter().map(Cow::Borrowed));
            }
        }
        (Segment::Wildcard, Value::Array(array)) => next.extend(array.iter().map(Cow::Borrowed)),
        (Segment::Wildcard, Value::Object(object)) => {
            next.extend(object.values().map(Cow::Borrowed))
        }
        (Segment::Scan, value) => scan(value, next),
        (Segment::Filter(filter), Value::Array(array)) => {
            next.extend(
                array
                    .iter()
                    .filter(|item| filter.accepts(item, root))
                    .map(Cow::Borrowed),
            );
        }
        (Segment::Filter(filter), Value::Object(_)) if filter.accepts(value, root) => {
            next.push(Cow::Borrowed(value))
        }
        _ => {}
    }
}

/// The value and everything in it, outside in.
fn scan<'v>(value: &'v Value, next: &mut Vec<Cow<'v, Value>>) {
    let mut pending = vec![value];
    while let Some(value) = pending.pop() {
        match value {
            Value::Array(array) => pending.extend(array.iter().rev()),
            Value::Object(object) => pending.extend(object.values().rev()),
            _ => continue,
        }
        next.push(Cow::Borrowed(value));
    }
}

fn at(array: &[Value], index: i64) -> Option<&Value> {
    let index = if index < 0 {
        index + array.len() as i64
    } else {
        index
    };
    array.get(usize::try_from(index).ok()?)
}

/// The steps in Jayway's normal form, `$['a'][0]`.
fn write_path(steps: &[Segment]) -> String {
    let mut path = String::from("$");
    for step in steps {
        // Writing into a string cannot fail.
        let _ = match step {
            Segment::Field(name) => write!(path, "['{name}']"),
            Segment::Fields(names) => write!(path, "['{}']", names.join("','")),
            Segment::Index(index) => write!(path, "[{index}]"),
            Segment::Indices(_) | Segment::Slice(..) | Segment::Wildcard => write!(path, "[*]"),
            Segment::Scan => write!(path, ".."),
            Segment::Filter(_) => write!(path, "[?]"),
            Segment::Function(function) => write!(path, ".{}()", function.name()),
        };
    }
    path
}

fn java_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(number) if number.is_f64() => "java.lang.Double",
        Value::Number(number)
            if number
                .as_i64()
                .is_some_and(|number| i32::try_from(number).is_ok()) =>
        {
            "java.lang.Integer"
        }
        Value::Number(_) => "java.lang.Long",
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "java.util.ArrayList",
        Value::Object(_) => "java.util.LinkedHashMap",
    }
}
