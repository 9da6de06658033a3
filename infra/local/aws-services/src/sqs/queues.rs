//! Queues: created, found, described, changed, deleted. [`super::Sqs::call`] comes here.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Sqs, invalid, required};
use crate::failure::ServiceError;

/// The attributes that can be set, with what they are when nobody has, and their limits.
const NUMBERS: [(&str, i64, i64, i64); 5] = [
    ("DelaySeconds", 0, 0, 900),
    ("MaximumMessageSize", 1_048_576, 1024, 1_048_576),
    ("MessageRetentionPeriod", 345_600, 60, 1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 0, 20),
    ("VisibilityTimeout", 30, 0, 43_200),
];
/// Kept and shown; nothing here checks them.
const DOCUMENTS: [&str; 5] = [
    "Policy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
    "RedriveAllowPolicy",
];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) created: Timestamp,
    modified: Timestamp,
    pub(super) attributes: Map<String, Value>,
    tags: Map<String, Value>,
}

impl Queue {
    /// An attribute that is a number.
    pub(super) fn number(&self, name: &str) -> i64 {
        let given = self.attributes.get(name).and_then(Value::as_str);
        given.and_then(|text| text.parse().ok()).unwrap_or_else(|| {
            NUMBERS
                .iter()
                .find(|(known, ..)| *known == name)
                .map_or(0, |(_, default, ..)| *default)
        })
    }

    /// Where messages go that were received so often: the queue's name, and how often.
    pub(super) fn dead_letters(&self) -> Option<(String, u64)> {
        let policy = self.attributes.get("RedrivePolicy")?.as_str()?;
        let policy: Value = serde_json::from_str(policy).ok()?;
        let most = &policy["maxReceiveCount"];
        let most = most.as_u64().or_else(|| most.as_str()?.parse().ok())?;
        let name = policy["deadLetterTargetArn"].as_str()?.rsplit(':').next()?;
        Some((name.to_owned(), most))
    }
}

impl Sqs {
    pub(super) fn create_queue(&self, input: &Value) -> Result<Value, ServiceError> {
        let name = required(input, "QueueName")?;
        let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if name.ends_with(".fifo") {
            return Err(invalid("the local runtime does not support FIFO queues"));
        }
        if name.is_empty() || name.len() > 80 || !name.chars().all(legal) {
            return Err(invalid(
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
            ));
        }
        let attributes = read_attributes(&input["Attributes"])?;
        let now = self.context.clock.now();
        let mut state = self.state.lock();
        if let Some(existing) = state.queues.get(name) {
            let differs = attributes
                .iter()
                .find(|(name, value)| shown(existing, name).as_ref() != Some(*value));
            if let Some((attribute, _)) = differs {
                return Err(ServiceError::new(
                    "QueueNameExists",
                    format!(
                        "A queue already exists with the same name and a different value for attribute {attribute}"
                    ),
                ));
            }
        } else {
            let queue = Queue {
                name: name.to_owned(),
                arn: self.context.arn("sqs", name),
                created: now,
                modified: now,
                attributes,
                tags: input["tags"].as_object().cloned().unwrap_or_default(),
            };
            self.queue_documents.write(name, &queue)?;
            state.queues.insert(name.to_owned(), queue);
        }
        Ok(json!({"QueueUrl": self.url(input, name)}))
    }

    pub(super) fn delete_queue(&self, input: &Value) -> Result<Value, ServiceError> {
        let name = self.queue_name(input)?;
        self.purge(&name)?;
        self.state.lock().queues.remove(&name);
        self.queue_documents.remove(&name)?;
        Ok(json!({}))
    }

    pub(super) fn get_queue_url(&self, input: &Value) -> Result<Value, ServiceError> {
        let name = required(input, "QueueName")?;
        if !self.state.lock().queues.contains_key(name) {
            return Err(no_such_queue());
        }
        Ok(json!({"QueueUrl": self.url(input, name)}))
    }

    pub(super) fn list_queues(&self, input: &Value) -> Result<Value, ServiceError> {
        let prefix = input["QueueNamePrefix"].as_str().unwrap_or_default();
        let after = input["NextToken"].as_str().unwrap_or_default();
        let most = input["MaxResults"].as_u64().unwrap_or(1000).clamp(1, 1000) as usize;
        let state = self.state.lock();
        let mut names: Vec<&String> = state
            .queues
            .keys()
            .filter(|name| name.starts_with(prefix) && name.as_str() > after)
            .take(most + 1)
            .collect();
        let more = names.len() > most;
        names.truncate(most);
        let mut answer = json!({});
        if !names.is_empty() {
            answer["QueueUrls"] = names.iter().map(|name| self.url(input, name)).collect();
        }
        if let Some(last) = names.last().filter(|_| more) {
            answer["NextToken"] = last.as_str().into();
        }
        Ok(answer)
    }

