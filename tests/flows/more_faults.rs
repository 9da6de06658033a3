//! The fault matrix, "More, from how such systems have failed elsewhere".

use std::time::Duration;

use anyhow::Result;
use aws_services::emr::{Blow as ClusterBlow, Fault, Moment};
use serde_json::{Value, json};

use crate::harness::Pipeline;
use crate::small_batches::{COUNTRY_HEADER, LANDING_COUNTRY, countries, transfers};
use crate::strikes::{Blow, Strikes, after, before};

#[tokio::test]
async fn x1_a_schedule_that_fires_while_the_last_run_is_active_is_skipped_without_a_mail()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    let (arn, work) = pipeline
        .after(
            "first",
            json!({"ScheduledTime": "2026-11-21T02:00:00Z"}),
            300,
        )
        .await?;
    let next = json!({"ScheduledTime": "2026-11-21T02:05:00Z"});
    let second = pipeline
        .runtime
        .start_execution("master", Some("second"), &next)
        .await?;
    drop(work);
    assert_eq!(
        Pipeline::status_of(&pipeline.end(&second).await?),
        "SKIPPED"
    );
    assert_eq!(Pipeline::status_of(&pipeline.end(&arn).await?), "LOADED");
    assert_eq!(pipeline.cluster_states().await?.len(), 1);
    pipeline.holds(1).await
}

#[tokio::test]
async fn x2_a_lock_whose_response_was_lost_is_recognised_as_ones_own() -> Result<()> {
    let (pipeline, strikes) = Strikes::pipeline([
        after("s3", "PutObject", Blow::Lose).about("state/pipeline.json"),
        before(
            "s3",
            "PutObject",
            Blow::Refuse("ConditionalRequestConflict", 409),
        )
        .about("state/pipeline.json")
        .skip(1),
        after("lambda", "Invoke", Blow::Crash).about("write_state_info_to_s3"),
    ])
    .await?;
    pipeline.land_countries().await?;
    pipeline.load("b1").await?;
    assert_eq!(strikes.struck(), 3);
    pipeline.holds(1).await
}

#[tokio::test]
async fn x4_a_cluster_that_ends_as_soon_as_it_has_started_is_noticed_at_the_next_look() -> Result<()>
{
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    pipeline.runtime.services().emr.plan_faults(|faults| {
        faults.planned.push(Fault {
            skips: 0,
            moment: Moment::StepStarts("stage".to_owned()),
            blow: ClusterBlow::KillCluster {
                code: "INTERNAL_ERROR".to_owned(),
                message: "gone".to_owned(),
            },
            times: 1,
        });
    });
    let outcome = pipeline.run(json!({"BatchId": "b1"})).await?;
    assert_eq!(outcome.status, "FAILED", "{outcome:?}");
    pipeline.holds(1).await?;
    pipeline.load("b1").await?;
    assert_eq!(pipeline.countries().await?, 3);
    Ok(())
}

#[tokio::test]
async fn x5_a_cluster_is_terminated_by_its_tag_when_state_info_can_never_be_written() -> Result<()>
{
    let refused = before("s3", "PutObject", Blow::Deny)
        .about("state/pipeline.json")
        .skip(1)
        .always();
    let (pipeline, _) = Strikes::pipeline([refused]).await?;
    pipeline.land_countries().await?;
    pipeline.fails("b1", "AccessDenied").await?;
    assert!(
        pipeline.last_mail().contains("s3:PutObject"),
        "{}",
        pipeline.last_mail()
    );
    assert_eq!(pipeline.cluster_states().await?, ["TERMINATED"]);
    pipeline.holds(1).await
}

