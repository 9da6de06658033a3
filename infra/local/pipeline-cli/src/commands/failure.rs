//! Why a run failed, in a user's terms: which state of which machine, its error and cause, the log that tells more, and
//! the command that goes on. Used by `outcome`.

use serde_json::Value;

use crate::display::cluster::Cluster;
use crate::display::execution::{Execution, StateFailure};
use crate::display::report::FailureReport;
use crate::display::view::View;

/// As many lines of a log as fit a screen together with the rest.
const LOG_LINES: usize = 12;

/// The account of what went wrong; nothing if the run succeeded or is still going on.
pub(crate) fn explain(
    view: &View,
    step_log: &dyn Fn(&str, &str) -> Option<String>,
) -> Option<FailureReport> {
    view.root()?
        .error
        .as_ref()
        .or(view.culprit()?.error.as_ref())?;
    let culprit = view.culprit()?;
    let table = failed_table(culprit);
    let state = culprit.decisive_failure();
    let mut report = FailureReport {
        state_machine: culprit.machine.clone(),
        state: state
            .map(|failure| failure.state.clone())
            .filter(|state| !state.is_empty()),
        table: state.and_then(|failure| failure.label.clone()),
        error: culprit.error.clone().unwrap_or_default(),
        cause: readable(culprit.cause.as_deref().unwrap_or_default()),
        ..FailureReport::default()
    };
    if let Some(table) = table {
        report.state = Some(table.state);
        report.table = table.label;
        report.error = table.error;
        report.cause = readable(&table.cause);
    }
    if let Some((source, log)) = log(view, &report.error, step_log) {
        report.log_of = Some(source);
        report.log_tail = tail(&log);
    }
    Some(report)
}

/// The same for a run that a signal has stopped: what counts is what was at work when it came.
pub(crate) fn interrupted(failure: FailureReport, machine: &str, state: &str) -> FailureReport {
    FailureReport {
        state_machine: machine.to_owned(),
        state: (!state.is_empty()).then(|| state.to_owned()),
        table: None,
        log_of: None,
        log_tail: Vec::new(),
        ..failure
    }
}

/// What has become of a cluster, and whether it still costs money.
pub(crate) fn cluster_line(cluster: &Cluster) -> String {
    let (id, state) = (&cluster.id, cluster.state());
    if cluster.is_alive() {
        format!(
            "cluster {id} is {state} and still paid for: end it with `aws emr terminate-clusters`"
        )
    } else {
        format!("cluster {id} has ended and costs nothing more")
    }
}

/// The phase that a rerun begins with, from the machine that failed.
pub(crate) fn resume_phase(machine: &str) -> &'static str {
    if machine.contains("fact") {
        "Facts"
    } else if machine.contains("worker") {
        "Workers"
    } else {
        "Dimensions"
    }
}

/// A machine that works through tables fails with a list of what failed: `[{"Table", "Failure": {"State", …}}]`.
fn failed_table(execution: &Execution) -> Option<StateFailure> {
    let cause: Value = serde_json::from_str(execution.cause.as_deref()?).ok()?;
    let entries = cause.as_array().cloned().unwrap_or_else(|| vec![cause]);
    entries.iter().find_map(|entry| {
        let failure = entry.get("Failure")?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(StateFailure {
            state: text(&failure["State"])?,
            label: text(&entry["Table"]),
            error: text(&failure["Error"]).unwrap_or_default(),
            cause: text(&failure["Cause"]).unwrap_or_default(),
        })
    })
}

/// The log that tells most: of the first step that failed, else of the last function that failed with this error.
fn log(
    view: &View,
    error: &str,
    step_log: &dyn Fn(&str, &str) -> Option<String>,
) -> Option<(String, String)> {
    if let Some((cluster, step)) = view.failed_step() {
        let log = step_log(&cluster.id, &step.id).unwrap_or_else(|| step.reason.clone());
        return Some((format!("step {}", step.short_name()), log));
    }
    let failed = &view.functions.failures;
    let failure = failed
        .iter()
        .rev()
        .find(|failure| failure.error.split(':').next() == Some(error))?;
    let log = if failure.log_tail.is_empty() {
        &failure.error
    } else {
        &failure.log_tail
    };
    Some((format!("function {}", failure.function), log.clone()))
}

fn tail(log: &str) -> Vec<String> {
    let lines: Vec<String> = log.lines().filter_map(log_line).collect();
    let from = lines.len().saturating_sub(LOG_LINES);
    lines[from..].to_vec()
}

/// A line of a log as people read it: functions log JSON, and Lambda frames each invocation.
fn log_line(line: &str) -> Option<String> {
    let line = line.trim_end();
    if line.is_empty() || line.starts_with("START RequestId:") || line.starts_with("END RequestId:")
    {
        return None;
    }
    let Ok(Value::Object(record)) = serde_json::from_str::<Value>(line) else {
        return Some(line.replace('\t', "  "));
    };
    let level = record
        .get("level")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let message = record
        .get("fields")
        .and_then(|fields| fields.get("message"))
        .or(record.get("message"));
    match message.and_then(Value::as_str) {
        Some(message) => Some(format!("{level} {message}").trim_start().to_owned()),
        None => Some(line.to_owned()),
    }
}

