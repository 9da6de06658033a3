//! What a user may type: the commands, their options and their help. `main` parses it, `commands` carries it out.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Load a data warehouse: landing files to partitioned ORC tables, through Step Functions, Lambda and EMR, on this machine.
#[derive(Debug, Parser)]
#[command(
    name = "pipeline",
    version,
    about = "Runs the serverless data-warehouse pipeline on this machine",
    long_about = "Runs the serverless data-warehouse pipeline on this machine: the template, state machines, Hive scripts and \
                  functions that are deployed to AWS, against an embedded runtime. No account, no Docker, no Java.",
    after_help = "Exit status: 0 done, 1 the run failed, 2 wrong usage or invalid files, 130 stopped with Ctrl-C.",
    after_long_help = TOP_EXAMPLES,
    propagate_version = true,
    max_term_width = 100
)]
pub struct Arguments {
    /// The project: the folder that holds infra/aws/template.yaml. Found from the current folder upwards when not given.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "PIPELINE_PROJECT",
        help_heading = "Global options"
    )]
    pub project: Option<PathBuf>,

    /// Say more on standard error: -v what the runtime does, -vv every request.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load one batch: provision, upload, start the master state machine, show it live.
    Run(RunArguments),
    /// Live many lives of the pipeline under random faults, and check its promises after each run.
    Simulate(SimulateArguments),
    /// Offer the pipeline's AWS services on a loopback port, for the AWS CLI, boto3 or any SDK.
    Serve(ServeArguments),
    /// Ask the warehouse a question in SQL.
    Query(QueryArguments),
    /// Put scripts and configuration into the deployed stack's bucket, where its functions and clusters look for them.
    Publish(PublishArguments),
    /// Check template, config, state machines and scripts, and report every problem at once.
    Validate(ValidateArguments),
    /// Show the last runs and what each left behind.
    Status(StatusArguments),
    /// Hold the Hive engine against Spark with Hive support: rows, partitions, schemas, files.
    CompareEngines(CompareArguments),
    /// Measure the functions as they are deployed: size, and each one's cold start over Lambda's Runtime API.
    Measure(MeasureArguments),
}

/// Where the state of the embedded runtime lives.
#[derive(Debug, Clone, Args)]
pub struct RootArguments {
    /// Where buckets, warehouse and services keep their state between commands. [default: <project>/.pipeline]
    #[arg(long, value_name = "DIR", env = "PIPELINE_ROOT")]
    pub root: Option<PathBuf>,
}

/// `pipeline run`.
#[derive(Debug, Clone, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub struct RunArguments {
    /// Names the load. The same name again is the same load: what is done is not done twice. [default: the start time]
    #[arg(long, value_name = "ID", value_parser = batch_id)]
    pub batch_id: Option<String>,

    /// Skip the phases before this one, as after a failure that has been mended.
    #[arg(long, value_name = "PHASE", value_enum, ignore_case = true)]
    pub start_from: Option<Phase>,

    /// Landing files, one folder or file per table. [default: <project>/sample_data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub root: RootArguments,

    /// virtual: waits cost nothing, work is measured. real: waits really wait.
    #[arg(long, value_enum, default_value_t = ClockMode::Virtual)]
    pub clock: ClockMode,

    /// Force a failure in the state or EMR step of this name, to see what a failed run does.
    #[arg(long, value_name = "STATE_OR_STEP")]
    pub fail: Option<String>,

    /// Deny every call that the policies of the template's roles do not allow, as on AWS. This is the default.
    #[arg(long, overrides_with = "allow_everything")]
    pub enforce_iam: bool,

    /// Allow every call.
    #[arg(long, overrides_with = "enforce_iam")]
    pub allow_everything: bool,

    /// Let the faults of this file strike, and list at the end which did. `infra/local/simulation/example-faults.toml` shows
    /// what can be said.
    #[arg(long, value_name = "FILE", conflicts_with = "fail")]
    pub faults: Option<PathBuf>,

    /// Print one JSON document on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// `pipeline simulate`.
