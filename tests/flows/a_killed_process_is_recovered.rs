//! A runtime that dies in the middle of a run is found out and cleaned up by the next one over the same folder.

use anyhow::Result;
use serde_json::json;

use crate::harness::{Pipeline, sample_rows};

#[tokio::test]
async fn the_next_start_reaps_the_run_and_the_next_run_finishes_its_batch() -> Result<()> {
    let root;
    {
        let pipeline = Pipeline::start().await?;
        pipeline.land_samples().await?;
        pipeline
            .runtime
            .start_execution("master", Some("killed"), &json!({"BatchId": "b1"}))
            .await?;
        drop(
            pipeline
                .runtime
                .clock()
                .sleep(std::time::Duration::from_secs(60 * 8))
                .await,
        );
        root = pipeline.root();
        pipeline.runtime.shutdown().await;
    }
    let pipeline = Pipeline::start_with(root, |_| {}).await?;
    pipeline.runtime.settle().await;
    let states = pipeline.cluster_states().await?;
    assert!(
        states.iter().all(|state| state.starts_with("TERMINATED")),
        "{states:?}"
    );
    assert_eq!(pipeline.keys("state/").await?, Vec::<String>::new());
    let mails = pipeline.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");

    pipeline.load("b2").await?;
    assert_eq!(pipeline.rows().await?, sample_rows()?);
    Ok(())
}
