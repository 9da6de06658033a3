//! Each table's figures for the summary: what was staged, what was loaded, what is in the table now.

use embedded_runtime::PipelineTable;
use hive_engine::{Cell, Engine};

use crate::display::cluster::Step;
use crate::display::report::TableReport;
use crate::display::view::View;

/// The figures of every table. A table that does not exist yet has none.
pub(crate) async fn report(
    tables: &[PipelineTable],
    engine: &Engine,
    view: &View,
    batch_id: &str,
) -> Vec<TableReport> {
    let mut reports = Vec::new();
    for table in tables {
        let mut report = TableReport {
            kind: table.kind.clone(),
            table: table.name.clone(),
            ..TableReport::default()
        };
        let was_loaded = load_step(table, view).is_some();
        if was_loaded && let Some([staged, rejected]) = figures(engine, table).await {
            report.staged_rows = Some(staged);
            report.rejected_rows = Some(rejected);
        }
        let database = format!("{}_db", table.kind);
        if let Ok(statistics) = engine.table_statistics(&database, &table.name).await {
            report.total_rows = Some(statistics.rows);
            report.partitions = statistics.partitions;
            report.files = Some(statistics.files);
            report.bytes = Some(statistics.bytes);
            report.loaded_rows = match rows_of_batch(engine, &database, table, batch_id).await {
                None if was_loaded => Some(statistics.rows),
                rows => rows,
            };
        }
        reports.push(report);
    }
    reports
}

/// The load scripts leave what they have counted in a view, for the batch that was loaded last.
async fn figures(engine: &Engine, table: &PipelineTable) -> Option<[u64; 2]> {
    let sql = format!(
        "SELECT rows_staged, rows_rejected FROM stg_{}_db.{}_figures",
        table.kind, table.name
    );
    let result = engine.query(&sql).await.ok()?;
    let row = result.rows.first()?;
    Some([integer(row.first()?)?, integer(row.get(1)?)?])
}

/// The step of this run that loaded the table.
fn load_step<'a>(table: &PipelineTable, view: &'a View) -> Option<&'a Step> {
    let name = format!("load {} {}", table.kind, table.name);
    let steps = view.clusters.iter().flat_map(|cluster| &cluster.steps);
    steps
        .rev()
        .find(|step| step.short_name() == name && step.state == "COMPLETED")
}

/// Rows of one batch; only tables that are partitioned by batch can tell.
async fn rows_of_batch(
    engine: &Engine,
    database: &str,
    table: &PipelineTable,
    batch_id: &str,
) -> Option<u64> {
    let sql = format!(
        "SELECT count(*) FROM {database}.`{}` WHERE batch_id = '{batch_id}'",
        table.name
    );
    let result = engine.query(&sql).await.ok()?;
    integer(result.rows.first()?.first()?)
}

fn integer(cell: &Cell) -> Option<u64> {
    match cell {
        Cell::Integer(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}
