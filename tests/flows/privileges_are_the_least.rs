//! Least privilege, derived: what each role is granted is held against what it used in a full run and in the fault tests, both
//! ways and by name.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use aws_services::Body;
use aws_services::s3::Condition;
use embedded_runtime::iam::roles::Roles;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::harness::{Pipeline, Privileges, recording_privileges};
use crate::the_template_keeps_its_promises::stack;
use crate::{
    a_batch_is_loaded_once, a_child_runs_by_hand, a_failed_phase_is_resumed,
    a_run_leaves_no_cluster, bad_input_is_refused_by_name, late_loads_are_mailed_once, launch,
    reruns_by_hand, start_and_lock, steps, terminate_notify_abort, the_subnet_is_checked, workers,
};

/// A full run, and the fault tests: throttles, lost answers, adoption, aborts, time-outs, resumes, children by hand, extra
/// workers, late loads.
const SCENARIOS: &[fn() -> Result<()>] = &[
    a_batch_is_loaded_once::the_sample_is_loaded_whole_and_its_files_are_archived,
    a_batch_is_loaded_once::x13_what_a_dead_run_left_in_staging_is_finished_before_the_next_batch,
    a_child_runs_by_hand::r3_a_child_without_a_cluster_says_how_to_get_one_and_mails_it,
    a_child_runs_by_hand::r4_launch_dimensions_workers_facts_and_terminate_by_hand_load_the_sample,
    a_failed_phase_is_resumed::d16_a_fact_that_fails_lets_its_sibling_finish_and_is_resumed_from_facts,
    a_failed_phase_is_resumed::d16_a_dimension_that_fails_keeps_the_facts_from_starting_and_is_resumed_from_dimensions,
    a_run_leaves_no_cluster::t6_an_aborted_master_is_reaped_wherever_it_was,
    a_run_leaves_no_cluster::d11_a_cluster_that_dies_during_a_step_fails_the_run_once_and_a_rerun_finishes_it,
    bad_input_is_refused_by_name::s7_state_info_that_cannot_be_read_stops_the_run_and_touches_no_cluster,
    bad_input_is_refused_by_name::x6_state_info_in_the_older_format_of_a_cluster_that_is_gone_is_taken_over,
    launch::l2_a_lost_response_of_the_launch_is_adopted,
    launch::l3_a_cluster_whose_id_nobody_recorded_is_found_by_the_reaper,
    launch::l4_a_cluster_that_cannot_be_recorded_is_terminated,
    launch::l6_a_cluster_that_stays_in_starting_is_terminated_at_the_deadline,
    launch::l8_a_configuration_that_is_missing_or_names_an_unknown_release_fails_before_any_call_of_emr,
    reruns_by_hand::x19_a_failed_child_is_mailed_by_the_master_or_by_itself_and_never_by_both,
    reruns_by_hand::r6_a_run_that_is_redriven_after_its_cluster_was_reaped_harms_nothing_and_can_be_resumed,
    start_and_lock::s2_of_two_launches_in_the_same_second_the_lock_lets_one_proceed_and_names_it,
    start_and_lock::s4_the_lock_of_a_run_that_was_aborted_is_taken_over_and_its_cluster_terminated_first,
    steps::d10_polling_that_is_throttled_for_minutes_waits_longer_and_submits_nothing_again,
    steps::d5_a_load_that_fails_changes_nothing_and_its_mail_has_reason_and_log,
    terminate_notify_abort::t2_termination_protection_is_lifted_from_an_own_cluster,
    terminate_notify_abort::t7_a_run_that_times_out_is_reaped_and_mailed_once,
    terminate_notify_abort::x11_a_step_that_never_ends_is_cancelled_at_its_deadline,
    workers::w1_a_resize_whose_response_was_lost_is_not_added_twice,
    workers::w2_spot_workers_that_are_not_granted_are_asked_for_on_demand_and_the_mail_says_so,
    late_loads_are_mailed_once::a_day_without_a_success_is_mailed_once_and_not_again,
    the_subnet_is_checked::a_vpc_without_the_tag_matters_where_emr_makes_the_groups,
    a_configuration_that_is_missing_is_known_to_be_missing,
    each_function_is_called_by_hand,
    each_child_that_fails_by_hand_mails_it,
    a_fact_that_takes_too_long_is_cancelled,
];

