//! The Publish action, with SNS's checks, and what is kept of each message. [`super::Sns::call`] comes here.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Request, Sns, invalid, no_such_topic};
use crate::failure::ServiceError;
use crate::observer::Occurrence;

/// Message and attributes together, in bytes.
const LARGEST_MESSAGE: usize = 262_144;
/// Characters.
const LONGEST_SUBJECT: usize = 100;

/// A message as it was published, and to whom it was mailed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Message {
    /// Its number among all messages, from 1.
    pub sequence: u64,
    /// Its id.
    pub message_id: String,
    /// The topic.
    pub topic_arn: String,
    /// When it was published, in pipeline time.
    pub published_at: Timestamp,
    /// The subject line.
    pub subject: Option<String>,
    /// The text that an e-mail shows.
    pub message: String,
    /// The message attributes, as they came.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub attributes: Value,
    /// The addresses that were subscribed.
    pub recipients: Vec<String>,
}

impl Sns {
    pub(super) fn publish(&self, request: &Request<'_>) -> Result<Value, ServiceError> {
        request.refuse(&["PhoneNumber", "MessageGroupId", "MessageDeduplicationId"])?;
        let topic_arn = request
            .text("TopicArn")
            .or_else(|| request.text("TargetArn"));
        let Some(topic_arn) = topic_arn else {
            return Err(invalid(
                "TopicArn or TargetArn Reason: no value for required parameter",
            ));
        };
        let text = request.required("Message")?;
        if text.is_empty() {
            return Err(invalid("Empty message"));
        }
        let subject = request.text("Subject");
        if let Some(subject) = subject {
            check_subject(subject)?;
        }
        let attributes = request
            .members
            .get("MessageAttributes")
            .cloned()
            .unwrap_or(Value::Null);
        let attribute_bytes = if attributes.is_null() {
            0
        } else {
            attributes.to_string().len()
        };
        if text.len() + attribute_bytes > LARGEST_MESSAGE {
            return Err(invalid("Message too long"));
        }
        let text = match request.text("MessageStructure") {
            None => text.to_owned(),
            Some("json") => text_for_email(text)?,
            Some(other) => {
                return Err(invalid(&format!(
                    "MessageStructure Reason: {other} is not known"
                )));
            }
        };
        let message = self.keep(topic_arn, subject, text, attributes)?;
        let message_id = message.message_id.clone();
        self.context.observe(Occurrence::MessagePublished {
            topic_arn: message.topic_arn,
            message_id: message.message_id,
            subject: message.subject,
            message: message.message,
        });
        Ok(json!({"MessageId": message_id}))
    }

    fn keep(
        &self,
        topic_arn: &str,
        subject: Option<&str>,
        text: String,
        attributes: Value,
    ) -> Result<Message, ServiceError> {
        let mut state = self.state.lock();
        let topic = state.topics.get(topic_arn).ok_or_else(no_such_topic)?;
        let message = Message {
            sequence: state.messages.last().map_or(1, |last| last.sequence + 1),
            message_id: self.context.entropy.uuid(),
            topic_arn: topic_arn.to_owned(),
            published_at: self.context.clock.now(),
            subject: subject.map(str::to_owned),
            message: text,
            attributes,
            recipients: topic
                .subscriptions
                .iter()
                .map(|subscription| subscription.endpoint.clone())
                .collect(),
        };
        let name = format!("{:08}-{}", message.sequence, topic.name);
        self.message_documents.write(&name, &message)?;
        state.messages.push(message.clone());
        Ok(message)
    }
}

fn check_subject(subject: &str) -> Result<(), ServiceError> {
    let printable = |letter: char| letter == ' ' || letter.is_ascii_graphic();
    let length = subject.chars().count();
    if length == 0
        || length > LONGEST_SUBJECT
        || !subject.chars().all(printable)
        || subject.starts_with(' ')
    {
        return Err(invalid("Subject"));
    }
    Ok(())
}

/// With `MessageStructure: json` a message has one text per protocol, and `default` for the others.
fn text_for_email(message: &str) -> Result<String, ServiceError> {
    let Ok(Value::Object(texts)) = serde_json::from_str(message) else {
        return Err(invalid(
            "Message Structure - JSON message body failed to parse",
        ));
    };
    let Some(default) = texts.get("default").and_then(Value::as_str) else {
        return Err(invalid(
            "Message Structure - No default entry in JSON message body",
        ));
    };
    Ok(texts
        .get("email")
        .and_then(Value::as_str)
        .unwrap_or(default)
        .to_owned())
}
