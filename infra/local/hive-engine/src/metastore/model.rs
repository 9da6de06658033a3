//! The metastore's documents.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::partition_name::partition_name;
use crate::types::HiveType;

/// A database.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Database {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Address that tables without LOCATION lie under.
    pub location: String,
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

/// Who owns a table's files.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum TableKind {
    /// The warehouse: DROP deletes them.
    ManagedTable,
    /// Somebody else: DROP keeps them, unless `external.table.purge` is set.
    ExternalTable,
    /// Nobody: it is a query.
    VirtualView,
}

/// How files are laid out.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum FileFormat {
    /// Lines of text.
    Textfile,
    /// ORC.
    Orc,
    /// Parquet.
    Parquet,
}

/// How lines become rows.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) enum Serde {
    /// `LazySimpleSerDe`: delimiters and an optional escape.
    LazySimple,
    /// `OpenCSVSerde`: quotes; every column is a string.
    OpenCsv,
    /// `OrcSerde`.
    Orc,
    /// `ParquetHiveSerDe`.
    Parquet,
}

/// A column.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Column {
    /// In lower case.
    pub name: String,
    /// The declared type.
    #[serde(rename = "type")]
    pub kind: HiveType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A partition.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Partition {
    /// One per partition column; `None` is the default partition.
    pub values: Vec<Option<String>>,
    pub location: String,
    /// `numFiles`, `numRows`, `totalSize` of the last load.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
}

/// A view's query.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct View {
    /// HiveQL after substitution.
    pub text: String,
    /// The database that was current when it was created.
    pub database: String,
}

/// A table or view.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Table {
    pub database: String,
    pub name: String,
    pub kind: TableKind,
    pub columns: Vec<Column>,
    #[serde(default)]
    pub partition_columns: Vec<Column>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    pub format: FileFormat,
    pub serde: Serde,
    #[serde(default)]
    pub serde_properties: BTreeMap<String, String>,
    /// Address of its files; empty for a view.
    pub location: String,
    /// TBLPROPERTIES and the figures of the last load.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<View>,
    /// By escaped name, which is also their order in SHOW PARTITIONS.
    #[serde(default)]
    pub partitions: BTreeMap<String, Partition>,
    /// Unix seconds.
    pub created_at: i64,
}

impl Table {
    /// `database.table`.
    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}", self.database, self.name)
    }

    pub(crate) fn is_view(&self) -> bool {
        self.kind == TableKind::VirtualView
    }

    pub(crate) fn is_partitioned(&self) -> bool {
        !self.partition_columns.is_empty()
    }

    /// Whether DROP deletes files.
    pub(crate) fn owns_files(&self) -> bool {
        match self.kind {
            TableKind::ManagedTable => true,
            TableKind::ExternalTable => self
                .properties
                .get("external.table.purge")
                .is_some_and(|value| value.eq_ignore_ascii_case("true")),
            TableKind::VirtualView => false,
        }
    }

    /// The type that queries see: OpenCSVSerde makes every column a string.
    pub(crate) fn column_type(&self, column: &Column) -> HiveType {
        match self.serde {
            Serde::OpenCsv => HiveType::String,
            _ => column.kind.clone(),
        }
    }

    /// A property of the table, else of its serde.
    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        self.properties
            .get(name)
            .or_else(|| self.serde_properties.get(name))
            .map(String::as_str)
    }

    /// The escaped name of the partition with these values.
    pub(crate) fn partition_name(&self, values: &[Option<String>]) -> String {
        partition_name(
            self.partition_columns
                .iter()
                .map(|column| column.name.as_str()),
            values,
        )
    }

    /// The address of a partition that has none of its own.
    pub(crate) fn default_partition_location(&self, values: &[Option<String>]) -> String {
        format!(
            "{}/{}",
            self.location.trim_end_matches('/'),
            self.partition_name(values)
        )
    }
}
