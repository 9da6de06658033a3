//! Compares whole tables of both engines: schema, partitions, rows; and has each engine read the files of the other.

use std::path::Path;

use anyhow::Result;
use hive_engine::Engine;
use hive_engine::corpus::{CorpusFile, Warehouse, lines_of};

use super::cases::differing;
use super::judge::{Judge, first_line};
use super::tally::Tally;

/// A table of this engine.
struct Described {
    /// `name type`, partition columns last.
    columns: Vec<String>,
    partition_columns: Vec<String>,
}

async fn rows_of(engine: &Engine, sql: &str) -> Result<Vec<String>, String> {
    match engine.query(sql).await {
        Ok(result) => Ok(lines_of(&result)),
        Err(error) => Err(first_line(&error.failure.to_string())),
    }
}

fn sorted(rows: Result<Vec<String>, String>) -> Result<Vec<String>, String> {
    rows.map(|mut rows| {
        rows.sort();
        rows
    })
}

/// Name and type of each column, from the rows of DESCRIBE.
fn described(lines: &[String]) -> Described {
    let cells = |line: &String| {
        let mut cells = line.split('|');
        let (name, kind) = (cells.next().unwrap_or(""), cells.next().unwrap_or(""));
        (name.trim().to_owned(), kind.trim().to_owned())
    };
    let columns = lines
        .iter()
        .map(cells)
        .take_while(|(name, _)| !name.is_empty() && !name.starts_with('#'));
    let partition_columns = lines
        .iter()
        .map(cells)
        .skip_while(|(name, _)| name != "# col_name")
        .skip(1)
        .take_while(|(name, _)| !name.is_empty());
    Described {
        columns: columns
            .map(|(name, kind)| format!("{name} {kind}"))
            .collect(),
        partition_columns: partition_columns.map(|(name, _)| name).collect(),
    }
}

fn quoted(name: &str) -> String {
    name.split('.')
        .map(|part| format!("`{part}`"))
        .collect::<Vec<_>>()
        .join(".")
}

/// Compares the rows of one table.
///
/// # Errors
/// When the judge has ended.
pub async fn compare_rows(
    place: &str,
    table: &str,
    engine: &Engine,
    judge: &mut Judge,
    tally: &mut Tally,
) -> Result<()> {
    let sql = format!("select * from {}", quoted(table));
    let ours = sorted(rows_of(engine, &sql).await);
    let theirs = sorted(judge.run(&sql)?.lines());
    let place = format!("{place} {table}");
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) if ours == theirs => {}
        (Ok(ours), Ok(theirs)) => tally.differs(place, differing(&ours, &theirs)),
        (Err(_), Err(_)) => {}
        (Err(error), _) => tally.differs(place, format!("this engine refuses: {error}")),
        (_, Err(error)) => tally.differs(place, format!("Spark refuses: {error}")),
    }
    Ok(())
}

/// Compares every table and view that a file has left.
///
/// # Errors
/// When the judge has ended.
pub async fn compare_all(
    file: &CorpusFile,
    warehouse: &mut Warehouse,
    judge: &mut Judge,
    tally: &mut Tally,
) -> Result<()> {
    let engine = warehouse.engine.clone();
    let tables = engine.tables()?;
    for (database, table) in &tables {
        let name = format!("{database}.{table}");
        let place = format!("{}.slt", file.name);
        if let Some(reason) = file.tables_that_differ.get(&name) {
            tally.explains(format!("{place} {name}"), reason.clone());
            files::compare(&place, &name, true, warehouse, judge, tally).await?;
        } else {
            tally.tables.compared += 1;
            compare_schema(&place, &name, &engine, judge, tally).await?;
            compare_rows(&place, &name, &engine, judge, tally).await?;
            files::compare(&place, &name, false, warehouse, judge, tally).await?;
        }
    }
    let mut theirs = Vec::new();
    for database in judge.run("show databases")?.rows.iter().flatten() {
        for table in judge.run(&format!("show tables in `{database}`"))?.rows {
            theirs.push(format!("{database}.{}", table.join("")));
        }
    }
    let known = |name: &String| {
        name.starts_with("judge.")
            || tables
                .iter()
                .any(|(database, table)| *name == format!("{database}.{table}"))
            || file.tables_that_differ.contains_key(name)
    };
    for name in theirs.iter().filter(|name| !known(name)) {
        tally.differs(
            format!("{}.slt {name}", file.name),
            "only Spark has this table",
        );
    }
    Ok(())
}