#[derive(Debug, Clone, Args)]
#[command(after_help = SIMULATE_EXAMPLES)]
pub struct SimulateArguments {
    /// How many lives; each has its own files, faults and reruns. [default: 100; 1 with --seed or --faults]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: Option<u64>,

    /// The first seed; the same seed is the same life, byte for byte. [default: 1]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,

    /// Begin at a seed that nobody knows yet, and print it.
    #[arg(long, conflicts_with_all = ["seed", "faults", "exhaustive"])]
    pub fresh: bool,

    /// Every single fault once: each kind at each state and call, instead of random schedules.
    #[arg(long, conflicts_with = "faults")]
    pub exhaustive: bool,

    /// With --exhaustive: only every Nth of the single faults.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "exhaustive", value_parser = clap::value_parser!(u64).range(1..))]
    pub every: u64,

    /// This schedule instead of random ones, in the life of its seed.
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,

    /// Rows for landing files, laid out as for `run`. [default: <project>/sample_data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// How many lives at once. [default: one per processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub jobs: Option<u64>,

    /// Print how often each kind of fault struck each state.
    #[arg(long)]
    pub coverage: bool,

    /// Print what happened in each life.
    #[arg(long)]
    pub timeline: bool,

    /// Print one JSON document on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// `pipeline serve`.
#[derive(Debug, Clone, Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub struct ServeArguments {
    /// The loopback port; 0 takes a free one.
    #[arg(long, default_value_t = 4566)]
    pub port: u16,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub root: RootArguments,

    /// virtual: waits cost nothing, work is measured. real: waits really wait.
    #[arg(long, value_enum, default_value_t = ClockMode::Virtual)]
    pub clock: ClockMode,

    /// Deny every call that the policies of the template's roles do not allow, as on AWS. This is the default.
    #[arg(long, overrides_with = "allow_everything")]
    pub enforce_iam: bool,

    /// Allow every call.
    #[arg(long, overrides_with = "enforce_iam")]
    pub allow_everything: bool,

    /// Start without the stack of the template: no bucket, function or state machine.
    #[arg(long)]
    pub empty: bool,
}

/// `pipeline query`.
#[derive(Debug, Clone, Args)]
#[command(after_help = QUERY_EXAMPLES)]
pub struct QueryArguments {
    /// One SQL query over the warehouse, or - to read it from standard input.
    #[arg(value_name = "SQL")]
    pub sql: String,

    /// How to print the rows.
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    pub format: RowFormat,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub root: RootArguments,
}

/// `pipeline publish`.
#[derive(Debug, Clone, Args)]
#[command(after_help = PUBLISH_EXAMPLES)]
pub struct PublishArguments {
    /// The bucket: the stack's output Bucket.
    #[arg(long, value_name = "BUCKET")]
    pub bucket: String,

    /// Say what would be written, and write nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// Delete what is under scripts/ and not in this project.
    #[arg(long)]
    pub delete: bool,
}

impl PublishArguments {
    /// Whether it goes to an endpoint of one's own, such as `pipeline serve`, rather than to AWS.
    pub fn is_local(&self) -> bool {
        ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
    }
}

/// `pipeline validate`.
#[derive(Debug, Clone, Args)]
#[command(after_help = VALIDATE_EXAMPLES)]
pub struct ValidateArguments {
    /// text: one line per problem, as compilers print it. json: one document.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,

    /// Write every definition and every policy, with everything substituted, into this folder: for other linters.
    #[arg(long, value_name = "DIR")]
    pub render: Option<PathBuf>,
}

/// `pipeline status`.
#[derive(Debug, Clone, Args)]
#[command(after_help = STATUS_EXAMPLES)]
pub struct StatusArguments {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub root: RootArguments,

    /// How many runs to show, the newest first.
    #[arg(long, default_value_t = 10)]
    pub limit: usize,
}

