//! DROP TABLE, DROP VIEW and TRUNCATE. Files are deleted only where the table owns them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::Executor;
use super::partitions::matching;
use crate::error::Failure;
use crate::metastore::model::Table;
use crate::syntax::reader::TableName;
use crate::syntax::statement::PartitionSpec;

/// Removes a directory and what is in it, if it is there.
pub(super) fn remove_directory(path: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::file("cannot remove", path)(error)),
    }
}

/// Removes what is in a directory.
fn empty_directory(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        remove_directory(path)?;
        fs::create_dir_all(path).map_err(Failure::file("cannot make", path))?;
    }
    Ok(())
}

impl Executor<'_> {
    pub(super) fn drop_table(
        &self,
        name: &TableName,
        if_exists: bool,
        view: bool,
    ) -> Result<(), Failure> {
        let (database, table_name) = self.names(name);
        let Some(table) = self.engine.metastore().table(&database, &table_name)? else {
            let what = if view { "view" } else { "table" };
            return if if_exists {
                Ok(())
            } else {
                Err(Failure::semantic(format!(
                    "the {what} {database}.{table_name} does not exist"
                )))
            };
        };
        if table.is_view() != view {
            let (is, statement) = if view {
                ("a table", "DROP TABLE")
            } else {
                ("a view", "DROP VIEW")
            };
            return Err(Failure::semantic(format!(
                "{} is {is}; use {statement}",
                table.full_name()
            )));
        }
        self.engine.metastore().drop_table(&database, &table_name)?;
        if table.owns_files() {
            for location in locations(&table) {
                remove_directory(&self.path(location)?)?;
            }
        }
        Ok(())
    }

    pub(super) fn truncate(
        &self,
        name: &TableName,
        partition: &PartitionSpec,
    ) -> Result<(), Failure> {
        let table = self.table(name)?;
        if !table.owns_files() {
            return Err(Failure::semantic(format!(
                "{} is {}; only a managed table, or an external one with external.table.purge=true, can be truncated",
                table.full_name(),
                if table.is_view() {
                    "a view"
                } else {
                    "an external table"
                }
            )));
        }
        if partition.is_empty() {
            for location in locations(&table) {
                empty_directory(&self.path(location)?)?;
            }
        } else {
            for chosen in matching(&table, partition)? {
                empty_directory(&self.path(&table.partitions[&chosen].location)?)?;
            }
        }
        self.engine
            .metastore()
            .update_table(&table.database, &table.name, |table| {
                for parameters in std::iter::once(&mut table.properties)
                    .chain(table.partitions.values_mut().map(|p| &mut p.parameters))
                {
                    for figure in ["numFiles", "numRows", "totalSize"] {
                        parameters.remove(figure);
                    }
                }
                Ok(())
            })
    }
}

/// The table's location, then those of partitions that lie elsewhere.
fn locations(table: &Table) -> Vec<&str> {
    let own = table.location.trim_end_matches('/');
    let inside = |location: &str| {
        location
            .strip_prefix(own)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    let elsewhere = table
        .partitions
        .values()
        .map(|partition| partition.location.as_str())
        .filter(|location| !inside(location));
    let mut all: Vec<&str> = elsewhere.collect();
    if table.is_partitioned() {
        // Partition folders go one by one on TRUNCATE, so that the partitions' directories stay.
        all.push(own);
    } else {
        all = vec![own];
    }
    all
}
