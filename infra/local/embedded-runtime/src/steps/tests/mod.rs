//! The step commands on real objects, with scripts that are only written down.

mod commands;
mod copies;

use std::sync::Arc;

use async_trait::async_trait;
use aws_services::s3::{Condition, PutOptions};
use aws_services::{
    Call, Custody, FunctionInvoker, Interceptor, Invocation, InvocationOutcome, InvokeError,
    ServiceError, ServicesConfig, StepProgress, Verdict,
};
use hive_engine::{
    PartitionWritten, ProgressLine, QueryResult, StatementKind, StatementResult, TableWritten,
};
use parking_lot::Mutex;
use tempfile::TempDir;
use virtual_time::{Clock, Entropy};

use super::hive::Job;
use super::*;

#[derive(Default)]
struct Notebook {
    jobs: Mutex<Vec<Job>>,
}

#[async_trait]
impl Scripts for Notebook {
    async fn run(
        &self,
        job: Job,
        progress: ProgressLine<'_>,
    ) -> Result<Vec<StatementResult>, String> {
        let text: String = job
            .scripts
            .iter()
            .map(|script| script.text.clone())
            .collect();
        self.jobs.lock().push(job);
        if text.contains("broken") {
            return Err("s3://b/x.sql:1:1: syntax error".to_owned());
        }
        progress("Loading data to table fact_db.t");
        Ok(vec![StatementResult {
            script: "x".to_owned(),
            number: 1,
            line: 1,
            kind: StatementKind::Load,
            written: vec![TableWritten {
                database: Some("fact_db".to_owned()),
                table: "t".to_owned(),
                overwrite: true,
                partitions: vec![PartitionWritten {
                    values: Vec::new(),
                    rows: 7,
                    files: 1,
                    bytes: 100,
                }],
            }],
            result: Some(QueryResult {
                columns: vec!["a".to_owned()],
                types: vec!["int".to_owned()],
                rows: vec![vec![hive_engine::Cell::Integer(1), hive_engine::Cell::Null]],
            }),
        }])
    }
}

struct NoFunctions;

#[async_trait]
impl FunctionInvoker for NoFunctions {
    async fn invoke(
        &self,
        request: Invocation,
        _: &mut Custody,
    ) -> Result<InvocationOutcome, InvokeError> {
        panic!("no function is to be invoked: {request:?}")
    }
}

/// Answers the first calls of one action with an error.
#[derive(Default)]
struct Trouble {
    left: Mutex<Vec<(&'static str, usize)>>,
}

#[async_trait]
impl Interceptor for Trouble {
    async fn before(&self, call: &Call) -> Verdict {
        for (action, left) in self.left.lock().iter_mut() {
            if call.action == *action && *left > 0 {
                *left -= 1;
                let error = ServiceError::new("SlowDown", "Please reduce your request rate.");
                return Verdict::Fail(error.with_status(http::StatusCode::SERVICE_UNAVAILABLE));
            }
        }
        Verdict::Pass
    }
}

struct Fixture {
    folder: TempDir,
    steps: Arc<Steps>,
    notebook: Arc<Notebook>,
    trouble: Arc<Trouble>,
    told: Arc<Mutex<Vec<StepProgress>>>,
    _services: Arc<Services>,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::simulated_from("2026-11-21T02:00:00Z".parse().unwrap());
    let notebook = Arc::new(Notebook::default());
    let steps = Steps::with_scripts(notebook.clone());
    let trouble = Arc::new(Trouble::default());
    let services = Services::new(ServicesConfig {
        interceptor: trouble.clone(),
        ..ServicesConfig::new(
            clock,
            Entropy::from_seed(1),
            folder.path().to_owned(),
            Arc::new(NoFunctions),
            steps.clone(),
        )
    })
    .unwrap();
    steps.connect(&services);
    services.s3.create_bucket("bank").await.unwrap();
    Fixture {
        folder,
        steps,
        notebook,
        trouble,
        told: Arc::default(),
        _services: services,
    }
}

impl Fixture {
    async fn put(&self, key: &str, content: &str) {
        let put = self
            .steps
            .storage
            .s3()
            .put("bank", key, content, PutOptions::default());
        put.await.unwrap();
    }

    async fn keys(&self) -> Vec<String> {
        let objects = self.steps.storage.s3().list_all("bank", "").await.unwrap();
        objects.into_iter().map(|head| head.key).collect()
    }

    async fn run_step(&self, jar: &str, args: &[&str]) -> StepOutcome {
        let told = Arc::clone(&self.told);
        let step = StepRequest {
            cluster_id: "j-1".to_owned(),
            cluster_name: "c".to_owned(),
            step_id: "s-1".to_owned(),
            name: "step".to_owned(),
            jar: jar.to_owned(),
            main_class: None,
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            properties: Vec::new(),
            log_directory: self.folder.path().to_owned(),
        };
        self.steps
            .run(step, Arc::new(move |progress| told.lock().push(progress)))
            .await
    }

    async fn run(&self, args: &[&str]) -> StepOutcome {
        self.run_step("command-runner.jar", args).await
    }

    async fn fails(&self, args: &[&str]) -> String {
        let outcome = self.run(args).await;
        assert!(!outcome.succeeded(), "{args:?}");
        outcome.failure.unwrap().message
    }

    async fn succeeds(&self, args: &[&str]) {
        let outcome = self.run(args).await;
        assert!(outcome.succeeded(), "{args:?}: {outcome:?}");
    }

    fn stdout(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stdout")).unwrap()
    }
}
