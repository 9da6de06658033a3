//! Topics, their attributes and tags. [`super::Sns::call`] comes here.

use serde_json::{Map, Value, json};

use super::{Request, Sns, Topic, invalid, no_such_topic};
use crate::failure::ServiceError;

/// What a template may set; the values are kept and shown, and what they would do at AWS (keys, policies, display names)
/// has no meaning for a message that nobody sends.
const ATTRIBUTES: [&str; 8] = [
    "DeliveryPolicy",
    "DisplayName",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "Policy",
    "SignatureVersion",
    "TracingConfig",
    "EffectiveDeliveryPolicy",
];

impl Sns {
    pub(super) fn create_topic(&self, request: &Request<'_>) -> Result<Value, ServiceError> {
        request.refuse(&["DataProtectionPolicy"])?;
        let name = request.required("Name")?;
        let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if name.is_empty() || name.len() > 256 || !name.chars().all(legal) {
            return Err(invalid("Topic Name"));
        }
        let attributes = object(request, "Attributes")?;
        for attribute in attributes.keys() {
            check_attribute(attribute)?;
        }
        let tags = tags(request)?;
        let arn = self.context.arn("sns", name);
        let mut state = self.state.lock();
        if let Some(existing) = state.topics.get(&arn) {
            if attributes
                .iter()
                .any(|(name, value)| existing.attributes.get(name) != Some(value))
            {
                return Err(invalid(
                    "Attributes Reason: Topic already exists with different attributes",
                ));
            }
            if tags
                .iter()
                .any(|(name, value)| existing.tags.get(name) != Some(value))
            {
                return Err(invalid(
                    "Tags Reason: Topic already exists with different tags",
                ));
            }
            return Ok(json!({"TopicArn": arn}));
        }
        let topic = Topic {
            arn: arn.clone(),
            name: name.to_owned(),
            attributes,
            tags,
            subscriptions: Vec::new(),
        };
        self.save(&topic)?;
        state.topics.insert(arn.clone(), topic);
        Ok(json!({"TopicArn": arn}))
    }

    pub(super) fn delete_topic(&self, request: &Request<'_>) -> Result<Value, ServiceError> {
        let arn = request.required("TopicArn")?;
        let mut state = self.state.lock();
        if let Some(topic) = state.topics.get(arn) {
            self.topic_documents.remove(&topic.name)?;
            state.topics.remove(arn);
        }
        Ok(Value::Null)
    }

    pub(super) fn list_topics(&self, request: &Request<'_>) -> Result<Value, ServiceError> {
        let topics = self
            .state
            .lock()
            .topics
            .keys()
            .map(|arn| json!({"TopicArn": arn}))
            .collect();
        let (page, next) = request.page::<Value>(topics)?;
        Ok(json!({"Topics": page, "NextToken": next}))
    }

    pub(super) fn get_topic_attributes(
        &self,
        request: &Request<'_>,
    ) -> Result<Value, ServiceError> {
        let state = self.state.lock();
        let topic = state
            .topics
            .get(request.required("TopicArn")?)
            .ok_or_else(no_such_topic)?;
        let mut attributes = json!({
            "TopicArn": topic.arn,
            "Owner": self.context.account,
            "DisplayName": "",
            "SubscriptionsConfirmed": topic.subscriptions.len().to_string(),
            "SubscriptionsPending": "0",
            "SubscriptionsDeleted": "0",
        });
        if let Value::Object(all) = &mut attributes {
            all.extend(topic.attributes.clone());
        }
        Ok(json!({"Attributes": attributes}))
    }

    pub(super) fn set_topic_attributes(
        &self,
        request: &Request<'_>,
    ) -> Result<Value, ServiceError> {
        let name = request.required("AttributeName")?;
        check_attribute(name)?;
        let value = request.text("AttributeValue").unwrap_or_default();
        self.change(request.required("TopicArn")?, |topic| {
            topic.attributes.insert(name.to_owned(), value.into());
        })
    }

    pub(super) fn tag_resource(&self, request: &Request<'_>) -> Result<Value, ServiceError> {
        let tags = tags(request)?;
        self.change(request.required("ResourceArn")?, |topic| {
            topic.tags.extend(tags)
        })?;
        Ok(json!({}))
    }

    pub(super) fn untag_resource(&self, request: &Request<'_>) -> Result<Value, ServiceError> {
        let keys = request
            .members
            .get("TagKeys")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        self.change(request.required("ResourceArn")?, |topic| {
            for key in keys.iter().filter_map(Value::as_str) {
                topic.tags.shift_remove(key);
            }
        })?;
        Ok(json!({}))
    }

    pub(super) fn list_tags(&self, request: &Request<'_>) -> Result<Value, ServiceError> {
        let state = self.state.lock();
        let topic = state
            .topics
            .get(request.required("ResourceArn")?)
            .ok_or_else(no_such_topic)?;
        let tags: Vec<Value> = topic
            .tags
            .iter()
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect();
        Ok(json!({"Tags": tags}))
    }

    /// Changes a topic on disk first, then for everybody.
    pub(super) fn change(
        &self,
        arn: &str,
        change: impl FnOnce(&mut Topic),
    ) -> Result<Value, ServiceError> {
        let mut state = self.state.lock();
        let topic = state.topics.get_mut(arn).ok_or_else(no_such_topic)?;
        let mut changed = topic.clone();
        change(&mut changed);
        self.save(&changed)?;
        *topic = changed;
        Ok(Value::Null)
    }
}

fn check_attribute(name: &str) -> Result<(), ServiceError> {
    if ATTRIBUTES.contains(&name) {
        return Ok(());
    }
    Err(invalid(&format!(
        "Attributes Reason: the local runtime does not support the attribute {name}"
    )))
}

fn object(request: &Request<'_>, name: &str) -> Result<Map<String, Value>, ServiceError> {
    match request.members.get(name) {
        None => Ok(Map::new()),
        Some(Value::Object(members)) => Ok(members.clone()),
        Some(_) => Err(invalid(name)),
    }
}

fn tags(request: &Request<'_>) -> Result<Map<String, Value>, ServiceError> {
    let mut tags = Map::new();
    for tag in request
        .members
        .get("Tags")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let key = tag
            .get("Key")
            .and_then(Value::as_str)
            .filter(|key| !key.is_empty());
        let Some(key) = key else {
            return Err(invalid("Tags Reason: a tag has no Key"));
        };
        tags.insert(
            key.to_owned(),
            tag.get("Value").cloned().unwrap_or_else(|| "".into()),
        );
    }
    Ok(tags)
}
