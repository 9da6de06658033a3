//! Between the services and whoever decides about faults: tells who really calls and for which state, and sees to it that a
//! call that is never answered holds no clock and that a caller that is to die does.

use std::sync::Arc;

use async_trait::async_trait;
use aws_services::{Call, Interceptor, Origin, Verdict};
use http::StatusCode;
use lambda_host::Host;

use crate::invoker::{InProcess, kill_caller, origin_of};

/// Passes the questions on, with the function's name for the caller's access key, and acts on the answers.
pub(crate) struct Interception {
    pub(crate) next: Arc<dyn Interceptor>,
    pub(crate) functions: Callers,
}

/// Where functions run, and so who knows their access keys.
pub(crate) enum Callers {
    Processes(Host),
    InProcess(Arc<InProcess>),
}

impl Callers {
    /// The function that signs with this key, and the task that it runs for when that is not known here anyway.
    fn find(&self, access_key: &str) -> Option<(String, Option<Arc<Origin>>)> {
        match self {
            Self::Processes(host) => {
                let caller = host.caller(access_key)?;
                Some((caller.function, origin_of(&caller.label)))
            }
            Self::InProcess(invoker) => Some((invoker.caller(access_key)?, None)),
        }
    }
}

impl Interception {
    async fn ask(&self, call: &Call, status: Option<StatusCode>) -> Verdict {
        let asked = |call: Call| async move {
            match status {
                None => self.next.before(&call).await,
                Some(status) => self.next.after(&call, status).await,
            }
        };
        let Some((function, origin)) = self.functions.find(&call.caller) else {
            return match asked(call.clone()).await {
                // Only functions have a process of their own; of others the caller hears no more.
                Verdict::Crash => Verdict::LoseResponse,
                verdict => verdict,
            };
        };
        let named = Call {
            caller: function,
            ..call.clone()
        };
        let verdict = match origin {
            Some(origin) => origin.within(asked(named)).await,
            None => asked(named).await,
        };
        match (&verdict, &self.functions) {
            (Verdict::Hang, Callers::Processes(host)) => {
                host.release_custody(&call.caller);
            }
            (Verdict::Crash, Callers::Processes(host)) => {
                host.kill(&call.caller);
            }
            (Verdict::Crash, Callers::InProcess(_)) => {
                kill_caller();
            }
            // A handler in this process holds a guard only while it can go on.
            _ => {}
        }
        verdict
    }
}

#[async_trait]
impl Interceptor for Interception {
    async fn before(&self, call: &Call) -> Verdict {
        self.ask(call, None).await
    }

    async fn after(&self, call: &Call, status: StatusCode) -> Verdict {
        self.ask(call, Some(status)).await
    }
}
