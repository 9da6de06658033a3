//! `send_msg_sns`: one mail through the topic. The text is the event's `Message`, or is written here from its `Report` of a
//! run. What the topic would refuse is made acceptable first, because a mail that is refused hides the failure that it was
//! to report. The event comes back untouched.

mod causes;
mod cost;
mod hints;
mod layout;
mod log_tail;
mod mail;
mod needs;
mod redaction;
mod report;
mod stock;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::report::Report;
use crate::shared::clients::{Clients, EnvironmentMissing, once};
use crate::shared::errors::{CallError, ErrorType, Typed};
use crate::shared::input::{self, InvalidInput};
use crate::shared::names::shorten;

const PUBLISH: &str = "sns:Publish";
/// SNS wants fewer than 100 characters.
const LONGEST_SUBJECT: usize = 99;
/// SNS's limit, in bytes.
const LARGEST_MESSAGE: usize = 262_144;

/// Throttled messages were not sent, and are tried again after these pauses.
const THROTTLE_PAUSES: [u64; 3] = [1, 3, 9];

/// The event, kept as it is: `Message` of any JSON or `Report` of a run, and optionally `Subject` and `TopicArn` instead of the environment's.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Request {
    event: Map<String, Value>,
}

/// The event, untouched.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Response {
    event: Map<String, Value>,
}

/// Why there is no mail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no message.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// The function knows no topic.
    #[error(transparent)]
    Environment(#[from] EnvironmentMissing),
    /// The topic does not exist.
    #[error("there is no topic {0}")]
    NotFound(String),
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// There was no answer: the mail may have been sent, and a caller should not try again more than once.
    #[error("the mail may have been sent: {0}")]
    OutcomeUnknown(CallError),
}

impl Typed for Error {
    fn error_type(&self) -> ErrorType {
        match self {
            Self::Input(error) => error.error_type(),
            Self::Environment(error) => error.error_type(),
            Self::NotFound(_) => ErrorType::TopicNotFound,
            Self::Call(error) => error.error_type(),
            Self::OutcomeUnknown(_) => ErrorType::OutcomeUnknown,
        }
    }
}

/// Writes, if need be, and publishes.
pub async fn handle(clients: &Clients, request: Request) -> Result<Response, Error> {
    let environment = clients.environment();
    let report: Option<Report> = input::field(&request.event, "Report")?;
    let (written, message) = match &report {
        Some(report) => {
            let clients = clients.with_environment(report.settings(environment));
            let mail = mail::write(&clients, report).await;
            (Some(mail.subject), whole(mail.text))
        }
        None => (None, message(&request.event)?),
    };
    let given: Option<Value> = input::field(&request.event, "Subject")?;
    let given = given.map(|subject| subject.as_str().map_or_else(|| subject.to_string(), str::to_owned));
    let subjects = [given.as_deref(), written.as_deref(), environment.get("Subject")];
    let subject = subjects.into_iter().flatten().map(subject).find(|subject| !subject.is_empty());
    let topic = match input::text(&request.event, "TopicArn")? {
        Some(topic) => topic,
        None => environment.require("TopicArn")?.to_owned(),
    };
    publish(clients, &topic, subject, &message).await?;
    Ok(Response { event: request.event })
}

