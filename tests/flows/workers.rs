//! The fault matrix, "Workers": extra workers make a load faster, and never break it.

use std::time::Duration;

use anyhow::Result;
use aws_services::emr::{Role, Timings};

use crate::harness::Pipeline;
use crate::strikes::{Blow, Strikes, after};

/// The targets of the task fleet of the last cluster: on demand, spot.
async fn task_targets(pipeline: &Pipeline) -> Result<(u64, u64)> {
    let clusters = pipeline.runtime.services().emr.clusters();
    let id = clusters.last().map(|cluster| cluster.id.clone());
    let listed = pipeline
        .emr("ListInstanceFleets", serde_json::json!({"ClusterId": id}))
        .await?;
    let fleets = listed["InstanceFleets"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let task = fleets
        .into_iter()
        .find(|fleet| fleet["InstanceFleetType"] == "TASK")
        .unwrap_or_default();
    Ok((
        task["TargetOnDemandCapacity"].as_u64().unwrap_or(99),
        task["TargetSpotCapacity"].as_u64().unwrap_or(99),
    ))
}

#[tokio::test]
pub(crate) async fn w1_a_resize_whose_response_was_lost_is_not_added_twice() -> Result<()> {
    let (pipeline, strikes) =
        Strikes::pipeline([after("elasticmapreduce", "ModifyInstanceFleet", Blow::Lose).times(2)])
            .await?;
    pipeline.land_transfers().await?;
    pipeline.load("b1").await?;
    assert!(strikes.struck() >= 1);
    assert_eq!(
        task_targets(&pipeline).await?,
        (0, 3),
        "one spot worker from the launch and two more"
    );
    pipeline.holds(1).await
}

#[tokio::test]
async fn w2_workers_that_never_come_are_reported_and_the_load_goes_on() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_transfers().await?;
    let (arn, work) = pipeline
        .after("late", serde_json::json!({"BatchId": "b1"}), 250)
        .await?;
    // EMR takes a cluster for started before its last instances have come.
    pipeline.runtime.services().emr.set_timings(Timings {
        provisioning: Duration::from_secs(50 * 3600),
        resize_provisioning: Duration::from_secs(50 * 3600),
        ..Timings::default()
    });
    drop(work);
    let outcome = pipeline.end(&arn).await?;
    assert!(outcome.succeeded(), "{outcome:?}");
    assert_eq!(pipeline.transfers().await?, 4);
    let mail = pipeline.last_mail();
    assert!(mail.contains("The extra workers did not come in time (WorkersLate): 1 of 3 were there, and the load went on"), "{mail}");
    pipeline.holds(1).await
}

#[tokio::test]
pub(crate) async fn w2_spot_workers_that_are_not_granted_are_asked_for_on_demand_and_the_mail_says_so()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_transfers().await?;
    let (arn, work) = pipeline
        .after("no-spot", serde_json::json!({"BatchId": "b1"}), 240)
        .await?;
    pipeline
        .runtime
        .services()
        .emr
        .plan_faults(|faults| faults.spot_is_never_fulfilled = true);
    drop(work);
    let outcome = pipeline.end(&arn).await?;
    assert!(outcome.succeeded(), "{outcome:?}");
    let mail = pipeline.last_mail();
    assert!(mail.contains("Spot workers were not granted in time; on-demand ones were asked for instead, and 3 of 3 came."), "{mail}");
    pipeline.holds(1).await
}

#[tokio::test]
async fn w3_workers_that_die_while_others_come_are_counted_right() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_transfers().await?;
    let (arn, work) = pipeline
        .after("losses", serde_json::json!({"BatchId": "b1"}), 330)
        .await?;
    let cluster = pipeline.runtime.services().emr.clusters().remove(0).id;
    pipeline
        .runtime
        .services()
        .emr
        .lose_instance(&cluster, Role::Task)?;
    drop(work);
    let outcome = pipeline.end(&arn).await?;
    assert!(outcome.succeeded(), "{outcome:?}");
    assert!(
        !pipeline.last_mail().contains("workers"),
        "all came after all: {}",
        pipeline.last_mail()
    );
    assert_eq!(pipeline.transfers().await?, 4);
    pipeline.holds(1).await
}
