//! Functions that call functions.

use std::sync::Arc;

use super::{Entries, argument, call_back};
use crate::error::Error;
use crate::evaluator::Evaluator;
use crate::value::{Members, Value, truthy};

pub(super) const TABLE: Entries = &[
    ("map", "<af>", map),
    ("filter", "<af>", filter),
    ("single", "<af?>", single),
    ("reduce", "<afj?:j>", reduce),
    ("sift", "<o-f?:o>", sift),
    ("each", "<o-f:a>", each),
];

fn with_place(list: &Value, position: usize) -> Vec<Value> {
    vec![
        list.items()[position].clone(),
        Value::Number(position as f64),
        list.clone(),
    ]
}

fn map(evaluator: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let (list, function) = (argument(arguments, 0), argument(arguments, 1));
    if list.is_undefined() {
        return Ok(Value::Undefined);
    }
    let mut mapped = Vec::with_capacity(list.items().len());
    for position in 0..list.items().len() {
        let value = call_back(evaluator, function, with_place(list, position))?;
        if !value.is_undefined() {
            mapped.push(value);
        }
    }
    Ok(Value::sequence(mapped))
}

fn filter(evaluator: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let (list, function) = (argument(arguments, 0), argument(arguments, 1));
    if list.is_undefined() {
        return Ok(Value::Undefined);
    }
    let mut kept = Vec::new();
    for position in 0..list.items().len() {
        if truthy(&call_back(evaluator, function, with_place(list, position))?) {
            kept.push(list.items()[position].clone());
        }
    }
    Ok(Value::sequence(kept))
}

fn single(evaluator: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let (list, function) = (argument(arguments, 0), argument(arguments, 1));
    if list.is_undefined() {
        return Ok(Value::Undefined);
    }
    let mut found = None;
    for position in 0..list.items().len() {
        if function.is_undefined()
            || truthy(&call_back(evaluator, function, with_place(list, position))?)
        {
            if found.is_some() {
                return Err(Error::new(
                    "D3138",
                    "The $single() function expected exactly 1 matching result.  Instead it matched more.",
                ));
            }
            found = Some(list.items()[position].clone());
        }
    }
    found.ok_or_else(|| {
        Error::new(
            "D3139",
            "The $single() function expected exactly 1 matching result.  Instead it matched 0.",
        )
    })
}

fn reduce(evaluator: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let (list, function) = (argument(arguments, 0), argument(arguments, 1));
    if list.is_undefined() {
        return Ok(Value::Undefined);
    }
    if matches!(function, Value::Function(function) if function.arity() < 2) {
        return Err(Error::new(
            "D3050",
            "The second argument of reduce function must be a function with at least two arguments",
        ));
    }
    let items = list.items();
    let initial = argument(arguments, 2);
    let (mut result, from) = match (initial.is_undefined(), items.first()) {
        (true, Some(first)) => (first.clone(), 1),
        _ => (initial.clone(), 0),
    };
    for (position, item) in items.iter().enumerate().skip(from) {
        let place = Value::Number(position as f64);
        result = call_back(
            evaluator,
            function,
            vec![result, item.clone(), place, list.clone()],
        )?;
    }
    Ok(result)
}

fn sift(evaluator: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let (object, function) = (argument(arguments, 0), argument(arguments, 1));
    let Value::Object(members) = object else {
        return Ok(Value::Undefined);
    };
    let mut kept = Members::new();
    for (name, value) in members.iter() {
        let given = vec![value.clone(), Value::Text(Arc::clone(name)), object.clone()];
        if truthy(&call_back(evaluator, function, given)?) {
            kept.insert(Arc::clone(name), value.clone());
        }
    }
    Ok(if kept.is_empty() {
        Value::Undefined
    } else {
        Value::object(kept)
    })
}

fn each(evaluator: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let (object, function) = (argument(arguments, 0), argument(arguments, 1));
    let Value::Object(members) = object else {
        return Ok(Value::Undefined);
    };
    let mut results = Vec::new();
    for (name, value) in members.iter() {
        let given = vec![value.clone(), Value::Text(Arc::clone(name)), object.clone()];
        let result = call_back(evaluator, function, given)?;
        if !result.is_undefined() {
            results.push(result);
        }
    }
    Ok(Value::sequence(results))
}
