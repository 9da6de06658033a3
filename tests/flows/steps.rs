//! The fault matrix, "Steps and data", its steps: one that fails, dies or is lost leaves every row where it can be seen.

use anyhow::Result;
use aws_services::emr::Role;
use aws_services::emr::{Blow as ClusterBlow, Fault, Moment};
use serde_json::json;

use crate::harness::Pipeline;
use crate::small_batches::{LANDING_COUNTRY, LANDING_TRANSFERS, countries, transfers};
use crate::strikes::{Blow, Strikes, after, before, fail_step};

#[tokio::test]
async fn d1_a_step_whose_response_was_lost_is_adopted_and_ran_once() -> Result<()> {
    let (pipeline, strikes) = Strikes::pipeline([
        after("elasticmapreduce", "AddJobFlowSteps", Blow::Lose).times(2),
        after("lambda", "Invoke", Blow::Crash)
            .about("submit_cmd_run_step_emr")
            .skip(1),
    ])
    .await?;
    pipeline.land_transfers().await?;
    pipeline.load("b1").await?;
    assert_eq!(strikes.struck(), 3);
    let done = |name: &str| vec![(name.to_owned(), "COMPLETED".to_owned())];
    for step in ["stage", "load", "archive"] {
        assert_eq!(
            pipeline.steps(step),
            done(&format!("{step} fact transfer_transaction b1"))
        );
    }
    assert_eq!(pipeline.transfers().await?, 4);
    pipeline.holds(1).await
}

#[tokio::test]
async fn d2_a_move_that_dies_half_way_is_completed_by_the_rerun() -> Result<()> {
    let copy = before("s3", "CopyObject", Blow::Refuse("AccessDenied", 403))
        .by("elasticmapreduce")
        .skip(2);
    let (pipeline, _) = Strikes::pipeline([copy]).await?;
    for file in 0..4u32 {
        let text = transfers(file * 10..file * 10 + 3, "2026-11-20");
        pipeline
            .put(
                &format!("landing/fact/transfer_transaction/part-{file}.csv"),
                &text,
            )
            .await?;
    }
    pipeline.fails("b1", "TablesFailed").await?;
    assert_eq!(
        pipeline.keys("landing/fact/").await?.len(),
        4,
        "nothing was deleted"
    );
    assert_eq!(
        pipeline.keys("staging/fact/").await?.len(),
        2,
        "some were copied"
    );
    assert!(
        pipeline.last_mail().contains("partly staged (2), 4 landed"),
        "{}",
        pipeline.last_mail()
    );
    pipeline.load("b1").await?;
    assert_eq!(pipeline.transfers().await?, 12);
    assert_eq!(pipeline.keys("landing/").await?, Vec::<String>::new());
    pipeline.holds(2).await
}

#[tokio::test]
async fn d3_files_that_land_while_the_move_runs_wait_for_the_next_batch() -> Result<()> {
    let new = Blow::Put(
        "landing/fact/transfer_transaction/late.csv".to_owned(),
        transfers(50..52, "2026-11-20"),
    );
    let (pipeline, _) = Strikes::pipeline([after("s3", "DeleteObject", new)
        .by("elasticmapreduce")
        .about("landing/")])
    .await?;
    pipeline.land_transfers().await?;
    pipeline.load("b1").await?;
    assert_eq!(pipeline.transfers().await?, 4);
    assert_eq!(
        pipeline.keys("landing/").await?,
        ["landing/fact/transfer_transaction/late.csv"]
    );
    assert_eq!(
        pipeline.steps("stage").len(),
        1,
        "the move is not repeated for them"
    );
    assert!(
        pipeline
            .last_mail()
            .contains("1 file landed for fact.transfer_transaction since"),
        "{}",
        pipeline.last_mail()
    );
    pipeline.load("b2").await?;
    assert_eq!(pipeline.transfers().await?, 6);
    pipeline.holds(2).await
}

