//! The rules of a Choice state: what is compared with what. The Choice state asks them in turn.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

use crate::jsonpath::Path;
use crate::scope::{EvaluationError, Scope};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rule {
    And(Vec<Rule>),
    Or(Vec<Rule>),
    Not(Box<Rule>),
    Test {
        variable: Path,
        test: Test,
        operand: Operand,
    },
}

/// What is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    Compare(Type, Relation),
    StringMatches,
    IsBoolean,
    IsNull,
    IsNumeric,
    IsPresent,
    IsString,
    IsTimestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Boolean,
    Numeric,
    String,
    Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Literal(Value),
    Path(Path),
}

impl Test {
    /// The test that a field of a rule names, and whether its operand is a path (`StringEqualsPath`).
    pub(crate) fn named(field: &str) -> Option<(Self, bool)> {
        let test = match field {
            "IsBoolean" => Self::IsBoolean,
            "IsNull" => Self::IsNull,
            "IsNumeric" => Self::IsNumeric,
            "IsPresent" => Self::IsPresent,
            "IsString" => Self::IsString,
            "IsTimestamp" => Self::IsTimestamp,
            "StringMatches" => Self::StringMatches,
            _ => {
                let (field, is_path) = match field.strip_suffix("Path") {
                    Some(field) => (field, true),
                    None => (field, false),
                };
                let (kind, relation) = [
                    ("Boolean", Type::Boolean),
                    ("Numeric", Type::Numeric),
                    ("String", Type::String),
                    ("Timestamp", Type::Timestamp),
                ]
                .into_iter()
                .find_map(|(prefix, kind)| Some((kind, field.strip_prefix(prefix)?)))?;
                let relation = match relation {
                    "Equals" => Relation::Equals,
                    "LessThan" => Relation::LessThan,
                    "LessThanEquals" => Relation::LessThanEquals,
                    "GreaterThan" => Relation::GreaterThan,
                    "GreaterThanEquals" => Relation::GreaterThanEquals,
                    _ => return None,
                };
                if kind == Type::Boolean && relation != Relation::Equals {
                    return None;
                }
                return Some((Self::Compare(kind, relation), is_path));
            }
        };
        Some((test, false))
    }

    /// Whether a literal suits the test; the error names the type that is wanted.
    pub(crate) fn check(self, literal: &Value) -> Result<(), &'static str> {
        let (suits, wanted) = match self {
            Self::Compare(Type::Numeric, _) => {
                (literal.is_number(), "Expected value of type Number")
            }
            Self::Compare(Type::String, _) | Self::StringMatches => {
                (literal.is_string(), "Expected value of type String")
            }
            Self::Compare(Type::Timestamp, _) => (
                literal.as_str().and_then(timestamp).is_some(),
                "String does not match RFC3339 timestamp",
            ),
            _ => (literal.is_boolean(), "Expected value of type Boolean"),
        };
        if suits { Ok(()) } else { Err(wanted) }
    }

    fn holds(self, value: &Value, operand: &Value) -> bool {
        let is = match self {
            Self::Compare(kind, relation) => return compare(kind, relation, value, operand),
            Self::StringMatches => {
                return matches!((value, operand), (Value::String(text), Value::String(pattern)) if matches(text, pattern));
            }
            Self::IsBoolean => value.is_boolean(),
            Self::IsNull => value.is_null(),
            Self::IsNumeric => value.is_number(),
            Self::IsString => value.is_string(),
            Self::IsTimestamp => value.as_str().and_then(timestamp).is_some(),
            Self::IsPresent => true,
        };
        Value::Bool(is) == *operand
    }
}

