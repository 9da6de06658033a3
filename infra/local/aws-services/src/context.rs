//! What every service shares: clock, dice, names of region and account, the folder for state, observer and interceptor.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use http::StatusCode;
use virtual_time::{Clock, Entropy};

use crate::documents::Documents;
use crate::failure::{ServiceError, StartError};
use crate::interceptor::{Call, Interceptor, Verdict};
use crate::observer::{Observer, Occurrence};

/// Shared by all services; clones are cheap and the same.
#[derive(Clone)]
pub struct Context {
    /// Pipeline time.
    pub clock: Clock,
    /// Where ids come from.
    pub entropy: Entropy,
    /// Such as `us-east-1`.
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// The runtime's folder; objects are under `s3/`, service state under `services/`.
    pub root: PathBuf,
    observer: Arc<dyn Observer>,
    interceptor: Arc<dyn Interceptor>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "Context({}, {})",
            self.region,
            self.root.display()
        )
    }
}

/// How an intercepted call ended for its caller.
#[derive(Debug)]
pub enum CallFailure {
    /// The service answered with an error.
    Answered(ServiceError),
    /// There was no answer; the effect may or may not have taken place.
    ConnectionLost,
    /// There never will be an answer. The caller lets go of its `Work` guard and waits for something else.
    Hang,
}

impl Context {
    pub(crate) fn new(
        clock: Clock,
        entropy: Entropy,
        region: String,
        account: String,
        root: PathBuf,
        observer: Arc<dyn Observer>,
        interceptor: Arc<dyn Interceptor>,
    ) -> Self {
        Self {
            clock,
            entropy,
            region,
            account,
            root,
            observer,
            interceptor,
        }
    }

    /// Tells the observer, now.
    pub fn observe(&self, occurrence: Occurrence) {
        self.observer.observe(self.clock.now(), occurrence);
    }

    /// `arn:aws:<service>:<region>:<account>:<resource>`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:aws:{service}:{}:{}:{resource}",
            self.region, self.account
        )
    }

    /// The folder `<root>/services/<service>`, created if missing.
    pub fn documents(&self, service: &str) -> Result<Documents, StartError> {
        Documents::open(self.root.join("services").join(service))
    }

    pub(crate) fn interceptor(&self) -> &dyn Interceptor {
        &*self.interceptor
    }

    /// A call from one service to another, which faults can hit as if it came over the wire.
    pub async fn intercepted<T>(
        &self,
        call: &Call,
        effect: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<T, CallFailure> {
        obey(self.interceptor.before(call).await)?;
        let result = effect.await;
        let status = match &result {
            Ok(_) => StatusCode::OK,
            Err(error) => error.status,
        };
        obey(self.interceptor.after(call, status).await)?;
        result.map_err(CallFailure::Answered)
    }
}

/// What a verdict means for the one who asked.
pub(crate) fn obey(verdict: Verdict) -> Result<(), CallFailure> {
    match verdict {
        Verdict::Pass => Ok(()),
        Verdict::Fail(error) => Err(CallFailure::Answered(error)),
        Verdict::LoseResponse => Err(CallFailure::ConnectionLost),
        Verdict::Hang | Verdict::Crash => Err(CallFailure::Hang),
    }
}
