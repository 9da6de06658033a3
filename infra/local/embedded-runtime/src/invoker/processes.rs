//! Functions as child processes: between the services' invoker and the function host.

use async_trait::async_trait;
use aws_services::{
    Custody, FunctionError, FunctionInvoker, Invocation, InvocationOutcome, InvokeError,
};
use lambda_host::Host;
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
