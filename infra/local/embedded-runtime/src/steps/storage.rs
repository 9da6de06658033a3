//! The bucket as steps see it. Every call can be hit by faults, as if it came from the cluster over the wire; what AWS's
//! clients try again is tried again here.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use aws_services::context::{CallFailure, Context};
use aws_services::interceptor::Call;
use aws_services::s3::{Condition, ListRequest, Listing, PutOptions, ReadConditions, S3, S3Error};
use aws_services::{ServiceError, Services};

use super::failure::CommandFailure;

/// Attempts at one call, as EMR's file system makes them.
const ATTEMPTS: usize = 5;

/// The bucket, once the services are there.
#[derive(Default)]
pub(super) struct Storage {
    connected: OnceLock<(Context, Arc<S3>)>,
}

/// `s3://bucket/key`, in its parts. The key may be a prefix, and may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) bucket: String,
    pub(super) key: String,
}

impl Address {
    /// Reads an address; anything but S3 is refused by name.
    pub(super) fn parse(text: &str) -> Result<Self, CommandFailure> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        if !matches!(scheme, "s3" | "s3a" | "s3n") {
            return Err(CommandFailure::new(format!(
                "the local runtime supports only s3:// addresses, not {text:?}"
            )));
        }
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(CommandFailure::new(format!("{text:?} names no bucket")));
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }

    pub(super) fn is(text: &str) -> bool {
        text.contains("://")
    }

    /// The same bucket, another key.
    pub(super) fn with_key(&self, key: impl Into<String>) -> Self {
        Self {
            bucket: self.bucket.clone(),
            key: key.into(),
        }
    }

    /// The key as a folder: empty, or with a `/` at its end.
    pub(super) fn folder(&self) -> Self {
        if self.key.is_empty() || self.key.ends_with('/') {
            self.clone()
        } else {
            self.with_key(format!("{}/", self.key))
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.key)
    }
}

/// What is known of an object that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) key: String,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) last_modified: jiff::Timestamp,
}

type Attempt<'a, T> = Pin<Box<dyn Future<Output = Result<T, S3Error>> + Send + 'a>>;

impl Storage {
    pub(super) fn connect(&self, services: &Services) {
        // A second connection would be to the same services.
        let _ = self
            .connected
            .set((services.context.clone(), Arc::clone(&services.s3)));
    }

    #[cfg(test)]
    pub(super) fn s3(&self) -> &Arc<S3> {
        &self.connected.get().unwrap().1
    }

    async fn call<'a, T>(
        &'a self,
        action: &str,
        address: &Address,
        attempt: impl Fn(&'a S3) -> Attempt<'a, T>,
    ) -> Result<T, ServiceError> {
        let Some((context, s3)) = self.connected.get() else {
            return Err(ServiceError::internal(
                "the step commands are not connected to any services",
            ));
        };
        let call = Call {
            service: "s3".to_owned(),
            action: action.to_owned(),
            caller: "elasticmapreduce".to_owned(),
            request: serde_json::json!({"Bucket": address.bucket, "Key": address.key}),
        };
        let mut last = ServiceError::internal(format!("no answer to {action} of {address}"));
        for _ in 0..ATTEMPTS {
            let effect = async { attempt(s3).await.map_err(ServiceError::from) };
            match context.intercepted(&call, effect).await {
                Ok(done) => return Ok(done),
                Err(CallFailure::Answered(error)) if error.status.is_server_error() => last = error,
                Err(CallFailure::Answered(error)) => return Err(error),
                // The client's own timeout is far below a step's.
                Err(CallFailure::ConnectionLost | CallFailure::Hang) => {}
            }
        }
        Err(last)
    }

    /// One page of the objects below a prefix, from behind `after`; and where the next page begins.
    pub(super) async fn page(
        &self,
        prefix: &Address,
        after: Option<String>,
    ) -> Result<(Vec<Found>, Option<String>), CommandFailure> {
        let request = ListRequest {
            prefix: prefix.key.clone(),
            after,
            ..ListRequest::default()
        };
        let listing: Listing = self
            .call("ListObjectsV2", prefix, |s3| {
                let (bucket, request) = (prefix.bucket.clone(), request.clone());
                Box::pin(async move { s3.list(&bucket, &request).await })
            })
            .await
            .map_err(|error| failed("ListObjectsV2", prefix, &error))?;
        let found = listing.objects.into_iter().map(|head| Found {
            key: head.key,
            size: head.size,
            etag: head.etag,
            last_modified: head.last_modified,
        });
        Ok((found.collect(), listing.next))
    }

