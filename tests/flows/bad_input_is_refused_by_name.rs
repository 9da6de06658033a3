//! Whatever is wrong is named, before anything is launched, and loses nothing.

use anyhow::Result;
use serde_json::{Value, json};

use crate::harness::{Pipeline, sample_rows};

async fn refused(input: Value, names: &[&str]) -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    let outcome = pipeline.run(input.clone()).await?;
    assert_eq!(
        (outcome.status.as_str(), outcome.error.as_deref()),
        ("FAILED", Some("InvalidInput")),
        "{input}"
    );
    let cause = outcome.cause.unwrap_or_default();
    let mails = pipeline.mails();
    assert_eq!(mails.len(), 1, "{input}: {mails:?}");
    for name in names {
        assert!(cause.contains(name), "{input}: {cause}");
        assert!(mails[0].1.contains(name), "{input}: {mails:?}");
    }
    assert_eq!(
        pipeline.cluster_states().await?,
        Vec::<String>::new(),
        "{input}"
    );
    Ok(())
}

#[tokio::test]
async fn s10_an_unknown_phase() -> Result<()> {
    refused(
        json!({"StartFrom": "Middle"}),
        &["StartFrom", "Dimensions, Workers or Facts"],
    )
    .await
}

#[tokio::test]
async fn s10_an_unknown_table() -> Result<()> {
    refused(
        json!({"Facts": ["card_transaction", "no_such_table"]}),
        &["no_such_table", "fact"],
    )
    .await
}

#[tokio::test]
async fn s10_a_batch_id_that_cannot_be_a_key_or_a_partition() -> Result<()> {
    for batch in [
        json!("a/b"),
        json!("a b"),
        json!("a:b"),
        json!("a'b"),
        json!("a=b"),
        json!(""),
        json!(7),
    ] {
        refused(json!({"BatchId": batch}), &["BatchId"]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn s10_tables_that_are_not_a_list() -> Result<()> {
    refused(json!({"Dimensions": "country"}), &["Dimensions", "list"]).await
}

#[tokio::test]
async fn l8_a_config_with_many_faults_names_them_all_before_a_launch() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    let config = "[basic]\nemr_region = us-east-1\nemr_name = x\nlog_on_s3 = nowhere\n[instances]\nworker_count = many\n";
    pipeline.put("config/config.ini", config).await?;
    let outcome = pipeline.run(json!({})).await?;
    assert_eq!(
        outcome.error.as_deref(),
        Some("ConfigInvalid"),
        "{outcome:?}"
    );
    let cause = outcome.cause.unwrap_or_default();
    for name in [
        "emr_version",
        "worker_count",
        "master_instance_type",
        "subnet_id",
    ] {
        assert!(cause.contains(name), "{name}: {cause}");
    }
    assert_eq!(pipeline.cluster_states().await?, Vec::<String>::new());
    assert_eq!(
        pipeline.keys("state/").await?,
        Vec::<String>::new(),
        "the lock is released"
    );
    assert_eq!(pipeline.mails().len(), 1);
    Ok(())
}

#[tokio::test]
pub(crate) async fn s7_state_info_that_cannot_be_read_stops_the_run_and_touches_no_cluster()
-> Result<()> {
    for garbage in ["", "{\"ClusterId\": \"j-1", "not an id at all"] {
        let pipeline = Pipeline::start().await?;
        pipeline.land_samples().await?;
        pipeline.put("state/pipeline.json", garbage).await?;
        let outcome = pipeline.run(json!({})).await?;
        assert_eq!(
            outcome.error.as_deref(),
            Some("StateInfoInvalid"),
            "{garbage}: {outcome:?}"
        );
        assert_eq!(
            pipeline.cluster_states().await?,
            Vec::<String>::new(),
            "{garbage}"
        );
        assert_eq!(pipeline.mails().len(), 1, "{garbage}");
    }
    Ok(())
}

#[tokio::test]
pub(crate) async fn x6_state_info_in_the_older_format_of_a_cluster_that_is_gone_is_taken_over()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    pipeline
        .put("state/pipeline.json", "\u{feff}j-2AXXXXXXGAPLF\r\n")
        .await?;
    pipeline.load("b1").await?;
    assert_eq!(pipeline.rows().await?, sample_rows()?);
    Ok(())
}

#[tokio::test]
async fn d12_a_bad_row_fails_the_load_before_anything_is_published_and_says_where_it_is()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    pipeline.load("good").await?;
    let file = crate::harness::sample_data().join("dimension/currency/currency.csv");
    let mut text = std::fs::read_to_string(file)?;
    text.push_str("only-one-column\n");
    pipeline
        .put("landing/dimension/currency/currency.csv", &text)
        .await?;
    let outcome = pipeline.run(json!({"BatchId": "bad"})).await?;
    assert_eq!(
        outcome.error.as_deref(),
        Some("TablesFailed"),
        "{outcome:?}"
    );
    assert_eq!(
        pipeline.rows().await?,
        sample_rows()?,
        "readers still see the old table"
    );
    let rejected = pipeline
        .keys("rejected/dimension/currency/batch_id=bad/")
        .await?;
    assert!(!rejected.is_empty());
    let s3 = &pipeline.runtime.services().s3;
    let _work = pipeline.runtime.clock().work();
    let mut listing = String::new();
    for key in rejected {
        let object = s3.get(pipeline.runtime.bucket()?, &key).await?;
        listing.push_str(&String::from_utf8_lossy(&object.into_bytes()?));
    }
    assert!(
        listing.contains("currency.csv") && listing.contains("too few columns"),
        "{listing}"
    );
    Ok(())
}
