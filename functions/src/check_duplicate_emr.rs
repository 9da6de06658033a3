//! `check_duplicate_emr`: whether a cluster of this pipeline is already up. The guard before a launch, and the reaper's way to
//! find what an aborted execution has left.

use aws_sdk_emr::types::ClusterSummary;
use aws_smithy_types::DateTime;
use serde::{Deserialize, Serialize};

use crate::shared::clients::Clients;
use crate::shared::cluster::{Cluster, ClusterError, Ownership, Scope, active, visible};
use crate::shared::config_source::{ConfigError, load};
use crate::shared::errors::{ErrorType, Typed};
use crate::shared::identifiers::ExecutionArn;
use crate::shared::input::InvalidInput;
use crate::shared::moment;
use crate::shared::run::Run;
use crate::shared::states::ClusterPhase;
use crate::shared::tags;
use crate::shared::usage::{Usage, usage};

/// Whose clusters count.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    /// Only clusters of this execution count.
    owner_execution_arn: Option<ExecutionArn>,
    /// With it, every cluster counts that was launched since then, ended ones too, and what each has cost is told.
    created_after: Option<String>,
    /// The asking run; its own clusters are no duplicates.
    #[serde(flatten)]
    run: Run,
}

/// What is up.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    /// `RUNNING`, `NOTRUNNING`, or `ENDING` when all that an owner has left is terminating.
    status: &'static str,
    /// The oldest of those that are up, else of those that are terminating.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_id: Option<String>,
    clusters: Vec<Found>,
    #[serde(flatten)]
    run: Run,
}

/// One active cluster, with the run that its tags name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Found {
    cluster_id: String,
    name: String,
    cluster_state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<String>,
    #[serde(flatten)]
    usage: Option<Usage>,
}

/// Why the question has no answer. The guard then fails closed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `CreatedAfter` is no time.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// The pipeline's name is unknown.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Listing failed.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

impl Typed for Error {
    fn error_type(&self) -> ErrorType {
        match self {
            Self::Input(error) => error.error_type(),
            Self::Config(error) => error.error_type(),
            Self::Cluster(error) => error.error_type(),
        }
    }
}

/// Lists and decides by tag.
pub async fn handle(clients: &Clients, request: Request) -> Result<Response, Error> {
    let name = match load(clients).await {
        Ok(config) => Some(config.name.clone()),
        // Cleaning up must not depend on a configuration that may be the very reason for it: the owner's tag is enough.
        Err(error) if request.owner_execution_arn.is_some() => {
            tracing::warn!("looking at every active cluster: {error}");
            None
        }
        Err(error) => return Err(error.into()),
    };
    let pipeline = clients.environment().get("Pipeline_Name").or(name.as_deref());
    let ownership = |cluster: &Cluster| pipeline.map_or(Ownership::Own, |pipeline| cluster.ownership(pipeline));
    let counts = |cluster: &Cluster| {
        let owner = cluster.tag(tags::EXECUTION_ARN);
        match (&request.owner_execution_arn, &request.run.execution_arn) {
            (Some(wanted), _) => ownership(cluster) == Ownership::Own && owner == Some(wanted.as_str()),
            // An untagged cluster of our name may be ours: the guard would rather stop a run than start a second cluster.
            (None, Some(own)) => ownership(cluster) != Ownership::Foreign && owner != Some(own.as_str()),
            (None, None) => ownership(cluster) != Ownership::Foreign,
        }
    };
    let of_this_name = |summary: &ClusterSummary| name.as_deref().is_none_or(|name| summary.name() == Some(name));
    let since = request.created_after.as_deref().map(time).transpose()?;
    let mut clusters = match (since, &request.owner_execution_arn) {
        (Some(since), _) => visible(clients, of_this_name, Scope::LaunchedSince(since)).await?,
        // Whoever cleans up after a run waits until nothing is left.
        (None, Some(_)) => visible(clients, of_this_name, Scope::Alive).await?,
        (None, None) => active(clients, of_this_name).await?,
    };
    clusters.retain(counts);
    let first = |up: bool| {
        let wanted = |cluster: &&Cluster| match cluster.phase() {
            ClusterPhase::Starting | ClusterPhase::Started => up,
            ClusterPhase::Ending => !up,
            ClusterPhase::Ended => false,
        };
        clusters.iter().find(wanted).map(|cluster| cluster.id.clone())
    };
    let (running, ending) = (first(true), first(false));
    let mut listed = Vec::new();
    for cluster in clusters {
        let usage = match since {
            Some(_) => Some(usage(clients, &cluster).await),
            None => None,
        };
        listed.push(found(cluster, usage));
    }
    Ok(Response {
        status: match (&running, &ending) {
            (Some(_), _) => "RUNNING",
            (None, Some(_)) => "ENDING",
            (None, None) => "NOTRUNNING",
        },
        cluster_id: running.or(ending),
        clusters: listed,
        run: request.run,
    })
}

