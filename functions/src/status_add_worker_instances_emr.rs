//! `status_add_worker_instances_emr`: whether the workers that were asked for are there. Counts what runs now, in units;
//! instances that have come and gone do not matter.

use aws_sdk_emr::types::InstanceState;
use serde::{Deserialize, Serialize};

use crate::shared::clients::Clients;
use crate::shared::cluster::ClusterError;
use crate::shared::config_source::polling;
use crate::shared::errors::{CallError, Typed};
use crate::shared::identifiers::{ClusterId, FleetId};
use crate::shared::moment;
use crate::shared::run::Run;
use crate::shared::states::fleet_is_lost;
use crate::shared::worker_fleet::{Fleet, list};

const LIST_INSTANCES: &str = "elasticmapreduce:ListInstances";

/// The fleet to look at, as `add_worker_instances_emr` answered.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    cluster_id: ClusterId,
    worker_instance_fleet_id: FleetId,
    target_total_workers: u32,
    /// When the workers were asked for; without it the polling stays short.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(flatten)]
    run: Run,
}

/// How many are there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    #[serde(flatten)]
    asked: Request,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    running_workers: Option<u32>,
    /// Units that were to be spot and that EMR gave on demand.
    #[serde(skip_serializing_if = "Option::is_none")]
    spot_not_fulfilled: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fleet_state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    poll_after_seconds: u32,
    /// Seconds since they were asked for: what a deadline is compared with.
    age_seconds: i64,
    /// EMR wants to be asked less often; nothing is known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    throttled: bool,
}

/// There is no such cluster, or EMR does not answer.
pub type Error = ClusterError;

/// Looks at the fleet and counts its running instances.
pub async fn handle(clients: &Clients, request: Request) -> Result<Response, Error> {
    let polling = polling(clients).await;
    let looked = look(clients, &request).await;
    let started = request.started_at.as_deref().and_then(moment::parse);
    let age_seconds = clients.age(started.as_ref());
    let poll_after_seconds = polling.after(age_seconds, request.worker_instance_fleet_id.as_str());
    let no_fleet = format!("cluster {} has no fleet {}", request.cluster_id, request.worker_instance_fleet_id);
    let target = request.target_total_workers;
    let answer = |status, running_workers, fleet: Option<Fleet>| Response {
        asked: request,
        status,
        running_workers,
        spot_not_fulfilled: fleet.as_ref().map(Fleet::switched).filter(|units| *units > 0),
        fleet_state: fleet.as_ref().map(|fleet| fleet.state.clone()),
        reason_code: fleet.as_ref().and_then(|fleet| fleet.reason_code.clone()),
        reason: fleet.and_then(|fleet| fleet.reason),
        poll_after_seconds,
        age_seconds,
        throttled: false,
    };
    match looked {
        Ok(Some((fleet, _))) if fleet_is_lost(&fleet.state) => Ok(answer("ERROR", None, Some(fleet))),
        Ok(Some((fleet, running))) => {
            let enough = running >= target;
            Ok(answer(if enough { "SUCCESS" } else { "ADDING" }, Some(running), Some(fleet)))
        }
        Ok(None) => Ok(Response {
            reason: Some(no_fleet),
            ..answer("ERROR", None, None)
        }),
        Err(error) if error.error_type() == crate::ErrorType::Throttled => {
            tracing::warn!("asking later: {error}");
            Ok(Response {
                poll_after_seconds: polling.longest_seconds,
                throttled: true,
                ..answer("ADDING", None, None)
            })
        }
        Err(error) => Err(error),
    }
}

