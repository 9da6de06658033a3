//! Tests of distributed Maps: their definitions, their Map runs, what they tolerate and what they ask for.

use serde_json::{Value, json};

use crate::test_driver::{Answer, Driver, chain, failure, output};
use crate::{Effect, EventType, Execution, MapRunStatus, Status, diagnose};

/// A distributed Map over the input; its children fail for the item 0 and hand on the others.
fn map(fields: Value) -> Value {
    let mut state = json!({
        "Type": "Map", "End": true,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Check",
            "States": {
                "Check": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 0, "Next": "Bad"}], "Default": "Good"},
                "Bad": {"Type": "Fail", "Error": "Zero", "Cause": "it is zero"},
                "Good": {"Type": "Pass", "End": true},
            },
        },
    });
    for (name, value) in fields.as_object().expect("an object") {
        state[name] = value.clone();
    }
    json!({"StartAt": "M", "States": {"M": state}})
}

fn driver<'a>(definition: &Value, input: &Value) -> Driver<'a> {
    Driver::start(definition, &input.to_string(), |_| Answer::Hangs)
}

fn run(fields: Value, input: Value) -> Execution {
    driver(&map(fields), &input).run()
}

fn problems(fields: Value) -> Vec<String> {
    diagnose(&map(fields).to_string())
        .iter()
        .map(|found| found.message.clone())
        .collect()
}

fn types(execution: &Execution) -> Vec<&str> {
    let events = execution.history().iter();
    events.map(|event| event.event_type.as_str()).collect()
}

#[test]
fn refuses_labels_that_cannot_be_a_part_of_an_arn() {
    assert_eq!(problems(json!({"Label": ""})), ["Label cannot be empty"]);
    assert_eq!(
        problems(json!({"Label": "a b"})),
        ["Label contains invalid character: ' '"]
    );
    assert_eq!(
        problems(json!({"Label": "a\u{0}"})),
        ["Label contains invalid character: '\\x00'"]
    );
    assert_eq!(
        problems(json!({"Label": "x".repeat(41)})),
        ["Label cannot exceed 40 characters"]
    );
}

#[test]
fn refuses_its_fields_in_an_inline_map_and_what_readers_and_writers_do_not_have() {
    let mut inline = map(json!({"Label": "x"}));
    inline["States"]["M"]["ItemProcessor"]["ProcessorConfig"] = json!({"Mode": "INLINE"});
    assert_eq!(
        diagnose(&inline.to_string())[0].message,
        "The field 'Label' is only supported for a Map state with Mode 'DISTRIBUTED'"
    );
    let reader = |config: Value| {
        problems(
            json!({"ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": config,
            "Parameters": {"Bucket": "b", "Key": "k"}}}),
        )
    };
    assert_eq!(
        reader(json!({"InputType": "CSV"})),
        ["These fields are required: [CSVHeaderLocation]"]
    );
    assert_eq!(
        reader(json!({"InputType": "PARQUET"})),
        ["the InputType 'PARQUET' is not supported"]
    );
    assert_eq!(
        reader(json!({"InputType": "JSON", "MaxItems": 0})),
        ["Value must be between 1 and 100000000"]
    );
    assert_eq!(
        problems(json!({"ResultWriter": {}})),
        ["Value cannot be empty"]
    );
    assert_eq!(problems(json!({"ItemBatcher": {}})).len(), 1);
}

#[test]
fn fails_when_the_items_cannot_be_read() {
    let reader = json!({"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"},
        "Parameters": {"Bucket": "b", "Key.$": "$.key"}});
    let execution = run(json!({"ItemReader": reader}), json!({"key": "k"}));
    assert_eq!(
        failure(&execution),
        ("States.ItemReaderFailed", "there is no such object")
    );
    assert_eq!(
        chain(&execution)[2..],
        [
            "3 <- 2 MapStateStarted",
            "4 <- 3 MapRunStarted",
            "5 <- 4 MapRunFailed",
            "6 <- 5 MapStateFailed",
            "7 <- 6 ExecutionFailed",
        ]
    );
    assert_eq!(execution.map_runs()[0].status, MapRunStatus::Failed);
    let not_a_list = driver(&map(json!({"ItemReader": reader})), &json!({"key": "k"}))
        .reading(json!("text"))
        .run();
    assert_eq!(
        failure(&not_a_list).1,
        "Attempting to map over non-iterable node."
    );
}

