//! The first promise, checked from the files: every landed row is in production exactly once, or still in landing, staging
//! or the rejected area. Nothing here asks for what the product has counted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use embedded_runtime::Runtime;

use crate::sample::{LandedFile, TableSample, read_rows};

/// A row as one text: its columns' values, spelled in one way.
type Row = String;

/// What is where, for one table.
#[derive(Debug, Default)]
struct Whereabouts {
    production: BTreeMap<Row, u32>,
    landing: BTreeMap<Row, u32>,
    staging: BTreeMap<Row, u32>,
    archive: BTreeMap<Row, u32>,
    /// The texts of the rejected area; a row is looked for by its first value.
    rejected: String,
    /// Files that wait in landing or staging.
    waiting: Vec<String>,
}

/// Looks at every table. `landed` holds the files of each load so far, the oldest first; more than `allowed` bad lines of a
/// load keep it out of production; with `settled` everything must be in production. Returns a sentence for each broken
/// promise.
pub(crate) async fn check(
    runtime: &Runtime,
    samples: &[TableSample],
    landed: &[Vec<LandedFile>],
    allowed: usize,
    settled: bool,
) -> Vec<String> {
    let Ok(bucket) = runtime.bucket() else {
        return vec!["the stack has no bucket".to_owned()];
    };
    let folder = runtime.services().s3.bucket_folder(bucket);
    let mut broken = Vec::new();
    for sample in samples {
        let name = format!("{}/{}", sample.table.kind, sample.table.name);
        let place = match whereabouts(runtime, &folder, sample).await {
            Ok(place) => place,
            Err(problem) => {
                broken.push(format!("{name}: {problem}"));
                continue;
            }
        };
        let loads: Vec<Load> = landed
            .iter()
            .map(|files| {
                Load::of(
                    files.iter().filter(|file| file.table == sample.table),
                    allowed,
                )
            })
            .collect();
        let mut problems = if sample.table.kind == "fact" {
            fact_problems(&place, &loads, settled)
        } else {
            dimension_problems(&place, &loads, settled)
        };
        problems.extend(bad_line_problems(&place, &loads));
        if settled {
            problems.extend(
                place
                    .waiting
                    .iter()
                    .map(|file| format!("{file} was not loaded")),
            );
        }
        problems.truncate(6);
        broken.extend(
            problems
                .into_iter()
                .map(|problem| format!("{name}: {problem}")),
        );
    }
    broken
}

/// What one load has for one table.
#[derive(Debug, Default)]
struct Load {
    rows: Vec<Row>,
    /// What a person has taken out of its files after a run that failed: gone once the load has been run again.
    withdrawn: Vec<Row>,
    /// The marks of its bad lines.
    bad: Vec<String>,
    /// Whether these are more than are allowed: none of its rows may be published.
    is_blocked: bool,
}

impl Load {
    fn of<'a>(files: impl Iterator<Item = &'a LandedFile>, allowed: usize) -> Self {
        let mut load = Self::default();
        for file in files {
            load.rows.extend(file.rows.iter().map(|row| spelled(row)));
            load.withdrawn
                .extend(file.withdrawn.iter().map(|row| spelled(row)));
            load.bad
                .extend(file.bad.iter().map(|line| line.mark.clone()));
        }
        load.is_blocked = load.bad.len() > allowed;
        load
    }
}

/// A bad line is never in production; it is in its file, and once that is archived it is listed once as rejected.
fn bad_line_problems(place: &Whereabouts, loads: &[Load]) -> Vec<String> {
    let mut problems = Vec::new();
    for mark in loads.iter().flat_map(|load| &load.bad) {
        let is_in = |zone: &BTreeMap<Row, u32>| {
            zone.keys()
                .any(|row| row.split('|').next() == Some(mark.as_str()))
        };
        let listed = place.rejected.matches(mark.as_str()).count();
        if is_in(&place.production) {
            problems.push(format!("a line that is no row is in production: {mark}"));
        }
        if listed > 1 {
            problems.push(format!("listed {listed} times as rejected: {mark}"));
        }
        let archived = is_in(&place.archive);
        if archived && listed == 0 {
            problems.push(format!("archived, but not listed as rejected: {mark}"));
        }
        if !archived && !is_in(&place.landing) && !is_in(&place.staging) {
            problems.push(format!("a bad line has gone with its file: {mark}"));
        }
    }
    problems
}

