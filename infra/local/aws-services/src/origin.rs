//! On whose behalf a call is made: the state of the execution whose task is being carried out. Step Functions sets it
//! around each task; interceptors and whoever runs functions may ask.

use std::future::Future;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A task of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The execution's ARN.
    pub execution_arn: String,
    /// The name of its state machine.
    pub state_machine: String,
    /// The state that calls.
    pub state: String,
    /// The state's effective input, as JSON text.
    pub arguments: String,
}

tokio::task_local! {
    static ORIGIN: Arc<Origin>;
}

impl Origin {
    /// The task that the present code is carried out for, if it is one.
    pub fn present() -> Option<Arc<Self>> {
        ORIGIN.try_with(Arc::clone).ok()
    }

    /// Carries out `work` for this task.
    pub async fn within<F: Future>(self: Arc<Self>, work: F) -> F::Output {
        ORIGIN.scope(self, work).await
    }
}
