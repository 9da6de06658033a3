//! Buckets: creating, naming and deleting them.

use jiff::Timestamp;

use super::S3;
use super::error::S3Error;
use super::list::is_empty;

/// A bucket and its age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketSummary {
    /// Its name.
    pub name: String,
    /// When it was created, in pipeline time.
    pub created: Timestamp,
}

impl S3 {
    /// Creates a bucket. Creating one's own again is harmless in us-east-1 and an error elsewhere, as on AWS.
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), S3Error> {
        if self.store.create_bucket(bucket)? || self.region == "us-east-1" {
            return Ok(());
        }
        Err(S3Error::BucketAlreadyOwnedByYou {
            bucket: bucket.to_owned(),
        })
    }

    /// Fails when there is no such bucket.
    pub async fn head_bucket(&self, bucket: &str) -> Result<(), S3Error> {
        self.store.with(bucket, |_| Ok(()))
    }

    /// Deletes an empty bucket.
    pub async fn delete_bucket(&self, bucket: &str) -> Result<(), S3Error> {
        self.head_bucket(bucket).await?;
        self.store.delete_bucket(bucket, is_empty)
    }

    /// All buckets, in the order of their names.
    pub async fn list_buckets(&self) -> Vec<BucketSummary> {
        let names = self.store.bucket_names().into_iter();
        names
            .map(|(name, created)| BucketSummary { name, created })
            .collect()
    }
}