fn fact_problems(place: &Whereabouts, loads: &[Load], settled: bool) -> Vec<String> {
    let mut problems = Vec::new();
    let mut expected: BTreeMap<&Row, u32> = BTreeMap::new();
    for load in loads.iter().filter(|load| load.is_blocked) {
        let published = load
            .rows
            .iter()
            .filter(|row| place.production.contains_key(*row));
        problems.extend(
            published.map(|row| {
                format!("in production, although its load has too many bad lines: {row}")
            }),
        );
    }
    for row in loads.iter().flat_map(|load| &load.rows) {
        *expected.entry(row).or_default() += 1;
    }
    for (row, times) in &expected {
        let found = place.production.get(*row).copied().unwrap_or(0);
        if found > *times {
            problems.push(format!(
                "{found} times in production, landed {times} times: {row}"
            ));
        }
        let waits = place.landing.contains_key(*row)
            || place.staging.contains_key(*row)
            || place.is_rejected(row);
        if found < *times && !waits {
            let archived = if place.archive.contains_key(*row) {
                " (its file is in the archive)"
            } else {
                ""
            };
            problems.push(format!(
                "in production {found} of {times} times, and waits nowhere{archived}: {row}"
            ));
        }
    }
    for row in place.production.keys() {
        let is_withdrawn = loads.iter().any(|load| load.withdrawn.contains(row));
        if is_withdrawn && settled {
            problems.push(format!(
                "in production, although its file was corrected: {row}"
            ));
        } else if !is_withdrawn && !expected.contains_key(row) {
            problems.push(format!("in production, but was never landed: {row}"));
        }
    }
    problems
}

fn dimension_problems(place: &Whereabouts, loads: &[Load], settled: bool) -> Vec<String> {
    let mut problems = Vec::new();
    let counted = |load: &Load| {
        let mut rows: BTreeMap<Row, u32> = BTreeMap::new();
        for row in &load.rows {
            *rows.entry(row.clone()).or_default() += 1;
        }
        rows
    };
    let loads: Vec<&Load> = loads.iter().filter(|load| !load.rows.is_empty()).collect();
    let versions: Vec<BTreeMap<Row, u32>> = loads.iter().map(|load| counted(load)).collect();
    let present = versions
        .iter()
        .rposition(|version| *version == place.production);
    if let Some(version) = present
        && loads[version].is_blocked
    {
        problems.push(format!(
            "production has load {}, which has too many bad lines",
            version + 1
        ));
    }
    let is_new = place.production.is_empty() && !settled;
    match present {
        Some(version) if settled && version + 1 != versions.len() => problems.push(format!(
            "production has load {} of {}, not the last one",
            version + 1,
            versions.len()
        )),
        None if !is_new => problems.push(format!(
            "production has {} rows, which are no load's",
            place.production.values().sum::<u32>()
        )),
        _ => {}
    }
    for row in versions.iter().flat_map(BTreeMap::keys) {
        let kept = place.production.contains_key(row)
            || place.landing.contains_key(row)
            || place.staging.contains_key(row)
            || place.archive.contains_key(row)
            || place.is_rejected(row);
        if !kept {
            problems.push(format!("neither in production nor in any file: {row}"));
        }
    }
    problems
}

impl Whereabouts {
    fn is_rejected(&self, row: &Row) -> bool {
        let first = row.split('|').next().unwrap_or_default();
        !first.is_empty() && self.rejected.contains(first)
    }
}

async fn whereabouts(
    runtime: &Runtime,
    bucket: &Path,
    sample: &TableSample,
) -> Result<Whereabouts, String> {
    let (kind, table) = (&sample.table.kind, &sample.table.name);
    let mut place = Whereabouts::default();
    for zone in ["landing", "staging", "archive"] {
        for file in files_below(&bucket.join(zone).join(kind).join(table)) {
            let bytes =
                std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            if bytes.is_empty() {
                continue;
            }
            let name = file.display().to_string();
            let (_, rows) = read_rows(&name, &bytes).map_err(|error| error.to_string())?;
            let rows_of = match zone {
                "landing" => &mut place.landing,
                "staging" => &mut place.staging,
                _ => &mut place.archive,
            };
            for row in rows {
                *rows_of.entry(spelled(&row)).or_default() += 1;
            }
            if zone != "archive" {
                let key = file.strip_prefix(bucket).unwrap_or(&file);
                place.waiting.push(key.display().to_string());
            }
        }
    }
    for file in files_below(&bucket.join("rejected").join(kind).join(table)) {
        let bytes = std::fs::read(&file).unwrap_or_default();
        place.rejected.push_str(&String::from_utf8_lossy(&bytes));
    }
    let engine = runtime.engine();
    let database = format!("{kind}_db");
    let tables = engine.tables().map_err(|error| error.to_string())?;
    if !tables.contains(&(database.clone(), table.clone())) {
        return Ok(place);
    }
    let sql = format!("SELECT * FROM {database}.{table}");
    let answer = engine
        .query(&sql)
        .await
        .map_err(|error| error.to_string())?;
    let positions: Vec<Option<usize>> = sample
        .columns
        .iter()
        .map(|column| {
            let is_own = |name: &String| name.rsplit('.').next() == Some(column.as_str());
            answer.columns.iter().position(is_own)
        })
        .collect();
    for row in &answer.rows {
        let values: Vec<String> = positions
            .iter()
            .map(|position| {
                let cell = position.and_then(|position| row.get(position));
                cell.map(|cell| match cell {
                    hive_engine::Cell::Null => String::new(),
                    cell => cell.to_string(),
                })
                .unwrap_or_default()
            })
            .collect();
        *place.production.entry(spelled(&values)).or_default() += 1;
    }
    Ok(place)
}

