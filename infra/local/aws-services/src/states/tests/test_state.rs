//! TestState: one state, for real or mocked.

use serde_json::{Value, json};

use crate::bench::{Bench, ROLE};
use crate::failure::ServiceError;

const INVOKE: &str = "arn:aws:states:::lambda:invoke";

async fn test(bench: &Bench, definition: Value, more: Value) -> Result<Value, ServiceError> {
    let mut request = json!({"definition": definition.to_string(), "inspectionLevel": "TRACE"});
    let more = more.as_object().unwrap().clone();
    request.as_object_mut().unwrap().extend(more);
    let mut custody = Some(bench.services.context.clock.work());
    let states = &bench.services.states;
    states
        .call_from_outside("TestState", request, &mut custody)
        .await
}

async fn refusal(bench: &Bench, definition: Value, more: Value) -> String {
    test(bench, definition, more).await.unwrap_err().message
}

fn read(text: &Value) -> Value {
    serde_json::from_str(text.as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn it_shows_the_data_between_the_fields_of_a_task_that_really_runs() {
    let bench = Bench::new();
    bench.function("f", |event| {
        Ok(json!({"doubled": event["n"].as_u64().unwrap() * 2}))
    });
    let task = json!({"Type": "Task", "Resource": INVOKE, "InputPath": "$.a",
        "Parameters": {"FunctionName": "f", "Payload.$": "$"}, "ResultSelector": {"d.$": "$.Payload.doubled"},
        "ResultPath": "$.b", "OutputPath": "$.b", "Next": "After"});
    let answer = test(
        &bench,
        task,
        json!({"input": "{\"a\": {\"n\": 4}}", "roleArn": ROLE}),
    )
    .await
    .unwrap();
    assert_eq!(
        (&answer["status"], &answer["nextState"]),
        (&json!("SUCCEEDED"), &json!("After"))
    );
    assert_eq!(answer["output"], "{\"d\":8}");
    let data = &answer["inspectionData"];
    assert_eq!(read(&data["input"]), json!({"a": {"n": 4}}));
    assert_eq!(read(&data["afterInputPath"]), json!({"n": 4}));
    assert_eq!(
        read(&data["afterParameters"]),
        json!({"FunctionName": "f", "Payload": {"n": 4}})
    );
    assert_eq!(read(&data["result"])["Payload"], json!({"doubled": 8}));
    assert_eq!(read(&data["afterResultSelector"]), json!({"d": 8}));
    assert_eq!(
        read(&data["afterResultPath"]),
        json!({"a": {"n": 4}, "b": {"d": 8}})
    );
}

#[tokio::test]
async fn the_level_info_shows_the_outcome_only() {
    let bench = Bench::new();
    let answer = test(
        &bench,
        json!({"Type": "Pass", "End": true}),
        json!({"inspectionLevel": "INFO", "input": "{}"}),
    );
    assert_eq!(
        answer.await.unwrap(),
        json!({"status": "SUCCEEDED", "output": "{}"})
    );
}

#[tokio::test]
async fn a_mock_stands_for_the_call_and_needs_no_role() {
    let bench = Bench::new();
    let task = json!({"Type": "Task", "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn": "t", "Message": "m"}, "End": true});
    let mock = json!({"mock": {"result": "{\"MessageId\": \"one\"}"}});
    let answer = test(&bench, task.clone(), mock).await.unwrap();
    assert_eq!(answer["output"], "{\"MessageId\": \"one\"}");
    let error = refusal(&bench, task, json!({})).await;
    assert_eq!(error, "RoleArn must be specified when testing a Task state");
}

#[tokio::test]
async fn a_mocked_failure_is_retried_until_the_attempts_are_used_up_and_then_caught() {
    let bench = Bench::new();
    let task = json!({"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "f"},
        "Retry": [{"ErrorEquals": ["Other"]}, {"ErrorEquals": ["Broken"], "IntervalSeconds": 3, "BackoffRate": 2, "MaxAttempts": 2}],
        "Catch": [{"ErrorEquals": ["Other"], "Next": "A"}, {"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "B"}],
        "End": true});
    let broken = json!({"errorOutput": {"error": "Broken", "cause": "why"}});
    let retried = json!({"mock": broken, "stateConfiguration": {"retrierRetryCount": 1}});
    let answer = test(&bench, task.clone(), retried).await.unwrap();
    assert_eq!(
        (&answer["status"], &answer["error"]),
        (&json!("RETRIABLE"), &json!("Broken"))
    );
    assert_eq!(
        answer["inspectionData"]["errorDetails"],
        json!({"retryIndex": 1, "retryBackoffIntervalSeconds": 6})
    );
    let used_up = json!({"mock": broken, "stateConfiguration": {"retrierRetryCount": 2}, "input": "{\"n\":1}"});
    let answer = test(&bench, task, used_up).await.unwrap();
    assert_eq!(
        (&answer["status"], &answer["nextState"]),
        (&json!("CAUGHT_ERROR"), &json!("B"))
    );
    assert_eq!(
        (&answer["error"], &answer["cause"]),
        (&json!("Broken"), &json!("why"))
    );
    assert_eq!(
        read(&answer["output"]),
        json!({"n": 1, "e": {"Error": "Broken", "Cause": "why"}})
    );
    assert_eq!(
        answer["inspectionData"]["errorDetails"],
        json!({"retryIndex": 1, "catchIndex": 1})
    );
}

#[tokio::test]
async fn a_map_shows_its_items_and_limits_and_fails_beyond_them() {
    let bench = Bench::new();
    let map = json!({"Type": "Map", "ItemsPath": "$.list", "ItemSelector": {"n.$": "$$.Map.Item.Value"}, "MaxConcurrency": 2,
        "ItemProcessor": {"StartAt": "In", "States": {"In": {"Type": "Pass", "End": true}}},
        "ToleratedFailureCount": 1, "End": true});
    let given = |failed: u64| {
        json!({"input": "{\"list\": [1, 2]}", "mock": {"result": "[10, 20]"},
            "stateConfiguration": {"mapIterationFailureCount": failed}})
    };
    let answer = test(&bench, map.clone(), given(1)).await.unwrap();
    assert_eq!(answer["output"], "[10, 20]");
    let data = &answer["inspectionData"];
    assert_eq!(
        (&data["afterItemsPath"], &data["maxConcurrency"]),
        (&json!("[1, 2]"), &json!(2))
    );
    assert_eq!(
        read(&data["afterItemSelector"]),
        json!([{"n": 1}, {"n": 2}])
    );
    assert_eq!(data["toleratedFailureCount"], 1);
    let answer = test(&bench, map.clone(), given(2)).await.unwrap();
    assert_eq!(
        (&answer["status"], &answer["error"]),
        (
            &json!("FAILED"),
            &json!("States.ExceedToleratedFailureThreshold")
        )
    );
    let not_a_list = json!({"mock": {"result": "{}"}});
    assert_eq!(
        refusal(&bench, map, not_a_list).await,
        "Mocked result must be an array."
    );
}

#[tokio::test]
async fn what_an_item_reader_would_have_read_is_given_in_its_own_format() {
    let bench = Bench::new();
    let map = |config: Value, more: Value| {
        let mut map = json!({"Type": "Map", "End": true,
            "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": config,
                "Parameters": {"Bucket": "b", "Key": "k"}},
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "In", "States": {"In": {"Type": "Pass", "End": true}}}});
        for (name, value) in more.as_object().unwrap() {
            map[name] = value.clone();
        }
        map
    };
    let given = |data: &str| {
        json!({"input": "{\"day\": 7}", "mock": {"result": "[0]"},
            "stateConfiguration": {"mapItemReaderData": data}})
    };
    let fields = json!({"ItemSelector": {"n.$": "$$.Map.Item.Value"},
        "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"day.$": "$.day"}}});
    let pointed = json!({"InputType": "JSON", "ItemsPointer": "/in/list"});
    let definition = map(pointed.clone(), fields);
    let document = given(r#"{"in": {"list": [1, 2, 3]}}"#);
    let answer = test(&bench, definition.clone(), document).await.unwrap();
    let data = &answer["inspectionData"];
    assert_eq!(data["afterItemsPointer"], "[1, 2, 3]");
    assert_eq!(
        read(&data["afterItemSelector"]),
        json!([{"n": 1}, {"n": 2}, {"n": 3}])
    );
    assert_eq!(
        read(&data["afterItemBatcher"]),
        json!([{"BatchInput": {"day": 7}, "Items": [{"n": 1}, {"n": 2}]},
            {"BatchInput": {"day": 7}, "Items": [{"n": 3}]}])
    );
    let answer = test(&bench, definition, given("[1")).await.unwrap();
    assert_eq!(
        (&answer["status"], &answer["error"]),
        (&json!("FAILED"), &json!("States.ItemReaderFailed"))
    );
    let selector = json!({"ItemSelector": {"a.$": "$$.Map.Item.Value.a"}});
    let rows = json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"});
    let answer = test(&bench, map(rows, selector), given("a,b\n1,2\n3,4\n"))
        .await
        .unwrap();
    assert_eq!(
        read(&answer["inspectionData"]["afterItemSelector"]),
        json!([{"a": "1"}, {"a": "3"}])
    );
}

#[tokio::test]
async fn a_state_inside_a_machine_is_found_at_any_depth_and_sees_variables_and_context() {
    let bench = Bench::new();
    let machine = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true, "Branches": [{"StartAt": "In",
        "States": {"In": {"Type": "Pass", "Parameters": {"v.$": "$var.a", "c.$": "$$.Execution.Name"}, "Next": "Out"},
            "Out": {"Type": "Succeed"}}}]}}});
    let more = json!({"stateName": "In", "variables": "{\"var\": {\"a\": 7}}", "context": "{\"Execution\": {\"Name\": \"given\"}}"});
    let answer = test(&bench, machine.clone(), more).await.unwrap();
    assert_eq!(answer["output"], "{\"v\":7,\"c\":\"given\"}");
    assert_eq!(answer["nextState"], "Out");
    assert_eq!(
        read(&answer["inspectionData"]["variables"]),
        json!({"var": {"a": 7}})
    );
    let unknown = refusal(&bench, machine, json!({"stateName": "Nowhere"})).await;
    assert!(unknown.contains("'Nowhere'"), "{unknown}");
}

