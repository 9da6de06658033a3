//! Of runs that would disturb each other exactly one proceeds.

use anyhow::Result;
use serde_json::json;

use crate::harness::Pipeline;

#[tokio::test]
async fn s2_of_two_masters_that_start_together_one_loads_and_the_other_ends_without_effect()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    let work = pipeline.runtime.clock().work();
    let one = pipeline
        .runtime
        .start_execution("master", Some("one"), &json!({"BatchId": "one"}))
        .await?;
    let other = pipeline
        .runtime
        .start_execution("master", Some("other"), &json!({"BatchId": "other"}))
        .await?;
    drop(work);
    let outcomes = [
        pipeline.runtime.wait(&one).await?,
        pipeline.runtime.wait(&other).await?,
    ];
    pipeline.runtime.settle().await;
    let mut statuses: Vec<String> = outcomes
        .iter()
        .map(|outcome| {
            outcome
                .output
                .as_ref()
                .map(|output| output["Status"].to_string())
                .unwrap_or_default()
        })
        .collect();
    statuses.sort();
    assert_eq!(statuses, ["\"LOADED\"", "\"SKIPPED\""], "{outcomes:?}");
    let skipped = outcomes.iter().find(|outcome| {
        outcome
            .output
            .as_ref()
            .is_some_and(|output| output["Status"] == "SKIPPED")
    });
    let holder = skipped
        .and_then(|outcome| outcome.output.clone())
        .unwrap_or_default()["Holder"]
        .to_string();
    assert!(
        holder.contains(":one") || holder.contains(":other"),
        "the holder is named: {holder}"
    );
    assert_eq!(pipeline.cluster_states().await?, ["TERMINATED"]);
    assert_eq!(pipeline.mails().len(), 1);
    Ok(())
}

#[tokio::test]
async fn s3_a_cluster_that_a_person_launched_is_not_taken_over() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_samples().await?;
    let launched = pipeline
        .run_machine("launch-emr-cluster", json!({}))
        .await?;
    assert!(launched.succeeded(), "{launched:?}");
    let refused = pipeline.run(json!({"BatchId": "night"})).await?;
    assert_eq!(
        refused.error.as_deref(),
        Some("ClusterInUse"),
        "{refused:?}"
    );
    let cluster = launched.output.unwrap_or_default()["ClusterId"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(refused.cause.unwrap_or_default().contains(&cluster));
    assert_eq!(
        pipeline.cluster_states().await?,
        ["WAITING"],
        "the person's cluster lives on"
    );
    assert_eq!(pipeline.mails().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_second_runtime_over_the_same_folder_is_refused_by_name() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    let second = Pipeline::start_with(pipeline.root(), |_| {}).await;
    let message = second
        .err()
        .map(|error| format!("{error:#}"))
        .unwrap_or_default();
    assert!(message.contains("root"), "{message}");
    Ok(())
}
