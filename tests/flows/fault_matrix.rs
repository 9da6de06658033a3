//! The fault matrix: every row is a promise, and has at least one test whose name begins with the row's id. `FAULTS.md` is
//! written from here; a row without a test fails.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

/// The rows: area, and each fault's id and name.
const ROWS: &[(&str, &[(&str, &str)])] = &[
    (
        "Start and lock",
        &[
            ("S1", "the schedule fires twice for one time"),
            ("S2", "two masters start in the same second"),
            ("S3", "a master starts while a manual child runs"),
            ("S4", "the lock of a holder that was aborted hours ago"),
            ("S5", "the lock of a holder that is slow"),
            ("S6", "two runs take over the same dead lock"),
            (
                "S7",
                "state info that cannot be read, or names a foreign cluster",
            ),
            ("S8", "more executions or clusters than a page holds"),
            ("S9", "the list call of a guard is throttled"),
            ("S10", "input that cannot be understood"),
            ("S11", "nothing has landed"),
        ],
    ),
    (
        "Launch",
        &[
            ("L1", "the launch is throttled or fails before its effect"),
            ("L2", "the response of the launch is lost"),
            ("L3", "the function crashes between launch and record"),
            ("L4", "recording the cluster fails"),
            ("L5", "the cluster ends while it starts"),
            ("L6", "the cluster never starts"),
            ("L7", "spot is not granted at launch"),
            ("L8", "the configuration is missing or wrong"),
            ("L9", "a foreign cluster has our name"),
        ],
    ),
    (
        "Steps and data",
        &[
            ("D1", "the response of a submitted step is lost"),
            ("D2", "the move to staging dies half way"),
            ("D3", "files land while the move runs"),
            ("D4", "a file is replaced while it is moved"),
            ("D5", "the load step fails"),
            ("D6", "the load is killed after it wrote something"),
            ("D7", "the archive fails half way"),
            ("D8", "the archive succeeded, unheard"),
            ("D9", "a step is cancelled by hand"),
            ("D10", "polling is throttled for minutes"),
            ("D11", "the cluster ends during a step"),
            ("D12", "rows that do not parse"),
            ("D13", "marks, line ends, compression, empty files"),
            ("D14", "the header differs"),
            ("D15", "an empty dimension batch"),
            ("D16", "one of several tables fails"),
            ("D17", "a file is delivered again"),
            ("D18", "rows of dates long past"),
            ("D19", "very many files"),
            ("D20", "two batches of the same day"),
            ("D21", "unusual characters in names"),
            ("D22", "a batch corrected by hand after a partial load"),
        ],
    ),
    (
        "Workers",
        &[
            ("W1", "the response of a resize is lost"),
            ("W2", "extra workers never come"),
            ("W3", "instances die while others come"),
            ("W4", "instance groups, or several task fleets"),
        ],
    ),
    (
        "Terminate, notify, abort",
        &[
            ("T1", "termination is throttled, or its response lost"),
            ("T2", "termination protection is on"),
            ("T3", "the cluster is gone already"),
            ("T4", "termination fails for good"),
            ("T5", "the topic is down or refuses"),
            ("T6", "a person aborts the run"),
            ("T7", "the run times out"),
            ("T8", "a function crashes"),
            ("T9", "a function answers with an unexpected shape"),
            ("T10", "the failure path itself fails"),
            ("T11", "a person aborts a child"),
        ],
    ),
    (
        "Reruns by hand",
        &[
            ("R1", "the same batch again after success"),
            ("R2", "resuming from each phase"),
            ("R3", "a child without a cluster"),
            ("R4", "every child by hand"),
            ("R5", "two of them at once"),
            ("R6", "redrive"),
        ],
    ),
    (
        "More, from how such systems have failed elsewhere",
        &[
            ("X1", "the schedule fires while a run is active"),
            ("X2", "the response of taking the lock is lost"),
            (
                "X3",
                "a launched cluster is not listed yet, or there are two",
            ),
            ("X4", "the cluster ends right after its start"),
            ("X5", "state info can never be written"),
            ("X6", "state info with byte order mark or line end"),
            ("X7", "a late remover"),
            ("X8", "too many steps, or a cluster that is ending"),
            ("X9", "states that this version does not know"),
            ("X10", "a step completes although it was to be cancelled"),
            ("X11", "a step never ends"),
            ("X12", "a move reports success and leaves files"),
            ("X13", "a batch that nobody resumed"),
            ("X14", "a dimension load dies before it publishes"),
            ("X15", "the catalog fails after the files are written"),
            ("X16", "instances are lost during a load"),
            ("X17", "numbers that do not fit"),
            ("X18", "rows that do not add up"),
            ("X19", "who mails"),
            ("X20", "long and repeated execution names"),
            ("X21", "an execution that cannot be described yet"),
            ("X22", "the response of the mail is lost"),
            ("X23", "secrets and rows in a cause"),
            ("X24", "the configuration changes during a run"),
            ("X25", "an action is denied"),
            ("X26", "the stack is updated during a run"),
            ("X27", "daylight saving, leap days"),
            ("X28", "hidden files, markers, empty files"),
        ],
    ),
];

/// Where tests are: the whole flows, and the functions' own.
const SOURCES: [&str; 2] = ["tests/flows", "functions/src"];

/// Every test whose name begins with an id, by that id: `module::name`.
fn tests() -> Result<BTreeMap<String, Vec<String>>> {
    let project = crate::harness::project_folder();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in SOURCES {
        let mut files = Vec::new();
        collect(&project.join(source), &mut files)?;
        for file in files {
            let text = std::fs::read_to_string(&file)?;
            let module = file.strip_prefix(&project)?.with_extension("");
            let module = module.to_string_lossy().replace('/', "::");
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line == "#[test]" || line == "#[tokio::test]" {
                    is_test = true;
                    continue;
                }
                let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
                let name = line.trim_start_matches("async ").strip_prefix("fn ");
                if let Some(name) = name.filter(|_| is_test) {
                    let name = name.split('(').next().unwrap_or_default();
                    let id = name.split('_').next().unwrap_or_default();
                    found
                        .entry(id.to_uppercase())
                        .or_default()
                        .push(format!("`{module}::{name}`"));
                }
                is_test = false;
            }
        }
    }
    found.values_mut().for_each(|tests| tests.sort());
    Ok(found)
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// `UPDATE_GOLDEN=1 cargo test -p end-to-end-tests fault_matrix` writes the table anew.
#[test]
fn every_row_has_a_test_and_the_table_is_up_to_date() -> Result<()> {
    let tests = tests()?;
    let mut table = String::from(
        "# Fault matrix\n\nEach row is a promise, kept by the tests that carry its id. Written by `tests/flows/fault_matrix.rs`.\n",
    );
    let mut missing = Vec::new();
    for (area, rows) in ROWS {
        table.push_str(&format!(
            "\n## {area}\n\n| id | fault | tests |\n|---|---|---|\n"
        ));
        for (id, fault) in *rows {
            let named = tests.get(*id).map(|tests| tests.join("<br>"));
            if named.is_none() {
                missing.push(*id);
            }
            table.push_str(&format!(
                "| {id} | {fault} | {} |\n",
                named.unwrap_or_default()
            ));
        }
    }
    assert!(missing.is_empty(), "rows without a test: {missing:?}");
    let path = crate::harness::project_folder().join("tests/FAULTS.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &table)?;
    }
    assert_eq!(table, std::fs::read_to_string(&path)?, "{}", path.display());
    Ok(())
}
