//! Looking at clusters: one by its id, or all active ones, and whose they are. Used by every EMR function.

use aws_sdk_emr::types::{ClusterState, ClusterSummary};
use aws_smithy_types::DateTime;

use crate::shared::clients::Clients;
use crate::shared::errors::{CallError, ErrorType, Typed};
use crate::shared::identifiers::ClusterId;
use crate::shared::states::{ACTIVE_CLUSTER_STATES, ClusterPhase, cluster_phase};
use crate::shared::tags;

pub(crate) const DESCRIBE_CLUSTER: &str = "elasticmapreduce:DescribeCluster";
const LIST_CLUSTERS: &str = "elasticmapreduce:ListClusters";

/// Why a cluster could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// EMR does not know it.
    #[error("there is no cluster {cluster} in this account and region: {detail}")]
    NotFound {
        /// The id that was asked for.
        cluster: ClusterId,
        /// What EMR says.
        detail: String,
    },
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Typed for ClusterError {
    fn error_type(&self) -> ErrorType {
        match self {
            Self::NotFound { .. } => ErrorType::ClusterNotFound,
            Self::Call(error) => error.error_type(),
        }
    }
}

/// Whose a cluster is, by its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    Own,
    /// No pipeline's tag at all: perhaps launched by hand.
    Untagged,
    Foreign,
}

/// What a function wants to know of a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) reason_code: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) created: Option<DateTime>,
    pub(crate) ready: Option<DateTime>,
    pub(crate) ended: Option<DateTime>,
    /// What EMR reckons it has used, in hours of its smallest instance.
    pub(crate) normalized_instance_hours: Option<i32>,
    pub(crate) termination_protected: bool,
    pub(crate) has_instance_groups: bool,
    tags: Vec<(String, String)>,
}

impl Cluster {
    pub(crate) fn phase(&self) -> ClusterPhase {
        cluster_phase(&self.state)
    }

    pub(crate) fn tag(&self, key: &str) -> Option<&str> {
        self.tags
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn ownership(&self, pipeline: &str) -> Ownership {
        match self.tag(tags::PIPELINE) {
            Some(owner) if owner == pipeline => Ownership::Own,
            Some(_) => Ownership::Foreign,
            None => Ownership::Untagged,
        }
    }

    /// State and reason in words, for messages.
    pub(crate) fn situation(&self) -> String {
        let reason = match (&self.reason_code, &self.reason) {
            (Some(code), Some(reason)) => format!(" ({code}: {reason})"),
            (Some(either), None) | (None, Some(either)) => format!(" ({either})"),
            (None, None) => String::new(),
        };
        format!("{}{reason}", self.state)
    }
}

/// Looks at one cluster.
pub(crate) async fn describe(clients: &Clients, id: &ClusterId) -> Result<Cluster, ClusterError> {
    let call = clients
        .emr()
        .describe_cluster()
        .cluster_id(id.as_str())
        .send();
    let answer = match call
        .await
        .map_err(|error| CallError::new(DESCRIBE_CLUSTER, id, error))
    {
        Ok(answer) => answer,
        // The id has the right form, so what EMR calls invalid is an id that it does not know.
        Err(error) if error.is_refusal() => {
            return Err(ClusterError::NotFound {
                cluster: id.clone(),
                detail: error.detail().to_owned(),
            });
        }
        Err(error) => return Err(error.into()),
    };
    let incomplete = |lacking| CallError::incomplete(DESCRIBE_CLUSTER, id, lacking);
    let cluster = answer.cluster.ok_or_else(|| incomplete("cluster"))?;
    let status = cluster.status.ok_or_else(|| incomplete("status"))?;
    let state = status
        .state
        .as_ref()
        .ok_or_else(|| incomplete("state"))?
        .as_str()
        .to_owned();
    let reason = status.state_change_reason.as_ref();
    let timeline = status.timeline.as_ref();
    Ok(Cluster {
        id: id.as_str().to_owned(),
        name: cluster.name.unwrap_or_default(),
        state,
        reason_code: reason
            .and_then(|reason| reason.code())
            .map(|code| code.as_str().to_owned()),
        reason: reason
            .and_then(|reason| reason.message())
            .filter(|message| !message.is_empty())
            .map(str::to_owned),
        created: timeline.and_then(|timeline| timeline.creation_date_time().copied()),
        ready: timeline.and_then(|timeline| timeline.ready_date_time().copied()),
        ended: timeline.and_then(|timeline| timeline.end_date_time().copied()),
        normalized_instance_hours: cluster.normalized_instance_hours,
        termination_protected: cluster.termination_protected.unwrap_or(false),
        has_instance_groups: cluster
            .instance_collection_type
            .is_some_and(|kind| kind.as_str() == "INSTANCE_GROUP"),
        tags: (cluster.tags.unwrap_or_default().into_iter())
            .map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()))
            .collect(),
    })
}

