//! What topics promise, tried through the actions.

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::failure::ServiceError;
use crate::observer::Occurrence;

async fn call(bench: &Bench, action: &str, input: Value) -> Result<Value, ServiceError> {
    let _work = bench.services.context.clock.work();
    bench.services.sns.call(action, input).await
}

async fn topic(bench: &Bench) -> String {
    let answer = call(bench, "CreateTopic", json!({"Name": "mails"}))
        .await
        .unwrap();
    answer["TopicArn"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn messages_that_sns_refuses_are_refused_in_its_words() {
    let bench = Bench::new();
    let topic = topic(&bench).await;
    let long = "x".repeat(262_145);
    for (member, value, message) in [
        ("Message", json!(""), "Invalid parameter: Empty message"),
        (
            "Message",
            json!(long),
            "Invalid parameter: Message too long",
        ),
        ("Subject", json!(""), "Invalid parameter: Subject"),
        (
            "Subject",
            json!("x".repeat(101)),
            "Invalid parameter: Subject",
        ),
        ("Subject", json!("two\nlines"), "Invalid parameter: Subject"),
        ("Subject", json!("größe"), "Invalid parameter: Subject"),
        (
            "MessageStructure",
            json!("json"),
            "Invalid parameter: Message Structure - JSON message body failed to parse",
        ),
    ] {
        let mut input = json!({"TopicArn": topic, "Message": "m"});
        input[member] = value;
        let error = call(&bench, "Publish", input).await.unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("InvalidParameter", message)
        );
    }
    let phone = json!({"PhoneNumber": "+49", "Message": "m"});
    assert!(
        call(&bench, "Publish", phone)
            .await
            .unwrap_err()
            .message
            .contains("PhoneNumber")
    );
    assert!(bench.services.sns.messages().is_empty());
}

#[tokio::test]
async fn topics_and_subscriptions_that_cannot_be_served_are_refused_by_name() {
    let bench = Bench::new();
    for (input, named) in [
        (json!({"Name": "a.fifo"}), "Topic Name"),
        (json!({}), "Name"),
        (
            json!({"Name": "a", "Attributes": {"FifoTopic": "true"}}),
            "FifoTopic",
        ),
    ] {
        let error = call(&bench, "CreateTopic", input).await.unwrap_err();
        assert!(error.message.contains(named), "{error}");
    }
    let topic = topic(&bench).await;
    let queue = json!({"TopicArn": topic, "Protocol": "sqs", "Endpoint": "arn:x"});
    assert!(
        call(&bench, "Subscribe", queue)
            .await
            .unwrap_err()
            .message
            .contains("sqs")
    );
    let other = json!({"Name": "mails", "Attributes": {"DisplayName": "other"}});
    assert!(
        call(&bench, "CreateTopic", other)
            .await
            .unwrap_err()
            .message
            .contains("different attributes")
    );
}

#[tokio::test]
async fn a_message_is_kept_with_its_recipients_and_the_observer_hears_of_it() {
    let bench = Bench::new();
    let topic = topic(&bench).await;
    let subscribe =
        json!({"TopicArn": topic, "Protocol": "email", "Endpoint": "oncall@example.com"});
    let first = call(&bench, "Subscribe", subscribe.clone()).await.unwrap();
    assert_eq!(
        call(&bench, "Subscribe", subscribe).await.unwrap(),
        first,
        "subscribing twice is once"
    );
    let publish = json!({"TopicArn": topic, "Subject": "x".repeat(100), "Message": "{\"default\": \"d\", \"email\": \"größe\"}", "MessageStructure": "json"});
    let answer = call(&bench, "Publish", publish).await.unwrap();
    let messages = bench.services.sns.messages();
    assert_eq!((messages.len(), messages[0].message.as_str()), (1, "größe"));
    assert_eq!(messages[0].recipients, ["oncall@example.com"]);
    assert_eq!(answer["MessageId"], messages[0].message_id);
    let told = bench.occurrences();
    assert!(
        matches!(&told[0], Occurrence::MessagePublished { message, .. } if message == "größe"),
        "{told:?}"
    );
}

#[tokio::test]
async fn topics_subscriptions_and_messages_outlive_the_process() {
    let bench = Bench::new();
    let topic = topic(&bench).await;
    let subscribe =
        json!({"TopicArn": topic, "Protocol": "email", "Endpoint": "oncall@example.com"});
    call(&bench, "Subscribe", subscribe).await.unwrap();
    for number in 0..12 {
        call(
            &bench,
            "Publish",
            json!({"TopicArn": topic, "Message": number.to_string()}),
        )
        .await
        .unwrap();
    }
    let before = bench.services.sns.messages();
    let bench = bench.restarted(std::time::Duration::from_secs(1));
    assert_eq!(bench.services.sns.messages(), before);
    call(
        &bench,
        "Publish",
        json!({"TopicArn": topic, "Message": "13"}),
    )
    .await
    .unwrap();
    assert_eq!(bench.services.sns.messages().last().unwrap().sequence, 13);
    let attributes = call(&bench, "GetTopicAttributes", json!({"TopicArn": topic}))
        .await
        .unwrap();
    assert_eq!(attributes["Attributes"]["SubscriptionsConfirmed"], "1");
}
