//! Conditional reads and writes of the state-info document in S3. Every change names the version that it replaces, so of
//! two runs exactly one succeeds. Called by the three state-info functions.

use aws_sdk_s3::primitives::ByteStream;

use crate::shared::clients::{Clients, EnvironmentMissing};
use crate::shared::errors::{CallError, ErrorType, Typed};
use crate::shared::state_info::{Content, StateInfo};

const GET_OBJECT: &str = "s3:GetObject";
const PUT_OBJECT: &str = "s3:PutObject";
const DELETE_OBJECT: &str = "s3:DeleteObject";

/// Why the document could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The function does not know where it is.
    #[error(transparent)]
    Environment(#[from] EnvironmentMissing),
    /// Its bucket does not exist.
    #[error("the bucket of the state info {0} does not exist")]
    BucketMissing(String),
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Typed for StoreError {
    fn error_type(&self) -> ErrorType {
        match self {
            Self::Environment(error) => error.error_type(),
            Self::BucketMissing(_) => ErrorType::StateInfoMissing,
            Self::Call(error) => error.error_type(),
        }
    }
}

/// What is stored, with the version that a change must name.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) content: Content,
    pub(crate) etag: String,
}

/// The outcome of a conditional change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Done; the new version, where there is one.
    Made(String),
    /// The document is no longer the one that was named.
    Overtaken,
    /// Another change is in progress; S3 asks to try again.
    Busy,
}

/// The document's place.
#[derive(Debug)]
pub(crate) struct Store<'a> {
    clients: &'a Clients,
    bucket: &'a str,
    key: &'a str,
}

impl<'a> Store<'a> {
    /// As the function's environment says.
    pub(crate) fn of(clients: &'a Clients) -> Result<Self, StoreError> {
        let environment = clients.environment();
        Ok(Self {
            clients,
            bucket: environment.require("State_Info_File_S3_Bucket")?,
            key: environment.require("State_Info_File_S3_Key")?,
        })
    }

    /// `s3://bucket/key`, for messages.
    pub(crate) fn address(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// What is there now, if anything is.
    pub(crate) async fn read(&self) -> Result<Option<Stored>, StoreError> {
        let call = self
            .clients
            .s3()
            .get_object()
            .bucket(self.bucket)
            .key(self.key)
            .send()
            .await;
        let answer = match call.map_err(|error| CallError::new(GET_OBJECT, self.address(), error)) {
            Ok(answer) => answer,
            Err(error) if missing(&error) => return Ok(None),
            Err(error) => return Err(self.failure(error)),
        };
        let incomplete = |lacking| CallError::incomplete(GET_OBJECT, self.address(), lacking);
        let etag = answer.e_tag().ok_or_else(|| incomplete("ETag"))?.to_owned();
        let bytes = answer
            .body
            .collect()
            .await
            .map_err(|_| incomplete("complete body"))?;
        Ok(Some(Stored {
            content: Content::read(&bytes.into_bytes()),
            etag,
        }))
    }

    /// Writes, if the stored version is still `replacing` (`None`: if there is none).
    pub(crate) async fn write(
        &self,
        document: &StateInfo,
        replacing: Option<&str>,
    ) -> Result<Change, StoreError> {
        let request = (self.clients.s3().put_object())
            .bucket(self.bucket)
            .key(self.key)
            .content_type("application/json")
            .body(ByteStream::from(document.text().into_bytes()));
        let request = match replacing {
            Some(etag) => request.if_match(etag),
            None => request.if_none_match("*"),
        };
        match request
            .send()
            .await
            .map_err(|error| CallError::new(PUT_OBJECT, self.address(), error))
        {
            Ok(answer) => match answer.e_tag() {
                Some(etag) => Ok(Change::Made(etag.to_owned())),
                None => Err(CallError::incomplete(PUT_OBJECT, self.address(), "ETag").into()),
            },
            Err(error) => self.not_made(error),
        }
    }

    /// Removes, if the stored version is still `etag`.
    pub(crate) async fn remove(&self, etag: &str) -> Result<Change, StoreError> {
        let request = self
            .clients
            .s3()
            .delete_object()
            .bucket(self.bucket)
            .key(self.key)
            .if_match(etag);
        match request
            .send()
            .await
            .map_err(|error| CallError::new(DELETE_OBJECT, self.address(), error))
        {
            Ok(_) => Ok(Change::Made(String::new())),
            Err(error) => self.not_made(error),
        }
    }

    fn not_made(&self, error: CallError) -> Result<Change, StoreError> {
        match error.status() {
            Some(412) => Ok(Change::Overtaken),
            Some(409) => Ok(Change::Busy),
            _ if missing(&error) => Ok(Change::Overtaken),
            _ => Err(self.failure(error)),
        }
    }

    fn failure(&self, error: CallError) -> StoreError {
        match error.code() {
            Some("NoSuchBucket") => StoreError::BucketMissing(self.address()),
            _ => error.into(),
        }
    }
}

fn missing(error: &CallError) -> bool {
    matches!(error.code(), Some("NoSuchKey" | "NotFound"))
        || (error.status() == Some(404) && error.code() != Some("NoSuchBucket"))
}
