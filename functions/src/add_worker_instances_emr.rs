//! `add_worker_instances_emr`: asks for more workers before the heavy work. The target is absolute and known from the launch,
//! so asking twice adds once.

use aws_sdk_emr::types::InstanceFleetModifyConfig;
use serde::{Deserialize, Serialize};

use crate::shared::clients::Clients;
use crate::shared::cluster::{Cluster, ClusterError};
use crate::shared::config_source::{ConfigError, load, polling};
use crate::shared::errors::{CallError, ErrorType, Typed};
use crate::shared::identifiers::{ClusterId, FleetId};
use crate::shared::moment;
use crate::shared::own_cluster::{OwnClusterError, describe_own};
use crate::shared::run::Run;
use crate::shared::states::ClusterPhase;
use crate::shared::tags;
use crate::shared::worker_fleet::{Fleet, choose, list};

const SWITCH_TO_ON_DEMAND: &str = "SWITCH_TO_ON_DEMAND";
const MODIFY_INSTANCE_FLEET: &str = "elasticmapreduce:ModifyInstanceFleet";

/// The cluster that needs more workers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    cluster_id: ClusterId,
    /// Units that the fleet shall have in all; known from the launch if absent.
    target_total_workers: Option<u32>,
    #[serde(default)]
    market: Market,
    #[serde(flatten)]
    run: Run,
}

/// How the missing workers are bought.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Market {
    #[default]
    Spot,
    /// What has not come as spot so far is asked for on demand: EMR does not fall back by itself when it resizes.
    OnDemand,
}

/// The fleet that grows, and how far.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    cluster_id: ClusterId,
    worker_instance_fleet_id: FleetId,
    target_total_workers: u32,
    status: &'static str,
    started_at: String,
    poll_after_seconds: u32,
    /// When to ask again with `Market` ON_DEMAND: as long as the configuration waits for spot at launch, if it wants
    /// on-demand workers instead at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback_after_seconds: Option<u32>,
    #[serde(flatten)]
    run: Run,
}

/// Why no workers come.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cluster does not exist, or is not ours.
    #[error(transparent)]
    OwnCluster(#[from] OwnClusterError),
    /// Its fleets could not be listed.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The cluster is not up.
    #[error("cluster {cluster} takes no more workers: {situation}")]
    Gone {
        /// The cluster.
        cluster: ClusterId,
        /// State and reason.
        situation: String,
    },
    /// There is no single fleet to resize.
    #[error("cluster {cluster} has no single fleet that workers could be added to: {found}")]
    FleetUnclear {
        /// The cluster.
        cluster: ClusterId,
        /// What is there instead.
        found: String,
    },
    /// The target is in no tag, and the configuration is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Resizing was refused.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Typed for Error {
    fn error_type(&self) -> ErrorType {
        match self {
            Self::OwnCluster(error) => error.error_type(),
            Self::Cluster(error) => error.error_type(),
            Self::Gone { .. } => ErrorType::ClusterGone,
            Self::FleetUnclear { .. } => ErrorType::WorkerFleetUnclear,
            Self::Config(error) => error.error_type(),
            Self::Call(error) => error.error_type(),
        }
    }
}

/// Sets the fleet's absolute target.
pub async fn handle(clients: &Clients, request: Request) -> Result<Response, Error> {
    let id = &request.cluster_id;
    let cluster = describe_own(clients, id).await?;
    if !matches!(cluster.phase(), ClusterPhase::Starting | ClusterPhase::Started) {
        return Err(Error::Gone {
            cluster: id.clone(),
            situation: cluster.situation(),
        });
    }
    let unclear = |found| Error::FleetUnclear {
        cluster: id.clone(),
        found,
    };
    if cluster.has_instance_groups {
        return Err(unclear("it has instance groups".to_owned()));
    }
    let fleets = list(clients, id).await?;
    let fleet = choose(&fleets).map_err(unclear)?;
    let target = match request.target_total_workers {
        Some(target) => target,
        None => known_target(clients, &cluster).await?,
    };
    let (on_demand, spot) = capacities(fleet, target, request.market);
    // Equal when asked again; greater when somebody has resized by hand, and shrinking is not what this function is for.
    if (on_demand, spot) != (fleet.target_on_demand, fleet.target_spot) && on_demand + spot >= fleet.target_on_demand + fleet.target_spot {
        let change = InstanceFleetModifyConfig::builder()
            .instance_fleet_id(fleet.id.as_str())
            .target_on_demand_capacity(signed(on_demand))
            .target_spot_capacity(signed(spot))
            .build();
        let call = clients.emr().modify_instance_fleet().cluster_id(id.as_str()).instance_fleet(change).send();
        call.await.map_err(|error| CallError::new(MODIFY_INSTANCE_FLEET, format!("{} of {id}", fleet.id), error))?;
    }
    let fallback_after_seconds = match request.market {
        Market::Spot => fallback(clients).await,
        Market::OnDemand => None,
    };
    Ok(Response {
        fallback_after_seconds,
        worker_instance_fleet_id: fleet.id.clone(),
        target_total_workers: target,
        status: "ADDING",
        started_at: moment::text(&clients.now()),
        poll_after_seconds: polling(clients).await.after(0, fleet.id.as_str()),
        cluster_id: request.cluster_id,
        run: request.run,
    })
}