/// The fleet and its running units.
async fn look(clients: &Clients, request: &Request) -> Result<Option<(Fleet, u32)>, Error> {
    let (cluster, id) = (&request.cluster_id, &request.worker_instance_fleet_id);
    let Some(fleet) = list(clients, cluster).await?.into_iter().find(|fleet| fleet.id == *id) else {
        return Ok(None);
    };
    if fleet_is_lost(&fleet.state) {
        return Ok(Some((fleet, 0)));
    }
    let mut pages = clients
        .emr()
        .list_instances()
        .cluster_id(cluster.as_str())
        .instance_fleet_id(id.as_str())
        .instance_states(InstanceState::Running)
        .into_paginator()
        .items()
        .send();
    let mut running = 0;
    while let Some(instance) = pages.next().await {
        let instance = instance.map_err(|error| CallError::new(LIST_INSTANCES, format!("{id} of {cluster}"), error))?;
        running += instance.instance_type().and_then(|kind| fleet.weights.get(kind)).copied().unwrap_or(1);
    }
    Ok(Some((fleet, running)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::shared::replay::Replay;
    use crate::{ErrorType, FunctionFailure, invoke};

    fn event() -> Value {
        json!({"ClusterId": "j-1", "WorkerInstanceFleetId": "if-2", "TargetTotalWorkers": 3, "StartedAt": "2026-11-21T02:00:00Z"})
    }

    async fn status(replay: Replay, event: Value) -> Result<Value, FunctionFailure> {
        let outcome = invoke("status_add_worker_instances_emr", &replay.clients(&[]), event).await;
        replay.finish();
        outcome
    }

    fn fleet(state: &str) -> Replay {
        let fleets = json!({"InstanceFleets": [
            {"Id": "if-1", "InstanceFleetType": "MASTER", "Status": {"State": "RUNNING"}},
            {
                "Id": "if-2", "InstanceFleetType": "CORE",
                "Status": {"State": state, "StateChangeReason": {"Code": "INSTANCE_FAILURE", "Message": "no capacity"}},
                "InstanceTypeSpecifications": [{"InstanceType": "m5.xlarge", "WeightedCapacity": 1}, {"InstanceType": "m5.2xlarge", "WeightedCapacity": 2}],
            },
        ]});
        Replay::new().call("ListInstanceFleets", json!({"ClusterId": "j-1"}), fleets)
    }

    #[tokio::test]
    async fn an_unknown_cluster_is_an_error_by_name() {
        let replay = Replay::new().refuses("ListInstanceFleets", 400, "InvalidRequestException", "Cluster id 'j-1' is not valid.");
        assert_eq!(status(replay, event()).await.unwrap_err().error_type, ErrorType::ClusterNotFound);
    }

    #[tokio::test]
    async fn a_fleet_that_is_lost_or_unknown_is_an_error() {
        for state in ["SUSPENDED", "TERMINATED", "TERMINATING"] {
            let answer = status(fleet(state), event()).await.unwrap();
            assert_eq!((answer["Status"].as_str(), answer["Reason"].as_str()), (Some("ERROR"), Some("no capacity")));
        }
        let mut unknown = event();
        unknown["WorkerInstanceFleetId"] = json!("if-9");
        let answer = status(fleet("RUNNING"), unknown).await.unwrap();
        assert_eq!(answer["Status"], "ERROR");
        assert!(answer["Reason"].as_str().is_some_and(|reason| reason.contains("if-9")));
    }

    #[tokio::test]
    async fn throttling_means_later_and_not_failure() {
        let answer = status(Replay::new().throttles("ListInstanceFleets"), event()).await.unwrap();
        assert_eq!((answer["Status"].as_str(), answer["Throttled"].as_bool()), (Some("ADDING"), Some(true)));
        assert_eq!(answer["PollAfterSeconds"], 60);
    }

    #[tokio::test]
    async fn w3_running_instances_count_by_weight_over_all_pages() {
        let asked = json!({"ClusterId": "j-1", "InstanceFleetId": "if-2", "InstanceStates": ["RUNNING"]});
        let mut next = asked.clone();
        next["Marker"] = json!("2");
        let replay = fleet("RESIZING")
            .call("ListInstances", asked, json!({"Instances": [{"InstanceType": "m5.xlarge"}], "Marker": "2"}))
            .call("ListInstances", next, json!({"Instances": [{"InstanceType": "m5.2xlarge"}]}));
        let answer = status(replay, event()).await.unwrap();
        assert_eq!((answer["Status"].as_str(), answer["RunningWorkers"].as_u64()), (Some("SUCCESS"), Some(3)));
    }

    #[tokio::test]
    async fn fewer_are_waited_for_ever_longer() {
        let replay = fleet("RESIZING").any("ListInstances", json!({"Instances": [{"InstanceType": "m5.xlarge"}]}));
        let answer = status(replay, event()).await.unwrap();
        assert_eq!((answer["Status"].as_str(), answer["FleetState"].as_str()), (Some("ADDING"), Some("RESIZING")));
        assert_eq!(answer["AgeSeconds"], 600);
        assert!(answer["PollAfterSeconds"].as_u64().is_some_and(|seconds| seconds >= 30), "{answer}");
    }

    #[tokio::test]
    async fn the_originals_event_gets_its_fields_back() {
        let replay = fleet("RUNNING").any("ListInstances", json!({"Instances": []}));
        let event = json!({"ClusterId": "j-1", "WorkerInstanceFleetId": "if-2", "TargetTotalWorkers": 3, "Status": "ADDING"});
        let answer = status(replay, event).await.unwrap();
        assert_eq!(
            [&answer["ClusterId"], &answer["WorkerInstanceFleetId"], &answer["TargetTotalWorkers"], &answer["Status"]],
            [&json!("j-1"), &json!("if-2"), &json!(3), &json!("ADDING")]
        );
    }
}
