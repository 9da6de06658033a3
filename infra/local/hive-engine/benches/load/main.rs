//! `cargo bench -p hive-engine`: loads and queries measured against DuckDB, Spark and a bare loop, each in a process of its own.
//! See BENCHMARKS.md for the cases and the figures; `-- --help` for the sizes.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark stops where something is not as it should be"
)]

mod bare;
mod cases;
mod data;
mod engine;
mod measure;
mod report;

use std::path::PathBuf;

use anyhow::Context;

use cases::{Case, Contender, named};
use measure::{Figures, Tools};

/// As in the binary `pipeline`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
Measures loads against other engines and prints a table of ratios.

cargo bench -p hive-engine -- [options]
  --rows N             rows of the large file (10000000)
  --files N            files of the table of small files (10000)
  --history-rows N     rows of the table of a thousand partitions (1000000)
  --threads N          cores that every contender may use (2)
  --repeat N           measures each contender so often, in turns, and takes the fastest (3)
  --only CASE,…        csv, quoted, joins, small-files, thousand, overwrite-one, query-one
  --against WHO,…      bare, duckdb, spark, or none; the engine always runs
  --directory DIR      where data and tables are written and kept; otherwise they are removed
  --json               prints the figures as JSON";

/// What is measured, and how.
#[derive(Clone)]
struct Options {
    rows: u64,
    files: u64,
    history_rows: u64,
    threads: usize,
    repeat: usize,
    only: Vec<Case>,
    against: Vec<Contender>,
    directory: Option<PathBuf>,
    json: bool,
    /// Contender and case that this process runs: the benchmark calls itself.
    work: Option<(String, Case)>,
}

impl Options {
    /// Reads the command line, by hand: a parser of arguments would change features of the engine's own dependencies, and
    /// everything would be compiled twice.
    fn read(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut options = Self {
            rows: 10_000_000,
            files: 10_000,
            history_rows: 1_000_000,
            threads: 2,
            repeat: 3,
            only: Case::ALL.to_vec(),
            against: Contender::OTHERS.to_vec(),
            directory: None,
            json: false,
            work: None,
        };
        while let Some(name) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .with_context(|| format!("{name} needs a value\n\n{USAGE}"))
            };
            match name.as_str() {
                "--rows" => options.rows = value()?.parse()?,
                "--files" => options.files = value()?.parse()?,
                "--history-rows" => options.history_rows = value()?.parse()?,
                "--threads" => options.threads = value()?.parse()?,
                "--repeat" => options.repeat = value()?.parse()?,
                "--only" => options.only = named(&Case::ALL, Case::name, &value()?)?,
                "--against" => {
                    options.against = match value()?.as_str() {
                        "none" => Vec::new(),
                        names => named(&Contender::OTHERS, Contender::name, names)?,
                    }
                }
                "--directory" => options.directory = Some(value()?.into()),
                "--json" => options.json = true,
                "--work" => {
                    let who = value()?;
                    let case = named(&Case::ALL, Case::name, &value()?)?.remove(0);
                    options.work = Some((who, case));
                }
                // Cargo passes it.
                "--bench" => {}
                _ => anyhow::bail!("{name} is not known\n\n{USAGE}"),
            }
        }
        Ok(options)
    }
}

fn main() -> anyhow::Result<()> {
    let options = Options::read(std::env::args().skip(1))?;
    if let Some((who, case)) = &options.work {
        let directory = options.directory.clone().unwrap_or_default();
        let figures = if who == "bare" {
            bare::run(&directory, options.threads)?
        } else {
            engine::run(*case, who == "prepare", &directory, options.threads)?
        };
        println!("{}", serde_json::to_string(&figures)?);
        return Ok(());
    }
    let holder = tempfile::tempdir_in(measure::target())?;
    let directory = options
        .directory
        .clone()
        .unwrap_or_else(|| holder.path().to_path_buf());
    let (cases, against) = (options.only.clone(), options.against.clone());
    let tools = Tools::find(&against)?;
    data::generate(&options, &cases, &directory)?;
    let mut all: Vec<(Case, Vec<(Contender, Figures)>)> = Vec::new();
    for case in cases {
        let mut contenders = vec![Contender::Engine];
        contenders.extend(against.iter().copied().filter(|other| other.knows(case)));
        let mut found: Vec<(Contender, Figures)> = Vec::new();
        for round in 0..options.repeat.max(1) {
            for contender in &contenders {
                eprintln!(
                    "{} · {} · {} of {}",
                    case.name(),
                    contender.name(),
                    round + 1,
                    options.repeat
                );
                let figures = tools.measure(*contender, case, &directory, options.threads)?;
                match found.iter_mut().find(|(known, _)| known == contender) {
                    Some((_, best)) => best.keep_better(figures),
                    None => found.push((*contender, figures)),
                }
            }
        }
        measure::same_answer(case, &found)?;
        all.push((case, found));
    }
    if options.json {
        println!("{}", report::json(&options, &all)?);
    } else {
        print!("{}", report::table(&options, &all));
    }
    Ok(())
}