#[tokio::test]
async fn x12_a_move_that_reports_success_and_leaves_files_is_repeated() -> Result<()> {
    let kept = before(
        "s3",
        "DeleteObject",
        Blow::Refuse("PreconditionFailed", 412),
    )
    .by("elasticmapreduce")
    .about("landing/");
    let (pipeline, strikes) = Strikes::pipeline([kept.clone()]).await?;
    pipeline.land_transfers().await?;
    pipeline.load("b1").await?;
    assert_eq!(strikes.struck(), 1);
    assert_eq!(pipeline.steps("stage").len(), 2);
    assert_eq!(
        (
            pipeline.transfers().await?,
            pipeline.keys("landing/").await?.len()
        ),
        (4, 0)
    );
    strikes.add(kept.always());
    pipeline.land_transfers().await?;
    pipeline.fails("b2", "TablesFailed").await?;
    assert!(
        pipeline.last_mail().contains("LandingNotEmptied"),
        "{}",
        pipeline.last_mail()
    );
    strikes.end();
    pipeline.load("b2").await?;
    assert_eq!(pipeline.transfers().await?, 8);
    Ok(())
}

#[tokio::test]
async fn x12_an_archive_that_reports_success_and_leaves_files_is_repeated() -> Result<()> {
    let kept = before(
        "s3",
        "DeleteObject",
        Blow::Refuse("PreconditionFailed", 412),
    )
    .by("elasticmapreduce")
    .about("staging/");
    let (pipeline, _) = Strikes::pipeline([kept]).await?;
    pipeline.land_transfers().await?;
    pipeline.load("b1").await?;
    assert_eq!(
        (
            pipeline.transfers().await?,
            pipeline.keys("staging/").await?.len()
        ),
        (4, 0)
    );
    Ok(())
}

#[tokio::test]
async fn x13_a_batch_that_nobody_resumed_is_finished_by_the_next_run_and_named_in_its_mail()
-> Result<()> {
    let (pipeline, _) =
        Strikes::pipeline([
            before("elasticmapreduce", "AddJobFlowSteps", Blow::Deny).about("load fact transfer")
        ])
        .await?;
    pipeline.land_transfers().await?;
    pipeline.fails("left", "TablesFailed").await?;
    pipeline
        .put(
            "landing/fact/transfer_transaction/more.csv",
            &transfers(20..23, "2026-11-20"),
        )
        .await?;
    // A run of other tables names it.
    pipeline.land_countries().await?;
    let other = pipeline
        .run(json!({"BatchId": "other", "Facts": ["card_transaction"]}))
        .await?;
    assert!(other.succeeded(), "{other:?}");
    assert!(
        pipeline
            .last_mail()
            .contains("1 file of fact.transfer_transaction wait in staging for batch left"),
        "{}",
        pipeline.last_mail()
    );
    pipeline.load("next").await?;
    let count = |batch: &str| {
        format!("SELECT COUNT(*) FROM fact_db.transfer_transaction WHERE batch_id = '{batch}'")
    };
    assert_eq!(pipeline.value(&count("left")).await?, "4");
    assert_eq!(pipeline.value(&count("next")).await?, "3");
    let mail = pipeline.last_mail();
    assert!(
        mail.contains("of batch left, which an earlier run had left") && mail.contains("7 rows"),
        "{mail}"
    );
    pipeline.holds(3).await
}

/// The script of a table with one part replaced, in the bucket.
async fn change_script(pipeline: &Pipeline, script: &str, from: &str, to: &str) -> Result<String> {
    let key = format!("scripts/{script}.sql");
    let text = pipeline.content(&key).await?;
    assert!(text.contains(from), "{script} has no {from}");
    pipeline.put(&key, &text.replacen(from, to, 1)).await?;
    Ok(text)
}

const PUBLISH: &str = "ALTER TABLE dimension_db.country SET LOCATION";

#[tokio::test]
async fn x14_a_dimension_load_that_dies_before_publishing_leaves_readers_the_old_table()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    pipeline.load("b1").await?;
    let script = change_script(&pipeline, "dimension/country", PUBLISH, "SELECT assert_true(FALSE) AS the_cluster_died;\nALTER TABLE dimension_db.country SET LOCATION").await?;
    pipeline.put(LANDING_COUNTRY, &countries(8, "New")).await?;
    pipeline.fails("b2", "TablesFailed").await?;
    assert_eq!(pipeline.countries().await?, 3);
    pipeline
        .put("scripts/dimension/country.sql", &script)
        .await?;
    pipeline.load("b2").await?;
    assert_eq!(pipeline.countries().await?, 8);
    Ok(())
}

