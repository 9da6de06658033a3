//! One execution environment: a child process with its Runtime API, from the cold start to its end. The host owns it
//! while it is idle, and the invocation while one runs.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;
use virtual_time::{Clock, Work};

use crate::function::{FunctionError, FunctionSpec};
use crate::host::HostConfig;
use crate::output::Output;
use crate::process::{Exit, Process};
use crate::runtime_api::{Delivery, RuntimeApi, Told, document};

/// Lambda gives a process this long to ask for its first event; then it tries once more within the function's timeout.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// Who holds the guard of an invocation. It is let go when the function waits for an answer that never comes, so that
/// pipeline time can jump to the function's timeout.
#[derive(Debug, Default)]
pub(crate) struct Custody {
    work: Mutex<Option<Work>>,
    released: Notify,
}

impl Custody {
    pub(crate) fn hold(&self, work: Work) {
        *self.work.lock() = Some(work);
    }

    pub(crate) fn take(&self) -> Option<Work> {
        self.work.lock().take()
    }

    /// Asks the invocation to let go.
    pub(crate) fn release(&self) {
        self.released.notify_one();
    }
}

/// A process that is ready for events.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) function: Arc<FunctionSpec>,
    pub(crate) access_key: String,
    pub(crate) process: Process,
    api: RuntimeApi,
    output: Output,
    /// Whether the process has asked for an event that it has not got yet.
    ready: bool,
}

/// How a cold start went.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) init_duration: Duration,
    pub(crate) printed: String,
    pub(crate) failure: Option<Failure>,
}

/// A failure with the document that the caller gets.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: FunctionError,
    pub(crate) payload: Bytes,
}

impl Failure {
    pub(crate) fn found(error_type: &str, error_message: String) -> Self {
        let error = FunctionError {
            error_type: error_type.to_owned(),
            error_message,
        };
        let payload = document(&error);
        Self { error, payload }
    }
}

/// How an invocation ended.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) result: Result<Bytes, Failure>,
    pub(crate) printed: String,
    pub(crate) max_memory_bytes: Option<u64>,
    pub(crate) processor_time: Option<Duration>,
    pub(crate) timed_out: bool,
}

impl Environment {
    /// Starts the process. It is not ready before [`Environment::initialise`] says so.
    pub(crate) async fn launch(
        config: &HostConfig,
        function: &Arc<FunctionSpec>,
        access_key: String,
    ) -> std::io::Result<Self> {
        let api = RuntimeApi::open().await?;
        let (output, standard_output, standard_error) = Output::open()?;
        let variables = variables(config, function, &access_key, &api.address.to_string());
        let process = Process::start(
            &config.binary,
            &config.arguments,
            &variables,
            standard_output,
            standard_error,
        )?;
        Ok(Self {
            function: Arc::clone(function),
            access_key,
            process,
            api,
            output,
            ready: false,
        })
    }

    /// Waits until the process asks for its first event. On failure the process is gone.
    pub(crate) async fn initialise(&mut self, began: Instant, request_id: &str) -> Started {
        let limit = tokio::time::sleep(INIT_LIMIT + self.function.timeout);
        tokio::pin!(limit);
        let failure = loop {
            tokio::select! {
                biased;
                told = self.api.told.recv() => match told {
                    Some(Told::Ready) => {
                        self.ready = true;
                        break None;
                    }
                    Some(Told::InitFailed { error, payload }) => break Some(Failure { error, payload }),
                    Some(Told::Answered(_) | Told::Failed { .. }) => {}
                    None => break Some(Failure::found("Runtime.InitError", "the Runtime API was closed".to_owned())),
                },
                exit = self.process.exited() => {
                    let told = std::iter::from_fn(|| self.api.told.try_recv().ok());
                    let failure = told.filter_map(|told| match told {
                        Told::InitFailed { error, payload } => Some(Failure { error, payload }),
                        _ => None,
                    }).next();
                    break Some(failure.unwrap_or_else(|| exit_failure(request_id, &exit)));
                }
                () = &mut limit => {
                    let seconds = (INIT_LIMIT + self.function.timeout).as_secs_f64();
                    let message = format!("RequestId: {request_id} Error: Init timed out after {seconds:.2} seconds");
                    break Some(Failure::found("Sandbox.Timedout", message));
                }
            }
        };
        let init_duration = began.elapsed();
        if failure.is_some() {
            self.process.kill().await;
        }
        Started {
            init_duration,
            printed: self.output.take().await,
            failure,
        }
    }

