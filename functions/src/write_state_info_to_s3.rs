//! `write_state_info_to_s3`: takes the run lock, completes it with the cluster's id, or takes over a dead holder's. Of two runs
//! that try together exactly one succeeds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::shared::clients::Clients;
use crate::shared::errors::{ErrorType, Typed};
use crate::shared::identifiers::ClusterId;
use crate::shared::input::InvalidInput;
use crate::shared::moment;
use crate::shared::run::Run;
use crate::shared::state_info::{Content, LAUNCHED, RESERVED, StateInfo};
use crate::shared::state_info_store::{Change, Store, StoreError};

/// How often the document may change under the writer before it gives up.
const ROUNDS: u64 = 6;

/// What to write. Without a cluster it is a reservation, and needs an execution.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    cluster_id: Option<ClusterId>,
    /// The version to replace, whoever holds it: a take-over.
    #[serde(rename = "IfMatch", alias = "ETag")]
    if_match: Option<String>,
    /// The time to write down; the service's clock if absent.
    written_at: Option<String>,
    #[serde(flatten)]
    run: Run,
}

/// What is written now.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_id: Option<ClusterId>,
    #[serde(flatten)]
    run: Run,
    #[serde(rename = "ETag")]
    etag: String,
    status: &'static str,
}

/// Why it is not written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event is wrong.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// The document could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another run holds it.
    #[error("the pipeline is held by {holder} (state info {address})")]
    Conflict {
        /// Execution, cluster, batch, and since when.
        holder: String,
        /// Where the document is.
        address: String,
    },
    /// What is there is no document, so that nobody knows whether a run holds it.
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
            Self::Input(error) => error.error_type(),
            Self::Store(error) => error.error_type(),
            Self::Conflict { .. } => ErrorType::StateInfoConflict,
            Self::Invalid { .. } => ErrorType::StateInfoInvalid,
        }
    }
}

/// Writes, if nobody else has.
pub async fn handle(clients: &Clients, request: Request) -> Result<Response, Error> {
    if request.cluster_id.is_none() && request.run.execution_arn.is_none() {
        return Err(InvalidInput::new("ClusterId", "without one, an ExecutionArn is needed to reserve the pipeline for").into());
    }
    if request.if_match.as_ref().is_some_and(|etag| etag.trim().is_empty()) {
        return Err(InvalidInput::new("IfMatch", "it is empty").into());
    }
    let store = Store::of(clients)?;
    let mut document = StateInfo {
        status: Some(if request.cluster_id.is_some() { LAUNCHED } else { RESERVED }.to_owned()),
        written_at: Some(request.written_at.unwrap_or_else(|| moment::text(&clients.now()))),
        cluster_id: request.cluster_id,
        batch_id: request.run.batch_id,
        execution_arn: request.run.execution_arn,
    };
    let mut replacing = request.if_match;
    for round in 1..=ROUNDS {
        match store.write(&document, replacing.as_deref()).await? {
            Change::Made(etag) => {
                return Ok(Response {
                    cluster_id: document.cluster_id,
                    run: Run {
                        batch_id: document.batch_id,
                        execution_arn: document.execution_arn,
                    },
                    etag,
                    status: "SUCCESS",
                });
            }
            Change::Busy => clients.pause(Duration::from_millis(200 * round)).await,
            // Somebody else's document, or our own from an attempt whose answer was lost.
            Change::Overtaken => replacing = replaceable(&store, &mut document).await?,
        }
    }
    Err(Error::Conflict {
        holder: format!("whoever changed it {ROUNDS} times while this run tried to"),
        address: store.address(),
    })
}

/// The version that may be replaced because it is this run's own, or `None` if nothing is there.
async fn replaceable(store: &Store<'_>, document: &mut StateInfo) -> Result<Option<String>, Error> {
    let Some(stored) = store.read().await? else {
        return Ok(None);
    };
    let held = match stored.content {
        Content::Empty => return Ok(Some(stored.etag)),
        Content::Garbage(problem) => {
            return Err(Error::Invalid {
                address: store.address(),
                problem,
            });
        }
        Content::Document(held) => held,
    };
    let own = match (&document.execution_arn, &held.execution_arn) {
        (Some(ours), Some(theirs)) => ours == theirs,
        // The original flow knows no executions: the cluster tells whose it is.
        _ => document.cluster_id.is_some() && document.cluster_id == held.cluster_id,
    };
    if !own {
        return Err(Error::Conflict {
            holder: held.holder(),
            address: store.address(),
        });
    }
    // A repeated reservation must not forget the cluster, nor a write by hand the run.
    if document.cluster_id.is_none() && held.cluster_id.is_some() {
        document.cluster_id = held.cluster_id;
        document.status = held.status;
    }
    document.batch_id = document.batch_id.take().or(held.batch_id);
    document.execution_arn = document.execution_arn.take().or(held.execution_arn);
    Ok(Some(stored.etag))
}

#[cfg(test)]
mod tests;
