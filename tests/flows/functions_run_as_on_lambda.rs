//! The whole flow with functions as child processes over the Runtime API, and every call over the loopback port.

use anyhow::Result;

use crate::harness::{Pipeline, sample_rows};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sample_is_loaded_through_processes_and_sockets() -> Result<()> {
    let pipeline = Pipeline::start_with_processes().await?;
    pipeline.land_samples().await?;
    pipeline.load("over-the-wire").await?;
    assert_eq!(pipeline.rows().await?, sample_rows()?);
    assert_eq!(pipeline.cluster_states().await?, ["TERMINATED"]);
    let report = pipeline.runtime.report().await?;
    assert!(
        report
            .functions
            .iter()
            .any(|figures| figures.invocations > 0),
        "{:?}",
        report.functions
    );
    pipeline.runtime.shutdown().await;
    Ok(())
}