/// Which clusters are looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope {
    /// Those that are up or on their way.
    Active,
    /// These, and those that are terminating.
    Alive,
    /// All that were launched since then, ended ones too.
    LaunchedSince(DateTime),
}

impl Scope {
    fn states(self) -> Option<Vec<ClusterState>> {
        let active = ACTIVE_CLUSTER_STATES.map(ClusterState::from);
        match self {
            Self::Active => Some(active.to_vec()),
            Self::Alive => Some([&active[..], &[ClusterState::Terminating]].concat()),
            Self::LaunchedSince(_) => None,
        }
    }

    fn has(self, phase: ClusterPhase) -> bool {
        match self {
            Self::Active => matches!(phase, ClusterPhase::Starting | ClusterPhase::Started),
            Self::Alive => phase != ClusterPhase::Ended,
            Self::LaunchedSince(_) => true,
        }
    }
}

/// The active clusters that `wanted` picks from the list, each looked at: a list has no tags. The oldest first.
pub(crate) async fn active(
    clients: &Clients,
    wanted: impl Fn(&ClusterSummary) -> bool,
) -> Result<Vec<Cluster>, ClusterError> {
    look_at(clients, wanted, Scope::Active, false).await
}

/// The clusters of a scope that `wanted` picks and that this function may look at: its role sees the pipeline's own only.
/// The oldest first.
pub(crate) async fn visible(
    clients: &Clients,
    wanted: impl Fn(&ClusterSummary) -> bool,
    scope: Scope,
) -> Result<Vec<Cluster>, ClusterError> {
    look_at(clients, wanted, scope, true).await
}

async fn look_at(
    clients: &Clients,
    wanted: impl Fn(&ClusterSummary) -> bool,
    scope: Scope,
    skip_denied: bool,
) -> Result<Vec<Cluster>, ClusterError> {
    let since = match scope {
        Scope::LaunchedSince(since) => Some(since),
        Scope::Active | Scope::Alive => None,
    };
    let mut pages = clients
        .emr()
        .list_clusters()
        .set_cluster_states(scope.states())
        .set_created_after(since)
        .into_paginator()
        .items()
        .send();
    let mut ids = Vec::new();
    while let Some(summary) = pages.next().await {
        let summary = summary.map_err(|error| CallError::new(LIST_CLUSTERS, "clusters", error))?;
        if wanted(&summary)
            && let Some(id) = summary.id().and_then(|id| ClusterId::parse(id).ok())
        {
            ids.push(id);
        }
    }
    let mut clusters = Vec::new();
    for id in ids {
        let cluster = match describe(clients, &id).await {
            Err(error) if skip_denied && error.error_type() == ErrorType::AccessDenied => continue,
            described => described?,
        };
        // It may have ended between the list and the look.
        if scope.has(cluster.phase()) {
            clusters.push(cluster);
        }
    }
    clusters.sort_by(|one, other| {
        (one.created.map(|time| time.secs()), &one.id)
            .cmp(&(other.created.map(|time| time.secs()), &other.id))
    });
    Ok(clusters)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::shared::replay::{Replay, cluster_json};

    #[tokio::test]
    async fn s8_reads_all_pages_and_skips_what_ended_meanwhile() {
        let states = json!(["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]);
        let replay = Replay::new()
            .call(
                "ListClusters",
                json!({"ClusterStates": states}),
                json!({"Clusters": [{"Id": "j-1", "Name": "ours"}, {"Id": "j-9", "Name": "theirs"}], "Marker": "more"}),
            )
            .call(
                "ListClusters",
                json!({"ClusterStates": states, "Marker": "more"}),
                json!({"Clusters": [{"Id": "j-2", "Name": "ours"}]}),
            )
            .call("DescribeCluster", json!({"ClusterId": "j-1"}), cluster_json("j-1", "TERMINATING", &[]))
            .call("DescribeCluster", json!({"ClusterId": "j-2"}), cluster_json("j-2", "WAITING", &[("pipeline", "other")]));
        let clusters = active(&replay.clients(&[]), |summary| {
            summary.name() == Some("ours")
        })
        .await
        .unwrap();
        assert_eq!(clusters.len(), 1);
        assert_eq!(clusters[0].id, "j-2");
        assert_eq!(clusters[0].ownership("ours"), Ownership::Foreign);
        replay.finish();
    }

    #[tokio::test]
    async fn an_unknown_id_is_a_cluster_that_does_not_exist() {
        let replay = Replay::new().refuses(
            "DescribeCluster",
            400,
            "InvalidRequestException",
            "Cluster id 'j-7' is not valid.",
        );
        let id = ClusterId::parse("j-7").unwrap();
        let error = describe(&replay.clients(&[]), &id).await.unwrap_err();
        assert_eq!(error.error_type(), ErrorType::ClusterNotFound);
        assert!(error.to_string().contains("j-7"), "{error}");
    }
}
