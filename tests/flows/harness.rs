//! A runtime over a folder of its own, with the project's stack provisioned, and what the tests ask of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, ensure};
use aws_services::s3::PutOptions;
use aws_services::{Observer, Occurrence};
use embedded_runtime::{ClockMode, ExecutionOutcome, Functions, Project, Runtime, RuntimeOptions};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;

/// When every simulated run begins.
const START: &str = "2026-11-21T02:00:00Z";

/// A provisioned pipeline.
pub(crate) struct Pipeline {
    pub(crate) runtime: Runtime,
    seen: Arc<Seen>,
    root: Arc<TempDir>,
}

/// Remembers what the services told.
#[derive(Default)]
struct Seen {
    mails: Mutex<Vec<(String, String)>>,
}

impl Observer for Seen {
    fn observe(&self, _at: jiff::Timestamp, occurrence: Occurrence) {
        if let Occurrence::MessagePublished {
            subject, message, ..
        } = occurrence
        {
            self.mails
                .lock()
                .push((subject.unwrap_or_default(), message));
        }
    }
}

pub(crate) fn project_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The project, read once for all tests.
fn project() -> Result<Arc<Project>> {
    static PROJECT: OnceLock<Arc<Project>> = OnceLock::new();
    if let Some(project) = PROJECT.get() {
        return Ok(Arc::clone(project));
    }
    let project = Arc::new(Project::load(&project_folder())?);
    Ok(Arc::clone(PROJECT.get_or_init(|| project)))
}

pub(crate) fn sample_data() -> PathBuf {
    project_folder().join("sample_data")
}

impl Pipeline {
    /// Functions in this process, simulated time: the same run every time.
    pub(crate) async fn start() -> Result<Self> {
        Self::start_with(Arc::new(TempDir::new()?), |_| {}).await
    }

    /// The same with functions as processes, over the Runtime API, and virtual time.
    pub(crate) async fn start_with_processes() -> Result<Self> {
        let bootstrap = embedded_runtime::bootstrap::build(&project_folder(), &|_| {}).await?;
        Self::start_with(Arc::new(TempDir::new()?), |options| {
            options.functions = Some(Functions::Processes(bootstrap));
            options.clock = ClockMode::Virtual;
        })
        .await
    }

    /// A runtime over a given folder.
    pub(crate) async fn start_with(
        root: Arc<TempDir>,
        change: impl FnOnce(&mut RuntimeOptions),
    ) -> Result<Self> {
        let project = project()?;
        let seen = Arc::new(Seen::default());
        let mut options = RuntimeOptions::new(root.path().join("root"))
            .with_project(project, Functions::InProcess);
        options.clock = ClockMode::Simulated(START.parse()?);
        options.seed = Some(1);
        options.observer = seen.clone();
        change(&mut options);
        Ok(Self {
            runtime: Runtime::start(options).await?,
            seen,
            root,
        })
    }

    /// The folder, to start again over it.
    pub(crate) fn root(&self) -> Arc<TempDir> {
        self.root.clone()
    }

    /// Lands the sample files.
    pub(crate) async fn land_samples(&self) -> Result<()> {
        self.runtime.upload_landing(&sample_data()).await?;
        Ok(())
    }

    /// Puts a text into the bucket.
    pub(crate) async fn put(&self, key: &str, content: &str) -> Result<()> {
        let _work = self.runtime.clock().work();
        let bucket = self.runtime.bucket()?;
        self.runtime
            .services()
            .s3
            .put(bucket, key, content.to_owned(), PutOptions::default())
            .await?;
        Ok(())
    }

    /// The keys under a prefix that hold something.
    pub(crate) async fn keys(&self, prefix: &str) -> Result<Vec<String>> {
        let _work = self.runtime.clock().work();
        let bucket = self.runtime.bucket()?;
        let listed = self.runtime.services().s3.list_all(bucket, prefix).await?;
        Ok(listed.into_iter().map(|object| object.key).collect())
    }

    /// Runs the master to its end, and what it has set off with it.
    pub(crate) async fn run(&self, input: Value) -> Result<ExecutionOutcome> {
        Ok(self.runtime.run_master(&input, None).await?)
    }

