//! The optimized integration of EMR (`elasticmapreduce:…`): its own names for parameters, and for `.sync` the wait for a
//! cluster or step. `tasks` calls it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use states_language::{Arrival, Integration, IntegrationPattern, StartTask};
use virtual_time::Work;

use super::StepFunctions;
use super::http_metadata::Answered;
use super::members::with_dates;
use super::outcome::{Outcome, TaskFailure, arrival, submit_failed};
use super::run::Run;
use crate::deadline;

/// How often Step Functions looks at what it waits for.
const POLL: Duration = Duration::from_secs(15);

/// What a `.sync` task waits for.
enum Job {
    /// Until the cluster waits for steps, or has ended by itself.
    ClusterReady(String),
    ClusterGone(String),
    Step {
        cluster: String,
        step: String,
    },
}

impl StepFunctions {
    /// Carries out one action. `None` when nothing will be delivered by this call.
    pub(super) async fn elasticmapreduce(
        self: &Arc<Self>,
        run: &Arc<Run>,
        start: &StartTask,
        integration: &Integration,
        work: Work,
    ) -> Option<(Arrival, Work)> {
        let task = start.task;
        let parameters = start.arguments.as_object().cloned().unwrap_or_default();
        let asked = self.emr_action(&integration.action, parameters).await?;
        let is_sync = integration.pattern == IntegrationPattern::Sync;
        let output = match asked {
            Ok(output) => output,
            Err(failure) if is_sync => return Some((submit_failed(task, failure), work)),
            Err(failure) => return Some((arrival(task, Err(failure)), work)),
        };
        let answer = self.with_http(
            output.clone(),
            &Answered::with("application/x-amz-json-1.1"),
        );
        if !is_sync {
            return Some((arrival(task, Ok(answer)), work));
        }
        let submitted = Arrival::TaskSubmitted {
            task,
            output: answer,
        };
        self.drive(run, Some(submitted), &work);
        let named = |member: &str| {
            let given = output.get(member).or_else(|| start.arguments.get(member));
            given.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let job = match integration.action.as_str() {
            "createCluster" => Job::ClusterReady(named("ClusterId")),
            "terminateCluster" => Job::ClusterGone(named("ClusterId")),
            _ => Job::Step {
                cluster: named("ClusterId"),
                step: named("StepId"),
            },
        };
        let mut work = work;
        loop {
            if !run.with_execution(|execution| execution.awaits(task)) {
                self.give_up(&job).await;
                return None;
            }
            // A look that fails is taken again, as a throttled one is on AWS.
            if let Ok(Some(outcome)) = self.look_at(&job).await? {
                return Some((arrival(task, outcome), work));
            }
            let next = self.context.clock.after(POLL);
            work = deadline::reached(&self.context.clock, next, work).await;
        }
    }

    /// The action in EMR's own terms, and its answer in the integration's.
    async fn emr_action(
        self: &Arc<Self>,
        action: &str,
        mut parameters: Map<String, Value>,
    ) -> Option<Outcome> {
        let refused = |cause: String| {
            Some(Err(TaskFailure {
                error: "States.Runtime".to_owned(),
                cause,
            }))
        };
        let cluster = parameters.get("ClusterId").cloned().unwrap_or_default();
        if action != "createCluster" && !cluster.is_string() {
            return refused(format!(
                "The parameter ClusterId of {action} must be a string."
            ));
        }
        match action {
            "createCluster" => {
                if parameters.contains_key("Steps") {
                    return refused(
                        "The field 'Steps' is not supported by createCluster; use addStep."
                            .to_owned(),
                    );
                }
                if parameters
                    .get("Instances")
                    .and_then(|instances| instances.get("KeepJobFlowAliveWhenNoSteps"))
                    != Some(&json!(true))
                {
                    return refused(
                        "The field 'Instances.KeepJobFlowAliveWhenNoSteps' of createCluster must be true.".to_owned(),
                    );
                }
                let answer = self.emr_call("RunJobFlow", parameters.into()).await?;
                Some(answer.map(|answer| json!({"ClusterArn": answer["ClusterArn"], "ClusterId": answer["JobFlowId"]})))
            }
            "terminateCluster" => {
                let input = json!({"JobFlowIds": [cluster]});
                let answer = self.emr_call("TerminateJobFlows", input).await?;
                Some(answer.map(|_| json!({})))
            }
            "setClusterTerminationProtection" => {
                let input = json!({"JobFlowIds": [cluster], "TerminationProtected": parameters.get("TerminationProtected")});
                let answer = self.emr_call("SetTerminationProtection", input).await?;
                Some(answer.map(|_| json!({})))
            }
            "addStep" => {
                let step = parameters.remove("Step").unwrap_or_default();
                let mut input = json!({"JobFlowId": cluster, "Steps": [step]});
                if let Some(role) = parameters.get("ExecutionRoleArn") {
                    input["ExecutionRoleArn"] = role.clone();
                }
                let answer = self.emr_call("AddJobFlowSteps", input).await?;
                Some(answer.map(|answer| json!({"StepId": answer["StepIds"][0]})))
            }
            "cancelStep" => {
                let input = json!({"ClusterId": cluster, "StepIds": [parameters.get("StepId")]});
                let answer = self.emr_call("CancelSteps", input).await?;
                Some(answer.map(|answer| {
                    let info = answer["CancelStepsInfoList"][0].clone();
                    json!({"CancelStepsInfo": info})
                }))
            }
            "modifyInstanceFleetByName" => {
                self.modify_by_name(
                    &cluster,
                    &parameters,
                    "InstanceFleet",
                    "ModifyInstanceFleet",
                )
                .await
            }
            _ => {
                self.modify_by_name(
                    &cluster,
                    &parameters,
                    "InstanceGroup",
                    "ModifyInstanceGroups",
                )
                .await
            }
        }
    }

    /// Finds a fleet or group by its name and changes it.
    async fn modify_by_name(
        self: &Arc<Self>,
        cluster: &Value,
        parameters: &Map<String, Value>,
        kind: &str,
        action: &str,
    ) -> Option<Outcome> {
        let wanted = parameters.get(&format!("{kind}Name"));
        let listed = self
            .emr_call(&format!("List{kind}s"), json!({"ClusterId": cluster}))
            .await?;
        let listed = match listed {
            Ok(listed) => listed,
            Err(failure) => return Some(Err(failure)),
        };
        let collections = listed[format!("{kind}s")].as_array().cloned();
        let found = collections
            .into_iter()
            .flatten()
            .find(|collection| collection.get("Name") == wanted);
        let Some(found) = found else {
            return Some(Err(TaskFailure {
                error: format!("ElasticMapReduce.{kind}NotFoundException"),
                cause: format!(
                    "The cluster {} has no {kind} named {}.",
                    cluster.as_str().unwrap_or_default(),
                    wanted.and_then(Value::as_str).unwrap_or_default()
                ),
            }));
        };
        let mut change = parameters.get(kind).cloned().unwrap_or_else(|| json!({}));
        change[format!("{kind}Id")] = found["Id"].clone();
        let input = match kind {
            "InstanceFleet" => json!({"ClusterId": cluster, "InstanceFleet": change}),
            _ => json!({"ClusterId": cluster, "InstanceGroups": [change]}),
        };
        let answer = self.emr_call(action, input).await?;
        Some(answer.map(|_| json!({})))
    }

    /// What has become of a job; nothing yet if it goes on. The outer result is of the look itself.
    async fn look_at(self: &Arc<Self>, job: &Job) -> Option<Result<Option<Outcome>, TaskFailure>> {
        let described = match job {
            Job::ClusterReady(cluster) | Job::ClusterGone(cluster) => {
                self.emr_call("DescribeCluster", json!({"ClusterId": cluster}))
                    .await?
            }
            Job::Step { cluster, step } => {
                self.emr_call(
                    "DescribeStep",
                    json!({"ClusterId": cluster, "StepId": step}),
                )
                .await?
            }
        };
        let description = match described {
            Ok(description) => with_dates(description),
            Err(failure) => return Some(Err(failure)),
        };
        let shown = match job {
            Job::Step { .. } => &description["Step"],
            _ => &description["Cluster"],
        };
        let failed = || {
            Some(Err(TaskFailure {
                error: "States.TaskFailed".to_owned(),
                cause: shown.to_string(),
            }))
        };
        let state = shown["Status"]["State"].as_str().unwrap_or_default();
        Some(Ok(match (job, state) {
            (Job::ClusterReady(cluster), "WAITING" | "RUNNING") => Some(Ok(json!({
                "ClusterArn": shown["ClusterArn"], "ClusterId": cluster, "Cluster": shown,
            }))),
            (Job::ClusterReady(_), "TERMINATED" | "TERMINATED_WITH_ERRORS" | "TERMINATING") => {
                failed()
            }
            (Job::ClusterGone(_), "TERMINATED" | "TERMINATED_WITH_ERRORS") => {
                Some(Ok(description.clone()))
            }
            (Job::Step { .. }, "COMPLETED") => Some(Ok(description.clone())),
            (Job::Step { .. }, "FAILED" | "CANCELLED" | "INTERRUPTED") => failed(),
            _ => None,
        }))
    }

    /// Nobody waits for the job any more: it is stopped, as Step Functions does when it can.
    async fn give_up(self: &Arc<Self>, job: &Job) {
        let (action, input) = match job {
            Job::ClusterReady(cluster) => ("TerminateJobFlows", json!({"JobFlowIds": [cluster]})),
            Job::Step { cluster, step } => (
                "CancelSteps",
                json!({"ClusterId": cluster, "StepIds": [step]}),
            ),
            Job::ClusterGone(_) => return,
        };
        if let Some(Err(failure)) = self.emr_call(action, input).await {
            tracing::warn!(action, cause = failure.cause, "a job could not be stopped");
        }
    }

    async fn emr_call(self: &Arc<Self>, action: &str, input: Value) -> Option<Outcome> {
        self.sdk_call("elasticmapreduce", "ElasticMapReduce", action, input)
            .await
    }
}