    /// What is known of an object; `None` if there is none.
    pub(super) async fn head(&self, address: &Address) -> Result<Option<Found>, CommandFailure> {
        let result = self
            .call("HeadObject", address, |s3| {
                let address = address.clone();
                Box::pin(async move { s3.head(&address.bucket, &address.key).await })
            })
            .await;
        match result {
            Ok(head) => Ok(Some(Found {
                key: head.key,
                size: head.size,
                etag: head.etag,
                last_modified: head.last_modified,
            })),
            Err(error) if error.code == "NoSuchKey" => Ok(None),
            Err(error) => Err(failed("HeadObject", address, &error)),
        }
    }

    /// The whole content of an object that is known to be small.
    pub(super) async fn read(&self, address: &Address) -> Result<bytes::Bytes, CommandFailure> {
        self.call("GetObject", address, |s3| {
            let address = address.clone();
            Box::pin(async move { s3.get(&address.bucket, &address.key).await?.into_bytes() })
        })
        .await
        .map_err(|error| failed("GetObject", address, &error))
    }

    pub(super) async fn write(
        &self,
        address: &Address,
        content: Vec<u8>,
    ) -> Result<(), CommandFailure> {
        let content = bytes::Bytes::from(content);
        self.call("PutObject", address, |s3| {
            let (address, content) = (address.clone(), content.clone());
            Box::pin(async move {
                let put = s3.put(
                    &address.bucket,
                    &address.key,
                    &content,
                    PutOptions::default(),
                );
                put.await.map(drop)
            })
        })
        .await
        .map_err(|error| failed("PutObject", address, &error))
    }

    /// Copies an object as it was when it was found. `false` if it has been changed or removed since.
    pub(super) async fn copy(
        &self,
        source: &Address,
        etag: &str,
        target: &Address,
    ) -> Result<bool, CommandFailure> {
        let conditions = ReadConditions {
            if_match: Some(etag.to_owned()),
            ..ReadConditions::default()
        };
        let result = self
            .call("CopyObject", target, |s3| {
                let (source, target, conditions) =
                    (source.clone(), target.clone(), conditions.clone());
                Box::pin(async move {
                    let from = (source.bucket.as_str(), source.key.as_str());
                    let to = (target.bucket.as_str(), target.key.as_str());
                    s3.copy(from, to, &conditions, None, Condition::Always)
                        .await
                        .map(drop)
                })
            })
            .await;
        match result {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.code.as_str(), "PreconditionFailed" | "NoSuchKey") => {
                Ok(false)
            }
            Err(error) => Err(failed("CopyObject", target, &error)),
        }
    }

    /// Deletes an object if it is still what was found. `false` if it has been changed since.
    pub(super) async fn delete(
        &self,
        address: &Address,
        etag: Option<&str>,
    ) -> Result<bool, CommandFailure> {
        let condition = etag.map_or(Condition::Always, |etag| {
            Condition::IfMatch(etag.to_owned())
        });
        let result = self
            .call("DeleteObject", address, |s3| {
                let (address, condition) = (address.clone(), condition.clone());
                Box::pin(async move {
                    s3.delete(&address.bucket, &address.key, &condition)
                        .await
                        .map(drop)
                })
            })
            .await;
        match result {
            Ok(()) => Ok(true),
            Err(error) if error.code == "PreconditionFailed" => {
                // Nothing to match means that it has gone, which is what was wanted.
                Ok(self.head(address).await?.is_none())
            }
            Err(error) => Err(failed("DeleteObject", address, &error)),
        }
    }
}

fn failed(action: &str, address: &Address, error: &ServiceError) -> CommandFailure {
    CommandFailure::new(format!(
        "{action} of {address} failed: {} (Service: Amazon S3; Status Code: {}; Error Code: {})",
        error.message,
        error.status.as_u16(),
        error.code
    ))
}
