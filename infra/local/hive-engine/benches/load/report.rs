//! The figures as a table and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::Options;
use crate::cases::{Case, Contender};
use crate::measure::Figures;

type Found = [(Case, Vec<(Contender, Figures)>)];

/// How many times less the engine needed: time of the statement, time of the whole process, CPU of the whole process.
fn ratios(engine: &Figures, other: &Figures) -> [f64; 3] {
    // Where nothing counts CPU there is no ratio either.
    let cpu = |figures: &Figures| figures.cpu_seconds.max(0.001);
    [
        other.seconds / engine.seconds,
        other.process_seconds / engine.process_seconds,
        cpu(other) / cpu(engine),
    ]
}

pub(crate) fn table(options: &Options, all: &Found) -> String {
    let mut text = format!(
        "{} rows, {} small files, {} rows in 1000 partitions, {} threads, best of {}\n\n",
        options.rows, options.files, options.history_rows, options.threads, options.repeat
    );
    text.push_str(
        "| case | who | statement s | process s | CPU s | peak MiB | statement x | process x | CPU x |\n",
    );
    text.push_str("|---|---|--:|--:|--:|--:|--:|--:|--:|\n");
    for (case, found) in all {
        let engine = &found[0].1;
        for (contender, figures) in found {
            let [statement, process, cpu] = ratios(engine, figures);
            let _ = writeln!(
                text,
                "| {} | {} | {:.2} | {:.2} | {:.2} | {:.0} | {statement:.2} | {process:.2} | {cpu:.2} |",
                case.name(),
                contender.name(),
                figures.seconds,
                figures.process_seconds,
                figures.cpu_seconds,
                figures.peak_mebibytes
            );
        }
    }
    text.push_str("\nx: what that contender needed over what the engine needed; above 1 the engine is better.\n");
    text
}

pub(crate) fn json(options: &Options, all: &Found) -> anyhow::Result<String> {
    let figures: Vec<Value> = all
        .iter()
        .flat_map(|(case, found)| {
            let engine = &found[0].1;
            found.iter().map(move |(contender, figures)| {
                let [statement, process, cpu] = ratios(engine, figures);
                json!({
                    "case": case.name(), "who": contender.name(), "statement_seconds": figures.seconds,
                    "process_seconds": figures.process_seconds, "cpu_seconds": figures.cpu_seconds,
                    "peak_mebibytes": figures.peak_mebibytes, "statement_ratio": statement, "process_ratio": process,
                    "cpu_ratio": cpu, "rows": figures.answer[0],
                })
            })
        })
        .collect();
    Ok(serde_json::to_string_pretty(&json!({
        "rows": options.rows, "files": options.files, "history_rows": options.history_rows,
        "threads": options.threads, "repeat": options.repeat, "figures": figures,
    }))?)
}
