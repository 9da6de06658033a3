//! What can befall a function as a whole: its process dies, its time runs out, it answers with something else. Between the
//! services and whoever runs functions; fault schedules decide.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_services::{Custody, FunctionInvoker, Invocation, InvocationOutcome, InvokeError};
use bytes::Bytes;
use serde_json::Value;
use virtual_time::{Clock, Entropy};

use super::in_process::failed;

/// What becomes of an invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum FunctionBlow {
    /// The process dies before the handler has done anything.
    CrashBefore,
    /// The process dies after the handler has done everything, before it answers.
    CrashAfter,
    /// The handler does nothing until its time is up.
    TimeOut,
    /// The handler does its work, and this is what the caller gets for its answer.
    Answer(Value),
}

/// Decides about invocations. Asked within the task that the function is invoked for.
pub trait FunctionFaults: Send + Sync + 'static {
    /// What is to befall this invocation, if anything.
    fn strike(&self, function: &str, event: &Value) -> Option<FunctionBlow>;
}

/// An invoker whose functions suffer what is decided.
pub(crate) struct Faulty {
    pub(crate) next: Arc<dyn FunctionInvoker>,
    pub(crate) faults: Arc<dyn FunctionFaults>,
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    /// How long each function may take.
    pub(crate) timeouts: BTreeMap<String, Duration>,
}

#[async_trait]
impl FunctionInvoker for Faulty {
    async fn invoke(
        &self,
        invocation: Invocation,
        custody: &mut Custody,
    ) -> Result<InvocationOutcome, InvokeError> {
        let function = invocation.function_name.clone();
        let event = serde_json::from_slice(&invocation.payload).unwrap_or_default();
        match self.faults.strike(&function, &event) {
            None => self.next.invoke(invocation, custody).await,
            Some(FunctionBlow::CrashBefore) => Ok(self.crash()),
            Some(FunctionBlow::CrashAfter) => {
                self.next.invoke(invocation, custody).await?;
                Ok(self.crash())
            }
            Some(FunctionBlow::Answer(answer)) => {
                let mut outcome = self.next.invoke(invocation, custody).await?;
                outcome.error = None;
                outcome.payload = Bytes::from(answer.to_string());
                Ok(outcome)
            }
            Some(FunctionBlow::TimeOut) => {
                let limit = self.timeouts.get(&function).copied();
                let limit = limit.unwrap_or(Duration::from_secs(3));
                let alarm = self.clock.alarm(self.clock.after(limit));
                drop(custody.take());
                *custody = Some(alarm.rings().await);
                let id = self.entropy.uuid();
                let message = format!(
                    "RequestId: {id} Error: Task timed out after {:.2} seconds",
                    limit.as_secs_f64()
                );
                Ok(failure("Sandbox.Timedout", message, id, limit))
            }
        }
    }
}

impl Faulty {
    fn crash(&self) -> InvocationOutcome {
        let id = self.entropy.uuid();
        let message = format!("RequestId: {id} Error: Runtime exited with error: signal: killed");
        failure("Runtime.ExitError", message, id, Duration::ZERO)
    }
}

fn failure(kind: &str, message: String, id: String, duration: Duration) -> InvocationOutcome {
    let log_tail = format!("{message}\n");
    let (document, error) = failed(kind, message);
    InvocationOutcome {
        payload: Bytes::from(document.to_string()),
        error,
        request_id: id,
        log_tail,
        duration,
        ..InvocationOutcome::default()
    }
}
