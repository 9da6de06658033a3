//! Publishing a message, with the checks that AWS makes.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Sns, invalid, required};
use crate::failure::ServiceError;
use crate::observer::Occurrence;

/// The largest message, in bytes.
const LARGEST: usize = 262_144;

/// A message that was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// How many were published before it.
    pub number: usize,
    /// The message's id.
    pub id: String,
    /// The topic.
    pub topic_arn: String,
    /// The subject line, if there is one.
    pub subject: Option<String>,
    /// The text.
    pub text: String,
    /// When, in pipeline time.
    pub published: Timestamp,
}

impl Sns {
    /// Publishes to a topic.
    pub(crate) fn publish(self: &Arc<Self>, input: &Value) -> Result<Value, ServiceError> {
        let arn = input["TopicArn"].as_str().or(input["TargetArn"].as_str()).unwrap_or_default();
        if arn.is_empty() {
            return Err(invalid("TopicArn or TargetArn Reason: no value for required parameter"));
        }
        for member in ["PhoneNumber", "MessageStructure", "MessageGroupId", "MessageDeduplicationId"] {
            if !input[member].is_null() {
                return Err(invalid(&format!("{member} Reason: the local runtime does not support it")));
            }
        }
        let text = required(input, "Message").map_err(|_| invalid("Empty message"))?;
        if text.len() > LARGEST {
            return Err(invalid("Message too long"));
        }
        let subject = input["Subject"].as_str();
        if let Some(subject) = subject {
            check_subject(subject)?;
        }
        self.existing(arn, |_| ())?;
        let message = {
            let mut messages = self.messages.lock();
            let message = Message {
                number: messages.len(),
                id: self.context.entropy.uuid(),
                topic_arn: arn.to_owned(),
                subject: subject.map(str::to_owned),
                text: text.to_owned(),
                published: self.context.clock.now(),
            };
            self.message_documents.write(&format!("{:06}", message.number), &message)?;
            messages.push(message.clone());
            message
        };
        let answer = json!({"MessageId": message.id});
        self.context.observe(Occurrence::MessagePublished {
            topic_arn: message.topic_arn,
            message_id: message.id,
            subject: message.subject,
            message: message.text,
        });
        Ok(answer)
    }
}

/// At most 100 printable ASCII characters that begin with a letter, a digit or a punctuation mark.
fn check_subject(subject: &str) -> Result<(), ServiceError> {
    let printable = |character: char| (' '..='~').contains(&character);
    if subject.is_empty() || subject.len() > 100 || subject.starts_with(' ') || !subject.chars().all(printable) {
        return Err(invalid("Subject"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_that_mail_cannot_carry_is_refused() {
        for subject in ["", " leading", "two\nlines", "größe", &"x".repeat(101)] {
            assert!(check_subject(subject).is_err(), "{subject}");
        }
        assert!(check_subject("batch 1 loaded").is_ok());
    }
}
