//! Where faults get in: every call of every service, from the wire or from another service, asks an [`Interceptor`]
//! before its effect and again after it.

use async_trait::async_trait;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use crate::failure::ServiceError;

/// A call to a service, as an interceptor sees it.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// The service's name as SigV4 has it: `s3`, `elasticmapreduce`, `states`, `sns`, `events`, `scheduler`, `lambda`, `sts`.
    pub service: String,
    /// The action as AWS names it, such as `RunJobFlow` or `PutObject`.
    pub action: String,
    /// The access key of the request; for a call from within, the service that makes it (`states`, `events`, `scheduler`).
    pub caller: String,
    /// The request's members. For S3: `Bucket` and `Key`.
    pub request: Value,
}

/// What becomes of a call.
#[derive(Debug, Clone, Default)]
pub enum Verdict {
    /// Go on.
    #[default]
    Pass,
    /// Answer with this error. After the effect it hides that the effect took place.
    Fail(ServiceError),
    /// Close the connection without an answer.
    LoseResponse,
    /// Never answer; the client has to give up by itself.
    Hang,
    /// The process that made the call dies. Who runs functions sees to that; to the service it is as [`Verdict::Hang`].
    Crash,
}

/// Decides about calls. The default passes everything.
#[async_trait]
pub trait Interceptor: Send + Sync + 'static {
    /// Asked before the effect. Anything but [`Verdict::Pass`] prevents it.
    async fn before(&self, _call: &Call) -> Verdict {
        Verdict::Pass
    }

    /// Asked after the effect, with the status that the service would answer.
    async fn after(&self, _call: &Call, _status: StatusCode) -> Verdict {
        Verdict::Pass
    }
}

/// Lets everything pass.
#[derive(Debug, Default, Clone, Copy)]
pub struct PassEverything;

impl Interceptor for PassEverything {}
