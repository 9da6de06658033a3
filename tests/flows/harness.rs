//! A runtime over a folder of its own, with the project's stack provisioned, and what the tests ask of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, ensure};
use aws_services::s3::PutOptions;
use aws_services::{Observer, Occurrence};
use embedded_runtime::iam::{Denied, Used};
use embedded_runtime::{ClockMode, ExecutionOutcome, Functions, Project, Runtime, RuntimeOptions};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;

/// When every simulated run begins.
const START: &str = "2026-11-21T02:00:00Z";

/// A provisioned pipeline. The policies of its roles are enforced; one that was denied something fails its test when it is
/// dropped, even if the state machines got over it.
pub(crate) struct Pipeline {
    pub(crate) runtime: Runtime,
    seen: Arc<Seen>,
    root: Arc<TempDir>,
    privileges: Option<Arc<Mutex<Privileges>>>,
    /// What a role is denied and takes for an answer.
    expected: Mutex<Vec<&'static str>>,
}

/// What pipelines were allowed, and what was denied them.
#[derive(Debug, Default)]
pub(crate) struct Privileges {
    pub(crate) used: BTreeSet<Used>,
    pub(crate) denied: BTreeSet<Denied>,
}

thread_local! {
    /// Where the pipelines that this thread starts tell what they were allowed.
    static RECORDING: RefCell<Option<Arc<Mutex<Privileges>>>> = const { RefCell::new(None) };
}

/// Runs a scenario, and adds what its pipelines were allowed. Every scenario runs on the thread that calls it.
pub(crate) fn recording_privileges(
    privileges: &Arc<Mutex<Privileges>>,
    scenario: impl FnOnce() -> Result<()>,
) -> Result<()> {
    RECORDING.set(Some(Arc::clone(privileges)));
    let outcome = scenario();
    RECORDING.set(None);
    outcome
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let Some(enforcer) = self.runtime.enforcer() else {
            return;
        };
        let mut denied = enforcer.denied();
        let expected = self.expected.lock();
        denied.retain(|denied| !expected.contains(&denied.action.as_str()));
        if let Some(privileges) = &self.privileges {
            let mut privileges = privileges.lock();
            privileges.used.extend(enforcer.used());
            privileges.denied.extend(denied);
        } else if !std::thread::panicking() {
            assert!(denied.is_empty(), "used and not granted: {denied:#?}");
        }
    }
}

/// Remembers what the services told.
#[derive(Default)]
struct Seen {
    mails: Mutex<Vec<(String, String)>>,
    metrics: Mutex<Vec<Metric>>,
}

/// One value of a metric, as CloudWatch reads it from a function's log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Metric {
    pub(crate) namespace: String,
    pub(crate) dimensions: BTreeMap<String, String>,
    pub(crate) name: String,
    pub(crate) value: f64,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
}

/// The metrics that a line of a log carries in CloudWatch's embedded metric format.
fn metrics_of(line: &str) -> Vec<Metric> {
    let Ok(document) = serde_json::from_str::<Value>(line) else {
        return Vec::new();
    };
    let mut metrics = Vec::new();
    let directives = document["_aws"]["CloudWatchMetrics"].as_array();
    for directive in directives.into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let names = directive["Dimensions"][0].as_array().into_iter().flatten();
        let dimensions = names.map(|name| (text(name), text(&document[text(name)])));
        let dimensions: BTreeMap<String, String> = dimensions.collect();
        for metric in directive["Metrics"].as_array().into_iter().flatten() {
            let name = text(&metric["Name"]);
            metrics.push(Metric {
                namespace: text(&directive["Namespace"]),
                dimensions: dimensions.clone(),
                value: document[&name].as_f64().unwrap_or(f64::NAN),
                name,
                at: document["_aws"]["Timestamp"].as_i64().unwrap_or_default(),
            });
        }
    }
    metrics
}

impl Observer for Seen {
    fn observe(&self, _at: jiff::Timestamp, occurrence: Occurrence) {
        match occurrence {
            Occurrence::MessagePublished {
                subject, message, ..
            } => {
                let mail = (subject.unwrap_or_default(), message);
                self.mails.lock().push(mail);
            }
            Occurrence::FunctionInvoked { log_tail, .. } => {
                let metrics = log_tail.lines().flat_map(metrics_of);
                self.metrics.lock().extend(metrics);
            }
            _ => {}
        }
    }
}

/// The project that is tested: this one, unless another copy is named.
pub(crate) fn project_folder() -> PathBuf {
    let named = std::env::var_os("PIPELINE_PROJECT").map(PathBuf::from);
    named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
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
            privileges: RECORDING.with_borrow(Clone::clone),
            expected: Mutex::default(),
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

    /// Says that roles will be denied this action, and do without: it is about what belongs to somebody else.
    pub(crate) fn is_denied(&self, action: &'static str) {
        self.expected.lock().push(action);
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

    /// The metrics that functions have told since the start.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        self.seen.metrics.lock().clone()
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
