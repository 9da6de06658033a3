//! Walks the steps of a path: over every item of the context, with predicates, orders, and the bindings that go along.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::ast::{Kind, Node, SortTerm, Stage};
use crate::error::Error;
use crate::evaluator::{Evaluator, Frame, shown};
use crate::operators::finite;
use crate::value::{List, Tuple, Value, truthy};

impl Evaluator<'_> {
    pub(crate) fn path(
        &mut self,
        node: &Node,
        steps: &[Node],
        keep_singleton: bool,
        input: &Value,
        frame: &Rc<Frame>,
    ) -> Result<Value, Error> {
        // The usual path: names from a variable or a single object.
        let mut current = match input {
            Value::List(_) if !matches!(steps[0].kind, Kind::Variable(_)) => input.clone(),
            other => Value::sequence(vec![other.clone()]),
        };
        let mut tuples: Option<Value> = None;
        let mut is_stream = false;
        let last = steps.len() - 1;
        let mut result = Value::Undefined;
        for (position, step) in steps.iter().enumerate() {
            is_stream |= step.tuple;
            if position == 0 && step.cons {
                result = self.evaluate(step, &current, frame)?;
            } else if is_stream {
                tuples = Some(self.tuple_step(step, &current, tuples, frame)?);
            } else {
                result = self.step(step, &current, frame, position == last)?;
            }
            if !is_stream {
                if result.is_undefined() || result.items().is_empty() && result.is_list() {
                    break;
                }
                if step.focus.is_none() {
                    current = result.clone();
                }
            }
        }
        if let Some(stream) = tuples {
            result = if node.tuple {
                stream
            } else {
                let contexts = stream.items().iter().map(context).collect();
                if node.group.is_some() {
                    stream
                } else {
                    Value::sequence(contexts)
                }
            };
        }
        if keep_singleton && let Value::List(list) = &mut result {
            if list.cons && !list.sequence {
                result = Value::sequence(vec![result.clone()]);
            }
            if let Value::List(list) = &mut result {
                Rc::make_mut(list).keep = true;
            }
        }
        if let Some(group) = &node.group {
            result = self.group(group, &result, frame)?;
        }
        Ok(result)
    }

    fn step(
        &mut self,
        step: &Node,
        input: &Value,
        frame: &Rc<Frame>,
        last: bool,
    ) -> Result<Value, Error> {
        if let Kind::Sort(terms) = &step.kind {
            let sorted = self.sort(terms, input, frame)?;
            return self.stages(&step.stages, sorted, frame);
        }
        let mut results = Vec::with_capacity(input.items().len());
        for item in input.items() {
            let mut result = self.evaluate(step, item, frame)?;
            for stage in &step.stages {
                if let Stage::Filter(predicate) = stage {
                    result = self.filter(predicate, result, frame)?;
                }
            }
            if !result.is_undefined() {
                results.push(result);
            }
        }
        if last && results.len() == 1 && matches!(&results[0], Value::List(list) if !list.sequence)
        {
            return Ok(results.swap_remove(0));
        }
        let mut flat = Vec::with_capacity(results.len());
        for result in results {
            match result {
                Value::List(list) if !list.cons => flat.extend(list.items.iter().cloned()),
                one => flat.push(one),
            }
        }
        Ok(Value::sequence(self.limited(flat)?))
    }

    fn stages(
        &mut self,
        stages: &[Stage],
        mut result: Value,
        frame: &Rc<Frame>,
    ) -> Result<Value, Error> {
        for stage in stages {
            match stage {
                Stage::Filter(predicate) => result = self.filter(predicate, result, frame)?,
                Stage::Index(name) => {
                    if let Value::List(list) = &mut result {
                        for (position, item) in Rc::make_mut(list).items.iter_mut().enumerate() {
                            if let Value::Tuple(tuple) = item {
                                Rc::make_mut(tuple).bind(name, Value::Number(position as f64));
                            }
                        }
                    }
                }
            }
        }
        Ok(result)
    }

    fn tuple_step(
        &mut self,
        step: &Node,
        input: &Value,
        before: Option<Value>,
        frame: &Rc<Frame>,
    ) -> Result<Value, Error> {
        if let Kind::Sort(terms) = &step.kind {
            let sorted = match before {
                Some(before) => self.sort(terms, &before, frame)?,
                None => {
                    let sorted = self.sort(terms, input, frame)?;
                    let bound = sorted.items().iter().enumerate().map(|(position, item)| {
                        let mut tuple = Tuple {
                            context: item.clone(),
                            bindings: Vec::new(),
                        };
                        if let Some(name) = &step.index {
                            tuple.bind(name, Value::Number(position as f64));
                        }
                        Value::Tuple(Rc::new(tuple))
                    });
                    stream(bound.collect())
                }
            };
            let sorted = match sorted {
                Value::List(mut list) => {
                    Rc::make_mut(&mut list).tuples = true;
                    Value::List(list)
                }
                other => other,
            };
            return self.stages(&step.stages, sorted, frame);
        }
        let before = before.unwrap_or_else(|| {
            let alone = input.items().iter().map(|item| {
                Value::Tuple(Rc::new(Tuple {
                    context: item.clone(),
                    bindings: Vec::new(),
                }))
            });
            stream(alone.collect())
        });
        let mut result = Vec::new();
        for item in before.items() {
            let Value::Tuple(tuple) = item else {
                continue;
            };
            let (context, own) = self.context_of(item, true, frame);
            let found = self.evaluate(step, &context, &own)?;
            let is_stream = matches!(&found, Value::List(list) if list.tuples);
            for (position, value) in found.items().iter().enumerate() {
                let mut next = (**tuple).clone();
                match value {
                    Value::Tuple(inner) if is_stream => {
                        next.context = inner.context.clone();
                        for (name, value) in &inner.bindings {
                            next.bind(name, value.clone());
                        }
                    }
                    value => {
                        match &step.focus {
                            Some(name) => next.bind(name, value.clone()),
                            None => next.context = value.clone(),
                        }
                        if let Some(name) = &step.index {
                            next.bind(name, Value::Number(position as f64));
                        }
                        if let Some(slot) = step.ancestor {
                            next.bind(&self.label(slot), tuple.context.clone());
                        }
                    }
                }
                result.push(Value::Tuple(Rc::new(next)));
            }
            result = self.limited(result)?;
        }
        self.stages(&step.stages, stream(result), frame)
    }

    /// `[predicate]`: by position, or by what holds.
    pub(crate) fn filter(
        &mut self,
        predicate: &Node,
        input: Value,
        frame: &Rc<Frame>,
    ) -> Result<Value, Error> {
        let tuples = matches!(&input, Value::List(list) if list.tuples);
        let items = input.items();
        let at = |number: f64, length: usize| {
            let index = number.floor();
            if index < 0.0 {
                index + length as f64
            } else {
                index
            }
        };
        let mut kept = Vec::new();
        if let Kind::Number(number) = predicate.kind {
            let index = at(number, items.len());
            if let Some(item) = (index >= 0.0).then(|| items.get(index as usize)).flatten() {
                if item.is_list() {
                    return Ok(item.clone());
                }
                kept.push(item.clone());
            }
        } else {
            for (position, item) in items.iter().enumerate() {
                let (context, own) = self.context_of(item, tuples, frame);
                let result = self.evaluate(predicate, &context, &own)?;
                let numbers = match &result {
                    Value::Number(number) => {
                        finite(*number)?;
                        Some(std::slice::from_ref(&result))
                    }
                    Value::List(list)
                        if list.items.iter().all(|item| item.as_number().is_some()) =>
                    {
                        Some(&list.items[..])
                    }
                    _ => None,
                };
                let keep = match numbers {
                    Some(numbers) => numbers
                        .iter()
                        .filter_map(Value::as_number)
                        .filter(|number| at(*number, items.len()) == position as f64)
                        .count(),
                    None => usize::from(truthy(&result)),
                };
                kept.extend(std::iter::repeat_n(item.clone(), keep));
            }
        }
        if tuples {
            return Ok(stream(kept));
        }
        Ok(Value::sequence(kept))
    }

    fn sort(
        &mut self,
        terms: &[SortTerm],
        input: &Value,
        frame: &Rc<Frame>,
    ) -> Result<Value, Error> {
        let tuples = matches!(input, Value::List(list) if list.tuples);
        let mut keyed = Vec::with_capacity(input.items().len());
        for item in input.items() {
            let (context, own) = self.context_of(item, tuples, frame);
            let mut keys = Vec::with_capacity(terms.len());
            for term in terms {
                keys.push(self.evaluate(&term.by, &context, &own)?);
            }
            keyed.push((keys, item.clone()));
        }
        let mut failed = None;
        keyed.sort_by(|(left, _), (right, _)| {
            for ((term, left), right) in terms.iter().zip(left).zip(right) {
                match order(left, right) {
                    Ok(Ordering::Equal) => {}
                    Ok(order)
                        if term.descending && !left.is_undefined() && !right.is_undefined() =>
                    {
                        return order.reverse();
                    }
                    Ok(order) => return order,
                    Err(error) => {
                        failed.get_or_insert(error);
                        return Ordering::Equal;
                    }
                }
            }
            Ordering::Equal
        });
        match failed {
            Some(error) => Err(error),
            None => {
                let items = keyed.into_iter().map(|(_, item)| item).collect();
                Ok(if tuples {
                    stream(items)
                } else {
                    Value::sequence(items)
                })
            }
        }
    }
}

