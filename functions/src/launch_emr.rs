//! `launch_emr`: launches the run's cluster, or adopts the one that this execution has already launched. RunJobFlow has no
//! idempotency token: whenever an answer may have been lost, the cluster's execution tag is looked for first. With `DryRun` it
//! launches nothing and says where the cluster would run, for the machine to look at the subnets' tags.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::shared::clients::Clients;
use crate::shared::cluster::{Cluster, ClusterError, Ownership, active};
use crate::shared::config::Config;
use crate::shared::config_source::{ConfigError, load};
use crate::shared::errors::{CallError, ErrorType, Typed};
use crate::shared::identifiers::ExecutionArn;
use crate::shared::job_flow;
use crate::shared::run::Run;
use crate::shared::tags;

const RUN_JOB_FLOW: &str = "elasticmapreduce:RunJobFlow";
const TERMINATE_JOB_FLOWS: &str = "elasticmapreduce:TerminateJobFlows";
/// Throttled launches have had no effect, and are tried again after these pauses.
const THROTTLE_PAUSES: [u64; 2] = [1, 3];
/// After a lost answer the list of clusters may lag behind; it is read again after these pauses.
const ADOPTION_PAUSES: [u64; 3] = [1, 3, 6];

/// The run that needs a cluster.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    /// Launches nothing: only the configuration is read, and the answer is a [`Place`].
    #[serde(default)]
    dry_run: bool,
    #[serde(flatten)]
    run: Run,
}

/// What has been launched, or where it would be.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// The cluster.
    Launched(Launched),
    /// The answer to a dry run.
    Checked(Place),
}

/// Where the cluster would run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Place {
    status: &'static str,
    /// Of these EMR picks one.
    subnet_ids: Vec<String>,
    subnets: usize,
    region: String,
    /// Whether EMR makes the security groups by itself, which it does only in a VPC that is tagged too.
    needs_tagged_vpc: bool,
    /// The command that tags the subnets.
    tag_command: String,
}

/// The cluster, on its way.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Launched {
    cluster_id: String,
    status: &'static str,
    /// Whether an earlier attempt of this execution had launched it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    adopted: bool,
    #[serde(flatten)]
    run: Run,
}

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Looking for clusters failed.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// RunJobFlow was refused.
    #[error(transparent)]
    Call(#[from] CallError),
    /// RunJobFlow may have taken effect.
    #[error("a cluster named {name} may have been launched: {source}; launching again with the same ExecutionArn adopts it")]
    OutcomeUnknown {
        /// The cluster's name.
        name: String,
        /// What happened to the call.
        source: CallError,
    },
}

impl Typed for Error {
    fn error_type(&self) -> ErrorType {
        match self {
            Self::Config(error) => error.error_type(),
            Self::Cluster(error) => error.error_type(),
            Self::Call(error) => error.error_type(),
            Self::OutcomeUnknown { .. } => ErrorType::OutcomeUnknown,
        }
    }
}

/// Adopts or launches.
pub async fn handle(clients: &Clients, request: Request) -> Result<Response, Error> {
    let config = load(clients).await?;
    if request.dry_run {
        return Ok(Response::Checked(place(&config)));
    }
    let pipeline = clients.environment().get("Pipeline_Name").unwrap_or(&config.name).to_owned();
    let run = request.run;
    let respond = |cluster_id, adopted| {
        Response::Launched(Launched { cluster_id, status: "STARTING", adopted, run: run.clone() })
    };
    if let Some(execution) = &run.execution_arn
        && let Some(cluster) = adopt(clients, &config, &pipeline, execution).await?
    {
        return Ok(respond(cluster, true));
    }
    let failure = match launch(clients, &config, &pipeline, &run).await {
        Ok(cluster) => return Ok(respond(cluster, false)),
        Err(failure) if failure.outcome_is_unknown() => failure,
        Err(failure) => return Err(failure.into()),
    };
    if let Some(execution) = &run.execution_arn {
        for seconds in ADOPTION_PAUSES {
            clients.pause(Duration::from_secs(seconds)).await;
            if let Some(cluster) = adopt(clients, &config, &pipeline, execution).await? {
                return Ok(respond(cluster, true));
            }
        }
    }
    Err(Error::OutcomeUnknown {
        name: config.name.clone(),
        source: failure,
    })
}

fn place(config: &Config) -> Place {
    let tag = tags::MANAGED_POLICIES;
    let (region, subnets) = (&config.region, config.subnets.join(" "));
    Place {
        status: "CHECKED",
        subnet_ids: config.subnets.clone(),
        subnets: config.subnets.len(),
        region: region.clone(),
        needs_tagged_vpc: config.security_groups.is_none(),
        tag_command: format!("aws ec2 create-tags --region {region} --resources {subnets} --tags Key={tag},Value=true"),
    }
}

async fn launch(clients: &Clients, config: &Config, pipeline: &str, run: &Run) -> Result<String, CallError> {
    let mut pauses = THROTTLE_PAUSES.iter();
    loop {
        let sent = job_flow::send(job_flow::request(clients, config, pipeline, run)).await;
        match sent.map_err(|error| CallError::new(RUN_JOB_FLOW, &config.name, error)) {
            Ok(Some(cluster)) => return Ok(cluster),
            Ok(None) => return Err(CallError::incomplete(RUN_JOB_FLOW, &config.name, "cluster id")),
            Err(error) if error.is_throttling() => match pauses.next() {
                Some(seconds) => clients.pause(Duration::from_secs(*seconds)).await,
                None => return Err(error),
            },
            Err(error) => return Err(error),
        }
    }
}

/// The oldest active cluster of this execution. Should a lost answer have made several, the others are ended.
async fn adopt(clients: &Clients, config: &Config, pipeline: &str, execution: &ExecutionArn) -> Result<Option<String>, Error> {
    let own = |cluster: &Cluster| {
        cluster.ownership(pipeline) == Ownership::Own && cluster.tag(tags::EXECUTION_ARN) == Some(execution.as_str())
    };
    let mut clusters = active(clients, |summary| summary.name() == Some(config.name.as_str())).await?;
    clusters.retain(own);
    let mut ids = clusters.into_iter().map(|cluster| cluster.id);
    let Some(oldest) = ids.next() else {
        return Ok(None);
    };
    let surplus: Vec<String> = ids.collect();
    if !surplus.is_empty() {
        tracing::warn!("{execution} has several clusters; {oldest} is kept, {surplus:?} are ended");
        let call = clients.emr().terminate_job_flows().set_job_flow_ids(Some(surplus.clone())).send();
        call.await.map_err(|error| CallError::new(TERMINATE_JOB_FLOWS, surplus.join(", "), error))?;
    }
    Ok(Some(oldest))
}

#[cfg(test)]
mod tests;