#[tokio::test]
async fn x15_a_catalog_that_fails_after_the_files_are_written_publishes_nothing_and_the_rerun_does()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    let script = change_script(
        &pipeline,
        "dimension/country",
        PUBLISH,
        "ALTER TABLE no_such_db.country SET LOCATION",
    )
    .await?;
    pipeline.fails("b1", "TablesFailed").await?;
    assert_eq!(pipeline.countries().await?, 0);
    assert!(
        !pipeline
            .keys("prod/dimension/country/batch_id=b1/")
            .await?
            .is_empty(),
        "the files are written"
    );
    pipeline
        .put("scripts/dimension/country.sql", &script)
        .await?;
    pipeline.load("b1").await?;
    assert_eq!(pipeline.countries().await?, 3);
    assert_eq!(pipeline.steps("stage").len(), 1, "nothing is moved again");
    Ok(())
}

#[tokio::test]
async fn x17_numbers_that_do_not_fit_their_type_are_rejected_by_name_and_never_null() -> Result<()>
{
    let pipeline = Pipeline::start().await?;
    let rows = "AA,AAX,One,Town,Asia,USD,99999999999999999999\nBB,BBX,Two,Town,Asia,USD,1e309\nCC,CCX,Three,Town,Asia,USD,1.5\n";
    pipeline
        .put(LANDING_COUNTRY, &format!("{COUNTRY_HEADER}\n{rows}"))
        .await?;
    pipeline.fails("b1", "TablesFailed").await?;
    let rejected = pipeline.content("rejected/dimension/country/").await?;
    assert_eq!(
        rejected.matches("population is not a whole number").count(),
        3,
        "{rejected}"
    );
    assert_eq!(pipeline.countries().await?, 0);
    Ok(())
}

#[tokio::test]
async fn x18_a_load_whose_rows_do_not_add_up_is_not_published_and_logs_the_three_numbers()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    change_script(
        &pipeline,
        "dimension/country",
        "WHERE line_kind = 'row' AND reason = ''\n  UNION ALL",
        "WHERE line_kind = 'row' AND reason = '' AND country_code <> 'AB'\n  UNION ALL",
    )
    .await?;
    pipeline.fails("b1", "TablesFailed").await?;
    let mail = pipeline.last_mail();
    assert!(
        mail.contains("rows_staged_are_rows_loaded_and_rows_rejected"),
        "{mail}"
    );
    assert_eq!(pipeline.countries().await?, 0);
    Ok(())
}

#[tokio::test]
async fn x20_the_longest_name_of_a_run_is_shortened_for_its_children_and_can_be_used_again_later()
-> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    let name = "n".repeat(80);
    let arn = pipeline
        .runtime
        .start_execution("master", Some(&name), &json!({"BatchId": "b1"}))
        .await?;
    assert!(pipeline.end(&arn).await?.succeeded());
    assert_eq!(pipeline.countries().await?, 3);
    pipeline.holds(1).await
}

#[tokio::test]
async fn x20_a_child_whose_start_was_not_heard_of_is_the_same_child() -> Result<()> {
    let (pipeline, strikes) = Strikes::pipeline([
        after("states", "StartExecution", Blow::Lose).about("dimension-process"),
        after("lambda", "Invoke", Blow::Crash)
            .about("submit_stepfunction")
            .skip(1),
    ])
    .await?;
    pipeline.land_countries().await?;
    pipeline.load("b1").await?;
    assert_eq!(strikes.struck(), 2);
    assert_eq!(pipeline.steps("").len(), 3);
    pipeline.holds(1).await
}

#[tokio::test]
async fn x21_an_execution_that_cannot_be_described_right_after_its_start_is_asked_for_again()
-> Result<()> {
    let (pipeline, strikes) = Strikes::pipeline([before(
        "states",
        "DescribeExecution",
        Blow::Refuse("ExecutionDoesNotExist", 400),
    )
    .times(3)])
    .await?;
    pipeline.land_countries().await?;
    pipeline.load("b1").await?;
    assert_eq!(strikes.struck(), 3);
    pipeline.holds(1).await
}

