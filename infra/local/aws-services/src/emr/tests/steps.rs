//! Steps: their order, their ends, and what a failing one does.

use super::*;

#[tokio::test]
async fn a_failing_step_does_to_the_cluster_what_it_was_told_to() {
    let fixture = fixture();
    let id = fixture.ready().await;
    let failing = step("bad", &["fail", "no such table"], "CANCEL_AND_WAIT");
    let ids = fixture
        .add(&id, vec![failing, step("next", &["ok"], "CONTINUE")])
        .await;
    fixture.sleep(120).await;
    assert_eq!(
        fixture.steps(&id).await,
        [
            ("next".to_owned(), "CANCELLED".to_owned()),
            ("bad".to_owned(), "FAILED".to_owned())
        ]
    );
    let described = fixture
        .ok("DescribeStep", json!({"ClusterId": id, "StepId": ids[0]}))
        .await;
    let status = &described["Step"]["Status"];
    assert_eq!(status["FailureDetails"]["Message"], "no such table");
    let log = format!("s3://warehouse/logs/{id}/steps/{}/stderr.gz", ids[0]);
    assert_eq!(status["FailureDetails"]["LogFile"], log.as_str());
    assert_eq!(fixture.state(&id).await, "WAITING");
    fixture
        .add(
            &id,
            vec![
                step("worse", &["panic"], "TERMINATE_CLUSTER"),
                step("never", &["ok"], "CONTINUE"),
            ],
        )
        .await;
    fixture.sleep(300).await;
    let status = fixture.status(&id).await;
    assert_eq!(status["State"], "TERMINATED_WITH_ERRORS");
    assert_eq!(status["StateChangeReason"]["Code"], "STEP_FAILURE");
    assert_eq!(
        fixture.steps(&id).await[0],
        ("never".to_owned(), "CANCELLED".to_owned())
    );
    let error = fixture
        .call("AddJobFlowSteps", json!({"JobFlowId": id, "Steps": []}))
        .await
        .unwrap_err();
    assert!(error.message.contains("may not be modified"), "{error}");
}

#[tokio::test]
async fn more_than_256_active_steps_are_refused_and_none_is_added() {
    let fixture = fixture();
    let id = fixture.run(request()).await;
    let many: Vec<Value> = (0..250)
        .map(|number| step(&number.to_string(), &["ok"], "CONTINUE"))
        .collect();
    fixture.add(&id, many).await;
    let seven: Vec<Value> = (0..7).map(|_| step("x", &["ok"], "CONTINUE")).collect();
    let error = fixture
        .call("AddJobFlowSteps", json!({"JobFlowId": id, "Steps": seven}))
        .await
        .unwrap_err();
    assert!(
        error.message.contains("Maximum number of active steps"),
        "{error}"
    );
    let mut marker = Value::Null;
    let mut names = Vec::new();
    loop {
        let page = fixture
            .ok("ListSteps", json!({"ClusterId": id, "Marker": marker}))
            .await;
        let steps = page["Steps"].as_array().unwrap();
        assert!(steps.len() <= 50);
        names.extend(
            steps
                .iter()
                .map(|step| step["Name"].as_str().unwrap().to_owned()),
        );
        marker = page["Marker"].clone();
        if marker.is_null() {
            break;
        }
    }
    let expected: Vec<String> = (0..250).rev().map(|number| number.to_string()).collect();
    assert_eq!(names, expected);
    let error = fixture
        .call("ListSteps", json!({"ClusterId": id, "Marker": "nonsense"}))
        .await
        .unwrap_err();
    assert_eq!(error.code, "InvalidRequestException");
}

#[tokio::test]
async fn a_step_that_terminates_others_is_refused_beside_concurrent_ones() {
    let fixture = fixture();
    let mut concurrent = request();
    concurrent["StepConcurrencyLevel"] = json!(2);
    let id = fixture.run(concurrent).await;
    let steps = json!([step("a", &["ok"], "CANCEL_AND_WAIT")]);
    let error = fixture
        .call("AddJobFlowSteps", json!({"JobFlowId": id, "Steps": steps}))
        .await
        .unwrap_err();
    assert!(error.message.contains("ActionOnFailure"), "{error}");
}

