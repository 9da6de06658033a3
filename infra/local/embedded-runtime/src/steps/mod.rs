//! Runs the steps of clusters: what `command-runner.jar` would start on EMR, done here. The EMR service calls [`Steps`].
//!
//! * [`hive`]: `hive`, `hive-script` and `spark-sql`, through the [`hive::Scripts`] that [`warehouse`] implements.
//! * [`distributed_copy`]: `s3-dist-cp`, with [`manifest`] and [`java_pattern`]. * [`aws_s3`]: `aws s3`, with [`wildcard`].
//! * [`shell`]: `bash -c`. * [`storage`]: the bucket. * [`log`]: what a step leaves to read. * [`options`]: command lines.

mod aws_s3;
mod distributed_copy;
mod failure;
pub mod hive;
mod java_pattern;
mod log;
mod manifest;
mod options;
mod shell;
mod storage;
mod warehouse;
mod wildcard;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use aws_services::{Services, StepFailure, StepOutcome, StepProgressSink, StepRequest, StepRunner};
use hive_engine::Engine;

use failure::CommandFailure;
use hive::Scripts;
use log::StepLog;
use storage::Storage;
use warehouse::Warehouse;

/// What every command is told when it is not one of these.
const SUPPORTED: &str = "hive, hive-script, spark-sql, s3-dist-cp, aws s3 cp|mv|rm|sync, bash -c";

/// The step commands. Made before the services that they work on, and connected to them afterwards.
pub struct Steps {
    storage: Storage,
    scripts: Arc<dyn Scripts>,
    /// Whether a step is run at one go, while everything else stands still: what runs beside it must not depend on how
    /// fast this machine is.
    at_one_go: bool,
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Steps")
    }
}

impl Steps {
    /// Commands that run their scripts on this warehouse.
    ///
    /// With `at_one_go` nothing else happens in this process while a step runs, so that a simulation is the same every time.
    pub fn new(engine: Engine, at_one_go: bool) -> Arc<Self> {
        Arc::new(Self {
            storage: Storage::default(),
            scripts: Arc::new(Warehouse::new(engine)),
            at_one_go,
        })
    }

    /// Commands that run their scripts elsewhere.
    pub fn with_scripts(scripts: Arc<dyn Scripts>) -> Arc<Self> {
        Arc::new(Self {
            storage: Storage::default(),
            scripts,
            at_one_go: false,
        })
    }

    /// Gives the commands the services that they work on. To be called once, before the first step runs.
    pub fn connect(&self, services: &Services) {
        self.storage.connect(services);
    }

    /// Runs one command; commands of a shell come here too.
    fn command<'a>(
        &'a self,
        args: &'a [String],
        log: &'a StepLog,
    ) -> Pin<Box<dyn Future<Output = Result<(), CommandFailure>> + Send + 'a>> {
        Box::pin(async move {
            let Some((command, rest)) = args.split_first() else {
                return Err(CommandFailure::new(format!(
                    "the step has no command; supported are {SUPPORTED}"
                )));
            };
            match command.as_str() {
                "hive" => hive::run_hive(&self.storage, &*self.scripts, rest, log).await,
                "hive-script" => {
                    hive::run_hive_script(&self.storage, &*self.scripts, rest, log).await
                }
                "spark-sql" => hive::run_spark_sql(&self.storage, &*self.scripts, rest, log).await,
                "s3-dist-cp" => distributed_copy::run(&self.storage, rest, log).await,
                "aws" => aws_s3::run(&self.storage, rest, log).await,
                "bash" => shell::run(self, rest, log).await,
                other => Err(CommandFailure::new(format!(
                    "the local runtime cannot run {other:?}; supported are {SUPPORTED}"
                ))),
            }
        })
    }
}

#[async_trait]
impl StepRunner for Steps {
    async fn run(&self, step: StepRequest, progress: StepProgressSink) -> StepOutcome {
        if !self.at_one_go {
            return self.carry_out(step, progress).await;
        }
        // Queries have threads of their own; a runtime of its own lets this thread wait for them without letting anything
        // else in.
        let at_one_go = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.map(|runtime| runtime.block_on(self.carry_out(step, progress)))
        };
        let ended = std::thread::scope(|scope| scope.spawn(at_one_go).join());
        match ended {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => broken(&format!("the step could not be started: {error}")),
            Err(_) => broken("the step panicked"),
        }
    }
}

/// The end of a step that this process failed to run.
fn broken(message: &str) -> StepOutcome {
    StepOutcome {
        exit_code: 1,
        failure: Some(StepFailure {
            reason: "Unknown Error.".to_owned(),
            message: message.to_owned(),
        }),
        log_tail: format!("{message}\n"),
    }
}

impl Steps {
    async fn carry_out(&self, step: StepRequest, progress: StepProgressSink) -> StepOutcome {
        let log = StepLog::open(&step.log_directory, progress);
        log.controller(&format!("startExec '{} {}'", step.jar, step.args.join(" ")));
        let result = match refused(&step) {
            Some(message) => Err(CommandFailure::new(message)),
            None => self.command(&step.args, &log).await,
        };
        log.finish(result)
    }
}

/// What AWS would do with a step and this runtime does not.
fn refused(step: &StepRequest) -> Option<String> {
    let jar = step.jar.rsplit('/').next().unwrap_or_default();
    if jar != "command-runner.jar" {
        return Some(format!(
            "the local runtime cannot run the jar {}; it runs command-runner.jar with {SUPPORTED}",
            step.jar
        ));
    }
    if let Some(class) = &step.main_class {
        return Some(format!("command-runner.jar has no main class {class}"));
    }
    let (name, _) = step.properties.first()?;
    Some(format!(
        "the local runtime does not support the step property {name}"
    ))
}
