//! Filters, `[?(@.size > 0 && !@.done)]`, with Jayway's comparison rules. Called while a path is walked.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex::Regex;
use serde_json::{Number, Value};

use super::Segment;
use super::evaluate::evaluate;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Exists(Operand),
    Compare(Operand, Comparison, Operand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    SameTypeEqual,
    SameTypeNotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    SubsetOf,
    AnyOf,
    NoneOf,
    All,
    Size,
    Empty,
    Contains,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    /// `@…`: from the item that is filtered.
    Current(Vec<Segment>),
    /// `$…`: from the document.
    Document(Vec<Segment>),
    Literal(Value),
    Pattern(Pattern),
}

/// A regular expression between slashes.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    source: String,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Pattern {
    pub(super) fn new(expression: &str, flags: &str) -> Result<Self, String> {
        let mut options = String::new();
        for flag in flags.chars() {
            match flag {
                'i' | 'm' | 's' | 'x' => options.push(flag),
                _ => return Err(format!("unknown flag '{flag}' of a regular expression")),
            }
        }
        let prefix = if options.is_empty() {
            String::new()
        } else {
            format!("(?{options})")
        };
        let source = format!("{prefix}^(?:{expression})$");
        let regex = Regex::new(&source).map_err(|error| error.to_string())?;
        Ok(Self { source, regex })
    }
}

impl Operand {
    /// `None` where a path leads nowhere.
    fn value<'v>(&'v self, item: &'v Value, document: &'v Value) -> Option<Cow<'v, Value>> {
        match self {
            Self::Current(segments) => look(segments, item),
            Self::Document(segments) => look(segments, document),
            Self::Literal(value) => Some(Cow::Borrowed(value)),
            Self::Pattern(_) => None,
        }
    }
}

fn look<'v>(segments: &[Segment], from: &'v Value) -> Option<Cow<'v, Value>> {
    let definite = segments.iter().all(|segment| {
        matches!(
            segment,
            Segment::Field(_) | Segment::Fields(_) | Segment::Index(_) | Segment::Function(_)
        )
    });
    evaluate(segments, definite, from).ok()
}

impl Filter {
    pub(super) fn accepts(&self, item: &Value, document: &Value) -> bool {
        match self {
            Self::And(filters) => filters.iter().all(|filter| filter.accepts(item, document)),
            Self::Or(filters) => filters.iter().any(|filter| filter.accepts(item, document)),
            Self::Not(filter) => !filter.accepts(item, document),
            Self::Exists(operand) => operand.value(item, document).is_some(),
            Self::Compare(left, comparison, right) => {
                if *comparison == Comparison::Matches {
                    return matches(left, right, item, document);
                }
                let (left, right) = (left.value(item, document), right.value(item, document));
                compare(*comparison, left.as_deref(), right.as_deref())
            }
        }
    }
}

fn matches(left: &Operand, right: &Operand, item: &Value, document: &Value) -> bool {
    let ((Operand::Pattern(pattern), other) | (other, Operand::Pattern(pattern))) = (left, right)
    else {
        return false;
    };
    match other.value(item, document).as_deref() {
        Some(Value::String(text)) => pattern.regex.is_match(text),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => {
            pattern.regex.is_match(&value.to_string())
        }
        Some(Value::Array(texts)) => texts.iter().any(|text| {
            text.as_str()
                .is_some_and(|text| pattern.regex.is_match(text))
        }),
        _ => false,
    }
}

fn compare(comparison: Comparison, left: Option<&Value>, right: Option<&Value>) -> bool {
    let (left, right) = match (left, right) {
        (Some(left), Some(right)) => (left, right),
        (left, right) => {
            let equal = left.is_none() && right.is_none();
            return match comparison {
                Comparison::Equal | Comparison::SameTypeEqual => equal,
                Comparison::NotEqual | Comparison::SameTypeNotEqual => !equal,
                _ => false,
            };
        }
    };
    let list = |value: &Value| value.as_array().cloned();
    let within = |value: &Value, values: &[Value]| values.iter().any(|other| equal(value, other));
    match comparison {
        Comparison::Equal => equal(left, right),
        Comparison::NotEqual => !equal(left, right),
        Comparison::SameTypeEqual => same_type(left, right) && equal(left, right),
        Comparison::SameTypeNotEqual => !(same_type(left, right) && equal(left, right)),
        Comparison::Less => order(left, right) == Some(Ordering::Less),
        Comparison::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
        Comparison::Greater => order(left, right) == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
        Comparison::In => list(right).is_some_and(|right| within(left, &right)),
        Comparison::NotIn => list(right).is_some_and(|right| !within(left, &right)),
        Comparison::SubsetOf => lists(left, right, |left, right| {
            left.iter().all(|value| within(value, right))
        }),
        Comparison::AnyOf => lists(left, right, |left, right| {
            left.iter().any(|value| within(value, right))
        }),
        Comparison::NoneOf => lists(left, right, |left, right| {
            !left.iter().any(|value| within(value, right))
        }),
        Comparison::All => lists(left, right, |left, right| {
            right.iter().all(|value| within(value, left))
        }),
        Comparison::Size => size(left)
            .zip(right.as_u64())
            .is_some_and(|(size, wanted)| size == wanted),
        Comparison::Empty => size(left)
            .zip(right.as_bool())
            .is_some_and(|(size, wanted)| (size == 0) == wanted),
        Comparison::Contains => match (left, right) {
            (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
            (Value::Array(values), part) => within(part, values),
            _ => false,
        },
        // Handled before the operands were evaluated.
        Comparison::Matches => false,
    }
}

fn lists(left: &Value, right: &Value, test: impl Fn(&[Value], &[Value]) -> bool) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => test(left, right),
        _ => false,
    }
}

fn size(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => Some(text.chars().count() as u64),
        Value::Array(values) => Some(values.len() as u64),
        _ => None,
    }
}

fn same_type(left: &Value, right: &Value) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right)
}

/// Equality by value: numbers as numbers, also where one of the two is a text.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => equal_numbers(left, right),
        (Value::Number(number), Value::String(text)) => text.parse::<f64>().ok() == number.as_f64(),
        (Value::String(text), Value::Number(number)) => *text == number.to_string(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| equal(left, right))
        }
        _ => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right),
        (Value::String(left), Value::String(right)) => {
            Some(left.encode_utf16().cmp(right.encode_utf16()))
        }
        _ => None,
    }
}

fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// Whether two numbers are the same quantity, whichever way they are written.
pub(crate) fn equal_numbers(left: &Number, right: &Number) -> bool {
    compare_numbers(left, right) == Some(Ordering::Equal)
}