#[tokio::test]
async fn d4_a_file_that_is_replaced_while_it_is_moved_loads_whole_and_its_new_version_waits()
-> Result<()> {
    let new = Blow::Put(
        LANDING_TRANSFERS.to_owned(),
        transfers(50..57, "2026-11-20"),
    );
    let (pipeline, _) = Strikes::pipeline([after("s3", "CopyObject", new)
        .by("elasticmapreduce")
        .about("transfers.csv")])
    .await?;
    pipeline.land_transfers().await?;
    pipeline.load("b1").await?;
    let first = pipeline.transfers().await?;
    assert!(first == 4 || first == 7, "one whole version: {first}");
    pipeline.load("b2").await?;
    assert_eq!(
        pipeline.transfers().await?,
        11,
        "and the other with the next batch"
    );
    Ok(())
}

#[test]
fn d4_on_aws_the_bucket_keeps_what_is_overwritten_or_deleted() {
    let template =
        std::fs::read_to_string(crate::harness::project_folder().join("infra/aws/template.yaml"))
            .unwrap();
    assert!(template.contains("VersioningConfiguration: {Status: Enabled}"));
    assert!(template.contains(
        "NoncurrentVersionExpiration: {NoncurrentDays: !Ref OldVersionsExpireAfterDays}"
    ));
}

#[tokio::test]
pub(crate) async fn d5_a_load_that_fails_changes_nothing_and_its_mail_has_reason_and_log()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    pipeline.load("good").await?;
    pipeline.put(LANDING_COUNTRY, &countries(9, "New")).await?;
    fail_step(
        &pipeline,
        Moment::StepStarts("load dimension country".to_owned()),
        "Container killed by YARN for exceeding memory limits",
    );
    pipeline.fails("b1", "TablesFailed").await?;
    assert_eq!(pipeline.countries().await?, 3, "production is unchanged");
    assert_eq!(
        pipeline
            .keys("staging/dimension/country/batch_id=b1/")
            .await?
            .len(),
        1,
        "staging is kept"
    );
    let mail = pipeline.last_mail();
    for part in [
        "Container killed by YARN for exceeding memory limits",
        "step \"load dimension country b1\"",
        "staged, not loaded (1)",
    ] {
        assert!(mail.contains(part), "{part}: {mail}");
    }
    pipeline.holds(2).await?;
    pipeline.load("b1").await?;
    assert_eq!(pipeline.countries().await?, 9);
    Ok(())
}

#[tokio::test]
async fn d6_a_load_that_is_killed_after_writing_is_repeated_to_the_same_table() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_transfers().await?;
    fail_step(
        &pipeline,
        Moment::StepEnds("load fact transfer".to_owned()),
        "killed",
    );
    pipeline.fails("b1", "TablesFailed").await?;
    let resumed = pipeline
        .run(json!({"BatchId": "b1", "StartFrom": "Facts"}))
        .await?;
    assert!(resumed.succeeded(), "{resumed:?}");
    assert_eq!(pipeline.transfers().await?, 4);
    assert_eq!(
        pipeline
            .value("SELECT COUNT(DISTINCT transfer_id) FROM fact_db.transfer_transaction")
            .await?,
        "4"
    );
    pipeline.holds(2).await
}

#[tokio::test]
async fn d7_an_archive_that_fails_half_way_is_finished_without_loading_again() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    for file in 0..3u32 {
        let text = transfers(file * 10..file * 10 + 3, "2026-11-20");
        pipeline
            .put(
                &format!("landing/fact/transfer_transaction/part-{file}.csv"),
                &text,
            )
            .await?;
    }
    fail_step(
        &pipeline,
        Moment::StepStarts("archive fact transfer".to_owned()),
        "half way",
    );
    pipeline.fails("b1", "TablesFailed").await?;
    assert!(
        pipeline.last_mail().contains("loaded, 3 to archive"),
        "{}",
        pipeline.last_mail()
    );
    // One file has been moved already.
    let moved = pipeline
        .content("staging/fact/transfer_transaction/batch_id=b1/part-0.csv")
        .await?;
    pipeline
        .put(
            "archive/fact/transfer_transaction/batch_id=b1/part-0.csv",
            &moved,
        )
        .await?;
    pipeline
        .delete("staging/fact/transfer_transaction/batch_id=b1/part-0.csv")
        .await?;
    pipeline.load("b1").await?;
    assert_eq!(pipeline.transfers().await?, 9);
    assert_eq!(pipeline.steps("load fact").len(), 1, "it was loaded once");
    assert_eq!(
        pipeline
            .keys("archive/fact/transfer_transaction/batch_id=b1/")
            .await?
            .len(),
        3
    );
    assert_eq!(pipeline.keys("staging/").await?, Vec::<String>::new());
    pipeline.holds(2).await
}

