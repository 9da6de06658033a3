//! What people and schedules do in the middle of a run: stop it, start another one, terminate its cluster, damage its state
//! info. The injector sends a cue for each; this carries it out on the runtime.

use std::sync::Weak;

use aws_services::s3::{Condition, PutOptions};
use embedded_runtime::Runtime;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use virtual_time::Work;

use crate::injector::Injector;
use crate::kind::Kind;
use crate::schedule::Fault;
use crate::sight::Sight;

/// The moment for a fault of the schedule.
#[derive(Debug)]
pub(crate) struct Cue {
    /// Its place in the schedule.
    fault: usize,
    /// The execution that entered a state.
    execution: Option<String>,
    /// The cluster and step that began to run.
    step: Option<(String, String)>,
    sight: Sight,
    what: String,
}

impl Cue {
    pub(crate) fn time(fault: usize) -> Self {
        Self {
            fault,
            execution: None,
            step: None,
            sight: Sight::default(),
            what: "its time had come".to_owned(),
        }
    }

    pub(crate) fn state(fault: usize, execution: &str, sight: Sight) -> Self {
        Self {
            what: format!("`{}` of {} was entered", sight.state, sight.machine),
            execution: Some(execution.to_owned()),
            sight,
            ..Self::time(fault)
        }
    }

    pub(crate) fn step(fault: usize, cluster: &str, step: &str, name: &str) -> Self {
        Self {
            step: Some((cluster.to_owned(), step.to_owned())),
            what: format!("step {name} began to run"),
            ..Self::time(fault)
        }
    }
}

/// Carries out cues until the runtime has gone.
pub(crate) async fn direct(
    runtime: Weak<Runtime>,
    injector: Weak<Injector>,
    mut inbox: UnboundedReceiver<(Cue, Work)>,
) {
    while let Some((cue, work)) = inbox.recv().await {
        let (Some(runtime), Some(injector)) = (runtime.upgrade(), injector.upgrade()) else {
            return;
        };
        let Some(fault) = injector.fault(cue.fault) else {
            continue;
        };
        if act(&runtime, &injector, &fault, &cue).await {
            injector.note(cue.fault, runtime.clock().now(), cue.what, cue.sight);
        }
        drop(work);
    }
}

/// Returns whether there was anything to act upon.
async fn act(runtime: &Runtime, injector: &Injector, fault: &Fault, cue: &Cue) -> bool {
    let services = runtime.services();
    match fault.kind {
        Kind::Abort => {
            let machine = fault.machine.as_deref().unwrap_or("master");
            let Some(execution) = cue.execution.clone().or_else(|| injector.running(machine))
            else {
                return false;
            };
            let request = json!({
                "executionArn": execution,
                "error": "StoppedByHand",
                "cause": "a person stopped it, says the fault schedule",
            });
            services.states.call("StopExecution", request).await.is_ok()
        }
        Kind::Rerun | Kind::ScheduleFiresTwice => {
            let own = fault
                .input
                .as_deref()
                .and_then(|text| serde_json::from_str(text).ok());
            let input = match own {
                Some(input) => input,
                None => match present_input(runtime).await {
                    Some(input) => input,
                    None => return false,
                },
            };
            runtime
                .start_execution("master", None, &input)
                .await
                .is_ok()
        }
        Kind::TerminateByHand => {
            let mut terminated = false;
            for cluster in services.emr.clusters() {
                if cluster.state.has_ended() {
                    continue;
                }
                let unprotect = json!({"JobFlowIds": [cluster.id], "TerminationProtected": false});
                let terminate = json!({"JobFlowIds": [cluster.id]});
                let unprotected = services
                    .emr
                    .call("SetTerminationProtection", unprotect)
                    .await;
                let ended = services.emr.call("TerminateJobFlows", terminate).await;
                terminated |= unprotected.is_ok() && ended.is_ok();
            }
            terminated
        }
        Kind::StepCancelled => {
            let Some((cluster, step)) = &cue.step else {
                return false;
            };
            let request = json!({
                "ClusterId": cluster,
                "StepIds": [step],
                "StepCancellationOption": "SEND_INTERRUPT",
            });
            services.emr.call("CancelSteps", request).await.is_ok()
        }
        Kind::StateInfo => damage(runtime, fault.content.as_deref().unwrap_or("empty")).await,
        _ => false,
    }
}

/// The input of the master that was started last.
async fn present_input(runtime: &Runtime) -> Option<Value> {
    let master = runtime.stack().state_machine("master")?;
    let states = &runtime.services().states;
    let request = json!({"stateMachineArn": master.arn, "maxResults": 1});
    let listed = states.call("ListExecutions", request).await.ok()?;
    let request = json!({"executionArn": listed["executions"][0]["executionArn"]});
    let described = states.call("DescribeExecution", request).await.ok()?;
    serde_json::from_str(described["input"].as_str()?).ok()
}

/// Makes state info what `content` says. Returns whether there is one to damage.
async fn damage(runtime: &Runtime, content: &str) -> bool {
    let environments = runtime.stack().functions.iter();
    let find = |name: &str| {
        environments
            .clone()
            .find_map(|function| function.environment.get(name).cloned())
    };
    let (Some(bucket), Some(key)) = (
        find("State_Info_File_S3_Bucket"),
        find("State_Info_File_S3_Key"),
    ) else {
        return false;
    };
    let s3 = &runtime.services().s3;
    let present = match s3.get(&bucket, &key).await {
        Ok(object) => object
            .into_bytes()
            .map(|bytes| bytes.to_vec())
            .unwrap_or_default(),
        Err(_) => return false,
    };
    let document: Value = serde_json::from_slice(&present).unwrap_or_default();
    let cluster = document["ClusterId"].as_str().unwrap_or("j-0000000000000");
    let text = match content {
        "missing" => {
            return s3
                .delete(&bucket, &key, &Condition::default())
                .await
                .is_ok();
        }
        "empty" => Vec::new(),
        "truncated" => present[..present.len() / 2].to_vec(),
        "one-line" => format!("{cluster}\n").into_bytes(),
        "foreign" => b"{\"ClusterId\": \"j-2AAAAAAAAAAAA\"}".to_vec(),
        _ => [b"\xef\xbb\xbf".as_slice(), &present].concat(),
    };
    s3.put(&bucket, &key, text, PutOptions::default())
        .await
        .is_ok()
}
