//! The fault matrix, "Reruns by hand": any phase, in any order, after success or failure.

use anyhow::Result;
use serde_json::json;

use crate::harness::Pipeline;
use crate::small_batches::transfers;
use crate::strikes::{Blow, Strikes, before};

#[tokio::test]
async fn r1_a_batch_that_was_loaded_changes_nothing_from_any_phase_and_says_so() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    pipeline.land_transfers().await?;
    pipeline.load("b1").await?;
    pipeline
        .put(
            "landing/fact/transfer_transaction/new.csv",
            &transfers(20..22, "2026-11-20"),
        )
        .await?;
    for input in [
        json!({}),
        json!({"StartFrom": "Dimensions"}),
        json!({"StartFrom": "Workers"}),
        json!({"StartFrom": "Facts"}),
    ] {
        let mut input = input;
        input["BatchId"] = json!("b1");
        let again = pipeline.run(input.clone()).await?;
        assert_eq!(Pipeline::status_of(&again), "ALREADY_LOADED", "{input}");
        assert!(
            again.output.unwrap_or_default()["Note"]
                .to_string()
                .contains("wait for the next batch")
        );
    }
    assert_eq!(pipeline.transfers().await?, 4);
    pipeline.load("b2").await?;
    assert_eq!(pipeline.transfers().await?, 6);
    pipeline.holds(2).await
}

#[tokio::test]
async fn r1_a_run_of_some_tables_does_not_make_the_batch_complete() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    pipeline.land_transfers().await?;
    let facts = pipeline
        .run(json!({"BatchId": "b1", "StartFrom": "Facts", "Facts": ["transfer_transaction"]}))
        .await?;
    assert!(facts.succeeded(), "{facts:?}");
    assert_eq!(pipeline.steps("load dimension"), []);
    assert_eq!(pipeline.transfers().await?, 4);
    pipeline.load("b1").await?;
    assert_eq!(
        (pipeline.countries().await?, pipeline.transfers().await?),
        (3, 4)
    );
    assert_eq!(pipeline.steps("load fact").len(), 1);
    Ok(())
}

#[tokio::test]
async fn r5_of_two_phases_by_hand_at_once_one_proceeds() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_transfers().await?;
    assert!(
        pipeline
            .run_machine("launch-emr-cluster", json!({"BatchId": "b1"}))
            .await?
            .succeeded()
    );
    let work = pipeline.runtime.clock().work();
    let one = pipeline
        .runtime
        .start_execution("fact-process", Some("one"), &json!({}))
        .await?;
    let two = pipeline
        .runtime
        .start_execution("fact-process", Some("two"), &json!({}))
        .await?;
    let master = pipeline
        .runtime
        .start_execution("master", Some("three"), &json!({"BatchId": "b2"}))
        .await?;
    drop(work);
    let outcomes = [pipeline.end(&one).await?, pipeline.end(&two).await?];
    let refused: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.error.as_deref() == Some("AlreadyRunning"))
        .collect();
    assert_eq!(refused.len(), 1, "{outcomes:?}");
    assert_eq!(
        pipeline.end(&master).await?.error.as_deref(),
        Some("ClusterInUse")
    );
    assert!(
        pipeline
            .run_machine("terminate-emr-cluster", json!({}))
            .await?
            .succeeded()
    );
    assert_eq!(pipeline.transfers().await?, 4);
    assert_eq!(pipeline.steps("load fact").len(), 1);
    pipeline.holds(2).await
}

#[tokio::test]
pub(crate) async fn x19_a_failed_child_is_mailed_by_the_master_or_by_itself_and_never_by_both()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline
        .put(
            "landing/fact/transfer_transaction/bad.csv",
            "not,a,header\n",
        )
        .await?;
    pipeline.fails("b1", "TablesFailed").await?;
    assert_eq!(pipeline.mails().len(), 1);
    assert!(
        pipeline
            .run_machine("launch-emr-cluster", json!({"BatchId": "b1"}))
            .await?
            .succeeded()
    );
    let child = pipeline.run_machine("fact-process", json!({})).await?;
    assert_eq!(child.error.as_deref(), Some("TablesFailed"), "{child:?}");
    assert_eq!(pipeline.mails().len(), 2);
    let mail = pipeline.last_mail();
    assert!(
        mail.contains("stateMachine:pipeline-fact-process") && mail.contains("batch b1"),
        "{mail}"
    );
    assert!(
        pipeline
            .run_machine("terminate-emr-cluster", json!({}))
            .await?
            .succeeded()
    );
    pipeline.holds(2).await
}

#[tokio::test]
pub(crate) async fn r6_a_run_that_is_redriven_after_its_cluster_was_reaped_harms_nothing_and_can_be_resumed()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_transfers().await?;
    let (arn, work) = pipeline
        .after("aborted", json!({"BatchId": "b1"}), 500)
        .await?;
    pipeline.abort(&arn).await?;
    drop(work);
    pipeline.end(&arn).await?;
    pipeline.holds(1).await?;
    pipeline
        .states("RedriveExecution", json!({"executionArn": arn}))
        .await?;
    // Whoever waits until all is quiet waits for a redriven execution too.
    pipeline.runtime.settle().await;
    let described = pipeline
        .states("DescribeExecution", json!({"executionArn": arn}))
        .await?;
    let status = described["status"].as_str().unwrap_or_default();
    assert_eq!(status, "FAILED", "its cluster is gone");
    pipeline.holds(2).await?;
    pipeline.load("b1").await?;
    assert_eq!(pipeline.transfers().await?, 4);
    pipeline.holds(3).await
}

#[tokio::test]
async fn r2_each_phase_can_be_resumed_after_it_failed_on_a_new_cluster() -> Result<()> {
    for (phase, table) in [
        ("Dimensions", "dimension country"),
        ("Workers", "fact transfer"),
        ("Facts", "fact transfer"),
    ] {
        let (pipeline, _) =
            Strikes::pipeline([before("elasticmapreduce", "AddJobFlowSteps", Blow::Deny)
                .about(&format!("load {table}"))])
            .await?;
        pipeline.land_countries().await?;
        pipeline.land_transfers().await?;
        pipeline.fails("b1", "TablesFailed").await?;
        let resumed = pipeline
            .run(json!({"BatchId": "b1", "StartFrom": phase}))
            .await?;
        assert!(resumed.succeeded(), "{phase}: {resumed:?}");
        assert_eq!(
            (pipeline.countries().await?, pipeline.transfers().await?),
            (3, 4),
            "{phase}"
        );
        assert_eq!(
            pipeline.steps("load dimension").len(),
            1,
            "{phase}: what is done is not repeated"
        );
        pipeline.holds(2).await?;
    }
    Ok(())
}