/// `pipeline compare-engines`.
#[derive(Debug, Clone, Args)]
#[command(after_help = COMPARE_EXAMPLES)]
pub struct CompareArguments {
    /// Only the corpus files whose name contains this; `loads` are the repository's own scripts.
    #[arg(long, value_name = "PATTERN")]
    pub only: Option<String>,

    /// A Python with pyspark and pyarrow. [default: <project>/target/judges/spark/bin/python]
    #[arg(long, value_name = "FILE", env = "ENGINE_JUDGE_PYTHON")]
    pub python: Option<PathBuf>,

    /// Keep both warehouses in this folder, which must be empty.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,

    /// List what Spark does otherwise, with the reasons.
    #[arg(long)]
    pub reasons: bool,

    /// Print one JSON document on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// `pipeline measure`.
#[derive(Debug, Clone, Args)]
#[command(after_help = MEASURE_EXAMPLES)]
pub struct MeasureArguments {
    /// How often each function is started cold.
    #[arg(long, default_value_t = 11)]
    pub rounds: usize,

    /// The functions' program. [default: built now, with cargo's profile `release`]
    #[arg(long, value_name = "FILE")]
    pub bootstrap: Option<PathBuf>,

    /// A Python with boto3, to measure the same work in Python beside it.
    #[arg(long, value_name = "PYTHON")]
    pub reference: Option<PathBuf>,

    /// Print one JSON document on standard output and nothing else there.
    #[arg(long)]
    pub json: bool,
}

/// The phases that a run can start from, as the master's input spells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum Phase {
    /// The dimension tables, then everything after them: a whole run.
    Dimensions,
    /// Additional workers, then the facts.
    Workers,
    /// The fact tables only.
    Facts,
}

impl Phase {
    /// The spelling of the master's input.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Dimensions => "Dimensions",
            Phase::Workers => "Workers",
            Phase::Facts => "Facts",
        }
    }
}

/// How time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClockMode {
    /// Waits cost nothing, work is measured.
    Virtual,
    /// Waits really wait.
    Real,
}

/// How `query` prints rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RowFormat {
    /// A table that fits the terminal.
    Table,
    /// Comma-separated, with a header line.
    Csv,
    /// An array of objects.
    Json,
}

/// How `validate` prints its problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// One line per problem.
    Text,
    /// One document.
    Json,
}

/// A batch id goes into S3 keys, Hive partition values and execution names (with a child's name after it, in 80 characters).
fn batch_id(text: &str) -> Result<String, String> {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    if text.is_empty() || text.len() > 40 {
        return Err(format!("{} characters; it must have 1 to 40", text.len()));
    }
    match text.chars().find(|letter| !legal(*letter)) {
        Some(letter) => Err(format!(
            "`{letter}` is not allowed; use letters, digits, - and _ (such as 2026-11-21T02-00-00Z)"
        )),
        None => Ok(text.to_owned()),
    }
}

const TOP_EXAMPLES: &str = "\
Examples:
  pipeline run                                       load the sample data
  pipeline query 'show tables in fact_db'            look at the warehouse
  pipeline run --fail country                        see a run fail, and its mail
  pipeline serve                                     for the AWS CLI and boto3
  pipeline validate                                  check the project's files

Exit status: 0 done, 1 the run failed, 2 wrong usage or invalid files, 130 stopped with Ctrl-C.";

const RUN_EXAMPLES: &str = "\
Examples:
  pipeline run                                            the sample data, a new batch
  pipeline run --batch-id 2026-11-21 --data ~/landing     your files, a batch that you name
  pipeline run --batch-id 2026-11-21 --start-from Facts   go on where a run has failed
  pipeline run --fail country                             force a failure in a step
  pipeline run --json | jq .tables                        for scripts";

const SIMULATE_EXAMPLES: &str = "\
Examples:
  pipeline simulate --seeds 1000                  a thousand lives
  pipeline simulate --seed 42 --timeline          one life, and what happened in it
  pipeline simulate --exhaustive                  every single fault once
  pipeline simulate --seeds 50 --fresh            seeds that nobody has tried
  pipeline simulate --faults faults.toml          one schedule, as a violation prints it