/// A row in one spelling: numbers without what does not count, times without an empty fraction.
fn spelled(values: &[String]) -> Row {
    let values: Vec<String> = values.iter().map(|value| spelled_value(value)).collect();
    values.join("|")
}

fn spelled_value(value: &str) -> String {
    let value = value.trim();
    let digits = value.trim_start_matches('-');
    let is_number = !digits.is_empty()
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
        && digits.bytes().filter(|byte| *byte == b'.').count() <= 1;
    if is_number {
        let sign = if value.starts_with('-') { "-" } else { "" };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        return match fraction {
            "" => format!("{sign}{whole}"),
            fraction => format!("{sign}{whole}.{fraction}"),
        };
    }
    value.strip_suffix(".0").unwrap_or(value).to_owned()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(names: &[&str]) -> BTreeMap<Row, u32> {
        let mut rows = BTreeMap::new();
        for name in names {
            *rows.entry((*name).to_owned()).or_default() += 1;
        }
        rows
    }

    fn load(names: &[&str]) -> Load {
        Load {
            rows: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Load::default()
        }
    }

    #[test]
    fn a_bad_line_that_is_loaded_lost_or_not_listed_is_found() {
        let spoiled = |is_blocked| Load {
            bad: vec!["bad-1-1".to_owned()],
            is_blocked,
            ..load(&["a"])
        };
        let place = Whereabouts {
            production: rows(&["a", "bad-1-1|x"]),
            ..Whereabouts::default()
        };
        let problems = bad_line_problems(&place, &[spoiled(false)]);
        assert_eq!(problems.len(), 2, "{problems:?}");
        let place = Whereabouts {
            production: rows(&["a"]),
            archive: rows(&["a", "bad-1-1|x"]),
            ..Whereabouts::default()
        };
        assert_eq!(bad_line_problems(&place, &[spoiled(false)]).len(), 1);
        assert!(fact_problems(&place, &[spoiled(false)], false).is_empty());
        assert_eq!(fact_problems(&place, &[spoiled(true)], false).len(), 1);
        assert_eq!(dimension_problems(&place, &[spoiled(true)], false).len(), 1);
        let place = Whereabouts {
            rejected: "part-0\t12\ttoo many columns\t\"bad-1-1\"".to_owned(),
            ..place
        };
        assert!(bad_line_problems(&place, &[spoiled(false)]).is_empty());
    }

    #[test]
    fn a_lost_a_doubled_and_an_invented_row_are_found() {
        let place = Whereabouts {
            production: rows(&["a", "b", "b", "x"]),
            archive: rows(&["c"]),
            ..Whereabouts::default()
        };
        let problems = fact_problems(&place, &[load(&["a", "b"]), load(&["c"])], false);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[0].starts_with("2 times in production"));
        assert!(problems[1].contains("waits nowhere (its file is in the archive): c"));
        assert!(problems[2].contains("never landed: x"));
    }

    #[test]
    fn a_row_that_waits_is_not_lost() {
        let place = Whereabouts {
            staging: rows(&["a"]),
            ..Whereabouts::default()
        };
        assert!(fact_problems(&place, &[load(&["a"])], false).is_empty());
    }

    #[test]
    fn a_row_that_was_corrected_away_may_stay_until_the_load_has_been_run_again() {
        let place = Whereabouts {
            production: rows(&["a|1"]),
            staging: rows(&["a|2"]),
            ..Whereabouts::default()
        };
        let corrected = Load {
            withdrawn: vec!["a|1".to_owned()],
            ..load(&["a|2"])
        };
        let problems = |settled| fact_problems(&place, std::slice::from_ref(&corrected), settled);
        assert!(problems(false).is_empty());
        assert!(problems(true)[0].contains("although its file was corrected: a|1"));
    }

    #[test]
    fn a_dimension_must_be_one_load_and_in_the_end_the_last() {
        let loads = [load(&["a", "b"]), load(&["b", "c"])];
        let with = |names: &[&str]| Whereabouts {
            production: rows(names),
            archive: rows(&["a", "b", "c"]),
            ..Whereabouts::default()
        };
        assert!(dimension_problems(&with(&["a", "b"]), &loads, false).is_empty());
        assert_eq!(
            dimension_problems(&with(&["a", "b"]), &loads, true).len(),
            1
        );
        assert_eq!(
            dimension_problems(&with(&["a", "c"]), &loads, false).len(),
            1
        );
        assert!(dimension_problems(&with(&["b", "c"]), &loads, true).is_empty());
        assert!(dimension_problems(&with(&[]), &loads, false).is_empty());
        assert_eq!(dimension_problems(&with(&[]), &loads, true).len(), 1);
    }

    #[test]
    fn values_are_the_same_however_they_are_spelled() {
        assert_eq!(spelled_value("007.50"), spelled_value("7.5"));
        assert_eq!(spelled_value("0.00"), "0");
        assert_eq!(
            spelled_value("2026-11-16 00:07:22.0"),
            spelled_value("2026-11-16 00:07:22")
        );
        assert_ne!(spelled_value("-1"), spelled_value("1"));
    }
}