#[tokio::test]
async fn a_failed_evaluation_is_told_without_the_place_in_a_history() {
    let bench = Bench::new();
    let pass = json!({"Type": "Pass", "Parameters": {"a.$": "$.missing"}, "End": true});
    let answer = test(&bench, pass, json!({})).await.unwrap();
    assert_eq!(
        (&answer["status"], &answer["error"]),
        (&json!("FAILED"), &json!("States.Runtime"))
    );
    let cause = answer["cause"].as_str().unwrap();
    assert!(cause.starts_with("The JSONPath '$.missing'"), "{cause}");
}

#[tokio::test]
async fn a_mock_must_fit_the_response_of_the_called_action() {
    let bench = Bench::new();
    let start = json!({"Type": "Task", "Resource": "arn:aws:states:::states:startExecution",
        "Parameters": {"StateMachineArn": "m"}, "End": true});
    let mocked = |result: Value, mode: &str| json!({"mock": {"result": result.to_string(), "fieldValidationMode": mode}});
    for (result, mode, said) in [
        (
            json!({}),
            "STRICT",
            "Required field 'ExecutionArn' is missing",
        ),
        (
            json!({"ExecutionArn": 1}),
            "PRESENT",
            "Field 'ExecutionArn' must be a string",
        ),
    ] {
        let error = refusal(&bench, start.clone(), mocked(result, mode)).await;
        assert_eq!(
            error,
            format!("Mock result schema validation error: {said}")
        );
    }
    for (result, mode) in [(json!({}), "PRESENT"), (json!({"ExecutionArn": 1}), "NONE")] {
        test(&bench, start.clone(), mocked(result, mode))
            .await
            .unwrap();
    }
    let get = json!({"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject", "Parameters": {}, "End": true});
    for (result, said) in [
        (
            json!({"ContentLength": "9"}),
            "Field 'ContentLength' must be a number",
        ),
        (
            json!({"StorageClass": "Papyrus"}),
            "Field 'StorageClass' is not an expected value",
        ),
        (
            json!({"Metadata": []}),
            "Field 'Metadata' must be an object",
        ),
        (
            json!({"DeleteMarker": 1}),
            "Field 'DeleteMarker' must be a boolean",
        ),
    ] {
        let error = refusal(&bench, get.clone(), mocked(result, "STRICT")).await;
        assert_eq!(
            error,
            format!("Mock result schema validation error: {said}")
        );
    }
}