    pub(super) fn get_queue_attributes(&self, input: &Value) -> Result<Value, ServiceError> {
        let name = self.queue_name(input)?;
        let queue = self.queue(&name)?;
        let counts = self.counts(&name);
        let mut all = Map::new();
        all.insert("QueueArn".to_owned(), queue.arn.as_str().into());
        for (member, number) in [
            ("ApproximateNumberOfMessages", counts.visible as i64),
            ("ApproximateNumberOfMessagesDelayed", counts.delayed as i64),
            (
                "ApproximateNumberOfMessagesNotVisible",
                counts.in_flight as i64,
            ),
            ("CreatedTimestamp", queue.created.as_second()),
            ("LastModifiedTimestamp", queue.modified.as_second()),
        ] {
            all.insert(member.to_owned(), number.to_string().into());
        }
        for (member, ..) in NUMBERS {
            all.insert(member.to_owned(), queue.number(member).to_string().into());
        }
        all.extend(queue.attributes.clone());
        let wanted: Vec<&str> = input["AttributeNames"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if let Some(unknown) = wanted
            .iter()
            .find(|name| **name != "All" && !is_attribute(name) && !all.contains_key(**name))
        {
            return Err(unknown_attribute(unknown));
        }
        if !wanted.contains(&"All") {
            all.retain(|name, _| wanted.contains(&name.as_str()));
        }
        match all.is_empty() {
            true => Ok(json!({})),
            false => Ok(json!({"Attributes": all})),
        }
    }

    pub(super) fn set_queue_attributes(&self, input: &Value) -> Result<Value, ServiceError> {
        let attributes = read_attributes(&input["Attributes"])?;
        let now = self.context.clock.now();
        self.change(input, |queue| {
            queue.attributes.extend(attributes);
            // An empty document removes what was set.
            queue.attributes.retain(|_, value| value != "");
            queue.modified = now;
        })
    }

    pub(super) fn tag_queue(&self, input: &Value) -> Result<Value, ServiceError> {
        let tags = input["Tags"].as_object().cloned().unwrap_or_default();
        self.change(input, |queue| queue.tags.extend(tags))
    }

    pub(super) fn untag_queue(&self, input: &Value) -> Result<Value, ServiceError> {
        let keys = input["TagKeys"].as_array().cloned().unwrap_or_default();
        self.change(input, |queue| {
            queue.tags.retain(|name, _| !keys.contains(&json!(name)));
        })
    }

    pub(super) fn list_queue_tags(&self, input: &Value) -> Result<Value, ServiceError> {
        let queue = self.queue(&self.queue_name(input)?)?;
        match queue.tags.is_empty() {
            true => Ok(json!({})),
            false => Ok(json!({"Tags": queue.tags})),
        }
    }

    pub(super) fn purge_queue(&self, input: &Value) -> Result<Value, ServiceError> {
        let name = self.queue_name(input)?;
        self.purge(&name)?;
        Ok(json!({}))
    }

    fn change(
        &self,
        input: &Value,
        change: impl FnOnce(&mut Queue),
    ) -> Result<Value, ServiceError> {
        let name = self.queue_name(input)?;
        let mut state = self.state.lock();
        let queue = state.queues.get_mut(&name).ok_or_else(no_such_queue)?;
        change(queue);
        self.queue_documents.write(&name, queue)?;
        Ok(json!({}))
    }

    pub(super) fn queue(&self, name: &str) -> Result<Queue, ServiceError> {
        let state = self.state.lock();
        state.queues.get(name).cloned().ok_or_else(no_such_queue)
    }

    /// The name of the queue that the request's `QueueUrl` leads to.
    pub(super) fn queue_name(&self, input: &Value) -> Result<String, ServiceError> {
        let url = required(input, "QueueUrl")?;
        let name = url.trim_end_matches('/').rsplit('/').next().unwrap_or(url);
        match self.state.lock().queues.contains_key(name) {
            true => Ok(name.to_owned()),
            false => Err(no_such_queue()),
        }
    }

    /// The address of a queue: below the address that the client called, which the gateway has put into the request.
    fn url(&self, input: &Value, name: &str) -> String {
        let host = match input[HOST].as_str() {
            Some(host) => format!("http://{host}"),
            None => format!("https://sqs.{}.amazonaws.com", self.context.region),
        };
        format!("{host}/{}/{name}", self.context.account)
    }
}

/// The member in which the gateway names the host that a client called. No parameter of SQS has such a name.
pub(crate) const HOST: &str = "@host";

pub(super) fn no_such_queue() -> ServiceError {
    ServiceError::new("QueueDoesNotExist", "The specified queue does not exist.")
}

fn is_attribute(name: &str) -> bool {
    NUMBERS.iter().any(|(known, ..)| *known == name)
        || DOCUMENTS.contains(&name)
        || name == "RedrivePolicy"
}

fn unknown_attribute(name: &str) -> ServiceError {
    ServiceError::new("InvalidAttributeName", format!("Unknown Attribute {name}."))
}

/// An attribute as it is or would be.
fn shown(queue: &Queue, name: &str) -> Option<Value> {
    match queue.attributes.get(name) {
        Some(value) => Some(value.clone()),
        None if NUMBERS.iter().any(|(known, ..)| *known == name) => {
            Some(queue.number(name).to_string().into())
        }
        None => None,
    }
}

fn read_attributes(given: &Value) -> Result<Map<String, Value>, ServiceError> {
    let mut attributes = Map::new();
    for (name, value) in given.as_object().into_iter().flatten() {
        if !is_attribute(name) {
            return Err(unknown_attribute(name));
        }
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if let Some((_, _, least, most)) = NUMBERS.iter().find(|(known, ..)| known == name) {
            let in_range = text
                .parse::<i64>()
                .is_ok_and(|number| (*least..=*most).contains(&number));
            if !in_range {
                return Err(ServiceError::new(
                    "InvalidAttributeValue",
                    format!("Invalid value for the parameter {name}."),
                ));
            }
        }
        attributes.insert(name.clone(), text.into());
    }
    Ok(attributes)
}
