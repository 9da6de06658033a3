//! Runs the corpus: text files by clause, with the results that Hive gives. Each file has a warehouse of its own.
//!
//! `statement ok`, `statement error TEXT` and `query [rowsort]` are followed by HiveQL up to a blank line (a query's up to `----`,
//! then its rows with `|` between the cells). `file`, `gzip` and `bzip2 ADDRESS` write the next lines, joined and with
//! escapes, to an address; `list ADDRESS` is followed by the names that lie there.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use hive_engine::{Engine, EngineConfig, LocalRoot, Locations, Session, SessionOptions};
use virtual_time::Clock;

struct Warehouse {
    _folder: tempfile::TempDir,
    locations: LocalRoot,
    session: Session,
}

impl Warehouse {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let locations = LocalRoot::new(folder.path());
        let clock = Clock::simulated_from("2026-11-21T02:00:00Z".parse().unwrap());
        let config = EngineConfig::new(
            folder.path().join("metastore"),
            "s3://b/warehouse",
            Arc::new(locations.clone()),
            clock,
        );
        let hiveconf = BTreeMap::from([("bucket".to_owned(), "b".to_owned())]);
        let options = SessionOptions {
            hiveconf,
            ..SessionOptions::default()
        };
        let session = Engine::open(config).unwrap().session(options);
        Self {
            _folder: folder,
            locations,
            session,
        }
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let escaped = if character == '\\' { rest.next() } else { None };
        match escaped {
            None => bytes.extend(character.to_string().into_bytes()),
            Some('n') => bytes.push(b'\n'),
            Some('r') => bytes.push(b'\r'),
            Some('t') => bytes.push(b'\t'),
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            Some(other) => bytes.extend(other.to_string().into_bytes()),
        }
    }
    bytes
}

fn compressed(kind: &str, bytes: &[u8]) -> Vec<u8> {
    match kind {
        "gzip" => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "bzip2" => {
            let mut encoder =
                bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        _ => bytes.to_vec(),
    }
}

/// Lines up to one that `ends`; the line after it comes next.
fn block(lines: &[&str], at: &mut usize, ends: &str) -> String {
    let mut text = Vec::new();
    while *at < lines.len() && lines[*at] != ends {
        text.push(lines[*at]);
        *at += 1;
    }
    *at += 1;
    text.join("\n")
}

async fn run_file(path: &Path) -> (usize, Vec<String>) {
    let script = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = script.lines().collect();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let mut warehouse = Warehouse::new();
    let (mut cases, mut failures) = (0, Vec::new());
    let mut at = 0;
    while at < lines.len() {
        let (line, number) = (lines[at], at + 1);
        at += 1;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut fail = |what: String| failures.push(format!("{name}:{number}: {what}"));
        let (directive, argument) = line.split_once(' ').unwrap_or((line, ""));
        match directive {
            "file" | "gzip" | "bzip2" => {
                let path = warehouse.locations.local_path(argument).unwrap();
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let text = block(&lines, &mut at, "").replace('\n', "");
                fs::write(path, compressed(directive, &unescape(&text))).unwrap();
            }
            "list" => {
                cases += 1;
                let path = warehouse.locations.local_path(argument).unwrap();
                let mut found: Vec<String> = fs::read_dir(&path)
                    .map(|entries| {
                        entries
                            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                            .collect()
                    })
                    .unwrap_or_default();
                found.sort();
                let expected = block(&lines, &mut at, "");
                if found.join("\n") != expected {
                    fail(format!("{argument} holds {found:?}, not {expected:?}"));
                }
            }
            "statement" => {
                cases += 1;
                let text = block(&lines, &mut at, "");
                let result = warehouse.session.run_script(&name, &text, &|_| {}).await;
                match (argument.strip_prefix("error "), result) {
                    (None, Ok(_)) => {}
                    (None, Err(error)) => fail(error.to_string()),
                    (Some(expected), Ok(_)) => fail(format!("should fail with '{expected}'")),
                    (Some(expected), Err(error)) if error.to_string().contains(expected) => {}
                    (Some(expected), Err(error)) => {
                        fail(format!("should fail with '{expected}', but: {error}"))
                    }
                }
            }
            "query" => {
                cases += 1;
                let text = block(&lines, &mut at, "----");
                let expected = block(&lines, &mut at, "");
                match warehouse.session.run_script(&name, &text, &|_| {}).await {
                    Err(error) => fail(error.to_string()),
                    Ok(results) => {
                        let result = results
                            .into_iter()
                            .rev()
                            .find_map(|result| result.result)
                            .unwrap_or_default();
                        let mut rows: Vec<String> = result
                            .rows
                            .iter()
                            .map(|row| {
                                row.iter()
                                    .map(ToString::to_string)
                                    .collect::<Vec<_>>()
                                    .join("|")
                            })
                            .collect();
                        if argument == "rowsort" {
                            rows.sort();
                        }
                        let found = rows.join("\n");
                        if found != expected {
                            fail(format!("found:\n{found}\nexpected:\n{expected}\n"));
                        }
                    }
                }
            }
            other => panic!("{name}:{number}: unknown directive {other}"),
        }
    }
    (cases, failures)
}

#[tokio::test]
async fn every_case_gives_what_hive_gives() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let (mut all, mut failures) = (0, Vec::new());
    for path in paths {
        let (cases, failed) = run_file(&path).await;
        all += cases;
        failures.extend(failed);
    }
    assert!(
        failures.is_empty(),
        "{} of {all} cases failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(all > 150, "only {all} cases were found");
}
