//! A failure names what broke, and the run goes on where it stopped.

use anyhow::Result;
use serde_json::json;

use crate::harness::{Pipeline, sample_rows};

/// Replaces a table's landing files by one that cannot be loaded.
async fn spoil(pipeline: &Pipeline, kind: &str, table: &str) -> Result<()> {
    pipeline
        .put(
            &format!("landing/{kind}/{table}/spoilt.csv"),
            "these,are,not\nthe,columns,wanted\n",
        )
        .await
}

/// What a person does after reading the mail: the spoilt file is taken out of staging.
async fn mend(pipeline: &Pipeline, kind: &str, table: &str, batch: &str) -> Result<()> {
    let _work = pipeline.runtime.clock().work();
    let key = format!("staging/{kind}/{table}/batch_id={batch}/spoilt.csv");
    let s3 = &pipeline.runtime.services().s3;
    s3.delete(pipeline.runtime.bucket()?, &key, &Default::default())
        .await?;
    Ok(())
}

#[tokio::test]
pub(crate) async fn d16_a_fact_that_fails_lets_its_sibling_finish_and_is_resumed_from_facts()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    spoil(&pipeline, "fact", "card_transaction").await?;
    let failed = pipeline.run(json!({"BatchId": "b1"})).await?;
    assert_eq!(
        (failed.status.as_str(), failed.error.as_deref()),
        ("FAILED", Some("TablesFailed"))
    );
    assert!(
        failed
            .cause
            .clone()
            .unwrap_or_default()
            .contains("card_transaction"),
        "{failed:?}"
    );
    let (subject, text) = pipeline.mails().pop().unwrap_or_default();
    assert!(subject.contains("b1 FAILED"), "{subject}");
    assert!(
        text.contains("card_transaction") && text.contains("\"StartFrom\":\"Facts\""),
        "{text}"
    );
    assert_eq!(pipeline.mails().len(), 1);
    assert_eq!(pipeline.cluster_states().await?, ["TERMINATED"]);
    let wanted = sample_rows()?;
    assert_eq!(
        pipeline
            .value("SELECT COUNT(*) FROM fact_db.transfer_transaction")
            .await?,
        wanted["fact_db.transfer_transaction"].to_string()
    );
    assert_eq!(
        pipeline
            .value("SELECT COUNT(*) FROM fact_db.card_transaction")
            .await?,
        "0"
    );

    mend(&pipeline, "fact", "card_transaction", "b1").await?;
    let resumed = pipeline
        .run(json!({"BatchId": "b1", "StartFrom": "Facts"}))
        .await?;
    assert!(resumed.succeeded(), "{resumed:?}");
    assert_eq!(pipeline.rows().await?, wanted);
    assert_eq!(pipeline.keys("staging/").await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
pub(crate) async fn d16_a_dimension_that_fails_keeps_the_facts_from_starting_and_is_resumed_from_dimensions()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    spoil(&pipeline, "dimension", "country").await?;
    let failed = pipeline.run(json!({"BatchId": "b1"})).await?;
    assert_eq!(failed.error.as_deref(), Some("TablesFailed"), "{failed:?}");
    assert!(
        !pipeline.keys("landing/fact/").await?.is_empty(),
        "the facts were not touched"
    );
    assert_eq!(pipeline.mails().len(), 1);

    mend(&pipeline, "dimension", "country", "b1").await?;
    pipeline.load("b1").await?;
    assert_eq!(pipeline.rows().await?, sample_rows()?);
    Ok(())
}

#[tokio::test]
async fn r2_a_run_from_workers_skips_the_dimensions() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    let outcome = pipeline
        .run(json!({"BatchId": "b1", "StartFrom": "Workers"}))
        .await?;
    assert!(outcome.succeeded(), "{outcome:?}");
    assert!(
        !pipeline.keys("landing/dimension/").await?.is_empty(),
        "the dimensions wait"
    );
    assert!(pipeline.keys("landing/fact/").await?.is_empty());
    Ok(())
}
