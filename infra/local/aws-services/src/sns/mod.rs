//! Topics, subscriptions and messages: the SNS API. The gateway, Step Functions, rules and the embedded runtime call
//! [`Sns::call`]. Every published message is kept under `<root>/services/sns/messages` and can be read by
//! [`Sns::messages`]: what AWS would have e-mailed is shown to the user.
//!
//! * [`topics`]: topics and their attributes. * [`subscriptions`]: who gets what. * [`publish`]: messages.

mod publish;
mod subscriptions;
#[cfg(test)]
mod tests;
mod topics;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::context::Context;
use crate::documents::Documents;
use crate::failure::{ServiceError, StartError};

pub use publish::Message;

/// The topics of the account and what was published to them.
pub struct Sns {
    context: Context,
    topic_documents: Documents,
    message_documents: Documents,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By ARN.
    topics: BTreeMap<String, Topic>,
    /// In the order of publication.
    messages: Vec<Message>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Topic {
    arn: String,
    name: String,
    attributes: Map<String, Value>,
    tags: Map<String, Value>,
    subscriptions: Vec<Subscription>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Subscription {
    arn: String,
    protocol: String,
    endpoint: String,
}

impl Sns {
    pub(crate) fn open(context: &Context) -> Result<Arc<Self>, StartError> {
        let documents = context.documents("sns")?;
        let topic_documents = documents.folder("topics")?;
        let message_documents = documents.folder("messages")?;
        let topics = topic_documents.read_all::<Topic>()?;
        let mut messages = message_documents.read_all::<Message>()?;
        messages.sort_by_key(|message| message.sequence);
        let state = State {
            topics: topics
                .into_iter()
                .map(|topic| (topic.arn.clone(), topic))
                .collect(),
            messages,
        };
        Ok(Arc::new(Self {
            context: context.clone(),
            topic_documents,
            message_documents,
            state: Mutex::new(state),
        }))
    }

    /// Answers one action with members as AWS names them; numbers and booleans may be text, as the Query protocol has
    /// them. The caller holds a `Work` guard.
    pub async fn call(self: &Arc<Self>, action: &str, input: Value) -> Result<Value, ServiceError> {
        let Value::Object(members) = input else {
            return Err(invalid("the request has no members"));
        };
        let request = Request {
            action,
            members: &members,
        };
        match action {
            "CreateTopic" => self.create_topic(&request),
            "DeleteTopic" => self.delete_topic(&request),
            "ListTopics" => self.list_topics(&request),
            "GetTopicAttributes" => self.get_topic_attributes(&request),
            "SetTopicAttributes" => self.set_topic_attributes(&request),
            "TagResource" => self.tag_resource(&request),
            "UntagResource" => self.untag_resource(&request),
            "ListTagsForResource" => self.list_tags(&request),
            "Subscribe" => self.subscribe(&request),
            "Unsubscribe" => self.unsubscribe(&request),
            "ListSubscriptions" => self.list_subscriptions(&request),
            "ListSubscriptionsByTopic" => self.list_subscriptions_by_topic(&request),
            "GetSubscriptionAttributes" => self.get_subscription_attributes(&request),
            "Publish" => self.publish(&request),
            other => Err(ServiceError::unsupported_action("sns", other)),
        }
    }

    /// Every message that was ever published, in order, those of earlier processes included.
    pub fn messages(&self) -> Vec<Message> {
        self.state.lock().messages.clone()
    }

    fn save(&self, topic: &Topic) -> Result<(), ServiceError> {
        Ok(self.topic_documents.write(&topic.name, topic)?)
    }
}

/// A request's members, read by name.
struct Request<'a> {
    action: &'a str,
    members: &'a Map<String, Value>,
}

impl<'a> Request<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.members.get(name).and_then(Value::as_str)
    }

    fn required(&self, name: &str) -> Result<&'a str, ServiceError> {
        self.text(name)
            .ok_or_else(|| invalid(&format!("{name} Reason: no value for required parameter")))
    }

    fn refuse(&self, unsupported: &[&str]) -> Result<(), ServiceError> {
        match unsupported
            .iter()
            .find(|name| self.members.contains_key(**name))
        {
            Some(name) => Err(invalid(&format!(
                "{name} Reason: the local runtime does not support it in {}",
                self.action
            ))),
            None => Ok(()),
        }
    }

    /// One page of `items`; the token is the number of items before it.
    fn page<T>(&self, items: Vec<T>) -> Result<(Vec<T>, Option<String>), ServiceError> {
        const PAGE: usize = 100;
        let skip = match self.text("NextToken") {
            None => 0,
            Some(token) => token
                .parse::<usize>()
                .map_err(|_| invalid("NextToken Reason: it was not given by this service"))?,
        };
        let more = items.len() > skip.saturating_add(PAGE);
        let page = items.into_iter().skip(skip).take(PAGE).collect();
        Ok((page, more.then(|| (skip + PAGE).to_string())))
    }
}

fn invalid(what: &str) -> ServiceError {
    ServiceError::new("InvalidParameter", format!("Invalid parameter: {what}"))
}

fn no_such_topic() -> ServiceError {
    ServiceError::new("NotFound", "Topic does not exist").with_status(StatusCode::NOT_FOUND)
}
