//! Reading an event into a function's request: a wrong one is `InvalidInput` and names the field. Used by the dispatch in
//! `lib.rs`, and by the functions that keep their whole event.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::shared::errors::{ErrorType, Typed};

/// An event of the wrong shape.
#[derive(Debug, thiserror::Error)]
#[error("the event's {field} is wrong: {problem}")]
pub struct InvalidInput {
    field: String,
    problem: String,
}

impl InvalidInput {
    pub(crate) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

impl Typed for InvalidInput {
    fn error_type(&self) -> ErrorType {
        ErrorType::InvalidInput
    }
}

/// Reads a whole event. No event at all, as when a function is started by hand, counts as an empty one.
pub(crate) fn decode<T: DeserializeOwned>(event: Value) -> Result<T, InvalidInput> {
    let event = match event {
        Value::Null => Value::Object(Map::new()),
        Value::Object(fields) => Value::Object(fields),
        other => {
            return Err(InvalidInput::new(
                "top level",
                format!("expected an object, found {}", kind(&other)),
            ));
        }
    };
    serde_path_to_error::deserialize(event).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." {
            "content".to_owned()
        } else {
            path
        };
        InvalidInput::new(field, error.into_inner().to_string())
    })
}

/// Reads one optional field of an event that is otherwise kept as it is. `null` counts as absent.
pub(crate) fn field<T: DeserializeOwned>(
    event: &Map<String, Value>,
    name: &str,
) -> Result<Option<T>, InvalidInput> {
    match event.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value.clone())
            .map(Some)
            .map_err(|error| InvalidInput::new(name, error.to_string())),
    }
}

/// As [`field`], for text that must not be blank.
pub(crate) fn text(event: &Map<String, Value>, name: &str) -> Result<Option<String>, InvalidInput> {
    let text: Option<String> = field(event, name)?;
    match text {
        Some(text) if text.trim().is_empty() => Err(InvalidInput::new(name, "it is empty")),
        other => Ok(other),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::shared::identifiers::ClusterId;
    use crate::shared::run::Run;

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Sample {
        #[expect(dead_code, reason = "only its reading is tested")]
        cluster_id: ClusterId,
        #[serde(flatten)]
        run: Run,
    }

    fn problem(event: Value) -> String {
        decode::<Sample>(event).unwrap_err().to_string()
    }

    #[test]
    fn names_the_field_that_is_missing_empty_of_the_wrong_type_or_form() {
        assert!(problem(json!({})).contains("missing field `ClusterId`"));
        assert!(problem(json!({"ClusterId": ""})).contains("ClusterId is wrong"));
        assert!(problem(json!({"ClusterId": 5})).contains("ClusterId is wrong"));
        assert!(problem(json!({"ClusterId": "i-123"})).contains("\"i-123\""));
        assert!(problem(json!({"ClusterId": "j-1", "BatchId": 20261121})).contains("BatchId"));
        assert!(problem(json!({"ClusterId": "j-1", "BatchId": "a/b"})).contains("BatchId"));
        assert!(
            problem(json!({"ClusterId": "j-1", "ExecutionArn": "me"})).contains("ExecutionArn")
        );
    }

    #[test]
    fn refuses_an_event_that_is_no_object() {
        assert!(problem(json!(["ClusterId"])).contains("an array"));
    }

    #[test]
    fn unknown_fields_and_nulls_are_allowed() {
        let sample: Sample =
            decode(json!({"ClusterId": "j-1", "BatchId": null, "More": [1]})).unwrap();
        assert!(sample.run.batch_id.is_none());
    }
}
