//! `terminate_emr`: ends a cluster of this pipeline, and no other. Ending what has already ended is success.

use serde::{Deserialize, Serialize};

use crate::shared::clients::Clients;
use crate::shared::errors::{CallError, ErrorType, Typed};
use crate::shared::identifiers::ClusterId;
use crate::shared::own_cluster::{OwnClusterError, describe_own};
use crate::shared::run::Run;
use crate::shared::states::ClusterPhase;

const SET_TERMINATION_PROTECTION: &str = "elasticmapreduce:SetTerminationProtection";
const TERMINATE_JOB_FLOWS: &str = "elasticmapreduce:TerminateJobFlows";

/// The cluster to end.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    cluster_id: ClusterId,
    #[serde(flatten)]
    run: Run,
}

/// It is ending, or has ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Response {
    cluster_id: ClusterId,
    status: &'static str,
    /// As it was when it was looked at.
    cluster_state: String,
    #[serde(flatten)]
    run: Run,
}

/// Why it may still be alive.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not exist, or is not ours.
    #[error(transparent)]
    Cluster(#[from] OwnClusterError),
    /// EMR did not accept it.
    #[error("cluster {cluster} may still be alive: {source}")]
    Call {
        /// The cluster.
        cluster: ClusterId,
        /// What happened to the call.
        source: CallError,
    },
}

impl Typed for Error {
    fn error_type(&self) -> ErrorType {
        match self {
            Self::Cluster(error) => error.error_type(),
            Self::Call { source, .. } => source.error_type(),
        }
    }
}

/// Ends it.
pub async fn handle(clients: &Clients, request: Request) -> Result<Response, Error> {
    let id = &request.cluster_id;
    let cluster = describe_own(clients, id).await?;
    if matches!(cluster.phase(), ClusterPhase::Starting | ClusterPhase::Started) {
        let failed = |source| Error::Call {
            cluster: id.clone(),
            source,
        };
        if cluster.termination_protected {
            let call = clients.emr().set_termination_protection().job_flow_ids(id.as_str()).termination_protected(false).send();
            call.await.map_err(|error| failed(CallError::new(SET_TERMINATION_PROTECTION, id, error)))?;
        }
        let call = clients.emr().terminate_job_flows().job_flow_ids(id.as_str()).send();
        call.await.map_err(|error| failed(CallError::new(TERMINATE_JOB_FLOWS, id, error)))?;
    }
    Ok(Response {
        cluster_id: request.cluster_id,
        status: "STOPPING",
        cluster_state: cluster.state,
        run: request.run,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::shared::config::tests::ORIGINAL;
    use crate::shared::replay::{CONFIG, Replay, cluster_json};
    use crate::{ErrorType, FunctionFailure, invoke};

    const OURS: (&str, &str) = ("pipeline", "data_pipeline");

    async fn terminate(replay: Replay) -> Result<Value, FunctionFailure> {
        let clients = replay.clients(&[("Pipeline_Name", "data_pipeline")]);
        let outcome = invoke("terminate_emr", &clients, json!({"ClusterId": "j-1"})).await;
        replay.finish();
        outcome
    }

    #[tokio::test]
    async fn anothers_cluster_is_left_alone() {
        for tags in [&[("pipeline", "other")][..], &[]] {
            let replay = Replay::new().any("DescribeCluster", cluster_json("j-1", "WAITING", tags));
            let failure = terminate(replay).await.unwrap_err();
            assert_eq!(failure.error_type, ErrorType::ForeignCluster);
            assert!(failure.message.contains("j-1"), "{failure}");
        }
    }

    #[tokio::test]
    async fn t4_failing_for_good_says_that_the_cluster_may_be_alive() {
        let replay = Replay::new().any("DescribeCluster", cluster_json("j-1", "WAITING", &[OURS])).throttles("TerminateJobFlows");
        let failure = terminate(replay).await.unwrap_err();
        assert_eq!(failure.error_type, ErrorType::Throttled);
        assert!(failure.message.contains("j-1 may still be alive"), "{failure}");
    }

    #[tokio::test]
    async fn t1_a_lost_answer_is_asked_for_again() {
        let replay = Replay::new()
            .any("DescribeCluster", cluster_json("j-1", "WAITING", &[OURS]))
            .loses("TerminateJobFlows")
            .any("TerminateJobFlows", json!({}));
        assert_eq!(terminate(replay).await.unwrap()["Status"], "STOPPING");
    }

    #[tokio::test]
    async fn t2_protection_is_lifted_first() {
        let mut protected = cluster_json("j-1", "RUNNING", &[OURS]);
        protected["Cluster"]["TerminationProtected"] = json!(true);
        let replay = Replay::new()
            .any("DescribeCluster", protected)
            .call("SetTerminationProtection", json!({"JobFlowIds": ["j-1"], "TerminationProtected": false}), json!({}))
            .call("TerminateJobFlows", json!({"JobFlowIds": ["j-1"]}), json!({}));
        assert_eq!(terminate(replay).await.unwrap(), json!({"ClusterId": "j-1", "Status": "STOPPING", "ClusterState": "RUNNING"}));
    }

    #[tokio::test]
    async fn t3_what_has_ended_is_not_ended_again() {
        for state in ["TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"] {
            let replay = Replay::new().any("DescribeCluster", cluster_json("j-1", state, &[OURS]));
            assert_eq!(terminate(replay).await.unwrap()["ClusterState"], state);
        }
    }

    #[tokio::test]
    async fn without_a_pipeline_name_the_configuration_has_it() {
        let replay = Replay::new()
            .config(ORIGINAL)
            .any("DescribeCluster", cluster_json("j-1", "WAITING", &[OURS]))
            .any("TerminateJobFlows", json!({}));
        let answer = invoke("terminate_emr", &replay.clients(&CONFIG), json!({"ClusterId": "j-1"})).await.unwrap();
        assert_eq!(answer["Status"], "STOPPING");
        replay.finish();
    }
}
