//! Tests of the runtime as a whole, with functions in this process.

use super::*;
use crate::root::RootError;

fn started(root: &Path) -> RuntimeOptions {
    RuntimeOptions {
        clock: ClockMode::Simulated("2026-11-21T02:00:00Z".parse().unwrap()),
        seed: Some(1),
        ..RuntimeOptions::new(root)
    }
}

fn project() -> Arc<Project> {
    Arc::new(Project::load(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap())
}

/// A project with one function and nothing else.
fn small_project(folder: &Path, handler: &str) -> Arc<Project> {
    let folder = folder.join("project");
    std::fs::create_dir_all(folder.join("infra/aws")).unwrap();
    let template = format!(
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Handler: {handler}\n      Timeout: 60\n"
    );
    std::fs::write(folder.join(crate::project::TEMPLATE), template).unwrap();
    Arc::new(Project::load(&folder).unwrap())
}

async fn refusal(options: RuntimeOptions) -> RuntimeError {
    match Runtime::start(options).await {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let options = RuntimeOptions {
        port,
        ..started(folder.path())
    };
    let error = refusal(options).await;
    assert!(matches!(error, RuntimeError::PortInUse { port: found } if found == port));
    assert!(error.to_string().contains(&port.to_string()));
}

#[tokio::test]
async fn a_second_runtime_on_one_root_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let first = Runtime::start(started(folder.path())).await.unwrap();
    let error = refusal(started(folder.path())).await;
    assert!(
        matches!(error, RuntimeError::Root(RootError::InUse { .. })),
        "{error}"
    );
    first.shutdown().await;
    drop(first);
    Runtime::start(started(folder.path()))
        .await
        .unwrap()
        .shutdown()
        .await;
}

#[tokio::test]
async fn a_handler_that_the_program_does_not_have_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let project = small_project(folder.path(), "make_coffee");
    let root = folder.path().join("root");
    let options = started(&root).with_project(project, Functions::InProcess);
    let error = refusal(options).await.to_string();
    assert!(
        error.contains("infra/aws/template.yaml:2:3: F: there is no handler make_coffee"),
        "{error}"
    );
    assert!(!root.join("stack.json").exists());
}

