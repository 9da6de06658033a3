//! Tests of `write_state_info_to_s3`.

use serde_json::{Value, json};

use crate::shared::replay::{EXECUTION, Replay, STATE};
use crate::{ErrorType, FunctionFailure, invoke};

const PATH: &str = "/workarea/state.json";
const NEW: [(&str, &str); 2] = [("if-none-match", "*"), ("if-match", "")];
const OTHER: &str = "arn:aws:states:us-east-1:000000000000:execution:master:other";

async fn write(replay: Replay, event: Value) -> Result<Value, FunctionFailure> {
    let outcome = invoke("write_state_info_to_s3", &replay.clients(&STATE), event).await;
    replay.finish();
    outcome
}

fn reservation() -> Value {
    json!({"BatchId": "B1", "ExecutionArn": EXECUTION, "WrittenAt": "2026-11-21T02:00:00Z"})
}

fn held(document: &Value) -> Replay {
    Replay::new()
        .s3_refuses("PUT", PATH, &NEW, 412, "PreconditionFailed")
        .s3("GET", PATH, &[], &[("etag", "\"1\"")], &document.to_string())
}

#[tokio::test]
async fn another_runs_reservation_is_a_conflict_that_names_it() {
    let other = json!({"ExecutionArn": OTHER, "BatchId": "B0", "ClusterId": "j-9", "WrittenAt": "2026-11-20T02:00:00Z"});
    let failure = write(held(&other), reservation()).await.unwrap_err();
    assert_eq!(failure.error_type, ErrorType::StateInfoConflict);
    for part in [OTHER, "B0", "j-9", "2026-11-20T02:00:00Z", "s3://workarea/state.json"] {
        assert!(failure.message.contains(part), "{failure}");
    }
}

#[tokio::test]
async fn a_cluster_launched_by_hand_is_a_conflict_too() {
    let by_hand = json!({"ClusterId": "j-9"});
    assert_eq!(write(held(&by_hand), reservation()).await.unwrap_err().error_type, ErrorType::StateInfoConflict);
    let replay = Replay::new().s3_refuses("PUT", PATH, &NEW, 412, "PreconditionFailed").s3("GET", PATH, &[], &[("etag", "\"1\"")], "j-9\n");
    assert_eq!(write(replay, json!({"ClusterId": "j-1"})).await.unwrap_err().error_type, ErrorType::StateInfoConflict);
}

#[tokio::test]
async fn garbage_is_never_overwritten() {
    let replay = Replay::new().s3_refuses("PUT", PATH, &NEW, 412, "PreconditionFailed").s3("GET", PATH, &[], &[("etag", "\"1\"")], "{\"Clu");
    assert_eq!(write(replay, reservation()).await.unwrap_err().error_type, ErrorType::StateInfoInvalid);
}

#[tokio::test]
async fn nothing_is_written_without_a_cluster_and_an_execution() {
    let failure = write(Replay::new(), json!({"BatchId": "B1"})).await.unwrap_err();
    assert_eq!(failure.error_type, ErrorType::InvalidInput);
    assert!(failure.message.contains("ClusterId"), "{failure}");
}

#[tokio::test]
async fn a_missing_bucket_is_named() {
    let failure = write(Replay::new().s3_refuses("PUT", PATH, &NEW, 404, "NoSuchBucket"), reservation()).await.unwrap_err();
    assert_eq!(failure.error_type, ErrorType::StateInfoMissing);
    assert!(failure.message.contains("workarea"), "{failure}");
}

#[tokio::test]
async fn x2_a_reservation_whose_answer_was_lost_is_recognised_as_ones_own() {
    let own = json!({"ExecutionArn": EXECUTION, "BatchId": "B1", "Status": "RESERVED"});
    let replay = Replay::new()
        .s3_loses("PUT", PATH, &NEW)
        .s3_refuses("PUT", PATH, &NEW, 412, "PreconditionFailed")
        .s3("GET", PATH, &[], &[("etag", "\"1\"")], &own.to_string())
        .s3("PUT", PATH, &[("if-match", "\"1\""), ("if-none-match", "")], &[("etag", "\"2\"")], "");
    let answer = write(replay, reservation()).await.unwrap();
    assert_eq!((answer["Status"].as_str(), answer["ETag"].as_str()), (Some("SUCCESS"), Some("\"2\"")));
}

