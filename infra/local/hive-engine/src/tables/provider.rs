//! A table of the metastore for DataFusion: its columns, then its partition columns, then the virtual columns that the
//! statement mentions. Made anew for every statement.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use parking_lot::Mutex;

use super::files::{DataFile, data_files};
use super::part_filter::PartFilter;
use super::prune;
use super::scan::{FilePart, Scan, Source};
use super::sized::SizedScan;
use crate::error::Failure;
use crate::functions::udf::external;
use crate::locations::Locations;
use crate::metastore::model::{FileFormat, Table};
use crate::text::format::TextFormat;
use crate::text::open::is_splittable;

/// Smaller ranges are not worth a thread's while.
const SMALLEST_RANGE: u64 = 1 << 20;

/// How many times fewer bytes ORC and Parquet files usually have than their columns in memory.
const ORC_PACKS: u64 = 4;

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
    /// Files by directory: a statement is planned more than once, and lists its directories once.
    listed: Mutex<HashMap<PathBuf, Arc<Vec<DataFile>>>>,
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
            listed: Mutex::default(),
        }
    }

    /// The files of a directory, as they were when the statement first asked.
    fn files(&self, directory: PathBuf) -> Result<Arc<Vec<DataFile>>> {
        match self.listed.lock().entry(directory) {
            Entry::Occupied(known) => Ok(Arc::clone(known.get())),
            Entry::Vacant(new) => {
                let files = data_files(new.key(), self.recursive).map_err(external)?;
                Ok(Arc::clone(new.insert(Arc::new(files))))
            }
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
        // A footer is found from the file's end.
        let has_footer = match table.format {
            FileFormat::Textfile => TextFormat::of(table).map_err(external)?.footer_lines > 0,
            FileFormat::Orc | FileFormat::Parquet => false,
        };
        let mut parts = Vec::new();
        for (values, location) in chosen {
            let directory = self
                .locations
                .local_path(location)
                .map_err(|error| external(error.into()))?;
            let values = Arc::new(values);
            for file in self.files(directory)?.iter() {
                parts.push(FilePart {
                    address: format!("{}/{}", location.trim_end_matches('/'), file.name),
                    is_splittable: match table.format {
                        FileFormat::Textfile => !has_footer && is_splittable(&file.path),
                        FileFormat::Orc => true,
                        FileFormat::Parquet => false,
                    },
                    path: file.path.clone(),
                    bytes: file.bytes,
                    range: 0..u64::MAX,
                    values: Arc::clone(&values),
                });
            }
        }
        Ok(parts)
    }

    /// Whether a filter is about columns of ORC or Parquet files, whose parts have statistics.
    fn decides_parts(&self, filter: &Expr) -> bool {
        let columns = filter.column_refs();
        self.table.format != FileFormat::Textfile
            && !filter.is_volatile()
            && !columns.is_empty()
            && columns.iter().all(|column| {
                self.table
                    .columns
                    .iter()
                    .any(|known| known.name == column.name)
            })
    }

    /// What parts of files have to pass.
    fn part_filter(&self, state: &dyn Session, filters: &[Expr]) -> Result<Option<PartFilter>> {
        let filters = filters.iter().filter(|filter| self.decides_parts(filter));
        let Some(condition) = conjunction(filters.cloned()) else {
            return Ok(None);
        };
        let columns: Vec<usize> = (0..self.table.columns.len()).collect();
        let schema = Arc::new(self.schema.project(&columns)?);
        let df_schema = DFSchema::try_from(Arc::clone(&schema))?;
        let condition = prune::unqualified(condition)?;
        let condition = state.create_physical_expr(condition, &df_schema)?;
        let columns = self.table.columns.iter();
        let columns = columns.map(|column| (column.name.clone(), self.table.column_type(column)));
        Ok(PartFilter::new(condition, schema, columns.collect()))
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
        let part_filter = self.part_filter(state, filters)?;
        let filters: Vec<Expr> = filters
            .iter()
            .filter(|filter| self.decides_partitions(filter))
            .cloned()
            .collect();
        let parts = self.parts(state, &filters)?;
        let bytes = parts.iter().map(|part| part.bytes).sum();
        self.scanned_bytes.fetch_add(bytes, Ordering::Relaxed);
        if parts.is_empty() {
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let text = match self.table.format {
            FileFormat::Textfile => Some(TextFormat::of(&self.table).map_err(external)?),
            FileFormat::Orc | FileFormat::Parquet => None,
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
                "BLOCK__OFFSET__INSIDE__FILE on a table that is no text",
            )));
        }
        let groups = balance(parts, state.config().target_partitions());
        let streams = groups.into_iter().map(|parts| -> Arc<dyn PartitionStream> {
            Arc::new(Scan::new(
                Arc::clone(&schema),
                sources.clone(),
                text.clone(),
                part_filter.clone(),
                self.table.format == FileFormat::Parquet,
                parts,
                state.config().batch_size(),
            ))
        });
        let scan = StreamingTableExec::try_new(
            Arc::clone(&schema),
            streams.collect(),
            None,
            [],
            false,
            limit,
        )?;
        let unpacked = match self.table.format {
            FileFormat::Textfile => bytes,
            FileFormat::Orc | FileFormat::Parquet => bytes.saturating_mul(ORC_PACKS),
        };
        Ok(Arc::new(SizedScan::new(
            Arc::new(scan),
            &self.schema,
            unpacked,
        )))
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
                } else if self.decides_parts(filter) {
                    TableProviderFilterPushDown::Inexact
                } else {
                    TableProviderFilterPushDown::Unsupported
                }
            })
            .collect())
    }
}

