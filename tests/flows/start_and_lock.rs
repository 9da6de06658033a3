//! The fault matrix, "Start and lock": whatever starts twice, late, wrongly or beside another run.

use anyhow::{Result, ensure};
use aws_services::emr::{Blow as ClusterBlow, Fault, Moment};
use embedded_runtime::ExecutionOutcome;
use serde_json::json;

use crate::harness::Pipeline;
use crate::strikes::{Blow, Strikes, before};

#[tokio::test]
async fn s1_a_schedule_that_fires_twice_for_one_time_loads_once_and_mails_once() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    let input = json!({"ScheduledTime": "2026-11-21T02:00:00Z"});
    let work = pipeline.runtime.clock().work();
    let one = pipeline
        .runtime
        .start_execution("master", Some("one"), &input)
        .await?;
    let two = pipeline
        .runtime
        .start_execution("master", Some("two"), &input)
        .await?;
    drop(work);
    let mut words = vec![
        Pipeline::status_of(&pipeline.end(&one).await?),
        Pipeline::status_of(&pipeline.end(&two).await?),
    ];
    words.sort();
    assert_eq!(words, ["LOADED", "SKIPPED"]);
    let late = pipeline.run(input).await?;
    assert_eq!(Pipeline::status_of(&late), "ALREADY_LOADED");
    assert_eq!(pipeline.cluster_states().await?.len(), 1);
    assert_eq!(pipeline.countries().await?, 3);
    pipeline.holds(1).await
}

/// Starts two launches in the same second: how the one that was let in ended, and the one that was refused.
async fn two_launches(pipeline: &Pipeline) -> Result<(ExecutionOutcome, ExecutionOutcome)> {
    let work = pipeline.runtime.clock().work();
    let one = pipeline
        .runtime
        .start_execution("launch-emr-cluster", Some("one"), &json!({}))
        .await?;
    let two = pipeline
        .runtime
        .start_execution("launch-emr-cluster", Some("two"), &json!({}))
        .await?;
    drop(work);
    let (one, two) = (pipeline.end(&one).await?, pipeline.end(&two).await?);
    let (holder, refused) = if one.succeeded() {
        (one, two)
    } else {
        (two, one)
    };
    ensure!(holder.succeeded(), "neither was let in: {refused:?}");
    assert_eq!(
        refused.error.as_deref(),
        Some("AlreadyRunning"),
        "{refused:?}"
    );
    Ok((holder, refused))
}

#[tokio::test]
pub(crate) async fn s2_of_two_launches_in_the_same_second_the_lock_lets_one_proceed_and_names_it()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    let (holder, refused) = two_launches(&pipeline).await?;
    let cause = refused.cause.unwrap_or_default();
    assert!(cause.contains(&holder.execution_arn), "{cause}");
    assert_eq!(
        pipeline.cluster_states().await?,
        ["WAITING"],
        "the other has launched nothing"
    );
    Ok(())
}

#[tokio::test]
async fn s3_a_master_that_starts_while_a_manual_launch_runs_is_refused_and_told_who_holds_the_lock()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    let launch = pipeline
        .runtime
        .start_execution("launch-emr-cluster", Some("manual"), &json!({}))
        .await?;
    let work = pipeline
        .runtime
        .clock()
        .sleep(std::time::Duration::from_secs(60))
        .await;
    let master = pipeline
        .runtime
        .start_execution("master", None, &json!({"BatchId": "night"}))
        .await?;
    drop(work);
    let refused = pipeline.end(&master).await?;
    assert_eq!(Pipeline::status_of(&refused), "SKIPPED");
    assert!(
        refused
            .output
            .unwrap_or_default()
            .to_string()
            .contains(":manual"),
        "the holder is named"
    );
    pipeline.end(&launch).await?;
    let states = pipeline.cluster_states().await?;
    assert!(
        states.len() == 1 && !states[0].starts_with("TERMINAT"),
        "{states:?}"
    );
    Ok(())
}

/// A run that was aborted, whose reaper never came: its lock and its cluster are still there hours later.
async fn dead_holder() -> Result<(Pipeline, std::sync::Arc<Strikes>)> {
    let (pipeline, strikes) = Strikes::pipeline([before("states", "StartExecution", Blow::Deny)
        .by("events")
        .always()])
    .await?;
    pipeline.land_countries().await?;
    let (arn, work) = pipeline
        .after("dead", json!({"BatchId": "dead"}), 330)
        .await?;
    pipeline.abort(&arn).await?;
    drop(work);
    pipeline.end(&arn).await?;
    assert!(
        !pipeline.keys("state/").await?.is_empty(),
        "the lock was left behind"
    );
    drop(
        pipeline
            .runtime
            .clock()
            .sleep(std::time::Duration::from_secs(600))
            .await,
    );
    strikes.end();
    Ok((pipeline, strikes))
}

#[tokio::test]
pub(crate) async fn s4_the_lock_of_a_run_that_was_aborted_is_taken_over_and_its_cluster_terminated_first()
-> Result<()> {
    let (pipeline, strikes) = dead_holder().await?;
    assert!(
        !pipeline.cluster_states().await?[0].starts_with("TERMINATED"),
        "its cluster is alive"
    );
    strikes.add(before("elasticmapreduce", "RunJobFlow", Blow::Look));
    pipeline.land_transfers().await?;
    pipeline.load("next").await?;
    assert!(
        strikes
            .looks()
            .iter()
            .flatten()
            .all(|state| state.starts_with("TERMINAT")),
        "{:?}",
        strikes.looks()
    );
    assert_eq!(
        (pipeline.countries().await?, pipeline.transfers().await?),
        (3, 4)
    );
    pipeline.holds(1).await
}

