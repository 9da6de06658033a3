//! What queues promise, tried through their actions in simulated time.

use std::time::Duration;

use serde_json::{Value, json};

use super::Waiting;
use crate::bench::Bench;

async fn sqs(bench: &Bench, action: &str, input: Value) -> Result<Value, crate::ServiceError> {
    let mut custody = Some(bench.services.context.clock.work());
    bench
        .services
        .sqs
        .call(action, input, Waiting::Outside, &mut custody)
        .await
}

async fn queue(bench: &Bench, name: &str, attributes: Value) -> String {
    let created = sqs(
        bench,
        "CreateQueue",
        json!({"QueueName": name, "Attributes": attributes}),
    );
    created.await.unwrap()["QueueUrl"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn bodies(bench: &Bench, url: &str) -> Vec<String> {
    let input = json!({"QueueUrl": url, "MaxNumberOfMessages": 10});
    let answer = sqs(bench, "ReceiveMessage", input).await.unwrap();
    let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
    messages
        .iter()
        .map(|message| message["Body"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn refuses_by_name_what_it_does_not_have() {
    let bench = Bench::new();
    let url = queue(&bench, "q", json!({})).await;
    for (action, input, code) in [
        (
            "CreateQueue",
            json!({"QueueName": "q.fifo"}),
            "InvalidParameterValue",
        ),
        (
            "CreateQueue",
            json!({"QueueName": "a b"}),
            "InvalidParameterValue",
        ),
        (
            "CreateQueue",
            json!({"QueueName": "x", "Attributes": {"Colour": "red"}}),
            "InvalidAttributeName",
        ),
        (
            "CreateQueue",
            json!({"QueueName": "q", "Attributes": {"DelaySeconds": "5"}}),
            "QueueNameExists",
        ),
        (
            "GetQueueUrl",
            json!({"QueueName": "none"}),
            "QueueDoesNotExist",
        ),
        (
            "SendMessage",
            json!({"QueueUrl": "http://x/1/none", "MessageBody": "m"}),
            "QueueDoesNotExist",
        ),
        (
            "SendMessage",
            json!({"QueueUrl": url, "MessageBody": "m", "MessageGroupId": "g"}),
            "ValidationException",
        ),
        (
            "ReceiveMessage",
            json!({"QueueUrl": url, "MaxNumberOfMessages": 11}),
            "InvalidParameterValue",
        ),
        (
            "DeleteMessage",
            json!({"QueueUrl": url, "ReceiptHandle": "no"}),
            "ReceiptHandleIsInvalid",
        ),
        ("StartMessageMoveTask", json!({}), "UnsupportedOperation"),
    ] {
        let error = sqs(&bench, action, input).await.unwrap_err();
        assert_eq!(error.code, code, "{action}: {error}");
    }
}

#[tokio::test]
async fn hides_a_message_while_somebody_has_it_and_shows_it_again() {
    let bench = Bench::new();
    let url = queue(&bench, "q", json!({"VisibilityTimeout": "60"})).await;
    let input = json!({"QueueUrl": url, "MessageBody": "hello",
        "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}});
    let sent = sqs(&bench, "SendMessage", input).await.unwrap();
    assert_eq!(sent["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    let input =
        json!({"QueueUrl": url, "MessageAttributeNames": ["All"], "AttributeNames": ["All"]});
    let first = sqs(&bench, "ReceiveMessage", input).await.unwrap();
    let first = &first["Messages"][0];
    assert_eq!(first["MessageAttributes"]["k"]["StringValue"], "v");
    assert_eq!(
        first["MD5OfMessageAttributes"],
        sent["MD5OfMessageAttributes"]
    );
    assert_eq!(first["Attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(bodies(&bench, &url).await, [""; 0]);
    bench.pass(Duration::from_secs(61)).await;
    assert_eq!(bodies(&bench, &url).await, ["hello"]);
    let input = json!({"QueueUrl": url, "ReceiptHandle": first["ReceiptHandle"]});
    sqs(&bench, "DeleteMessage", input).await.unwrap();
    bench.pass(Duration::from_secs(61)).await;
    assert_eq!(bodies(&bench, &url).await, [""; 0]);
}

#[tokio::test]
async fn moves_what_was_received_too_often_to_the_dead_letters() {
    let bench = Bench::new();
    let dead = queue(&bench, "dead", json!({})).await;
    let policy = json!({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 1});
    let url = queue(
        &bench,
        "q",
        json!({"VisibilityTimeout": "0", "RedrivePolicy": policy.to_string()}),
    )
    .await;
    let input = json!({"QueueUrl": url, "MessageBody": "m"});
    sqs(&bench, "SendMessage", input).await.unwrap();
    assert_eq!(bodies(&bench, &url).await, ["m"]);
    assert_eq!(bodies(&bench, &url).await, [""; 0]);
    assert_eq!(bodies(&bench, &dead).await, ["m"]);
}

#[tokio::test]
async fn answers_a_waiting_client_as_soon_as_a_message_comes() {
    let bench = Bench::new();
    let url = queue(&bench, "q", json!({"ReceiveMessageWaitTimeSeconds": "20"})).await;
    let send = async {
        bench.settle().await;
        let input = json!({"QueueUrl": url, "MessageBody": "m"});
        sqs(&bench, "SendMessage", input).await.unwrap();
    };
    let (found, ()) = tokio::join!(bodies(&bench, &url), send);
    assert_eq!(found, ["m"]);
}

#[tokio::test]
async fn keeps_messages_over_a_restart() {
    let bench = Bench::new();
    let url = queue(&bench, "q", json!({})).await;
    let input = json!({"QueueUrl": url, "Entries": [
        {"Id": "a", "MessageBody": "1"}, {"Id": "b", "MessageBody": ""}, {"Id": "c", "MessageBody": "3"},
    ]});
    let sent = sqs(&bench, "SendMessageBatch", input).await.unwrap();
    assert_eq!(sent["Successful"].as_array().unwrap().len(), 2);
    assert_eq!(sent["Failed"][0]["Code"], "MissingParameter");
    let bench = bench.restarted(Duration::from_secs(1));
    assert_eq!(bodies(&bench, &url).await, ["1", "3"]);
    let input = json!({"QueueUrl": url, "AttributeNames": ["All"]});
    let attributes = sqs(&bench, "GetQueueAttributes", input).await.unwrap();
    assert_eq!(
        attributes["Attributes"]["ApproximateNumberOfMessagesNotVisible"],
        "2"
    );
}
