//! The fault matrix, "Terminate, notify, abort": however a run ends, its cluster ends too, and people hear of it once.

use std::time::Duration;

use anyhow::Result;
use aws_services::emr::{Blow as ClusterBlow, Fault, Moment};
use serde_json::{Value, json};

use crate::harness::Pipeline;
use crate::small_batches::{LANDING_COUNTRY, countries};
use crate::strikes::{Blow, Strikes, after, before};

#[tokio::test]
async fn t1_termination_is_repeated_and_the_lock_stays_until_the_cluster_is_really_gone()
-> Result<()> {
    let (pipeline, strikes) = Strikes::pipeline([
        before("elasticmapreduce", "TerminateJobFlows", Blow::Throttle).times(4),
        after("elasticmapreduce", "TerminateJobFlows", Blow::Lose),
        before("s3", "DeleteObject", Blow::Look).about("state/pipeline.json"),
    ])
    .await?;
    pipeline.land_countries().await?;
    pipeline.load("b1").await?;
    assert_eq!(
        strikes.looks(),
        [["TERMINATED"]],
        "when the lock was removed"
    );
    pipeline.holds(1).await
}

#[tokio::test]
pub(crate) async fn t2_termination_protection_is_lifted_from_an_own_cluster() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    let (arn, work) = pipeline
        .after("protected", json!({"BatchId": "b1"}), 300)
        .await?;
    let cluster = pipeline.runtime.services().emr.clusters().remove(0).id;
    pipeline
        .emr(
            "SetTerminationProtection",
            json!({"JobFlowIds": [cluster], "TerminationProtected": true}),
        )
        .await?;
    drop(work);
    assert!(pipeline.end(&arn).await?.succeeded());
    pipeline.holds(1).await
}

#[tokio::test]
async fn t3_a_cluster_that_is_already_gone_is_terminated_with_success() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    let launched = pipeline
        .run_machine("launch-emr-cluster", json!({}))
        .await?;
    let cluster = launched.output.unwrap_or_default()["ClusterId"].clone();
    pipeline
        .emr("TerminateJobFlows", json!({"JobFlowIds": [cluster]}))
        .await?;
    for _ in 0..2 {
        let outcome = pipeline
            .run_machine("terminate-emr-cluster", json!({}))
            .await?;
        assert!(outcome.succeeded(), "{outcome:?}");
    }
    pipeline.holds(0).await
}

#[tokio::test]
async fn t4_termination_that_fails_for_good_is_mailed_with_the_cluster_that_may_be_alive()
-> Result<()> {
    let (pipeline, _) =
        Strikes::pipeline([before("elasticmapreduce", "TerminateJobFlows", Blow::Deny).always()])
            .await?;
    pipeline.land_countries().await?;
    pipeline.fails("b1", "AccessDenied").await?;
    let cluster = pipeline.runtime.services().emr.clusters().remove(0).id;
    let mails = pipeline.mails();
    assert_eq!(mails.len(), 1, "{mails:#?}");
    assert!(
        mails[0].0.contains("a cluster may still be running"),
        "{mails:?}"
    );
    assert!(
        mails[0].1.contains(&cluster) && mails[0].1.contains("elasticmapreduce:TerminateJobFlows"),
        "{}",
        mails[0].1
    );
    Ok(())
}

#[tokio::test]
async fn t5_a_topic_that_is_down_hides_neither_success_nor_the_original_failure() -> Result<()> {
    let (pipeline, _) =
        Strikes::pipeline([before("sns", "Publish", Blow::Unavailable).always()]).await?;
    pipeline.land_countries().await?;
    pipeline.load("good").await?;
    pipeline.put(LANDING_COUNTRY, "not,a,header\n").await?;
    pipeline.fails("bad", "TablesFailed").await?;
    pipeline.holds(0).await
}

#[tokio::test]
async fn t5_a_topic_that_is_down_for_a_while_gets_the_mail_later() -> Result<()> {
    let (pipeline, _) =
        Strikes::pipeline([before("sns", "Publish", Blow::Unavailable).times(3)]).await?;
    pipeline.land_countries().await?;
    pipeline.load("good").await?;
    pipeline.holds(1).await
}

/// The master with another member in its definition.
async fn change_machine(
    pipeline: &Pipeline,
    machine: &str,
    change: impl FnOnce(&mut Value),
) -> Result<()> {
    let arn = format!("arn:aws:states:us-east-1:000000000000:stateMachine:pipeline-{machine}");
    let described = pipeline
        .states("DescribeStateMachine", json!({"stateMachineArn": arn}))
        .await?;
    let mut definition: Value =
        serde_json::from_str(described["definition"].as_str().unwrap_or_default())?;
    change(&mut definition);
    pipeline
        .states(
            "UpdateStateMachine",
            json!({"stateMachineArn": arn, "definition": definition.to_string()}),
        )
        .await?;
    Ok(())
}