#[tokio::test]
async fn x22_a_mail_whose_response_was_lost_comes_at_most_twice_as_the_same_incident() -> Result<()>
{
    let (pipeline, _) = Strikes::pipeline([after("sns", "Publish", Blow::Lose).always()]).await?;
    pipeline.land_countries().await?;
    pipeline.load("b1").await?;
    pipeline.holds(2).await?;
    let incidents: Vec<String> = pipeline
        .mails()
        .iter()
        .flat_map(|(_, text)| {
            text.lines()
                .find(|line| line.starts_with("Incident"))
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(incidents.len(), 2);
    assert_eq!(incidents[0], incidents[1]);
    Ok(())
}

#[tokio::test]
async fn x24_a_configuration_that_changes_during_a_run_does_not_change_the_run() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_transfers().await?;
    let (arn, work) = pipeline.after("run", json!({"BatchId": "b1"}), 200).await?;
    let config = pipeline.content("config/config.ini").await?;
    pipeline
        .put(
            "config/config.ini",
            &config.replace(
                "spot_worker_increment_count = 2",
                "spot_worker_increment_count = 9",
            ),
        )
        .await?;
    drop(work);
    let outcome = pipeline.end(&arn).await?;
    assert!(outcome.succeeded(), "{outcome:?}");
    assert!(
        pipeline.last_mail().contains("Instances 5"),
        "{}",
        pipeline.last_mail()
    );
    pipeline.put("config/config.ini", "broken").await?;
    pipeline.holds(1).await
}

#[tokio::test]
async fn x25_each_action_that_is_denied_is_named_in_one_mail_and_no_cluster_stays() -> Result<()> {
    let (clean, strikes) = Strikes::pipeline([]).await?;
    clean.land_transfers().await?;
    clean.load("b1").await?;
    let actions = strikes.called_by_functions();
    assert!(actions.len() > 12, "{actions:?}");
    // Without these the run goes on: what a mail cannot find out it says, and the list of objects is asked for by machines.
    let harmless = ["ListObjectsV2", "ListInstances", "Invoke"];
    for (service, action) in actions
        .into_iter()
        .filter(|(_, action)| !harmless.contains(&action.as_str()))
    {
        let (service, action): (&'static str, &'static str) = (
            Box::leak(service.into_boxed_str()),
            Box::leak(action.into_boxed_str()),
        );
        let (pipeline, strikes) = Strikes::pipeline([]).await?;
        pipeline.land_transfers().await?;
        let rule = before(service, action, Blow::Deny);
        // The rules' services start the machines, and steps have their own role.
        let rule = match action {
            "GetObject" => rule.about("state/pipeline.json"),
            _ => rule,
        };
        strikes.add(rule.times(1));
        let outcome = pipeline.run(json!({"BatchId": "b1"})).await?;
        let told = format!("{service}:{action}: {outcome:?}");
        assert_eq!(strikes.struck(), 1, "{told}");
        let states = pipeline.cluster_states().await?;
        assert!(
            states.iter().all(|state| state.starts_with("TERMINATED")),
            "{told}: {states:?}"
        );
        let mails = pipeline.mails();
        if action == "Publish" {
            assert!(outcome.succeeded() && mails.is_empty(), "{told}");
            continue;
        }
        assert_eq!(mails.len(), 1, "{told}: {mails:#?}");
        let allowed_to_go_on = [
            "DescribeInstanceFleets",
            "ModifyInstanceFleet",
            "ListInstanceFleets",
            "DescribeSubnets",
            "DescribeVpcs",
        ];
        if outcome.succeeded() {
            assert!(
                allowed_to_go_on.contains(&action) || service == "s3",
                "{told}"
            );
        } else {
            assert!(mails[0].1.contains(action), "{told}: {}", mails[0].1);
        }
    }
    Ok(())
}

#[tokio::test]
async fn x26_a_stack_that_is_updated_during_a_run_does_not_change_the_run() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    let (arn, work) = pipeline.after("run", json!({"BatchId": "b1"}), 200).await?;
    for machine in ["master", "launch-emr-cluster"] {
        let machine =
            format!("arn:aws:states:us-east-1:000000000000:stateMachine:pipeline-{machine}");
        let new = json!({"StartAt": "New", "States": {"New": {"Type": "Fail", "Error": "New"}}});
        pipeline
            .states(
                "UpdateStateMachine",
                json!({"stateMachineArn": machine, "definition": new.to_string()}),
            )
            .await?;
    }
    drop(work);
    assert_eq!(Pipeline::status_of(&pipeline.end(&arn).await?), "LOADED");
    assert_eq!(pipeline.countries().await?, 3);
    pipeline.holds(1).await
}