Exit status: 0 every promise was kept, 1 one was broken, 2 wrong usage or invalid files.";

const SERVE_EXAMPLES: &str = "\
Examples:
  pipeline serve
  pipeline serve --port 0 --empty --root /tmp/aws
  aws --endpoint-url http://127.0.0.1:4566 stepfunctions list-state-machines";

const QUERY_EXAMPLES: &str = "\
Examples:
  pipeline query 'select batch_id, count(*) from fact_db.card_transaction group by batch_id'
  pipeline query --format csv 'select * from dimension_db.country' > country.csv
  pipeline query - < question.sql";

const PUBLISH_EXAMPLES: &str = "\
Examples:
  pipeline publish --bucket B --dry-run
  pipeline publish --bucket B
  AWS_ENDPOINT_URL=http://127.0.0.1:4566 pipeline publish --bucket B

Credentials and region are AWS's own: AWS_PROFILE, AWS_REGION, ~/.aws.
Exit status: 0 done, 1 the bucket refused, 2 the project has problems.";

const VALIDATE_EXAMPLES: &str = "\
Examples:
  pipeline validate
  pipeline validate --format json | jq '.problems[].message'";

const COMPARE_EXAMPLES: &str = "\
Examples:
  pipeline compare-engines
  pipeline compare-engines --only insert --reasons
  pipeline compare-engines --json | jq .unexplained

Needs Java 17 and pyspark; nothing else of the pipeline does.";

const STATUS_EXAMPLES: &str = "\
Examples:
  pipeline status
  pipeline status --limit 3";

const MEASURE_EXAMPLES: &str = "\
Examples:
  pipeline measure
  pipeline measure --bootstrap .aws-sam/build/LaunchEmrFunction/bootstrap
  pipeline measure --reference ~/venv/bin/python --json | jq .reference";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_surface_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn refuses_a_batch_id_that_s3_hive_or_an_execution_name_would_refuse() {
        for bad in ["", "2026-11-21T02:00:00Z", "a/b", "ü", &"x".repeat(41)] {
            assert!(
                Arguments::try_parse_from(["pipeline", "run", "--batch-id", bad]).is_err(),
                "{bad} was accepted"
            );
        }
        assert!(
            Arguments::try_parse_from(["pipeline", "run", "--batch-id", "2026-11-21T02-00-00Z"])
                .is_ok()
        );
    }

    #[test]
    fn policies_are_enforced_unless_the_last_flag_about_them_says_otherwise() {
        for (flags, allowed) in [
            (vec![], false),
            (vec!["--enforce-iam"], false),
            (vec!["--allow-everything"], true),
            (vec!["--allow-everything", "--enforce-iam"], false),
            (vec!["--enforce-iam", "--allow-everything"], true),
        ] {
            for command in ["run", "serve"] {
                let typed = ["pipeline", command].into_iter().chain(flags.clone());
                let allows = match Arguments::try_parse_from(typed).unwrap().command {
                    Command::Run(run) => run.allow_everything,
                    Command::Serve(serve) => serve.allow_everything,
                    _ => panic!("neither run nor serve"),
                };
                assert_eq!(allows, allowed, "{command} {flags:?}");
            }
        }
    }

    #[test]
    fn a_phase_may_be_typed_in_any_case() {
        let arguments =
            Arguments::try_parse_from(["pipeline", "run", "--start-from", "facts"]).unwrap();
        let Command::Run(run) = arguments.command else {
            panic!("not a run");
        };
        assert_eq!(run.start_from, Some(Phase::Facts));
    }

    #[test]
    fn every_command_shows_an_example() {
        let mut command = Arguments::command();
        for sub in command.get_subcommands_mut() {
            let name = sub.get_name().to_owned();
            assert!(
                sub.render_long_help().to_string().contains("Examples:"),
                "{name}"
            );
        }
    }
}
