//! An empty landing zone ends a run early, successfully, before a cluster is paid for.

use anyhow::Result;
use serde_json::json;

use crate::harness::Pipeline;

#[tokio::test]
async fn s11_an_empty_landing_zone_launches_no_cluster_and_sends_no_mail() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    let outcome = pipeline.run(json!({})).await?;
    assert!(outcome.succeeded(), "{outcome:?}");
    let output = outcome.output.unwrap_or_default();
    assert_eq!(output["Status"], "NOTHING_TO_LOAD");
    let batch = output["BatchId"].as_str().unwrap_or_default();
    assert!(
        batch.starts_with("2026-11-21T02-00-0") && batch.ends_with('Z'),
        "the time of the start, without colons: {batch}"
    );
    assert_eq!(pipeline.cluster_states().await?, Vec::<String>::new());
    assert_eq!(pipeline.mails(), []);
    Ok(())
}

#[tokio::test]
async fn x28_folder_markers_and_empty_files_are_not_data() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.put("landing/dimension/country/", "").await?;
    pipeline
        .put("landing/dimension/country/_SUCCESS", "")
        .await?;
    pipeline
        .put("landing/fact/card_transaction/empty.csv", "")
        .await?;
    let outcome = pipeline.run(json!({})).await?;
    assert_eq!(
        outcome.output.unwrap_or_default()["Status"],
        "NOTHING_TO_LOAD"
    );
    assert_eq!(pipeline.cluster_states().await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn s11_a_table_without_files_is_skipped_and_named() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    let _work = pipeline.runtime.clock().work();
    let bucket = pipeline.runtime.bucket()?;
    for key in pipeline.keys("landing/dimension/currency/").await? {
        let s3 = &pipeline.runtime.services().s3;
        s3.delete(bucket, &key, &Default::default()).await?;
    }
    drop(_work);
    pipeline.load("without-currency").await?;
    let mails = pipeline.mails();
    assert!(
        mails[0]
            .1
            .contains("Nothing had landed for dimension.currency"),
        "{mails:?}"
    );
    Ok(())
}
