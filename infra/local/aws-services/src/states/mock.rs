//! What a test's mocks may be: results in the shape of the called action's response, and context objects. `test_state`
//! calls it. `response_shapes.json` holds the shapes; its generator is beside it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;
use states_language::{Integration, IntegrationPattern, State, StateType};

use super::members::{pascal, upper_first};
use crate::failure::ServiceError;

/// The shapes of one service's responses.
#[derive(Deserialize)]
struct Service {
    /// By action: the name of its response's shape.
    actions: BTreeMap<String, String>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
struct Shape {
    /// `object`, `array`, `map`, `number`, `boolean` or `string`.
    t: String,
    /// An object's members: the names of their shapes.
    #[serde(default)]
    m: BTreeMap<String, String>,
    /// The members that a response always has.
    #[serde(default)]
    r: Vec<String>,
    /// The shape of a list's items or of a map's values.
    i: Option<String>,
    /// The words that a text can be.
    #[serde(default)]
    e: Vec<String>,
    min: Option<f64>,
    max: Option<f64>,
}

fn services() -> &'static BTreeMap<String, Service> {
    static SERVICES: OnceLock<BTreeMap<String, Service>> = OnceLock::new();
    SERVICES.get_or_init(|| {
        // A test reads the same text.
        serde_json::from_str(include_str!("response_shapes.json")).unwrap_or_default()
    })
}

/// Refuses a result that the action could not answer with: `STRICT` wants what is always there, `PRESENT` looks only at what
/// is given, `NONE` takes anything.
pub(super) fn check(
    integration: &Integration,
    result: &Value,
    mode: &str,
) -> Result<(), ServiceError> {
    // What waits answers with something else than the action's response.
    if mode == "NONE" || integration.pattern != IntegrationPattern::RequestResponse {
        return Ok(());
    }
    let service = match integration.service.as_str() {
        "states" | "aws-sdk:sfn" => "stepfunctions",
        "elasticmapreduce" => "emr",
        "aws-sdk:eventbridge" => "events",
        other => other.strip_prefix("aws-sdk:").unwrap_or(other),
    };
    let Some(known) = services().get(service) else {
        return Err(ServiceError::validation(format!(
            "the local runtime has no model of the responses of {}: give the mock the fieldValidationMode NONE",
            integration.arn
        )));
    };
    let checker = Checker {
        service: known,
        strict: mode == "STRICT",
        // A function's result is JSON, whatever the API makes of it.
        free: (service == "lambda").then_some("Payload"),
    };
    match known.actions.get(&pascal(&integration.action)) {
        Some(shape) => checker.check(shape, result, ""),
        None => Ok(()),
    }
}

struct Checker {
    service: &'static Service,
    strict: bool,
    free: Option<&'static str>,
}

impl Checker {
    fn check(&self, shape: &str, value: &Value, field: &str) -> Result<(), ServiceError> {
        let Some(shape) = self.service.shapes.get(shape) else {
            return Ok(());
        };
        let wrong = |what: &str| Err(complaint(&format!("Field '{field}' {what}")));
        match (shape.t.as_str(), value) {
            ("object", Value::Object(members)) => {
                for (name, inner) in &shape.m {
                    let name = upper_first(name);
                    match members.get(&name) {
                        Some(_) if self.free == Some(name.as_str()) => {}
                        Some(value) => self.check(inner, value, &name)?,
                        None => {}
                    }
                }
                let missing = shape
                    .r
                    .iter()
                    .map(|name| upper_first(name))
                    .find(|name| !members.contains_key(name));
                match missing.filter(|_| self.strict) {
                    Some(name) => Err(complaint(&format!("Required field '{name}' is missing"))),
                    None => Ok(()),
                }
            }
            ("map", Value::Object(members)) => {
                for (name, value) in members {
                    self.check(shape.i.as_deref().unwrap_or_default(), value, name)?;
                }
                Ok(())
            }
            ("array", Value::Array(items)) => {
                for item in items {
                    self.check(shape.i.as_deref().unwrap_or_default(), item, field)?;
                }
                Ok(())
            }
            ("number", Value::Number(number)) => {
                let number = number.as_f64().unwrap_or_default();
                if shape.min.is_some_and(|least| number < least) {
                    return wrong("is less than the minimum value");
                }
                if shape.max.is_some_and(|most| number > most) {
                    return wrong("exceeds the maximum value");
                }
                Ok(())
            }
            ("boolean", Value::Bool(_)) => Ok(()),
            ("string", Value::String(text)) => {
                let length = text.chars().count() as f64;
                if shape.min.is_some_and(|least| length < least) {
                    return wrong("is smaller than the minimum length");
                }
                if shape.max.is_some_and(|most| length > most) {
                    return wrong("exceeds the maximum length");
                }
                if !shape.e.is_empty() && !shape.e.contains(text) {
                    return wrong("is not an expected value");
                }
                Ok(())
            }
            ("object" | "map", _) => wrong("must be an object"),
            ("array", _) => wrong("must be an array"),
            ("number", _) => wrong("must be a number"),
            ("boolean", _) => wrong("must be a boolean"),
            _ => wrong("must be a string"),
        }
    }
}