    /// Runs the master and expects that it loads its batch.
    pub(crate) async fn load(&self, batch: &str) -> Result<ExecutionOutcome> {
        let outcome = self.run(json!({ "BatchId": batch })).await?;
        ensure!(
            outcome.succeeded(),
            "{:?}: {:?}",
            outcome.error,
            outcome.cause
        );
        Ok(outcome)
    }

    /// Runs another state machine of the stack to its end.
    pub(crate) async fn run_machine(&self, name: &str, input: Value) -> Result<ExecutionOutcome> {
        let arn = self.runtime.start_execution(name, None, &input).await?;
        let outcome = self.runtime.wait(&arn).await?;
        self.runtime.settle().await;
        Ok(outcome)
    }

    /// The answer of a state machine's API call.
    pub(crate) async fn states(&self, action: &str, request: Value) -> Result<Value> {
        let _work = self.runtime.clock().work();
        Ok(self.runtime.services().states.call(action, request).await?)
    }

    /// The answer of an EMR call.
    pub(crate) async fn emr(&self, action: &str, request: Value) -> Result<Value> {
        let _work = self.runtime.clock().work();
        Ok(self.runtime.services().emr.call(action, request).await?)
    }

    /// Every cluster's state, in the order of ListClusters.
    pub(crate) async fn cluster_states(&self) -> Result<Vec<String>> {
        let listed = self.emr("ListClusters", json!({})).await?;
        let clusters = listed["Clusters"].as_array().context("no Clusters")?;
        Ok(clusters
            .iter()
            .map(|cluster| {
                cluster["Status"]["State"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect())
    }

    /// Subjects and texts of the mails since the start.
    pub(crate) fn mails(&self) -> Vec<(String, String)> {
        self.seen.mails.lock().clone()
    }

    /// The only value of a query.
    pub(crate) async fn value(&self, sql: &str) -> Result<String> {
        let _work = self.runtime.clock().work();
        let answer = self.runtime.engine().query(sql).await?;
        let cell = answer.rows.first().and_then(|row| row.first());
        Ok(cell.with_context(|| format!("no row: {sql}"))?.to_string())
    }

    /// The rows of every production table.
    pub(crate) async fn rows(&self) -> Result<BTreeMap<String, u64>> {
        let mut rows = BTreeMap::new();
        for table in [
            "dimension_db.country",
            "dimension_db.currency",
            "fact_db.card_transaction",
            "fact_db.transfer_transaction",
        ] {
            let count = self.value(&format!("SELECT COUNT(*) FROM {table}")).await?;
            rows.insert(table.to_owned(), count.parse()?);
        }
        Ok(rows)
    }
}

/// How many rows the sample files have, by production table.
pub(crate) fn sample_rows() -> Result<BTreeMap<String, u64>> {
    let mut rows = BTreeMap::new();
    for (kind, table) in [
        ("dimension", "country"),
        ("dimension", "currency"),
        ("fact", "card_transaction"),
        ("fact", "transfer_transaction"),
    ] {
        let folder = sample_data().join(kind).join(table);
        let mut count = 0;
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let bytes = std::fs::read(&path)?;
            let text = if path.extension().is_some_and(|extension| extension == "gz") {
                unzipped(&bytes)?
            } else {
                String::from_utf8(bytes)?
            };
            count += text.lines().filter(|line| !line.trim().is_empty()).count() as u64 - 1;
        }
        rows.insert(format!("{kind}_db.{table}"), count);
    }
    Ok(rows)
}

fn unzipped(bytes: &[u8]) -> Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_string(&mut text)?;
    Ok(text)
}

/// The events of an execution in order: their types, and the state where one is entered or left.
pub(crate) async fn history(pipeline: &Pipeline, execution: &str) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut request = json!({ "executionArn": execution, "maxResults": 1000 });
    loop {
        let page = pipeline
            .states("GetExecutionHistory", request.clone())
            .await?;
        for event in page["events"].as_array().context("no events")? {
            let details = ["stateEnteredEventDetails", "stateExitedEventDetails"];
            let name = details
                .iter()
                .find_map(|member| event[*member]["name"].as_str());
            let kind = event["type"].as_str().context("an event without a type")?;
            lines.push(
                format!("{kind} {}", name.unwrap_or_default())
                    .trim_end()
                    .to_owned(),
            );
        }
        match page["nextToken"].as_str() {
            Some(token) => request["nextToken"] = json!(token),
            None => return Ok(lines),
        }
    }
}
