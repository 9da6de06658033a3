//! The life of a cluster from its request to its end, and over a restart.

use super::*;

#[tokio::test]
async fn a_protected_cluster_is_not_terminated_until_it_is_unprotected() {
    let fixture = fixture();
    let mut protected = request();
    protected["Instances"]["TerminationProtected"] = json!(true);
    protected["AutoTerminationPolicy"] = json!({"IdleTimeout": 60});
    let id = fixture.run(protected).await;
    fixture.sleep(1000).await;
    let error = fixture
        .call("TerminateJobFlows", json!({"JobFlowIds": [id]}))
        .await
        .unwrap_err();
    assert!(error.message.contains("termination protected"), "{error}");
    assert_eq!(fixture.state(&id).await, "WAITING");
    fixture
        .ok(
            "SetTerminationProtection",
            json!({"JobFlowIds": [id], "TerminationProtected": false}),
        )
        .await;
    fixture
        .ok("TerminateJobFlows", json!({"JobFlowIds": [id]}))
        .await;
    assert_eq!(fixture.state(&id).await, "TERMINATING");
    fixture.sleep(61).await;
    assert_eq!(fixture.state(&id).await, "TERMINATED");
    fixture
        .ok("TerminateJobFlows", json!({"JobFlowIds": [id]}))
        .await;
}

#[tokio::test]
async fn a_cluster_can_be_killed_while_it_bootstraps() {
    let fixture = fixture();
    fixture.emr.plan_faults(|faults| {
        faults.planned.push(Fault {
            moment: Moment::ClusterBootstraps,
            blow: Blow::KillCluster {
                code: "BOOTSTRAP_FAILURE".to_owned(),
                message:
                    "On the master instance, bootstrap action 1 returned a non-zero return code"
                        .to_owned(),
            },
            skips: 0,
            times: 1,
        });
    });
    let id = fixture.run(request()).await;
    fixture.sleep(400).await;
    assert_eq!(
        fixture.status(&id).await["StateChangeReason"]["Code"],
        "BOOTSTRAP_FAILURE"
    );
    assert_eq!(fixture.state(&id).await, "TERMINATED_WITH_ERRORS");
    let other = fixture.ready().await;
    assert_ne!(id, other);
}

#[tokio::test]
async fn an_idle_cluster_ends_when_its_policy_says_so_but_does_not_pull_time() {
    let fixture = fixture();
    let mut idle = request();
    idle["AutoTerminationPolicy"] = json!({"IdleTimeout": 600});
    let id = fixture.run(idle).await;
    fixture.sleep(300).await;
    assert_eq!(
        fixture.clock.now(),
        start() + SignedDuration::from_secs(300)
    );
    fixture.work.lock().take();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        fixture.clock.now(),
        start() + SignedDuration::from_secs(300),
        "a resting clock stays where it is"
    );
    *fixture.work.lock() = Some(fixture.clock.work());
    assert_eq!(fixture.state(&id).await, "WAITING");
    fixture.sleep(599).await;
    assert_eq!(fixture.state(&id).await, "WAITING");
    fixture.sleep(2).await;
    assert_eq!(fixture.state(&id).await, "TERMINATING");
    fixture.sleep(60).await;
    let usage = fixture.emr.cluster(&id).unwrap().usage;
    assert_eq!(usage.lifetime, SignedDuration::from_secs(960));
    assert_eq!(usage.idle, SignedDuration::from_secs(600));
}

#[tokio::test]
async fn a_run_goes_through_its_states_at_the_modelled_times() {
    let fixture = fixture();
    let mut transient = request();
    transient["Instances"]["KeepJobFlowAliveWhenNoSteps"] = json!(false);
    transient["Steps"] = json!([
        step("copy", &["s3-dist-cp"], "CONTINUE"),
        step("load", &["hive"], "CONTINUE")
    ]);
    let id = fixture.run(transient).await;
    fixture.sleep(10_000).await;
    assert_eq!(
        fixture.recorder.lines.lock().clone(),
        [
            "0 cluster STARTING",
            "120 cluster BOOTSTRAPPING",
            "270 cluster RUNNING",
            "300 step copy RUNNING",
            "335 step copy COMPLETED",
            "335 step load RUNNING",
            "360 step load COMPLETED",
            "360 cluster TERMINATING",
            "420 cluster TERMINATED",
        ]
    );
    let status = fixture.status(&id).await;
    assert_eq!(
        status["StateChangeReason"],
        json!({"Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed"})
    );
    let begin = start().as_second();
    assert_eq!(
        status["Timeline"],
        json!({"CreationDateTime": begin, "ReadyDateTime": begin + 300, "EndDateTime": begin + 420})
    );
    let report = fixture.emr.cluster(&id).unwrap();
    assert!((report.usage.working_share() - 1.0).abs() < 1e-9);
    assert_eq!(
        report.usage.instance_seconds["m5.xlarge"],
        420.0 + 420.0 + 400.0
    );
    assert_eq!(report.usage.normalized_instance_hours, 24);
    assert_eq!(report.instances[&Role::Core], 2);
}

#[tokio::test]
async fn a_new_process_sees_the_clusters_and_can_end_them() {
    let fixture = fixture();
    let id = fixture.ready().await;
    fixture.hang("long");
    let ids = fixture
        .add(&id, vec![step("long", &["ok"], "CONTINUE")])
        .await;
    fixture.sleep(100).await;
    let now = fixture.clock.now();
    let Fixture { folder, .. } = fixture;
    let reopened = fixture_on(folder, now);
    assert_eq!(
        reopened.steps(&id).await,
        [("long".to_owned(), "FAILED".to_owned())]
    );
    let step = reopened
        .ok("DescribeStep", json!({"ClusterId": id, "StepId": ids[0]}))
        .await;
    assert!(
        step["Step"]["Status"]["FailureDetails"]["Message"]
            .as_str()
            .unwrap()
            .contains("stopped")
    );
    assert_eq!(reopened.state(&id).await, "WAITING");
    reopened
        .ok("TerminateJobFlows", json!({"JobFlowIds": [id]}))
        .await;
    reopened.sleep(61).await;
    assert_eq!(reopened.state(&id).await, "TERMINATED");
    assert!(
        reopened
            .folder
            .path()
            .join(format!("services/emr/clusters/{id}.json"))
            .exists()
    );
}