#[tokio::test]
async fn functions_run_as_processes_that_find_the_services() {
    let folder = tempfile::tempdir().unwrap();
    let project = small_project(folder.path(), "status_emr");
    let repository = Project::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let binary = crate::bootstrap::build(&repository, &|_| {}).await.unwrap();
    let options = RuntimeOptions {
        clock: ClockMode::Virtual,
        ..started(&folder.path().join("root"))
    };
    let options = options.with_project(project, Functions::Processes(binary));
    let runtime = Runtime::start(options).await.unwrap();
    let invocation = aws_services::Invocation {
        function_name: runtime.stack().functions[0].name.clone(),
        qualifier: None,
        payload: bytes::Bytes::from_static(br#"{"ClusterId": "j-0123456789ABC"}"#),
        client_context: None,
    };
    let outcome = runtime
        .services()
        .lambda
        .invoke(invocation, &mut None)
        .await
        .unwrap();
    let error = outcome.error.unwrap();
    assert_eq!(error.error_type, "ClusterNotFound", "{error:?}");
    assert!(
        outcome.log_tail.contains("REPORT RequestId: "),
        "{}",
        outcome.log_tail
    );
    let figures = runtime.host().unwrap().figures();
    assert_eq!(
        (figures[0].invocations, figures[0].cold_starts.len()),
        (1, 1)
    );
    runtime.shutdown().await;
}

#[tokio::test]
async fn handlers_in_this_process_find_the_services() {
    let folder = tempfile::tempdir().unwrap();
    let project = small_project(folder.path(), "status_emr");
    let options = started(&folder.path().join("root")).with_project(project, Functions::InProcess);
    let runtime = Runtime::start(options).await.unwrap();
    let invocation = aws_services::Invocation {
        function_name: runtime.stack().functions[0].name.clone(),
        qualifier: None,
        payload: bytes::Bytes::from_static(br#"{"ClusterId": "j-0123456789ABC"}"#),
        client_context: None,
    };
    let outcome = runtime
        .services()
        .lambda
        .invoke(invocation, &mut None)
        .await
        .unwrap();
    assert_eq!(outcome.error.unwrap().error_type, "ClusterNotFound");
    runtime.shutdown().await;
}

struct NeverAnswersEmr;

#[async_trait::async_trait]
impl Interceptor for NeverAnswersEmr {
    async fn before(&self, call: &aws_services::Call) -> aws_services::Verdict {
        match call.service.as_str() {
            "elasticmapreduce" => aws_services::Verdict::Hang,
            _ => aws_services::Verdict::Pass,
        }
    }
}

#[tokio::test]
async fn a_call_that_is_never_answered_is_given_up_as_the_sdk_does_in_pipeline_time() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = with_hanging_emr(folder.path(), Functions::InProcess).await;
    let began = (runtime.clock().now(), std::time::Instant::now());
    let invocation = aws_services::Invocation {
        function_name: runtime.stack().functions[0].name.clone(),
        qualifier: None,
        payload: bytes::Bytes::from_static(br#"{"ClusterId": "j-0123456789ABC"}"#),
        client_context: None,
    };
    let lambda = &runtime.services().lambda;
    let outcome = lambda.invoke(invocation, &mut None).await.unwrap();
    assert_eq!(outcome.error.unwrap().error_type, "ServiceUnavailable");
    // Three attempts of six seconds and the pauses between them.
    let passed = runtime.clock().now().duration_since(began.0).as_secs();
    assert!((18..60).contains(&passed), "{passed}");
    assert!(began.1.elapsed() < std::time::Duration::from_secs(10));
    runtime.shutdown().await;
}

/// A runtime whose only function asks EMR, which never answers.
async fn with_hanging_emr(folder: &Path, functions: Functions) -> Runtime {
    let project = small_project(folder, "status_emr");
    let mut options = started(&folder.join("root"));
    if functions != Functions::InProcess {
        options.clock = ClockMode::Virtual;
    }
    options.interceptor = Arc::new(NeverAnswersEmr);
    Runtime::start(options.with_project(project, functions))
        .await
        .unwrap()
}

/// Runs a state machine whose one task calls the function that hangs. Returns error, cause and how much pipeline time has
/// passed, in seconds.
async fn task_that_hangs(runtime: &Runtime, timeout_seconds: u64) -> (String, String, f64) {
    let began = std::time::Instant::now();
    let definition = json!({"StartAt": "Ask", "States": {"Ask": {
        "Type": "Task",
        "Resource": runtime.stack().functions[0].arn,
        "TimeoutSeconds": timeout_seconds,
        "End": true,
    }}});
    let states = &runtime.services().states;
    let execution = {
        let _work = runtime.clock().work();
        let role = "arn:aws:iam::000000000000:role/any";
        let request =
            json!({"name": "asks", "definition": definition.to_string(), "roleArn": role});
        let machine = states.call("CreateStateMachine", request).await.unwrap();
        let input = json!({"ClusterId": "j-0123456789ABC"}).to_string();
        let request = json!({"stateMachineArn": machine["stateMachineArn"], "input": input});
        let started = states.call("StartExecution", request).await.unwrap();
        started["executionArn"].as_str().unwrap().to_owned()
    };
    let outcome = runtime.wait(&execution).await.unwrap();
    assert!(
        began.elapsed() < std::time::Duration::from_secs(30),
        "time passed for real"
    );
    let moment = |value: &Value| value.as_f64().unwrap();
    let passed = moment(&outcome.stop_date) - moment(&outcome.start_date);
    (
        outcome.error.unwrap_or_default(),
        outcome.cause.unwrap_or_default(),
        passed,
    )
}

#[tokio::test]
async fn a_task_times_out_in_pipeline_time_while_its_handler_waits_for_a_hung_call() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = with_hanging_emr(folder.path(), Functions::InProcess).await;
    let (error, _, passed) = task_that_hangs(&runtime, 5).await;
    assert_eq!((error.as_str(), passed), ("States.Timeout", 5.0));
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_task_times_out_in_pipeline_time_while_its_process_waits_for_a_hung_call() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Project::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let binary = crate::bootstrap::build(&repository, &|_| {}).await.unwrap();
    let runtime = with_hanging_emr(folder.path(), Functions::Processes(binary)).await;
    let (error, _, passed) = task_that_hangs(&runtime, 50).await;
    assert_eq!(error, "States.Timeout");
    assert!((50.0..55.0).contains(&passed), "{passed}");
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_process_times_out_in_pipeline_time_while_it_waits_for_a_hung_call() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Project::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let binary = crate::bootstrap::build(&repository, &|_| {}).await.unwrap();
    let runtime = with_hanging_emr(folder.path(), Functions::Processes(binary)).await;
    let function = runtime.stack().functions[0].timeout.as_secs();
    let (error, cause, passed) = task_that_hangs(&runtime, 10 * function).await;
    assert_eq!(error, "Sandbox.Timedout", "{cause}");
    let limit = std::time::Duration::from_secs(function).as_secs_f64();
    assert!((limit..limit + 5.0).contains(&passed), "{passed}");
    runtime.shutdown().await;
}

#[tokio::test]
async fn an_empty_runtime_has_no_stack() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::start(started(folder.path())).await.unwrap();
    assert!(runtime.stack().functions.is_empty());
    assert!(runtime.services().s3.list_buckets().await.is_empty());
    let error = runtime.run_master(&json!({}), None).await.unwrap_err();
    assert_eq!(error.to_string(), "the stack has no state machine master");
    runtime.shutdown().await;
}

