//! Values while an expression is evaluated: JSON, nothing, functions, and lists that know where they came from.

use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Number;

use crate::functions::Function;

/// A value; cheap to clone.
#[derive(Clone, Default)]
pub enum Value {
    /// Nothing: what a path that leads nowhere gives.
    #[default]
    Undefined,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// JSONata knows doubles only.
    Number(f64),
    /// A text.
    Text(Arc<str>),
    /// A list.
    List(Rc<List>),
    /// An object.
    Object(Rc<Members>),
    /// A function, written in the expression or built in.
    Function(Rc<Function>),
    /// A context with the bindings that go along with it.
    #[doc(hidden)]
    Tuple(Rc<Tuple>),
}

/// The members of an object, in order.
pub type Members = IndexMap<Arc<str>, Value>;

/// A list. A sequence of one is that one; nothing is a sequence of none.
#[derive(Clone, Default)]
pub struct List {
    /// The items.
    pub items: Vec<Value>,
    pub(crate) sequence: bool,
    /// A sequence that stays one even with one item.
    pub(crate) keep: bool,
    /// Made by a constructor in a path, and not flattened by it.
    pub(crate) cons: bool,
    /// Its items are tuples.
    pub(crate) tuples: bool,
    /// It stands for the list that the expression is evaluated over.
    pub(crate) outer: bool,
}

/// A context with bindings.
#[derive(Clone)]
#[doc(hidden)]
pub struct Tuple {
    pub(crate) context: Value,
    pub(crate) bindings: Vec<(Arc<str>, Value)>,
}

impl Tuple {
    pub(crate) fn bind(&mut self, name: &Arc<str>, value: Value) {
        match self.bindings.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.bindings.push((Arc::clone(name), value)),
        }
    }
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// A list.
    pub fn list(items: Vec<Value>) -> Self {
        Self::List(Rc::new(List {
            items,
            ..List::default()
        }))
    }

    pub(crate) fn sequence(items: Vec<Value>) -> Self {
        Self::List(Rc::new(List {
            items,
            sequence: true,
            ..List::default()
        }))
    }

    pub(crate) fn object(members: Members) -> Self {
        Self::Object(Rc::new(members))
    }

    /// Whether there is nothing.
    pub fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined)
    }

    /// A text's characters.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The items of a list; one value is a list of itself, nothing is none.
    pub fn items(&self) -> &[Value] {
        match self {
            Self::Undefined => &[],
            Self::List(list) => &list.items,
            one => std::slice::from_ref(one),
        }
    }

    /// A sequence as the value that it stands for.
    pub(crate) fn settled(self) -> Self {
        match self {
            Self::List(list) if list.sequence && !list.tuples => match list.items.as_slice() {
                [] => Self::Undefined,
                [one] if !list.keep => one.clone(),
                _ => Self::List(list),
            },
            other => other,
        }
    }

    pub(crate) fn is_function(&self) -> bool {
        matches!(self, Self::Function(_))
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self, Self::List(_))
    }

    /// From JSON.
    pub fn from_json(value: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match value {
            Json::Null => Self::Null,
            Json::Bool(bool) => Self::Bool(*bool),
            Json::Number(number) => Self::Number(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Self::text(text.as_str()),
            Json::Array(values) => Self::list(values.iter().map(Self::from_json).collect()),
            Json::Object(object) => Self::object(
                object
                    .iter()
                    .map(|(name, value)| (name.as_str().into(), Self::from_json(value)))
                    .collect(),
            ),
        }
    }

    /// As JSON: whole numbers have no fraction, and what no JSON number can say is said in a text. `None` for nothing, and
    /// for functions, which JSON has not.
    pub fn to_json(&self) -> Option<serde_json::Value> {
        use serde_json::Value as Json;
        Some(match self {
            Self::Undefined | Self::Function(_) => return None,
            Self::Null => Json::Null,
            Self::Bool(bool) => Json::Bool(*bool),
            Self::Number(number) => number_json(*number),
            Self::Text(text) => Json::String(text.as_ref().to_owned()),
            Self::List(list) => Json::Array(
                list.items
                    .iter()
                    .filter(|item| !item.is_undefined())
                    .map(Self::to_json)
                    .collect::<Option<_>>()?,
            ),
            Self::Object(members) => {
                let members = members.iter().filter(|(_, value)| !value.is_undefined());
                Json::Object(
                    members
                        .map(|(name, value)| Some((name.as_ref().to_owned(), value.to_json()?)))
                        .collect::<Option<_>>()?,
                )
            }
            Self::Tuple(tuple) => return tuple.context.to_json(),
        })
    }
}

/// Doubles hold whole numbers exactly up to here.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

fn number_json(number: f64) -> serde_json::Value {
    if number.fract() == 0.0 && number.abs() <= LARGEST_EXACT {
        return (number as i64).into();
    }
    match Number::from_f64(number) {
        Some(number) => serde_json::Value::Number(number),
        None if number.is_nan() => "NaN".into(),
        None if number > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

/// A number as JavaScript writes it.
pub(crate) fn number_text(number: f64) -> String {
    if !number.is_finite() {
        return if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    let magnitude = number.abs();
    if (1e-6..1e21).contains(&magnitude) {
        return format!("{number}");
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if !exponent.starts_with('-') => {
            format!("{mantissa}e+{exponent}")
        }
        _ => text,
    }
}

/// Whether two values are equal, members in any order.
pub(crate) fn deep_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Undefined, Value::Undefined) | (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Number(left), Value::Number(right)) => left == right,
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            left.items.len() == right.items.len()
                && left
                    .items
                    .iter()
                    .zip(&right.items)
                    .all(|(left, right)| deep_equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, value)| {
                    right
                        .get(name)
                        .is_some_and(|other| deep_equal(value, other))
                })
        }
        (Value::Function(left), Value::Function(right)) => Rc::ptr_eq(left, right),
        _ => false,
    }
}

/// Whether a value counts as true.
pub(crate) fn truthy(value: &Value) -> bool {
    match value {
        Value::Bool(bool) => *bool,
        Value::Number(number) => *number != 0.0 && !number.is_nan(),
        Value::Text(text) => !text.is_empty(),
        Value::List(list) => match list.items.as_slice() {
            [one] => truthy(one),
            items => items.iter().any(truthy),
        },
        Value::Object(members) => !members.is_empty(),
        _ => false,
    }
}