#[tokio::test]
pub(crate) async fn t7_a_run_that_times_out_is_reaped_and_mailed_once() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    change_machine(&pipeline, "master", |definition| {
        definition["TimeoutSeconds"] = json!(400)
    })
    .await?;
    let outcome = pipeline.run(json!({"BatchId": "b1"})).await?;
    assert_eq!(outcome.status, "TIMED_OUT");
    pipeline.holds(1).await?;
    let mail = pipeline.last_mail();
    assert!(
        mail.contains("TIMED_OUT")
            && mail.contains("{\"BatchId\":\"b1\",\"StartFrom\":\"Dimensions\"}"),
        "{mail}"
    );
    change_machine(&pipeline, "master", |definition| {
        definition["TimeoutSeconds"] = json!(86400)
    })
    .await?;
    pipeline.load("b1").await?;
    assert_eq!(pipeline.countries().await?, 3);
    Ok(())
}

#[tokio::test]
async fn t8_each_function_may_crash_before_and_after_its_work() -> Result<()> {
    let functions = [
        "launch_emr",
        "function:pipeline-status_emr",
        "check_duplicate_emr",
        "terminate_emr",
        "add_worker_instances_emr",
        "status_add_worker_instances_emr",
        "submit_cmd_run_step_emr",
        "status_step_emr",
        "check_duplicate_stepfunction",
        "submit_stepfunction",
        "status_stepfunction",
        "read_state_info_from_s3",
        "write_state_info_to_s3",
        "remove_state_info_from_s3",
        "send_msg_sns",
    ];
    let crash = |rule: fn(&'static str, &'static str, Blow) -> crate::strikes::Rule| {
        functions.map(|function| rule("lambda", "Invoke", Blow::Crash).about(function))
    };
    for (rules, mails) in [(crash(before), 1), (crash(after), 2)] {
        let (pipeline, strikes) = Strikes::pipeline(rules).await?;
        pipeline.land_countries().await?;
        pipeline.load("b1").await?;
        assert!(strikes.struck() >= functions.len(), "{}", strikes.struck());
        assert_eq!(pipeline.steps("").len(), 3, "no step ran twice");
        assert_eq!(pipeline.cluster_states().await?.len(), 1);
        // A mail whose sender crashed after it was sent comes twice, as the same incident.
        pipeline.holds(mails).await?;
    }
    Ok(())
}

#[tokio::test]
async fn t9_an_answer_of_an_unexpected_shape_ends_in_the_failure_path_wherever_it_comes()
-> Result<()> {
    for machine in [
        "master",
        "launch-emr-cluster",
        "dimension-process",
        "add-emr-workers",
        "terminate-emr-cluster",
    ] {
        let probe = Pipeline::start().await?;
        let arn = format!("arn:aws:states:us-east-1:000000000000:stateMachine:pipeline-{machine}");
        let described = probe
            .states("DescribeStateMachine", json!({"stateMachineArn": arn}))
            .await?;
        let definition: Value =
            serde_json::from_str(described["definition"].as_str().unwrap_or_default())?;
        drop(probe);
        for name in function_states(&definition) {
            let pipeline = Pipeline::start().await?;
            pipeline.land_countries().await?;
            change_machine(&pipeline, machine, |definition| surprise(definition, &name)).await?;
            let outcome = pipeline.run(json!({"BatchId": "b1"})).await?;
            let told = format!("{machine}: {name}: {outcome:?}");
            assert_ne!(
                outcome.error.as_deref(),
                Some("States.NoChoiceMatched"),
                "{told}"
            );
            // A machine that is wrong in its own clean-up cannot end what it is asked to end; it says so.
            let must_end = machine != "terminate-emr-cluster";
            let states = pipeline.cluster_states().await?;
            assert!(
                !must_end || states.iter().all(|state| state.starts_with("TERMINATED")),
                "{told}: {states:?}"
            );
            let skipped = outcome.succeeded() && Pipeline::status_of(&outcome) == "NOTHING_TO_LOAD";
            let mails = pipeline.mails().len();
            assert!(skipped || mails >= 1, "{told}: {:?}", pipeline.mails());
            assert!(mails <= 1, "{told}: {:#?}", pipeline.mails());
        }
    }
    Ok(())
}

/// The states that call functions whose answers are looked at.
fn function_states(machine: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for (name, state) in machine["States"].as_object().into_iter().flatten() {
        let calls = state["Resource"].as_str().is_some_and(|resource| {
            resource.contains(":function:") && !resource.contains("send_msg_sns")
        });
        // Failure paths are not on the way of a good run.
        if calls && state.get("Assign").is_some() {
            names.push(name.clone());
        }
        for branch in state["Branches"].as_array().into_iter().flatten() {
            names.extend(function_states(branch));
        }
        names.extend(function_states(&state["ItemProcessor"]));
    }
    names
}