#[tokio::test]
async fn the_stack_is_provisioned_and_a_second_start_finds_it_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let options = || started(folder.path()).with_project(project(), Functions::InProcess);
    let mut documents = Vec::new();
    for _ in 0..2 {
        let runtime = Runtime::start(options()).await.unwrap();
        let buckets = runtime.services().s3.list_buckets().await;
        assert_eq!(buckets.len(), 1);
        assert_eq!(buckets[0].name, runtime.bucket().unwrap());
        assert_eq!(runtime.services().lambda.functions().len(), 15);
        let machines = runtime
            .services()
            .states
            .call("ListStateMachines", json!({}))
            .await
            .unwrap();
        assert_eq!(machines["stateMachines"].as_array().unwrap().len(), 7);
        let rules = runtime
            .services()
            .events
            .call("ListRules", json!({}))
            .await
            .unwrap();
        assert_eq!(rules["Rules"].as_array().unwrap().len(), 1);
        let schedules = runtime
            .services()
            .scheduler
            .call("ListSchedules", json!({}))
            .await
            .unwrap();
        assert_eq!(schedules["Schedules"].as_array().unwrap().len(), 2);
        runtime.shutdown().await;
        documents.push(std::fs::read_to_string(folder.path().join("stack.json")).unwrap());
    }
    assert_eq!(documents[0], documents[1]);
}

#[tokio::test]
async fn a_master_that_finds_nothing_landed_succeeds_without_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let options = started(folder.path()).with_project(project(), Functions::InProcess);
    let runtime = Runtime::start(options).await.unwrap();
    let outcome = runtime
        .run_master(&json!({"BatchId": "b1"}), Some("first"))
        .await
        .unwrap();
    assert!(outcome.succeeded(), "{outcome:?}");
    let report = runtime.report().await.unwrap();
    assert!(report.clusters.is_empty());
    let master = report
        .executions
        .iter()
        .find(|machine| machine.state_machine.ends_with("-master"))
        .unwrap();
    assert_eq!(master.executions.len(), 1);
    runtime.shutdown().await;
}