#[tokio::test]
async fn a_planned_fault_fails_the_named_step_once_and_its_log_says_so() {
    let fixture = fixture();
    fixture.s3.create_bucket("warehouse").await.unwrap();
    fixture
        .emr
        .plan_faults(|faults| faults.fail_step("load country", "forced by --fail"));
    let id = fixture.ready().await;
    fixture
        .add(&id, vec![step("load country [x]", &["ok"], "CONTINUE")])
        .await;
    fixture.sleep(60).await;
    fixture
        .add(&id, vec![step("load country [y]", &["ok"], "CONTINUE")])
        .await;
    fixture.sleep(60).await;
    let states: Vec<String> = fixture
        .steps(&id)
        .await
        .into_iter()
        .map(|(_, state)| state)
        .collect();
    assert_eq!(states, ["COMPLETED", "FAILED"]);
    assert_eq!(*fixture.script.ran.lock(), ["load country [y]"]);
    let logs = fixture
        .s3
        .list(
            "warehouse",
            &ListRequest::prefix(format!("logs/{id}/steps/")),
        )
        .await
        .unwrap();
    assert_eq!(logs.objects.len(), 6);
    let stderr = logs
        .objects
        .iter()
        .find(|head| head.key.ends_with("stderr.gz") && head.size > 25)
        .unwrap();
    let bytes = fixture
        .s3
        .get("warehouse", &stderr.key)
        .await
        .unwrap()
        .into_bytes()
        .unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut text)
        .unwrap();
    assert_eq!(text, "forced by --fail\n");
}

#[tokio::test]
async fn a_cancelled_step_stops_and_a_finished_one_cannot_be_cancelled() {
    let fixture = fixture();
    let id = fixture.ready().await;
    fixture.hang("long");
    let ids = fixture
        .add(
            &id,
            vec![
                step("long", &["ok"], "CONTINUE"),
                step("later", &["ok"], "CONTINUE"),
            ],
        )
        .await;
    fixture.sleep(100).await;
    let cancel =
        json!({"ClusterId": id, "StepIds": [ids[0]], "StepCancellationOption": "SEND_INTERRUPT"});
    let answer = fixture.ok("CancelSteps", cancel.clone()).await;
    assert_eq!(answer["CancelStepsInfoList"][0]["Status"], "SUBMITTED");
    assert_eq!(fixture.steps(&id).await[1].1, "CANCEL_PENDING");
    fixture.sleep(60).await;
    let states: Vec<String> = fixture
        .steps(&id)
        .await
        .into_iter()
        .map(|(_, state)| state)
        .collect();
    assert_eq!(states, ["COMPLETED", "CANCELLED"]);
    let answer = fixture.ok("CancelSteps", cancel).await;
    assert_eq!(answer["CancelStepsInfoList"][0]["Status"], "FAILED");
}

#[tokio::test]
async fn concurrent_steps_begin_in_the_order_of_their_submission() {
    let fixture = fixture();
    let mut concurrent = request();
    concurrent["StepConcurrencyLevel"] = json!(2);
    let id = fixture.run(concurrent).await;
    fixture.sleep(400).await;
    let steps = [("a", "s3-dist-cp"), ("b", "hive"), ("c", "bash")]
        .map(|(name, command)| step(name, &[command], "CONTINUE"));
    fixture.add(&id, steps.to_vec()).await;
    fixture.sleep(2000).await;
    assert_eq!(
        fixture.told("step"),
        [
            "400 step a PENDING",
            "400 step b PENDING",
            "400 step c PENDING",
            "400 step a RUNNING",
            "400 step b RUNNING",
            "425 step b COMPLETED",
            "425 step c RUNNING",
            "430 step c COMPLETED",
            "435 step a COMPLETED",
        ]
    );
}
