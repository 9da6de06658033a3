//! Tests of the host with real child processes: the children are this test program itself, started again as a runtime.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use virtual_time::{Clock, Entropy};

use super::{Host, HostConfig};
use crate::function::{FunctionSpec, Invocation, InvokeError, Outcome};

const CHILD: &str = "host::tests::the_child_side_of_these_tests";

struct Stage {
    host: Host,
    clock: Clock,
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        Self::with_binary(std::env::current_exe().unwrap())
    }

    fn with_binary(binary: std::path::PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::virtual_from("2026-11-21T02:00:00Z".parse().unwrap());
        let arguments = [
            "--ignored",
            "--exact",
            CHILD,
            "--nocapture",
            "--test-threads=1",
        ];
        let host = Host::new(HostConfig {
            clock: clock.clone(),
            entropy: Entropy::from_seed(1),
            binary,
            arguments: arguments.map(OsString::from).to_vec(),
            region: "us-east-1".to_owned(),
            endpoint_url: "http://127.0.0.1:1".to_owned(),
            log_folder: folder.path().join("logs"),
        });
        host.register(specification());
        Self {
            host,
            clock,
            folder,
        }
    }

    async fn call(&self, event: Value) -> Outcome {
        self.try_call(event).await.unwrap()
    }

    async fn try_call(&self, event: Value) -> Result<Outcome, InvokeError> {
        let invocation = Invocation {
            function: "sample".to_owned(),
            invoked_arn: "arn:aws:lambda:us-east-1:000000000000:function:sample:live".to_owned(),
            payload: Bytes::from(event.to_string()),
            label: String::new(),
            work: self.clock.work(),
        };
        self.host.invoke(invocation).await.0
    }
}

fn specification() -> FunctionSpec {
    FunctionSpec {
        name: "sample".to_owned(),
        handler: "sample_handler".to_owned(),
        version: "$LATEST".to_owned(),
        environment: vec![("Greeting".to_owned(), "good evening".to_owned())],
        timeout: Duration::from_secs(60),
        memory_mib: 128,
        concurrency_limit: 2,
    }
}

fn answer(outcome: &Outcome) -> Value {
    serde_json::from_slice(&outcome.payload).unwrap()
}

