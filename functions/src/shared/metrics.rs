//! What an invocation adds to the pipeline's metrics, as a line of CloudWatch's embedded metric format. `main.rs` prints it
//! to the function's log after an invocation that went well; the template's alarms and dashboard read the metrics.

use aws_smithy_types::DateTime;
use serde_json::{Map, Value, json};

use crate::shared::clients::Clients;
use crate::shared::moment;

const NAMESPACE: &str = "DataPipeline";
/// The only dimension: every stack has its own metrics, and no more than these.
const DIMENSION: &str = "Pipeline";
/// The member of an event that says when its run began.
const RUN_STARTED_AT: &str = "RunStartedAt";

/// When the run that an event belongs to began, if the event says so.
pub fn run_began(event: &Value) -> Option<DateTime> {
    moment::parse(event.get(RUN_STARTED_AT)?.as_str()?)
}

/// The line for one invocation; `None` if it adds to no metric.
pub fn line(
    handler: &str,
    clients: &Clients,
    run_began: Option<DateTime>,
    response: &Value,
) -> Option<String> {
    let mut metrics: Vec<(&str, &str, f64)> = Vec::new();
    if handler.starts_with("status_") {
        metrics.push(("Polls", "Count", 1.0));
    }
    if let Some(began) = run_began {
        metrics.push(("RunSeconds", "Seconds", exact(clients.age(Some(&began)))));
    }
    if handler == "status_step_emr"
        && let Some(seconds) = seconds_between(response, "StartedAt", "EndedAt")
    {
        metrics.push(("StepSeconds", "Seconds", seconds));
    }
    for name in ["RowsLoaded", "RowsRejected"] {
        if let Some(rows) = response[name].as_f64() {
            metrics.push((name, "Count", rows));
        }
    }
    if handler == "status_emr"
        && response.get("EndedAt").is_some()
        && let Some(hours) = response["NormalizedInstanceHours"].as_f64()
    {
        metrics.push(("NormalizedInstanceHours", "Count", hours));
    }
    if metrics.is_empty() {
        return None;
    }
    let pipeline = clients.environment().get("Pipeline_Name")?;
    let declared: Vec<Value> = metrics
        .iter()
        .map(|(name, unit, _)| json!({"Name": name, "Unit": unit}))
        .collect();
    let mut line = Map::new();
    let directive =
        json!({"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": declared});
    let now = clients.now();
    line.insert(
        "_aws".to_owned(),
        json!({"Timestamp": now.to_millis().unwrap_or_default(), "CloudWatchMetrics": [directive]}),
    );
    line.insert(DIMENSION.to_owned(), pipeline.into());
    line.insert("Function".to_owned(), handler.into());
    for (name, _, value) in metrics {
        line.insert(name.to_owned(), json!(value));
    }
    Some(Value::Object(line).to_string())
}

fn seconds_between(response: &Value, from: &str, to: &str) -> Option<f64> {
    let at = |name: &str| moment::parse(response.get(name)?.as_str()?);
    Some(exact(at(to)?.secs() - at(from)?.secs()))
}

/// Seconds of a run are far below what a double holds exactly.
fn exact(seconds: i64) -> f64 {
    seconds as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::replay::Replay;

    fn of(handler: &str, event: Value, response: Value) -> Option<Value> {
        let clients = Replay::new().clients(&[("Pipeline_Name", "nightly")]);
        let line = line(handler, &clients, run_began(&event), &response)?;
        Some(serde_json::from_str(&line).unwrap())
    }

    #[test]
    fn a_function_that_neither_polls_nor_knows_its_run_adds_nothing() {
        assert_eq!(of("send_msg_sns", json!({}), json!({})), None);
    }

    #[test]
    fn a_start_that_is_no_time_is_no_metric() {
        let metrics = of("launch_emr", json!({"RunStartedAt": "soon"}), json!({}));
        assert_eq!(metrics, None);
    }

    #[test]
    fn every_member_that_is_declared_is_there() {
        let metrics = of(
            "status_step_emr",
            json!({"RunStartedAt": "2026-11-21T02:00:00Z"}),
            json!({"StartedAt": "2026-11-21T02:01:00Z", "EndedAt": "2026-11-21T02:03:30Z", "RowsLoaded": 7, "RowsRejected": 0}),
        )
        .unwrap();
        let directive = &metrics["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "DataPipeline");
        assert_eq!(directive["Dimensions"], json!([["Pipeline"]]));
        assert_eq!(metrics["Pipeline"], "nightly");
        let names: Vec<&str> = directive["Metrics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|metric| metric["Name"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "Polls",
                "RunSeconds",
                "StepSeconds",
                "RowsLoaded",
                "RowsRejected"
            ]
        );
        assert_eq!(metrics["RowsLoaded"], 7.0);
        assert!(names.iter().all(|name| metrics[*name].is_number()));
        assert_eq!(metrics["StepSeconds"], 150.0);
        assert!(metrics["_aws"]["Timestamp"].is_i64());
    }

    #[test]
    fn a_cluster_costs_once_it_has_ended() {
        let running = json!({"NormalizedInstanceHours": 16});
        let metrics = of("status_emr", json!({}), running).unwrap();
        assert!(metrics.get("NormalizedInstanceHours").is_none());
        let ended = json!({"NormalizedInstanceHours": 16, "EndedAt": "2026-11-21T02:03:30Z"});
        let metrics = of("status_emr", json!({}), ended).unwrap();
        assert_eq!(metrics["NormalizedInstanceHours"], 16.0);
    }
}
