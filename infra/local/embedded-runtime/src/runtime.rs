//! The embedded runtime itself: one root, one port, the services on it, the functions' host, the warehouse. The command
//! line and the end-to-end tests start one, run the master on it, and shut it down.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use aws_services::deadline::reached;
use aws_services::{
    FunctionInvoker, IgnoreEverything, Interceptor, Observer, PassEverything, ServiceError,
    Services, ServicesConfig,
};
use hive_engine::{Engine, EngineConfig, LocalRoot};
use jiff::Timestamp;
use lambda_host::{Host, HostConfig};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use virtual_time::{Clock, Entropy, Work};

use crate::error::RuntimeError;
use crate::iam::roles::Roles;
use crate::iam::{Enforcer, Keys};
use crate::interception::{Callers, Interception};
use crate::invoker::{Faulty, FunctionFaults, Functions, InProcess, Processes};
use crate::journal::Journal;
use crate::project::Project;
use crate::provision::{FunctionRegistry, provision};
use crate::report::ExecutionOutcome;
use crate::root::Root;
use crate::steps::Steps;
use crate::template::{Stack, Surroundings};

/// The local region.
pub const REGION: &str = "us-east-1";

/// The local account.
pub const ACCOUNT: &str = "000000000000";

/// The local stack's name.
pub const STACK_NAME: &str = "pipeline";

/// How long shutting down waits for requests under way, in real time.
const PATIENCE: Duration = Duration::from_secs(5);

/// How pipeline time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockMode {
    /// Waits cost nothing, work is measured. Begins now, or where the root's last command ended if that is later.
    Virtual,
    /// Waits really wait.
    Real,
    /// Waits cost nothing, and work does neither. Begins at the given time.
    Simulated(Timestamp),
}

/// What to start.
pub struct RuntimeOptions {
    /// The folder that keeps everything between commands; created if missing.
    pub root: PathBuf,
    /// The project whose stack is provisioned; `None` starts the services empty.
    pub project: Option<Arc<Project>>,
    /// How functions are run. Needed with a project.
    pub functions: Option<Functions>,
    /// How time passes.
    pub clock: ClockMode,
    /// The loopback port; 0 takes a free one.
    pub port: u16,
    /// Where ids and jitter come from; `None` is unpredictable.
    pub seed: Option<u64>,
    /// Values for the template's parameters.
    pub parameters: BTreeMap<String, String>,
    /// Hears of everything.
    pub observer: Arc<dyn Observer>,
    /// Decides about faults of calls.
    pub interceptor: Arc<dyn Interceptor>,
    /// Whether the policies of the template's roles are enforced.
    pub enforce_iam: bool,
    /// Decides about faults of functions.
    pub function_faults: Option<Arc<dyn FunctionFaults>>,
}

impl RuntimeOptions {
    /// Empty services on a free port, virtual time, nobody listening, no faults.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            project: None,
            functions: None,
            clock: ClockMode::Virtual,
            port: 0,
            seed: None,
            parameters: BTreeMap::new(),
            observer: Arc::new(IgnoreEverything),
            interceptor: Arc::new(PassEverything),
            enforce_iam: false,
            function_faults: None,
        }
    }

    /// The same with a project's stack, whose roles' policies are enforced.
    #[must_use]
    pub fn with_project(mut self, project: Arc<Project>, functions: Functions) -> Self {
        self.project = Some(project);
        self.functions = Some(functions);
        self.enforce_iam = true;
        self
    }
}

/// The task that serves the port, and what stops it.
struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

/// A running runtime. Dropping it without [`Runtime::shutdown`] ends it less gently.
pub struct Runtime {
    root: Arc<Root>,
    clock: Clock,
    port: u16,
    services: Arc<Services>,
    host: Option<Host>,
    engine: Engine,
    pub(crate) project: Option<Arc<Project>>,
    stack: Stack,
    journal: Arc<Journal>,
    enforcer: Option<Arc<Enforcer>>,
    server: Mutex<Option<Server>>,
}

