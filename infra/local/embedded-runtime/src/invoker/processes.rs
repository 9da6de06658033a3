//! Functions as child processes: between the services' invoker and the function host.

use async_trait::async_trait;
use aws_services::{
    Custody, FunctionError, FunctionInvoker, Invocation, InvocationOutcome, InvokeError,
};
use lambda_host::Host;
use std::sync::Arc;

use aws_services::Origin;
use virtual_time::Clock;

/// The function host as the services see it.
pub(crate) struct Processes {
    pub(crate) host: Host,
    pub(crate) clock: Clock,
    pub(crate) region: String,
    pub(crate) account: String,
}

#[async_trait]
impl FunctionInvoker for Processes {
    async fn invoke(
        &self,
        invocation: Invocation,
        custody: &mut Custody,
    ) -> Result<InvocationOutcome, InvokeError> {
        let function = invocation.function_name;
        let mut invoked_arn = format!(
            "arn:aws:lambda:{}:{}:function:{function}",
            self.region, self.account
        );
        if let Some(qualifier) = invocation
            .qualifier
            .filter(|qualifier| qualifier != "$LATEST")
        {
            invoked_arn.push(':');
            invoked_arn.push_str(&qualifier);
        }
        let request = lambda_host::Invocation {
            function,
            invoked_arn,
            payload: invocation.payload,
            label: label_of_present(),
            work: custody.take().unwrap_or_else(|| self.clock.work()),
        };
        let (outcome, work) = self.host.invoke(request).await;
        *custody = Some(work);
        let outcome = outcome.map_err(|error| match error {
            lambda_host::InvokeError::UnknownFunction { .. } => {
                InvokeError::NotFound(error.to_string())
            }
            lambda_host::InvokeError::TooManyRequests { .. } => {
                InvokeError::TooManyRequests(error.to_string())
            }
            lambda_host::InvokeError::RequestTooLarge { .. } => {
                InvokeError::Invalid(error.to_string())
            }
            lambda_host::InvokeError::ShuttingDown { .. } => {
                InvokeError::Service(error.to_string())
            }
        })?;
        let log_tail = outcome.log_tail().to_owned();
        Ok(InvocationOutcome {
            payload: outcome.payload,
            error: outcome.error.map(|error| FunctionError {
                error_type: error.error_type,
                error_message: error.error_message,
                handling: "Unhandled",
            }),
            request_id: outcome.request_id,
            executed_version: String::new(),
            log_tail,
            duration: outcome.duration,
            init_duration: outcome.init_duration,
            max_memory_bytes: outcome.max_memory_bytes,
        })
    }
}

/// The task that the present code is carried out for, as a label.
fn label_of_present() -> String {
    Origin::present()
        .and_then(|origin| serde_json::to_string(&*origin).ok())
        .unwrap_or_default()
}

/// Reads such a label back.
pub(crate) fn origin_of(label: &str) -> Option<Arc<Origin>> {
    serde_json::from_str(label).ok().map(Arc::new)
}