#[test]
fn fails_as_soon_as_more_children_have_failed_than_it_tolerates() {
    let execution = run(json!({"MaxConcurrency": 1}), json!([1, 0, 2]));
    assert_eq!(
        failure(&execution),
        (
            "States.ExceedToleratedFailureThreshold",
            "The specified tolerated failure threshold was exceeded"
        )
    );
    let map_run = &execution.map_runs()[0];
    assert_eq!(map_run.status, MapRunStatus::Failed);
    let counts = map_run.item_counts;
    assert_eq!((counts.succeeded, counts.failed, counts.pending), (1, 1, 1));
    let last = &execution.history()[4];
    assert_eq!(last.event_type, EventType::MapRunFailed);
    assert_eq!(
        last.details().error.as_deref(),
        Some("States.ExceedToleratedFailureThreshold")
    );
}

#[test]
fn can_catch_that_too_much_has_failed() {
    let mut definition = map(
        json!({"Catch": [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "Caught"}]}),
    );
    definition["States"]["Caught"] = json!({"Type": "Succeed"});
    let execution = driver(&definition, &json!([0])).run();
    assert!(matches!(execution.status(), Status::Succeeded { .. }));
}

#[test]
fn tolerates_what_it_is_told_to() {
    let execution = run(json!({"ToleratedFailurePercentage": 50}), json!([1, 0]));
    assert_eq!(
        output(&execution),
        json!([1, {"Error": "Zero", "Cause": "it is zero"}])
    );
}

#[test]
fn tells_of_a_map_run_and_nothing_of_its_children() {
    let execution = run(json!({"Label": "Load"}), json!([1, 2]));
    assert_eq!(output(&execution), json!([1, 2]));
    assert_eq!(
        chain(&execution)[1..],
        [
            "2 <- 0 MapStateEntered",
            "3 <- 2 MapStateStarted",
            "4 <- 3 MapRunStarted",
            "5 <- 4 MapRunSucceeded",
            "6 <- 5 MapStateSucceeded",
            "7 <- 5 MapStateExited",
            "8 <- 7 ExecutionSucceeded",
        ]
    );
    let arn = execution.history()[3].details().map_run_arn.clone();
    let arn = arn.expect("it has an ARN");
    assert!(
        arn.starts_with("arn:aws:states:us-east-1:000000000000:mapRun:machine/Load:"),
        "{arn}"
    );
}

#[test]
fn runs_so_many_children_at_a_time() {
    let (_, effects) =
        driver(&map(json!({"MaxConcurrency": 2})), &json!([1, 2, 3])).run_for_effects();
    let started: Vec<&Effect> = effects
        .iter()
        .filter(|effect| matches!(effect, Effect::StartChild(_)))
        .collect();
    assert_eq!(started.len(), 3);
    let definition = map(json!({"MaxConcurrency": 2}));
    let machine = crate::StateMachine::parse(&definition.to_string()).expect("valid");
    let now = jiff::Timestamp::UNIX_EPOCH;
    let identity = crate::Identity::named("machine", "name", now);
    let mut execution =
        Execution::start(machine.into(), identity, "[1, 2, 3]", 1, now).expect("JSON");
    assert_eq!(execution.effects().len(), 2);
    assert_eq!(execution.map_runs()[0].item_counts.running, 2);
    let arn = execution.map_runs()[0].arn.clone();
    let limits = crate::MapRunLimits {
        max_concurrency: 5,
        ..crate::MapRunLimits::default()
    };
    let changed = crate::Arrival::MapRunLimits {
        map_run_arn: arn,
        limits,
    };
    assert!(execution.deliver(changed, now));
    assert_eq!(execution.effects().len(), 1);
    execution.deliver(
        crate::Arrival::Stop {
            error: None,
            cause: None,
        },
        now,
    );
    assert_eq!(execution.effects().len(), 3, "every child is called off");
    assert_eq!(execution.map_runs()[0].status, MapRunStatus::Aborted);
    assert_eq!(execution.map_runs()[0].item_counts.aborted, 3);
}

#[test]
fn selects_and_batches_items() {
    let fields = json!({
        "ItemsPath": "$.list",
        "ItemSelector": {"n.$": "$$.Map.Item.Value", "at.$": "$$.Map.Item.Index", "from.$": "$$.Map.Item.Source", "x.$": "$.x"},
        "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"x.$": "$.x"}},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}},
    });
    let execution = run(fields, json!({"list": [1, 2, 3], "x": 7}));
    let item = |n: u64, at: u64| json!({"n": n, "at": at, "from": "STATE_DATA", "x": 7});
    assert_eq!(
        output(&execution),
        json!([
            {"BatchInput": {"x": 7}, "Items": [item(1, 0), item(2, 1)]},
            {"BatchInput": {"x": 7}, "Items": [item(3, 2)]},
        ])
    );
    let map_run = &execution.map_runs()[0];
    assert_eq!(map_run.item_counts.total, 3);
    assert_eq!(map_run.execution_counts.total, 2);
}