/// Lets the function of this state answer with something that nobody expects.
fn surprise(machine: &mut Value, name: &str) {
    for (own, state) in machine["States"].as_object_mut().into_iter().flatten() {
        if own == name {
            let next = state["Next"].clone();
            let assign = state["Assign"].clone();
            // A Parallel keeps the Catch, so that every state stays reachable.
            let catch = state["Catch"].clone();
            let answer = json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}});
            *state = json!({"Type": "Parallel", "Branches": [answer], "ResultPath": null, "Catch": catch, "Next": next});
            if assign.is_object() {
                let mut plain = serde_json::Map::new();
                for (variable, value) in assign.as_object().into_iter().flatten() {
                    match variable.strip_suffix(".$") {
                        Some(variable) if value == "$" => {
                            plain.insert(variable.to_owned(), json!({"Status": "SURPRISE"}))
                        }
                        _ => plain.insert(variable.clone(), value.clone()),
                    };
                }
                state["Assign"] = Value::Object(plain);
            }
        }
        for branch in state
            .get_mut("Branches")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            surprise(branch, name);
        }
        if let Some(inner) = state.get_mut("ItemProcessor") {
            surprise(inner, name);
        }
    }
}

#[tokio::test]
async fn t10_a_failure_path_that_fails_still_reports_the_original_error() -> Result<()> {
    let (pipeline, _) =
        Strikes::pipeline([before("elasticmapreduce", "TerminateJobFlows", Blow::Deny).always()])
            .await?;
    pipeline.put(LANDING_COUNTRY, "not,a,header\n").await?;
    pipeline.fails("b1", "TablesFailed").await?;
    let mails = pipeline.mails();
    assert_eq!(mails.len(), 1, "{mails:#?}");
    assert!(
        mails[0].1.contains("every_file_has_the_expected_header"),
        "{}",
        mails[0].1
    );
    assert!(
        mails[0].0.contains("a cluster may still be running"),
        "{}",
        mails[0].0
    );
    Ok(())
}

#[tokio::test]
async fn t11_a_child_that_a_person_aborts_ends_the_run_with_one_mail_and_no_cluster() -> Result<()>
{
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    let (arn, work) = pipeline.after("run", json!({"BatchId": "b1"}), 360).await?;
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:pipeline-dimension-process";
    let listed = pipeline
        .states("ListExecutions", json!({"stateMachineArn": machine}))
        .await?;
    let child = listed["executions"][0]["executionArn"].clone();
    // Without a reason, as the console does it.
    pipeline
        .states("StopExecution", json!({"executionArn": child}))
        .await?;
    drop(work);
    let outcome = pipeline.end(&arn).await?;
    assert_eq!(outcome.status, "FAILED", "{outcome:?}");
    assert!(
        pipeline.last_mail().contains("ABORTED"),
        "{}",
        pipeline.last_mail()
    );
    pipeline.holds(1).await?;
    pipeline.load("b1").await?;
    assert_eq!(pipeline.countries().await?, 3);
    Ok(())
}

#[tokio::test]
pub(crate) async fn x11_a_step_that_never_ends_is_cancelled_at_its_deadline() -> Result<()> {
    let (pipeline, strikes) = Strikes::pipeline([]).await?;
    pipeline.land_countries().await?;
    crate::start_and_lock::hang_step(&pipeline, "load dimension country");
    pipeline.fails("b1", "TablesFailed").await?;
    assert_eq!(strikes.calls("CancelSteps", ""), 1);
    assert!(
        pipeline
            .last_mail()
            .contains("has not ended within eight hours"),
        "{}",
        pipeline.last_mail()
    );
    pipeline.holds(1).await?;
    pipeline.load("b1").await?;
    assert_eq!(pipeline.countries().await?, 3);
    Ok(())
}

#[tokio::test]
async fn x16_instances_that_are_lost_during_a_load_cost_time_and_no_row() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline
        .put(LANDING_COUNTRY, &countries(40, "Land"))
        .await?;
    pipeline.runtime.services().emr.plan_faults(|faults| {
        for role in [aws_services::emr::Role::Core, aws_services::emr::Role::Task] {
            faults.planned.push(Fault {
                skips: 0,
                moment: Moment::StepStarts("load dimension".to_owned()),
                blow: ClusterBlow::LoseInstance(role),
                times: 1,
            });
        }
    });
    pipeline.load("b1").await?;
    assert_eq!(pipeline.countries().await?, 40);
    assert_eq!(
        pipeline
            .value("SELECT COUNT(DISTINCT country_code) FROM dimension_db.country")
            .await?,
        "40"
    );
    pipeline.holds(1).await
}

#[tokio::test]
async fn t6_a_master_that_is_aborted_a_second_after_its_start_or_its_last_load_is_reaped()
-> Result<()> {
    for seconds in [1, 270, 420] {
        let pipeline = Pipeline::start().await?;
        pipeline.land_countries().await?;
        let (arn, work) = pipeline
            .after("aborted", json!({"BatchId": "b1"}), seconds)
            .await?;
        pipeline.abort(&arn).await?;
        drop(work);
        pipeline.end(&arn).await?;
        pipeline.holds(1).await?;
        drop(
            pipeline
                .runtime
                .clock()
                .sleep(Duration::from_secs(60))
                .await,
        );
        pipeline.load("b1").await?;
        assert_eq!(pipeline.countries().await?, 3, "after {seconds} s");
    }
    Ok(())
}
