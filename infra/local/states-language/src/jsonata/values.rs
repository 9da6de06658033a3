//! JSON as JSONata sees it, and JSONata's results as JSON. JSONata knows one kind of number, the double; what is whole is
//! written without a fraction. Queries convert what goes in and what comes out.

use jsonata_core::value::JValue;
use serde_json::{Map, Number, Value};

/// Doubles hold whole numbers exactly up to here.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

pub(super) fn to_jsonata(value: &Value) -> JValue {
    match value {
        Value::Null => JValue::Null,
        Value::Bool(bool) => JValue::Bool(*bool),
        Value::Number(number) => JValue::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => JValue::string(text.as_str()),
        Value::Array(values) => JValue::array(values.iter().map(to_jsonata).collect()),
        Value::Object(object) => JValue::object(
            object
                .iter()
                .map(|(name, value)| (name.clone(), to_jsonata(value)))
                .collect(),
        ),
    }
}

/// `None` for what JSON cannot say: a function. Members that are undefined are left out.
pub(super) fn from_jsonata(value: &JValue) -> Option<Value> {
    Some(match value {
        JValue::Null => Value::Null,
        JValue::Bool(bool) => Value::Bool(*bool),
        JValue::Number(number) => from_double(*number),
        JValue::String(text) => Value::String(text.to_string()),
        JValue::Array(values) => {
            let mut list = Vec::with_capacity(values.len());
            for value in values {
                if !matches!(value, JValue::Undefined) {
                    list.push(from_jsonata(value)?);
                }
            }
            Value::Array(list)
        }
        JValue::Object(members) => {
            let mut object = Map::with_capacity(members.len());
            for (name, value) in members.iter() {
                if !matches!(value, JValue::Undefined) {
                    object.insert(name.clone(), from_jsonata(value)?);
                }
            }
            Value::Object(object)
        }
        _ => return None,
    })
}

/// What no JSON number can say, AWS says in a string.
fn from_double(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= LARGEST_EXACT {
        return Value::from(number as i64);
    }
    match Number::from_f64(number) {
        Some(number) => Value::Number(number),
        None if number.is_nan() => Value::from("NaN"),
        None if number > 0.0 => Value::from("Infinity"),
        None => Value::from("-Infinity"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn writes_whole_numbers_without_a_fraction() {
        for (number, text) in [
            (1.0, "1"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (1e21, "1e+21"),
            (f64::INFINITY, "\"Infinity\""),
            (f64::NEG_INFINITY, "\"-Infinity\""),
        ] {
            assert_eq!(from_double(number).to_string(), text);
        }
    }

    #[test]
    fn brings_json_through_unchanged() {
        let value = json!({"a": [1, 2.5, [null, true]], "b": {"c": "ü"}, "": []});
        assert_eq!(from_jsonata(&to_jsonata(&value)), Some(value));
    }
}
