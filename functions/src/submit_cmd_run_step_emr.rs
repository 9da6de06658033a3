//! `submit_cmd_run_step_emr`: gives a command to the cluster as a step. Steps have no idempotency token: the step's name ends in
//! one, and a step of that name is adopted instead of submitted again.

use std::time::Duration;

use aws_sdk_emr::types::{ActionOnFailure, HadoopJarStepConfig, StepConfig};
use serde::{Deserialize, Serialize};

use crate::shared::clients::{Clients, once};
use crate::shared::cluster::{ClusterError, describe};
use crate::shared::config_source::polling;
use crate::shared::errors::{CallError, ErrorType, Typed};
use crate::shared::identifiers::ClusterId;
use crate::shared::input::InvalidInput;
use crate::shared::names;
use crate::shared::run::Run;
use crate::shared::states::{ClusterPhase, StepPhase, step_phase};

const ADD_JOB_FLOW_STEPS: &str = "elasticmapreduce:AddJobFlowSteps";
const LIST_STEPS: &str = "elasticmapreduce:ListSteps";
/// Throttled submissions have had no effect, and are tried again after these pauses.
const THROTTLE_PAUSES: [u64; 2] = [1, 3];
/// After a lost answer the list of steps is read again after these pauses.
const ADOPTION_PAUSES: [u64; 2] = [1, 3];

/// The command, and the cluster that runs it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    cluster_id: ClusterId,
    next_step_name_and_cmd: Option<Command>,
    /// Tells this submission from others of the same execution: the state's name, the table, the attempt.
    step_token: Option<String>,
    #[serde(flatten)]
    run: Run,
}

/// A name and a command line, or a name and arguments. The environment's Step_Name and Cmd_Run stand in for what is absent.
#[derive(Debug, Default, Deserialize)]
struct Command {
    #[serde(rename = "Step_Name")]
    step_name: Option<String>,
    #[serde(rename = "Cmd_Run")]
    cmd_run: Option<String>,
    #[serde(rename = "Args")]
    args: Option<Vec<String>>,
}

/// The step.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    cluster_id: ClusterId,
    step_id: String,
    status: &'static str,
    /// Its name on EMR.
    step_name: String,
    /// Whether an earlier attempt had submitted it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    adopted: bool,
    poll_after_seconds: u32,
    #[serde(flatten)]
    run: Run,
}

/// Why there is no step.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No name, no command, or quotes that do not match.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// The cluster does not exist.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The cluster takes no more steps.
    #[error("cluster {cluster} takes no more steps: {situation}")]
    Gone {
        /// The cluster.
        cluster: ClusterId,
        /// State and reason.
        situation: String,
    },
    /// The cluster is full of unfinished steps.
    #[error("cluster {cluster} has too many unfinished steps: {detail}")]
    TooManySteps {
        /// The cluster.
        cluster: ClusterId,
        /// What EMR says.
        detail: String,
    },
    /// The step may have been submitted.
    #[error("step {step:?} may have been submitted: {source}; submitting it again with the same ExecutionArn and StepToken adopts it")]
    OutcomeUnknown {
        /// The step's name on EMR.
        step: String,
        /// What happened to the call.
        source: CallError,
    },
    /// The call was refused.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Typed for Error {
    fn error_type(&self) -> ErrorType {
        match self {
            Self::Input(error) => error.error_type(),
            Self::Cluster(error) => error.error_type(),
            Self::Gone { .. } => ErrorType::ClusterGone,
            Self::TooManySteps { .. } => ErrorType::TooManySteps,
            Self::OutcomeUnknown { .. } => ErrorType::OutcomeUnknown,
            Self::Call(error) => error.error_type(),
        }
    }
}

/// Adopts or submits.
pub async fn handle(clients: &Clients, request: Request) -> Result<Response, Error> {
    let Request { cluster_id, next_step_name_and_cmd, step_token, run } = request;
    let (wanted, args) = command(clients, next_step_name_and_cmd.unwrap_or_default())?;
    let token = (run.execution_arn.is_some() || step_token.is_some()).then(|| {
        let execution = run.execution_arn.as_ref().map_or("", |execution| execution.as_str());
        let identity = [execution, step_token.as_deref().unwrap_or_default(), &wanted];
        names::token(identity.into_iter().chain(args.iter().map(String::as_str)))
    });
    let name = names::step_name(&wanted, token.as_deref());
    let poll_after_seconds = polling(clients).await.after(0, &name);
    let respond = |step_id, adopted| Response {
        cluster_id: cluster_id.clone(),
        step_id,
        status: "SUBMITTED",
        step_name: name.clone(),
        adopted,
        poll_after_seconds,
        run: run.clone(),
    };
    if token.is_some()
        && let Some(step) = find(clients, &cluster_id, &name).await?
    {
        return Ok(respond(step, true));
    }
    let failure = match submit(clients, &cluster_id, &name, &args).await {
        Ok(step) => return Ok(respond(step, false)),
        Err(failure) => failure,
    };
    if !failure.outcome_is_unknown() {
        return Err(explain(clients, &cluster_id, failure).await);
    }
    if token.is_some() {
        for seconds in ADOPTION_PAUSES {
            clients.pause(Duration::from_secs(seconds)).await;
            if let Some(step) = find(clients, &cluster_id, &name).await? {
                return Ok(respond(step, true));
            }
        }
    }
    Err(Error::OutcomeUnknown { step: name, source: failure })
}

