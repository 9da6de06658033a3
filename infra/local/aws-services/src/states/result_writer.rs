//! The results of a distributed Map, written to S3: one file for each status, and a manifest that names them. `map_runs`
//! calls it.

use std::sync::Arc;

use serde_json::{Value, json};
use states_language::{OutputType, Status, Transformation, WriteResults};

use super::StepFunctions;
use super::executions::described;
use super::item_reader::in_words;
use super::map_runs::failed;
use super::outcome::{Outcome, TaskFailure};
use super::run::Run;
use crate::interceptor::Call;
use crate::s3::{Condition, PutOptions};

/// Writes the results; the answer is the state's output. `None` when a call hangs.
pub(super) async fn write(
    service: &StepFunctions,
    request: &WriteResults,
    children: &[Arc<Run>],
) -> Option<Outcome> {
    let Some(bucket) = request.arguments["Bucket"].as_str() else {
        return Some(failed("The ResultWriter needs the parameter Bucket"));
    };
    let given = request.arguments.as_object().into_iter().flatten();
    if let Some((member, _)) = given
        .into_iter()
        .find(|(member, _)| !["Bucket", "Prefix"].contains(&member.as_str()))
    {
        return Some(failed(format!(
            "the local runtime does not support the parameter {member} of a ResultWriter"
        )));
    }
    let prefix = request.arguments["Prefix"].as_str().unwrap_or_default();
    let prefix = prefix.trim_end_matches('/');
    let id = request.map_run_arn.rsplit(':').next().unwrap_or_default();
    let folder = match prefix {
        "" => id.to_owned(),
        prefix => format!("{prefix}/{id}"),
    };
    let mut files = json!({"FAILED": [], "PENDING": [], "SUCCEEDED": []});
    for (name, results) in by_status(request, children) {
        if results.is_empty() {
            continue;
        }
        let (text, extension) = match request.output_type {
            OutputType::Json => (Value::Array(results).to_string(), "json"),
            OutputType::JsonLines => {
                let lines: Vec<String> = results.iter().map(Value::to_string).collect();
                (lines.join("\n"), "jsonl")
            }
        };
        let key = format!("{folder}/{name}_0.{extension}");
        files[name] = json!([{"Key": key, "Size": text.len()}]);
        if let Err(failure) = put(service, bucket, &key, text).await? {
            return Some(Err(failure));
        }
    }
    let manifest = json!({
        "DestinationBucket": bucket,
        "MapRunArn": request.map_run_arn,
        "ResultFiles": files,
    });
    let key = format!("{folder}/manifest.json");
    if let Err(failure) = put(service, bucket, &key, manifest.to_string()).await? {
        return Some(Err(failure));
    }
    Some(Ok(json!({
        "MapRunArn": request.map_run_arn,
        "ResultWriterDetails": {"Bucket": bucket, "Key": key},
    })))
}

fn by_status(request: &WriteResults, children: &[Arc<Run>]) -> [(&'static str, Vec<Value>); 3] {
    let (mut succeeded, mut unsuccessful) = (Vec::new(), Vec::new());
    for child in children {
        let status = child.status();
        let Status::Succeeded { output } = &status else {
            // Failures are written whole, whatever the transformation.
            unsuccessful.push(result(child));
            continue;
        };
        let output = || serde_json::from_str(output).unwrap_or(Value::Null);
        match request.transformation {
            Transformation::None => succeeded.push(result(child)),
            Transformation::Compact => succeeded.push(output()),
            Transformation::Flatten => match output() {
                Value::Array(values) => succeeded.extend(values),
                other => succeeded.push(other),
            },
        }
    }
    let pending = request.pending.iter();
    let pending = pending.map(|input| {
        json!({"Input": input.as_str(), "InputDetails": {"Included": true}, "Status": "PENDING"})
    });
    [
        ("FAILED", unsuccessful),
        ("PENDING", pending.collect()),
        ("SUCCEEDED", succeeded),
    ]
}

/// What is known of a child execution: DescribeExecution's members with capitals.
fn result(child: &Run) -> Value {
    let description = described(child, child.started);
    let date = |member: &str| {
        let seconds = description[member].as_f64()?;
        let time = jiff::Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok()?;
        Some(time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
    };
    let mut shown = serde_json::Map::new();
    for (capital, member) in [
        ("Cause", "cause"),
        ("Error", "error"),
        ("ExecutionArn", "executionArn"),
        ("Input", "input"),
        ("InputDetails", "inputDetails"),
        ("Name", "name"),
        ("Output", "output"),
        ("OutputDetails", "outputDetails"),
        ("RedriveCount", "redriveCount"),
        ("RedriveStatus", "redriveStatus"),
        ("RedriveStatusReason", "redriveStatusReason"),
        ("StartDate", "startDate"),
        ("StateMachineArn", "stateMachineArn"),
        ("Status", "status"),
        ("StopDate", "stopDate"),
    ] {
        let Some(value) = description.get(member).filter(|value| !value.is_null()) else {
            continue;
        };
        let value = match member {
            "inputDetails" | "outputDetails" => json!({"Included": value["included"]}),
            "startDate" | "stopDate" => date(member).map_or(Value::Null, Value::from),
            _ => value.clone(),
        };
        shown.insert(capital.to_owned(), value);
    }
    shown.into()
}

async fn put(
    service: &StepFunctions,
    bucket: &str,
    key: &str,
    text: String,
) -> Option<Result<(), TaskFailure>> {
    let call = Call {
        service: "s3".to_owned(),
        action: "PutObject".to_owned(),
        caller: "states".to_owned(),
        request: json!({"Bucket": bucket, "Key": key}),
    };
    let effect = async {
        let neighbours = service.neighbours()?;
        let options = PutOptions::when(Condition::default());
        neighbours.s3.put(bucket, key, text, options).await?;
        Ok(())
    };
    in_words(service, &call, effect).await
}
