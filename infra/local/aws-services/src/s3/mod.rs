//! Objects: S3's REST protocol over plain files at `<root>/s3/<bucket>/<key>`. The gateway hands it requests; Step
//! Functions' S3 integration and the step commands call the same operations in process.
//!
//! * [`objects`], [`list`], [`multipart`], [`buckets`]: the operations of [`S3`], for callers in this process.
//! * [`condition`]: conditional reads, writes and deletes. [`error`]: what can go wrong, with S3's codes.
//! * [`key`]: which file holds an object; [`store`]: finding, placing and removing those files under one lock;
//!   [`index`]: entity tags, times and headers; [`staging`]: bodies on their way in.
//! * [`wire`], [`wire_multipart`], [`convert`]: S3's protocol, on the `s3s` crate; [`request`]: what happens to a request before it gets there
//!   (signatures, [`chunked`] bodies); [`operation`]: which operation a request asks for.
//!
//! Files that others write into a bucket's folder are objects at once: their entity tag is computed when somebody first
//! looks, and that moment is their LastModified.

mod buckets;
mod chunked;
mod condition;
mod convert;
mod error;
mod index;
mod key;
mod list;
mod multipart;
mod objects;
mod operation;
mod request;
mod staging;
mod store;
mod wire;
mod wire_multipart;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use virtual_time::Entropy;

use crate::context::Context;
use crate::failure::StartError;
use crate::gateway::Body;
use staging::Staging;
use store::Store;

pub use buckets::BucketSummary;
pub use condition::{Condition, ReadConditions};
pub use error::S3Error;
pub use index::Attributes;
pub use list::{ListRequest, Listing};
pub use objects::{ByteRange, Object, ObjectHead, PutOptions};

/// The object store.
#[derive(Debug)]
pub struct S3 {
    store: Store,
    staging: Staging,
    entropy: Entropy,
    region: String,
}

impl S3 {
    /// Opens the store on `<root>/s3`.
    pub(crate) fn open(context: &Context) -> Result<Arc<Self>, StartError> {
        let documents = context.documents("s3")?;
        let staging = Staging::open(documents.path().join("incoming"))?;
        let store = Store::open(
            context.clock.clone(),
            context.root.join("s3"),
            documents.folder("buckets")?,
        )?;
        Ok(Arc::new(Self {
            store,
            staging,
            entropy: context.entropy.clone(),
            region: context.region.clone(),
        }))
    }

    /// The folder whose files are the bucket's objects.
    pub fn bucket_folder(&self, bucket: &str) -> PathBuf {
        self.store.bucket_folder(bucket)
    }

    /// The operation that a request asks for, as AWS names it (`PutObject`), and its bucket and key, for interceptors.
    pub(crate) fn describe(&self, request: &http::request::Parts) -> (String, serde_json::Value) {
        operation::describe(request)
    }

    /// Answers one request.
    pub(crate) async fn handle(
        self: &Arc<Self>,
        request: http::Request<Body>,
    ) -> http::Response<Body> {
        wire::answer(self, request).await
    }
}