#[tokio::test]
async fn x27_batches_are_named_after_utc_so_that_they_stay_unique_and_ordered() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    let mut batches = Vec::new();
    for due in [
        "2026-10-25T00:30:00Z", // 02:30 in Berlin, the first time that night
        "2026-10-25T01:30:00Z", // 02:30 in Berlin, the second time
        "2027-03-28T01:30:00Z", // 02:30 in Berlin does not exist
        "2028-02-29T02:00:00Z",
        "2028-12-31T23:59:59.999Z",
    ] {
        let outcome = pipeline.run(json!({"ScheduledTime": due})).await?;
        batches.push(
            outcome.output.unwrap_or_default()["BatchId"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        );
    }
    assert_eq!(
        batches,
        [
            "2026-10-25T00-30-00Z",
            "2026-10-25T01-30-00Z",
            "2027-03-28T01-30-00Z",
            "2028-02-29T02-00-00Z",
            "2028-12-31T23-59-59Z"
        ]
    );
    let mut sorted = batches.clone();
    sorted.sort();
    assert_eq!(batches, sorted);
    Ok(())
}

#[tokio::test]
async fn x28_hidden_files_markers_and_empty_files_are_no_reason_for_a_cluster() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    let folder = "landing/dimension/country";
    for name in [
        "",
        "_SUCCESS",
        ".country.csv.crc",
        "_temporary/part-0",
        ".staging/x.csv",
        "empty.csv",
    ] {
        let content = if name == "empty.csv" || name.is_empty() {
            ""
        } else {
            "something"
        };
        pipeline.put(&format!("{folder}/{name}"), content).await?;
    }
    let outcome = pipeline.run(json!({})).await?;
    assert_eq!(Pipeline::status_of(&outcome), "NOTHING_TO_LOAD");
    assert_eq!(pipeline.cluster_states().await?, Vec::<String>::new());
    pipeline.land_countries().await?;
    pipeline.load("b1").await?;
    assert_eq!(pipeline.countries().await?, 3);
    pipeline.holds(1).await
}

#[tokio::test]
async fn x28_data_behind_a_page_of_hidden_files_is_found() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    for number in 0..120 {
        pipeline
            .put(
                &format!("landing/dimension/country/.hidden-{number:03}"),
                "x",
            )
            .await?;
    }
    pipeline.land_countries().await?;
    pipeline.load("b1").await?;
    assert_eq!(pipeline.countries().await?, 3);
    Ok(())
}

#[tokio::test]
async fn x7_a_late_remover_leaves_the_next_runs_lock() -> Result<()> {
    let pipeline = Pipeline::start().await?;
    pipeline.land_countries().await?;
    let first = pipeline.load("b1").await?;
    let next: Value = json!({"ExecutionArn": first.execution_arn.replace(":pipeline-master:", ":pipeline-master:next-"), "BatchId": "b2"});
    pipeline
        .put("state/pipeline.json", &next.to_string())
        .await?;
    let late = pipeline
        .run_machine(
            "terminate-emr-cluster",
            json!({"ExecutionArn": first.execution_arn}),
        )
        .await?;
    assert!(late.succeeded(), "{late:?}");
    assert!(
        pipeline.content("state/").await?.contains("b2"),
        "the lock of the next run stays"
    );
    drop(pipeline.runtime.clock().sleep(Duration::from_secs(1)).await);
    Ok(())
}
