//! Messages: sent, received for a while, deleted; those received too often go to a queue for dead letters.
//! [`super::Sqs::call`] comes here.

use std::pin::pin;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use virtual_time::Work;

use super::queues::no_such_queue;
use super::{Sqs, Waiting, digest, invalid, required};
use crate::failure::ServiceError;
use crate::function_invoker::Custody;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Message {
    number: u64,
    queue: String,
    id: String,
    body: String,
    attributes: Map<String, Value>,
    sent: Timestamp,
    /// From when on it can be received.
    visible: Timestamp,
    first_received: Option<Timestamp>,
    received: u64,
    /// Of the last time that it was received.
    receipt: Option<String>,
    /// The ARN of the queue that it was in before it came here as a dead letter.
    source: Option<String>,
}

impl Message {
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

/// How many messages of a queue stand how.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) visible: usize,
    pub(super) delayed: usize,
    pub(super) in_flight: usize,
}

impl Sqs {
    pub(super) fn send_message(&self, input: &Value) -> Result<Value, ServiceError> {
        for fifo in ["MessageGroupId", "MessageDeduplicationId"] {
            if !input[fifo].is_null() {
                return Err(ServiceError::unsupported_parameter("SendMessage", fifo));
            }
        }
        let queue = self.queue(&self.queue_name(input)?)?;
        let body = required(input, "MessageBody")?;
        if body.is_empty() {
            return Err(ServiceError::new(
                "MissingParameter",
                "The request must contain the parameter MessageBody.",
            ));
        }
        let attributes = input["MessageAttributes"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let most = queue.number("MaximumMessageSize");
        let size = body.len()
            + if attributes.is_empty() {
                0
            } else {
                input["MessageAttributes"].to_string().len()
            };
        if size as i64 > most {
            return Err(invalid(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
            )));
        }
        let delay =
            seconds(input, "DelaySeconds", 0, 900)?.unwrap_or_else(|| queue.number("DelaySeconds"));
        let now = self.context.clock.now();
        let mut state = self.state.lock();
        let number = state.next;
        state.next += 1;
        let message = Message {
            number,
            queue: queue.name,
            id: self.context.entropy.uuid(),
            body: body.to_owned(),
            attributes,
            sent: now,
            visible: now + SignedDuration::from_secs(delay),
            first_received: None,
            received: 0,
            receipt: None,
            source: None,
        };
        self.message_documents.write(&document(number), &message)?;
        let mut answer = json!({
            "MessageId": message.id,
            "MD5OfMessageBody": digest::of_body(&message.body),
        });
        if !message.attributes.is_empty() {
            answer["MD5OfMessageAttributes"] = digest::of_attributes(&message.attributes).into();
        }
        state.messages.insert(number, message);
        drop(state);
        self.arrived.notify_waiters();
        Ok(answer)
    }

    /// Receives messages, and waits for some if there are none and the request says so.
    pub(super) async fn receive_message(
        &self,
        input: &Value,
        waiting: Waiting,
        custody: &mut Custody,
    ) -> Result<Value, ServiceError> {
        let name = self.queue_name(input)?;
        let queue = self.queue(&name)?;
        let most = seconds(input, "MaxNumberOfMessages", 1, 10)?.unwrap_or(1) as usize;
        let wait = seconds(input, "WaitTimeSeconds", 0, 20)?
            .unwrap_or_else(|| queue.number("ReceiveMessageWaitTimeSeconds"));
        let hidden = seconds(input, "VisibilityTimeout", 0, 43_200)?
            .unwrap_or_else(|| queue.number("VisibilityTimeout"));
        let wait = Duration::from_secs(wait.unsigned_abs());
        let deadline = self.context.clock.after(wait);
        let mut patience = pin!(tokio::time::sleep(wait));
        loop {
            let mut arrived = pin!(self.arrived.notified());
            arrived.as_mut().enable();
            let found = self.take(&name, most, hidden)?;
            let now = self.context.clock.now();
            if !found.is_empty() || wait.is_zero() || now >= deadline {
                return Ok(received(input, &found, &self.context.account));
            }
            // Messages that become visible again do so at a time of the runtime.
            let next = self
                .next_visible(&name)
                .map_or(deadline, |at| at.min(deadline));
            let work = custody.take().unwrap_or_else(|| self.context.clock.work());
            let clock = &self.context.clock;
            let next_look = async {
                match waiting {
                    Waiting::Outside => crate::deadline::passed(clock, next, work).await,
                    Waiting::Inside => crate::deadline::reached(clock, next, work).await,
                }
            };
            let (work, over): (Work, bool) = tokio::select! {
                () = arrived => (clock.work(), false),
                work = next_look => (work, false),
                () = &mut patience, if waiting == Waiting::Outside => (clock.work(), true),
            };
            *custody = Some(work);
            if over {
                let found = self.take(&name, most, hidden)?;
                return Ok(received(input, &found, &self.context.account));
            }
        }
    }

