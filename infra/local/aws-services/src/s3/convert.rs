//! Between the protocol's types and ours: conditions, attributes, errors, times and encoded keys.

use std::fmt::Write as _;
use std::time::SystemTime;

use jiff::Timestamp;
use s3s::dto::{self, ETag, ETagCondition};
use s3s::{S3ErrorCode, S3Result};

use super::condition::{Condition, ReadConditions};
use super::error::S3Error;
use super::index::Attributes;
use super::objects::{ByteRange, ObjectHead};

impl From<S3Error> for s3s::S3Error {
    fn from(error: S3Error) -> Self {
        let code =
            S3ErrorCode::from_bytes(error.code().as_bytes()).unwrap_or(S3ErrorCode::InternalError);
        let mut answer = s3s::S3Error::with_message(code, error.to_string());
        answer.set_status_code(error.status());
        answer
    }
}

pub(super) fn time(timestamp: Timestamp) -> dto::Timestamp {
    dto::Timestamp::from(SystemTime::from(timestamp))
}

/// A time of a request, to the second.
pub(super) fn timestamp(time: &dto::Timestamp) -> S3Result<Timestamp> {
    let wrong = || S3Error::InvalidArgument {
        message: "a date of the request is not valid".to_owned(),
    };
    let mut text = Vec::new();
    time.format(dto::TimestampFormat::EpochSeconds, &mut text)
        .map_err(|_| wrong())?;
    let seconds = String::from_utf8_lossy(&text);
    let whole = seconds.split('.').next().unwrap_or_default();
    let seconds = whole.parse().map_err(|_| wrong())?;
    Ok(Timestamp::from_second(seconds).map_err(|_| wrong())?)
}

pub(super) fn etag(head: &ObjectHead) -> ETag {
    ETag::Strong(head.etag.clone())
}

fn tag(condition: &ETagCondition) -> String {
    match condition {
        ETagCondition::Any => "*".to_owned(),
        ETagCondition::ETag(etag) => etag.value().to_owned(),
    }
}

pub(super) fn read_conditions(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
    if_modified_since: Option<&dto::Timestamp>,
    if_unmodified_since: Option<&dto::Timestamp>,
) -> S3Result<ReadConditions> {
    Ok(ReadConditions {
        if_match: if_match.map(tag),
        if_none_match: if_none_match.map(tag),
        if_modified_since: if_modified_since.map(timestamp).transpose()?,
        if_unmodified_since: if_unmodified_since.map(timestamp).transpose()?,
    })
}

/// S3 takes only `*` for If-None-Match, and not both conditions.
pub(super) fn write_condition(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> Result<Condition, S3Error> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::Always),
        (Some(ETagCondition::Any), None) => Ok(Condition::IfPresent),
        (Some(ETagCondition::ETag(etag)), None) => Ok(Condition::IfMatch(etag.value().to_owned())),
        (None, Some(ETagCondition::Any)) => Ok(Condition::IfAbsent),
        (None, Some(ETagCondition::ETag(_))) => Err(S3Error::NotImplemented {
            what: "If-None-Match with anything but * on a write".to_owned(),
        }),
        (Some(_), Some(_)) => Err(S3Error::NotImplemented {
            what: "If-Match and If-None-Match on one write".to_owned(),
        }),
    }
}

pub(super) fn range(range: dto::Range) -> ByteRange {
    match range {
        dto::Range::Int { first, last } => ByteRange::From { first, last },
        dto::Range::Suffix { length } => ByteRange::Last(length),
    }
}

/// `bytes=0-99` of an UploadPartCopy.
pub(super) fn copy_range(text: &str, size: u64) -> Result<std::ops::Range<u64>, S3Error> {
    let parsed = text
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
        .and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    match parsed {
        Some((first, last)) if first <= last && last < size => Ok(first..last + 1),
        Some(_) => Err(S3Error::InvalidRange { size }),
        None => Err(S3Error::InvalidArgument {
            message: format!(
                "the x-amz-copy-source-range {text:?} must be of the form bytes=first-last"
            ),
        }),
    }
}

