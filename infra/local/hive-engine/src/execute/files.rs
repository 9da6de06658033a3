//! Statements about a table's files: ALTER TABLE … CONCATENATE, ALTER TABLE … PARTITION … RENAME, ANALYZE TABLE.

use std::collections::BTreeMap;

use super::Executor;
use super::partitions::{full_values, matching};
use crate::error::Failure;
use crate::metastore::model::{FileFormat, Table};
use crate::metastore::partition_name::DEFAULT_PARTITION;
use crate::outcome::Cell;
use crate::syntax::reader::TableName;
use crate::syntax::statement::{PartitionSpec, Statement, parse};
use crate::tables::files::data_files;
use crate::types::HiveType;

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A condition that is true for the rows of one partition.
fn condition(table: &Table, values: &[Option<String>]) -> String {
    let columns = table.partition_columns.iter().zip(values);
    let parts = columns.map(|(column, value)| {
        let is_text = matches!(
            column.kind,
            HiveType::String | HiveType::Varchar(_) | HiveType::Char(_)
        );
        match value {
            Some(value) => format!("`{}` = {}", column.name, quoted(value)),
            None if is_text => format!("`{}` = {}", column.name, quoted(DEFAULT_PARTITION)),
            None => format!("`{}` is null", column.name),
        }
    });
    parts.collect::<Vec<_>>().join(" and ")
}

/// Name and values of a partition, if it is one, and a location.
type Piece = (Option<String>, Vec<Option<String>>, String);

impl Executor<'_> {
    /// Partitions that a clause names, with their values and locations; the table itself when it has none.
    fn pieces(&self, table: &Table, spec: &PartitionSpec) -> Result<Vec<Piece>, Failure> {
        if !table.is_partitioned() {
            return Ok(vec![(None, Vec::new(), table.location.clone())]);
        }
        let names = matching(table, spec)?.into_iter();
        Ok(names
            .filter_map(|name| {
                let partition = table.partitions.get(&name)?;
                Some((
                    Some(name),
                    partition.values.clone(),
                    partition.location.clone(),
                ))
            })
            .collect())
    }

    /// Writes the small files of a table or partition anew as few large ones.
    pub(super) async fn concatenate(
        &self,
        name: &TableName,
        spec: &PartitionSpec,
    ) -> Result<(), Failure> {
        let table = self.table(name)?;
        if table.format == FileFormat::Textfile {
            return Err(Failure::semantic(format!(
                "{} cannot be concatenated: only ORC and Parquet tables can",
                table.full_name()
            )));
        }
        if table.is_partitioned() && spec.is_empty() {
            return Err(Failure::semantic(format!(
                "{} is partitioned: CONCATENATE needs a PARTITION clause",
                table.full_name()
            )));
        }
        let target = format!("`{}`.`{}`", table.database, table.name);
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|column| format!("`{}`", column.name))
            .collect();
        for (_, values, location) in self.pieces(&table, spec)? {
            if data_files(&self.path(&location)?, false)?.len() < 2 {
                continue;
            }
            let mut text = format!("insert overwrite table {target}");
            if table.is_partitioned() {
                let fixed = table.partition_columns.iter().zip(&values);
                let fixed = fixed.map(|(column, value)| match value {
                    Some(value) => format!("`{}`={}", column.name, quoted(value)),
                    None => format!("`{}`=null", column.name),
                });
                let fixed: Vec<String> = fixed.collect();
                text.push_str(&format!(" partition ({})", fixed.join(", ")));
            }
            text.push_str(&format!(" select {} from {target}", columns.join(", ")));
            if table.is_partitioned() {
                text.push_str(&format!(" where {}", condition(&table, &values)));
            }
            if let Statement::Insert(inserts) = parse(&text)? {
                self.insert(&inserts).await?;
            }
        }
        Ok(())
    }

    /// Gives a partition other values. A managed table's folder moves with it.
    pub(super) fn rename_partition(
        &self,
        name: &TableName,
        from: &PartitionSpec,
        to: &PartitionSpec,
    ) -> Result<(), Failure> {
        self.change_table(name, |table| {
            let (old, new) = (full_values(table, from)?, full_values(table, to)?);
            let (old_name, new_name) = (table.partition_name(&old), table.partition_name(&new));
            if table.partitions.contains_key(&new_name) {
                return Err(Failure::semantic(format!(
                    "the partition {new_name} of {} already exists",
                    table.full_name()
                )));
            }
            let Some(mut partition) = table.partitions.remove(&old_name) else {
                return Err(Failure::semantic(format!(
                    "the partition {old_name} does not exist"
                )));
            };
            let moves =
                table.owns_files() && partition.location == table.default_partition_location(&old);
            if moves {
                let location = table.default_partition_location(&new);
                let (source, target) = (self.path(&partition.location)?, self.path(&location)?);
                if source.exists() {
                    let parent = target.parent().unwrap_or(&target);
                    std::fs::create_dir_all(parent)
                        .map_err(Failure::file("cannot make", parent))?;
                    std::fs::rename(&source, &target)
                        .map_err(Failure::file("cannot rename", &source))?;
                }
                partition.location = location;
            }
            partition.values = new;
            table.partitions.insert(new_name, partition);
            Ok(())
        })
    }

    /// Counts files, bytes and rows, and keeps them as the table's or partition's parameters.
    pub(super) async fn analyze(
        &self,
        name: &TableName,
        spec: &PartitionSpec,
        rows: bool,
    ) -> Result<(), Failure> {
        let table = self.table(name)?;
        if table.is_view() {
            return Err(Failure::semantic(format!(
                "{} is a view and has no statistics",
                table.full_name()
            )));
        }
        let mut counted: BTreeMap<Option<String>, BTreeMap<String, String>> = BTreeMap::new();
        for (partition, values, location) in self.pieces(&table, spec)? {
            let files = data_files(&self.path(&location)?, true)?;
            let bytes: u64 = files.iter().map(|file| file.bytes).sum();
            let mut figures = BTreeMap::from([
                ("numFiles".to_owned(), files.len().to_string()),
                ("totalSize".to_owned(), bytes.to_string()),
            ]);
            if rows {
                let mut text =
                    format!("select count(*) from `{}`.`{}`", table.database, table.name);
                if table.is_partitioned() {
                    text.push_str(&format!(" where {}", condition(&table, &values)));
                }
                if let Statement::Query(query) = parse(&text)? {
                    let answer = self.query(&query).await?.result.unwrap_or_default();
                    if let Some(Cell::Integer(rows)) =
                        answer.rows.first().and_then(|row| row.first())
                    {
                        figures.insert("numRows".to_owned(), rows.to_string());
                    }
                }
            }
            counted.insert(partition, figures);
        }
        self.change_table(name, |table| {
            for (partition, figures) in counted {
                match partition {
                    None => table.properties.extend(figures),
                    Some(name) => {
                        if let Some(partition) = table.partitions.get_mut(&name) {
                            partition.parameters.extend(figures);
                        }
                    }
                }
            }
            Ok(())
        })
    }
}