/// What AWS does in a role's name: the embedded runtime keeps no log groups and no traces. A dead-letter queue gets what this
/// runtime reports to its observer instead.
fn is_done_by_aws(action: &str) -> bool {
    ["logs:", "xray:", "sqs:"]
        .iter()
        .any(|prefix| action.starts_with(prefix))
}

/// Whose privileges are not derived here. EMR itself acts under its service role, and Hive's reading, writing and cataloguing
/// goes past the services, which the nodes' role is for; what is denied to it still fails.
const NOT_DERIVED: [&str; 2] = ["EmrServiceRole", "EmrInstanceRole"];

/// Granted for what no run here comes to, each with its reason.
const RARELY_USED: &[(&str, &str, &str)] = &[
    (
        "LaunchEmrRole",
        "elasticmapreduce:TerminateJobFlows",
        "ends the younger of two clusters of one execution; launch_emr's own tests show it",
    ),
    (
        "WriteStateInfoToS3Role",
        "s3:ListBucket",
        "tells that the lock has gone while it was to be completed; its own tests show it",
    ),
    (
        "SubmitCmdRunStepEmrRole",
        "elasticmapreduce:DescribeCluster",
        "tells why a cluster refuses a step; submit_cmd_run_step_emr's own tests show it",
    ),
];

/// What was tried and denied, each once.
fn denials(privileges: &Privileges) -> Vec<String> {
    let denials = privileges.denied.iter().map(|denied| {
        let (role, action, resource) = (&denied.role, &denied.action, &denied.resource);
        format!("used and not granted: {role} tried {action} on {resource}")
    });
    let mut denials: Vec<String> = denials.collect();
    denials.sort_unstable();
    denials.dedup();
    denials
}

/// Grants that nothing has used.
fn unused(roles: &Roles, privileges: &Privileges) -> Vec<String> {
    let of_role = |name: &str, role: &str| name.contains(&format!("-{role}-"));
    let mut problems = Vec::new();
    for grant in roles.grants() {
        let skipped = NOT_DERIVED.iter().any(|role| of_role(&grant.role, role));
        let rare = RARELY_USED
            .iter()
            .any(|(role, action, _)| of_role(&grant.role, role) && grant.action == *action);
        if skipped || rare || is_done_by_aws(&grant.action) {
            continue;
        }
        let mut used = privileges.used.iter();
        if !used.any(|used| roles.is_for(&grant, used)) {
            problems.push(format!(
                "granted and never used: {} may {} on {} ({})",
                grant.role, grant.action, grant.resource, grant.statement
            ));
        }
    }
    problems
}

#[test]
fn each_role_is_granted_what_it_uses_and_nothing_else() -> Result<()> {
    let privileges = Arc::new(Mutex::new(Privileges::default()));
    for scenario in SCENARIOS {
        // A role that may not do what it must breaks a scenario in its own way; the denial says by name what is missing.
        let lived = catch_unwind(AssertUnwindSafe(|| {
            recording_privileges(&privileges, scenario)
        }));
        let denied = denials(&privileges.lock()).join("\n");
        match lived {
            Ok(Ok(())) => ensure!(denied.is_empty(), "{denied}"),
            Ok(Err(error)) if denied.is_empty() => return Err(error),
            Ok(Err(error)) => return Err(error.context(denied)),
            Err(_) if !denied.is_empty() => bail!("{denied}"),
            Err(panic) => resume_unwind(panic),
        }
    }
    let privileges = privileges.lock();
    ensure!(
        privileges.used.len() > 50,
        "the scenarios were not recorded"
    );
    let stack = stack()?;
    let roles = Roles::of_stack(
        &stack,
        embedded_runtime::runtime::REGION,
        embedded_runtime::runtime::ACCOUNT,
    );
    let roles = roles.map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let problems = unused(&roles, &privileges);
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

/// Who reads the configuration is told that there is none, and not that it is denied.
#[tokio::test]
async fn a_configuration_that_is_missing_is_known_to_be_missing() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    let launched = pipeline
        .run_machine("launch-emr-cluster", json!({"BatchId": "b1"}))
        .await?;
    let output = launched.output.unwrap_or_default();
    let cluster = output["ClusterId"].as_str().context("no cluster")?;
    remove_configuration(&pipeline).await?;
    let execution = "arn:aws:states:us-east-1:000000000000:execution:pipeline-master:nobody";
    let launch = json!({"ExecutionArn": execution, "BatchId": "b1"});
    let answer = invoke(&pipeline, "launch_emr", launch).await?;
    assert_eq!(answer["errorType"], "ConfigMissing", "{answer}");
    // These can do without, most of them: it tells them only how often to ask.
    let step = json!({"ClusterId": cluster, "StepId": "s-0123456789ABC"});
    let fleet = json!({"ClusterId": cluster, "WorkerInstanceFleetId": "if-0123456789ABC", "TargetTotalWorkers": 3});
    for (function, event) in [
        ("check_duplicate_emr", json!({"ExecutionArn": execution})),
        ("add_worker_instances_emr", json!({"ClusterId": cluster})),
        ("status_emr", json!({"ClusterId": cluster})),
        ("status_step_emr", step),
        ("status_add_worker_instances_emr", fleet),
        ("status_stepfunction", json!({"executionArn": execution})),
    ] {
        let answer = invoke(&pipeline, function, event).await?;
        assert_ne!(answer["errorType"], "AccessDenied", "{function}: {answer}");
    }
    // A warm function remembers what it has read, so this one is asked for the first time.
    let cold = Pipeline::start().await?;
    remove_configuration(&cold).await?;
    let cluster =
        crate::start_and_lock::foreign_cluster(&cold, "data_pipeline", "pipeline").await?;
    let answer = invoke(&cold, "status_emr", json!({"ClusterId": cluster})).await?;
    assert_eq!(answer["errorType"], Value::Null, "{answer}");
    Ok(())
}