    /// Receives what can be received now.
    fn take(&self, queue: &str, most: usize, hidden: i64) -> Result<Vec<Message>, ServiceError> {
        let now = self.context.clock.now();
        let mut state = self.state.lock();
        let Some(settings) = state.queues.get(queue).cloned() else {
            return Err(no_such_queue());
        };
        let oldest = now - SignedDuration::from_secs(settings.number("MessageRetentionPeriod"));
        let dead_letters = settings
            .dead_letters()
            .filter(|(name, _)| state.queues.contains_key(name));
        let mut taken = Vec::new();
        let mut forgotten = Vec::new();
        for message in state.messages.values_mut() {
            if message.queue != queue {
                continue;
            }
            if message.sent < oldest {
                forgotten.push(message.number);
                continue;
            }
            if message.visible > now || taken.len() >= most {
                continue;
            }
            if let Some((target, limit)) = &dead_letters
                && message.received >= *limit
            {
                message.source = Some(settings.arn.clone());
                message.queue.clone_from(target);
                message.receipt = None;
                self.message_documents
                    .write(&document(message.number), message)?;
                continue;
            }
            message.received += 1;
            message.first_received.get_or_insert(now);
            message.visible = now + SignedDuration::from_secs(hidden);
            message.receipt = Some(format!(
                "{}/{}",
                message.number,
                self.context.entropy.uuid()
            ));
            self.message_documents
                .write(&document(message.number), message)?;
            taken.push(message.clone());
        }
        for number in forgotten {
            state.messages.remove(&number);
            self.message_documents.remove(&document(number))?;
        }
        Ok(taken)
    }

    fn next_visible(&self, queue: &str) -> Option<Timestamp> {
        let state = self.state.lock();
        let messages = state.messages.values();
        messages
            .filter(|message| message.queue == queue)
            .map(|message| message.visible)
            .min()
    }

    pub(super) fn delete_message(&self, input: &Value) -> Result<Value, ServiceError> {
        let (queue, number) = (self.queue_name(input)?, receipt(input)?);
        let mut state = self.state.lock();
        // Deleting again succeeds, as on AWS.
        if state
            .messages
            .get(&number)
            .is_some_and(|message| message.queue == queue)
        {
            state.messages.remove(&number);
            self.message_documents.remove(&document(number))?;
        }
        Ok(json!({}))
    }

    pub(super) fn change_visibility(&self, input: &Value) -> Result<Value, ServiceError> {
        let (queue, number) = (self.queue_name(input)?, receipt(input)?);
        let Some(hidden) = seconds(input, "VisibilityTimeout", 0, 43_200)? else {
            return Err(ServiceError::new(
                "MissingParameter",
                "The request must contain the parameter VisibilityTimeout.",
            ));
        };
        let now = self.context.clock.now();
        let mut state = self.state.lock();
        let message = state
            .messages
            .get_mut(&number)
            .filter(|message| message.queue == queue)
            .ok_or_else(|| {
                invalid(format!(
                    "Value {} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.",
                    input["ReceiptHandle"].as_str().unwrap_or_default()
                ))
            })?;
        if message.visible <= now {
            return Err(ServiceError::new(
                "MessageNotInflight",
                "The specified message isn't in flight.",
            ));
        }
        message.visible = now + SignedDuration::from_secs(hidden);
        self.message_documents.write(&document(number), message)?;
        drop(state);
        self.arrived.notify_waiters();
        Ok(json!({}))
    }

