//! No cluster outlives its run, however the run ends.

use anyhow::Result;
use serde_json::json;

use crate::harness::{Pipeline, sample_rows};

#[tokio::test]
pub(crate) async fn t6_an_aborted_master_is_reaped_wherever_it_was() -> Result<()> {
    // Minutes of pipeline time: before the launch is recorded, while the cluster starts, while tables load.
    for minutes in [0, 1, 4, 5, 7, 8] {
        let pipeline = Pipeline::start().await?;
        pipeline.land_samples().await?;
        let arn = pipeline
            .runtime
            .start_execution("master", Some("aborted"), &json!({"BatchId": "b1"}))
            .await?;
        let work = pipeline
            .runtime
            .clock()
            .sleep(std::time::Duration::from_secs(60 * minutes + 1))
            .await;
        pipeline
            .states(
                "StopExecution",
                json!({"executionArn": arn, "error": "ByHand", "cause": "a person"}),
            )
            .await?;
        drop(work);
        assert_eq!(
            pipeline.runtime.wait(&arn).await?.status,
            "ABORTED",
            "after {minutes} minutes"
        );
        pipeline.runtime.settle().await;
        let states = pipeline.cluster_states().await?;
        assert!(
            states.iter().all(|state| state.starts_with("TERMINATED")),
            "after {minutes} minutes: {states:?}"
        );
        assert_eq!(
            pipeline.keys("state/").await?,
            Vec::<String>::new(),
            "after {minutes} minutes"
        );
        let mails = pipeline.mails();
        assert_eq!(mails.len(), 1, "after {minutes} minutes: {mails:?}");
        assert!(mails[0].0.contains("ABORTED"), "{mails:?}");

        pipeline.load("b1").await?;
        assert_eq!(
            pipeline.rows().await?,
            sample_rows()?,
            "after {minutes} minutes"
        );
    }
    Ok(())
}

#[tokio::test]
pub(crate) async fn d11_a_cluster_that_dies_during_a_step_fails_the_run_once_and_a_rerun_finishes_it()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    let arn = pipeline
        .runtime
        .start_execution("master", Some("unlucky"), &json!({"BatchId": "b1"}))
        .await?;
    let work = pipeline
        .runtime
        .clock()
        .sleep(std::time::Duration::from_secs(60 * 8))
        .await;
    let listed = pipeline.emr("ListClusters", json!({})).await?;
    let cluster = listed["Clusters"][0]["Id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    pipeline.runtime.services().emr.kill_cluster(
        &cluster,
        "INSTANCE_FAILURE",
        "The master node was lost",
    )?;
    drop(work);
    let outcome = pipeline.runtime.wait(&arn).await?;
    pipeline.runtime.settle().await;
    assert_eq!(outcome.status, "FAILED");
    let mails = pipeline.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].1.contains("The master node was lost"), "{mails:?}");

    pipeline.load("b1").await?;
    assert_eq!(pipeline.rows().await?, sample_rows()?);
    Ok(())
}
