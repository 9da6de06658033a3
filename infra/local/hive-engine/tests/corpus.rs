//! Runs the corpus on this engine: each file in a warehouse of its own, each case against the result that Hive gives. What the
//! corpus covers and what is refused is listed in documents beside it; they must say what is there.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hive_engine::corpus::{Action, CorpusFile, Warehouse, read_folder};
use virtual_time::Clock;

fn crate_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn corpus() -> Vec<CorpusFile> {
    read_folder(&crate_folder().join("tests/corpus")).unwrap()
}

fn document(path: &str) -> String {
    std::fs::read_to_string(crate_folder().join(Path::new(path))).unwrap()
}

/// The cells of a document's tables, without heads.
fn table_rows(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let cells = rows.map(|line| {
        let cells = line.trim_matches('|').split(" | ");
        cells.map(|cell| cell.trim().to_owned()).collect()
    });
    cells.collect()
}

#[tokio::test]
async fn every_case_gives_what_hive_gives() {
    let (mut all, mut failures) = (0, Vec::new());
    for file in corpus() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::simulated_from("2026-11-21T02:00:00Z".parse().unwrap());
        let mut warehouse = Warehouse::at(folder.path(), clock).unwrap();
        for case in &file.cases {
            all += usize::from(!matches!(case.action, Action::File { .. }));
            let outcome = warehouse.run(&file.name, case).await.unwrap();
            if let Some(failure) = outcome.failure {
                failures.push(format!("{}.slt:{}: {failure}", file.name, case.line));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {all} cases failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(all > 150, "only {all} cases were found");
}

#[test]
fn the_index_has_every_clause_with_the_number_of_its_cases() {
    let mut counted: BTreeMap<(String, String), usize> = BTreeMap::new();
    for file in corpus() {
        for case in &file.cases {
            let counts = !matches!(case.action, Action::File { .. });
            *counted
                .entry((case.clause.clone(), file.name.clone()))
                .or_default() += usize::from(counts);
        }
    }
    let found: BTreeSet<String> = counted
        .iter()
        .map(|((clause, file), cases)| format!("| {clause} | {file} | {cases} |"))
        .collect();
    let listed: BTreeSet<String> = table_rows(&document("tests/corpus/README.md"))
        .into_iter()
        .filter(|row| row.len() == 3 && row[2].parse::<usize>().is_ok())
        .map(|row| format!("| {} |", row.join(" | ")))
        .collect();
    let wrong: Vec<&String> = listed.symmetric_difference(&found).collect();
    assert!(
        wrong.is_empty(),
        "README lists, or has not got:\n{wrong:#?}"
    );
}

#[test]
fn every_refusal_is_listed_and_seen() {
    let mut seen = BTreeSet::new();
    for file in corpus() {
        for case in file.cases {
            if let Action::Statement {
                error: Some(error), ..
            } = case.action
                && let Some(what) = error.strip_suffix(" is not supported")
            {
                seen.insert(what.to_owned());
            }
        }
    }
    let listed: BTreeSet<String> = table_rows(&document("REFUSED.md"))
        .into_iter()
        .filter(|row| row.len() == 2)
        .map(|row| row[1].trim_matches('`').to_owned())
        .filter(|what| !["it says", "---"].contains(&what.as_str()))
        .collect();
    let unseen: Vec<&String> = listed.difference(&seen).collect();
    assert!(
        unseen.is_empty(),
        "listed, and no case sees it: {unseen:#?}"
    );
    let unlisted: Vec<&String> = seen.difference(&listed).collect();
    assert!(
        unlisted.is_empty(),
        "refused, and not listed: {unlisted:#?}"
    );
}
