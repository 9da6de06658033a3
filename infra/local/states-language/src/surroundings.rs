//! What an execution must know of the world that it is not told by arrivals. The `states` service says so when it starts one.

use serde::{Deserialize, Serialize};

use crate::StateTest;

/// The default is an ordinary execution in an account that has every activity.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Surroundings {
    /// The ARNs of activities that its machine names and that do not exist: a task of one fails before it is scheduled.
    pub missing_activities: Vec<String>,
    /// The execution times out after so many seconds, whatever its machine says: express executions do.
    pub longest_seconds: Option<u64>,
    /// The state that it starts in is being tested.
    pub test: Option<StateTest>,
}