/// Name and arguments, from the event or else from the environment.
fn command(clients: &Clients, command: Command) -> Result<(String, Vec<String>), InvalidInput> {
    let environment = |name| clients.environment().get(name).map(str::to_owned);
    let present = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let name = present(command.step_name).or_else(|| environment("Step_Name"));
    let name = name.ok_or_else(|| InvalidInput::new("NextStepNameAndCmd.Step_Name", "it is neither in the event nor in the environment"))?;
    if let Some(args) = command.args {
        return match args.iter().any(|arg| !arg.is_empty()) {
            true if command.cmd_run.is_none() => Ok((name, args)),
            true => Err(InvalidInput::new("NextStepNameAndCmd", "it has both Cmd_Run and Args: keep one")),
            false => Err(InvalidInput::new("NextStepNameAndCmd.Args", "it is empty")),
        };
    }
    let line = present(command.cmd_run).or_else(|| environment("Cmd_Run"));
    let line = line.ok_or_else(|| InvalidInput::new("NextStepNameAndCmd.Cmd_Run", "it is neither in the event nor in the environment"))?;
    match shlex::split(&line) {
        Some(args) if !args.is_empty() => Ok((name, args)),
        _ => Err(InvalidInput::new("NextStepNameAndCmd.Cmd_Run", format!("its quotes or escapes do not match: {line}"))),
    }
}

/// A step of that name that waits, runs or has succeeded. One that has failed is not adopted: a rerun shall run it again.
async fn find(clients: &Clients, cluster: &ClusterId, name: &str) -> Result<Option<String>, Error> {
    let mut pages = clients.emr().list_steps().cluster_id(cluster.as_str()).into_paginator().items().send();
    while let Some(step) = pages.next().await {
        let step = match step.map_err(|error| CallError::new(LIST_STEPS, cluster, error)) {
            Ok(step) => step,
            Err(error) => return Err(explain(clients, cluster, error).await),
        };
        let state = step.status().and_then(|status| status.state()).map_or("", |state| state.as_str());
        if step.name() == Some(name) && step_phase(state) != StepPhase::Failed {
            return Ok(step.id);
        }
    }
    Ok(None)
}

async fn submit(clients: &Clients, cluster: &ClusterId, name: &str, args: &[String]) -> Result<String, CallError> {
    let jar = HadoopJarStepConfig::builder().jar("command-runner.jar").set_args(Some(args.to_vec())).build();
    let step = StepConfig::builder().name(name).action_on_failure(ActionOnFailure::Continue).hadoop_jar_step(jar).build();
    let mut pauses = THROTTLE_PAUSES.iter();
    loop {
        let call = (clients.emr().add_job_flow_steps().job_flow_id(cluster.as_str()).steps(step.clone()))
            .customize()
            .config_override(aws_sdk_emr::config::Builder::new().retry_config(once()))
            .send();
        match call.await.map_err(|error| CallError::new(ADD_JOB_FLOW_STEPS, cluster, error)) {
            Ok(answer) => {
                let step = answer.step_ids.unwrap_or_default().into_iter().next();
                return step.ok_or_else(|| CallError::incomplete(ADD_JOB_FLOW_STEPS, cluster, "step id"));
            }
            Err(error) if error.is_throttling() => match pauses.next() {
                Some(seconds) => clients.pause(Duration::from_secs(*seconds)).await,
                None => return Err(error),
            },
            Err(error) => return Err(error),
        }
    }
}

/// EMR gives many refusals one code; what the cluster looks like tells them apart.
async fn explain(clients: &Clients, cluster: &ClusterId, refusal: CallError) -> Error {
    if !refusal.is_refusal() {
        return refusal.into();
    }
    match describe(clients, cluster).await {
        Ok(found) if matches!(found.phase(), ClusterPhase::Ending | ClusterPhase::Ended) => Error::Gone {
            cluster: cluster.clone(),
            situation: found.situation(),
        },
        Err(missing @ ClusterError::NotFound { .. }) => missing.into(),
        _ if refusal.detail().to_lowercase().contains("maximum number of") => Error::TooManySteps {
            cluster: cluster.clone(),
            detail: refusal.detail().to_owned(),
        },
        _ => refusal.into(),
    }
}

#[cfg(test)]
mod tests;
