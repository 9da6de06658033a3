//! What people are told: one mail for each run, readable at 80 columns, with what broke, why, in what state the data is,
//! what it cost, and the input that resumes it.

use anyhow::Result;
use serde_json::json;

use crate::harness::Pipeline;

/// Prints the mails if `SHOW_MAILS` is set, to be looked at.
fn show(pipeline: &Pipeline) {
    if std::env::var_os("SHOW_MAILS").is_some() {
        for (subject, text) in pipeline.mails() {
            println!("\n=== {subject}\n{text}");
        }
    }
}

fn is_readable(subject: &str, text: &str) {
    assert!(subject.len() <= 100 && subject.is_ascii(), "{subject}");
    for line in text.lines() {
        let must_stay_whole = line.contains("arn:") || line.contains("s3://") || line.contains('{');
        assert!(
            line.chars().count() <= 80 || must_stay_whole,
            "too wide: {line}"
        );
    }
}

#[tokio::test]
async fn a_loaded_batch_is_mailed_with_rows_duration_and_cluster_time() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    pipeline.load("first").await?;
    show(&pipeline);
    let mails = pipeline.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    let (subject, text) = &mails[0];
    is_readable(subject, text);
    assert_eq!(subject, "pipeline: batch first loaded, 833 rows");
    for part in [
        "dimension.country",
        "422",
        "Ended",
        "instance hours",
        "up for",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_failed_load_is_mailed_with_reason_log_state_cost_and_resume() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    pipeline
        .put(
            "landing/fact/card_transaction/spoilt.csv",
            "these,are,not\nthe,columns,wanted\n",
        )
        .await?;
    let failed = pipeline.run(json!({"BatchId": "b1"})).await?;
    assert!(!failed.succeeded());
    show(&pipeline);
    let mails = pipeline.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    let (subject, text) = &mails[0];
    is_readable(subject, text);
    assert_eq!(subject, "pipeline: batch b1 FAILED: fact.card_transaction");
    for part in [
        "step \"load fact card_transaction b1\"",
        "every_file_has_the_expected_header",
        "stderr.gz",
        "    | ",
        "staged, not loaded (4)",
        "loaded and archived",
        "instance hours",
        "{\"BatchId\":\"b1\",\"StartFrom\":\"Facts\"}",
        "aws stepfunctions start-execution",
        "stateMachine:pipeline-master",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("\\\""), "no JSON in JSON: {text}");
    Ok(())
}

#[tokio::test]
async fn a_run_with_nothing_to_load_is_mailed_only_if_configured() -> Result<()> {
    let pipeline =
        Pipeline::start_with(std::sync::Arc::new(tempfile::TempDir::new()?), |options| {
            options
                .parameters
                .insert("MailWhenNothingToLoad".to_owned(), "true".to_owned());
        })
        .await?;
    pipeline.run(json!({})).await?;
    show(&pipeline);
    let mails = pipeline.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].0.contains("had nothing to load"), "{mails:?}");
    assert_eq!(pipeline.cluster_states().await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn an_aborted_run_is_mailed_by_the_reaper_with_the_input_that_resumes_it() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    let arn = pipeline
        .runtime
        .start_execution(
            "master",
            Some("aborted"),
            &json!({"Facts": ["card_transaction"]}),
        )
        .await?;
    let work = pipeline
        .runtime
        .clock()
        .sleep(std::time::Duration::from_secs(60 * 7))
        .await;
    pipeline
        .states(
            "StopExecution",
            json!({"executionArn": arn, "error": "ByHand", "cause": "a person"}),
        )
        .await?;
    drop(work);
    pipeline.runtime.wait(&arn).await?;
    pipeline.runtime.settle().await;
    show(&pipeline);
    let mails = pipeline.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    let (subject, text) = &mails[0];
    is_readable(subject, text);
    assert!(subject.contains("ABORTED"), "{subject}");
    for part in [
        "{\"BatchId\":\"2026-11-21T02-00-01Z\",\"StartFrom\":\"Dimensions\",\"Facts\":[\"card_transaction\"]}",
        "stateMachine:pipeline-master",
        "up for",
        "a person",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    Ok(())
}
