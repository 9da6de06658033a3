//! The fleets of a cluster, and which of them workers are added to. Used by the two functions about added workers.

use std::collections::BTreeMap;

use aws_sdk_emr::types::InstanceFleet;

use crate::shared::clients::Clients;
use crate::shared::cluster::ClusterError;
use crate::shared::errors::CallError;
use crate::shared::identifiers::{ClusterId, FleetId};

const LIST_INSTANCE_FLEETS: &str = "elasticmapreduce:ListInstanceFleets";

/// What matters of a fleet. Capacities are in units: instances times their weights.
#[derive(Debug, Clone)]
pub(crate) struct Fleet {
    pub(crate) id: FleetId,
    pub(crate) kind: String,
    pub(crate) state: String,
    pub(crate) reason_code: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) target_on_demand: u32,
    pub(crate) target_spot: u32,
    pub(crate) provisioned_on_demand: u32,
    pub(crate) provisioned_spot: u32,
    /// Units per instance, by instance type.
    pub(crate) weights: BTreeMap<String, u32>,
}

impl Fleet {
    /// On-demand units beyond what was asked for: EMR's fallback from spot at launch.
    pub(crate) fn switched(&self) -> u32 {
        self.provisioned_on_demand
            .saturating_sub(self.target_on_demand)
    }
}

/// All fleets, all pages. A cluster of instance groups has none.
pub(crate) async fn list(
    clients: &Clients,
    cluster: &ClusterId,
) -> Result<Vec<Fleet>, ClusterError> {
    let mut pages = clients
        .emr()
        .list_instance_fleets()
        .cluster_id(cluster.as_str())
        .into_paginator()
        .items()
        .send();
    let mut fleets = Vec::new();
    while let Some(fleet) = pages.next().await {
        match fleet.map_err(|error| CallError::new(LIST_INSTANCE_FLEETS, cluster, error)) {
            Ok(fleet) => fleets.extend(read(fleet)),
            // A cluster of instance groups refuses the question.
            Err(error) if error.is_refusal() && error.detail().to_lowercase().contains("group") => {
                return Ok(Vec::new());
            }
            Err(error) if error.is_refusal() => {
                return Err(ClusterError::NotFound {
                    cluster: cluster.clone(),
                    detail: error.detail().to_owned(),
                });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(fleets)
}

/// The fleet for more workers: the only TASK fleet, else the CORE fleet. The error says what is there instead.
pub(crate) fn choose(fleets: &[Fleet]) -> Result<&Fleet, String> {
    let of_kind = |kind| fleets.iter().filter(move |fleet| fleet.kind == kind);
    match (of_kind("TASK").count(), of_kind("CORE").count()) {
        (1, _) => of_kind("TASK").next().ok_or_else(String::new),
        (0, 1) => of_kind("CORE").next().ok_or_else(String::new),
        (0, 0) if fleets.is_empty() => Err("it has instance groups, or no fleet at all".to_owned()),
        (tasks, cores) => Err(format!(
            "it has {tasks} TASK fleets and {cores} CORE fleets"
        )),
    }
}

fn read(fleet: InstanceFleet) -> Option<Fleet> {
    let units = |number: Option<i32>| {
        number
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(0)
    };
    let status = fleet.status.as_ref();
    let reason = status.and_then(|status| status.state_change_reason());
    Some(Fleet {
        id: FleetId::parse(fleet.id.as_deref()?).ok()?,
        kind: fleet.instance_fleet_type.as_ref()?.as_str().to_owned(),
        state: status
            .and_then(|status| status.state())
            .map(|state| state.as_str().to_owned())
            .unwrap_or_default(),
        reason_code: reason
            .and_then(|reason| reason.code())
            .map(|code| code.as_str().to_owned()),
        reason: reason
            .and_then(|reason| reason.message())
            .filter(|message| !message.is_empty())
            .map(str::to_owned),
        target_on_demand: units(fleet.target_on_demand_capacity),
        target_spot: units(fleet.target_spot_capacity),
        provisioned_on_demand: units(fleet.provisioned_on_demand_capacity),
        provisioned_spot: units(fleet.provisioned_spot_capacity),
        weights: (fleet
            .instance_type_specifications
            .unwrap_or_default()
            .into_iter())
        .filter_map(|kind| Some((kind.instance_type?, units(kind.weighted_capacity).max(1))))
        .collect(),
    })
}