/// EMR falls back by itself at launch only. Without a configuration nobody has asked for a fallback.
async fn fallback(clients: &Clients) -> Option<u32> {
    clients.environment().get("Config_File_S3_Key")?;
    match load(clients).await {
        Ok(config) if config.spot.timeout_action == SWITCH_TO_ON_DEMAND => Some(config.spot.timeout_minutes * 60),
        Ok(_) => None,
        Err(error) => {
            tracing::warn!("spot workers are waited for without a fallback: {error}");
            None
        }
    }
}

/// The target that was written on the cluster when it was launched: the configuration may have changed since.
async fn known_target(clients: &Clients, cluster: &Cluster) -> Result<u32, ConfigError> {
    match cluster.tag(tags::WORKERS_AFTER_ADDING).and_then(|target| target.parse().ok()) {
        Some(target) => Ok(target),
        None => Ok(load(clients).await?.workers_after_adding()),
    }
}

/// Units on demand and spot that make the target.
fn capacities(fleet: &Fleet, target: u32, market: Market) -> (u32, u32) {
    match market {
        Market::Spot => {
            let on_demand = fleet.target_on_demand;
            (on_demand, target.saturating_sub(on_demand))
        }
        Market::OnDemand => {
            let spot = fleet.provisioned_spot.min(fleet.target_spot).min(target);
            (target - spot, spot)
        }
    }
}

