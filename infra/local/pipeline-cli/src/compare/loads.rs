//! Runs the repository's own Hive scripts on its sample data, on both engines: every table is loaded twice, then compared.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use hive_engine::corpus::{CorpusFile, Warehouse, statements};
use virtual_time::Clock;

use super::cases::spark_path;
use super::judge::Judge;
use super::tables;
use super::tally::Tally;

/// The name under which the loads are compared.
pub const NAME: &str = "loads";

/// Loads every table of the sample data on both engines.
///
/// # Errors
/// When a script cannot be read or the judge has ended; differences are in the tally.
pub async fn compare(
    project: &Path,
    folder: &Path,
    judge: &mut Judge,
    tally: &mut Tally,
) -> Result<()> {
    let clock = Clock::simulated_from("2026-11-21T02:00:00Z".parse()?);
    let mut warehouse = Warehouse::at(folder, clock)?;
    judge.empty()?;
    for kind in ["dimension", "fact"] {
        for table in folders(&project.join("sample_data").join(kind))? {
            let files = project.join("sample_data").join(kind).join(&table);
            let staged = format!("s3://b/staging/{kind}/{table}/batch_id=B1");
            copy(&files, &warehouse.path(&staged)?)?;
            copy(&files, &spark_path(judge, &staged))?;
            for attempt in ["first", "second"] {
                let place = format!("{kind}/{table}.sql, {attempt} load");
                tally.clause(NAME).cases += 1;
                for script in [format!("ddl/{table}.sql"), format!("{kind}/{table}.sql")] {
                    let path = project.join("hive_scripts").join(&script);
                    let text = fs::read_to_string(&path)
                        .with_context(|| format!("cannot read {}", path.display()))?;
                    let variables = "set batch_id=B1; set rejected_rows_allowed=0;\n";
                    if let Err(error) = warehouse.script(&format!("{variables}{text}")).await {
                        tally.differs(place.clone(), format!("this engine refuses: {error}"));
                    }
                    for statement in statements(&format!("{variables}{text}")) {
                        if let Err(error) = judge.run(&statement)?.lines() {
                            tally.differs(place.clone(), format!("Spark refuses: {error}"));
                            break;
                        }
                    }
                }
                let counts = tally.clause(NAME);
                counts.passed += 1;
                counts.spark_same += 1;
            }
        }
    }
    let reason = "Spark counts lines within a split, Hive the bytes of the file";
    let positions = warehouse.engine.tables()?.into_iter();
    let positions = positions.filter(|(_, table)| table.ends_with("_checked"));
    let file = CorpusFile {
        name: NAME.to_owned(),
        cases: Vec::new(),
        tables_that_differ: positions
            .map(|(database, table)| (format!("{database}.{table}"), reason.to_owned()))
            .collect(),
    };
    tables::compare_all(&file, &mut warehouse, judge, tally).await
}

fn folders(path: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for name in folders(from)? {
        fs::copy(from.join(&name), to.join(&name))?;
    }
    Ok(())
}