async fn compare_schema(
    place: &str,
    table: &str,
    engine: &Engine,
    judge: &mut Judge,
    tally: &mut Tally,
) -> Result<()> {
    let place = format!("{place} {table}");
    let sql = format!("describe {}", quoted(table));
    let ours = rows_of(engine, &sql).await.unwrap_or_default();
    let theirs = match judge.run(&sql)?.lines() {
        Ok(theirs) => theirs,
        Err(error) => {
            tally.differs(place, format!("Spark refuses DESCRIBE: {error}"));
            return Ok(());
        }
    };
    let (ours, theirs) = (described(&ours), described(&theirs));
    if ours.columns != theirs.columns {
        tally.differs(place.clone(), differing(&ours.columns, &theirs.columns));
    }
    if ours.partition_columns.is_empty() {
        return Ok(());
    }
    let sql = format!("show partitions {}", quoted(table));
    let ours = sorted(rows_of(engine, &sql).await).unwrap_or_default();
    let theirs = sorted(judge.run(&sql)?.lines()).unwrap_or_default();
    if ours != theirs {
        tally.differs(place, differing(&ours, &theirs));
    }
    Ok(())
}

/// Each engine's files, read by the others.
mod files {
    use super::*;

    /// A file with more rows is judged by its row index too.
    const FEW_ROWS: usize = 5000;

    /// pyarrow and Spark read this engine's files of a table; this engine reads Spark's. What Spark reads `differs` for a reason
    /// that the corpus names.
    pub(super) async fn compare(
        place: &str,
        table: &str,
        differs: bool,
        warehouse: &mut Warehouse,
        judge: &mut Judge,
        tally: &mut Tally,
    ) -> Result<()> {
        let engine = warehouse.engine.clone();
        let created = rows_of(&engine, &format!("show create table {}", quoted(table))).await;
        let created = created.unwrap_or_default().join("\n");
        let binary = ["OrcInputFormat", "MapredParquetInputFormat"];
        if !binary.iter().any(|format| created.contains(format)) {
            return Ok(());
        }
        let lines = rows_of(&engine, &format!("describe {}", quoted(table))).await;
        let described = described(&lines.unwrap_or_default());
        let is_orc = created.contains("OrcInputFormat");
        read_by_pyarrow(place, table, &described, is_orc, warehouse, judge, tally).await?;
        let Some(location) = location_of(&created) else {
            return Ok(());
        };
        // The folder of a table that was loaded differently holds other rows.
        let select = format!("select * from {}", quoted(table));
        let ours = sorted(rows_of(&engine, &select).await);

        let local = warehouse.path(&location)?;
        if let Ok(ours) = &ours
            && local.exists()
            && in_one_place(&engine, table, &location).await
        {
            let theirs = read_elsewhere(judge, &created, &location, &local)?;
            tally.tables.read_by_spark += 1;
            match sorted(theirs) {
                Ok(theirs) if theirs == *ours || differs => {}
                Ok(theirs) => tally.differs(
                    format!("{place} {table}, its files read by Spark"),
                    differing(ours, &theirs),
                ),
                Err(error) => {
                    tally.differs(format!("{place} {table}, its files read by Spark"), error)
                }
            }
        }

        let theirs = sorted(judge.run(&select)?.lines());
        let local = super::super::cases::spark_path(judge, &location);
        if let Ok(theirs) = theirs
            && local.exists()
        {
            let sql = elsewhere(&created, &location, &local);
            let partitioned = created.contains("PARTITIONED BY");
            let sql = if partitioned {
                format!(
                    "create database if not exists judge; {sql}; msck repair table judge.elsewhere"
                )
            } else {
                format!("create database if not exists judge; {sql}")
            };
            let read = match warehouse.script(&sql).await {
                Ok(()) => sorted(rows_of(&engine, "select * from judge.elsewhere").await),
                Err(error) => Err(error),
            };
            let _ = warehouse
                .script("drop table if exists judge.elsewhere")
                .await;
            tally.tables.read_by_engine += 1;
            let place = format!("{place} {table}, Spark's files read by this engine");
            let read = read.map(|rows| {
                let mut rows: Vec<String> =
                    rows.iter().map(|row| judge.with_addresses(row)).collect();
                rows.sort();
                rows
            });
            match read {
                Ok(read) if read == theirs || differs => {}
                Ok(read) => tally.differs(place, differing(&read, &theirs)),
                Err(error) => tally.differs(place, error),
            }
        }
        Ok(())
    }

