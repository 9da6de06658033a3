//! Keeps CONFORMANCE.md true: every feature has a test, and every test that the table names exists.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The folder that the first part of a test's name stands for.
fn folder(root: &str) -> Option<PathBuf> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    Some(match root {
        "language" => crates.join("states-language/src"),
        "jsonata" => crates.join("jsonata/src"),
        "service" => crates.join("aws-services/src/states"),
        "api" => crates.join("aws-services/src/states/tests"),
        _ => return None,
    })
}

/// Whether there is such a test: `root::module::…::test`.
fn exists(name: &str) -> bool {
    let mut parts: Vec<&str> = name.split("::").collect();
    let Some(test) = parts.pop() else {
        return false;
    };
    let Some(mut file) = parts.first().and_then(|root| folder(root)) else {
        return false;
    };
    file.extend(&parts[1..]);
    let text = std::fs::read_to_string(file.with_extension("rs")).unwrap_or_default();
    let mut lines = text.lines().map(str::trim_start);
    lines.any(|line| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ")
            .and_then(|rest| rest.strip_prefix(test))
            .is_some_and(|rest| rest.starts_with('('))
    })
}

fn named(line: &str) -> impl Iterator<Item = &str> {
    let quoted = line.split('`').skip(1).step_by(2);
    quoted.filter(|text| text.contains("::") && !text.contains(' '))
}

#[test]
fn every_feature_has_a_test_and_every_test_exists() {
    let table = include_str!("../CONFORMANCE.md");
    let (features, rest) = table
        .split_once("## Refused by name")
        .expect("it says what is refused");
    let rows = features
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| feature"));
    let mut count = 0;
    for row in rows {
        assert!(named(row).next().is_some(), "no test shows: {row}");
        count += 1;
    }
    assert!(count > 60, "{count} rows");
    let missing: BTreeSet<&str> = features
        .lines()
        .chain(rest.lines())
        .flat_map(named)
        .filter(|name| folder(name.split("::").next().unwrap_or_default()).is_some())
        .filter(|name| !exists(name))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(!exists("language::conformance::no_such_test"));
    let unknown: Vec<&str> = features
        .lines()
        .flat_map(named)
        .filter(|name| folder(name.split("::").next().unwrap_or_default()).is_none())
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
