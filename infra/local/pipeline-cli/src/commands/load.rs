//! The middle of `pipeline run`: starts the master, waits for it and for what it has set off, and stops everything cleanly
//! at the first Ctrl-C.

use std::path::Path;

use embedded_runtime::{Runtime, RuntimeError};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::history::{self, Record};
use super::run::runtime_complaint;
use super::{Complaint, signals};
use crate::arguments::RunArguments;
use crate::display::live::Recorder;

/// What has brought a run to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It came to it.
    ByItself,
    /// A signal; with the machine that was at work when it came.
    Stopped {
        /// Such as `fact-process`.
        machine: String,
        /// The state that it was in.
        state: String,
    },
}

/// Runs the master.
pub(crate) async fn load(
    command: &RunArguments,
    runtime: &Runtime,
    batch_id: &str,
    record: &mut Record,
    recorder: &Recorder,
    stop: watch::Receiver<bool>,
) -> Result<Ended, Complaint> {
    let root = runtime.root();
    let mut input = json!({ "BatchId": batch_id });
    if let Some(phase) = command.start_from {
        input["StartFrom"] = json!(phase.as_str());
    }
    let arn = start_master(runtime, root, batch_id, &input).await?;
    record.execution_arn.clone_from(&arn);
    if let Err(error) = record.write(root) {
        tracing::warn!(%error, "the run could not be written down");
    }
    let finished = async {
        let outcome = runtime.wait(&arn).await;
        runtime.settle().await;
        outcome
    };
    tokio::select! {
        outcome = finished => {
            outcome.map_err(runtime_complaint)?;
            Ok(Ended::ByItself)
        }
        () = signals::stopped(stop) => {
            let (machine, state) = at_work(recorder);
            stop_all(runtime, recorder, &arn).await;
            Ok(Ended::Stopped { machine, state })
        }
    }
}

/// A second attempt at a batch needs another execution name.
async fn start_master(
    runtime: &Runtime,
    root: &Path,
    batch_id: &str,
    input: &Value,
) -> Result<String, Complaint> {
    let known = history::read(root).unwrap_or_default();
    let earlier = known
        .iter()
        .filter(|record| record.batch_id == batch_id && !record.execution_arn.is_empty())
        .count();
    let mut attempt = earlier + 1;
    loop {
        let name = if attempt == 1 {
            batch_id.to_owned()
        } else {
            format!("{batch_id}-try{attempt}")
        };
        match runtime.start_execution("master", Some(&name), input).await {
            Err(RuntimeError::Call { source, .. })
                if source.code == "ExecutionAlreadyExists" && attempt < 1000 =>
            {
                attempt += 1;
            }
            started => return started.map_err(runtime_complaint),
        }
    }
}

/// The machine that did the work, which is the one that was started last, and its state.
fn at_work(recorder: &Recorder) -> (String, String) {
    recorder.ask(|view| {
        let mut running = view.executions.iter().rev();
        let Some(execution) = running.find(|execution| execution.ended.is_none()) else {
            return (String::new(), String::new());
        };
        let state = execution.strands[0].state.as_ref();
        (
            execution.machine.clone(),
            state.map(|state| state.name.clone()).unwrap_or_default(),
        )
    })
}

/// Stops the master, then the children that it can no longer stop; the rule on aborted masters then ends the cluster.
async fn stop_all(runtime: &Runtime, recorder: &Recorder, master: &str) {
    let notice = "stopping, the cluster too; Ctrl-C again ends at once";
    recorder.notice(runtime.clock().now(), notice);
    let stop = |arn: String| async move {
        let request =
            json!({ "executionArn": arn, "error": "Stopped", "cause": "stopped with Ctrl-C" });
        if let Err(error) = runtime
            .services()
            .states
            .call("StopExecution", request)
            .await
        {
            tracing::debug!(%error, arn, "it had ended by itself");
        }
    };
    let running: Vec<String> = recorder.ask(|view| {
        let running = view
            .executions
            .iter()
            .filter(|execution| execution.ended.is_none());
        running.map(|execution| execution.arn.clone()).collect()
    });
    {
        let _work = runtime.clock().work();
        stop(master.to_owned()).await;
        for arn in running.into_iter().filter(|arn| arn != master) {
            stop(arn).await;
        }
    }
    runtime.settle().await;
}
