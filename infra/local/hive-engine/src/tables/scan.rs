//! Streams the rows of some files of a table, or of ranges of them. One file is open at a time, on a thread for blocking work.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, RecordBatch, RecordBatchOptions, StringArray, new_null_array,
};
use datafusion::arrow::compute::BatchCoalescer;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::PartitionStream;

use super::part_filter::PartFilter;
use super::prune::partition_column;
use crate::functions::udf::external;
use crate::orc::read::{OrcColumn, OrcReader};
use crate::parquet::read::ParquetReader;
use crate::text::format::TextFormat;
use crate::text::read::{Columns, TextReader, Wanted};
use crate::types::HiveType;

/// Batches that wait for the query; reading goes on meanwhile.
const BATCHES_AHEAD: usize = 2;

/// Where a column of a scan comes from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// The file.
    Column {
        position: usize,
        name: String,
        kind: HiveType,
    },
    /// The partition.
    Partition {
        position: usize,
        kind: HiveType,
    },
    FileName,
    Offset,
}

/// A file to read, or a range of it: the lines or stripes that begin there.
#[derive(Debug, Clone)]
pub(super) struct FilePart {
    pub path: PathBuf,
    pub address: String,
    /// Size of the range, or of a file that is read as a whole and may hold more by then.
    pub bytes: u64,
    pub range: Range<u64>,
    /// Whether it may be cut further.
    pub is_splittable: bool,
    pub values: Arc<Vec<Option<String>>>,
}

/// Some files of a table.
#[derive(Debug)]
pub(super) struct Scan {
    schema: SchemaRef,
    sources: Vec<Source>,
    /// Absent for ORC and Parquet.
    text: Option<TextFormat>,
    /// For ORC and Parquet.
    filter: Option<PartFilter>,
    is_parquet: bool,
    parts: Vec<FilePart>,
    batch_rows: usize,
}

impl Scan {
    pub(super) fn new(
        schema: SchemaRef,
        sources: Vec<Source>,
        text: Option<TextFormat>,
        filter: Option<PartFilter>,
        is_parquet: bool,
        parts: Vec<FilePart>,
        batch_rows: usize,
    ) -> Self {
        Self {
            schema,
            sources,
            text,
            filter,
            is_parquet,
            parts,
            batch_rows,
        }
    }
}

impl PartitionStream for Scan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder =
            RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), BATCHES_AHEAD);
        let sender = builder.tx();
        let scan = Self {
            schema: Arc::clone(&self.schema),
            sources: self.sources.clone(),
            text: self.text.clone(),
            filter: self.filter.clone(),
            is_parquet: self.is_parquet,
            parts: self.parts.clone(),
            batch_rows: self.batch_rows,
        };
        builder.spawn_blocking(move || {
            // Batches of small files are put together; large ones are passed on as they are.
            let mut gathered = BatchCoalescer::new(Arc::clone(&scan.schema), scan.batch_rows)
                .with_biggest_coalesce_batch_size(Some(scan.batch_rows / 2));
            let has_columns = !scan.schema.fields().is_empty();
            for part in &scan.parts {
                let mut reader = scan.open(part)?;
                while let Some(columns) = reader.next_batch(scan.batch_rows)? {
                    let mut ready = Some(scan.batch(part, columns)?);
                    if has_columns && let Some(batch) = ready.take() {
                        gathered.push_batch(batch)?;
                        ready = gathered.next_completed_batch();
                    }
                    while let Some(batch) = ready {
                        if sender.blocking_send(Ok(batch)).is_err() {
                            // Nobody wants more: a LIMIT is satisfied or the query was given up.
                            return Ok(());
                        }
                        ready = gathered.next_completed_batch();
                    }
                }
            }
            gathered.finish_buffered_batch()?;
            while let Some(batch) = gathered.next_completed_batch() {
                if sender.blocking_send(Ok(batch)).is_err() {
                    return Ok(());
                }
            }
            Ok(())
        });
        builder.build()
    }
}

/// A reader of any format.
enum Reader {
    Text(Box<TextReader>),
    Orc(OrcReader),
    Parquet(Box<ParquetReader>),
}

impl Reader {
    fn next_batch(&mut self, most: usize) -> Result<Option<Columns>> {
        match self {
            Self::Text(reader) => reader.next_batch(most).map_err(external),
            Self::Orc(reader) => reader.next_batch(most).map_err(external),
            Self::Parquet(reader) => reader.next_batch().map_err(external),
        }
    }
}

impl Scan {
    fn open(&self, part: &FilePart) -> Result<Reader> {
        if let Some(format) = &self.text {
            let wanted = self.sources.iter().filter_map(|source| match source {
                Source::Column { position, kind, .. } => {
                    Some(Wanted::Field(*position, kind.clone()))
                }
                Source::FileName => Some(Wanted::FileName),
                Source::Offset => Some(Wanted::Offset),
                Source::Partition { .. } => None,
            });
            let reader = TextReader::open(
                &part.path,
                part.address.clone(),
                part.range.clone(),
                format.clone(),
                wanted.collect(),
            );
            return Ok(Reader::Text(Box::new(reader.map_err(external)?)));
        }
        if self.is_parquet {
            let wanted = self.sources.iter().filter_map(|source| match source {
                Source::Column { name, kind, .. } => Some((name.clone(), kind.clone())),
                _ => None,
            });
            let reader = ParquetReader::open(
                &part.path,
                wanted.collect(),
                self.filter.as_ref(),
                self.batch_rows,
            );
            return Ok(Reader::Parquet(Box::new(reader.map_err(external)?)));
        }
        let wanted = self.sources.iter().filter_map(|source| match source {
            Source::Column {
                position,
                name,
                kind,
            } => Some(OrcColumn {
                name: name.clone(),
                position: *position,
                kind: kind.clone(),
            }),
            _ => None,
        });
        let reader = OrcReader::open(
            &part.path,
            &part.range,
            wanted.collect(),
            self.filter.as_ref(),
            self.batch_rows,
        );
        Ok(Reader::Orc(reader.map_err(external)?))
    }

    /// Puts the file's columns and the partition's values into the order of the scan.
    fn batch(&self, part: &FilePart, (columns, rows): Columns) -> Result<RecordBatch> {
        let mut from_file = columns.into_iter();
        let columns = self.sources.iter().map(|source| -> Result<ArrayRef> {
            match source {
                Source::Partition { position, kind } => {
                    let value = part.values.get(*position).and_then(Option::as_deref);
                    partition_column(std::iter::repeat_n(value, rows), kind)
                }
                Source::FileName if self.text.is_none() => Ok(Arc::new(
                    StringArray::from_iter_values(std::iter::repeat_n(&part.address, rows)),
                )),
                _ => Ok(from_file.next().unwrap_or_else(|| {
                    new_null_array(&datafusion::arrow::datatypes::DataType::Null, rows)
                })),
            }
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns.collect::<Result<_>>()?,
            &options,
        )?)
    }
}