fn signed(units: u32) -> i32 {
    i32::try_from(units).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::shared::config::tests::ORIGINAL;
    use crate::shared::replay::{CONFIG, Replay, cluster_json};
    use crate::{ErrorType, FunctionFailure, invoke};

    const TAGS: [(&str, &str); 2] = [("pipeline", "data_pipeline"), ("workers-after-adding", "6")];

    fn cluster(state: &str) -> Replay {
        Replay::new().any("DescribeCluster", cluster_json("j-1", state, &TAGS))
    }

    fn fleet(kind: &str, on_demand: u32, spot: u32, spot_provisioned: u32) -> Value {
        json!({
            "Id": format!("if-{kind}"), "InstanceFleetType": kind, "Status": {"State": "RUNNING"}, "TargetOnDemandCapacity": on_demand,
            "TargetSpotCapacity": spot, "ProvisionedOnDemandCapacity": on_demand, "ProvisionedSpotCapacity": spot_provisioned,
        })
    }

    fn fleets(fleets: &[Value]) -> Value {
        json!({ "InstanceFleets": fleets })
    }

    fn resize(id: &str, on_demand: u32, spot: u32) -> Value {
        json!({
            "ClusterId": "j-1",
            "InstanceFleet": {"InstanceFleetId": id, "TargetOnDemandCapacity": on_demand, "TargetSpotCapacity": spot},
        })
    }

    async fn add(replay: Replay, event: Value) -> Result<Value, FunctionFailure> {
        let outcome = invoke("add_worker_instances_emr", &replay.clients(&[("Pipeline_Name", "data_pipeline")]), event).await;
        replay.finish();
        outcome
    }

    #[tokio::test]
    async fn a_cluster_that_is_ending_or_foreign_is_not_resized() {
        let failure = add(cluster("TERMINATING"), json!({"ClusterId": "j-1"})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::ClusterGone);
        let foreign = Replay::new().any("DescribeCluster", cluster_json("j-1", "WAITING", &[("pipeline", "other")]));
        assert_eq!(add(foreign, json!({"ClusterId": "j-1"})).await.unwrap_err().error_type, ErrorType::ForeignCluster);
    }

    #[tokio::test]
    async fn w4_instance_groups_and_two_task_fleets_are_refused() {
        let mut groups = cluster_json("j-1", "WAITING", &TAGS);
        groups["Cluster"]["InstanceCollectionType"] = json!("INSTANCE_GROUP");
        let failure = add(Replay::new().any("DescribeCluster", groups), json!({"ClusterId": "j-1"})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::WorkerFleetUnclear);
        let two = fleets(&[fleet("CORE", 1, 0, 0), fleet("TASK", 0, 1, 1), fleet("TASK", 0, 1, 1)]);
        let failure = add(cluster("WAITING").any("ListInstanceFleets", two), json!({"ClusterId": "j-1"})).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::WorkerFleetUnclear);
        assert!(failure.message.contains("2 TASK fleets"), "{failure}");
    }

    #[tokio::test]
    async fn w1_asking_again_adds_nothing() {
        let grown = fleets(&[fleet("MASTER", 1, 0, 0), fleet("CORE", 1, 5, 2)]);
        let answer = add(cluster("WAITING").any("ListInstanceFleets", grown), json!({"ClusterId": "j-1"})).await.unwrap();
        assert_eq!(answer["TargetTotalWorkers"], 6);
    }

    #[tokio::test]
    async fn the_target_is_the_one_of_the_launch_and_absolute() {
        let replay = cluster("WAITING")
            .any("ListInstanceFleets", fleets(&[fleet("MASTER", 1, 0, 0), fleet("CORE", 1, 2, 2)]))
            .call("ModifyInstanceFleet", resize("if-CORE", 1, 5), json!({}));
        assert_eq!(
            add(replay, json!({"ClusterId": "j-1", "BatchId": "B1"})).await.unwrap(),
            json!({
                "ClusterId": "j-1", "WorkerInstanceFleetId": "if-CORE", "TargetTotalWorkers": 6, "Status": "ADDING",
                "StartedAt": "2026-11-21T02:10:00Z", "PollAfterSeconds": 6, "BatchId": "B1",
            })
        );
    }

    #[tokio::test]
    async fn the_only_task_fleet_is_preferred_and_the_event_can_set_the_target() {
        let replay = cluster("RUNNING")
            .any("ListInstanceFleets", fleets(&[fleet("CORE", 1, 0, 0), fleet("TASK", 0, 2, 2)]))
            .call("ModifyInstanceFleet", resize("if-TASK", 0, 9), json!({}));
        let answer = add(replay, json!({"ClusterId": "j-1", "TargetTotalWorkers": 9})).await.unwrap();
        assert_eq!(answer["WorkerInstanceFleetId"], "if-TASK");
    }

    #[tokio::test]
    async fn what_did_not_come_as_spot_is_asked_for_on_demand() {
        let replay = cluster("RUNNING")
            .any("ListInstanceFleets", fleets(&[fleet("CORE", 1, 5, 3)]))
            .call("ModifyInstanceFleet", resize("if-CORE", 3, 3), json!({}));
        let answer = add(replay, json!({"ClusterId": "j-1", "Market": "ON_DEMAND"})).await.unwrap();
        assert_eq!(answer["TargetTotalWorkers"], 6);
    }

    #[tokio::test]
    async fn the_originals_cluster_without_tags_of_size_takes_the_target_from_the_configuration() {
        let replay = Replay::new()
            .config(ORIGINAL)
            .any("DescribeCluster", cluster_json("j-1", "WAITING", &TAGS[..1]))
            .any("ListInstanceFleets", fleets(&[fleet("CORE", 1, 2, 2)]))
            .s3_status("GET", "/workarea/config.ini", &[("if-none-match", "\"config\"")], 304)
            .call("ModifyInstanceFleet", resize("if-CORE", 1, 5), json!({}))
            .s3_status("GET", "/workarea/config.ini", &[("if-none-match", "\"config\"")], 304);
        let answer = invoke("add_worker_instances_emr", &replay.clients(&CONFIG), json!({"ClusterId": "j-1"})).await.unwrap();
        assert_eq!(answer["TargetTotalWorkers"], 6);
        assert_eq!(answer["FallbackAfterSeconds"], 600, "as long as the configuration waits for spot at launch");
        replay.finish();
    }
}