#[tokio::test]
async fn a_repeated_reservation_does_not_forget_the_cluster() {
    let own = json!({"ClusterId": "j-1", "ExecutionArn": EXECUTION, "BatchId": "B1", "Status": "LAUNCHED"});
    let body = json!({
        "ClusterId": "j-1", "BatchId": "B1", "ExecutionArn": EXECUTION, "Status": "LAUNCHED", "WrittenAt": "2026-11-21T02:00:00Z",
    });
    let replay = held(&own).s3_put(PATH, &[("if-match", "\"1\"")], &body.to_string(), "\"2\"");
    assert_eq!(write(replay, reservation()).await.unwrap()["ClusterId"], "j-1");
}

#[tokio::test]
async fn x2_a_write_that_s3_is_too_busy_for_is_tried_again() {
    let replay = Replay::new()
        .s3_refuses("PUT", PATH, &NEW, 409, "ConditionalRequestConflict")
        .s3_put(PATH, &NEW, &reserved_body(), "\"1\"");
    assert_eq!(write(replay, reservation()).await.unwrap()["Status"], "SUCCESS");
}

#[tokio::test]
async fn a_document_that_vanished_meanwhile_leaves_the_place_free() {
    let replay = Replay::new()
        .s3_refuses("PUT", PATH, &NEW, 412, "PreconditionFailed")
        .s3_refuses("GET", PATH, &[], 404, "NoSuchKey")
        .s3("PUT", PATH, &NEW, &[("etag", "\"3\"")], "");
    assert_eq!(write(replay, reservation()).await.unwrap()["ETag"], "\"3\"");
}

#[tokio::test]
async fn s6_of_two_that_take_over_the_later_is_refused() {
    let winner = json!({"ExecutionArn": OTHER});
    let mut event = reservation();
    event["IfMatch"] = json!("\"dead\"");
    let replay = Replay::new()
        .s3_refuses("PUT", PATH, &[("if-match", "\"dead\"")], 412, "PreconditionFailed")
        .s3("GET", PATH, &[], &[("etag", "\"1\"")], &winner.to_string());
    let failure = write(replay, event).await.unwrap_err();
    assert_eq!(failure.error_type, ErrorType::StateInfoConflict);
    assert!(failure.message.contains(OTHER), "{failure}");
}

#[tokio::test]
async fn a_take_over_replaces_exactly_the_version_that_was_read() {
    let mut event = reservation();
    event["ETag"] = json!("\"dead\"");
    let replay = Replay::new().s3_put(PATH, &[("if-match", "\"dead\""), ("if-none-match", "")], &reserved_body(), "\"2\"");
    assert_eq!(
        write(replay, event).await.unwrap(),
        json!({"BatchId": "B1", "ExecutionArn": EXECUTION, "ETag": "\"2\"", "Status": "SUCCESS"})
    );
}

#[tokio::test]
async fn the_originals_event_writes_its_cluster_and_may_write_it_again() {
    let again = json!({"ClusterId": "j-1", "ExecutionArn": EXECUTION});
    let replay = held(&again).s3("PUT", PATH, &[("if-match", "\"1\"")], &[("etag", "\"2\"")], "");
    let answer = write(replay, json!({"ClusterId": "j-1", "Status": "STARTED"})).await.unwrap();
    assert_eq!((answer["ClusterId"].as_str(), answer["ExecutionArn"].as_str()), (Some("j-1"), Some(EXECUTION)));
    let emptied = Replay::new()
        .s3_refuses("PUT", PATH, &NEW, 412, "PreconditionFailed")
        .s3("GET", PATH, &[], &[("etag", "\"0\"")], "")
        .s3("PUT", PATH, &[("if-match", "\"0\"")], &[("etag", "\"1\"")], "");
    assert_eq!(write(emptied, json!({"ClusterId": "j-1"})).await.unwrap(), json!({"ClusterId": "j-1", "ETag": "\"1\"", "Status": "SUCCESS"}));
}

fn reserved_body() -> String {
    json!({"BatchId": "B1", "ExecutionArn": EXECUTION, "Status": "RESERVED", "WrittenAt": "2026-11-21T02:00:00Z"}).to_string()
}
