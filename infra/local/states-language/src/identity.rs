//! Who an execution is: what its context object (`$$`) and its events say about it. The `states` service makes it up.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The names and ARNs of an execution and of its state machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `$$.Execution.Id`.
    pub execution_arn: String,
    /// `$$.Execution.Name`.
    pub execution_name: String,
    /// `$$.Execution.RoleArn`.
    pub role_arn: String,
    /// `$$.Execution.StartTime`.
    pub start_time: Timestamp,
    /// `$$.Execution.RedriveCount`.
    pub redrive_count: u32,
    /// `$$.Execution.RedriveTime`, once the execution has been redriven.
    pub redrive_time: Option<Timestamp>,
    /// `$$.StateMachine.Id`. Its region is the one that `TaskScheduled` events name.
    pub state_machine_arn: String,
    /// `$$.StateMachine.Name`.
    pub state_machine_name: String,
    /// The version that was started, if one was named.
    pub state_machine_version_arn: Option<String>,
    /// The alias that was started, if one was named.
    pub state_machine_alias_arn: Option<String>,
}

impl Identity {
    /// An identity in account 000000000000 and us-east-1, as tests want it.
    pub fn named(state_machine: &str, execution: &str, start_time: Timestamp) -> Self {
        Self {
            execution_arn: format!(
                "arn:aws:states:us-east-1:000000000000:execution:{state_machine}:{execution}"
            ),
            execution_name: execution.to_owned(),
            role_arn: "arn:aws:iam::000000000000:role/states".to_owned(),
            start_time,
            redrive_count: 0,
            redrive_time: None,
            state_machine_arn: format!(
                "arn:aws:states:us-east-1:000000000000:stateMachine:{state_machine}"
            ),
            state_machine_name: state_machine.to_owned(),
            state_machine_version_arn: None,
            state_machine_alias_arn: None,
        }
    }

    /// The region in the state machine's ARN.
    pub fn region(&self) -> &str {
        self.state_machine_arn.split(':').nth(3).unwrap_or_default()
    }
}
