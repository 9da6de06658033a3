//! The conditions of a policy's statement, and whether the circumstances of a call meet them. An operator that is not known
//! here is refused when the policy is read.

use std::collections::BTreeMap;

use serde_json::Value;

use super::pattern;

/// What is known of a call: values by condition key, the keys in lower case, as IAM compares them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Circumstances(BTreeMap<String, Vec<String>>);

impl Circumstances {
    pub(crate) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        let values = self.0.entry(key.to_lowercase()).or_default();
        values.push(value.into());
        self
    }

    /// Tags, each under its own key, and all their keys under `aws:TagKeys` if `prefix` is that of a request.
    pub(crate) fn with_tags(mut self, prefix: &str, tags: &[(String, String)]) -> Self {
        for (key, value) in tags {
            self = self.with(&format!("{prefix}/{key}"), value);
            if prefix.eq_ignore_ascii_case("aws:RequestTag") {
                self = self.with("aws:TagKeys", key);
            }
        }
        self
    }

    fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(key).map(Vec::as_slice)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equals,
    EqualsIgnoringCase,
    Like,
    Bool,
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    One,
    ForAll,
    ForAny,
}

/// One operator with one key.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    comparison: Comparison,
    negated: bool,
    if_exists: bool,
    quantifier: Quantifier,
    key: String,
    values: Vec<String>,
}

/// Reads the block `Condition`: all of it has to be met.
pub(crate) fn read(block: &Value) -> Result<Vec<Condition>, String> {
    let Some(operators) = block.as_object() else {
        return Err("Condition must be a mapping of operators".to_owned());
    };
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        let (comparison, negated, if_exists, quantifier) = operator_of(operator)
            .ok_or_else(|| format!("the condition operator {operator} is not supported"))?;
        let Some(keys) = keys.as_object() else {
            return Err(format!("{operator} must be a mapping of condition keys"));
        };
        for (key, values) in keys {
            let values = texts(values).ok_or_else(|| {
                format!("{operator} of {key} must be a string or a list of strings")
            })?;
            if values.iter().any(|value| value.contains("${")) {
                return Err(format!(
                    "{operator} of {key}: policy variables are not supported"
                ));
            }
            conditions.push(Condition {
                comparison,
                negated,
                if_exists,
                quantifier,
                key: key.to_lowercase(),
                values,
            });
        }
    }
    Ok(conditions)
}

/// A string or a list of them; numbers and truth values count as their text.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        other => text(other).map(|text| vec![text]),
    }
}

fn operator_of(operator: &str) -> Option<(Comparison, bool, bool, Quantifier)> {
    let (quantifier, rest) = match operator.split_once(':') {
        Some(("ForAllValues", rest)) => (Quantifier::ForAll, rest),
        Some(("ForAnyValue", rest)) => (Quantifier::ForAny, rest),
        Some(_) => return None,
        None => (Quantifier::One, operator),
    };
    let (name, if_exists) = match rest.strip_suffix("IfExists") {
        Some(name) => (name, true),
        None => (rest, false),
    };
    let (comparison, negated) = match name {
        "StringEquals" => (Comparison::Equals, false),
        "StringNotEquals" => (Comparison::Equals, true),
        "StringEqualsIgnoreCase" => (Comparison::EqualsIgnoringCase, false),
        "StringNotEqualsIgnoreCase" => (Comparison::EqualsIgnoringCase, true),
        // For ARNs the two mean the same.
        "StringLike" | "ArnLike" | "ArnEquals" => (Comparison::Like, false),
        "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => (Comparison::Like, true),
        "Bool" => (Comparison::Bool, false),
        "Null" if !if_exists => (Comparison::Null, false),
        _ => return None,
    };
    Some((comparison, negated, if_exists, quantifier))
}