/// What is undefined comes last, whichever way the order goes.
fn order(left: &Value, right: &Value) -> Result<Ordering, Error> {
    match (left, right) {
        (Value::Undefined, Value::Undefined) => Ok(Ordering::Equal),
        (Value::Undefined, _) => Ok(Ordering::Greater),
        (_, Value::Undefined) => Ok(Ordering::Less),
        (Value::Number(left), Value::Number(right)) => {
            Ok(left.partial_cmp(right).unwrap_or(Ordering::Equal))
        }
        (Value::Text(left), Value::Text(right)) => {
            Ok(left.encode_utf16().cmp(right.encode_utf16()))
        }
        (Value::Number(_) | Value::Text(_), Value::Number(_) | Value::Text(_)) => Err(Error::new(
            "T2007",
            format!(
                "Type mismatch when comparing values {} and {} in order-by clause",
                shown(left),
                shown(right)
            ),
        )),
        _ => Err(Error::new(
            "T2008",
            "The expressions within an order-by clause must evaluate to numeric or string values",
        )),
    }
}

fn context(item: &Value) -> Value {
    match item {
        Value::Tuple(tuple) => tuple.context.clone(),
        other => other.clone(),
    }
}

pub(crate) fn stream(items: Vec<Value>) -> Value {
    Value::List(Rc::new(List {
        items,
        sequence: true,
        tuples: true,
        ..List::default()
    }))
}
