//! What clusters promise, tried through their API in simulated time.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use virtual_time::{Clock, Entropy};

use super::*;
use crate::interceptor::PassEverything;
use crate::observer::{Observer, Occurrence};
use crate::s3::ListRequest;
use crate::step_runner::{StepFailure, StepOutcome, StepProgress, StepProgressSink, StepRequest};

/// `ok`, `fail MESSAGE` and `panic`.
#[derive(Default)]
struct Script {
    ran: Mutex<Vec<String>>,
}

#[async_trait]
impl StepRunner for Script {
    async fn run(&self, step: StepRequest, progress: StepProgressSink) -> StepOutcome {
        self.ran.lock().push(step.name.clone());
        progress(StepProgress {
            message: "working".to_owned(),
            rows: Some(1),
        });
        match step.args.first().map(String::as_str) {
            Some("fail") => StepOutcome {
                exit_code: 2,
                failure: Some(StepFailure {
                    reason: "Command failed".to_owned(),
                    message: step.args[1].clone(),
                }),
                log_tail: step.args[1].clone(),
            },
            Some("panic") => panic!("on purpose"),
            _ => success(),
        }
    }
}

fn success() -> StepOutcome {
    StepOutcome {
        exit_code: 0,
        failure: None,
        log_tail: String::new(),
    }
}

#[derive(Default)]
struct Recorder {
    lines: Mutex<Vec<String>>,
}

impl Observer for Recorder {
    fn observe(&self, at: Timestamp, occurrence: Occurrence) {
        let line = match occurrence {
            Occurrence::ClusterChanged { state, .. } => format!("cluster {state}"),
            Occurrence::StepChanged { name, state, .. } => format!("step {name} {state}"),
            _ => return,
        };
        let seconds = at.duration_since(start()).as_secs();
        self.lines.lock().push(format!("{seconds} {line}"));
    }
}

struct Fixture {
    folder: TempDir,
    clock: Clock,
    emr: Arc<Emr>,
    s3: Arc<S3>,
    script: Arc<Script>,
    recorder: Arc<Recorder>,
    /// Held between calls, so that time goes on only where a test sleeps.
    work: Mutex<Option<Work>>,
}

fn start() -> Timestamp {
    "2026-11-21T02:00:00Z".parse().unwrap()
}

fn fixture() -> Fixture {
    fixture_on(tempfile::tempdir().unwrap(), start())
}

fn fixture_on(folder: TempDir, now: Timestamp) -> Fixture {
    let clock = Clock::simulated_from(now);
    let work = Mutex::new(Some(clock.work()));
    let recorder = Arc::new(Recorder::default());
    let context = Context::new(
        clock.clone(),
        Entropy::from_seed(1),
        "us-east-1".to_owned(),
        "000000000000".to_owned(),
        folder.path().to_owned(),
        recorder.clone(),
        Arc::new(PassEverything),
    );
    let script = Arc::new(Script::default());
    let s3 = S3::open(&context).unwrap();
    let emr = Emr::open(&context, Arc::clone(&s3), script.clone()).unwrap();
    Fixture {
        folder,
        clock,
        emr,
        s3,
        script,
        recorder,
        work,
    }
}

fn request() -> Value {
    let types = json!([{"InstanceType": "m5.xlarge", "WeightedCapacity": 1}]);
    json!({
        "Name": "warehouse",
        "ReleaseLabel": "emr-7.12.0",
        "LogUri": "s3://warehouse/logs",
        "JobFlowRole": "profile",
        "ServiceRole": "role",
        "Applications": [{"Name": "Hive"}, {"Name": "Spark"}],
        "Tags": [{"Key": "pipeline", "Value": "p"}],
        "Instances": {
            "KeepJobFlowAliveWhenNoSteps": true,
            "InstanceFleets": [
                {"Name": "primary", "InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": types},
                {"Name": "workers", "InstanceFleetType": "CORE", "TargetOnDemandCapacity": 1, "TargetSpotCapacity": 1,
                 "InstanceTypeConfigs": types,
                 "LaunchSpecifications": {"SpotSpecification": {"TimeoutDurationMinutes": 10, "TimeoutAction": "SWITCH_TO_ON_DEMAND"}},
                 "ResizeSpecifications": {"SpotResizeSpecification": {"TimeoutDurationMinutes": 15}}}
            ]
        }
    })
}