/// The headers that a writer may send, from any of the inputs that have them.
macro_rules! attributes_of {
    ($input:expr) => {
        $crate::s3::index::Attributes {
            content_type: $input.content_type.clone(),
            content_encoding: $input
                .content_encoding
                .clone()
                .filter(|coding| !coding.is_empty()),
            content_disposition: $input.content_disposition.clone(),
            content_language: $input.content_language.clone(),
            cache_control: $input.cache_control.clone(),
            server_side_encryption: $input
                .server_side_encryption
                .as_ref()
                .map(|one| one.as_str().to_owned()),
            kms_key_id: $input.ssekms_key_id.clone(),
            storage_class: $input
                .storage_class
                .as_ref()
                .map(|one| one.as_str().to_owned()),
            metadata: $input
                .metadata
                .clone()
                .unwrap_or_default()
                .into_iter()
                .collect(),
        }
    };
}

/// Refuses, by name, headers that AWS would obey and this runtime does not.
macro_rules! refuse {
    ($input:expr, $($field:ident => $name:literal),+ $(,)?) => {
        $(
            if $input.$field.is_some() {
                return Err($crate::s3::S3Error::NotImplemented { what: $name.to_owned() }.into());
            }
        )+
    };
}

/// What all writes refuse.
macro_rules! refuse_on_writes {
    ($input:expr) => {
        refuse!(
            $input,
            grant_full_control => "x-amz-grant-full-control",
            grant_read => "x-amz-grant-read",
            grant_read_acp => "x-amz-grant-read-acp",
            grant_write_acp => "x-amz-grant-write-acp",
            expires => "Expires",
            object_lock_legal_hold_status => "x-amz-object-lock-legal-hold",
            object_lock_mode => "x-amz-object-lock-mode",
            object_lock_retain_until_date => "x-amz-object-lock-retain-until-date",
            sse_customer_algorithm => "x-amz-server-side-encryption-customer-algorithm",
            tagging => "x-amz-tagging",
            website_redirect_location => "x-amz-website-redirect-location",
        );
        if let Some(acl) = &$input.acl
            && !matches!(acl.as_str(), "private" | "bucket-owner-full-control")
        {
            let what = format!("x-amz-acl: {}", acl.as_str());
            return Err($crate::s3::S3Error::NotImplemented { what }.into());
        }
    };
}

/// What a request states about its body.
macro_rules! expected_of {
    ($input:expr) => {
        $crate::s3::staging::Expected {
            length: $input
                .content_length
                .and_then(|length| u64::try_from(length).ok()),
            md5: $input.content_md5.clone(),
            crc32: $input.checksum_crc32.clone(),
            crc32c: $input.checksum_crc32c.clone(),
            crc64nvme: $input.checksum_crc64nvme.clone(),
            sha1: $input.checksum_sha1.clone(),
            sha256: $input.checksum_sha256.clone(),
        }
    };
}

pub(super) use {attributes_of, expected_of, refuse, refuse_on_writes};

/// Metadata as the protocol has it; `None` when there is none.
pub(super) fn metadata(attributes: &Attributes) -> Option<dto::Metadata> {
    let entries = attributes.metadata.iter();
    let metadata: dto::Metadata = entries
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    (!metadata.is_empty()).then_some(metadata)
}

/// How keys are written in a listing: as they are, or `%XX` where the request asks for it.
#[derive(Clone, Copy)]
pub(super) struct Encoding {
    url: bool,
}

impl Encoding {
    pub(super) fn asked(encoding: Option<&dto::EncodingType>) -> Self {
        Self {
            url: encoding.is_some_and(|encoding| encoding.as_str() == dto::EncodingType::URL),
        }
    }

    pub(super) fn write(self, text: &str) -> String {
        if !self.url {
            return text.to_owned();
        }
        let mut encoded = String::with_capacity(text.len());
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/' | b'*')
            {
                encoded.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
        encoded
    }
}
