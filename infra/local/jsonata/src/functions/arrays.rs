//! Functions of lists.

use super::{Entries, argument, call_back};
use crate::error::Error;
use crate::evaluator::{self, Evaluator};
use crate::value::{Value, deep_equal, truthy};

pub(super) const TABLE: Entries = &[
    ("append", "<xx:a>", |evaluator, arguments| {
        let whole = evaluator::append(
            argument(arguments, 0).clone(),
            argument(arguments, 1).clone(),
        );
        if whole.items().len() > evaluator.most_items() {
            Err(Error::memory())
        } else {
            Ok(whole)
        }
    }),
    ("reverse", "<a:a>", |_, arguments| {
        let list = argument(arguments, 0);
        if list.items().len() <= 1 {
            return Ok(list.clone());
        }
        Ok(Value::list(list.items().iter().rev().cloned().collect()))
    }),
    ("shuffle", "<a:a>", shuffle),
    ("distinct", "<x:x>", distinct),
    ("sort", "<af?:a>", sort),
    ("zip", "<a+>", zip),
];

fn shuffle(evaluator: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let list = argument(arguments, 0);
    if list.items().len() <= 1 {
        return Ok(list.clone());
    }
    let mut items = list.items().to_vec();
    for last in (1..items.len()).rev() {
        let other = (evaluator.host.random() * (last + 1) as f64) as usize;
        items.swap(last, other.min(last));
    }
    Ok(Value::list(items))
}

fn distinct(evaluator: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let list = argument(arguments, 0);
    let Value::List(own) = list else {
        return Ok(list.clone());
    };
    if own.items.len() <= 1 {
        return Ok(list.clone());
    }
    let mut found: Vec<Value> = Vec::new();
    for item in &own.items {
        evaluator.tick()?;
        if !found.iter().any(|known| deep_equal(known, item)) {
            found.push(item.clone());
        }
    }
    Ok(if own.sequence {
        Value::sequence(found)
    } else {
        Value::list(found)
    })
}

fn sort(evaluator: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let (list, function) = (argument(arguments, 0), argument(arguments, 1));
    if list.is_undefined() || list.items().len() <= 1 {
        return Ok(list.clone());
    }
    let items = list.items().to_vec();
    if function.is_function() {
        return merge_sort(evaluator, items, function).map(Value::list);
    }
    let mut items = items;
    if items.iter().all(|item| item.as_number().is_some()) {
        items.sort_by(|left, right| {
            left.as_number()
                .partial_cmp(&right.as_number())
                .unwrap_or(std::cmp::Ordering::Equal)
        });
    } else if items.iter().all(|item| item.as_text().is_some()) {
        items.sort_by(|left, right| {
            let units = |value: &Value| {
                value
                    .as_text()
                    .unwrap_or_default()
                    .encode_utf16()
                    .collect::<Vec<_>>()
            };
            units(left).cmp(&units(right))
        });
    } else {
        return Err(Error::new(
            "D3070",
            "The single argument form of the sort function can only be applied to an array of strings or an array of numbers.  \
             Use the second argument to specify a comparison function",
        ));
    }
    Ok(Value::list(items))
}

fn merge_sort(
    evaluator: &mut Evaluator<'_>,
    mut items: Vec<Value>,
    function: &Value,
) -> Result<Vec<Value>, Error> {
    if items.len() <= 1 {
        return Ok(items);
    }
    let right = items.split_off(items.len() / 2);
    let left = merge_sort(evaluator, items, function)?;
    let right = merge_sort(evaluator, right, function)?;
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(first), Some(second)) = (left.peek(), right.peek()) {
        let swap = call_back(evaluator, function, vec![first.clone(), second.clone()])?;
        merged.extend(if truthy(&swap) {
            right.next()
        } else {
            left.next()
        });
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}

fn zip(_: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let shortest = arguments
        .iter()
        .map(|list| list.items().len())
        .min()
        .unwrap_or_default();
    let rows = (0..shortest).map(|row| {
        Value::list(
            arguments
                .iter()
                .map(|list| list.items()[row].clone())
                .collect(),
        )
    });
    Ok(Value::list(rows.collect()))
}
