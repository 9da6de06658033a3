//! The functions at the end of a path, such as `$.tables.length()`. Called when a path is evaluated.

use serde_json::{Value, json};

use super::evaluate::{PathError, evaluate};
use super::filter::Operand;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Function {
    kind: Kind,
    arguments: Vec<Operand>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Length,
    Size,
    Keys,
    Minimum,
    Maximum,
    Average,
    StandardDeviation,
    Sum,
    First,
    Last,
    Index,
    Append,
    Concatenate,
}

const NAMES: [(&str, Kind); 13] = [
    ("length", Kind::Length),
    ("size", Kind::Size),
    ("keys", Kind::Keys),
    ("min", Kind::Minimum),
    ("max", Kind::Maximum),
    ("avg", Kind::Average),
    ("stddev", Kind::StandardDeviation),
    ("sum", Kind::Sum),
    ("first", Kind::First),
    ("last", Kind::Last),
    ("index", Kind::Index),
    ("append", Kind::Append),
    ("concat", Kind::Concatenate),
];

impl Function {
    pub(super) fn named(name: &str, arguments: Vec<Operand>) -> Result<Self, String> {
        let (_, kind) = NAMES
            .into_iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| format!("unknown function '{name}()'"))?;
        Ok(Self { kind, arguments })
    }

    pub(super) fn name(&self) -> &'static str {
        NAMES
            .iter()
            .find(|(_, kind)| *kind == self.kind)
            .map_or("", |(name, _)| name)
    }

    pub(super) fn apply(&self, value: &Value, document: &Value) -> Result<Value, PathError> {
        let mut arguments = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            arguments.push(match argument {
                Operand::Literal(value) => value.clone(),
                Operand::Document(segments) => evaluate(segments, true, document)?.into_owned(),
                Operand::Current(segments) => evaluate(segments, true, value)?.into_owned(),
                Operand::Pattern(_) => return Err(self.unsuited("a regular expression")),
            });
        }
        match self.kind {
            Kind::Length | Kind::Size => Ok(match arguments.first().unwrap_or(value) {
                Value::Array(values) => json!(values.len()),
                Value::Object(object) => json!(object.len()),
                Value::String(text) => json!(text.chars().count()),
                _ => Value::Null,
            }),
            Kind::Keys => Ok(match value {
                Value::Object(object) => object.keys().cloned().collect(),
                _ => Value::Null,
            }),
            Kind::First => self.item(value, 0),
            Kind::Last => self.item(value, -1),
            Kind::Index => {
                let index = arguments.first().and_then(Value::as_i64);
                self.item(
                    value,
                    index.ok_or_else(|| self.unsuited("anything but a number"))?,
                )
            }
            Kind::Append => {
                let mut values = value
                    .as_array()
                    .cloned()
                    .ok_or_else(|| self.unsuited("a value that is no array"))?;
                values.extend(arguments);
                Ok(Value::Array(values))
            }
            Kind::Concatenate => {
                let own = value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|value| value.is_string());
                Ok(Value::String(own.chain(&arguments).map(plain).collect()))
            }
            _ => self.aggregate(value, &arguments),
        }
    }

    fn aggregate(&self, value: &Value, arguments: &[Value]) -> Result<Value, PathError> {
        let own = value.as_array().into_iter().flatten();
        let numbers: Vec<f64> = own.chain(arguments).filter_map(Value::as_f64).collect();
        if numbers.is_empty() {
            return Err(PathError::Function(
                "Aggregation function attempted to calculate value using empty array".to_owned(),
            ));
        }
        let count = numbers.len() as f64;
        let sum: f64 = numbers.iter().sum();
        Ok(json!(match self.kind {
            Kind::Minimum => numbers.iter().copied().fold(f64::INFINITY, f64::min),
            Kind::Maximum => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Kind::Average => sum / count,
            Kind::StandardDeviation => {
                let squares: f64 = numbers.iter().map(|number| number * number).sum();
                (squares / count - (sum / count).powi(2)).sqrt()
            }
            _ => sum,
        }))
    }

    fn item(&self, value: &Value, index: i64) -> Result<Value, PathError> {
        let values = value
            .as_array()
            .ok_or_else(|| self.unsuited("a value that is no array"))?;
        let position = if index < 0 {
            index + values.len() as i64
        } else {
            index
        };
        let item = usize::try_from(position)
            .ok()
            .and_then(|position| values.get(position));
        item.cloned().ok_or_else(|| {
            PathError::Function(format!(
                "the array has no item {index} for {}()",
                self.name()
            ))
        })
    }

    fn unsuited(&self, what: &str) -> PathError {
        PathError::Function(format!("{}() cannot be applied to {what}", self.name()))
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
