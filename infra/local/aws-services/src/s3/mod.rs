//! Objects: S3's REST protocol over plain files at `<root>/s3/<bucket>/<key>`. The gateway hands it requests; Step
//! Functions' S3 integration calls the same operations in process.

use std::sync::Arc;

use crate::context::Context;
use crate::failure::StartError;
use crate::gateway::Body;

/// The object store.
pub struct S3 {}

impl S3 {
    /// Opens the store on `<root>/s3`.
    pub(crate) fn open(_context: &Context) -> Result<Arc<Self>, StartError> {
        Ok(Arc::new(Self {}))
    }

    /// The operation that a request asks for, as AWS names it (`PutObject`), and its bucket and key, for interceptors.
    pub(crate) fn describe(&self, request: &http::request::Parts) -> (String, serde_json::Value) {
        let _ = request;
        ("Unknown".to_owned(), serde_json::Value::Null)
    }

    /// Answers one request.
    pub(crate) async fn handle(&self, request: http::Request<Body>) -> http::Response<Body> {
        drop(request);
        http::Response::new(Body::empty())
    }
}
