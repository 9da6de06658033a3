//! `status_step_emr`: whether a step has done its work. Polled until it says SUCCESS or ERROR. Of a load that has succeeded it
//! also says how many rows it has loaded.

use serde::{Deserialize, Serialize};

use crate::shared::clients::Clients;
use crate::shared::cluster::{ClusterError, describe};
use crate::shared::config_source::polling;
use crate::shared::counts;
use crate::shared::errors::{CallError, ErrorType, Typed};
use crate::shared::identifiers::{ClusterId, StepId};
use crate::shared::moment;
use crate::shared::run::Run;
use crate::shared::states::{ClusterPhase, StepPhase, step_phase};

const DESCRIBE_STEP: &str = "elasticmapreduce:DescribeStep";

/// The step to look at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    cluster_id: ClusterId,
    step_id: StepId,
    /// Where the step leaves what it has counted, `s3://BUCKET/FOLDER/`; empty for one that counts nothing.
    #[serde(default)]
    counts_at: String,
    #[serde(flatten)]
    run: Run,
}

/// Its state, in the original flow's three words and in EMR's own, and why it failed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    cluster_id: ClusterId,
    step_id: StepId,
    status: &'static str,
    /// For an ERROR: state, reason and message in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
    #[serde(flatten)]
    details: Details,
    /// What a load that has succeeded counted.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    rows: Option<Rows>,
    poll_after_seconds: u32,
    /// EMR wants to be asked less often; nothing is known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    throttled: bool,
    #[serde(flatten)]
    run: Run,
}

/// For the metrics.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Rows {
    rows_loaded: u64,
    rows_rejected: u64,
}

/// What EMR tells.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    step_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Where the step's own log is.
    #[serde(skip_serializing_if = "Option::is_none")]
    log_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// Seconds since it began, or since it was submitted: what a deadline is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<i64>,
}

/// Why nothing is known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cluster does not exist.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The step does not exist.
    #[error("there is no step {step} on cluster {cluster}: {detail}")]
    NotFound {
        /// The cluster.
        cluster: ClusterId,
        /// The step.
        step: StepId,
        /// What EMR says.
        detail: String,
    },
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Typed for Error {
    fn error_type(&self) -> ErrorType {
        match self {
            Self::Cluster(error) => error.error_type(),
            Self::NotFound { .. } => ErrorType::StepNotFound,
            Self::Call(error) => error.error_type(),
        }
    }
}

/// Looks at the step, and while it has not ended at its cluster too.
pub async fn handle(clients: &Clients, request: Request) -> Result<Response, Error> {
    let polling = polling(clients).await;
    let Request { cluster_id, step_id, counts_at, run } = request;
    let respond = |status, details: Details, poll_after_seconds, throttled| Response {
        cluster_id: cluster_id.clone(),
        step_id: step_id.clone(),
        status,
        explanation: (status == "ERROR").then(|| explanation(&details)),
        details,
        rows: None,
        poll_after_seconds,
        throttled,
        run,
    };
    let call = clients.emr().describe_step().cluster_id(cluster_id.as_str()).step_id(step_id.as_str()).send();
    let answer = match call.await.map_err(|error| CallError::new(DESCRIBE_STEP, format!("{step_id} of {cluster_id}"), error)) {
        Ok(answer) => answer,
        Err(error) if error.is_throttling() => {
            tracing::warn!("asking later: {error}");
            return Ok(respond("SUBMITTED", Details::default(), polling.longest_seconds, true));
        }
        Err(error) if error.is_refusal() => {
            // EMR says "not valid" of both ids with one code; the cluster's existence tells which.
            describe(clients, &cluster_id).await?;
            return Err(Error::NotFound {
                cluster: cluster_id,
                step: step_id,
                detail: error.detail().to_owned(),
            });
        }
        Err(error) => return Err(error.into()),
    };
    let step = answer.step.ok_or_else(|| CallError::incomplete(DESCRIBE_STEP, &step_id, "step"))?;
    let status = step.status.as_ref();
    let timeline = status.and_then(|status| status.timeline());
    let began = timeline.and_then(|timeline| timeline.start_date_time().or(timeline.creation_date_time())).copied();
    let mut details = details(&step);
    let phase = step_phase(details.step_state.as_deref().unwrap_or_default());
    let word = match phase {
        StepPhase::Succeeded => "SUCCESS",
        // A step that failed by itself says why; one that was taken down with its cluster does not.
        StepPhase::Failed if details.reason.is_none() && details.message.is_none() => {
            cluster_is_gone(clients, &cluster_id, &mut details, &[ClusterPhase::Ending, ClusterPhase::Ended]).await;
            "ERROR"
        }
        StepPhase::Failed => "ERROR",
        StepPhase::Unfinished if cluster_is_gone(clients, &cluster_id, &mut details, &[ClusterPhase::Ended]).await => "ERROR",
        StepPhase::Unfinished => "SUBMITTED",
    };
    let age = clients.age(began.as_ref());
    details.age_seconds = Some(age);
    let wait = polling.after(age, step_id.as_str());
    let mut response = respond(word, details, wait, false);
    if word == "SUCCESS" && !counts_at.is_empty() {
        response.rows = rows(clients, &counts_at).await;
    }
    Ok(response)
}