#[tokio::test]
async fn an_unknown_function_is_named() {
    let stage = Stage::new();
    let invocation = Invocation {
        function: "nobody".to_owned(),
        invoked_arn: String::new(),
        payload: Bytes::from_static(b"{}"),
        label: String::new(),
        work: stage.clock.work(),
    };
    let error = stage.host.invoke(invocation).await.0.unwrap_err();
    assert_eq!(error.to_string(), "function nobody does not exist");
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_a_function_error() {
    let stage = Stage::with_binary("/nowhere/bootstrap".into());
    let outcome = stage.call(json!({})).await;
    let error = outcome.error.unwrap();
    assert_eq!(error.error_type, "Runtime.InvalidEntrypoint");
    assert!(
        error.error_message.contains("/nowhere/bootstrap"),
        "{error}"
    );
}

#[tokio::test]
async fn a_process_that_ends_while_it_starts_is_an_exit_error_with_its_output() {
    let stage = Stage::new();
    let mut specification = specification();
    specification
        .environment
        .push(("Start".to_owned(), "exit 3".to_owned()));
    stage.host.register(specification);
    let outcome = stage.call(json!({})).await;
    let error = outcome.error.as_ref().unwrap();
    assert_eq!(error.error_type, "Runtime.ExitError");
    let expected = format!(
        "RequestId: {} Error: Runtime exited with error: exit status 3",
        outcome.request_id
    );
    assert_eq!(error.error_message, expected);
    assert!(outcome.log.contains("not today"), "{}", outcome.log);
}

#[tokio::test]
async fn a_reported_start_failure_keeps_its_type() {
    let stage = Stage::new();
    let mut specification = specification();
    specification
        .environment
        .push(("Start".to_owned(), "init-error".to_owned()));
    stage.host.register(specification);
    let error = stage.call(json!({})).await.error.unwrap();
    assert_eq!(
        (error.error_type.as_str(), error.error_message.as_str()),
        ("ConfigInvalid", "no bucket")
    );
}

#[tokio::test]
async fn a_crash_in_the_middle_is_an_exit_error_and_the_next_call_starts_anew() {
    let stage = Stage::new();
    let outcome = stage.call(json!({"do": "exit", "code": 7})).await;
    let error = outcome.error.as_ref().unwrap();
    assert_eq!(error.error_type, "Runtime.ExitError");
    assert!(
        error
            .error_message
            .ends_with("Runtime exited with error: exit status 7"),
        "{error}"
    );
    assert!(
        outcome
            .log
            .contains("Status: error\tError Type: Runtime.ExitError"),
        "{}",
        outcome.log
    );
    let outcome = stage.call(json!({"do": "echo"})).await;
    assert!(outcome.error.is_none());
    assert!(outcome.init_duration.is_some());
}

#[tokio::test]
async fn a_process_killed_by_a_signal_says_so() {
    let stage = Stage::new();
    let error = stage.call(json!({"do": "abort"})).await.error.unwrap();
    assert!(error.error_message.ends_with("signal: aborted"), "{error}");
}

#[tokio::test]
async fn an_invocation_that_takes_too_long_is_killed_and_reported() {
    let stage = Stage::new();
    stage.call(json!({"do": "echo"})).await;
    let mut specification = specification();
    specification.timeout = Duration::from_millis(300);
    stage.host.register(specification);
    let began = stage.clock.now();
    let outcome = stage.call(json!({"do": "hang"})).await;
    let error = outcome.error.as_ref().unwrap();
    assert_eq!(error.error_type, "Sandbox.Timedout");
    let expected = format!(
        "RequestId: {} Error: Task timed out after 0.30 seconds",
        outcome.request_id
    );
    assert_eq!(error.error_message, expected);
    assert!(outcome.log.contains("before hanging"), "{}", outcome.log);
    assert!(outcome.log.contains("Status: timeout"), "{}", outcome.log);
    assert!(stage.clock.now().duration_since(began).as_millis() >= 300);
}

#[tokio::test]
async fn a_hung_invocation_without_custody_jumps_to_its_timeout() {
    let stage = Stage::new();
    let began = (stage.clock.now(), std::time::Instant::now());
    let mut specification = specification();
    specification.timeout = Duration::from_secs(900);
    stage.host.register(specification);
    let release = async {
        loop {
            let key = stage.host.inner.state.lock().live.keys().next().cloned();
            if let Some(key) = key
                && stage.host.release_custody(&key)
            {
                assert_eq!(stage.host.caller(&key).unwrap().function, "sample");
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let (outcome, ()) = tokio::join!(stage.call(json!({"do": "hang"})), release);
    assert_eq!(outcome.error.unwrap().error_type, "Sandbox.Timedout");
    assert!(stage.clock.now().duration_since(began.0).as_secs() >= 900);
    assert!(began.1.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn more_calls_at_once_than_allowed_are_throttled() {
    let stage = Stage::new();
    let (one, two, three) = tokio::join!(
        stage.try_call(json!({"do": "echo"})),
        stage.try_call(json!({"do": "echo"})),
        stage.try_call(json!({"do": "echo"})),
    );
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(
        three.unwrap_err(),
        InvokeError::TooManyRequests {
            function: "sample".to_owned(),
            limit: 2
        }
    );
    let figures = stage.host.figures();
    assert_eq!((figures[0].cold_starts.len(), figures[0].throttles), (2, 1));
}

#[tokio::test]
async fn an_event_that_is_too_large_is_refused() {
    let stage = Stage::new();
    let error = stage
        .try_call(json!("x".repeat(7 * 1024 * 1024)))
        .await
        .unwrap_err();
    assert!(matches!(error, InvokeError::RequestTooLarge { .. }));
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_an_error() {
    let stage = Stage::new();
    let error = stage.call(json!({"do": "flood"})).await.error.unwrap();
    assert_eq!(error.error_type, "Function.ResponseSizeTooLarge");
}

#[tokio::test]
async fn a_function_error_keeps_type_and_message_and_the_environment() {
    let stage = Stage::new();
    let outcome = stage.call(json!({"do": "fail"})).await;
    let error = outcome.error.as_ref().unwrap();
    assert_eq!(
        (error.error_type.as_str(), error.error_message.as_str()),
        ("ClusterGone", "j-1 is gone")
    );
    assert_eq!(answer(&outcome)["errorType"], "ClusterGone");
    assert!(
        stage
            .call(json!({"do": "echo"}))
            .await
            .init_duration
            .is_none()
    );
}

#[tokio::test]
async fn a_call_brings_answer_log_and_measurements_and_the_next_is_warm() {
    let stage = Stage::new();
    let cold = stage.call(json!({"do": "echo", "say": "hello"})).await;
    let told = answer(&cold);
    assert_eq!(told["event"]["say"], "hello");
    assert_eq!(
        told["arn"],
        "arn:aws:lambda:us-east-1:000000000000:function:sample:live"
    );
    assert_eq!(told["handler"], "sample_handler");
    assert_eq!(told["greeting"], "good evening");
    assert_eq!(
        told["home"],
        Value::Null,
        "the environment of the host must not leak"
    );
    assert!(cold.init_duration.is_some());
    let lines: Vec<&str> = cold.log.lines().collect();
    let start = lines
        .iter()
        .position(|line| line.starts_with("START RequestId: "))
        .unwrap();
    assert_eq!(
        &lines[start + 1..start + 3],
        ["printed hello", "complained hello"]
    );
    assert!(
        lines.last().unwrap().contains("Memory Size: 128 MB"),
        "{}",
        cold.log
    );

    let warm = stage.call(json!({"do": "echo", "say": "again"})).await;
    assert!(warm.init_duration.is_none());
    assert!(warm.log.contains("printed again") && !warm.log.contains("printed hello"));
    let file = std::fs::read_to_string(stage.folder.path().join("logs/sample.log")).unwrap();
    assert_eq!(file, format!("{}{}", cold.log, warm.log));
    if cfg!(target_os = "linux") {
        assert!(warm.max_memory_bytes.unwrap() > 100_000);
        assert!(warm.processor_time.unwrap() > cold.processor_time.unwrap());
    }

    stage.host.cool("sample");
    let cooled = stage.call(json!({"do": "echo"})).await;
    assert!(cooled.init_duration.is_some());
}

#[tokio::test]
async fn shutdown_leaves_no_child_behind() {
    let stage = Stage::new();
    stage.call(json!({"do": "echo"})).await;
    let process = {
        let state = stage.host.inner.state.lock();
        state.live.values().next().unwrap().process.clone()
    };
    stage.host.shutdown().await;
    assert!(process.ended());
    assert!(matches!(
        stage.try_call(json!({})).await,
        Err(InvokeError::ShuttingDown { .. })
    ));
}

#[tokio::test]
async fn a_child_ends_by_itself_when_its_runtime_api_goes_away() {
    let stage = Stage::new();
    stage.call(json!({"do": "echo"})).await;
    let (process, environment) = {
        let mut state = stage.host.inner.state.lock();
        let environment = state
            .functions
            .get_mut("sample")
            .unwrap()
            .idle
            .pop()
            .unwrap();
        (environment.process.clone(), environment)
    };
    drop(environment);
    process.exited().await;
}

/// A runtime in forty lines: the other tests start this program again with this test alone.
#[test]
#[ignore = "the other tests start it as a child process"]
fn the_child_side_of_these_tests() {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").expect("only a function host starts this");
    let start = std::env::var("Start").unwrap_or_default();
    if start == "exit 3" {
        println!("not today");
        std::process::exit(3);
    }
    if start == "init-error" {
        post(
            &api,
            "init/error",
            r#"{"errorType":"ConfigInvalid","errorMessage":"no bucket"}"#,
        );
        std::process::exit(1);
    }
    while let Some((id, arn, event)) = next(&api) {
        let response = format!("invocation/{id}/response");
        match event["do"].as_str() {
            Some("exit") => {
                std::process::exit(i32::try_from(event["code"].as_i64().unwrap()).unwrap())
            }
            Some("abort") => std::process::abort(),
            Some("hang") => {
                println!("before hanging");
                std::thread::sleep(Duration::from_secs(3600));
            }
            Some("flood") => post(
                &api,
                &response,
                &format!("\"{}\"", "x".repeat(7 * 1024 * 1024)),
            ),
            Some("fail") => {
                let document = r#"{"errorType":"ClusterGone","errorMessage":"j-1 is gone"}"#;
                post(&api, &format!("invocation/{id}/error"), document);
            }
            _ => {
                let say = event["say"].as_str().unwrap_or_default().to_owned();
                println!("printed {say}");
                eprintln!("complained {say}");
                let variable = |name: &str| std::env::var(name).ok();
                let answer = json!({
                    "event": event, "arn": arn, "handler": variable("_HANDLER"),
                    "greeting": variable("Greeting"), "home": variable("HOME"),
                });
                post(&api, &response, &answer.to_string());
            }
        }
    }
    std::process::exit(1);
}

fn next(api: &str) -> Option<(String, String, Value)> {
    let (headers, body) = exchange(api, "GET", "invocation/next", "").ok()?;
    let header = |name: &str| {
        headers.iter().find_map(|line| {
            line.to_ascii_lowercase()
                .starts_with(name)
                .then(|| line[name.len() + 1..].trim().to_owned())
        })
    };
    let event = serde_json::from_slice(&body).ok()?;
    Some((
        header("lambda-runtime-aws-request-id")?,
        header("lambda-runtime-invoked-function-arn")?,
        event,
    ))
}

fn post(api: &str, path: &str, body: &str) {
    exchange(api, "POST", path, body).unwrap();
}

fn exchange(
    api: &str,
    method: &str,
    path: &str,
    body: &str,
) -> std::io::Result<(Vec<String>, Vec<u8>)> {
    let mut stream = TcpStream::connect(api)?;
    write!(
        stream,
        "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line.trim().is_empty() {
            break;
        }
        headers.push(line.trim().to_owned());
    }
    let mut body = Vec::new();
    reader.read_to_end(&mut body)?;
    Ok((headers, body))
}