#[test]
fn closes_a_batch_before_it_grows_too_large() {
    let fields = json!({
        // {"Items":["aaaa","aaaa"]} has 25 bytes.
        "ItemBatcher": {"MaxInputBytesPerBatch": 25},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}},
    });
    let execution = run(fields, json!(["aaaa", "aaaa", "aaaa"]));
    assert_eq!(
        output(&execution),
        json!([{"Items": ["aaaa", "aaaa"]}, {"Items": ["aaaa"]}])
    );
}

#[test]
fn reads_items_and_writes_results() {
    let fields = json!({
        "ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "CSVDelimiter": "TAB", "MaxItemsPath": "$.most"},
            "Parameters": {"Bucket": "b", "Key.$": "$.key"}},
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out", "Prefix.$": "$.key"},
            "WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSONL"}},
    });
    let (execution, effects) = driver(&map(fields), &json!({"key": "k", "most": 2}))
        .reading(json!([1, 2]))
        .interrupted()
        .run_for_effects();
    let arn = execution.map_runs()[0].arn.clone();
    assert_eq!(output(&execution), json!({"MapRunArn": arn, "pending": 0}));
    assert_eq!(execution.map_runs()[0].item_counts.results_written, 2);
    assert!(types(&execution).contains(&"MapRunSucceeded"));
    assert_eq!(execution.history()[2].details().length, Some(0));
    let read = effects.iter().find_map(|effect| match effect {
        Effect::ReadItems(request) => Some(request.clone()),
        _ => None,
    });
    let read = read.expect("it reads");
    assert_eq!(read.arguments, json!({"Bucket": "b", "Key": "k"}));
    assert_eq!(read.max_items, Some(2));
}

#[test]
fn refuses_a_number_of_items_that_is_none() {
    let fields = json!({"ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL", "MaxItemsPath": "$.most"}, "Parameters": {"Bucket": "b", "Key": "k"}}});
    assert_eq!(
        failure(&run(fields.clone(), json!({"most": "two"}))).1,
        "The MaxItemsPath field refers to value 'two' which is not a valid integer: $.most"
    );
    assert_eq!(
        failure(&run(fields, json!({"most": 0}))),
        ("States.ItemReaderFailed", "field MaxItems must be positive")
    );
}

#[test]
fn hands_on_lists_put_together_when_it_is_told_to() {
    let fields = json!({
        "ResultWriter": {"WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSON"}},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}},
    });
    assert_eq!(
        output(&run(fields, json!([[1, 2], 3, [4]]))),
        json!([1, 2, 3, 4])
    );
}

#[test]
fn goes_through_the_members_of_an_object() {
    let fields = json!({
        "ItemsPath": "$.facts",
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}},
    });
    assert_eq!(
        output(&run(fields, json!({"facts": {"a": 1, "b": 2}}))),
        json!([{"Key": "a", "Value": 1}, {"Key": "b", "Value": 2}])
    );
}

#[test]
fn starts_a_new_map_run_when_it_is_retried() {
    let execution = run(
        json!({"Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]}),
        json!([0]),
    );
    assert_eq!(execution.map_runs().len(), 2);
    assert_ne!(execution.map_runs()[0].arn, execution.map_runs()[1].arn);
}

/// A distributed Map whose children call a task.
fn calling(fields: Value) -> Value {
    let mut definition = map(fields);
    definition["States"]["M"]["ItemProcessor"]["StartAt"] = json!("Before");
    definition["States"]["M"]["ItemProcessor"]["States"] = json!({
        "Before": {"Type": "Pass", "Next": "Check"},
        "Check": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 0, "Next": "Bad"}], "Default": "Good"},
        "Bad": {"Type": "Fail", "Error": "Zero"},
        "Good": {"Type": "Pass", "End": true},
    });
    definition
}

fn started(effects: &[Effect]) -> Vec<(&str, bool)> {
    let children = effects.iter().filter_map(|effect| match effect {
        Effect::StartChild(start) => Some((start.input.as_str(), start.redriven)),
        _ => None,
    });
    children.collect()
}