/// A number on a dashboard is not worth a run: what cannot be read is left out.
async fn rows(clients: &Clients, counts_at: &str) -> Option<Rows> {
    match counts::find(clients, counts_at).await {
        Ok(counts) => counts.map(|counts| Rows { rows_loaded: counts.rows_loaded, rows_rejected: counts.rows_rejected }),
        Err(problem) => {
            tracing::warn!("the rows are not counted: {problem}");
            None
        }
    }
}

fn explanation(details: &Details) -> String {
    let state = details.step_state.as_deref().unwrap_or("FAILED");
    let why: Vec<&str> = [details.reason.as_deref(), details.message.as_deref()].into_iter().flatten().collect();
    match why.is_empty() {
        true => format!("the step is {state}, and EMR gives no reason"),
        false => format!("the step is {state}: {}", why.join(": ")),
    }
}

fn details(step: &aws_sdk_emr::types::Step) -> Details {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let status = step.status();
    let timeline = status.and_then(|status| status.timeline());
    let change = status.and_then(|status| status.state_change_reason());
    let failure = status.and_then(|status| status.failure_details());
    let code = change.and_then(|change| change.code()).map(|code| code.as_str().to_owned());
    Details {
        step_name: text(step.name()),
        step_state: status.and_then(|status| status.state()).map(|state| state.as_str().to_owned()),
        reason: failure.and_then(|failure| text(failure.reason())).or(code),
        message: failure.and_then(|failure| text(failure.message())).or_else(|| change.and_then(|change| text(change.message()))),
        log_file: failure.and_then(|failure| text(failure.log_file())),
        created_at: moment::optional(timeline.and_then(|timeline| timeline.creation_date_time())),
        started_at: moment::optional(timeline.and_then(|timeline| timeline.start_date_time())),
        ended_at: moment::optional(timeline.and_then(|timeline| timeline.end_date_time())),
        age_seconds: None,
    }
}

