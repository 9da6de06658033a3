//! Loading, loading again, and loading more.

use anyhow::Result;
use serde_json::json;

use crate::harness::{Pipeline, history, sample_rows};

#[tokio::test]
pub(crate) async fn the_sample_is_loaded_whole_and_its_files_are_archived() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    let landed = pipeline.keys("landing/").await?;
    let outcome = pipeline.load("first").await?;

    assert_eq!(outcome.output.unwrap_or_default()["Status"], "LOADED");
    assert_eq!(pipeline.rows().await?, sample_rows()?);
    assert_eq!(pipeline.keys("landing/").await?, Vec::<String>::new());
    assert_eq!(pipeline.keys("staging/").await?, Vec::<String>::new());
    let archived: Vec<String> = landed
        .iter()
        .map(|key| {
            let (folder, file) = key.rsplit_once('/').unwrap_or_default();
            format!(
                "{}/batch_id=first/{file}",
                folder.replacen("landing", "archive", 1)
            )
        })
        .collect();
    assert_eq!(pipeline.keys("archive/").await?, archived);
    assert_eq!(pipeline.cluster_states().await?, ["TERMINATED"]);
    assert_eq!(
        pipeline.keys("state/").await?,
        Vec::<String>::new(),
        "the lock is released"
    );
    let mails = pipeline.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].0.contains("batch first loaded"), "{mails:?}");
    assert!(
        !mails[0].1.contains("workers"),
        "the extra workers came: {mails:?}"
    );
    Ok(())
}

#[tokio::test]
async fn r1_the_same_batch_again_changes_nothing_and_leaves_new_files_for_the_next() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    pipeline.load("first").await?;
    pipeline.land_samples().await?;
    let again = pipeline.run(json!({"BatchId": "first"})).await?;

    assert_eq!(again.output.unwrap_or_default()["Status"], "ALREADY_LOADED");
    assert_eq!(pipeline.rows().await?, sample_rows()?);
    assert_eq!(
        pipeline.cluster_states().await?.len(),
        1,
        "no cluster was paid for"
    );
    assert_eq!(pipeline.mails().len(), 1);
    assert!(!pipeline.keys("landing/").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn d20_a_second_batch_adds_its_facts_and_replaces_the_dimensions() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    pipeline.load("first").await?;
    pipeline.land_samples().await?;
    pipeline.load("second").await?;

    let (once, twice) = (sample_rows()?, pipeline.rows().await?);
    for (table, rows) in once {
        let expected = if table.starts_with("fact_db") {
            rows * 2
        } else {
            rows
        };
        assert_eq!(twice[&table], expected, "{table}");
    }
    let batches = "SELECT COUNT(DISTINCT batch_id) FROM fact_db.card_transaction";
    assert_eq!(pipeline.value(batches).await?, "2");
    Ok(())
}

#[tokio::test]
pub(crate) async fn x13_what_a_dead_run_left_in_staging_is_finished_before_the_next_batch()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    let country = pipeline.keys("landing/dimension/country/").await?;
    // A run that died after its move: the files are in staging, marked, and nowhere else.
    let body = std::fs::read_to_string(
        crate::harness::sample_data().join("dimension/country/country.csv"),
    )?;
    for key in country {
        let file = key
            .rsplit_once('/')
            .map(|(_, file)| file)
            .unwrap_or_default();
        pipeline
            .put(
                &format!("staging/dimension/country/batch_id=earlier/{file}"),
                &body,
            )
            .await?;
    }
    pipeline
        .put("runs/batch_id=earlier/dimension.country.staged", "{}")
        .await?;
    pipeline.load("later").await?;

    assert_eq!(pipeline.rows().await?, sample_rows()?);
    assert!(
        !pipeline
            .keys("archive/dimension/country/batch_id=earlier/")
            .await?
            .is_empty()
    );
    assert!(
        !pipeline
            .keys("runs/batch_id=earlier/dimension.country.loaded")
            .await?
            .is_empty()
    );
    assert_eq!(pipeline.keys("staging/").await?, Vec::<String>::new());
    Ok(())
}

/// The history of the master's whole run. `UPDATE_GOLDEN=1 cargo test -p end-to-end-tests` writes them anew.
#[tokio::test]
async fn a_full_run_has_the_history_that_is_on_record() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    let outcome = pipeline.load("golden").await?;
    let mut found = String::new();
    for line in history(&pipeline, &outcome.execution_arn).await? {
        found.push_str(&line);
        found.push('\n');
    }
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/master_history.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &found)?;
    }
    assert_eq!(
        found,
        std::fs::read_to_string(&golden)?,
        "{}",
        golden.display()
    );
    Ok(())
}
