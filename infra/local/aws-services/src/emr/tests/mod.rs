//! What clusters promise, tried through their API in simulated time.

mod capacity;
mod life;
mod requests;
mod steps;

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
                skips: 0,
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