impl Runtime {
    /// Starts everything; when it returns, the stack is provisioned and the port is served.
    pub async fn start(options: RuntimeOptions) -> Result<Self, RuntimeError> {
        let stack = resolve(&options)?;
        let root = Arc::new(Root::take(&options.root)?);
        let clock = start_clock(options.clock, &root)?;
        let entropy = options
            .seed
            .map_or_else(Entropy::unpredictable, Entropy::from_seed);
        let listener = listen(options.port).await?;
        let port = listener.local_addr().map(|address| address.port());
        let port = port.map_err(|source| RuntimeError::Listen {
            port: options.port,
            source,
        })?;
        let endpoint_url = format!("http://127.0.0.1:{port}");
        let engine = open_engine(&root, &stack, &clock, options.clock)?;

        let registry = match &options.functions {
            Some(Functions::InProcess) | None => FunctionRegistry::InProcess(Arc::new(
                InProcess::new(clock.clone(), entropy.clone(), REGION),
            )),
            Some(Functions::Processes(binary)) => {
                FunctionRegistry::Processes(Host::new(HostConfig {
                    clock: clock.clone(),
                    entropy: entropy.clone(),
                    binary: binary.clone(),
                    arguments: Vec::new(),
                    region: REGION.to_owned(),
                    endpoint_url,
                    log_folder: root.path().join("logs").join("lambda"),
                }))
            }
        };
        let (host, callers) = match &registry {
            FunctionRegistry::Processes(host) => {
                (Some(host.clone()), Callers::Processes(host.clone()))
            }
            FunctionRegistry::InProcess(invoker) => (None, Callers::InProcess(Arc::clone(invoker))),
        };
        let invoker: Arc<dyn FunctionInvoker> = match &registry {
            FunctionRegistry::Processes(host) => Arc::new(Processes {
                host: host.clone(),
                clock: clock.clone(),
                region: REGION.to_owned(),
                account: ACCOUNT.to_owned(),
            }),
            FunctionRegistry::InProcess(invoker) => Arc::clone(invoker) as Arc<_>,
        };
        let invoker = match options.function_faults {
            Some(faults) => {
                let functions = stack.functions.iter();
                Arc::new(Faulty {
                    next: invoker,
                    faults,
                    clock: clock.clone(),
                    entropy: entropy.clone(),
                    timeouts: functions
                        .map(|function| (function.name.clone(), function.timeout))
                        .collect(),
                })
            }
            None => invoker,
        };
        let journal = Arc::new(Journal::new(
            options.observer,
            Arc::clone(&root),
            clock.clone(),
        ));
        let simulated = matches!(options.clock, ClockMode::Simulated(_));
        let steps = Steps::new(engine.clone(), simulated);
        // What is denied has not happened, so faults do not hear of it.
        let interception: Arc<dyn Interceptor> = Arc::new(Interception {
            next: options.interceptor,
            functions: callers,
        });
        let enforcer = match options.enforce_iam {
            true => Some(Arc::new(enforcer(&stack, &interception, &registry)?)),
            false => None,
        };
        let interceptor = match &enforcer {
            Some(enforcer) => Arc::clone(enforcer) as Arc<dyn Interceptor>,
            None => interception,
        };
        let services = Services::new(ServicesConfig {
            region: REGION.to_owned(),
            account: ACCOUNT.to_owned(),
            observer: Arc::clone(&journal) as Arc<dyn Observer>,
            interceptor,
            ..ServicesConfig::new(
                clock.clone(),
                entropy,
                root.path().to_owned(),
                invoker,
                Arc::clone(&steps) as Arc<_>,
            )
        })?;
        steps.connect(&services);
        if let Some(enforcer) = &enforcer {
            enforcer.connect(&services);
        }
        if let FunctionRegistry::InProcess(invoker) = &registry {
            invoker.connect(&services);
        }
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn({
            let services = Arc::clone(&services);
            async move {
                let stopped = async {
                    let _ = stopped.await;
                };
                services.serve(listener, stopped).await
            }
        });
        let runtime = Self {
            root,
            clock,
            port,
            services,
            host,
            engine,
            project: options.project,
            stack,
            journal,
            enforcer,
            server: Mutex::new(Some(Server { stop, task })),
        };
        match runtime.fill(&registry).await {
            Ok(()) => {
                // What a killed command has left is cleaned up before anything new begins; in real time that could take
                // long, and goes on beside it.
                if !runtime.clock.is_real() {
                    runtime.settle().await;
                }
                Ok(runtime)
            }
            Err(error) => {
                runtime.shutdown().await;
                Err(error)
            }
        }
    }