#[tokio::test]
async fn d8_an_archive_that_succeeded_unheard_leaves_the_rerun_nothing_to_do() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_transfers().await?;
    fail_step(
        &pipeline,
        Moment::StepEnds("archive fact transfer".to_owned()),
        "lost",
    );
    pipeline.fails("b1", "TablesFailed").await?;
    let again = pipeline.run(json!({"BatchId": "b1"})).await?;
    assert!(again.succeeded(), "{again:?}");
    assert_eq!(pipeline.transfers().await?, 4);
    assert_eq!(pipeline.steps("load fact").len(), 1);
    Ok(())
}

#[tokio::test]
async fn d9_a_step_that_a_person_cancels_is_an_error_at_once() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    crate::start_and_lock::hang_step(&pipeline, "load dimension country");
    let (arn, work) = pipeline
        .after("cancelled", json!({"BatchId": "b1"}), 900)
        .await?;
    let cluster = pipeline.runtime.services().emr.clusters().remove(0);
    let step = cluster
        .steps
        .iter()
        .find(|step| step.name.starts_with("load"))
        .map(|step| step.id.clone());
    pipeline
        .emr("CancelSteps", json!({"ClusterId": cluster.id, "StepIds": [step], "StepCancellationOption": "TERMINATE_PROCESS"}))
        .await?;
    let at = pipeline.runtime.clock().now();
    drop(work);
    assert_eq!(pipeline.end(&arn).await?.status, "FAILED");
    let waited = pipeline.runtime.clock().now().duration_since(at);
    assert!(waited.as_secs() < 600, "{waited:?}");
    assert!(
        pipeline.last_mail().contains("CANCELLED"),
        "{}",
        pipeline.last_mail()
    );
    pipeline.holds(1).await
}

#[tokio::test]
pub(crate) async fn d10_polling_that_is_throttled_for_minutes_waits_longer_and_submits_nothing_again()
-> Result<()> {
    let (pipeline, strikes) =
        Strikes::pipeline([before("elasticmapreduce", "DescribeStep", Blow::Throttle)
            .skip(1)
            .times(30)])
        .await?;
    pipeline.land_countries().await?;
    pipeline.load("b1").await?;
    assert_eq!(strikes.struck(), 30);
    assert_eq!(pipeline.steps("").len(), 3);
    pipeline.holds(1).await
}

#[tokio::test]
async fn d11_a_cluster_that_ends_under_a_step_fails_the_run_once_and_resume_continues_on_a_new_one()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_transfers().await?;
    pipeline.runtime.services().emr.plan_faults(|faults| {
        faults.planned.push(Fault {
            skips: 0,
            moment: Moment::StepStarts("load fact".to_owned()),
            blow: ClusterBlow::LoseInstance(Role::Master),
            times: 1,
        });
    });
    pipeline.fails("b1", "TablesFailed").await?;
    let mail = pipeline.last_mail();
    assert!(
        mail.contains("the cluster ended before the step") || mail.contains("ClusterGone"),
        "{mail}"
    );
    let resumed = pipeline
        .run(json!({"BatchId": "b1", "StartFrom": "Facts"}))
        .await?;
    assert!(resumed.succeeded(), "{resumed:?}");
    assert_eq!(pipeline.transfers().await?, 4);
    assert_eq!(pipeline.cluster_states().await?.len(), 2);
    pipeline.holds(2).await
}