fn time(text: &str) -> Result<DateTime, InvalidInput> {
    moment::parse(text).ok_or_else(|| InvalidInput::new("CreatedAfter", format!("{text:?} is no time like 2026-11-21T02:00:00Z")))
}

fn found(cluster: Cluster, usage: Option<Usage>) -> Found {
    Found {
        usage,
        execution_arn: cluster.tag(tags::EXECUTION_ARN).map(str::to_owned),
        batch_id: cluster.tag(tags::BATCH_ID).map(str::to_owned),
        cluster_id: cluster.id,
        name: cluster.name,
        cluster_state: cluster.state,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::shared::config::tests::ORIGINAL;
    use crate::shared::replay::{CONFIG, EXECUTION, NOW, Replay, cluster_json};
    use crate::{ErrorType, FunctionFailure, invoke};

    const OURS: (&str, &str) = ("pipeline", "data_pipeline");
    const OTHER: &str = "arn:aws:states:us-east-1:000000000000:execution:master:yesterday";

    async fn check(replay: Replay, event: Value) -> Result<Value, FunctionFailure> {
        let outcome = invoke("check_duplicate_emr", &replay.clients(&CONFIG), event).await;
        replay.finish();
        outcome
    }

    fn three_clusters() -> Replay {
        let listed = |id: &str| json!({"Id": id, "Name": "data_pipeline"});
        Replay::new()
            .config(ORIGINAL)
            .any("ListClusters", json!({"Clusters": [listed("j-1"), {"Id": "j-8", "Name": "else"}], "Marker": "2"}))
            .any("ListClusters", json!({"Clusters": [listed("j-2"), listed("j-3")]}))
            .any("DescribeCluster", cluster_json("j-1", "WAITING", &[OURS, ("execution-arn", EXECUTION)]))
            .any("DescribeCluster", cluster_json("j-2", "RUNNING", &[OURS, ("execution-arn", OTHER), ("batch-id", "B0")]))
            .any("DescribeCluster", cluster_json("j-3", "RUNNING", &[("pipeline", "foreign")]))
    }

    #[tokio::test]
    async fn s9_a_throttled_list_fails_closed() {
        let failure = check(Replay::new().config(ORIGINAL).throttles("ListClusters"), json!({})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::Throttled);
    }

    #[tokio::test]
    async fn another_runs_cluster_is_a_duplicate_and_ones_own_is_not() {
        let answer = check(three_clusters(), json!({"ExecutionArn": EXECUTION, "BatchId": "B1"})).await.unwrap();
        assert_eq!(
            answer,
            json!({
                "Status": "RUNNING", "ClusterId": "j-2",
                "Clusters": [{
                    "ClusterId": "j-2", "Name": "data_pipeline", "ClusterState": "RUNNING", "ExecutionArn": OTHER, "BatchId": "B0",
                }],
                "BatchId": "B1", "ExecutionArn": EXECUTION,
            })
        );
    }

    #[tokio::test]
    async fn an_owners_clusters_are_found_without_a_configuration_among_clusters_that_may_not_be_looked_at() {
        let replay = Replay::new()
            .config("[basic]\nemr_region = us-east-1\n")
            .any("ListClusters", json!({"Clusters": [{"Id": "j-8", "Name": "else"}, {"Id": "j-1", "Name": "renamed"}]}))
            .refuses("DescribeCluster", 400, "AccessDeniedException", "not authorized")
            .any("DescribeCluster", cluster_json("j-1", "WAITING", &[OURS, ("execution-arn", EXECUTION)]));
        let answer = check(replay, json!({"OwnerExecutionArn": EXECUTION})).await.unwrap();
        assert_eq!((answer["Status"].as_str(), answer["ClusterId"].as_str()), (Some("RUNNING"), Some("j-1")));
    }

    fn owned(id: &str, state: &str) -> Value {
        cluster_json(id, state, &[OURS, ("execution-arn", EXECUTION)])
    }

    #[tokio::test]
    async fn t1_a_run_whose_cluster_is_terminating_has_not_let_go_of_it() {
        let states = json!({"ClusterStates": ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING"]});
        let replay = Replay::new()
            .config(ORIGINAL)
            .call("ListClusters", states, json!({"Clusters": [{"Id": "j-1", "Name": "data_pipeline"}]}))
            .any("DescribeCluster", owned("j-1", "TERMINATING"));
        let answer = check(replay, json!({"OwnerExecutionArn": EXECUTION})).await.unwrap();
        assert_eq!((answer["Status"].as_str(), answer["ClusterId"].as_str()), (Some("ENDING"), Some("j-1")));
    }

    #[tokio::test]
    async fn what_a_run_has_cost_is_told_of_all_its_clusters_since_its_start() {
        let instance = |id: Option<&str>, market: &str, seconds: i64| {
            json!({"Ec2InstanceId": id, "Market": market, "Status": {"Timeline": {"CreationDateTime": NOW - seconds, "EndDateTime": NOW}}})
        };
        let instances = json!({"Instances": [
            instance(Some("i-1"), "ON_DEMAND", 1800), instance(Some("i-2"), "SPOT", 900), instance(None, "SPOT", 9000),
        ]});
        let mut ended = owned("j-1", "TERMINATED");
        ended["Cluster"]["Status"]["Timeline"]["EndDateTime"] = json!(NOW - 60);
        let replay = Replay::new()
            .config(ORIGINAL)
            .call("ListClusters", json!({"CreatedAfter": 1_795_226_400}), json!({"Clusters": [{"Id": "j-1", "Name": "data_pipeline"}]}))
            .any("DescribeCluster", ended)
            .any("ListInstances", instances);
        let answer = check(replay, json!({"OwnerExecutionArn": EXECUTION, "CreatedAfter": "2026-11-21T02:00:00Z"})).await.unwrap();
        assert_eq!(answer["Status"], "NOTRUNNING");
        let cluster = &answer["Clusters"][0];
        assert_eq!((cluster["Seconds"].as_i64(), cluster["Instances"].as_u64()), (Some(240), Some(2)), "{cluster}");
        assert_eq!((cluster["OnDemandInstanceHours"].as_f64(), cluster["SpotInstanceHours"].as_f64()), (Some(0.5), Some(0.25)));
        let wrong = check(Replay::new().config(ORIGINAL), json!({"CreatedAfter": "yesterday"})).await.unwrap_err();
        assert_eq!(wrong.error_type, ErrorType::InvalidInput);
    }

    #[tokio::test]
    async fn a_cost_that_cannot_be_looked_at_hides_no_cluster() {
        let replay = Replay::new()
            .config(ORIGINAL)
            .any("ListClusters", json!({"Clusters": [{"Id": "j-1", "Name": "data_pipeline"}]}))
            .any("DescribeCluster", owned("j-1", "TERMINATED"))
            .refuses("ListInstances", 400, "AccessDeniedException", "no");
        let answer = check(replay, json!({"OwnerExecutionArn": EXECUTION, "CreatedAfter": "2026-11-21T02:00:00Z"})).await.unwrap();
        assert_eq!(answer["Clusters"][0]["ClusterId"], "j-1");
        assert!(answer["Clusters"][0].get("Instances").is_none());
    }

    #[tokio::test]
    async fn an_owners_clusters_are_found_by_exactly_its_tag() {
        let answer = check(three_clusters(), json!({"OwnerExecutionArn": EXECUTION})).await.unwrap();
        assert_eq!(answer["ClusterId"], "j-1");
        assert_eq!(answer["Clusters"].as_array().map(Vec::len), Some(1));
    }

    #[tokio::test]
    async fn an_untagged_cluster_of_our_name_stops_a_run_but_has_no_owner() {
        let untagged = || {
            Replay::new()
                .config(ORIGINAL)
                .any("ListClusters", json!({"Clusters": [{"Id": "j-1", "Name": "data_pipeline"}]}))
                .any("DescribeCluster", cluster_json("j-1", "WAITING", &[]))
        };
        assert_eq!(check(untagged(), json!({})).await.unwrap()["Status"], "RUNNING");
        assert_eq!(check(untagged(), json!({"OwnerExecutionArn": EXECUTION})).await.unwrap()["Status"], "NOTRUNNING");
    }

    #[tokio::test]
    async fn the_originals_event_gets_the_originals_answer() {
        let replay = Replay::new().config(ORIGINAL).any("ListClusters", json!({"Clusters": []}));
        assert_eq!(check(replay, json!({})).await.unwrap(), json!({"Status": "NOTRUNNING", "Clusters": []}));
    }
}
