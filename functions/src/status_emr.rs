//! `status_emr`: where a cluster is in its life. Polled by the launch machine until it is STARTED, and by the terminate machine
//! until `ClusterState` says that it is really gone.

use serde::{Deserialize, Serialize};

use crate::shared::clients::Clients;
use crate::shared::cluster::{ClusterError, describe};
use crate::shared::config_source::polling;
use crate::shared::identifiers::ClusterId;
use crate::shared::moment;
use crate::shared::run::Run;
use crate::shared::states::ClusterPhase;
use crate::shared::worker_fleet;

/// The cluster to look at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    cluster_id: ClusterId,
    /// Tells, once the cluster has started, how many workers are on demand because spot was not granted.
    #[serde(default)]
    with_spot: bool,
    #[serde(flatten)]
    run: Run,
}

/// Its state, in the original flow's three words and in EMR's own.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    cluster_id: ClusterId,
    status: &'static str,
    /// EMR's word; only `TERMINATED` and `TERMINATED_WITH_ERRORS` mean that nothing is left.
    cluster_state: String,
    /// State and reason in words.
    situation: String,
    /// Seconds until it is worth asking again.
    poll_after_seconds: u32,
    /// Seconds since it was launched: what a deadline is compared with.
    age_seconds: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// What an ended cluster has used, in hours of EMR's smallest instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    normalized_instance_hours: Option<i32>,
    /// Units that were to be spot and are on demand.
    #[serde(skip_serializing_if = "Option::is_none")]
    spot_not_fulfilled: Option<u32>,
    #[serde(flatten)]
    run: Run,
}

/// There is no such cluster, or EMR does not answer.
pub type Error = ClusterError;

/// Looks at the cluster.
pub async fn handle(clients: &Clients, request: Request) -> Result<Response, Error> {
    let polling = polling(clients).await;
    let cluster = describe(clients, &request.cluster_id).await?;
    let age = clients.age(cluster.created.as_ref());
    let (status, poll_after_seconds) = match cluster.phase() {
        ClusterPhase::Starting => ("STARTING", polling.launching(age)),
        ClusterPhase::Started => ("STARTED", polling.after(age, &cluster.id)),
        // Ending takes about a minute, however old the cluster is.
        ClusterPhase::Ending => ("STOPPED", polling.after(0, &cluster.id)),
        ClusterPhase::Ended => ("STOPPED", polling.after(0, &cluster.id)),
    };
    let spot_not_fulfilled = match request.with_spot && cluster.phase() == ClusterPhase::Started && !cluster.has_instance_groups {
        true => switched_units(clients, &request.cluster_id).await,
        false => None,
    };
    Ok(Response {
        spot_not_fulfilled,
        normalized_instance_hours: cluster.normalized_instance_hours.filter(|_| cluster.phase() == ClusterPhase::Ended),
        cluster_id: request.cluster_id,
        status,
        poll_after_seconds,
        age_seconds: age,
        created_at: moment::optional(cluster.created.as_ref()),
        ready_at: moment::optional(cluster.ready.as_ref()),
        ended_at: moment::optional(cluster.ended.as_ref()),
        situation: cluster.situation(),
        cluster_state: cluster.state,
        reason_code: cluster.reason_code,
        reason: cluster.reason,
        run: request.run,
    })
}