    /// The address after LOCATION.
    fn location_of(created: &str) -> Option<String> {
        let (_, after) = created.split_once("LOCATION\n  '")?;
        after
            .split_once('\'')
            .map(|(location, _)| location.to_owned())
    }

    /// Whether every file lies under the table's own location.
    async fn in_one_place(engine: &Engine, table: &str, location: &str) -> bool {
        let sql = format!("select distinct input__file__name from {}", quoted(table));
        let files = rows_of(engine, &sql).await.unwrap_or_default();
        files
            .iter()
            .all(|file| file.starts_with(&format!("{location}/")))
    }

    /// The statement that makes an external table of the same columns over another folder.
    fn elsewhere(created: &str, location: &str, local: &Path) -> String {
        let columns = created.find('(').map_or("", |at| &created[at..]);
        let columns = columns.split("\nTBLPROPERTIES").next().unwrap_or_default();
        let columns = columns.replace(
            &format!("'{location}'"),
            &format!("'file:{}'", local.display()),
        );
        format!("create external table judge.elsewhere {columns}")
    }

    fn read_elsewhere(
        judge: &mut Judge,
        created: &str,
        location: &str,
        local: &Path,
    ) -> Result<Result<Vec<String>, String>> {
        let mut statements = vec![
            "create database if not exists judge".to_owned(),
            elsewhere(created, location, local),
        ];
        if created.contains("PARTITIONED BY") {
            statements.push("msck repair table judge.elsewhere".to_owned());
        }
        for statement in statements {
            if let Err(error) = judge.run(&statement)?.lines() {
                judge.run("drop table if exists judge.elsewhere")?;
                return Ok(Err(error));
            }
        }
        let rows = judge.run("select * from judge.elsewhere")?.lines();
        judge.run("drop table if exists judge.elsewhere")?;
        Ok(rows)
    }

    async fn read_by_pyarrow(
        place: &str,
        table: &str,
        described: &Described,
        is_orc: bool,
        warehouse: &Warehouse,
        judge: &mut Judge,
        tally: &mut Tally,
    ) -> Result<()> {
        let engine = &warehouse.engine;
        let name = quoted(table);
        let sql = format!("select distinct input__file__name from {name} order by 1");
        for file in rows_of(engine, &sql).await.unwrap_or_default() {
            let place = format!("{place} {table} {file}, read by pyarrow");
            tally.tables.read_by_pyarrow += 1;
            let path = warehouse.path(&file)?;
            let read = judge.read(&path)?;
            if let Some(error) = &read.error {
                tally.differs(place, first_line(error));
                continue;
            }
            if is_orc && read.rows.len() > FEW_ROWS {
                tally.tables.read_by_index += 1;
                match judge.skip(&path)?.lines() {
                    Ok(differences) if differences.is_empty() => {}
                    Ok(differences) => tally.differs(&place, differences.join("\n")),
                    Err(error) => tally.differs(&place, error),
                }
            }
            let columns: Vec<&str> = described
                .columns
                .iter()
                .filter_map(|column| column.split(' ').next())
                .filter(|column| read.columns.iter().any(|found| found == column))
                .collect();
            if columns.len() != read.columns.len() {
                tally.differs(place, format!("its columns are {:?}", read.columns));
                continue;
            }
            let wanted: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
            let escaped = file.replace('\'', "\\'");
            let sql = format!(
                "select {} from {name} where input__file__name = '{escaped}'",
                wanted.join(", ")
            );
            match (sorted(rows_of(engine, &sql).await), sorted(read.lines())) {
                (Ok(ours), Ok(theirs)) if ours == theirs => {}
                (Ok(ours), Ok(theirs)) => tally.differs(place, differing(&ours, &theirs)),
                (Err(error), _) | (_, Err(error)) => tally.differs(place, error),
            }
        }
        Ok(())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_table_elsewhere_has_the_same_columns_and_another_location() {
            let created = "CREATE TABLE `d`.`t`(\n  `a` int)\nSTORED AS INPUTFORMAT\n  'x'\nLOCATION\n  's3://b/t'\nTBLPROPERTIES (\n  'x'='1')";
            assert_eq!(location_of(created), Some("s3://b/t".to_owned()));
            assert_eq!(
                elsewhere(created, "s3://b/t", Path::new("/r/t")),
                "create external table judge.elsewhere (\n  `a` int)\nSTORED AS INPUTFORMAT\n  'x'\nLOCATION\n  'file:/r/t'"
            );
        }
    }
}
