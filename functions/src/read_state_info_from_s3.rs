//! `read_state_info_from_s3`: which cluster the phases of a run use, and which run holds the pipeline.

use serde::{Deserialize, Serialize};

use crate::shared::clients::Clients;
use crate::shared::errors::{ErrorType, Typed};
use crate::shared::state_info::{Content, StateInfo};
use crate::shared::state_info_store::{Store, StoreError};

/// Nothing is asked; the place is in the environment.
#[derive(Debug, Deserialize)]
pub struct Request {}

/// The document, and the version that a change must name.
#[derive(Debug, Serialize)]
pub struct Response {
    #[serde(flatten)]
    document: StateInfo,
    #[serde(rename = "ETag")]
    etag: String,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It does not exist.
    #[error("there is no state info at {address}: no run holds the pipeline, and no cluster is known; start the launch machine first")]
    Missing {
        /// Where it would be.
        address: String,
    },
    /// It cannot be read.
    #[error("the state info at {address} cannot be read: {problem}; remove it once no cluster of the pipeline is running")]
    Invalid {
        /// Where it is.
        address: String,
        /// What is wrong.
        problem: String,
    },
}

impl Typed for Error {
    fn error_type(&self) -> ErrorType {
        match self {
            Self::Store(error) => error.error_type(),
            Self::Missing { .. } => ErrorType::StateInfoMissing,
            Self::Invalid { .. } => ErrorType::StateInfoInvalid,
        }
    }
}

/// Reads it.
pub async fn handle(clients: &Clients, _request: Request) -> Result<Response, Error> {
    let store = Store::of(clients)?;
    let address = store.address();
    let Some(stored) = store.read().await? else {
        return Err(Error::Missing { address });
    };
    let problem = match stored.content {
        Content::Document(mut document) => {
            document.status = Some(document.status().to_owned());
            return Ok(Response { document, etag: stored.etag });
        }
        Content::Empty => "it is empty".to_owned(),
        Content::Garbage(problem) => problem,
    };
    Err(Error::Invalid { address, problem })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::shared::replay::{EXECUTION, Replay, STATE};
    use crate::{ErrorType, FunctionFailure, invoke};

    async fn read(replay: Replay) -> Result<Value, FunctionFailure> {
        let outcome = invoke("read_state_info_from_s3", &replay.clients(&STATE), json!({})).await;
        replay.finish();
        outcome
    }

    fn document(text: &str) -> Replay {
        Replay::new().s3("GET", "/workarea/state.json", &[], &[("etag", "\"1\"")], text)
    }

    #[tokio::test]
    async fn a_missing_document_or_bucket_is_named() {
        for code in ["NoSuchKey", "NoSuchBucket"] {
            let failure = read(Replay::new().s3_refuses("GET", "/workarea/state.json", &[], 404, code)).await.unwrap_err();
            assert_eq!(failure.error_type, ErrorType::StateInfoMissing);
            assert!(failure.message.contains("s3://workarea/state.json"), "{failure}");
        }
    }

    #[tokio::test]
    async fn empty_truncated_and_misshapen_documents_are_named() {
        for text in ["", " \n", "{\"ClusterId\": \"j-", "cluster", "{\"ClusterId\": \"\"}"] {
            let failure = read(document(text)).await.unwrap_err();
            assert_eq!(failure.error_type, ErrorType::StateInfoInvalid, "{text:?}");
            assert!(failure.message.contains("s3://workarea/state.json"), "{failure}");
        }
    }

    #[tokio::test]
    async fn denied_and_unavailable_are_told_apart() {
        let denied = Replay::new().s3_refuses("GET", "/workarea/state.json", &[], 403, "AccessDenied");
        let failure = read(denied).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::AccessDenied);
        assert!(failure.message.contains("s3:GetObject"), "{failure}");
        let mut down = Replay::new();
        for _ in 0..3 {
            down = down.s3_refuses("GET", "/workarea/state.json", &[], 503, "ServiceUnavailable");
        }
        assert_eq!(read(down).await.unwrap_err().error_type, ErrorType::ServiceUnavailable);
    }

    #[tokio::test]
    async fn a_reservation_has_no_cluster_yet() {
        let text = json!({"ExecutionArn": EXECUTION, "BatchId": "B1", "Status": "RESERVED", "WrittenAt": "2026-11-21T02:00:00Z"});
        assert_eq!(
            read(document(&text.to_string())).await.unwrap(),
            json!({
                "BatchId": "B1", "ExecutionArn": EXECUTION, "Status": "RESERVED", "WrittenAt": "2026-11-21T02:00:00Z", "ETag": "\"1\"",
            })
        );
    }

    #[tokio::test]
    async fn the_originals_one_line_document_is_read() {
        let answer = read(document("\u{feff}j-2AXXXXXXGAPLF\r\n")).await.unwrap();
        assert_eq!(answer, json!({"ClusterId": "j-2AXXXXXXGAPLF", "Status": "LAUNCHED", "ETag": "\"1\""}));
    }
}
