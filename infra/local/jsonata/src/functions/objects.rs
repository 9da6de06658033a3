//! Functions of objects, and those that are about any value.

use std::sync::Arc;

use super::{Entries, argument};
use crate::error::Error;
use crate::evaluator::{self, Evaluator};
use crate::value::{Members, Value};

pub(super) const TABLE: Entries = &[
    ("keys", "<x-:a<s>>", |_, arguments| {
        let mut names = Members::new();
        gather_names(argument(arguments, 0), &mut names);
        Ok(Value::sequence(
            names.into_keys().map(Value::Text).collect(),
        ))
    }),
    ("lookup", "<x-s:x>", |_, arguments| {
        let name = argument(arguments, 1).as_text().unwrap_or_default();
        Ok(evaluator::lookup(argument(arguments, 0), name))
    }),
    ("spread", "<x-:a<o>>", |_, arguments| {
        Ok(spread(argument(arguments, 0)))
    }),
    ("merge", "<a<o>:o>", merge),
    ("type", "<x:s>", |_, arguments| {
        Ok(match argument(arguments, 0) {
            Value::Undefined => Value::Undefined,
            Value::Null => Value::text("null"),
            Value::Bool(_) => Value::text("boolean"),
            Value::Number(_) => Value::text("number"),
            Value::Text(_) => Value::text("string"),
            Value::List(_) => Value::text("array"),
            Value::Object(_) | Value::Tuple(_) => Value::text("object"),
            Value::Function(_) => Value::text("function"),
        })
    }),
    ("error", "<s?:x>", |_, arguments| {
        let message = argument(arguments, 0)
            .as_text()
            .unwrap_or("$error() function evaluated");
        Err(Error::new("D3137", message))
    }),
    ("assert", "<bs?:x>", |_, arguments| {
        if matches!(argument(arguments, 0), Value::Bool(true)) {
            return Ok(Value::Undefined);
        }
        let message = argument(arguments, 1)
            .as_text()
            .unwrap_or("$assert() statement failed");
        Err(Error::new("D3141", message))
    }),
    ("clone", "<(oa)-:o>", |_, arguments| {
        Ok(argument(arguments, 0).clone())
    }),
];

fn gather_names(value: &Value, names: &mut Members) {
    match value {
        Value::Object(members) => {
            names.extend(members.keys().map(|name| (Arc::clone(name), Value::Null)))
        }
        Value::List(list) => list.items.iter().for_each(|item| gather_names(item, names)),
        _ => {}
    }
}

fn spread(value: &Value) -> Value {
    match value {
        Value::List(list) => {
            let mut all = Vec::new();
            for item in &list.items {
                match spread(item) {
                    Value::List(inner) => all.extend(inner.items.iter().cloned()),
                    one => all.push(one),
                }
            }
            Value::sequence(all)
        }
        Value::Object(members) => {
            let single = members.iter().map(|(name, value)| {
                let mut one = Members::new();
                one.insert(Arc::clone(name), value.clone());
                Value::object(one)
            });
            Value::sequence(single.collect())
        }
        other => other.clone(),
    }
}

fn merge(_: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let list = argument(arguments, 0);
    if list.is_undefined() {
        return Ok(Value::Undefined);
    }
    let mut merged = Members::new();
    for item in list.items() {
        if let Value::Object(members) = item {
            merged.extend(
                members
                    .iter()
                    .map(|(name, value)| (Arc::clone(name), value.clone())),
            );
        }
    }
    Ok(Value::object(merged))
}
