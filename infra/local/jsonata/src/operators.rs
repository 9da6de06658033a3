//! Operators between two values. The evaluator comes here.

use std::rc::Rc;

use crate::ast::{Node, Operator};
use crate::error::{Error, quoted};
use crate::evaluator::{Evaluator, Frame, shown};
use crate::functions;
use crate::value::{Value, deep_equal, number_text, truthy};

impl Evaluator<'_> {
    pub(crate) fn binary(
        &mut self,
        operator: Operator,
        left: &Node,
        right: &Node,
        input: &Value,
        frame: &Rc<Frame>,
    ) -> Result<Value, Error> {
        let left = self.evaluate(left, input, frame)?;
        match operator {
            Operator::And if !truthy(&left) => return Ok(Value::Bool(false)),
            Operator::Or if truthy(&left) => return Ok(Value::Bool(true)),
            _ => {}
        }
        let right = self.evaluate(right, input, frame)?;
        match operator {
            Operator::And | Operator::Or => Ok(Value::Bool(truthy(&right))),
            Operator::Equal | Operator::NotEqual => {
                let known = !left.is_undefined() && !right.is_undefined();
                let wanted = operator == Operator::Equal;
                Ok(Value::Bool(known && deep_equal(&left, &right) == wanted))
            }
            Operator::In => {
                let known = !left.is_undefined() && !right.is_undefined();
                Ok(Value::Bool(
                    known && right.items().iter().any(|item| deep_equal(&left, item)),
                ))
            }
            Operator::Concatenate => {
                let mut text = functions::text_of(&left, self)?;
                text.push_str(&functions::text_of(&right, self)?);
                Ok(Value::text(text))
            }
            Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => compare(operator, &left, &right),
            Operator::Range => self.range(&left, &right),
            _ => arithmetic(operator, &left, &right),
        }
    }

    fn range(&self, left: &Value, right: &Value) -> Result<Value, Error> {
        let whole = |value: &Value, code, side: &str| match value {
            Value::Undefined => Ok(None),
            Value::Number(number) if number.fract() == 0.0 => Ok(Some(*number)),
            _ => Err(Error::new(
                code,
                format!("The {side} side of the range operator (..) must evaluate to an integer"),
            )),
        };
        let (first, last) = (
            whole(left, "T2003", "left")?,
            whole(right, "T2004", "right")?,
        );
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(Value::Undefined);
        };
        if first > last {
            return Ok(Value::Undefined);
        }
        let size = last - first + 1.0;
        if size > self.limits.sequence as f64 {
            return Err(Error::memory());
        }
        let items = (0..size as usize).map(|offset| Value::Number(first + offset as f64));
        Ok(Value::sequence(items.collect()))
    }
}

/// A finite number; what is beyond is an error once it is used.
pub(crate) fn finite(number: f64) -> Result<f64, Error> {
    if number.is_infinite() {
        return Err(Error::new(
            "D1001",
            format!("Number out of range: {}", number_text(number)),
        ));
    }
    Ok(number)
}

fn arithmetic(operator: Operator, left: &Value, right: &Value) -> Result<Value, Error> {
    let number = |value: &Value, code, side: &str| match value {
        Value::Undefined => Ok(None),
        Value::Number(number) => finite(*number).map(Some),
        _ => Err(Error::new(
            code,
            format!(
                "The {side} side of the {} operator must evaluate to a number",
                quoted(operator.symbol())
            ),
        )),
    };
    let left = number(left, "T2001", "left")?;
    let right = number(right, "T2002", "right")?;
    let (Some(left), Some(right)) = (left, right) else {
        return Ok(Value::Undefined);
    };
    Ok(Value::Number(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        _ => left % right,
    }))
}

fn compare(operator: Operator, left: &Value, right: &Value) -> Result<Value, Error> {
    let comparable =
        |value: &Value| matches!(value, Value::Undefined | Value::Number(_) | Value::Text(_));
    let symbol = quoted(operator.symbol());
    if !comparable(left) || !comparable(right) {
        return Err(Error::new(
            "T2010",
            format!(
                "The expressions either side of operator {symbol} must evaluate to numeric or string values"
            ),
        ));
    }
    let order = match (left, right) {
        (Value::Undefined, _) | (_, Value::Undefined) => return Ok(Value::Undefined),
        (Value::Number(left), Value::Number(right)) => left.partial_cmp(right),
        (Value::Text(left), Value::Text(right)) => {
            Some(left.encode_utf16().cmp(right.encode_utf16()))
        }
        _ => {
            return Err(Error::new(
                "T2009",
                format!(
                    "The values {} and {} either side of operator {symbol} must be of the same data type",
                    shown(left),
                    shown(right)
                ),
            ));
        }
    };
    Ok(Value::Bool(order.is_some_and(|order| match operator {
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        _ => order.is_ge(),
    })))
}
