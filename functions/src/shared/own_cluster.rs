//! A cluster that may be changed, because it carries this pipeline's tag. Called by the functions that resize and terminate.

use crate::shared::clients::Clients;
use crate::shared::cluster::{Cluster, ClusterError, Ownership, describe};
use crate::shared::config_source::{ConfigError, pipeline_name};
use crate::shared::errors::{ErrorType, Typed};
use crate::shared::identifiers::ClusterId;

/// Why the cluster may not be changed.
#[derive(Debug, thiserror::Error)]
pub enum OwnClusterError {
    /// The pipeline's own name is unknown.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It could not be looked at.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// It is not this pipeline's.
    #[error(
        "cluster {cluster} ({name}) does not belong to pipeline {pipeline}: {why}; it is left alone"
    )]
    Foreign {
        /// The cluster.
        cluster: ClusterId,
        /// Its name, which proves nothing.
        name: String,
        /// This pipeline.
        pipeline: String,
        /// What its tag says.
        why: String,
    },
}

impl Typed for OwnClusterError {
    fn error_type(&self) -> ErrorType {
        match self {
            Self::Config(error) => error.error_type(),
            Self::Cluster(error) => error.error_type(),
            Self::Foreign { .. } => ErrorType::ForeignCluster,
        }
    }
}

/// Looks at a cluster and makes sure that it is ours. A name alone does not make it ours.
pub(crate) async fn describe_own(
    clients: &Clients,
    id: &ClusterId,
) -> Result<Cluster, OwnClusterError> {
    let pipeline = pipeline_name(clients).await?;
    let cluster = describe(clients, id).await?;
    let why = match cluster.ownership(&pipeline) {
        Ownership::Own => return Ok(cluster),
        Ownership::Untagged => "it has no pipeline tag".to_owned(),
        Ownership::Foreign => format!(
            "its tag says {}",
            cluster
                .tag(crate::shared::tags::PIPELINE)
                .unwrap_or_default()
        ),
    };
    Err(OwnClusterError::Foreign {
        cluster: id.clone(),
        name: cluster.name,
        pipeline,
        why,
    })
}
