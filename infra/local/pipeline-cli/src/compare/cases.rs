//! Runs one corpus file on both engines, case by case.

use anyhow::Result;
use hive_engine::corpus::{Action, Case, CorpusFile, OnSpark, Warehouse, list_folder, write_file};
use virtual_time::Clock;

use super::judge::{Judge, first_line};
use super::tables;
use super::tally::Tally;

/// Runs a file's cases on this engine in `folder` and on Spark, then compares every table that is left.
///
/// # Errors
/// When the judge has ended or a folder cannot be written; differences are in the tally.
pub async fn compare(
    file: &CorpusFile,
    folder: &std::path::Path,
    judge: &mut Judge,
    tally: &mut Tally,
) -> Result<()> {
    let clock = Clock::simulated_from("2026-11-21T02:00:00Z".parse()?);
    let mut warehouse = Warehouse::at(folder, clock)?;
    judge.empty()?;
    for case in &file.cases {
        let place = format!("{}.slt:{}", file.name, case.line);
        let outcome = warehouse.run(&file.name, case).await?;
        if let Action::File { address, bytes } = &case.action {
            write_file(&spark_path(judge, address), bytes)?;
            continue;
        }
        let counts = tally.clause(&case.clause);
        counts.cases += 1;
        match &outcome.failure {
            None => counts.passed += 1,
            Some(failure) => {
                let failure = format!("this engine: {failure}");
                tally.differs(place.clone(), failure);
            }
        }
        if let OnSpark::Skipped(reason) = &case.on_spark {
            tally.clause(&case.clause).spark_skipped += 1;
            tally.explains(place, format!("not asked: {reason}"));
            continue;
        }
        let difference = on_spark(case, &outcome.rows, judge)?;
        let refused = refused_here(case);
        let counts = tally.clause(&case.clause);
        match (difference, &case.on_spark) {
            (None, OnSpark::Same | OnSpark::Skipped(_)) => counts.spark_same += 1,
            (Some(_), OnSpark::Differs(reason)) => {
                counts.spark_differs += 1;
                tally.explains(place.clone(), reason.clone());
            }
            (None, OnSpark::Differs(reason)) => {
                tally.differs(
                    place.clone(),
                    format!("Spark no longer differs, although: {reason}"),
                );
            }
            (Some(_), _) if refused => counts.refused += 1,
            (Some(what), _) => tally.differs(place.clone(), what),
        }
        if case.on_spark == OnSpark::Same {
            let loaded = outcome.results.iter().flat_map(|done| &done.written);
            for table in loaded {
                let Some(database) = &table.database else {
                    continue;
                };
                let name = format!("{database}.{}", table.table);
                if file.tables_that_differ.contains_key(&name) {
                    continue;
                }
                tally.tables.after_loads += 1;
                tables::compare_rows(&place, &name, &warehouse.engine, judge, tally).await?;
            }
        }
    }
    tables::compare_all(file, &mut warehouse, judge, tally).await
}

/// Where an address lies in Spark's folder.
pub fn spark_path(judge: &Judge, address: &str) -> std::path::PathBuf {
    let key = address.trim_start_matches("s3://");
    judge.folder.join("s3").join(key)
}

/// Whether this engine lacks what the case asks for, and says so.
fn refused_here(case: &Case) -> bool {
    matches!(&case.action, Action::Statement { error: Some(error), .. } if error.ends_with("not supported"))
}

/// What Spark does otherwise than Hive, if anything.
fn on_spark(case: &Case, ours: &[String], judge: &mut Judge) -> Result<Option<String>> {
    let (text, sorted) = match &case.action {
        Action::File { .. } => return Ok(None),
        Action::List { address, names } => {
            let found = list_folder(&spark_path(judge, address))?;
            let visible: Vec<String> = found
                .into_iter()
                .filter(|name| !name.starts_with(['.', '_']) || name.contains('='))
                .collect();
            // Engines name their files as they like; what matters is whether there are any.
            let files = |names: &[String]| names.iter().any(|name| !name.contains('='));
            let folders = |names: &[String]| -> Vec<String> {
                let folders = names.iter().filter(|name| name.contains('='));
                folders.cloned().collect()
            };
            let same = files(&visible) == files(names) && folders(&visible) == folders(names);
            return Ok((!same).then(|| format!("Spark's {address} holds {visible:?}")));
        }
        Action::Statement { text, .. } => (text, false),
        Action::Query { text, sorted, .. } => (text, *sorted),
    };
    let text = case.spark_instead.as_ref().unwrap_or(text);
    let mut last = Ok(Vec::new());
    for statement in hive_engine::corpus::statements(text) {
        last = judge.run(&statement)?.lines();
        if last.is_err() {
            break;
        }
    }
    Ok(match (&case.action, last) {
        (Action::Statement { error: None, .. }, Err(error)) => {
            Some(format!("Spark refuses: {error}"))
        }
        (Action::Statement { error: Some(_), .. }, Ok(_)) => {
            Some("Spark does not refuse it".to_owned())
        }
        (Action::Query { .. }, Err(error)) => Some(format!("Spark refuses: {error}")),
        (Action::Query { .. }, Ok(mut theirs)) => {
            let mut ours = ours.to_vec();
            if sorted {
                theirs.sort();
                ours.sort();
            }
            (theirs != ours).then(|| differing(&ours, &theirs))
        }
        _ => None,
    })
}

/// The first rows in which two answers differ.
pub fn differing(ours: &[String], theirs: &[String]) -> String {
    let mut lines = Vec::new();
    for at in 0..ours.len().max(theirs.len()) {
        let (left, right) = (ours.get(at), theirs.get(at));
        if left != right {
            let shown = |row: Option<&String>| row.map_or("(no row)".to_owned(), |r| first_line(r));
            lines.push(format!("engine {}", shown(left)));
            lines.push(format!("Spark  {}", shown(right)));
        }
        if lines.len() >= 6 {
            lines.push("…".to_owned());
            break;
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_rows_that_differ_and_no_others() {
        let rows = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            differing(&rows(&["1", "2"]), &rows(&["1", "3", "4"])),
            "engine 2\nSpark  3\nengine (no row)\nSpark  4"
        );
    }
}
