//! Every child can be started by a person, alone.

use anyhow::Result;
use serde_json::json;

use crate::harness::{Pipeline, sample_rows};

#[tokio::test]
pub(crate) async fn r3_a_child_without_a_cluster_says_how_to_get_one_and_mails_it() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    for machine in ["dimension-process", "fact-process", "add-emr-workers"] {
        let outcome = pipeline.run_machine(machine, json!({})).await?;
        assert_eq!(
            outcome.error.as_deref(),
            Some("NoCluster"),
            "{machine}: {outcome:?}"
        );
        assert!(
            outcome
                .cause
                .unwrap_or_default()
                .contains("launch_emr_cluster"),
            "{machine}"
        );
    }
    assert_eq!(pipeline.mails().len(), 3);
    Ok(())
}

#[tokio::test]
async fn terminate_without_a_cluster_succeeds() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    let outcome = pipeline
        .run_machine("terminate-emr-cluster", json!({}))
        .await?;
    assert_eq!(
        outcome.output.unwrap_or_default()["Status"],
        "NOTHING_TO_TERMINATE"
    );
    Ok(())
}

#[tokio::test]
async fn terminate_finds_the_cluster_whose_state_info_somebody_removed() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    let launched = pipeline
        .run_machine("launch-emr-cluster", json!({"BatchId": "by-hand"}))
        .await?;
    assert!(launched.succeeded(), "{launched:?}");
    for key in pipeline.keys("state/").await? {
        pipeline.delete(&key).await?;
    }
    for status in ["TERMINATED", "NOTHING_TO_TERMINATE"] {
        let outcome = pipeline
            .run_machine("terminate-emr-cluster", json!({}))
            .await?;
        assert_eq!(outcome.output.unwrap_or_default()["Status"], status);
        assert_eq!(pipeline.cluster_states().await?, ["TERMINATED"]);
    }
    Ok(())
}

#[tokio::test]
pub(crate) async fn r4_launch_dimensions_workers_facts_and_terminate_by_hand_load_the_sample()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    for (machine, input) in [
        ("launch-emr-cluster", json!({"BatchId": "by-hand"})),
        ("dimension-process", json!({})),
        ("add-emr-workers", json!({})),
        ("fact-process", json!({})),
        ("terminate-emr-cluster", json!({})),
    ] {
        let outcome = pipeline.run_machine(machine, input).await?;
        assert!(
            outcome.succeeded(),
            "{machine}: {:?} {:?}",
            outcome.error,
            outcome.cause
        );
    }
    assert_eq!(pipeline.rows().await?, sample_rows()?);
    assert!(
        !pipeline
            .keys("archive/fact/card_transaction/batch_id=by-hand/")
            .await?
            .is_empty()
    );
    assert_eq!(pipeline.cluster_states().await?, ["TERMINATED"]);
    assert_eq!(pipeline.keys("state/").await?, Vec::<String>::new());
    assert_eq!(pipeline.mails(), []);
    Ok(())
}
