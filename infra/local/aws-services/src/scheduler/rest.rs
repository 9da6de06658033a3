//! Which action of the scheduler a REST request is, and its members.

use bytes::Bytes;
use http::request::Parts;
use serde_json::{Map, Value};

use crate::failure::ServiceError;
use crate::gateway::percent_decoded;

/// Finds action and members. Path and query add to the body's members, under the names that the actions use.
pub(crate) fn read(parts: &Parts, body: &Bytes) -> Result<(String, Value), ServiceError> {
    let path = parts.uri.path();
    let segments: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let (action, name) = match (parts.method.as_str(), segments.as_slice()) {
        ("GET", ["schedules"]) => ("ListSchedules", None),
        ("POST", ["schedules", name]) => ("CreateSchedule", Some(*name)),
        ("PUT", ["schedules", name]) => ("UpdateSchedule", Some(*name)),
        ("GET", ["schedules", name]) => ("GetSchedule", Some(*name)),
        ("DELETE", ["schedules", name]) => ("DeleteSchedule", Some(*name)),
        (method, _) => {
            return Err(ServiceError::unsupported_action(
                "scheduler",
                &format!("{method} {path}"),
            ));
        }
    };
    let mut members = if body.is_empty() {
        Map::new()
    } else {
        serde_json::from_slice(body)
            .map_err(|error| ServiceError::new("SerializationException", error.to_string()))?
    };
    for (name, value) in
        url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
    {
        let member = match name.as_ref() {
            "groupName" | "ScheduleGroup" => "GroupName",
            "MaxResults" | "NextToken" | "NamePrefix" | "State" | "clientToken" => &name,
            other => return Err(ServiceError::unsupported_parameter(action, other)),
        };
        members.insert(member.to_owned(), value.into_owned().into());
    }
    if let Some(name) = name {
        members.insert("Name".to_owned(), percent_decoded(name).into());
    }
    Ok((action.to_owned(), members.into()))
}
