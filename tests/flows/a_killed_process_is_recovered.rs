//! A runtime that dies in the middle of a run is found out and cleaned up by the next one over the same folder.

use std::sync::Arc;

use anyhow::Result;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Pipeline, sample_rows};

/// Lets a run begin, and dies with it: dropping a tokio runtime stops all its tasks where they are.
fn a_process_that_dies(root: Arc<TempDir>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let pipeline = Pipeline::start_with(root, |_| {}).await?;
        pipeline.land_samples().await?;
        pipeline
            .runtime
            .start_execution("master", Some("killed"), &json!({"BatchId": "b1"}))
            .await?;
        let minutes = std::time::Duration::from_secs(60 * 6);
        drop(pipeline.runtime.clock().sleep(minutes).await);
        assert_eq!(
            pipeline.cluster_states().await?,
            ["RUNNING"],
            "it dies in the middle"
        );
        Ok(())
    })
}

#[tokio::test]
async fn the_next_start_reaps_the_run_and_the_next_run_finishes_its_batch() -> Result<()> {
    let root = Arc::new(TempDir::new()?);
    let dying = root.clone();
    tokio::task::spawn_blocking(move || a_process_that_dies(dying)).await??;

    let pipeline = Pipeline::start_with(root, |_| {}).await?;
    pipeline.runtime.settle().await;
    assert_eq!(pipeline.cluster_states().await?, ["TERMINATED"]);
    assert_eq!(
        pipeline.keys("state/").await?,
        Vec::<String>::new(),
        "the lock is released"
    );
    let mails = pipeline.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");

    pipeline.load("b2").await?;
    assert_eq!(pipeline.rows().await?, sample_rows()?);
    Ok(())
}