fn complaint(what: &str) -> ServiceError {
    ServiceError::validation(format!("Mock result schema validation error: {what}"))
}

/// What a mocked context object may hold, with the types of its fields.
const CONTEXT: [(&str, &[(&str, Type)]); 4] = [
    (
        "Execution",
        &[
            ("Id", Type::Text),
            ("Input", Type::Any),
            ("Name", Type::Text),
            ("RoleArn", Type::Text),
            ("StartTime", Type::Text),
            ("RedriveCount", Type::Number),
            ("RedriveTime", Type::Text),
        ],
    ),
    (
        "State",
        &[
            ("EnteredTime", Type::Text),
            ("Name", Type::Text),
            ("RetryCount", Type::Number),
        ],
    ),
    ("StateMachine", &[("Id", Type::Text), ("Name", Type::Text)]),
    ("Task", &[("Token", Type::Text)]),
];

#[derive(Clone, Copy)]
enum Type {
    Any,
    Number,
    Text,
}

/// Reads a mocked context object.
pub(super) fn context(text: &str, state: &State) -> Result<Value, ServiceError> {
    let refused = |reason: String| {
        ServiceError::validation(format!("Invalid Context object provided: {reason}"))
    };
    let context: Value = serde_json::from_str(text)
        .map_err(|_| refused("Context object must be valid JSON".to_owned()))?;
    let Some(fields) = context.as_object() else {
        return Err(refused("Context object must be a JSON object".to_owned()));
    };
    for (name, value) in fields {
        if name == "Map" {
            return Err(refused(
                "'Map' field is not supported when mocking a Context object".to_owned(),
            ));
        }
        let Some((_, known)) = CONTEXT.iter().find(|(known, _)| known == name) else {
            return Err(refused(format!("Field '{name}' is not allowed")));
        };
        let Some(inner) = value.as_object() else {
            return Err(refused(format!("{name} must be an object")));
        };
        for (field, value) in inner {
            let Some((_, wanted)) = known.iter().find(|(known, _)| known == field) else {
                return Err(refused(format!("Field '{field}' is not allowed")));
            };
            match wanted {
                Type::Text if !value.is_string() => {
                    return Err(refused(format!("{name}.{field} must be a string")));
                }
                Type::Number if !value.is_number() => {
                    return Err(refused(format!("{name}.{field} must be a number")));
                }
                _ => {}
            }
        }
    }
    let waits = state.state_type() == StateType::Task
        && matches!(
            state.resource(),
            Some(states_language::Resource::Integration(integration))
                if integration.pattern != IntegrationPattern::RequestResponse
        );
    if fields.contains_key("Task") && !waits {
        return Err(refused(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service \
             integration pattern"
                .to_owned(),
        ));
    }
    Ok(context)
}
