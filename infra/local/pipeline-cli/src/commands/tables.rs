//! Each table's figures for the summary: what was staged, what was loaded, what is in the table now.

use std::path::Path;

use embedded_runtime::PipelineTable;
use hive_engine::Engine;
use serde::Deserialize;

use super::landed;
use crate::display::report::TableReport;

/// What a load script says about its load, in one line of JSON under `runs/batch_id=…/<kind>.<table>.counts`.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Counts {
    rows_staged: u64,
    rows_loaded: u64,
    rows_rejected: u64,
}

/// The figures of every table. A table that does not exist yet has none.
pub(crate) async fn report(
    tables: &[PipelineTable],
    engine: &Engine,
    bucket: &Path,
    batch_id: &str,
) -> Vec<TableReport> {
    let mut reports = Vec::new();
    for table in tables {
        let counts = counts(table, bucket, batch_id);
        let statistics = engine
            .table_statistics(&format!("{}_db", table.kind), &table.name)
            .await
            .ok();
        let of_table = statistics.as_ref();
        reports.push(TableReport {
            kind: table.kind.clone(),
            table: table.name.clone(),
            staged_rows: counts.as_ref().map(|counts| counts.rows_staged),
            rejected_rows: counts.as_ref().map(|counts| counts.rows_rejected),
            loaded_rows: counts.as_ref().map(|counts| counts.rows_loaded),
            total_rows: of_table.map(|statistics| statistics.rows),
            partitions: of_table.and_then(|statistics| statistics.partitions),
            files: of_table.map(|statistics| statistics.files),
            bytes: of_table.map(|statistics| statistics.bytes),
        });
    }
    reports
}

fn counts(table: &PipelineTable, bucket: &Path, batch_id: &str) -> Option<Counts> {
    let name = format!("{}.{}.counts", table.kind, table.name);
    let folder = bucket
        .join("runs")
        .join(format!("batch_id={batch_id}"))
        .join(name);
    let texts = landed::files_below(&folder)
        .into_iter()
        .map(std::fs::read_to_string);
    texts
        .flatten()
        .find_map(|text| serde_json::from_str(text.lines().next()?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_a_load_are_found_by_table_and_batch() {
        let folder = tempfile::tempdir().unwrap();
        let table = PipelineTable {
            kind: "fact".to_owned(),
            name: "transfer".to_owned(),
        };
        assert_eq!(counts(&table, folder.path(), "B"), None);
        let below = folder.path().join("runs/batch_id=B/fact.transfer.counts");
        std::fs::create_dir_all(&below).unwrap();
        let line = r#"{"Table":"fact.transfer","BatchId":"B","Files":1,"RowsStaged":9,"RowsLoaded":7,"RowsRejected":2}"#;
        std::fs::write(below.join("000000_0"), format!("{line}\n")).unwrap();
        let expected = Counts {
            rows_staged: 9,
            rows_loaded: 7,
            rows_rejected: 2,
        };
        assert_eq!(counts(&table, folder.path(), "B"), Some(expected));
        assert_eq!(counts(&table, folder.path(), "C"), None);
    }
}