/// Sends once: a second copy of a mail is worse than a machine that asks again.
async fn publish(clients: &Clients, topic: &str, subject: Option<String>, message: &str) -> Result<(), Error> {
    let mut pauses = THROTTLE_PAUSES.iter();
    loop {
        let call = clients.sns().publish().topic_arn(topic).set_subject(subject.clone()).message(message);
        let call = call.customize().config_override(aws_sdk_sns::config::Builder::new().retry_config(once())).send();
        match call.await.map_err(|error| CallError::new(PUBLISH, topic, error)) {
            Ok(_) => return Ok(()),
            Err(error) if error.is_throttling() => match pauses.next() {
                Some(seconds) => clients.pause(Duration::from_secs(*seconds)).await,
                None => return Err(error.into()),
            },
            Err(error) if matches!(error.code(), Some("NotFound" | "NotFoundException")) => return Err(Error::NotFound(topic.to_owned())),
            Err(error) if error.outcome_is_unknown() && error.status().is_none() => return Err(Error::OutcomeUnknown(error)),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The text to send: a string as it is, anything else as indented JSON, shortened to what SNS takes.
fn message(event: &Map<String, Value>) -> Result<String, InvalidInput> {
    let text = match event.get("Message") {
        None | Some(Value::Null) => return Err(InvalidInput::new("Message", "it is missing")),
        Some(Value::String(text)) if text.trim().is_empty() => return Err(InvalidInput::new("Message", "it is empty")),
        Some(Value::String(text)) => text.clone(),
        Some(other) => format!("{other:#}"),
    };
    Ok(whole(text))
}

/// The text, or as much of it as SNS takes.
fn whole(text: String) -> String {
    if text.len() <= LARGEST_MESSAGE {
        return text;
    }
    let note = format!("\n[shortened: the whole message has {} bytes]", text.len());
    format!("{}{note}", shorten(&text, LARGEST_MESSAGE - note.len()))
}

/// Printable ASCII on one line that does not begin with a space.
fn subject(text: &str) -> String {
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    let ascii: String = line.chars().map(|letter| if letter.is_ascii_graphic() || letter == ' ' { letter } else { '?' }).collect();
    if ascii.len() <= LONGEST_SUBJECT {
        return ascii;
    }
    format!("{}...", shorten(&ascii, LONGEST_SUBJECT - 3))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::subject;
    use crate::shared::replay::Replay;
    use crate::{ErrorType, FunctionFailure, invoke};

    const TOPIC: &str = "arn:aws:sns:us-east-1:000000000000:data_pipeline";
    const PUBLISHED: &str = "<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>";

    async fn send(replay: Replay, event: Value) -> Result<Value, FunctionFailure> {
        let clients = replay.clients(&[("TopicArn", TOPIC), ("Subject", "data_pipeline Step Workflow Status")]);
        let outcome = invoke("send_msg_sns", &clients, event).await;
        replay.finish();
        outcome
    }

    fn refused(code: &str) -> String {
        format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>")
    }

    #[tokio::test]
    async fn an_empty_message_and_a_missing_topic_are_named() {
        assert_eq!(send(Replay::new(), json!({"Message": " "})).await.unwrap_err().error_type, ErrorType::InvalidInput);
        let failure = invoke("send_msg_sns", &Replay::new().clients(&[]), json!({"Message": "x"})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::EnvironmentMissing);
        assert!(failure.message.contains("TopicArn"), "{failure}");
    }

    #[tokio::test]
    async fn a_topic_that_does_not_exist_or_does_not_admit_is_told_apart() {
        let failure = send(Replay::new().sns(&[], 404, &refused("NotFound")), json!({"Message": "x"})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::TopicNotFound);
        assert!(failure.message.contains(TOPIC), "{failure}");
        let failure = send(Replay::new().sns(&[], 403, &refused("AuthorizationError")), json!({"Message": "x"})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::AccessDenied);
        assert!(failure.message.contains("sns:Publish"), "{failure}");
    }

    #[tokio::test]
    async fn t5_a_topic_that_is_down_is_reported_for_the_machine_to_try_again() {
        let failure = send(Replay::new().sns(&[], 503, &refused("ServiceUnavailable")), json!({"Message": "x"})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::ServiceUnavailable);
        let throttled = Replay::new().sns(&[], 400, &refused("Throttled")).sns(&[("Message", "x")], 200, PUBLISHED);
        send(throttled, json!({"Message": "x"})).await.unwrap();
    }

    #[tokio::test]
    async fn x22_a_mail_whose_answer_was_lost_is_not_sent_again_by_the_function() {
        let failure = send(Replay::new().sns_loses(), json!({"Message": "x"})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::OutcomeUnknown);
        assert!(failure.message.contains("may have been sent"), "{failure}");
    }

    #[tokio::test]
    async fn t5_a_message_that_is_too_large_is_shortened_between_characters() {
        let clients_see = Replay::new().sns(&[], 200, PUBLISHED);
        let event = json!({"Message": "é".repeat(200_000)});
        let text = super::message(event.as_object().unwrap()).unwrap();
        assert!(text.len() <= 262_144 && text.ends_with("[shortened: the whole message has 400000 bytes]"));
        assert_eq!(send(clients_see, event.clone()).await.unwrap(), event);
    }

    #[test]
    fn t5_subjects_become_short_printable_lines() {
        assert_eq!(subject(" failed:\n\té\u{7}x "), "failed: ? x");
        assert_eq!(subject(&"x".repeat(120)).len(), 99);
        assert_eq!(subject("\n"), "");
    }

    #[tokio::test]
    async fn json_is_indented_and_the_events_subject_and_topic_win() {
        let fields = [("Subject", "night failed"), ("Message", "{\n  \"b\": 1,\n  \"a\": []\n}"), ("TopicArn", "arn:other")];
        let event = json!({"Message": {"b": 1, "a": []}, "Subject": "night\nfailed", "TopicArn": "arn:other"});
        send(Replay::new().sns(&fields, 200, PUBLISHED), event).await.unwrap();
    }

    #[tokio::test]
    async fn the_originals_event_comes_back_untouched() {
        let fields = [("TopicArn", TOPIC), ("Subject", "data_pipeline Step Workflow Status"), ("Message", "launched j-1")];
        let event = json!({"z": {"b": 2, "a": 1}, "Message": "launched j-1", "ClusterId": "j-1", "n": null});
        let answer = send(Replay::new().sns(&fields, 200, PUBLISHED), event.clone()).await.unwrap();
        assert_eq!(answer.to_string(), event.to_string());
    }
}
