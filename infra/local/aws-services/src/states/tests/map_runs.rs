//! Distributed Maps over S3: readers, children that can be listed, writers, and the actions on Map runs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::s3::{Condition, PutOptions};

async fn put(bench: &Bench, key: &str, text: &str) {
    let options = PutOptions::when(Condition::default());
    let s3 = &bench.services.s3;
    if !s3.bucket_folder("data").exists() {
        s3.create_bucket("data").await.unwrap();
    }
    s3.put("data", key, text.to_owned(), options).await.unwrap();
}

async fn get(bench: &Bench, key: &str) -> Value {
    let object = bench.services.s3.get("data", key).await.unwrap();
    serde_json::from_slice(&object.into_bytes().unwrap()).unwrap()
}

/// A distributed Map whose children are one state.
fn map(mut fields: Value, child: Value) -> Value {
    fields["Type"] = json!("Map");
    fields["End"] = json!(true);
    fields["ItemProcessor"] = json!({
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Child", "States": {"Child": child},
    });
    json!({"StartAt": "M", "States": {"M": fields}})
}

fn pass() -> Value {
    json!({"Type": "Pass", "End": true})
}

fn reader(config: Value, key: &str) -> Value {
    json!({"ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": config,
        "Parameters": {"Bucket": "data", "Key": key}}})
}

fn output(ended: &Value) -> Value {
    let text = ended["output"]
        .as_str()
        .unwrap_or_else(|| panic!("{ended}"));
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn fails_under_one_name_when_the_object_is_not_there() {
    let bench = Bench::new();
    put(&bench, "other", "").await;
    let definition = map(reader(json!({"InputType": "JSON"}), "missing"), pass());
    let ended = bench.run(definition, json!({})).await;
    assert_eq!(ended["status"], "FAILED");
    assert_eq!(ended["error"], "States.ItemReaderFailed");
    let cause = ended["cause"].as_str().unwrap();
    assert!(
        cause.contains("key does not exist") && cause.contains("data/missing"),
        "{cause}"
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_told_with_the_object_and_the_place_in_it() {
    let bench = Bench::new();
    let rows = json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"});
    for (key, content, config, says) in [
        (
            "a.json",
            "[1,2",
            json!({"InputType": "JSON"}),
            "not valid JSON: EOF while parsing a list at line 1",
        ),
        (
            "b.json",
            "{\"a\": []}",
            json!({"InputType": "JSON", "ItemsPointer": "/b"}),
            "The ItemsPointer '/b' leads nowhere",
        ),
        (
            "c.jsonl",
            "{}\n\nnope\n",
            json!({"InputType": "JSONL"}),
            "Line 3 of the object is not valid JSON",
        ),
        ("d.csv", "a,a\n1,2\n", rows, "a"),
        (
            "e.json",
            "{\"files\": []}",
            json!({"InputType": "MANIFEST"}),
            "it needs files, fileSchema and destinationBucket",
        ),
    ] {
        put(&bench, key, content).await;
        let ended = bench.run(map(reader(config, key), pass()), json!({})).await;
        assert_eq!(ended["error"], "States.ItemReaderFailed", "{key}: {ended}");
        let cause = ended["cause"].as_str().unwrap();
        assert!(
            cause.starts_with(&format!("s3://data/{key}: ")) && cause.contains(says),
            "{key}: {cause}"
        );
    }
    put(&bench, "number.json", "5").await;
    let config = json!({"InputType": "JSON"});
    let ended = bench
        .run(map(reader(config, "number.json"), pass()), json!({}))
        .await;
    assert_eq!(ended["cause"], "Attempting to map over non-iterable node.");
}

#[tokio::test]
async fn reads_every_format_that_s3_may_hold() {
    let bench = Bench::new();
    put(&bench, "rows.csv", "id,name\n1,one\n2,two\n").await;
    put(&bench, "lines.jsonl", "{\"a\": 1}\n{\"a\": 2}\n").await;
    put(&bench, "doc.json", "{\"in\": [1, 2, 3]}").await;
    put(
        &bench,
        "inventory/files/1.csv",
        "data,a.txt,5\ndata,b.txt,7\n",
    )
    .await;
    let manifest = json!({"fileFormat": "CSV", "fileSchema": "Bucket, Key, Size", "destinationBucket": "arn:aws:s3:::data",
        "files": [{"key": "inventory/files/1.csv"}]});
    put(&bench, "inventory/manifest.json", &manifest.to_string()).await;
    for (config, key, items) in [
        (
            json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}),
            "rows.csv",
            json!([{"id": "1", "name": "one"}, {"id": "2", "name": "two"}]),
        ),
        (
            json!({"InputType": "JSONL"}),
            "lines.jsonl",
            json!([{"a": 1}, {"a": 2}]),
        ),
        (
            json!({"InputType": "JSON", "ItemsPointer": "/in", "MaxItems": 2}),
            "doc.json",
            json!([1, 2]),
        ),
        (
            json!({"InputType": "MANIFEST"}),
            "inventory/manifest.json",
            json!([{"Bucket": "data", "Key": "a.txt", "Size": "5"}, {"Bucket": "data", "Key": "b.txt", "Size": "7"}]),
        ),
    ] {
        let ended = bench.run(map(reader(config, key), pass()), json!({})).await;
        assert_eq!(output(&ended), items, "{key}");
    }
}

#[tokio::test]
async fn lists_objects_or_reads_them_all() {
    let bench = Bench::new();
    put(&bench, "in/a.json", "[1]").await;
    put(&bench, "in/b.json", "[2, 3]").await;
    let listing = |config: Value| {
        json!({"ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "ReaderConfig": config,
            "Parameters": {"Bucket": "data", "Prefix.$": "$.prefix"}}})
    };
    let input = json!({"prefix": "in/"});
    let listed = bench
        .run(map(listing(json!({"MaxItems": 1})), pass()), input.clone())
        .await;
    let listed = output(&listed);
    assert_eq!(listed[0]["Key"], "in/a.json");
    assert_eq!(listed[0]["Size"], 3);
    assert!(listed[0]["LastModified"].is_i64(), "{listed}");
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let config = json!({"Transformation": "LOAD_AND_FLATTEN", "InputType": "JSON"});
    let loaded = bench.run(map(listing(config), pass()), input).await;
    assert_eq!(output(&loaded), json!([1, 2, 3]));
}