#[tokio::test]
async fn s5_a_holder_that_is_slow_but_alive_is_not_taken_over() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    hang_step(&pipeline, "load dimension country");
    let (slow, work) = pipeline
        .after("slow", json!({"BatchId": "slow"}), 3 * 3600)
        .await?;
    let second = pipeline
        .runtime
        .start_execution("master", None, &json!({"BatchId": "second"}))
        .await?;
    drop(work);
    let refused = pipeline.runtime.wait(&second).await?;
    assert_eq!(Pipeline::status_of(&refused), "SKIPPED");
    assert_eq!(pipeline.cluster_states().await?, ["RUNNING"]);
    pipeline.abort(&slow).await?;
    pipeline.end(&slow).await?;
    pipeline.holds(1).await
}

/// The step with this name never ends.
pub(crate) fn hang_step(pipeline: &Pipeline, name: &str) {
    pipeline.runtime.services().emr.plan_faults(|faults| {
        faults.planned.push(Fault {
            skips: 0,
            moment: Moment::StepStarts(name.to_owned()),
            blow: ClusterBlow::HangStep,
            times: 1,
        });
    });
}

#[tokio::test]
async fn s6_of_two_that_take_over_the_same_dead_lock_one_wins() -> Result<()> {
    let (pipeline, _) = dead_holder().await?;
    two_launches(&pipeline).await?;
    let alive = pipeline.cluster_states().await?;
    assert_eq!(
        alive
            .iter()
            .filter(|state| !state.starts_with("TERMINAT"))
            .count(),
        1,
        "{alive:?}"
    );
    Ok(())
}

#[tokio::test]
async fn s7_state_info_that_names_a_cluster_of_another_pipeline_never_ends_that_cluster()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    let foreign = foreign_cluster(&pipeline, "somebody-elses", "other").await?;
    pipeline.is_denied("elasticmapreduce:DescribeCluster");
    pipeline
        .put(
            "state/pipeline.json",
            &json!({"ClusterId": foreign}).to_string(),
        )
        .await?;
    let outcome = pipeline
        .run_machine("terminate-emr-cluster", json!({}))
        .await?;
    // The role may not even look at what does not carry the pipeline's tag.
    assert_eq!(
        outcome.error.as_deref(),
        Some("AccessDenied"),
        "{outcome:?}"
    );
    pipeline.land_countries().await?;
    pipeline.fails("night", "AccessDenied").await?;
    assert!(
        pipeline
            .runtime
            .services()
            .emr
            .cluster(&foreign)
            .is_some_and(|cluster| cluster.ended.is_none())
    );
    Ok(())
}

/// Another pipeline's cluster, up and waiting.
pub(crate) async fn foreign_cluster(
    pipeline: &Pipeline,
    name: &str,
    owner: &str,
) -> Result<String> {
    let request = json!({
        "Name": name, "ReleaseLabel": "emr-7.12.0", "JobFlowRole": "p", "ServiceRole": "s",
        "Applications": [{"Name": "Hive"}],
        "Tags": [{"Key": "pipeline", "Value": owner}],
        "Instances": {"KeepJobFlowAliveWhenNoSteps": true, "Ec2SubnetId": "subnet-0",
            "InstanceFleets": [{"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": [{"InstanceType": "m5.xlarge"}]}]},
    });
    let answer = pipeline.emr("RunJobFlow", request).await?;
    Ok(answer["JobFlowId"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn s8_the_runs_own_cluster_is_found_among_many_pages_of_others() -> Result<()> {
    let (pipeline, strikes) =
        Strikes::pipeline([
            crate::strikes::after("elasticmapreduce", "RunJobFlow", Blow::Lose)
                .about("execution-arn"),
        ])
        .await?;
    pipeline.land_countries().await?;
    for number in 0..60 {
        foreign_cluster(&pipeline, "data_pipeline", &format!("other-{number}")).await?;
    }
    pipeline.load("b1").await?;
    assert_eq!(strikes.struck(), 1);
    let ours = pipeline
        .cluster_states()
        .await?
        .iter()
        .filter(|state| state.starts_with("TERMINATED"))
        .count();
    assert_eq!(ours, 1, "its own was adopted and terminated, and no other");
    Ok(())
}

#[tokio::test]
async fn s9_a_guard_whose_list_call_is_throttled_for_good_fails_closed() -> Result<()> {
    let (pipeline, strikes) =
        Strikes::pipeline([before("states", "ListExecutions", Blow::Throttle).times(2)]).await?;
    pipeline.land_countries().await?;
    pipeline.load("patient").await?;
    strikes.add(before("states", "ListExecutions", Blow::Throttle).always());
    pipeline.land_countries().await?;
    pipeline.fails("closed", "Throttled").await?;
    assert_eq!(
        pipeline.cluster_states().await?.len(),
        1,
        "nothing was launched"
    );
    pipeline.holds(2).await
}
