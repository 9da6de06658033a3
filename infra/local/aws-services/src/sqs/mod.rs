//! Queues and messages: the SQS API, standard queues. The gateway, Step Functions, rules and schedules call [`Sqs::call`].
//!
//! * `queues`: queues, their attributes and tags. * `messages`: sending, receiving, deleting. * `digest`: the MD5 of what
//!   was sent.

mod digest;
mod messages;
mod queues;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Notify;

use crate::context::Context;
use crate::documents::Documents;
use crate::failure::{ServiceError, StartError};
use crate::function_invoker::Custody;
use messages::Message;
use queues::Queue;

pub(crate) use queues::HOST;

/// The service `sqs`.
pub struct Sqs {
    context: Context,
    queue_documents: Documents,
    message_documents: Documents,
    state: Mutex<State>,
    /// Wakes those who wait for messages.
    arrived: Notify,
}

#[derive(Default)]
struct State {
    /// By name.
    queues: BTreeMap<String, Queue>,
    /// In the order in which they were sent.
    messages: BTreeMap<u64, Message>,
    next: u64,
}

impl Sqs {
    pub(crate) fn open(context: &Context) -> Result<Arc<Self>, StartError> {
        let documents = context.documents("sqs")?;
        let queue_documents = documents.folder("queues")?;
        let message_documents = documents.folder("messages")?;
        let queues: Vec<Queue> = queue_documents.read_all()?;
        let messages: Vec<Message> = message_documents.read_all()?;
        let next = messages.iter().map(Message::number).max().unwrap_or(0) + 1;
        let state = State {
            queues: queues
                .into_iter()
                .map(|queue| (queue.name.clone(), queue))
                .collect(),
            messages: messages
                .into_iter()
                .map(|message| (message.number(), message))
                .collect(),
            next,
        };
        Ok(Arc::new(Self {
            context: context.clone(),
            queue_documents,
            message_documents,
            state: Mutex::new(state),
            arrived: Notify::new(),
        }))
    }

    /// Answers one action with members as AWS names them. `custody` is the caller's guard, which is let go while the caller
    /// waits for messages.
    pub async fn call(
        &self,
        action: &str,
        input: Value,
        waiting: Waiting,
        custody: &mut Custody,
    ) -> Result<Value, ServiceError> {
        match action {
            "CreateQueue" => self.create_queue(&input),
            "DeleteQueue" => self.delete_queue(&input),
            "GetQueueUrl" => self.get_queue_url(&input),
            "ListQueues" => self.list_queues(&input),
            "GetQueueAttributes" => self.get_queue_attributes(&input),
            "SetQueueAttributes" => self.set_queue_attributes(&input),
            "TagQueue" => self.tag_queue(&input),
            "UntagQueue" => self.untag_queue(&input),
            "ListQueueTags" => self.list_queue_tags(&input),
            "PurgeQueue" => self.purge_queue(&input),
            "SendMessage" => self.send_message(&input),
            "SendMessageBatch" => self.batch(&input, |entry| self.send_message(entry)),
            "ReceiveMessage" => self.receive_message(&input, waiting, custody).await,
            "DeleteMessage" => self.delete_message(&input),
            "DeleteMessageBatch" => self.batch(&input, |entry| self.delete_message(entry)),
            "ChangeMessageVisibility" => self.change_visibility(&input),
            "ChangeMessageVisibilityBatch" => {
                self.batch(&input, |entry| self.change_visibility(entry))
            }
            other => Err(ServiceError::unsupported_action("sqs", other)),
        }
    }
}

/// How a caller waits for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// A client, by a clock of its own: the runtime's clock does not jump for a poll that finds nothing.
    Outside,
    /// A state machine, whose waits the runtime's clock may jump over.
    Inside,
}

/// A text member that must be there.
fn required<'a>(input: &'a Value, member: &str) -> Result<&'a str, ServiceError> {
    input[member].as_str().ok_or_else(|| {
        ServiceError::new(
            "MissingParameter",
            format!("The request must contain the parameter {member}."),
        )
    })
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidParameterValue", message)
}

/// The name that an error had in the Query protocol, by which SDKs still know it.
pub(crate) fn older_name(code: &str) -> String {
    match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        "QueueNameExists" => "QueueAlreadyExists".to_owned(),
        "BatchEntryIdsNotDistinct"
        | "EmptyBatchRequest"
        | "MessageNotInflight"
        | "TooManyEntriesInBatchRequest"
        | "UnsupportedOperation" => format!("AWS.SimpleQueueService.{code}"),
        other => other.to_owned(),
    }
}