async fn remove_configuration(pipeline: &Pipeline) -> Result<()> {
    let _work = pipeline.runtime.clock().work();
    let bucket = pipeline.runtime.bucket()?;
    let s3 = &pipeline.runtime.services().s3;
    s3.delete(bucket, "config/config.ini", &Condition::Always)
        .await?;
    Ok(())
}

#[tokio::test]
async fn each_child_that_fails_by_hand_mails_it() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    for (index, machine) in ["dimension-process", "add-emr-workers", "fact-process"]
        .iter()
        .enumerate()
    {
        let outcome = pipeline
            .run_machine(machine, json!({"BatchId": "b1"}))
            .await?;
        ensure!(!outcome.succeeded(), "{machine} has no cluster");
        assert_eq!(pipeline.mails().len(), index + 1, "{machine}");
    }
    Ok(())
}

#[tokio::test]
async fn a_fact_that_takes_too_long_is_cancelled() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_transfers().await?;
    crate::start_and_lock::hang_step(&pipeline, "load fact transfer_transaction");
    pipeline.fails("b1", "TablesFailed").await?;
    pipeline.holds(1).await
}

/// Children may be started and watched by whoever has the functions, as the original flow does.
#[tokio::test]
async fn each_function_is_called_by_hand() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    let machine =
        |name: &str| format!("arn:aws:states:us-east-1:000000000000:stateMachine:pipeline-{name}");
    for name in [
        "terminate-emr-cluster",
        "dimension-process",
        "fact-process",
        "add-emr-workers",
        "launch-emr-cluster",
    ] {
        let started = json!({"nextStateMachineArn": machine(name), "ExecutionName": format!("by-hand-{name}")});
        let started = invoke(&pipeline, "submit_stepfunction", started).await?;
        let execution = started["executionArn"]
            .as_str()
            .with_context(|| format!("{name}: {started}"))?;
        let status = invoke(
            &pipeline,
            "status_stepfunction",
            json!({"executionArn": execution}),
        )
        .await?;
        assert_eq!(status["Status"], "RUNNING", "{name}: {status}");
        pipeline.abort(execution).await?;
    }
    pipeline.runtime.settle().await;
    Ok(())
}

/// Calls a function as a person would, and returns what it answers, a failure too.
async fn invoke(pipeline: &Pipeline, function: &str, event: Value) -> Result<Value> {
    let request = http::Request::post(format!("/2015-03-31/functions/pipeline-{function}/invocations"))
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=PERSON/20261121/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0",
        )
        .body(Body::from(event.to_string()))?;
    let answer = pipeline.runtime.services().call(request).await?;
    ensure!(
        answer.status().is_success(),
        "{function}: {}",
        answer.status()
    );
    let body = http_body_util::BodyExt::collect(answer.into_body())
        .await?
        .to_bytes();
    Ok(serde_json::from_slice(&body)?)
}
