//! The fault matrix, "Launch": one cluster for each run, whatever becomes of the calls that make it.

use anyhow::Result;
use aws_services::emr::{Blow as ClusterBlow, Fault, Moment};
use serde_json::json;

use crate::harness::Pipeline;
use crate::start_and_lock::foreign_cluster;
use crate::strikes::{Blow, Rule, Strikes, after, before};

async fn loads_with_one_cluster(rules: Vec<Rule>) -> Result<()> {
    let count = rules.len();
    let (pipeline, strikes) = Strikes::pipeline(rules).await?;
    pipeline.land_countries().await?;
    pipeline.load("b1").await?;
    assert!(strikes.struck() >= count, "every rule struck");
    assert_eq!(pipeline.cluster_states().await?, ["TERMINATED"]);
    assert_eq!(pipeline.countries().await?, 3);
    pipeline.holds(1).await
}

#[tokio::test]
async fn l1_a_launch_that_is_throttled_or_fails_before_its_effect_is_repeated() -> Result<()> {
    loads_with_one_cluster(vec![
        before("elasticmapreduce", "RunJobFlow", Blow::Throttle).times(4),
    ])
    .await?;
    loads_with_one_cluster(vec![
        before("elasticmapreduce", "RunJobFlow", Blow::Unavailable).times(2),
    ])
    .await
}

#[tokio::test]
pub(crate) async fn l2_a_lost_response_of_the_launch_is_adopted() -> Result<()> {
    loads_with_one_cluster(vec![after("elasticmapreduce", "RunJobFlow", Blow::Lose)]).await?;
    loads_with_one_cluster(vec![after(
        "elasticmapreduce",
        "RunJobFlow",
        Blow::Unavailable,
    )])
    .await
}

#[tokio::test]
async fn l3_a_function_that_crashes_after_the_launch_adopts_when_it_is_tried_again() -> Result<()> {
    loads_with_one_cluster(vec![
        // The first asks only where it will run.
        after("lambda", "Invoke", Blow::Crash)
            .about("launch_emr")
            .skip(1),
    ])
    .await
}

#[tokio::test]
pub(crate) async fn l3_a_cluster_whose_id_nobody_recorded_is_found_by_the_reaper() -> Result<()> {
    let (pipeline, _) = Strikes::pipeline([after("lambda", "Invoke", Blow::Hang)
        .about("launch_emr")
        .skip(1)
        .always()])
    .await?;
    pipeline.land_countries().await?;
    let (arn, work) = pipeline
        .after("aborted", json!({"BatchId": "b1"}), 60)
        .await?;
    assert!(
        !pipeline.content("state/").await?.contains("j-"),
        "its id is nowhere"
    );
    pipeline.abort(&arn).await?;
    drop(work);
    pipeline.end(&arn).await?;
    pipeline.holds(1).await
}

#[tokio::test]
pub(crate) async fn l4_a_cluster_that_cannot_be_recorded_is_terminated() -> Result<()> {
    let rule = before("s3", "PutObject", Blow::Unavailable)
        .about("state/pipeline.json")
        .skip(1)
        .always();
    let (pipeline, _) = Strikes::pipeline([rule]).await?;
    pipeline.land_countries().await?;
    pipeline.fails("b1", "ServiceUnavailable").await?;
    assert_eq!(pipeline.cluster_states().await?, ["TERMINATED"]);
    pipeline.holds(1).await
}

#[tokio::test]
async fn l4_a_recording_that_fails_for_a_while_is_repeated() -> Result<()> {
    loads_with_one_cluster(vec![
        before("s3", "PutObject", Blow::Throttle)
            .about("state/pipeline.json")
            .skip(1)
            .times(7),
    ])
    .await
}

#[tokio::test]
async fn l5_a_cluster_that_does_not_start_fails_the_run_once_with_emrs_reason() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    pipeline.runtime.services().emr.plan_faults(|faults| {
        faults.planned.push(Fault {
            skips: 0,
            moment: Moment::ClusterBootstraps,
            blow: ClusterBlow::KillCluster {
                code: "BOOTSTRAP_FAILURE".to_owned(),
                message: "On the master instance, bootstrap action 1 failed".to_owned(),
            },
            times: 1,
        });
    });
    pipeline.fails("b1", "ClusterStopped").await?;
    let mail = pipeline.last_mail();
    for part in [
        "BOOTSTRAP_FAILURE",
        "bootstrap action 1 failed",
        "landed, not staged (1)",
        "up for",
        "\"StartFrom\":\"Dimensions\"",
    ] {
        assert!(mail.contains(part), "{part}: {mail}");
    }
    pipeline.holds(1).await?;
    pipeline.load("b1").await?;
    assert_eq!(pipeline.countries().await?, 3);
    Ok(())
}

#[tokio::test]
pub(crate) async fn l6_a_cluster_that_stays_in_starting_is_terminated_at_the_deadline() -> Result<()>
{
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    pipeline
        .runtime
        .services()
        .emr
        .set_timings(aws_services::emr::Timings {
            provisioning: std::time::Duration::from_secs(5 * 3600),
            ..Default::default()
        });
    pipeline.fails("b1", "ClusterStartTimeout").await?;
    assert!(
        pipeline
            .last_mail()
            .contains("has not started within an hour"),
        "{}",
        pipeline.last_mail()
    );
    pipeline.holds(1).await
}

#[tokio::test]
async fn l7_spot_that_is_not_granted_at_launch_becomes_on_demand_and_the_mail_says_so() -> Result<()>
{
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    pipeline
        .runtime
        .services()
        .emr
        .plan_faults(|faults| faults.spot_is_never_fulfilled = true);
    pipeline.load("b1").await?;
    let mail = pipeline.last_mail();
    assert!(
        mail.contains("spot workers were not granted; on-demand ones took their place"),
        "{mail}"
    );
    assert!(mail.contains("0.00 spot"), "{mail}");
    pipeline.holds(1).await
}

#[tokio::test]
pub(crate) async fn l8_a_configuration_that_is_missing_or_names_an_unknown_release_fails_before_any_call_of_emr()
-> Result<()> {
    let (pipeline, strikes) = Strikes::pipeline([]).await?;
    pipeline.land_countries().await?;
    let config = pipeline.content("config/config.ini").await?;
    pipeline
        .put("config/config.ini", &config.replace("emr-7.12.0", "latest"))
        .await?;
    pipeline.fails("b1", "ConfigInvalid").await?;
    assert!(
        pipeline.last_mail().contains("emr_version"),
        "{}",
        pipeline.last_mail()
    );
    pipeline.delete("config/config.ini").await?;
    pipeline.fails("b2", "ConfigMissing").await?;
    assert_eq!(strikes.calls("RunJobFlow", ""), 0);
    pipeline.holds(2).await
}

#[tokio::test]
async fn l9_a_foreign_cluster_of_our_name_is_neither_adopted_nor_terminated() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    let foreign = foreign_cluster(&pipeline, "data_pipeline", "other").await?;
    pipeline.load("b1").await?;
    let reports = pipeline.runtime.services().emr.clusters();
    let alive: Vec<_> = reports
        .iter()
        .filter(|cluster| cluster.ended.is_none())
        .map(|cluster| cluster.id.clone())
        .collect();
    assert_eq!(alive, [foreign]);
    Ok(())
}