#[tokio::test]
async fn writes_what_became_of_every_child() {
    let bench = Bench::new();
    put(&bench, "rows.csv", "n\n0\n1\n").await;
    let mut fields = reader(
        json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}),
        "rows.csv",
    );
    fields["ToleratedFailureCount"] = json!(1);
    fields["ResultWriter"] = json!({"Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": "data", "Prefix": "out/"}});
    let child = json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:check", "End": true});
    bench.function("check", |event| match event["n"].as_str() {
        Some("0") => Err(("Zero".to_owned(), "zero".to_owned())),
        _ => Ok(event),
    });
    let ended = bench.run(map(fields, child), json!({})).await;
    let output = output(&ended);
    let arn = output["MapRunArn"].as_str().unwrap();
    let key = output["ResultWriterDetails"]["Key"].as_str().unwrap();
    let id = arn.rsplit(':').next().unwrap();
    assert_eq!(key, format!("out/{id}/manifest.json"));
    let manifest = get(&bench, key).await;
    assert_eq!(manifest["DestinationBucket"], "data");
    assert_eq!(manifest["ResultFiles"]["PENDING"], json!([]));
    let written = &manifest["ResultFiles"]["SUCCEEDED"][0];
    let succeeded = get(&bench, written["Key"].as_str().unwrap()).await;
    assert_eq!(written["Size"], succeeded.to_string().len());
    assert_eq!(succeeded[0]["Output"], "{\"n\":\"1\"}");
    assert_eq!(succeeded[0]["Status"], "SUCCEEDED");
    let failed = get(&bench, &format!("out/{id}/FAILED_0.json")).await;
    assert_eq!(failed[0]["Error"], "Zero");
    let map_run = bench
        .states("DescribeMapRun", json!({"mapRunArn": arn}))
        .await
        .unwrap();
    assert_eq!(map_run["status"], "SUCCEEDED");
    assert_eq!(map_run["itemCounts"]["failed"], 1);
    assert_eq!(map_run["itemCounts"]["resultsWritten"], 2);
    assert_eq!(map_run["toleratedFailureCount"], 1);
}

