//! DESCRIBE of tables and databases.

use super::format::serde_class;
use super::partitions::full_values;
use super::{Executed, Executor};
use crate::error::Failure;
use crate::metastore::model::{Column, Serde, TableKind};
use crate::metastore::partition_name::DEFAULT_PARTITION;
use crate::syntax::reader::TableName;
use crate::syntax::statement::PartitionSpec;

const COLUMNS: [&str; 3] = ["col_name", "data_type", "comment"];

fn row(first: &str, second: &str, third: &str) -> Vec<String> {
    vec![first.to_owned(), second.to_owned(), third.to_owned()]
}

impl Executor<'_> {
    pub(super) fn describe(
        &self,
        name: &TableName,
        formatted: bool,
        partition: &PartitionSpec,
        column: Option<&str>,
    ) -> Result<Executed, Failure> {
        let table = self.table(name)?;
        let partition = if partition.is_empty() {
            None
        } else {
            let name = table.partition_name(&full_values(&table, partition)?);
            let found = table.partitions.get(&name).cloned();
            Some(found.ok_or_else(|| {
                Failure::semantic(format!(
                    "the partition {name} of {} does not exist",
                    table.full_name()
                ))
            })?)
        };
        let line = |column: &Column, kind: String| {
            row(&column.name, &kind, column.comment.as_deref().unwrap_or(""))
        };
        // Where the serde decides on the columns, Hive has lost their comments.
        let own = |column: &Column| match table.serde {
            Serde::OpenCsv => row(
                &column.name,
                &table.column_type(column).to_string(),
                "from deserializer",
            ),
            _ => line(column, table.column_type(column).to_string()),
        };
        if let Some(wanted) = column {
            let data = table.columns.iter().find(|column| column.name == wanted);
            let mut keys = table.partition_columns.iter();
            let row = match (data, keys.find(|column| column.name == wanted)) {
                (Some(column), _) => own(column),
                (None, Some(column)) => line(column, column.kind.to_string()),
                (None, None) => {
                    return Err(Failure::semantic(format!(
                        "{wanted} is no column of {}",
                        table.full_name()
                    )));
                }
            };
            return Ok(Executed::rows(&COLUMNS, [row]));
        }
        let mut rows: Vec<Vec<String>> = table.columns.iter().map(own).collect();
        let partition_columns: Vec<Vec<String>> = table
            .partition_columns
            .iter()
            .map(|column| line(column, column.kind.to_string()))
            .collect();
        rows.extend(partition_columns.clone());
        if table.is_partitioned() {
            rows.push(row("", "", ""));
            rows.push(row("# Partition Information", "", ""));
            rows.push(row("# col_name", "data_type", "comment"));
            rows.extend(partition_columns);
        }
        if formatted {
            let kind = match table.kind {
                TableKind::ManagedTable => "MANAGED_TABLE",
                TableKind::ExternalTable => "EXTERNAL_TABLE",
                TableKind::VirtualView => "VIRTUAL_VIEW",
            };
            rows.push(row("", "", ""));
            rows.push(row("# Detailed Table Information", "", ""));
            rows.push(row("Database:", &table.database, ""));
            if let Some(partition) = &partition {
                let values: Vec<&str> = partition
                    .values
                    .iter()
                    .map(|value| value.as_deref().unwrap_or(DEFAULT_PARTITION))
                    .collect();
                rows.push(row(
                    "Partition Value:",
                    &format!("[{}]", values.join(", ")),
                    "",
                ));
                for (key, value) in &partition.parameters {
                    rows.push(row("Partition Parameter:", key, value));
                }
            }
            let location = partition
                .as_ref()
                .map_or(&table.location, |partition| &partition.location);
            rows.push(row("Location:", location, ""));
            rows.push(row("Table Type:", kind, ""));
            rows.push(row("Comment:", table.comment.as_deref().unwrap_or(""), ""));
            rows.push(row("SerDe Library:", serde_class(table.serde), ""));
            rows.extend(
                table
                    .properties
                    .iter()
                    .map(|(key, value)| row("Table Parameter:", key, value)),
            );
            rows.extend(
                table
                    .serde_properties
                    .iter()
                    .map(|(key, value)| row("Storage Desc Param:", key, value)),
            );
        }
        Ok(Executed::rows(&COLUMNS, rows))
    }

    pub(super) fn describe_database(&self, name: &str) -> Result<Executed, Failure> {
        let database = self.existing_database(name)?;
        let row = vec![
            database.name,
            database.comment.unwrap_or_default(),
            database.location,
        ];
        Ok(Executed::rows(&["db_name", "comment", "location"], [row]))
    }
}
