//! What a cluster has cost so far, in the units that bills are made of: its lifetime, and the hours of its instances by how
//! they were bought. Called by `check_duplicate_emr` for the mails.

use aws_sdk_emr::types::{Instance, MarketType};
use aws_smithy_types::DateTime;
use serde::Serialize;

use crate::shared::clients::Clients;
use crate::shared::cluster::Cluster;
use crate::shared::errors::CallError;
use crate::shared::moment;

const LIST_INSTANCES: &str = "elasticmapreduce:ListInstances";

/// Time and instances of one cluster. Hours are those that EMR keeps on record for each instance, from its request to its
/// end or to now; prices are nobody's business here.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Usage {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// From its launch to its end, or to now.
    pub seconds: i64,
    /// Absent when EMR did not list the instances.
    #[serde(flatten)]
    pub instances: Option<InstanceHours>,
}

/// Instances and their hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct InstanceHours {
    pub instances: u32,
    pub on_demand_instance_hours: f64,
    pub spot_instance_hours: f64,
}

/// Looks at the cluster's instances. A mail without hours is better than none: what cannot be listed is left out.
pub(crate) async fn usage(clients: &Clients, cluster: &Cluster) -> Usage {
    let until = cluster
        .ended
        .map_or_else(|| clients.now().secs(), |ended| ended.secs());
    let instances = match instance_hours(clients, cluster, until).await {
        Ok(hours) => Some(hours),
        Err(error) => {
            tracing::warn!("the instances are not counted: {error}");
            None
        }
    };
    Usage {
        created_at: moment::optional(cluster.created.as_ref()),
        ended_at: moment::optional(cluster.ended.as_ref()),
        seconds: cluster
            .created
            .map_or(0, |created| (until - created.secs()).max(0)),
        instances,
    }
}

async fn instance_hours(
    clients: &Clients,
    cluster: &Cluster,
    until: i64,
) -> Result<InstanceHours, CallError> {
    let mut pages = clients
        .emr()
        .list_instances()
        .cluster_id(&cluster.id)
        .into_paginator()
        .items()
        .send();
    let mut hours = InstanceHours::default();
    while let Some(instance) = pages.next().await {
        let instance =
            instance.map_err(|error| CallError::new(LIST_INSTANCES, &cluster.id, error))?;
        // What was never granted was never paid for.
        let Some(seconds) = lifetime(&instance, until) else {
            continue;
        };
        hours.instances += 1;
        let of_its_market = match instance.market() {
            Some(MarketType::Spot) => &mut hours.spot_instance_hours,
            _ => &mut hours.on_demand_instance_hours,
        };
        *of_its_market += seconds / 3600.0;
    }
    Ok(InstanceHours {
        on_demand_instance_hours: rounded(hours.on_demand_instance_hours),
        spot_instance_hours: rounded(hours.spot_instance_hours),
        ..hours
    })
}

fn lifetime(instance: &Instance, until: i64) -> Option<f64> {
    instance.ec2_instance_id()?;
    let timeline = instance.status()?.timeline()?;
    let created = timeline.creation_date_time()?.as_secs_f64();
    let ended = timeline.end_date_time().map_or_else(
        || DateTime::from_secs(until).as_secs_f64(),
        |ended| ended.as_secs_f64(),
    );
    Some((ended - created).max(0.0))
}

fn rounded(hours: f64) -> f64 {
    (hours * 100.0).round() / 100.0
}