    /// Hands the event over and sees it to its end. Afterwards [`Environment::reusable`] says whether it can take another.
    pub(crate) async fn invoke(
        &mut self,
        delivery: Delivery,
        clock: &Clock,
        custody: &Custody,
    ) -> Ending {
        let request_id = delivery.request_id.clone();
        let timeout = self.function.timeout;
        let deadline = clock.after(timeout);
        self.ready = false;
        // The receiver lives as long as the environment.
        let _ = self.api.deliveries.send(delivery);
        let conversation = self.converse(clock, custody, timeout, deadline).await;
        if custody.work.lock().is_none() {
            custody.hold(clock.work());
        }
        let max_memory_bytes = self.process.peak_memory();
        let processor_time = self.process.processor_time();
        let (answer, exit) = match conversation {
            Conversation::Over(answer) => (answer, None),
            Conversation::Exited(answer, exit) => (answer, Some(exit)),
            Conversation::OutOfTime(answer) => {
                self.process.kill().await;
                (answer, None)
            }
        };
        let mut printed = self.output.take().await;
        let mut timed_out = false;
        let result = match (answer, exit) {
            (Some(result), _) => result,
            (None, Some(exit)) => {
                let failure = exit_failure(&request_id, &exit);
                push_line(&mut printed, &failure.error.error_message);
                Err(failure)
            }
            (None, None) if self.ready => {
                let message = format!(
                    "RequestId: {request_id} Error: Runtime asked for the next event without answering"
                );
                Err(Failure::found("Runtime.NoAnswer", message))
            }
            (None, None) => {
                timed_out = true;
                let message = format!(
                    "RequestId: {request_id} Error: Task timed out after {:.2} seconds",
                    timeout.as_secs_f64()
                );
                let seconds = timeout.as_secs_f64();
                let line = format!(
                    "{:.3} {request_id} Task timed out after {seconds:.2} seconds",
                    clock.now()
                );
                push_line(&mut printed, &line);
                Err(Failure::found("Sandbox.Timedout", message))
            }
        };
        Ending {
            result,
            printed,
            max_memory_bytes,
            processor_time,
            timed_out,
        }
    }

    /// Whether the process lives and waits for an event.
    pub(crate) fn reusable(&self) -> bool {
        self.ready && !self.process.ended()
    }

    async fn converse(
        &mut self,
        clock: &Clock,
        custody: &Custody,
        timeout: Duration,
        deadline: Timestamp,
    ) -> Conversation {
        // While the guard is held, pipeline time flows at the real rate and its deadlines are not looked at, so the
        // real one counts.
        let real_limit = tokio::time::sleep(timeout);
        tokio::pin!(real_limit);
        // Set while the guard is still held: once it is let go, time jumps to the next deadline that the clock knows.
        let alarm = clock.alarm(deadline);
        let ticket = alarm.ticket();
        let rings = alarm.rings();
        tokio::pin!(rings);
        let conversation = self.listen(custody, real_limit, rings).await;
        clock.call_off(ticket);
        conversation
    }

    async fn listen(
        &mut self,
        custody: &Custody,
        mut real_limit: Pin<&mut tokio::time::Sleep>,
        mut rings: Pin<&mut impl Future<Output = Work>>,
    ) -> Conversation {
        let mut let_go = false;
        let mut answer = None;
        loop {
            tokio::select! {
                biased;
                told = self.api.told.recv() => match told {
                    Some(Told::Ready) => {
                        self.ready = true;
                        return Conversation::Over(answer);
                    }
                    Some(Told::Answered(payload)) => answer = Some(Ok(payload)),
                    Some(Told::Failed { error, payload } | Told::InitFailed { error, payload }) => {
                        answer = Some(Err(Failure { error, payload }));
                    }
                    None => return Conversation::Exited(answer, Exit::Unknown("the Runtime API was closed".to_owned())),
                },
                exit = self.process.exited() => {
                    while let Ok(told) = self.api.told.try_recv() {
                        match told {
                            Told::Answered(payload) => answer = Some(Ok(payload)),
                            Told::Failed { error, payload } => answer = Some(Err(Failure { error, payload })),
                            Told::Ready | Told::InitFailed { .. } => {}
                        }
                    }
                    return Conversation::Exited(answer, exit);
                }
                () = &mut real_limit, if !let_go => return Conversation::OutOfTime(answer),
                () = custody.released.notified(), if !let_go => {
                    let_go = true;
                    drop(custody.take());
                }
                work = &mut rings, if let_go => {
                    custody.hold(work);
                    return Conversation::OutOfTime(answer);
                }
            }
        }
    }
}

type Answer = Option<Result<Bytes, Failure>>;

enum Conversation {
    /// The process asks for the next event.
    Over(Answer),
    Exited(Answer, Exit),
    OutOfTime(Answer),
}

fn exit_failure(request_id: &str, exit: &Exit) -> Failure {
    let message = format!("RequestId: {request_id} Error: {}", exit.reason());
    Failure::found("Runtime.ExitError", message)
}

fn push_line(text: &mut String, line: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
}

/// The whole environment of the process: what Lambda sets, then the function's own.
fn variables(
    config: &HostConfig,
    function: &FunctionSpec,
    access_key: &str,
    runtime_api: &str,
) -> Vec<(String, String)> {
    let task_root = config
        .binary
        .parent()
        .unwrap_or(Path::new("/"))
        .to_string_lossy();
    let memory = function.memory_mib.to_string();
    let log_group = format!("/aws/lambda/{}", function.name);
    let lambda: [(&str, &str); 20] = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
        ("LAMBDA_TASK_ROOT", &task_root),
        ("LAMBDA_RUNTIME_DIR", &task_root),
        ("_HANDLER", &function.handler),
        ("AWS_LAMBDA_RUNTIME_API", runtime_api),
        ("AWS_LAMBDA_FUNCTION_NAME", &function.name),
        ("AWS_LAMBDA_FUNCTION_VERSION", &function.version),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &log_group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", access_key),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
        ("AWS_REGION", &config.region),
        ("AWS_DEFAULT_REGION", &config.region),
        ("AWS_ACCESS_KEY_ID", access_key),
        ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
        ("AWS_SESSION_TOKEN", "not-a-token"),
        ("AWS_ENDPOINT_URL", &config.endpoint_url),
    ];
    let own = function.environment.iter().cloned();
    lambda
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .chain(own)
        .collect()
}
