//! SNS: topics, subscriptions and published messages. Nothing leaves the machine: a message is kept and told to the
//! observer, who shows it as the e-mail that it would have been.
//!
//! * `messages`: publishing, with the checks that AWS makes.

mod messages;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::context::Context;
use crate::documents::Documents;
use crate::failure::{ServiceError, StartError};

pub use messages::Message;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Topic {
    arn: String,
    name: String,
    attributes: BTreeMap<String, String>,
    subscriptions: Vec<Subscription>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Subscription {
    arn: String,
    protocol: String,
    endpoint: String,
}

/// The service `sns`.
pub struct Sns {
    context: Context,
    topic_documents: Documents,
    message_documents: Documents,
    topics: Mutex<BTreeMap<String, Topic>>,
    messages: Mutex<Vec<Message>>,
}

impl Sns {
    pub(crate) fn open(context: &Context) -> Result<Arc<Self>, StartError> {
        let documents = context.documents("sns")?;
        let topic_documents = documents.folder("topics")?;
        let message_documents = documents.folder("messages")?;
        let topics: Vec<Topic> = topic_documents.read_all()?;
        let mut messages: Vec<Message> = message_documents.read_all()?;
        messages.sort_by_key(|message| message.number);
        Ok(Arc::new(Self {
            context: context.clone(),
            topic_documents,
            message_documents,
            topics: Mutex::new(topics.into_iter().map(|topic| (topic.arn.clone(), topic)).collect()),
            messages: Mutex::new(messages),
        }))
    }

    /// Every message that was ever published, the oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.messages.lock().clone()
    }

    /// Answers one action with members as AWS names them. The caller holds a `Work` guard.
    pub async fn call(self: &Arc<Self>, action: &str, input: Value) -> Result<Value, ServiceError> {
        match action {
            "CreateTopic" => self.create_topic(&input),
            "DeleteTopic" => self.delete_topic(&input),
            "ListTopics" => Ok(json!({
                "Topics": self.topics.lock().keys().map(|arn| json!({"TopicArn": arn})).collect::<Vec<_>>(),
            })),
            "GetTopicAttributes" => self.topic_attributes(&input),
            "Subscribe" => self.subscribe(&input),
            "Unsubscribe" => self.unsubscribe(&input),
            "ListSubscriptions" => Ok(self.list_subscriptions(None)),
            "ListSubscriptionsByTopic" => {
                let arn = required(&input, "TopicArn")?;
                self.existing(arn, |_| ())?;
                Ok(self.list_subscriptions(Some(arn)))
            }
            "Publish" => self.publish(&input),
            _ => Err(ServiceError::unsupported_action("sns", action)),
        }
    }

    fn create_topic(&self, input: &Value) -> Result<Value, ServiceError> {
        let name = required(input, "Name")?;
        let legal = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
        if name.len() > 256 || !name.chars().all(legal) {
            return Err(invalid("Topic Name"));
        }
        let arn = self.context.arn("sns", name);
        let mut topics = self.topics.lock();
        let topic = topics.entry(arn.clone()).or_insert_with(|| Topic {
            arn: arn.clone(),
            name: name.to_owned(),
            attributes: BTreeMap::new(),
            subscriptions: Vec::new(),
        });
        if let Some(attributes) = input["Attributes"].as_object() {
            let given = attributes.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
            topic.attributes.extend(given);
        }
        self.topic_documents.write(&topic.name, topic)?;
        Ok(json!({"TopicArn": arn}))
    }

    fn delete_topic(&self, input: &Value) -> Result<Value, ServiceError> {
        if let Some(topic) = self.topics.lock().remove(required(input, "TopicArn")?) {
            self.topic_documents.remove(&topic.name)?;
        }
        Ok(Value::Null)
    }

    fn topic_attributes(&self, input: &Value) -> Result<Value, ServiceError> {
        self.existing(required(input, "TopicArn")?, |topic| {
            let mut attributes = json!({
                "TopicArn": topic.arn,
                "Owner": self.context.account,
                "SubscriptionsConfirmed": topic.subscriptions.len().to_string(),
                "SubscriptionsPending": "0",
                "SubscriptionsDeleted": "0",
            });
            for (name, value) in &topic.attributes {
                attributes[name] = value.as_str().into();
            }
            json!({"Attributes": attributes})
        })
    }

    fn subscribe(&self, input: &Value) -> Result<Value, ServiceError> {
        let (protocol, endpoint) = (required(input, "Protocol")?, required(input, "Endpoint")?);
        let id = self.context.entropy.uuid();
        let mut topics = self.topics.lock();
        let arn = required(input, "TopicArn")?;
        let topic = topics.get_mut(arn).ok_or_else(no_topic)?;
        let found = topic.subscriptions.iter().find(|one| one.protocol == protocol && one.endpoint == endpoint);
        if let Some(found) = found {
            return Ok(json!({"SubscriptionArn": found.arn}));
        }
        let subscription = Subscription {
            arn: format!("{arn}:{id}"),
            protocol: protocol.to_owned(),
            endpoint: endpoint.to_owned(),
        };
        let answer = json!({"SubscriptionArn": subscription.arn});
        topic.subscriptions.push(subscription);
        self.topic_documents.write(&topic.name, topic)?;
        Ok(answer)
    }

    fn unsubscribe(&self, input: &Value) -> Result<Value, ServiceError> {
        let arn = required(input, "SubscriptionArn")?;
        for topic in self.topics.lock().values_mut() {
            let before = topic.subscriptions.len();
            topic.subscriptions.retain(|subscription| subscription.arn != arn);
            if topic.subscriptions.len() < before {
                self.topic_documents.write(&topic.name, topic)?;
            }
        }
        Ok(Value::Null)
    }

    fn list_subscriptions(&self, of: Option<&str>) -> Value {
        let topics = self.topics.lock();
        let listed: Vec<Value> = topics
            .values()
            .filter(|topic| of.is_none_or(|of| topic.arn == of))
            .flat_map(|topic| {
                topic.subscriptions.iter().map(|subscription| {
                    json!({
                        "SubscriptionArn": subscription.arn,
                        "Owner": self.context.account,
                        "Protocol": subscription.protocol,
                        "Endpoint": subscription.endpoint,
                        "TopicArn": topic.arn,
                    })
                })
            })
            .collect();
        json!({"Subscriptions": listed})
    }

    fn existing<T>(&self, arn: &str, look: impl FnOnce(&Topic) -> T) -> Result<T, ServiceError> {
        self.topics.lock().get(arn).map(look).ok_or_else(no_topic)
    }
}

fn no_topic() -> ServiceError {
    ServiceError::new("NotFound", "Topic does not exist").with_status(http::StatusCode::NOT_FOUND)
}

fn invalid(what: &str) -> ServiceError {
    ServiceError::new("InvalidParameter", format!("Invalid parameter: {what}"))
}

fn required<'a>(input: &'a Value, member: &str) -> Result<&'a str, ServiceError> {
    input[member].as_str().filter(|text| !text.is_empty()).ok_or_else(|| invalid(member))
}
