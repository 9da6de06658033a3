//! Tags of state machines and activities.

use serde_json::{Map, Value, json};

use super::{StepFunctions, names, required};
use crate::failure::ServiceError;

/// The most tags that a resource may have.
const MOST_TAGS: usize = 50;

impl StepFunctions {
    pub(super) fn tag(&self, input: &Value) -> Result<Value, ServiceError> {
        let more = read(&input["tags"])?;
        self.change_tags(input, |tags| {
            let arn = input["resourceArn"].as_str().unwrap_or_default();
            let mut all = tags.clone();
            all.extend(more);
            limit(all.len(), arn)?;
            *tags = all;
            Ok(json!({}))
        })
    }

    pub(super) fn untag(&self, input: &Value) -> Result<Value, ServiceError> {
        self.change_tags(input, |tags| {
            let keys = input["tagKeys"].as_array().into_iter().flatten();
            for key in keys.filter_map(Value::as_str) {
                tags.shift_remove(key);
            }
            Ok(json!({}))
        })
    }

    pub(super) fn list_tags(&self, input: &Value) -> Result<Value, ServiceError> {
        self.change_tags(input, |tags| {
            let tags: Vec<Value> = tags
                .iter()
                .map(|(key, value)| json!({"key": key, "value": value}))
                .collect();
            Ok(json!({"tags": tags}))
        })
    }

    /// A version or alias has no tags of its own: AWS does not find it.
    fn change_tags(
        &self,
        input: &Value,
        change: impl FnOnce(&mut Map<String, Value>) -> Result<Value, ServiceError>,
    ) -> Result<Value, ServiceError> {
        let arn = required(input, "resourceArn")?;
        let missing =
            || ServiceError::new("ResourceNotFound", format!("Resource not found: '{arn}'"));
        if names::check_arn(arn, "activity").is_ok() {
            return self.change_activity(arn, missing, |activity| change(&mut activity.tags));
        }
        names::check_arn(arn, "stateMachine")?;
        self.change_machine(arn, missing, |machine| change(&mut machine.tags))
    }
}

/// Tags as requests carry them.
pub(super) fn read(list: &Value) -> Result<Map<String, Value>, ServiceError> {
    let entries = list.as_array().into_iter().flatten();
    let mut tags = Map::new();
    for tag in entries {
        let key = tag["key"].as_str().unwrap_or_default();
        if key
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
        {
            return Err(ServiceError::validation(format!(
                "Tag keys that begin with aws: are reserved: '{key}'"
            )));
        }
        let value = tag["value"].as_str().unwrap_or_default();
        tags.insert(key.to_owned(), value.into());
    }
    limit(tags.len(), "the resource")?;
    Ok(tags)
}

fn limit(count: usize, resource: &str) -> Result<(), ServiceError> {
    if count <= MOST_TAGS {
        return Ok(());
    }
    Err(
        ServiceError::new("TooManyTags", format!("Too many tags: '{resource}'"))
            .with_detail("resourceName", resource),
    )
}
