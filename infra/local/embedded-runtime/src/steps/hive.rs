//! `hive`, `hive-script` and `spark-sql`: their command lines, their scripts out of the bucket, and what they print. The
//! scripts are run by whatever implements [`Scripts`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use hive_engine::{ProgressLine, StatementResult};

use super::failure::CommandFailure;
use super::log::StepLog;
use super::options::{Words, split_option};
use super::storage::{Address, Storage};

/// A script and the name that messages give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its address, or `-e`.
    pub name: String,
    /// HiveQL.
    pub text: String,
}

/// What one invocation of Hive is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Job {
    /// `-hiveconf`.
    pub hiveconf: BTreeMap<String, String>,
    /// `-hivevar`, `-d`, `--define`.
    pub hivevar: BTreeMap<String, String>,
    /// `--database`.
    pub database: Option<String>,
    /// `-i`, run first.
    pub initial: Vec<Script>,
    /// `-f` or `-e`, in their order.
    pub scripts: Vec<Script>,
}

/// Runs HiveQL.
#[async_trait]
pub trait Scripts: Send + Sync + 'static {
    /// Runs the job's scripts in one session and stops at the first error, whose text it gives. Lines of progress are told
    /// as they come.
    async fn run(
        &self,
        job: Job,
        progress: ProgressLine<'_>,
    ) -> Result<Vec<StatementResult>, String>;
}

/// What a command line asks for, before its scripts are fetched.
#[derive(Debug, Default)]
struct Request {
    job: Job,
    initial: Vec<String>,
    files: Vec<String>,
    queries: Vec<String>,
}

pub(super) async fn run_hive(
    storage: &Storage,
    scripts: &dyn Scripts,
    args: &[String],
    log: &StepLog,
) -> Result<(), CommandFailure> {
    let request = parse(&mut Words::new("hive", args))?;
    run(storage, scripts, request, log).await
}

/// `hive-script --run-hive-script --args -f … -d …`
pub(super) async fn run_hive_script(
    storage: &Storage,
    scripts: &dyn Scripts,
    args: &[String],
    log: &StepLog,
) -> Result<(), CommandFailure> {
    let mut words = Words::new("hive-script", args);
    let mut runs = false;
    let request = loop {
        let Some(word) = words.next() else {
            return Err(CommandFailure::new("hive-script: --args is missing"));
        };
        match split_option(word) {
            ("--run-hive-script", None) => runs = true,
            // Which Hive there is depends on the release.
            (option @ ("--hive-versions" | "--base-path"), inline) => {
                words.value(option, inline)?;
            }
            ("--args", None) => break parse(&mut words)?,
            _ => return words.unknown(word),
        }
    };
    if !runs {
        return Err(CommandFailure::new(
            "hive-script: --run-hive-script is missing",
        ));
    }
    run(storage, scripts, request, log).await
}

pub(super) async fn run_spark_sql(
    storage: &Storage,
    scripts: &dyn Scripts,
    args: &[String],
    log: &StepLog,
) -> Result<(), CommandFailure> {
    let mut words = Words::new("spark-sql", args);
    let mut request = Request::default();
    while let Some(word) = words.next() {
        match split_option(word) {
            ("--conf" | "-c", inline) => {
                let (key, value) = words.pair("--conf", inline)?;
                request.job.hiveconf.insert(key, value);
            }
            // How many machines do the work changes nothing about it.
            (
                option @ ("--master" | "--deploy-mode" | "--name" | "--num-executors"
                | "--executor-memory" | "--executor-cores" | "--driver-memory"
                | "--driver-cores"),
                inline,
            ) => {
                words.value(option, inline)?;
            }
            _ => take(&mut request, word, &mut words)?,
        }
    }
    run(storage, scripts, request, log).await
}

fn parse(words: &mut Words<'_>) -> Result<Request, CommandFailure> {
    let mut request = Request::default();
    while let Some(word) = words.next() {
        take(&mut request, word, words)?;
    }
    Ok(request)
}

fn take(request: &mut Request, word: &str, words: &mut Words<'_>) -> Result<(), CommandFailure> {
    match split_option(word) {
        (option @ "-f", inline) => request.files.push(words.value(option, inline)?),
        (option @ "-i", inline) => request.initial.push(words.value(option, inline)?),
        (option @ "-e", inline) => request.queries.push(words.value(option, inline)?),
        (option @ ("-hiveconf" | "--hiveconf"), inline) => {
            let (key, value) = words.pair(option, inline)?;
            request.job.hiveconf.insert(key, value);
        }
        (option @ ("-hivevar" | "--hivevar" | "-d" | "-define" | "--define"), inline) => {
            let (key, value) = words.pair(option, inline)?;
            request.job.hivevar.insert(key, value);
        }
        (option @ ("-database" | "--database"), inline) => {
            request.job.database = Some(words.value(option, inline)?);
        }
        ("-S" | "--silent" | "-v" | "--verbose", None) => {}
        _ => return words.unknown(word),
    }
    Ok(())
}

async fn run(
    storage: &Storage,
    scripts: &dyn Scripts,
    request: Request,
    log: &StepLog,
) -> Result<(), CommandFailure> {
    let Request {
        mut job,
        initial,
        files,
        queries,
    } = request;
    match (files.len(), queries.is_empty()) {
        (1.., false) => {
            return Err(CommandFailure::new(
                "the '-e' and '-f' options cannot be specified simultaneously",
            ));
        }
        (0, true) => return Err(CommandFailure::new("neither -f nor -e says what to run")),
        (2.., _) => return Err(CommandFailure::new("more than one -f")),
        _ => {}
    }
    for file in &initial {
        job.initial.push(fetch(storage, file).await?);
    }
    for file in &files {
        job.scripts.push(fetch(storage, file).await?);
    }
    for text in queries {
        job.scripts.push(Script {
            name: "-e".to_owned(),
            text,
        });
    }
    let results = scripts.run(job, &|line| log.tell(line, None)).await;
    let results = results.map_err(|message| CommandFailure::new(format!("FAILED: {message}")))?;
    for result in &results {
        report(result, log);
    }
    log.note("OK");
    Ok(())
}

async fn fetch(storage: &Storage, file: &str) -> Result<Script, CommandFailure> {
    let address = Address::parse(file)?;
    let bytes = storage.read(&address).await?;
    match String::from_utf8(bytes.to_vec()) {
        Ok(text) => Ok(Script {
            name: file.to_owned(),
            text,
        }),
        Err(_) => Err(CommandFailure::new(format!(
            "the script {file} is not UTF-8"
        ))),
    }
}

/// Rows of queries go to the output, rows of loads to whoever watches.
fn report(result: &StatementResult, log: &StepLog) {
    for written in &result.written {
        let table = match &written.database {
            Some(database) => format!("{database}.{}", written.table),
            None => written.table.clone(),
        };
        let partitions = written.partitions.len();
        let files: u64 = written.partitions.iter().map(|one| one.files).sum();
        let bytes: u64 = written.partitions.iter().map(|one| one.bytes).sum();
        let rows = written.rows();
        log.tell(
            &format!("Table {table} stats: [partitions={partitions}, numFiles={files}, numRows={rows}, totalSize={bytes}]"),
            Some(rows),
        );
    }
    for row in result.result.iter().flat_map(|result| &result.rows) {
        let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
        log.output(&cells.join("\t"));
    }
}