    /// Carries out an action for every entry of a batch.
    pub(super) fn batch(
        &self,
        input: &Value,
        act: impl Fn(&Value) -> Result<Value, ServiceError>,
    ) -> Result<Value, ServiceError> {
        self.queue_name(input)?;
        let entries = input["Entries"].as_array().cloned().unwrap_or_default();
        if entries.is_empty() {
            return Err(ServiceError::new(
                "EmptyBatchRequest",
                "There should be at least one SendMessageBatchRequestEntry in the request.",
            ));
        }
        if entries.len() > 10 {
            return Err(ServiceError::new(
                "TooManyEntriesInBatchRequest",
                format!(
                    "Maximum number of entries per request are 10. You have sent {}.",
                    entries.len()
                ),
            ));
        }
        let mut ids: Vec<&str> = entries
            .iter()
            .filter_map(|entry| entry["Id"].as_str())
            .collect();
        ids.sort_unstable();
        if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ServiceError::new(
                "BatchEntryIdsNotDistinct",
                format!("Id {} repeated.", twice[0]),
            ));
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in &entries {
            let mut request = entry.clone();
            request["QueueUrl"] = input["QueueUrl"].clone();
            match act(&request) {
                Ok(mut answer) => {
                    answer["Id"] = entry["Id"].clone();
                    successful.push(answer);
                }
                Err(error) => failed.push(json!({
                    "Id": entry["Id"], "SenderFault": true, "Code": error.code, "Message": error.message,
                })),
            }
        }
        let mut answer = json!({"Successful": successful});
        if !failed.is_empty() {
            answer["Failed"] = failed.into();
        }
        Ok(answer)
    }

    pub(super) fn purge(&self, queue: &str) -> Result<(), ServiceError> {
        let mut state = self.state.lock();
        let numbers: Vec<u64> = state
            .messages
            .values()
            .filter(|message| message.queue == queue)
            .map(|message| message.number)
            .collect();
        for number in numbers {
            state.messages.remove(&number);
            self.message_documents.remove(&document(number))?;
        }
        Ok(())
    }

    pub(super) fn counts(&self, queue: &str) -> Counts {
        let now = self.context.clock.now();
        let mut counts = Counts::default();
        for message in self.state.lock().messages.values() {
            match (
                message.queue == queue,
                message.visible <= now,
                message.received,
            ) {
                (false, ..) => {}
                (_, true, _) => counts.visible += 1,
                (_, _, 0) => counts.delayed += 1,
                _ => counts.in_flight += 1,
            }
        }
        counts
    }
}

fn document(number: u64) -> String {
    format!("{number:012}")
}

fn receipt(input: &Value) -> Result<u64, ServiceError> {
    let handle = required(input, "ReceiptHandle")?;
    let number = handle
        .split('/')
        .next()
        .and_then(|number| number.parse().ok());
    number.ok_or_else(|| {
        ServiceError::new(
            "ReceiptHandleIsInvalid",
            format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
        )
    })
}

/// A number of a request, within its limits.
fn seconds(
    input: &Value,
    member: &str,
    least: i64,
    most: i64,
) -> Result<Option<i64>, ServiceError> {
    match &input[member] {
        Value::Null => Ok(None),
        value => match value
            .as_i64()
            .filter(|number| (least..=most).contains(number))
        {
            Some(number) => Ok(Some(number)),
            None => Err(invalid(format!(
                "Value {value} for parameter {member} is invalid. Reason: Must be >= {least} and <= {most}, if provided."
            ))),
        },
    }
}

/// As ReceiveMessage answers.
fn received(input: &Value, messages: &[Message], account: &str) -> Value {
    if messages.is_empty() {
        return json!({});
    }
    let wanted = |member: &str| -> Vec<String> {
        let names = input[member].as_array().into_iter().flatten();
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut system = wanted("MessageSystemAttributeNames");
    system.extend(wanted("AttributeNames"));
    let named = wanted("MessageAttributeNames");
    let shown = messages.iter().map(|message| {
        let mut entry = json!({
            "MessageId": message.id,
            "ReceiptHandle": message.receipt,
            "MD5OfBody": digest::of_body(&message.body),
            "Body": message.body,
        });
        let first = message.first_received.unwrap_or(message.sent);
        let mut attributes = Map::new();
        for (name, value) in [
            ("SenderId", account.to_owned()),
            ("SentTimestamp", message.sent.as_millisecond().to_string()),
            ("ApproximateReceiveCount", message.received.to_string()),
            (
                "ApproximateFirstReceiveTimestamp",
                first.as_millisecond().to_string(),
            ),
            (
                "DeadLetterQueueSourceArn",
                message.source.clone().unwrap_or_default(),
            ),
        ] {
            let is_wanted = system
                .iter()
                .any(|wanted| wanted == "All" || wanted == name);
            if is_wanted && !value.is_empty() {
                attributes.insert(name.to_owned(), value.into());
            }
        }
        if !attributes.is_empty() {
            entry["Attributes"] = attributes.into();
        }
        let given: Map<String, Value> = message
            .attributes
            .iter()
            .filter(|(name, _)| {
                named.iter().any(|wanted| {
                    let prefix = wanted.strip_suffix(".*");
                    wanted == "All"
                        || wanted == ".*"
                        || wanted == *name
                        || prefix.is_some_and(|prefix| name.starts_with(prefix))
                })
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if !given.is_empty() {
            entry["MD5OfMessageAttributes"] = digest::of_attributes(&given).into();
            entry["MessageAttributes"] = given.into();
        }
        entry
    });
    json!({"Messages": shown.collect::<Vec<Value>>()})
}