impl Rule {
    /// Whether the rule holds; the error is the path that has no value.
    pub(crate) fn holds(&self, scope: &Scope<'_>) -> Result<bool, EvaluationError> {
        match self {
            Self::And(rules) => {
                for rule in rules {
                    if !rule.holds(scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(rules) => {
                for rule in rules {
                    if rule.holds(scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(rule) => rule.holds(scope).map(|holds| !holds),
            Self::Test {
                variable,
                test,
                operand,
            } => {
                if let (Some(value), Operand::Literal(literal)) = (scope.find(variable), operand) {
                    return Ok(test.holds(value, literal));
                }
                let value = match scope.look(variable) {
                    Err(_) if *test == Test::IsPresent => {
                        return Ok(matches!(operand, Operand::Literal(Value::Bool(false))));
                    }
                    value => value?,
                };
                let operand = match operand {
                    Operand::Literal(literal) => Cow::Borrowed(literal),
                    Operand::Path(path) => scope.look(path)?,
                };
                Ok(test.holds(&value, &operand))
            }
        }
    }
}

/// Values of different types compare as unequal, never as an error.
fn compare(kind: Type, relation: Relation, left: &Value, right: &Value) -> bool {
    let order = match (kind, left, right) {
        (Type::Boolean, Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Type::Numeric, Value::Number(left), Value::Number(right)) => {
            match (left.as_i64(), right.as_i64()) {
                (Some(left), Some(right)) => Some(left.cmp(&right)),
                _ => left
                    .as_f64()
                    .zip(right.as_f64())
                    .and_then(|(left, right)| left.partial_cmp(&right)),
            }
        }
        // Java's order, which is by UTF-16 code units.
        (Type::String, Value::String(left), Value::String(right)) => {
            Some(left.encode_utf16().cmp(right.encode_utf16()))
        }
        (Type::Timestamp, Value::String(left), Value::String(right)) => timestamp(left)
            .zip(timestamp(right))
            .map(|(left, right)| left.cmp(&right)),
        _ => None,
    };
    order.is_some_and(|order| match relation {
        Relation::Equals => order == Ordering::Equal,
        Relation::LessThan => order == Ordering::Less,
        Relation::LessThanEquals => order != Ordering::Greater,
        Relation::GreaterThan => order == Ordering::Greater,
        Relation::GreaterThanEquals => order != Ordering::Less,
    })
}

/// Reads an RFC 3339 timestamp: with `T`, and with `Z` or an offset.
pub(crate) fn timestamp(text: &str) -> Option<Timestamp> {
    let date_and_time = text.as_bytes();
    if date_and_time.get(10) != Some(&b'T')
        || !date_and_time[..10]
            .iter()
            .all(|b| b.is_ascii_digit() || *b == b'-')
    {
        return None;
    }
    text.parse().ok()
}

/// `*` stands for any characters; `\*` and `\\` stand for themselves.
fn matches(text: &str, pattern: &str) -> bool {
    enum Piece {
        Any,
        One(char),
    }
    let mut pieces = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        pieces.push(match character {
            '*' => Piece::Any,
            '\\' => Piece::One(characters.next().unwrap_or('\\')),
            other => Piece::One(other),
        });
    }
    let text: Vec<char> = text.chars().collect();
    // Where the last `*` was, and how much text it has swallowed: the only place to go back to.
    let (mut at, mut piece, mut star) = (0, 0, None);
    while at < text.len() {
        match pieces.get(piece) {
            Some(Piece::Any) => {
                star = Some((piece, at));
                piece += 1;
            }
            Some(Piece::One(wanted)) if *wanted == text[at] => {
                at += 1;
                piece += 1;
            }
            _ => {
                let Some((position, swallowed)) = star else {
                    return false;
                };
                star = Some((position, swallowed + 1));
                piece = position + 1;
                at = swallowed + 1;
            }
        }
    }
    pieces[piece..]
        .iter()
        .all(|piece| matches!(piece, Piece::Any))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(field: &str, value: Value, operand: Value) -> bool {
        let (test, _) = Test::named(field).expect(field);
        test.holds(&value, &operand)
    }

    #[test]
    fn knows_no_other_tests() {
        for field in [
            "BooleanLessThan",
            "StringContains",
            "NumericMatches",
            "IsList",
            "Equals",
            "StringMatchesPath",
        ] {
            assert_eq!(Test::named(field), None, "{field}");
        }
    }

    #[test]
    fn finds_values_of_another_type_unequal() {
        for value in [
            json!(null),
            json!("1"),
            json!([1]),
            json!({"A": 1}),
            json!(true),
        ] {
            assert!(!holds("NumericEquals", value, json!(1)));
        }
        assert!(!holds("BooleanEquals", json!("true"), json!(true)));
        assert!(!holds("StringEquals", json!(1), json!("1")));
        assert!(!holds(
            "TimestampEquals",
            json!("2012-10-09"),
            json!("2012-10-09T19:00:55Z")
        ));
    }

    #[test]
    fn compares_numbers_by_quantity() {
        assert!(holds("NumericEquals", json!(0), json!(0.0)));
        assert!(holds(
            "NumericLessThan",
            json!(9_007_199_254_740_992_i64),
            json!(9_007_199_254_740_993_i64)
        ));
        assert!(holds("NumericGreaterThanEquals", json!(1), json!(1.0)));
        assert!(!holds("NumericGreaterThan", json!(1), json!(1)));
    }

    #[test]
    fn compares_strings_by_their_characters() {
        assert!(holds("StringLessThan", json!("A"), json!("AB")));
        assert!(holds("StringGreaterThanEquals", json!(""), json!("")));
        assert!(!holds("StringEquals", json!("\t\n"), json!("\t\r\n")));
    }

    #[test]
    fn compares_times_across_offsets() {
        assert!(holds(
            "TimestampEquals",
            json!("2012-10-09T19:00:55+01:00"),
            json!("2012-10-09T18:00:55Z")
        ));
        assert!(holds(
            "TimestampLessThan",
            json!("2012-10-09T19:00:55Z"),
            json!("2012-10-09T19:00:55.001Z")
        ));
        assert!(holds(
            "IsTimestamp",
            json!("2012-10-09T19:00:55"),
            json!(false)
        ));
        assert!(holds(
            "IsTimestamp",
            json!("2012-10-09T19:00:55Z"),
            json!(true)
        ));
    }

    #[test]
    fn matches_wildcards_and_escaped_stars() {
        assert!(holds(
            "StringMatches",
            json!("log-2026-11.txt"),
            json!("log-*.txt")
        ));
        assert!(holds("StringMatches", json!("aXbXc"), json!("a*b*c")));
        assert!(holds("StringMatches", json!("a*b"), json!("a\\*b")));
        assert!(!holds("StringMatches", json!("aXb"), json!("a\\*b")));
        assert!(!holds("StringMatches", json!("abc"), json!("ab")));
        assert!(holds("StringMatches", json!(""), json!("*")));
    }
}
