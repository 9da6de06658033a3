//! Conditions of requests: what must hold for a write, a delete or a read to take place.

use jiff::Timestamp;

use super::error::S3Error;
use super::index::Record;

/// What must hold for a write or a delete. The check and the effect are one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    Always,
    /// There is no object yet: `If-None-Match: *`.
    IfAbsent,
    /// There is an object: `If-Match: *`.
    IfPresent,
    /// The object has this entity tag (without quotes): `If-Match: "…"`.
    IfMatch(String),
}

impl Condition {
    /// `current` is the entity tag of the object, if there is one; it may be anything unless a tag is asked for.
    pub(super) fn check_write(
        &self,
        bucket: &str,
        key: &str,
        current: Option<&str>,
    ) -> Result<(), S3Error> {
        match (self, current) {
            (Condition::Always, _)
            | (Condition::IfAbsent, None)
            | (Condition::IfPresent, Some(_)) => Ok(()),
            (Condition::IfMatch(expected), Some(current)) if expected == current => Ok(()),
            (Condition::IfAbsent, Some(_)) => Err(failed(bucket, key, "If-None-Match")),
            // S3 answers 404 when there is nothing to match.
            (Condition::IfPresent | Condition::IfMatch(_), None) => {
                Err(S3Error::no_key(bucket, key))
            }
            (Condition::IfMatch(_), Some(_)) => Err(failed(bucket, key, "If-Match")),
        }
    }

    /// As [`Condition::check_write`], for a delete: nothing to match is a failed condition there.
    pub(super) fn check_delete(
        &self,
        bucket: &str,
        key: &str,
        current: Option<&str>,
    ) -> Result<(), S3Error> {
        match (self, current) {
            (Condition::IfPresent | Condition::IfMatch(_), None) => {
                Err(failed(bucket, key, "If-Match"))
            }
            _ => self.check_write(bucket, key, current),
        }
    }
}

/// What must hold for a read, and for the source of a copy.
#[derive(Debug, Clone, Default)]
pub struct ReadConditions {
    /// The object has one of these entity tags; `*` is any.
    pub if_match: Option<String>,
    /// The object has another entity tag; `*` is none.
    pub if_none_match: Option<String>,
    /// It was modified after this time. Not looked at beside `if_none_match`.
    pub if_modified_since: Option<Timestamp>,
    /// It was not modified after this time. Not looked at beside `if_match`.
    pub if_unmodified_since: Option<Timestamp>,
}

impl ReadConditions {
    pub(super) fn check(&self, bucket: &str, key: &str, record: &Record) -> Result<(), S3Error> {
        let matches = |tag: &str| tag == "*" || tag == record.etag;
        if let Some(tag) = &self.if_match {
            if !matches(tag) {
                return Err(failed(bucket, key, "If-Match"));
            }
        } else if self
            .if_unmodified_since
            .is_some_and(|time| record.last_modified > time)
        {
            return Err(failed(bucket, key, "If-Unmodified-Since"));
        }
        let not_modified = match &self.if_none_match {
            Some(tag) => matches(tag),
            None => self
                .if_modified_since
                .is_some_and(|time| record.last_modified <= time),
        };
        if not_modified {
            return Err(S3Error::NotModified {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            });
        }
        Ok(())
    }
}

fn failed(bucket: &str, key: &str, condition: &'static str) -> S3Error {
    S3Error::PreconditionFailed {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        condition,
    }
}