/// Causes carry JSON, often inside a sentence and in one long line; people read `name: value` lines.
pub(crate) fn readable(cause: &str) -> String {
    let Some(start) = cause.find(['{', '[']) else {
        return cause.to_owned();
    };
    let (sentence, document) = cause.split_at(start);
    match serde_json::from_str::<Value>(document) {
        Ok(document) => {
            let mut lines = Vec::new();
            let sentence = sentence.trim_end().trim_end_matches(':');
            if !sentence.is_empty() {
                lines.push(sentence.to_owned());
            }
            match document["errorMessage"].as_str() {
                Some(message) => lines.push(message.to_owned()),
                None => list(&document, 0, &mut lines),
            }
            lines.join("\n")
        }
        Err(_) => cause.to_owned(),
    }
}

/// Fields that tell a state machine what to do next, and a reader nothing.
const FOR_MACHINES: [&str; 6] = [
    "Status",
    "AgeSeconds",
    "PollAfterSeconds",
    "CreatedAt",
    "StartedAt",
    "EndedAt",
];

fn list(value: &Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let entry = |name: &str, value: &Value, lines: &mut Vec<String>| match value {
        Value::Null => {}
        Value::String(text) => lines.push(format!("{indent}{name}: {}", text.trim())),
        Value::Object(fields) if fields.is_empty() => {}
        Value::Array(items) if items.is_empty() => {}
        Value::Object(_) | Value::Array(_) => {
            lines.push(format!("{indent}{name}:"));
            list(value, depth + 1, lines);
        }
        other => lines.push(format!("{indent}{name}: {other}")),
    };
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !FOR_MACHINES.contains(&name.as_str()))
            .for_each(|(name, value)| entry(name, value, lines)),
        Value::Array(items)
            if items
                .iter()
                .all(|item| !item.is_object() && !item.is_array()) =>
        {
            let words: Vec<String> = items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect();
            lines.push(format!("{indent}{}", words.join(", ")));
        }
        Value::Array(items) => items.iter().for_each(|item| list(item, depth, lines)),
        Value::String(text) => lines.push(format!("{indent}{text}")),
        other => lines.push(format!("{indent}{other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::execution::Standing;
    use jiff::Timestamp;

    fn failed(machine: &str, error: &str, cause: &str) -> View {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let mut execution = Execution::new("arn:x", "x", machine, None, at, Value::Null);
        execution.end(
            at,
            Standing::Failed,
            None,
            Some(error.to_owned()),
            Some(cause.to_owned()),
        );
        View {
            executions: vec![execution],
            ..View::default()
        }
    }

    #[test]
    fn a_failed_table_is_found_inside_the_cause() {
        let cause = r#"[{"Table": "transfer", "Status": "FAILED", "Failure": {"State": "Step failed", "Error": "StepFailed", "Cause": "step s-1 (LOAD): {\"Reason\":\"exit code 1\",\"Log\":null}"}}]"#;
        let report = explain(&failed("fact-process", "TablesFailed", cause), &|_, _| None).unwrap();
        assert_eq!(
            (report.state.as_deref(), report.table.as_deref()),
            (Some("Step failed"), Some("transfer"))
        );
        assert_eq!(report.error, "StepFailed");
        assert_eq!(report.cause, "step s-1 (LOAD)\nReason: exit code 1");
    }

    #[test]
    fn a_run_that_succeeded_has_no_failure() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let mut view = failed("master", "X", "y");
        view.executions[0].end(at, Standing::Succeeded, None, None, None);
        assert_eq!(explain(&view, &|_, _| None), None);
    }

    #[test]
    fn the_log_of_a_function_that_failed_with_another_error_is_not_shown() {
        let mut view = failed("master", "Throttled", "");
        let failure = |error: &str| crate::display::view::FunctionFailure {
            at: Timestamp::UNIX_EPOCH,
            function: "launch_emr".to_owned(),
            error: error.to_owned(),
            log_tail:
                "START RequestId: 1\n{\"level\":\"ERROR\",\"fields\":{\"message\":\"slow down\"}}\n"
                    .to_owned(),
        };
        view.functions
            .failures
            .push(failure("StateInfoMissing: none"));
        assert_eq!(explain(&view, &|_, _| None).unwrap().log_of, None);
        view.functions.failures.push(failure("Throttled: later"));
        let report = explain(&view, &|_, _| None).unwrap();
        assert_eq!(report.log_of.as_deref(), Some("function launch_emr"));
        assert_eq!(report.log_tail, ["ERROR slow down"]);
    }

    #[test]
    fn the_phase_to_resume_with_follows_from_the_machine() {
        assert_eq!(resume_phase("fact-process"), "Facts");
        assert_eq!(resume_phase("add-emr-workers"), "Workers");
        assert_eq!(resume_phase("launch-emr-cluster"), "Dimensions");
    }

    #[test]
    fn causes_without_json_stay_as_they_are() {
        assert_eq!(readable("disk {full"), "disk {full");
        assert_eq!(readable("plain"), "plain");
    }

    #[test]
    fn of_a_functions_error_document_only_the_message_is_read() {
        let document =
            r#"{"errorType":"ClusterGone","errorMessage":"the cluster is gone","stackTrace":[]}"#;
        assert_eq!(readable(document), "the cluster is gone");
    }
}