/// Shares files among at most `groups` groups of about equal bytes, and cuts those that can be cut where a share is full. Files
/// of a group keep their order.
fn balance(parts: Vec<FilePart>, groups: usize) -> Vec<Vec<FilePart>> {
    let total: u64 = parts.iter().map(|part| part.bytes).sum();
    let share = total.div_ceil(groups.max(1) as u64).max(1);
    let mut balanced: Vec<Vec<FilePart>> = vec![Vec::new()];
    let mut filled = 0;
    for mut part in parts {
        loop {
            if filled >= share && balanced.len() < groups {
                balanced.push(Vec::new());
                filled = 0;
            }
            let room = share.saturating_sub(filled).max(SMALLEST_RANGE);
            let is_cut = part.is_splittable
                && balanced.len() < groups
                && part.bytes >= room.saturating_add(SMALLEST_RANGE);
            let Some(last) = balanced.last_mut() else {
                break;
            };
            if !is_cut {
                filled += part.bytes;
                last.push(part);
                break;
            }
            let cut = part.range.start + room;
            last.push(FilePart {
                bytes: room,
                range: part.range.start..cut,
                ..part.clone()
            });
            filled += room;
            part.bytes -= room;
            part.range.start = cut;
        }
    }
    balanced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, mebibytes: u64, is_splittable: bool) -> FilePart {
        FilePart {
            path: name.into(),
            address: name.to_owned(),
            bytes: mebibytes << 20,
            range: 0..u64::MAX,
            is_splittable,
            values: Arc::new(Vec::new()),
        }
    }

    /// Name, first byte and number of bytes in MiB of each part of each group.
    fn shares(parts: Vec<FilePart>, groups: usize) -> Vec<Vec<(String, u64, u64)>> {
        let shown = |part: &FilePart| {
            (
                part.address.clone(),
                part.range.start >> 20,
                part.bytes >> 20,
            )
        };
        let groups = balance(parts, groups);
        for group in &groups {
            for part in group {
                assert!(
                    part.range.end == u64::MAX || part.range.end - part.range.start == part.bytes
                );
            }
        }
        groups
            .iter()
            .map(|group| group.iter().map(shown).collect())
            .collect()
    }

    fn named(name: &str, start: u64, bytes: u64) -> (String, u64, u64) {
        (name.to_owned(), start, bytes)
    }

    #[test]
    fn a_compressed_file_is_never_cut() {
        let groups = shares(vec![part("a.gz", 100, false)], 4);
        assert_eq!(groups, [[named("a.gz", 0, 100)]]);
    }

    #[test]
    fn a_large_file_is_shared_by_all() {
        let groups = shares(vec![part("a", 100, true)], 4);
        let expected = [0, 25, 50, 75].map(|start| vec![named("a", start, 25)]);
        assert_eq!(groups, expected);
    }

    #[test]
    fn files_fill_the_groups_in_their_order() {
        let files = vec![
            part("a", 30, true),
            part("b.gz", 30, false),
            part("c", 20, true),
        ];
        assert_eq!(
            shares(files, 2),
            [
                vec![named("a", 0, 30), named("b.gz", 0, 30)],
                vec![named("c", 0, 20)]
            ]
        );
        assert_eq!(shares(Vec::new(), 2), [Vec::new()]);
    }

    #[test]
    fn one_group_reads_whole_files() {
        let groups = shares(vec![part("a", 100, true), part("b", 1, true)], 1);
        assert_eq!(groups, [vec![named("a", 0, 100), named("b", 0, 1)]]);
    }
}