#[test]
fn redrives_the_children_that_failed_and_starts_those_that_had_not_begun() {
    let mut driver = driver(&calling(json!({"MaxConcurrency": 1})), &json!([1, 0, 2]));
    let failed = driver.run_once();
    assert_eq!(started(&driver.effects), [("1", false), ("0", false)]);
    let before = failed.history().len();
    let again = driver.redriven();
    // It fails again, and nothing else is started: the third item still waits.
    assert_eq!(
        started(&driver.effects),
        [("1", false), ("0", false), ("0", true)]
    );
    let types: Vec<&str> = types(&again)[before..].to_vec();
    assert_eq!(
        types,
        [
            "ExecutionRedriven",
            "MapRunRedriven",
            "MapRunFailed",
            "MapStateFailed",
            "ExecutionFailed"
        ]
    );
    let redriven = &again.history()[before + 1];
    assert_eq!(redriven.previous_event_id, before as u32 + 1);
    assert_eq!(redriven.details().redrive_count, Some(1));
    let [map_run] = again.map_runs() else {
        panic!("one Map run goes on: {:?}", again.map_runs());
    };
    assert_eq!(
        redriven.details().map_run_arn.as_deref(),
        Some(map_run.arn.as_str())
    );
    assert_eq!(map_run.redrive_count, 1);
    let counts = map_run.execution_counts;
    assert_eq!((counts.succeeded, counts.failed, counts.pending), (1, 1, 1));
}

#[test]
fn succeeds_after_a_redrive_with_the_outputs_of_all_attempts_in_order() {
    let attempts = std::cell::Cell::new(0);
    let fields = json!({"ToleratedFailureCount": 0, "MaxConcurrency": 2});
    let mut driver = driver(&calling(fields), &json!([1, 0, 2, 3])).with_children(|start| {
        attempts.set(attempts.get() + 1);
        match (start.input.as_str(), start.redriven) {
            ("0", false) => Err("Zero"),
            (input, _) => Ok(json!(format!("did {input}"))),
        }
    });
    let failed = driver.run_once();
    assert_eq!(failure(&failed).0, "States.ExceedToleratedFailureThreshold");
    let done = driver.redriven();
    assert_eq!(output(&done), json!(["did 1", "did 0", "did 2", "did 3"]));
    let map_run = &done.map_runs()[0];
    assert_eq!(map_run.status, MapRunStatus::Succeeded);
    let counts = map_run.item_counts;
    assert_eq!(
        (
            counts.succeeded,
            counts.failed,
            counts.pending,
            counts.pending_redrive,
            counts.running
        ),
        (4, 0, 0, 0, 0)
    );
}

#[test]
fn a_child_without_room_in_its_history_has_failed_for_good() {
    let mut driver = driver(&calling(json!({})), &json!([0, 1])).with_full_children();
    let failed = driver.run_once();
    assert_eq!(
        failed.map_runs()[0]
            .execution_counts
            .failures_not_redrivable,
        1
    );
    let again = driver.redriven();
    assert_eq!(failure(&again).0, "States.ExceedToleratedFailureThreshold");
    assert!(
        started(&driver.effects)
            .iter()
            .all(|(_, redriven)| !redriven)
    );
}

#[test]
fn begins_a_new_map_run_when_the_items_could_not_be_read() {
    let reader = json!({"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"},
        "Parameters": {"Bucket": "b", "Key": "k"}});
    let mut driver = driver(&map(json!({"ItemReader": reader})), &json!({}));
    driver.run_once();
    let again = driver.redriven();
    assert_eq!(again.map_runs().len(), 2);
    assert!(!types(&again).contains(&"MapRunRedriven"));
}

#[test]
fn takes_up_the_children_that_were_stopped_with_their_execution() {
    let mut driver = driver(&calling(json!({})), &json!([1, 2]));
    driver.deliver(crate::Arrival::Stop {
        error: None,
        cause: None,
    });
    let stopped = driver.run_once();
    assert_eq!(stopped.map_runs()[0].execution_counts.aborted, 2);
    let done = driver.redriven();
    assert_eq!(output(&done), json!([1, 2]));
    assert_eq!(done.map_runs()[0].execution_counts.aborted, 0);
    assert_eq!(
        started(&driver.effects),
        [("1", false), ("2", false), ("1", true), ("2", true)]
    );
}

#[test]
fn is_redriven_in_the_same_way_after_being_written_down() {
    let run = |interrupted: bool| {
        let mut driver = driver(&calling(json!({"MaxConcurrency": 1})), &json!([1, 0, 2]));
        if interrupted {
            driver = driver.interrupted();
        }
        driver.run_once();
        serde_json::to_string(driver.redriven().history()).expect("it can be written")
    };
    assert_eq!(run(true), run(false));
}