/// On-demand units beyond what was asked for: EMR's fallback. A remark for the mail, so that failing to look is no failure.
async fn switched_units(clients: &Clients, cluster: &ClusterId) -> Option<u32> {
    match worker_fleet::list(clients, cluster).await {
        Ok(fleets) => Some(fleets.iter().map(|fleet| fleet.switched()).sum()).filter(|units| *units > 0),
        Err(error) => {
            tracing::warn!("the fleets are not looked at: {error}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::shared::replay::{EXECUTION, NOW, Replay, cluster_json};
    use crate::{ErrorType, FunctionFailure, invoke};

    async fn status(replay: &Replay, event: Value) -> Result<Value, FunctionFailure> {
        let outcome = invoke("status_emr", &replay.clients(&[]), event).await;
        replay.finish();
        outcome
    }

    #[tokio::test]
    async fn an_unknown_cluster_is_named() {
        let replay = Replay::new().refuses("DescribeCluster", 400, "InvalidRequestException", "Cluster id 'j-1' is not valid.");
        let failure = status(&replay, json!({"ClusterId": "j-1"})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::ClusterNotFound);
        assert!(failure.message.contains("j-1"));
    }

    #[tokio::test]
    async fn throttling_is_retried_and_then_typed() {
        let replay = Replay::new().throttles("DescribeCluster");
        let failure = status(&replay, json!({"ClusterId": "j-1"})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::Throttled);
    }

    #[tokio::test]
    async fn a_lost_answer_is_asked_for_again() {
        let replay = Replay::new().loses("DescribeCluster").any("DescribeCluster", cluster_json("j-1", "WAITING", &[]));
        assert_eq!(status(&replay, json!({"ClusterId": "j-1"})).await.unwrap()["Status"], "STARTED");
    }

    #[tokio::test]
    async fn l7_workers_that_are_on_demand_instead_of_spot_are_counted_when_asked_for() {
        let fleets = json!({"InstanceFleets": [
            {"Id": "if-1", "InstanceFleetType": "CORE", "TargetOnDemandCapacity": 1, "ProvisionedOnDemandCapacity": 1},
            {"Id": "if-2", "InstanceFleetType": "TASK", "TargetSpotCapacity": 2, "ProvisionedOnDemandCapacity": 2},
        ]});
        let up = || Replay::new().any("DescribeCluster", cluster_json("j-1", "WAITING", &[]));
        let event = json!({"ClusterId": "j-1", "WithSpot": true});
        assert_eq!(status(&up().any("ListInstanceFleets", fleets), event.clone()).await.unwrap()["SpotNotFulfilled"], 2);
        let denied = up().refuses("ListInstanceFleets", 400, "AccessDeniedException", "no");
        assert_eq!(status(&denied, event).await.unwrap()["Status"], "STARTED", "a remark is not worth a run");
        assert_eq!(status(&up(), json!({"ClusterId": "j-1"})).await.unwrap()["Status"], "STARTED");
    }

    #[tokio::test]
    async fn a_cluster_that_failed_to_start_says_why() {
        let mut answer = cluster_json("j-1", "TERMINATED_WITH_ERRORS", &[]);
        answer["Cluster"]["Status"]["StateChangeReason"] = json!({"Code": "BOOTSTRAP_FAILURE", "Message": "On the master instance"});
        answer["Cluster"]["Status"]["Timeline"]["EndDateTime"] = json!(NOW);
        let replay = Replay::new().any("DescribeCluster", answer);
        assert_eq!(
            status(&replay, json!({"ClusterId": "j-1", "BatchId": "B1", "ExecutionArn": EXECUTION})).await.unwrap(),
            json!({
                "ClusterId": "j-1", "Status": "STOPPED", "ClusterState": "TERMINATED_WITH_ERRORS",
                "Situation": "TERMINATED_WITH_ERRORS (BOOTSTRAP_FAILURE: On the master instance)", "PollAfterSeconds": 5, "AgeSeconds": 300,
                "ReasonCode": "BOOTSTRAP_FAILURE", "Reason": "On the master instance",
                "CreatedAt": "2026-11-21T02:05:00Z", "EndedAt": "2026-11-21T02:10:00Z",
                "BatchId": "B1", "ExecutionArn": EXECUTION,
            })
        );
    }

    #[tokio::test]
    async fn an_ended_cluster_says_what_it_has_used() {
        let hours = |state| {
            let mut answer = cluster_json("j-1", state, &[]);
            answer["Cluster"]["NormalizedInstanceHours"] = json!(48);
            Replay::new().any("DescribeCluster", answer)
        };
        let event = json!({"ClusterId": "j-1"});
        assert_eq!(status(&hours("TERMINATED"), event.clone()).await.unwrap()["NormalizedInstanceHours"], 48);
        assert_eq!(status(&hours("TERMINATING"), event).await.unwrap().get("NormalizedInstanceHours"), None);
    }

    #[tokio::test]
    async fn every_state_has_its_word() {
        for (state, word) in [
            ("STARTING", "STARTING"),
            ("BOOTSTRAPPING", "STARTING"),
            ("RUNNING", "STARTED"),
            ("WAITING", "STARTED"),
            ("TERMINATING", "STOPPED"),
            ("TERMINATED", "STOPPED"),
            ("TERMINATED_WITH_ERRORS", "STOPPED"),
            ("A_NEW_STATE", "STARTING"),
        ] {
            let replay = Replay::new().call("DescribeCluster", json!({"ClusterId": "j-1"}), cluster_json("j-1", state, &[]));
            let answer = status(&replay, json!({"ClusterId": "j-1"})).await.unwrap();
            assert_eq!((answer["Status"].as_str(), answer["ClusterState"].as_str()), (Some(word), Some(state)));
        }
    }
}
