//! Clusters, instance fleets and steps: EMR's JSON 1.1 API (`ElasticMapReduce.*`). The gateway and Step Functions'
//! integrations call [`Emr::call`].

use std::sync::Arc;

use serde_json::Value;

use crate::context::Context;
use crate::failure::{ServiceError, StartError};
use crate::s3::S3;
use crate::step_runner::StepRunner;

/// The clusters of the account.
pub struct Emr {}

impl Emr {
    /// Opens the service on what an earlier process left.
    pub(crate) fn open(
        _context: &Context,
        _s3: Arc<S3>,
        _step_runner: Arc<dyn StepRunner>,
    ) -> Result<Arc<Self>, StartError> {
        Ok(Arc::new(Self {}))
    }

    /// Answers one action, such as `DescribeCluster`, with members as EMR's JSON protocol has them. The caller holds a
    /// `Work` guard.
    pub async fn call(
        self: &Arc<Self>,
        action: &str,
        _input: Value,
    ) -> Result<Value, ServiceError> {
        Err(ServiceError::unsupported_action("elasticmapreduce", action))
    }
}
