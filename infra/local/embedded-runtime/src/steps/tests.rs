//! The step commands on real objects, with scripts that are only written down.

use std::sync::Arc;

use async_trait::async_trait;
use aws_services::s3::{Condition, PutOptions};
use aws_services::{
    Call, FunctionInvoker, Interceptor, Invocation, InvocationOutcome, InvokeError, ServiceError,
    ServicesConfig, StepProgress, Verdict,
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
    async fn invoke(&self, request: Invocation) -> Result<InvocationOutcome, InvokeError> {
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

#[tokio::test]
async fn what_is_not_supported_fails_by_name_and_says_what_is() {
    let fixture = fixture().await;
    for (args, name) in [
        (vec!["spark-submit", "x.py"], "spark-submit"),
        (vec!["aws", "s3api", "get-object"], "s3api"),
        (vec!["aws", "s3", "presign", "s3://bank/x"], "presign"),
        (vec!["hive", "--service", "metastore"], "--service"),
        (
            vec![
                "s3-dist-cp",
                "--src",
                "s3://bank/a",
                "--dest",
                "s3://bank/b",
                "--groupBy",
                ".*",
            ],
            "--groupBy",
        ),
        (
            vec!["s3-dist-cp", "--src", "hdfs:///a", "--dest", "s3://bank/b"],
            "hdfs:///a",
        ),
        (
            vec!["aws", "s3", "cp", "s3://bank/a", "/etc/passwd"],
            "/etc/passwd",
        ),
        (
            vec!["aws", "s3", "rm", "s3://bank/a", "--acl", "x"],
            "--acl",
        ),
        (vec!["bash", "script.sh"], "script.sh"),
        (vec![], "no command"),
    ] {
        let message = fixture.fails(&args).await;
        assert!(message.contains(name), "{args:?}: {message}");
    }
    let message = fixture.fails(&["pig", "-f", "x"]).await;
    assert!(
        message.contains("s3-dist-cp") && message.contains("hive"),
        "{message}"
    );
    let outcome = fixture.run_step("s3://bank/job.jar", &["x"]).await;
    assert!(
        outcome
            .failure
            .unwrap()
            .message
            .contains("s3://bank/job.jar")
    );
}

#[tokio::test]
async fn a_distributed_copy_from_nothing_fails_as_on_emr() {
    let fixture = fixture().await;
    fixture.put("landing/t/", "").await;
    fixture.put("landing/tt/x.csv", "1").await;
    let copy = [
        "s3-dist-cp",
        "--src",
        "s3://bank/landing/t",
        "--dest",
        "s3://bank/staging/",
    ];
    assert!(
        fixture
            .fails(&copy)
            .await
            .contains("Input path does not exist")
    );
    fixture.put("landing/t/x.csv", "1").await;
    let pattern = [&copy[..], &["--srcPattern", ".*gz"]].concat();
    assert!(
        fixture
            .fails(&pattern)
            .await
            .contains("Input path does not exist")
    );
    assert_eq!(
        fixture.keys().await,
        ["landing/t/", "landing/t/x.csv", "landing/tt/x.csv"]
    );
    assert!(
        fixture
            .fails(&[
                "s3-dist-cp",
                "--src",
                "s3://nowhere/a",
                "--dest",
                "s3://bank/b"
            ])
            .await
            .contains("NoSuchBucket")
    );
}

#[tokio::test]
async fn a_distributed_move_that_fails_half_way_deletes_nothing() {
    let fixture = fixture().await;
    fixture.put("a/1", "1").await;
    fixture.put("a/2", "2").await;
    fixture.trouble.left.lock().push(("CopyObject", 5));
    let message = fixture
        .fails(&[
            "s3-dist-cp",
            "--src=s3://bank/a/",
            "--dest=s3://bank/b/",
            "--deleteOnSuccess",
        ])
        .await;
    assert!(
        message.contains("SlowDown") && message.contains("503"),
        "{message}"
    );
    assert_eq!(fixture.keys().await, ["a/1", "a/2"]);
    fixture.trouble.left.lock().push(("CopyObject", 4));
    fixture
        .succeeds(&[
            "s3-dist-cp",
            "--src=s3://bank/a/",
            "--dest=s3://bank/b/",
            "--deleteOnSuccess",
        ])
        .await;
    assert_eq!(fixture.keys().await, ["b/1", "b/2"]);
}

#[tokio::test]
async fn a_distributed_move_takes_files_along_under_their_names_and_leaves_the_rest() {
    let fixture = fixture().await;
    for key in [
        "a/",
        "a/x y/ä%20.csv",
        "a/1.csv",
        "a/2.gz",
        "a/_$folder$",
        "ab/3.csv",
    ] {
        fixture.put(key, key).await;
    }
    let args = [
        "s3-dist-cp",
        "--src",
        "s3://bank/a",
        "--dest",
        "s3://bank/b",
        "--srcPattern",
        r"s3://bank/a/.*\.csv",
        "--deleteOnSuccess",
        "--outputManifest",
        "manifest.gz",
    ];
    fixture.succeeds(&args).await;
    assert_eq!(
        fixture.keys().await,
        [
            "a/",
            "a/2.gz",
            "a/_$folder$",
            "ab/3.csv",
            "b/1.csv",
            "b/manifest.gz",
            "b/x y/ä%20.csv"
        ]
    );
    let from_manifest = [
        "s3-dist-cp",
        "--src",
        "s3://bank/b",
        "--dest",
        "s3://bank/c",
        "--copyFromManifest",
        "--previousManifest",
        "s3://bank/b/manifest.gz",
    ];
    fixture.succeeds(&from_manifest).await;
    let keys = fixture.keys().await;
    assert!(keys.contains(&"c/1.csv".to_owned()) && keys.contains(&"c/x y/ä%20.csv".to_owned()));
    assert!(!keys.contains(&"c/manifest.gz".to_owned()));
    fixture
        .steps
        .storage
        .s3()
        .delete("bank", "b/1.csv", &Condition::Always)
        .await
        .unwrap();
    assert!(fixture.fails(&from_manifest).await.contains("b/1.csv"));
}

#[tokio::test]
async fn hive_gets_its_scripts_and_variables_unbroken() {
    let fixture = fixture().await;
    fixture.put("scripts/ddl/t.sql", "CREATE TABLE").await;
    fixture.put("scripts/fact/t.sql", "INSERT").await;
    fixture
        .succeeds(&[
            "hive",
            "-i",
            "s3://bank/scripts/ddl/t.sql",
            "-f",
            "s3://bank/scripts/fact/t.sql",
            "-hiveconf",
            "bucket=bank",
            "--hiveconf",
            "note=a b='c' %20 ä",
            "-d",
            "x=y",
            "--database",
            "fact_db",
        ])
        .await;
    let job = fixture.notebook.jobs.lock().pop().unwrap();
    assert_eq!(job.hiveconf["note"], "a b='c' %20 ä");
    assert_eq!(
        (job.hivevar["x"].as_str(), job.database.as_deref()),
        ("y", Some("fact_db"))
    );
    assert_eq!(
        (job.initial[0].text.as_str(), job.scripts[0].text.as_str()),
        ("CREATE TABLE", "INSERT")
    );
    assert_eq!(fixture.stdout(), "1\tNULL\n");
    let told = fixture.told.lock();
    assert_eq!(told[0].message, "Loading data to table fact_db.t");
    assert_eq!(told[1].rows, Some(7));
}

#[tokio::test]
async fn hive_scripts_that_are_missing_or_wrong_fail_with_the_reason() {
    let fixture = fixture().await;
    assert!(
        fixture
            .fails(&["hive", "-f", "s3://bank/none.sql"])
            .await
            .contains("NoSuchKey")
    );
    assert!(fixture.fails(&["hive"]).await.contains("-f"));
    assert!(
        fixture
            .fails(&["hive", "-e", "x", "-f", "s3://bank/a"])
            .await
            .contains("simultaneously")
    );
    assert!(
        fixture
            .fails(&["hive", "-e", "x", "-hiveconf", "novalue"])
            .await
            .contains("novalue")
    );
    assert!(fixture.fails(&["hive", "-e"]).await.contains("-e"));
    let outcome = fixture.run(&["spark-sql", "-e", "broken"]).await;
    assert_eq!(
        outcome.failure.unwrap().message,
        "FAILED: s3://b/x.sql:1:1: syntax error"
    );
    assert!(outcome.log_tail.contains("syntax error"));
}

#[tokio::test]
async fn the_older_ways_to_start_hive_mean_the_same() {
    let fixture = fixture().await;
    fixture.put("q.sql", "SELECT 1").await;
    fixture
        .succeeds(&[
            "hive-script",
            "--run-hive-script",
            "--args",
            "-f",
            "s3://bank/q.sql",
            "-d",
            "INPUT=s3://bank/in",
        ])
        .await;
    fixture
        .succeeds(&[
            "spark-sql",
            "--master",
            "yarn",
            "--conf",
            "a.b=c",
            "-f",
            "s3://bank/q.sql",
        ])
        .await;
    fixture
        .succeeds(&["bash", "-lc", "hive -e 'SELECT 2' && hive -e \"SELECT 3\""])
        .await;
    let jobs = fixture.notebook.jobs.lock();
    assert_eq!(jobs[0].hivevar["INPUT"], "s3://bank/in");
    assert_eq!(jobs[1].hiveconf["a.b"], "c");
    assert_eq!(
        (
            jobs[2].scripts[0].text.as_str(),
            jobs[3].scripts[0].text.as_str()
        ),
        ("SELECT 2", "SELECT 3")
    );
}

#[tokio::test]
async fn aws_s3_moves_copies_removes_and_synchronises_as_the_cli_does() {
    let fixture = fixture().await;
    assert!(
        fixture
            .fails(&["aws", "s3", "cp", "s3://bank/none", "s3://bank/x"])
            .await
            .contains("404")
    );
    fixture
        .succeeds(&[
            "aws",
            "s3",
            "cp",
            "s3://bank/none/",
            "s3://bank/x/",
            "--recursive",
        ])
        .await;
    for key in ["in/a.csv", "in/b/c.csv", "in/d.tmp"] {
        fixture.put(key, key).await;
    }
    fixture
        .succeeds(&["aws", "s3", "cp", "s3://bank/in/a.csv", "s3://bank/one/"])
        .await;
    fixture
        .succeeds(&[
            "aws",
            "s3",
            "mv",
            "s3://bank/in",
            "s3://bank/out",
            "--recursive",
            "--exclude",
            "*",
            "--include",
            "*.csv",
            "--only-show-errors",
        ])
        .await;
    assert_eq!(
        fixture.keys().await,
        ["in/d.tmp", "one/a.csv", "out/a.csv", "out/b/c.csv"]
    );
    fixture.put("copy/stale", "x").await;
    fixture
        .succeeds(&[
            "aws",
            "s3",
            "sync",
            "s3://bank/out",
            "s3://bank/copy",
            "--delete",
        ])
        .await;
    assert_eq!(
        fixture.keys().await,
        [
            "copy/a.csv",
            "copy/b/c.csv",
            "in/d.tmp",
            "one/a.csv",
            "out/a.csv",
            "out/b/c.csv"
        ]
    );
    fixture
        .succeeds(&["aws", "s3", "rm", "s3://bank/copy/", "--recursive"])
        .await;
    fixture
        .succeeds(&["aws", "s3", "rm", "s3://bank/none"])
        .await;
    fixture
        .succeeds(&["aws", "s3", "rm", "s3://bank/out/a.csv", "--dryrun"])
        .await;
    assert_eq!(
        fixture.keys().await,
        ["in/d.tmp", "one/a.csv", "out/a.csv", "out/b/c.csv"]
    );
    assert!(
        fixture
            .stdout()
            .contains("copy: s3://bank/in/a.csv to s3://bank/one/a.csv\n")
    );
    assert!(!fixture.stdout().contains("move:"), "errors only");
}

#[tokio::test]
async fn a_shell_list_stops_where_a_shell_would() {
    let fixture = fixture().await;
    fixture.put("a/1", "1").await;
    let message = fixture
        .fails(&[
            "bash",
            "-c",
            "set -e\naws s3 cp s3://bank/none s3://bank/x\naws s3 rm s3://bank/a/1",
        ])
        .await;
    assert!(message.contains("404"), "{message}");
    assert_eq!(fixture.keys().await, ["a/1"]);
    fixture
        .succeeds(&[
            "bash",
            "-c",
            "aws s3 cp s3://bank/none s3://bank/x || aws s3 rm s3://bank/a/1",
        ])
        .await;
    assert_eq!(fixture.keys().await, Vec::<String>::new());
}

#[tokio::test]
async fn other_scripts_run_in_the_machines_bash() {
    let fixture = fixture().await;
    let outcome = fixture
        .run(&["bash", "-c", "echo out; echo err >&2; exit $((3 + 4))"])
        .await;
    assert_eq!(outcome.exit_code, 7);
    assert!(outcome.log_tail.contains("err"));
    assert_eq!(fixture.stdout(), "out\n");
    let message = fixture
        .fails(&["bash", "-c", "x=1; no-such-command-anywhere $x"])
        .await;
    assert!(message.contains("command not found"), "{message}");
}
