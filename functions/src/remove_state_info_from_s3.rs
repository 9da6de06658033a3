//! `remove_state_info_from_s3`: releases the run lock. Only the version that was read is removed, and only if it is the run's
//! own, so a late remover cannot release the lock of the next run.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::shared::clients::Clients;
use crate::shared::errors::{ErrorType, Typed};
use crate::shared::identifiers::{ClusterId, ExecutionArn};
use crate::shared::input::{self, InvalidInput};
use crate::shared::state_info::{Content, StateInfo};
use crate::shared::state_info_store::{Change, Store, StoreError};

/// How often the document may change under the remover before it gives up.
const ROUNDS: u64 = 6;

/// The event, kept as it is. Its `ClusterId` and `ExecutionArn`, where given, say whose document may be removed.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Request {
    event: Map<String, Value>,
}

/// The event, untouched.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Response {
    event: Map<String, Value>,
}

/// Why it is still there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event is wrong.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// The document could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is another run's.
    #[error("the state info at {address} is held by {holder}, and stays")]
    Conflict {
        /// Execution, cluster, batch, and since when.
        holder: String,
        /// Where it is.
        address: String,
    },
    /// It cannot be read, so that nobody knows whose it is.
    #[error("the state info at {address} cannot be read and stays: {problem}")]
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
            Self::Input(error) => error.error_type(),
            Self::Store(error) => error.error_type(),
            Self::Conflict { .. } => ErrorType::StateInfoConflict,
            Self::Invalid { .. } => ErrorType::StateInfoInvalid,
        }
    }
}

/// Whose document may be removed.
struct Owner {
    cluster: Option<ClusterId>,
    execution: Option<ExecutionArn>,
}

impl Owner {
    fn anybody(&self) -> bool {
        self.cluster.is_none() && self.execution.is_none()
    }

    fn owns(&self, document: &StateInfo) -> bool {
        match (&self.execution, &document.execution_arn) {
            (Some(own), Some(holder)) => own == holder,
            _ => match &self.cluster {
                Some(cluster) => document.cluster_id.as_ref() == Some(cluster),
                None => self.anybody(),
            },
        }
    }
}

/// Removes it, if it is the run's own.
pub async fn handle(clients: &Clients, request: Request) -> Result<Response, Error> {
    let owner = Owner {
        cluster: input::field(&request.event, "ClusterId")?,
        execution: input::field(&request.event, "ExecutionArn")?,
    };
    let store = Store::of(clients)?;
    let address = store.address();
    for round in 1..=ROUNDS {
        let Some(stored) = store.read().await? else {
            return Ok(Response { event: request.event });
        };
        match &stored.content {
            Content::Document(document) if !owner.owns(document) => {
                let holder = document.holder();
                return Err(Error::Conflict { holder, address });
            }
            Content::Garbage(problem) if !owner.anybody() => {
                let problem = problem.clone();
                return Err(Error::Invalid { address, problem });
            }
            _ => {}
        }
        match store.remove(&stored.etag).await? {
            Change::Made(_) => return Ok(Response { event: request.event }),
            Change::Busy => clients.pause(Duration::from_millis(200 * round)).await,
            // Gone after a lost answer, or another's by now: the next look tells.
            Change::Overtaken => {}
        }
    }
    Err(Error::Conflict {
        holder: format!("whoever changed it {ROUNDS} times while this run tried to remove it"),
        address,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::shared::replay::{EXECUTION, Replay, STATE};
    use crate::{ErrorType, FunctionFailure, invoke};

    const PATH: &str = "/workarea/state.json";
    const OTHER: &str = "arn:aws:states:us-east-1:000000000000:execution:master:other";

    async fn remove(replay: Replay, event: Value) -> Result<Value, FunctionFailure> {
        let outcome = invoke("remove_state_info_from_s3", &replay.clients(&STATE), event).await;
        replay.finish();
        outcome
    }

    fn stored(replay: Replay, text: &str, etag: &str) -> Replay {
        replay.s3("GET", PATH, &[], &[("etag", etag)], text)
    }

    fn own() -> String {
        json!({"ClusterId": "j-1", "ExecutionArn": EXECUTION}).to_string()
    }

    #[tokio::test]
    async fn x7_the_next_runs_document_stays() {
        let next = json!({"ExecutionArn": OTHER}).to_string();
        for event in [json!({"ExecutionArn": EXECUTION}), json!({"ClusterId": "j-1"}), json!({"ClusterId": "j-1", "ExecutionArn": EXECUTION})] {
            let failure = remove(stored(Replay::new(), &next, "\"1\""), event).await.unwrap_err();
            assert_eq!(failure.error_type, ErrorType::StateInfoConflict);
            assert!(failure.message.contains(OTHER), "{failure}");
        }
    }

    #[tokio::test]
    async fn a_document_that_changed_between_the_look_and_the_removal_stays() {
        let replay = stored(Replay::new(), &own(), "\"1\"").s3_refuses("DELETE", PATH, &[("if-match", "\"1\"")], 412, "PreconditionFailed");
        let replay = stored(replay, &json!({"ExecutionArn": OTHER}).to_string(), "\"2\"");
        assert_eq!(remove(replay, json!({"ExecutionArn": EXECUTION})).await.unwrap_err().error_type, ErrorType::StateInfoConflict);
    }

    #[tokio::test]
    async fn garbage_stays_unless_anything_may_go() {
        let event = json!({"ClusterId": "j-1"});
        let failure = remove(stored(Replay::new(), "{\"Clu", "\"1\""), event).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::StateInfoInvalid);
        let replay = stored(Replay::new(), "{\"Clu", "\"1\"").s3_status("DELETE", PATH, &[("if-match", "\"1\"")], 204);
        remove(replay, json!({})).await.unwrap();
    }

    #[tokio::test]
    async fn a_removal_whose_answer_was_lost_is_success() {
        let replay = stored(Replay::new(), &own(), "\"1\"")
            .s3_loses("DELETE", PATH, &[])
            .s3_refuses("DELETE", PATH, &[("if-match", "\"1\"")], 404, "NoSuchKey")
            .s3_refuses("GET", PATH, &[], 404, "NoSuchKey");
        remove(replay, json!({"ExecutionArn": EXECUTION})).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_not_there_is_removed() {
        let replay = Replay::new().s3_refuses("GET", PATH, &[], 404, "NoSuchKey");
        remove(replay, json!({"ExecutionArn": EXECUTION})).await.unwrap();
    }

    #[tokio::test]
    async fn a_removal_that_s3_is_too_busy_for_is_tried_again() {
        let busy = stored(Replay::new(), &own(), "\"1\"").s3_refuses("DELETE", PATH, &[], 409, "ConditionalRequestConflict");
        let replay = stored(busy, &own(), "\"1\"").s3_status("DELETE", PATH, &[], 204);
        remove(replay, json!({"ClusterId": "j-1"})).await.unwrap();
    }

    #[tokio::test]
    async fn the_originals_event_removes_what_is_there_and_comes_back() {
        let event = json!({"z": 1, "ClusterId": "j-1", "Status": "STOPPED", "a": null});
        let replay = stored(Replay::new(), "j-1\n", "\"1\"").s3_status("DELETE", PATH, &[("if-match", "\"1\"")], 204);
        let answer = remove(replay, event.clone()).await.unwrap();
        assert_eq!(answer.to_string(), event.to_string());
    }
}
