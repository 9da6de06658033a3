//! What can go wrong with buckets and objects, with S3's own codes. The wire and Step Functions' S3 integration show the
//! codes to their callers.

use std::path::{Path, PathBuf};

use http::StatusCode;

use crate::failure::ServiceError;

/// Why an operation on buckets or objects failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum S3Error {
    /// There is no such bucket.
    #[error("the specified bucket does not exist: {bucket}")]
    NoSuchBucket {
        /// Which one.
        bucket: String,
    },
    /// There is no such object.
    #[error("the specified key does not exist: s3://{bucket}/{key}")]
    NoSuchKey {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
    },
    /// A condition of the request does not hold.
    #[error("the condition {condition} does not hold for s3://{bucket}/{key}")]
    PreconditionFailed {
        /// The object's bucket.
        bucket: String,
        /// The object's key.
        key: String,
        /// The header, such as `If-None-Match`.
        condition: &'static str,
    },
    /// A conditional read found nothing new.
    #[error("s3://{bucket}/{key} is not modified")]
    NotModified {
        /// The object's bucket.
        bucket: String,
        /// The object's key.
        key: String,
    },
    /// The requested range lies outside the object.
    #[error("the requested range is not satisfiable: the object has {size} bytes")]
    InvalidRange {
        /// Bytes in the object.
        size: u64,
    },
    /// S3 does not allow such a bucket name.
    #[error("the bucket name is not valid: {bucket}")]
    InvalidBucketName {
        /// The name.
        bucket: String,
    },
    /// The bucket exists, and belongs to the caller.
    #[error("the bucket exists already and is yours: {bucket}")]
    BucketAlreadyOwnedByYou {
        /// Which one.
        bucket: String,
    },
    /// Only an empty bucket can be deleted.
    #[error("the bucket to be deleted is not empty: {bucket}")]
    BucketNotEmpty {
        /// Which one.
        bucket: String,
    },
    /// The location of a bucket to be created is not this runtime's region.
    #[error("the location constraint {location} does not fit the region {region}")]
    IllegalLocation {
        /// What the request says.
        location: String,
        /// Where the runtime is.
        region: String,
    },
    /// A key that cannot be an object's: empty, too long, or with segments that leave the bucket's folder.
    #[error("the key {key:?} is not allowed: {reason}")]
    InvalidKey {
        /// The key.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An argument has a wrong value.
    #[error("{message}")]
    InvalidArgument {
        /// Which argument and why.
        message: String,
    },
    /// S3 has this and the local runtime does not.
    #[error("the local runtime does not support {what}")]
    NotImplemented {
        /// The header or member.
        what: String,
    },
    /// There is no such multipart upload, or it has ended.
    #[error("the specified multipart upload does not exist: {upload}")]
    NoSuchUpload {
        /// Its id.
        upload: String,
    },
    /// A part of a completed upload is missing or is not what was uploaded.
    #[error("part {part} of upload {upload} was not found or has another entity tag")]
    InvalidPart {
        /// The upload's id.
        upload: String,
        /// The part's number.
        part: i32,
    },
    /// Parts of a completed upload are not in ascending order.
    #[error("the parts of upload {upload} are not in ascending order")]
    InvalidPartOrder {
        /// The upload's id.
        upload: String,
    },
    /// A part other than the last is smaller than S3 allows.
    #[error("part {part} of upload {upload} is smaller than 5 MiB and not the last")]
    EntityTooSmall {
        /// The upload's id.
        upload: String,
        /// The part's number.
        part: i32,
    },
    /// The body does not have the digest that the request states.
    #[error("the {algorithm} you specified did not match what was received")]
    BadDigest {
        /// Such as `Content-MD5` or `CRC32`.
        algorithm: &'static str,
    },
    /// The body ended early, is longer than stated, or is not chunked as it claims.
    #[error("the request's body could not be read: {reason}")]
    IncompleteBody {
        /// What happened.
        reason: String,
    },
    /// The disk failed: full or read-only, for example.
    #[error("cannot use {path}: {source}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl S3Error {
    /// S3's code, such as `NoSuchKey`.
    pub fn code(&self) -> &'static str {
        match self {
            S3Error::NoSuchBucket { .. } => "NoSuchBucket",
            S3Error::NoSuchKey { .. } => "NoSuchKey",
            S3Error::PreconditionFailed { .. } => "PreconditionFailed",
            S3Error::NotModified { .. } => "NotModified",
            S3Error::InvalidRange { .. } => "InvalidRange",
            S3Error::InvalidBucketName { .. } => "InvalidBucketName",
            S3Error::BucketAlreadyOwnedByYou { .. } => "BucketAlreadyOwnedByYou",
            S3Error::BucketNotEmpty { .. } => "BucketNotEmpty",
            S3Error::IllegalLocation { .. } => "IllegalLocationConstraintException",
            S3Error::InvalidKey { .. } | S3Error::InvalidArgument { .. } => "InvalidArgument",
            S3Error::NotImplemented { .. } => "NotImplemented",
            S3Error::NoSuchUpload { .. } => "NoSuchUpload",
            S3Error::InvalidPart { .. } => "InvalidPart",
            S3Error::InvalidPartOrder { .. } => "InvalidPartOrder",
            S3Error::EntityTooSmall { .. } => "EntityTooSmall",
            S3Error::BadDigest { .. } => "BadDigest",
            S3Error::IncompleteBody { .. } => "IncompleteBody",
            S3Error::Io { .. } => "InternalError",
        }
    }

    /// The HTTP status that goes with the code.
    pub fn status(&self) -> StatusCode {
        match self {
            S3Error::NoSuchBucket { .. }
            | S3Error::NoSuchKey { .. }
            | S3Error::NoSuchUpload { .. } => StatusCode::NOT_FOUND,
            S3Error::PreconditionFailed { .. } => StatusCode::PRECONDITION_FAILED,
            S3Error::NotModified { .. } => StatusCode::NOT_MODIFIED,
            S3Error::InvalidRange { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            S3Error::BucketAlreadyOwnedByYou { .. } | S3Error::BucketNotEmpty { .. } => {
                StatusCode::CONFLICT
            }
            S3Error::NotImplemented { .. } => StatusCode::NOT_IMPLEMENTED,
            S3Error::Io { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(super) fn io(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> S3Error {
        move |source| S3Error::Io {
            path: path.as_ref().to_owned(),
            source,
        }
    }

    pub(super) fn no_key(bucket: &str, key: &str) -> S3Error {
        S3Error::NoSuchKey {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        }
    }
}

impl From<S3Error> for ServiceError {
    fn from(error: S3Error) -> Self {
        ServiceError::new(error.code(), error.to_string()).with_status(error.status())
    }
}
