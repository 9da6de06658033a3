//! ALTER TABLE … ADD / REPLACE / CHANGE COLUMNS, and what it changes in properties and serdes.

use super::Executor;
use super::create::{check, columns};
use super::format::serde_named;
use crate::error::Failure;
use crate::metastore::model::{FileFormat, Serde};
use crate::syntax::reader::TableName;
use crate::syntax::statement::{ColumnDefinition, ColumnPlace};

impl Executor<'_> {
    pub(super) fn add_columns(
        &self,
        name: &TableName,
        added: Vec<ColumnDefinition>,
    ) -> Result<(), Failure> {
        self.change_table(name, |table| {
            table.columns.extend(columns(added));
            check(table)
        })
    }

    pub(super) fn replace_columns(
        &self,
        name: &TableName,
        replaced: Vec<ColumnDefinition>,
    ) -> Result<(), Failure> {
        self.change_table(name, |table| {
            if table.format == FileFormat::Orc && replaced.len() < table.columns.len() {
                return Err(Failure::semantic(format!(
                    "replacing columns cannot drop columns of {}, which is stored as ORC",
                    table.full_name()
                )));
            }
            table.columns = columns(replaced);
            check(table)
        })
    }

    /// Renames, retypes or moves a column. Files stay as they are; values are read in the new type.
    pub(super) fn change_column(
        &self,
        name: &TableName,
        column: &str,
        to: ColumnDefinition,
        place: Option<ColumnPlace>,
    ) -> Result<(), Failure> {
        self.change_table(name, |table| {
            let full = table.full_name();
            let position = |table: &crate::metastore::model::Table, wanted: &str| {
                let found = table.columns.iter().position(|known| known.name == wanted);
                found.ok_or_else(|| Failure::semantic(format!("{wanted} is no column of {full}")))
            };
            let at = position(table, column)?;
            let mut changed = columns(vec![to]);
            if let (Some(new), old) = (changed.first_mut(), &table.columns[at])
                && new.comment.is_none()
            {
                new.comment.clone_from(&old.comment);
            }
            table.columns.remove(at);
            let at = match place {
                None => at,
                Some(ColumnPlace::First) => 0,
                Some(ColumnPlace::After(before)) => position(table, &before)? + 1,
            };
            table.columns.splice(at..at, changed);
            check(table)
        })
    }

    pub(super) fn unset_properties(
        &self,
        name: &TableName,
        if_exists: bool,
        keys: &[String],
    ) -> Result<(), Failure> {
        self.change_table(name, |table| {
            for key in keys {
                if table.properties.remove(key).is_none() && !if_exists {
                    return Err(Failure::semantic(format!(
                        "{} has no property {key}",
                        table.full_name()
                    )));
                }
            }
            Ok(())
        })
    }

    pub(super) fn set_serde(
        &self,
        name: &TableName,
        class: Option<&str>,
        properties: Vec<(String, String)>,
    ) -> Result<(), Failure> {
        self.change_table(name, |table| {
            if let Some(class) = class {
                let serde = serde_named(class)?;
                let fits = match table.format {
                    FileFormat::Textfile => matches!(serde, Serde::LazySimple | Serde::OpenCsv),
                    _ => serde == table.serde,
                };
                if !fits {
                    return Err(Failure::semantic(format!(
                        "the serde {class} cannot read the files of {}",
                        table.full_name()
                    )));
                }
                table.serde = serde;
            }
            table.serde_properties.extend(properties);
            check(table)
        })
    }

    /// Changes a table or view as it is now.
    pub(super) fn change_table<T>(
        &self,
        name: &TableName,
        change: impl FnOnce(&mut crate::metastore::model::Table) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (database, table) = self.names(name);
        let metastore = self.engine.metastore();
        metastore.update_table(&database, &table, change)
    }
}
