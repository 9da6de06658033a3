//! A table of the metastore for DataFusion: its columns, then its partition columns, then the virtual columns that the
//! statement mentions. Made anew for every statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};

use super::files::data_files;
use super::prune;
use super::scan::{FilePart, Scan, Source};
use crate::error::Failure;
use crate::functions::udf::external;
use crate::locations::Locations;
use crate::metastore::model::{FileFormat, Table};
use crate::text::format::TextFormat;

/// The virtual column with the address of a row's file.
pub(crate) const FILE_NAME: &str = "input__file__name";
/// The virtual column with the offset of a row's line in its file.
pub(crate) const OFFSET: &str = "block__offset__inside__file";

/// A table that can be scanned.
#[derive(Debug)]
pub(crate) struct HiveTable {
    table: Table,
    schema: SchemaRef,
    sources: Vec<Source>,
    locations: Arc<dyn Locations>,
    recursive: bool,
    /// Bytes of the files that scans will read, shared by a statement's tables.
    scanned_bytes: Arc<AtomicU64>,
}

impl HiveTable {
    /// `mentioned` are the virtual columns that the statement names.
    pub(crate) fn new(
        table: Table,
        mentioned: &[&'static str],
        locations: Arc<dyn Locations>,
        recursive: bool,
        scanned_bytes: Arc<AtomicU64>,
    ) -> Self {
        let mut fields = Vec::new();
        let mut sources = Vec::new();
        for (position, column) in table.columns.iter().enumerate() {
            let kind = table.column_type(column);
            fields.push(kind.field(&column.name));
            sources.push(Source::Column {
                position,
                name: column.name.clone(),
                kind,
            });
        }
        for (position, column) in table.partition_columns.iter().enumerate() {
            fields.push(column.kind.field(&column.name));
            sources.push(Source::Partition {
                position,
                kind: column.kind.clone(),
            });
        }
        for name in mentioned {
            let (kind, source) = if *name == FILE_NAME {
                (DataType::Utf8, Source::FileName)
            } else {
                (DataType::Int64, Source::Offset)
            };
            fields.push(Field::new(*name, kind, true));
            sources.push(source);
        }
        Self {
            table,
            schema: Arc::new(Schema::new(fields)),
            sources,
            locations,
            recursive,
            scanned_bytes,
        }
    }

    fn is_partition_column(&self, name: &str) -> bool {
        self.table
            .partition_columns
            .iter()
            .any(|column| column.name == name)
    }

    fn decides_partitions(&self, filter: &Expr) -> bool {
        !filter.is_volatile()
            && filter
                .column_refs()
                .iter()
                .all(|column| self.is_partition_column(&column.name))
    }

    /// The files of the partitions that the filters leave.
    fn parts(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<FilePart>> {
        let table = &self.table;
        let chosen: Vec<(Vec<Option<String>>, &str)> = if table.is_partitioned() {
            let partitions: Vec<_> = table.partitions.values().collect();
            let keep = prune::keep(table, &partitions, filters, state)?;
            let kept = partitions.iter().zip(keep).filter(|(_, keep)| *keep);
            kept.map(|(partition, _)| (partition.values.clone(), partition.location.as_str()))
                .collect()
        } else {
            vec![(Vec::new(), table.location.as_str())]
        };
        let mut parts = Vec::new();
        for (values, location) in chosen {
            let directory = self
                .locations
                .local_path(location)
                .map_err(|error| external(error.into()))?;
            let values = Arc::new(values);
            for file in data_files(&directory, self.recursive).map_err(external)? {
                parts.push(FilePart {
                    address: format!("{}/{}", location.trim_end_matches('/'), file.name),
                    path: file.path,
                    bytes: file.bytes,
                    values: Arc::clone(&values),
                });
            }
        }
        Ok(parts)
    }
}

#[async_trait]
impl TableProvider for HiveTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let columns: Vec<usize> = projection
            .cloned()
            .unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let schema = Arc::new(self.schema.project(&columns)?);
        let filters: Vec<Expr> = filters
            .iter()
            .filter(|filter| self.decides_partitions(filter))
            .cloned()
            .collect();
        let parts = self.parts(state, &filters)?;
        self.scanned_bytes
            .fetch_add(parts.iter().map(|part| part.bytes).sum(), Ordering::Relaxed);
        if parts.is_empty() {
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let text = match self.table.format {
            FileFormat::Textfile => Some(TextFormat::of(&self.table).map_err(external)?),
            FileFormat::Orc => None,
        };
        let sources: Vec<Source> = columns
            .iter()
            .map(|index| self.sources[*index].clone())
            .collect();
        if text.is_none()
            && sources
                .iter()
                .any(|source| matches!(source, Source::Offset))
        {
            return Err(external(Failure::unsupported(
                "BLOCK__OFFSET__INSIDE__FILE on an ORC table",
            )));
        }
        let groups = balance(parts, state.config().target_partitions());
        let streams = groups.into_iter().map(|parts| -> Arc<dyn PartitionStream> {
            Arc::new(Scan::new(
                Arc::clone(&schema),
                sources.clone(),
                text.clone(),
                parts,
                state.config().batch_size(),
            ))
        });
        Ok(Arc::new(StreamingTableExec::try_new(
            Arc::clone(&schema),
            streams.collect(),
            None,
            [],
            false,
            limit,
        )?))
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|filter| {
                if self.decides_partitions(filter) {
                    TableProviderFilterPushDown::Exact
                } else {
                    TableProviderFilterPushDown::Unsupported
                }
            })
            .collect())
    }
}

/// Splits files into at most `groups` groups of about equal bytes; files of a group keep their order.
fn balance(parts: Vec<FilePart>, groups: usize) -> Vec<Vec<FilePart>> {
    let groups = groups.clamp(1, parts.len().max(1));
    let total: u64 = parts.iter().map(|part| part.bytes).sum();
    let share = total.div_ceil(groups as u64).max(1);
    let mut balanced: Vec<Vec<FilePart>> = vec![Vec::new()];
    let mut filled = 0;
    for part in parts {
        if filled >= share && balanced.len() < groups {
            balanced.push(Vec::new());
            filled = 0;
        }
        filled += part.bytes;
        if let Some(last) = balanced.last_mut() {
            last.push(part);
        }
    }
    balanced
}