#[tokio::test]
async fn what_cannot_be_tested_is_refused_by_name() {
    let bench = Bench::new();
    let pass = json!({"Type": "Pass", "End": true});
    let mock = json!({"mock": {"result": "{}"}});
    assert_eq!(
        refusal(&bench, pass, mock).await,
        "State type 'Pass' is not supported when a mock is specified"
    );
    let activity = json!({"Type": "Task", "Resource": "arn:aws:states:us-east-1:000000000000:activity:a", "End": true});
    let error = refusal(&bench, activity, json!({"roleArn": ROLE})).await;
    assert!(error.contains("Activity tasks"), "{error}");
    let task = json!({"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "f"}, "End": true});
    for (context, said) in [
        (
            "{\"Map\": {}}",
            "'Map' field is not supported when mocking a Context object",
        ),
        ("{\"Pokedex\": {}}", "Field 'Pokedex' is not allowed"),
        (
            "{\"Execution\": {\"Id\": 1}}",
            "Execution.Id must be a string",
        ),
        (
            "{\"Task\": {\"Token\": \"t\"}}",
            "Context object contains 'Task' when state is not a Task state",
        ),
    ] {
        let more = json!({"context": context, "mock": {"result": "{}"}});
        let error = refusal(&bench, task.clone(), more).await;
        assert!(
            error.starts_with("Invalid Context object provided: ") && error.contains(said),
            "{error}"
        );
    }
    let both = json!({"mock": {"result": "{}", "errorOutput": {"error": "E"}}});
    let error = refusal(&bench, task, both).await;
    assert!(
        error.contains("only one of the following fields"),
        "{error}"
    );
}