impl Condition {
    /// Whether the circumstances meet it.
    pub(crate) fn is_met(&self, circumstances: &Circumstances) -> bool {
        let found = circumstances.get(&self.key);
        if self.comparison == Comparison::Null {
            let wanted = self.values.iter().any(|value| value == "true");
            return found.is_none() == wanted;
        }
        let Some(found) = found else {
            // What is not there differs from everything, and all of nothing is within any set.
            return self.if_exists || self.negated || self.quantifier == Quantifier::ForAll;
        };
        let one = |value: &String| {
            let equal = self.values.iter().any(|wanted| self.compare(wanted, value));
            equal != self.negated
        };
        match self.quantifier {
            Quantifier::ForAll => found.iter().all(one),
            Quantifier::One | Quantifier::ForAny => found.iter().any(one),
        }
    }

    fn compare(&self, wanted: &str, value: &str) -> bool {
        match self.comparison {
            Comparison::Equals => wanted == value,
            Comparison::EqualsIgnoringCase | Comparison::Bool => wanted.eq_ignore_ascii_case(value),
            Comparison::Like => pattern::matches(wanted, value),
            Comparison::Null => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn met(block: Value, circumstances: &Circumstances) -> bool {
        let conditions = read(&block).unwrap();
        conditions
            .iter()
            .all(|condition| condition.is_met(circumstances))
    }

    #[test]
    fn an_operator_that_is_not_known_is_refused_by_name() {
        let error = read(&json!({"NumericLessThan": {"s3:max-keys": "10"}})).unwrap_err();
        assert_eq!(
            error,
            "the condition operator NumericLessThan is not supported"
        );
        assert!(read(&json!({"StringEquals": {"a": "${aws:username}"}})).is_err());
    }

    #[test]
    fn a_key_that_is_missing_meets_only_what_says_so() {
        let nothing = Circumstances::default();
        assert!(!met(json!({"StringEquals": {"s3:prefix": "a"}}), &nothing));
        assert!(met(
            json!({"StringEqualsIfExists": {"s3:prefix": "a"}}),
            &nothing
        ));
        assert!(met(
            json!({"StringNotEquals": {"s3:prefix": "a"}}),
            &nothing
        ));
        assert!(met(json!({"Null": {"s3:prefix": "true"}}), &nothing));
        assert!(!met(json!({"Null": {"s3:prefix": "false"}}), &nothing));
        assert!(met(
            json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}),
            &nothing
        ));
        assert!(!met(
            json!({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}),
            &nothing
        ));
    }

    #[test]
    fn keys_ignore_case_and_values_do_not() {
        let tagged = Circumstances::default().with("aws:ResourceTag/pipeline", "Nightly");
        let with = |value: &str| json!({"StringEquals": {"AWS:resourcetag/Pipeline": value}});
        assert!(met(with("Nightly"), &tagged));
        assert!(!met(with("nightly"), &tagged));
    }

    #[test]
    fn every_value_of_the_request_has_to_be_in_the_set() {
        let tags = [
            ("a".to_owned(), "1".to_owned()),
            ("b".to_owned(), "2".to_owned()),
        ];
        let request = Circumstances::default().with_tags("aws:RequestTag", &tags);
        let all = |keys: Value| json!({"ForAllValues:StringEquals": {"aws:TagKeys": keys}});
        assert!(met(all(json!(["a", "b", "c"])), &request));
        assert!(!met(all(json!(["a"])), &request));
        assert!(met(
            json!({"StringEquals": {"aws:RequestTag/a": "1"}}),
            &request
        ));
    }

    #[test]
    fn stars_and_truth_values_are_understood() {
        let call = Circumstances::default()
            .with("s3:prefix", "landing/fact/x/")
            .with("aws:SecureTransport", "true");
        assert!(met(
            json!({"StringLike": {"s3:prefix": ["staging/*", "landing/*"]}}),
            &call
        ));
        assert!(!met(
            json!({"StringNotLike": {"s3:prefix": "landing/*"}}),
            &call
        ));
        assert!(!met(
            json!({"Bool": {"aws:SecureTransport": "false"}}),
            &call
        ));
        assert!(met(json!({"Bool": {"aws:SecureTransport": true}}), &call));
    }
}