fn step(name: &str, args: &[&str], action: &str) -> Value {
    json!({"Name": name, "ActionOnFailure": action, "HadoopJarStep": {"Jar": "command-runner.jar", "Args": args}})
}

impl Fixture {
    async fn call(&self, action: &str, input: Value) -> Result<Value, ServiceError> {
        self.emr.call(action, input).await
    }

    async fn ok(&self, action: &str, input: Value) -> Value {
        self.call(action, input).await.unwrap()
    }

    async fn run(&self, request: Value) -> String {
        self.ok("RunJobFlow", request).await["JobFlowId"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    async fn sleep(&self, seconds: u64) {
        let work = self.work.lock().take().unwrap();
        let deadline = self.clock.after(Duration::from_secs(seconds));
        let work = crate::deadline::reached(&self.clock, deadline, work).await;
        *self.work.lock() = Some(work);
    }

    async fn ready(&self) -> String {
        let id = self.run(request()).await;
        self.sleep(400).await;
        assert_eq!(self.state(&id).await, "WAITING");
        id
    }

    async fn status(&self, id: &str) -> Value {
        self.ok("DescribeCluster", json!({"ClusterId": id})).await["Cluster"]["Status"].clone()
    }

    async fn state(&self, id: &str) -> String {
        self.status(id).await["State"].as_str().unwrap().to_owned()
    }

    async fn steps(&self, id: &str) -> Vec<(String, String)> {
        let steps = self.ok("ListSteps", json!({"ClusterId": id})).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let pairs = steps["Steps"].as_array().unwrap().iter();
        pairs
            .map(|step| (text(&step["Name"]), text(&step["Status"]["State"])))
            .collect()
    }

    async fn add(&self, id: &str, steps: Vec<Value>) -> Vec<String> {
        let answer = self
            .ok("AddJobFlowSteps", json!({"JobFlowId": id, "Steps": steps}))
            .await;
        serde_json::from_value(answer["StepIds"].clone()).unwrap()
    }

    async fn fleet(&self, id: &str) -> Value {
        let fleets = self
            .ok("ListInstanceFleets", json!({"ClusterId": id}))
            .await;
        fleets["InstanceFleets"][1].clone()
    }

    async fn instances(&self, id: &str, state: &str) -> usize {
        let input =
            json!({"ClusterId": id, "InstanceFleetType": "CORE", "InstanceStates": [state]});
        self.ok("ListInstances", input).await["Instances"]
            .as_array()
            .unwrap()
            .len()
    }

    fn hang(&self, name: &str) {
        self.emr.plan_faults(|faults| {
            faults.planned.push(Fault {
                moment: Moment::StepStarts(name.to_owned()),
                blow: Blow::HangStep,
                times: 1,
            });
        });
    }

    fn told(&self, part: &str) -> Vec<String> {
        let lines = self.recorder.lines.lock();
        lines
            .iter()
            .filter(|line| line.contains(part))
            .cloned()
            .collect()
    }
}

#[tokio::test]
async fn requests_that_emr_refuses_are_refused_with_its_words() {
    let fixture = fixture();
    type Spoil = fn(&mut Value);
    let cases: [(Spoil, &str); 16] = [
        (
            |r| drop(r.as_object_mut().unwrap().remove("Name")),
            "'name'",
        ),
        (
            |r| r["ReleaseLabel"] = json!("emr-9.9.9"),
            "The supplied release label is invalid: emr-9.9.9.",
        ),
        (
            |r| drop(r.as_object_mut().unwrap().remove("ReleaseLabel")),
            "release label",
        ),
        (
            |r| drop(r.as_object_mut().unwrap().remove("JobFlowRole")),
            "InstanceProfile is required",
        ),
        (
            |r| drop(r.as_object_mut().unwrap().remove("ServiceRole")),
            "ServiceRole is required",
        ),
        (|r| r["Applications"] = json!([{"Name": "Excel"}]), "Excel"),
        (
            |r| r["StepConcurrencyLevel"] = json!(257),
            "StepConcurrencyLevel",
        ),
        (
            |r| r["AutoTerminationPolicy"] = json!({"IdleTimeout": 59}),
            "IdleTimeout",
        ),
        (
            |r| r["Instances"]["InstanceGroups"] = json!([]),
            "mutually exclusive",
        ),
        (
            |r| r["Instances"]["InstanceFleets"][0]["TargetOnDemandCapacity"] = json!(2),
            "master instance fleet",
        ),
        (
            |r| r["Instances"]["InstanceFleets"][1]["InstanceTypeConfigs"] = json!([]),
            "InstanceTypeConfigs",
        ),
        (
            |r| {
                r["Instances"]["InstanceFleets"][1]["LaunchSpecifications"]["SpotSpecification"]["TimeoutDurationMinutes"] =
                    json!(4)
            },
            "TimeoutDurationMinutes",
        ),
        (
            |r| r["Tags"] = json!([{"Key": "a"}, {"Key": "a"}]),
            "Duplicate tag keys",
        ),
        (|r| r["LogUri"] = json!("/var/log"), "LogUri"),
        (
            |r| r["BootstrapActions"] = json!([]),
            "does not support the parameter BootstrapActions of RunJobFlow",
        ),
        (
            |r| {
                r["Instances"]["InstanceFleets"][1]["LaunchSpecifications"]["SpotSpecification"]["BlockDurationMinutes"] =
                    json!(60)
            },
            "BlockDurationMinutes",
        ),
    ];
    for (spoil, words) in cases {
        let mut spoilt = request();
        spoil(&mut spoilt);
        let error = fixture.call("RunJobFlow", spoilt).await.unwrap_err();
        assert_eq!(error.code, "ValidationException", "{error}");
        assert!(
            error.message.to_lowercase().contains(&words.to_lowercase()),
            "{words}: {error}"
        );
    }
    assert!(fixture.emr.clusters().is_empty());
}

#[tokio::test]
async fn ids_that_are_nobodys_are_refused_with_emrs_words() {
    let fixture = fixture();
    let error = fixture
        .call("DescribeCluster", json!({"ClusterId": "j-NOBODY"}))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        (
            "InvalidRequestException",
            "Cluster id 'j-NOBODY' is not valid."
        )
    );
    let error = fixture
        .call("DescribeCluster", json!({"ClusterId": ""}))
        .await
        .unwrap_err();
    assert_eq!(error.code, "ValidationException");
    let error = fixture
        .call("TerminateJobFlows", json!({"JobFlowIds": ["j-NOBODY"]}))
        .await
        .unwrap_err();
    assert_eq!(error.message, "Specified job flow ID does not exist.");
    let id = fixture.run(request()).await;
    let error = fixture
        .call("DescribeStep", json!({"ClusterId": id, "StepId": "s-NONE"}))
        .await
        .unwrap_err();
    assert_eq!(error.message, "Step id 's-NONE' is not valid.");
    let error = fixture
        .call("ListInstanceGroups", json!({"ClusterId": id}))
        .await
        .unwrap_err();
    assert!(error.message.contains("mutually exclusive"), "{error}");
    let error = fixture
        .call("ListClusters", json!({"ClusterStates": ["ASLEEP"]}))
        .await
        .unwrap_err();
    assert_eq!(error.code, "ValidationException");
    let error = fixture.call("CreateStudio", json!({})).await.unwrap_err();
    assert!(error.message.contains("CreateStudio"), "{error}");
}

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
async fn spot_that_never_comes_is_replaced_at_launch_and_given_up_at_a_resize() {
    let fixture = fixture();
    fixture
        .emr
        .plan_faults(|faults| faults.spot_is_never_fulfilled = true);
    let id = fixture.run(request()).await;
    fixture.sleep(599).await;
    assert_eq!(fixture.state(&id).await, "STARTING");
    assert_eq!(fixture.instances(&id, "AWAITING_FULFILLMENT").await, 1);
    fixture.sleep(400).await;
    assert_eq!(fixture.state(&id).await, "WAITING");
    let fleet = fixture.fleet(&id).await;
    assert_eq!(
        (
            &fleet["ProvisionedOnDemandCapacity"],
            &fleet["ProvisionedSpotCapacity"]
        ),
        (&json!(2), &json!(0))
    );
    let target = json!({"InstanceFleetId": fleet["Id"], "TargetOnDemandCapacity": 1, "TargetSpotCapacity": 3});
    fixture
        .ok(
            "ModifyInstanceFleet",
            json!({"ClusterId": id, "InstanceFleet": target}),
        )
        .await;
    fixture.sleep(899).await;
    assert_eq!(fixture.fleet(&id).await["Status"]["State"], "RESIZING");
    assert_eq!(fixture.instances(&id, "AWAITING_FULFILLMENT").await, 2);
    fixture.sleep(2).await;
    assert_eq!(fixture.fleet(&id).await["Status"]["State"], "RUNNING");
    assert_eq!(fixture.instances(&id, "RUNNING").await, 2);
}

#[tokio::test]
async fn spot_that_never_comes_can_end_the_cluster() {
    let fixture = fixture();
    fixture
        .emr
        .plan_faults(|faults| faults.spot_is_never_fulfilled = true);
    let mut strict = request();
    strict["Instances"]["InstanceFleets"][1]["LaunchSpecifications"]["SpotSpecification"]["TimeoutAction"] =
        json!("TERMINATE_CLUSTER");
    let id = fixture.run(strict).await;
    fixture.sleep(700).await;
    let status = fixture.status(&id).await;
    assert_eq!(status["State"], "TERMINATED_WITH_ERRORS");
    assert_eq!(
        status["StateChangeReason"]["Code"],
        "INSTANCE_FLEET_TIMEOUT"
    );
    assert_eq!(
        status["ErrorDetails"][0]["ErrorCode"],
        "INSTANCE_FLEET_TIMEOUT"
    );
}

#[tokio::test]
async fn a_lost_worker_is_replaced_and_a_lost_primary_node_ends_the_cluster() {
    let fixture = fixture();
    let id = fixture.ready().await;
    fixture.hang("long");
    fixture
        .add(&id, vec![step("long", &["ok"], "CONTINUE")])
        .await;
    fixture.emr.lose_instance(&id, Role::Core).unwrap();
    assert_eq!(fixture.instances(&id, "TERMINATED").await, 1);
    assert_eq!(fixture.fleet(&id).await["Status"]["State"], "RESIZING");
    fixture.emr.lose_instance(&id, Role::Master).unwrap();
    fixture.sleep(61).await;
    let status = fixture.status(&id).await;
    assert_eq!(status["State"], "TERMINATED_WITH_ERRORS");
    assert_eq!(status["StateChangeReason"]["Code"], "INSTANCE_FAILURE");
    assert_eq!(
        fixture.steps(&id).await,
        [("long".to_owned(), "INTERRUPTED".to_owned())]
    );
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
async fn workers_that_are_added_pass_through_their_states_and_are_counted() {
    let fixture = fixture();
    let id = fixture.run(request()).await;
    let fleet = fixture.fleet(&id).await["Id"].clone();
    let target =
        json!({"InstanceFleetId": fleet, "TargetOnDemandCapacity": 1, "TargetSpotCapacity": 3});
    let modify = json!({"ClusterId": id, "InstanceFleet": target});
    let error = fixture
        .call("ModifyInstanceFleet", modify.clone())
        .await
        .unwrap_err();
    assert!(error.message.contains("running or waiting"), "{error}");
    fixture.sleep(400).await;
    fixture.ok("ModifyInstanceFleet", modify.clone()).await;
    fixture.ok("ModifyInstanceFleet", modify).await;
    let mut seen = Vec::new();
    for _ in 0..20 {
        let counts = [
            fixture.instances(&id, "AWAITING_FULFILLMENT").await,
            fixture.instances(&id, "PROVISIONING").await,
            fixture.instances(&id, "BOOTSTRAPPING").await,
            fixture.instances(&id, "RUNNING").await,
        ];
        if seen.last() != Some(&counts) {
            seen.push(counts);
        }
        fixture.sleep(10).await;
    }
    assert_eq!(
        seen,
        [[2, 0, 0, 2], [0, 2, 0, 2], [0, 0, 2, 2], [0, 0, 0, 4]]
    );
    let described = fixture.fleet(&id).await;
    assert_eq!(described["Status"]["State"], "RUNNING");
    assert_eq!(
        (
            &described["TargetSpotCapacity"],
            &described["ProvisionedSpotCapacity"]
        ),
        (&json!(3), &json!(3))
    );
    let shrink =
        json!({"InstanceFleetId": fleet, "TargetOnDemandCapacity": 1, "TargetSpotCapacity": 1});
    fixture
        .ok(
            "ModifyInstanceFleet",
            json!({"ClusterId": id, "InstanceFleet": shrink}),
        )
        .await;
    assert_eq!(fixture.instances(&id, "RUNNING").await, 2);
    assert_eq!(fixture.instances(&id, "TERMINATED").await, 2);
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

#[tokio::test]
async fn clusters_are_listed_newest_first_by_state_time_and_page() {
    let fixture = fixture();
    let mut ids = Vec::new();
    for _ in 0..60 {
        ids.push(fixture.run(request()).await);
        fixture.sleep(1).await;
    }
    fixture
        .ok("TerminateJobFlows", json!({"JobFlowIds": [ids[0]]}))
        .await;
    let first = fixture.ok("ListClusters", json!({})).await;
    assert_eq!(first["Clusters"].as_array().unwrap().len(), 50);
    assert_eq!(first["Clusters"][0]["Id"], ids[59].as_str());
    let second = fixture
        .ok("ListClusters", json!({"Marker": first["Marker"]}))
        .await;
    assert_eq!(second["Clusters"].as_array().unwrap().len(), 10);
    assert_eq!(second["Marker"], Value::Null);
    let going = fixture
        .ok("ListClusters", json!({"ClusterStates": ["TERMINATING"]}))
        .await;
    assert_eq!(going["Clusters"].as_array().unwrap().len(), 1);
    let late = json!({"CreatedAfter": (start().as_second() + 58) as f64});
    assert_eq!(
        fixture.ok("ListClusters", late).await["Clusters"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn tags_policies_and_concurrency_can_be_changed() {
    let fixture = fixture();
    let id = fixture.run(request()).await;
    let error = fixture
        .call(
            "AddTags",
            json!({"ResourceId": id, "Tags": [{"Key": "aws:x"}]}),
        )
        .await
        .unwrap_err();
    assert_eq!(error.code, "InvalidRequestException");
    fixture.ok("AddTags", json!({"ResourceId": id, "Tags": [{"Key": "batch", "Value": "1"}, {"Key": "pipeline", "Value": "q"}]})).await;
    fixture
        .ok(
            "RemoveTags",
            json!({"ResourceId": id, "TagKeys": ["batch"]}),
        )
        .await;
    let cluster = fixture
        .ok("DescribeCluster", json!({"ClusterId": id}))
        .await["Cluster"]
        .clone();
    assert_eq!(cluster["Tags"], json!([{"Key": "pipeline", "Value": "q"}]));
    assert_eq!(cluster["Applications"][0]["Name"], "Hive");
    assert_eq!(cluster["LogUri"], "s3://warehouse/logs/");
    fixture
        .ok(
            "PutAutoTerminationPolicy",
            json!({"ClusterId": id, "AutoTerminationPolicy": {"IdleTimeout": 120}}),
        )
        .await;
    let policy = fixture
        .ok("GetAutoTerminationPolicy", json!({"ClusterId": id}))
        .await;
    assert_eq!(policy["AutoTerminationPolicy"]["IdleTimeout"], 120);
    let level = fixture
        .ok(
            "ModifyCluster",
            json!({"ClusterId": id, "StepConcurrencyLevel": 4}),
        )
        .await;
    assert_eq!(level["StepConcurrencyLevel"], 4);
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

#[tokio::test]
async fn groups_work_as_fleets_do_under_their_own_names() {
    let fixture = fixture();
    let mut grouped = request();
    grouped["Instances"] = json!({
        "KeepJobFlowAliveWhenNoSteps": true,
        "InstanceGroups": [
            {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1},
            {"InstanceRole": "CORE", "InstanceType": "m5.xlarge", "InstanceCount": 2, "Market": "SPOT", "BidPrice": "0.1"}
        ]
    });
    let id = fixture.run(grouped).await;
    fixture.sleep(400).await;
    assert_eq!(fixture.state(&id).await, "WAITING");
    let groups = fixture
        .ok("ListInstanceGroups", json!({"ClusterId": id}))
        .await;
    assert_eq!(groups["InstanceGroups"][1]["RunningInstanceCount"], 2);
    let error = fixture
        .call("ListInstanceFleets", json!({"ClusterId": id}))
        .await
        .unwrap_err();
    assert!(error.message.contains("uses instance groups"), "{error}");
    let labels = fixture
        .ok(
            "ListReleaseLabels",
            json!({"Filters": {"Prefix": "emr-7.1"}}),
        )
        .await;
    assert_eq!(labels["ReleaseLabels"][0], "emr-7.13.0");
}