    async fn fill(&self, registry: &FunctionRegistry) -> Result<(), RuntimeError> {
        let _work = self.clock.work();
        if let Some(project) = &self.project {
            provision(project, &self.stack, &self.services, registry, &self.root).await?;
            self.upload_project(project).await?;
        }
        self.services.recover().await;
        Ok(())
    }

    /// `http://127.0.0.1:<port>`.
    pub fn endpoint_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Pipeline time.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The folder, absolute.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The services.
    pub fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// The function host, when functions are processes.
    pub fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }

    /// Who enforces the roles' policies, if they are enforced.
    pub fn enforcer(&self) -> Option<&Enforcer> {
        self.enforcer.as_deref()
    }

    /// The warehouse.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The stack; empty without a project.
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Waiting for executions.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The pipeline's bucket: the one that the stack's output `Bucket` names, else the only one.
    pub fn bucket(&self) -> Result<&str, RuntimeError> {
        let output = self.stack.outputs.get("Bucket").map(String::as_str);
        let first = || {
            self.stack
                .buckets
                .first()
                .map(|bucket| bucket.name.as_str())
        };
        output
            .or_else(first)
            .ok_or_else(|| RuntimeError::NotInStack {
                what: "bucket".to_owned(),
            })
    }

    /// Starts an execution of a state machine of the stack (`master`, `fact-process`, …) and returns its ARN.
    pub async fn start_execution(
        &self,
        machine: &str,
        name: Option<&str>,
        input: &Value,
    ) -> Result<String, RuntimeError> {
        let _work = self.clock.work();
        let Some(machine) = self.stack.state_machine(machine) else {
            let what = format!("state machine {machine}");
            return Err(RuntimeError::NotInStack { what });
        };
        let mut request = json!({ "stateMachineArn": machine.arn, "input": input.to_string() });
        if let Some(name) = name {
            request["name"] = json!(name);
        }
        let started = self.services.states.call("StartExecution", request).await;
        let started = started.map_err(call_failed("StartExecution"))?;
        Ok(started["executionArn"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// Waits until an execution that was started by this process has ended.
    pub async fn wait(&self, execution_arn: &str) -> Result<ExecutionOutcome, RuntimeError> {
        let _work = self.journal.ended(execution_arn).await;
        let request = json!({ "executionArn": execution_arn });
        let described = self
            .services
            .states
            .call("DescribeExecution", request)
            .await;
        Ok(ExecutionOutcome::from_description(
            &described.map_err(call_failed("DescribeExecution"))?,
        ))
    }

    /// Runs the master to its end, and what it has set off with it.
    pub async fn run_master(
        &self,
        input: &Value,
        name: Option<&str>,
    ) -> Result<ExecutionOutcome, RuntimeError> {
        let execution_arn = self.start_execution("master", name, input).await?;
        let outcome = self.wait(&execution_arn).await?;
        self.settle().await;
        Ok(outcome)
    }

    /// Waits until no execution runs, nor is about to be started by a rule.
    pub async fn settle(&self) {
        drop(self.settled(self.clock.work()).await);
    }

    /// As [`Runtime::settle`], for whoever holds the clock and goes on holding it: time does not jump to a deadline of the
    /// caller's in between.
    pub async fn settled(&self, mut work: Work) -> Work {
        loop {
            {
                let mut quiet = pin!(self.journal.quiet());
                // Polled once, the journal knows who waits; only then may the caller's guard go.
                let ready = futures::poll!(&mut quiet);
                drop(work);
                work = match ready {
                    Poll::Ready(work) => work,
                    Poll::Pending => quiet.await,
                };
            }
            // Whoever is about to start something works, and so holds the clock before this second.
            let second = self.clock.after(Duration::from_secs(1));
            work = reached(&self.clock, second, work).await;
            if self.journal.is_quiet() {
                return work;
            }
        }
    }

    /// Ends everything: the port, the functions' processes, the hold on the root. Executions that still run are found
    /// as ABORTED by the next start.
    pub async fn shutdown(&self) {
        let server = self.server.lock().take();
        if let Some(Server { stop, mut task }) = server {
            let _ = stop.send(());
            if tokio::time::timeout(PATIENCE, &mut task).await.is_err() {
                task.abort();
            }
        }
        if let Some(host) = &self.host {
            host.shutdown().await;
        }
        if let Err(error) = self.root.note_end(self.clock.now()) {
            tracing::warn!(%error, "the pipeline time could not be written down");
        }
    }
}

fn resolve(options: &RuntimeOptions) -> Result<Stack, RuntimeError> {
    let Some(project) = &options.project else {
        return Ok(Stack::default());
    };
    let resolved = project
        .template
        .resolve(&surroundings(), &options.parameters);
    resolved.map_err(RuntimeError::Problems)
}

fn enforcer(
    stack: &Stack,
    next: &Arc<dyn Interceptor>,
    registry: &FunctionRegistry,
) -> Result<Enforcer, RuntimeError> {
    let roles = Roles::of_stack(stack, REGION, ACCOUNT).map_err(RuntimeError::Policies)?;
    let keys = match registry {
        FunctionRegistry::Processes(host) => Keys::Processes(host.clone()),
        FunctionRegistry::InProcess(invoker) => Keys::InProcess(Arc::clone(invoker)),
    };
    Ok(Enforcer::new(Arc::clone(next), roles, keys))
}

/// Where the local stack lives.
pub fn surroundings() -> Surroundings {
    Surroundings {
        region: REGION.to_owned(),
        account: ACCOUNT.to_owned(),
        stack_name: STACK_NAME.to_owned(),
    }
}

fn start_clock(mode: ClockMode, root: &Root) -> Result<Clock, RuntimeError> {
    Ok(match mode {
        ClockMode::Real => Clock::real(),
        ClockMode::Virtual => Clock::virtual_from(root.starting_time(Timestamp::now())?),
        ClockMode::Simulated(start) => Clock::simulated_from(root.starting_time(start)?),
    })
}

async fn listen(port: u16) -> Result<TcpListener, RuntimeError> {
    TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => RuntimeError::PortInUse { port },
            _ => RuntimeError::Listen { port, source },
        })
}

/// Opens the warehouse of a root.
fn open_engine(
    root: &Root,
    stack: &Stack,
    clock: &Clock,
    mode: ClockMode,
) -> Result<Engine, RuntimeError> {
    let bucket = stack
        .buckets
        .first()
        .map_or("warehouse", |bucket| bucket.name.as_str());
    let mut config = EngineConfig::new(
        root.path().join("metastore"),
        format!("s3://{bucket}/prod"),
        Arc::new(LocalRoot::new(root.path())),
        clock.clone(),
    );
    if matches!(mode, ClockMode::Simulated(_)) {
        // One after another, so that rows come in the same order every time.
        config.parallelism = 1;
    }
    Engine::open(config).map_err(|error| RuntimeError::Warehouse(Box::new(error)))
}

fn call_failed(action: &'static str) -> impl FnOnce(ServiceError) -> RuntimeError {
    move |source| RuntimeError::Call {
        action,
        source: Box::new(source),
    }
}

#[cfg(test)]
#[path = "runtime_tests.rs"]
mod tests;
