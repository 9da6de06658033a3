//! Runs the corpus on this engine: each file in a warehouse of its own, each case against the result that Hive gives.
use std::path::Path;

use hive_engine::corpus::{Action, Warehouse, read_folder};
use virtual_time::Clock;

#[tokio::test]
async fn every_case_gives_what_hive_gives() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let (mut all, mut failures) = (0, Vec::new());
    for file in read_folder(&folder).unwrap() {
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