/// A step that has not ended on a cluster that has will never end. If the cluster cannot be looked at, the next poll will.
async fn cluster_is_gone(clients: &Clients, cluster: &ClusterId, details: &mut Details, gone: &[ClusterPhase]) -> bool {
    match describe(clients, cluster).await {
        Ok(found) if gone.contains(&found.phase()) => {
            details.reason = Some(ErrorType::ClusterGone.as_str().to_owned());
            details.message = Some(format!("the cluster ended before the step: {}", found.situation()));
            true
        }
        Ok(_) => false,
        Err(error) => {
            tracing::warn!("the step's cluster could not be looked at: {error}");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::shared::replay::{NOW, Replay, cluster_json};
    use crate::{ErrorType, FunctionFailure, invoke};

    async fn status(replay: Replay) -> Result<Value, FunctionFailure> {
        let outcome = invoke("status_step_emr", &replay.clients(&[]), json!({"ClusterId": "j-1", "StepId": "s-1"})).await;
        replay.finish();
        outcome
    }

    fn step(status: Value) -> Replay {
        let asked = json!({"ClusterId": "j-1", "StepId": "s-1"});
        Replay::new().call("DescribeStep", asked, json!({"Step": {"Id": "s-1", "Name": "load", "Status": status}}))
    }

    fn invalid(replay: Replay, operation: &str) -> Replay {
        replay.refuses(operation, 400, "InvalidRequestException", "it is not valid.")
    }

    #[tokio::test]
    async fn an_unknown_step_and_an_unknown_cluster_are_told_apart() {
        let step = invalid(Replay::new(), "DescribeStep").any("DescribeCluster", cluster_json("j-1", "WAITING", &[]));
        assert_eq!(status(step).await.unwrap_err().error_type, ErrorType::StepNotFound);
        let cluster = invalid(invalid(Replay::new(), "DescribeStep"), "DescribeCluster");
        assert_eq!(status(cluster).await.unwrap_err().error_type, ErrorType::ClusterNotFound);
    }

    #[tokio::test]
    async fn d10_throttling_means_later_and_not_failure() {
        let answer = status(Replay::new().throttles("DescribeStep")).await.unwrap();
        assert_eq!(
            answer,
            json!({"ClusterId": "j-1", "StepId": "s-1", "Status": "SUBMITTED", "PollAfterSeconds": 60, "Throttled": true})
        );
    }

    #[tokio::test]
    async fn a_failed_step_says_why_and_where_its_log_is() {
        let failure = json!({"Reason": "Unknown Error.", "Message": "line 3", "LogFile": "s3://b/logs/stderr.gz"});
        let answer = status(step(json!({"State": "FAILED", "FailureDetails": failure, "Timeline": {"EndDateTime": NOW}}))).await.unwrap();
        assert_eq!(
            [&answer["Status"], &answer["Reason"], &answer["Message"], &answer["LogFile"], &answer["EndedAt"]],
            ["ERROR", "Unknown Error.", "line 3", "s3://b/logs/stderr.gz", "2026-11-21T02:10:00Z"]
        );
    }

    #[tokio::test]
    async fn d9_cancelled_and_interrupted_are_errors_at_once() {
        for state in ["CANCELLED", "INTERRUPTED"] {
            let reason = json!({"Message": "ended by hand"});
            let answer = status(step(json!({"State": state, "StateChangeReason": reason}))).await.unwrap();
            assert_eq!((answer["Status"].as_str(), answer["Message"].as_str()), (Some("ERROR"), Some("ended by hand")));
        }
    }

    #[tokio::test]
    async fn an_interrupted_step_tells_what_became_of_its_cluster() {
        let replay = step(json!({"State": "INTERRUPTED"})).any("DescribeCluster", cluster_json("j-1", "TERMINATING", &[]));
        let answer = status(replay).await.unwrap();
        assert_eq!((answer["Status"].as_str(), answer["Reason"].as_str()), (Some("ERROR"), Some("ClusterGone")));
    }

    #[tokio::test]
    async fn d11_a_step_whose_cluster_ended_under_it_is_an_error() {
        let replay = step(json!({"State": "RUNNING"})).any("DescribeCluster", cluster_json("j-1", "TERMINATED", &[]));
        let answer = status(replay).await.unwrap();
        assert_eq!((answer["Status"].as_str(), answer["Reason"].as_str()), (Some("ERROR"), Some("ClusterGone")));
    }

    #[tokio::test]
    async fn x9_unfinished_and_unknown_states_go_on() {
        for state in ["PENDING", "RUNNING", "CANCEL_PENDING", "A_NEW_STATE"] {
            let replay = step(json!({"State": state})).any("DescribeCluster", cluster_json("j-1", "RUNNING", &[]));
            let answer = status(replay).await.unwrap();
            assert_eq!((answer["Status"].as_str(), answer["StepState"].as_str()), (Some("SUBMITTED"), Some(state)));
        }
    }

    #[tokio::test]
    async fn x10_a_step_that_completes_although_its_cancellation_is_pending_is_a_success() {
        let pending = step(json!({"State": "CANCEL_PENDING"})).any("DescribeCluster", cluster_json("j-1", "RUNNING", &[]));
        assert_eq!(status(pending).await.unwrap()["Status"], "SUBMITTED");
        assert_eq!(status(step(json!({"State": "COMPLETED"}))).await.unwrap()["Status"], "SUCCESS");
    }

    #[tokio::test]
    async fn a_cluster_that_cannot_be_looked_at_does_not_end_the_step() {
        let replay = step(json!({"State": "RUNNING"})).throttles("DescribeCluster");
        assert_eq!(status(replay).await.unwrap()["Status"], "SUBMITTED");
    }

    #[tokio::test]
    async fn a_load_that_has_succeeded_says_how_many_rows_and_does_without_if_nobody_counted() {
        let event = json!({"ClusterId": "j-1", "StepId": "s-1", "CountsAt": "s3://b/runs/x.counts/"});
        let asked = async |replay: Replay| {
            let answer = invoke("status_step_emr", &replay.clients(&[]), event.clone()).await.unwrap();
            replay.finish();
            answer
        };
        let listing = "<ListBucketResult><Contents><Key>runs/x.counts/_SUCCESS</Key></Contents><Contents><Key>runs/x.counts/000000_0</Key></Contents></ListBucketResult>";
        let found = step(json!({"State": "COMPLETED"})).s3("GET", "/b/", &[], &[], listing);
        let counts = "{\"Table\":\"fact.x\",\"RowsLoaded\":7,\"RowsRejected\":2}\n";
        let answer = asked(found.s3("GET", "/b/runs/x.counts/000000_0", &[], &[], counts)).await;
        assert_eq!((answer["RowsLoaded"].as_u64(), answer["RowsRejected"].as_u64()), (Some(7), Some(2)));
        let denied = step(json!({"State": "COMPLETED"})).s3_refuses("GET", "/b/", &[], 403, "AccessDenied");
        let answer = asked(denied).await;
        assert_eq!((answer["Status"].as_str(), answer.get("RowsLoaded")), (Some("SUCCESS"), None));
        let running = step(json!({"State": "RUNNING"})).any("DescribeCluster", cluster_json("j-1", "RUNNING", &[]));
        assert_eq!(asked(running).await.get("RowsLoaded"), None);
    }

    #[tokio::test]
    async fn the_wait_grows_with_the_steps_age() {
        let timeline = json!({"CreationDateTime": NOW - 900, "StartDateTime": NOW - 300});
        let replay = step(json!({"State": "RUNNING", "Timeline": timeline})).any("DescribeCluster", cluster_json("j-1", "RUNNING", &[]));
        let wait = status(replay).await.unwrap()["PollAfterSeconds"].as_u64().unwrap();
        assert!((15..=18).contains(&wait), "{wait}");
    }

    #[tokio::test]
    async fn the_originals_event_gets_success() {
        let answer = status(step(json!({"State": "COMPLETED"}))).await.unwrap();
        assert_eq!([&answer["ClusterId"], &answer["StepId"], &answer["Status"]], ["j-1", "s-1", "SUCCESS"]);
    }
}
