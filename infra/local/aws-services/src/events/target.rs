//! Targets of rules: which ones this runtime can serve, and what they get to see.

use serde_json::{Map, Value};

use super::transformation::{Surroundings, Transformation};
use crate::failure::ServiceError;

/// Refuses a target that this runtime cannot serve.
pub(super) fn check(target: &Value) -> Result<(), ServiceError> {
    let arn = target["Arn"].as_str().unwrap_or_default();
    if !super::delivery::serves(arn) {
        return Err(ServiceError::validation(format!(
            "the local runtime supports state machines, topics and queues as targets, not {arn}"
        )));
    }
    const KNOWN: [&str; 8] = [
        "Id",
        "Arn",
        "RoleArn",
        "Input",
        "InputPath",
        "InputTransformer",
        "RetryPolicy",
        "DeadLetterConfig",
    ];
    let members = target.as_object().into_iter().flat_map(Map::keys);
    if let Some(member) = members
        .into_iter()
        .find(|member| !KNOWN.contains(&member.as_str()))
    {
        return Err(ServiceError::unsupported_parameter("PutTargets", member));
    }
    if target["Id"].as_str().is_none_or(str::is_empty) {
        return Err(ServiceError::validation("a target needs an Id"));
    }
    let members = target.as_object().cloned().unwrap_or_default();
    Transformation::of_target(&members)
        .map(drop)
        .map_err(ServiceError::validation)
}

/// The text that a target gets for an event. The target has been checked.
pub(super) fn input(target: &Value, event: &Value, rule_name: &str, rule_arn: &str) -> String {
    let surroundings = Surroundings {
        rule_name,
        rule_arn,
        ingestion_time: event["time"].as_str().unwrap_or_default(),
    };
    let transformation = target.as_object().map(Transformation::of_target);
    match transformation {
        Some(Ok(transformation)) => transformation.apply(event, &surroundings),
        _ => event.to_string(),
    }
}
