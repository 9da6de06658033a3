//! Faults and custody: when a function's call is never to be answered, its invocation must let go of the clock, or
//! pipeline time could not jump to its timeout.

use std::sync::Arc;

use async_trait::async_trait;
use aws_services::{Call, Interceptor, Verdict};
use http::StatusCode;
use lambda_host::Host;

/// Passes the questions on, and acts on the answer "hang".
pub(crate) struct LetGo {
    next: Arc<dyn Interceptor>,
    host: Option<Host>,
}

impl LetGo {
    pub(crate) fn new(next: Arc<dyn Interceptor>, host: Option<Host>) -> Self {
        Self { next, host }
    }

    fn act_on(&self, call: &Call, verdict: Verdict) -> Verdict {
        if matches!(verdict, Verdict::Hang) {
            // A handler in this process holds a guard only while it can go on.
            if let Some(host) = &self.host {
                host.release_custody(&call.caller);
            }
        }
        verdict
    }
}

#[async_trait]
impl Interceptor for LetGo {
    async fn before(&self, call: &Call) -> Verdict {
        self.act_on(call, self.next.before(call).await)
    }

    async fn after(&self, call: &Call, status: StatusCode) -> Verdict {
        self.act_on(call, self.next.after(call, status).await)
    }
}