#[tokio::test]
async fn children_are_executions_of_their_own_that_stop_with_their_parent() {
    let bench = Bench::new();
    let child = json!({"Type": "Wait", "Seconds": 60, "End": true});
    let definition = map(json!({"Label": "Load", "MaxConcurrency": 1}), child);
    let machine = bench.machine("m", definition).await;
    let parent = bench.start_execution(&machine, "one", json!([1, 2])).await;
    // Time stands still for as long as this is held.
    let still = bench
        .services
        .context
        .clock
        .sleep(Duration::from_secs(61))
        .await;
    bench.settle().await;
    let listed = bench
        .states("ListMapRuns", json!({"executionArn": parent}))
        .await
        .unwrap();
    let arn = listed["mapRuns"][0]["mapRunArn"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        listed["mapRuns"][0]["stateMachineArn"],
        format!("{machine}/Load")
    );
    let children = bench
        .states("ListExecutions", json!({"mapRunArn": arn}))
        .await
        .unwrap();
    let children = children["executions"].as_array().unwrap().clone();
    let statuses: Vec<&str> = children
        .iter()
        .map(|child| child["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["RUNNING", "SUCCEEDED"]);
    // They are not among the machine's own.
    assert_eq!(bench.executions(&machine).await.len(), 1);
    let described = bench
        .describe(children[0]["executionArn"].as_str().unwrap())
        .await;
    assert_eq!(described["mapRunArn"], arn.as_str());
    assert_eq!(described["input"], "2");
    bench
        .states("StopExecution", json!({"executionArn": parent}))
        .await
        .unwrap();
    bench.settle().await;
    let described = bench
        .describe(children[0]["executionArn"].as_str().unwrap())
        .await;
    assert_eq!(described["status"], "ABORTED");
    drop(still);
    let map_run = bench
        .states("DescribeMapRun", json!({"mapRunArn": arn}))
        .await
        .unwrap();
    assert_eq!(map_run["status"], "ABORTED");
}

#[tokio::test]
async fn a_running_map_run_takes_new_limits() {
    let bench = Bench::new();
    let still = bench.services.context.clock.work();
    let child = json!({"Type": "Wait", "Seconds": 60, "End": true});
    let machine = bench
        .machine("m", map(json!({"MaxConcurrency": 1}), child))
        .await;
    let parent = bench
        .start_execution(&machine, "one", json!([1, 2, 3]))
        .await;
    bench.settle().await;
    let listed = bench
        .states("ListMapRuns", json!({"executionArn": parent}))
        .await
        .unwrap();
    let arn = listed["mapRuns"][0]["mapRunArn"].clone();
    let refused = bench
        .states(
            "UpdateMapRun",
            json!({"mapRunArn": arn, "maxConcurrency": -1}),
        )
        .await;
    assert_eq!(refused.unwrap_err().code, "ValidationException");
    bench
        .states(
            "UpdateMapRun",
            json!({"mapRunArn": arn, "maxConcurrency": 3}),
        )
        .await
        .unwrap();
    let map_run = bench
        .states("DescribeMapRun", json!({"mapRunArn": arn}))
        .await
        .unwrap();
    assert_eq!(map_run["executionCounts"]["running"], 3);
    drop(still);
    let ended = bench.ended(&parent).await;
    assert_eq!(output(&ended), json!([1, 2, 3]));
    let late = bench
        .states(
            "UpdateMapRun",
            json!({"mapRunArn": arn, "maxConcurrency": 9}),
        )
        .await;
    assert_eq!(late.unwrap_err().code, "ValidationException");
}
