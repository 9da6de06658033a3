//! The run that an event belongs to. Functions hand it on in their output, so that it survives in a flow that replaces its
//! state with each result.

use serde::{Deserialize, Serialize};

use crate::shared::identifiers::{BatchId, ExecutionArn};

/// Batch and execution, both optional: the original flow knows neither.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Run {
    /// The load that this run makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<BatchId>,
    /// The execution of the master, or of a child that was started by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_arn: Option<ExecutionArn>,
}
