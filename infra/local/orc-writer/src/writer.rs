//! The file: batches become stripes, stripes end with a footer, and the file ends with metadata, footer and postscript.
//! The Hive engine opens one writer for each file of a table or partition.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{Fields, Schema};
use orc_rust::proto::{
    ColumnEncoding, Footer, Metadata, PostScript, Stream, StripeFooter, StripeInformation,
    StripeStatistics, Type,
};
use prost::Message;

use crate::column::Column;
use crate::compression::{CHUNK, Compression};
use crate::error::OrcWriteError;
use crate::schema::{orc_types, storage_type};
use crate::statistics::Statistics;

const MAGIC: &str = "ORC";
/// ORC-135: the statistics of timestamps are in UTC.
const WRITER_VERSION: u32 = 6;

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub struct WriterOptions {
    /// How streams are compressed.
    pub compression: Compression,
    /// A stripe ends when its streams hold this many bytes before compression.
    pub stripe_bytes: usize,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            compression: Compression::default(),
            stripe_bytes: 64 * 1024 * 1024,
        }
    }
}

/// What a finished file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Rows in the file.
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Writes one ORC file to `sink`. A file that is dropped before [`OrcWriter::finish`] is not readable.
pub struct OrcWriter<W: Write> {
    sink: W,
    options: WriterOptions,
    schema: Schema,
    types: Vec<Type>,
    root: Column,
    position: u64,
    rows: u64,
    stripes: Vec<StripeInformation>,
    stripe_statistics: Vec<StripeStatistics>,
    file_statistics: Vec<Statistics>,
}

impl<W: Write> OrcWriter<W> {
    /// Starts a file with the columns of `schema`. Views, dictionaries and timestamps of other units are converted.
    ///
    /// # Errors
    /// When a column's type has no ORC type, or the sink refuses the first bytes.
    pub fn try_new(
        mut sink: W,
        schema: &Schema,
        options: WriterOptions,
    ) -> Result<Self, OrcWriteError> {
        let fields: Fields = schema
            .fields()
            .iter()
            .map(|field| {
                field
                    .as_ref()
                    .clone()
                    .with_data_type(storage_type(field.data_type()))
            })
            .collect();
        let types = orc_types(&fields)?;
        let root = Column::root(&fields)?;
        sink.write_all(MAGIC.as_bytes())?;
        Ok(Self {
            sink,
            options,
            schema: Schema::new(fields),
            types,
            root,
            position: MAGIC.len() as u64,
            rows: 0,
            stripes: Vec::new(),
            stripe_statistics: Vec::new(),
            file_statistics: Vec::new(),
        })
    }

    /// Appends the rows of a batch, whose columns must have the file's types in the file's order.
    ///
    /// # Errors
    /// When the batch does not fit, or the sink refuses a stripe.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), OrcWriteError> {
        let fits = batch.num_columns() == self.schema.fields().len()
            && batch
                .columns()
                .iter()
                .zip(self.schema.fields())
                .all(|(array, field)| {
                    storage_type(array.data_type()).equals_datatype(field.data_type())
                });
        if !fits {
            return Err(OrcWriteError::SchemaMismatch {
                found: columns_text(batch.schema_ref()),
                expected: columns_text(&self.schema),
            });
        }
        let stored = batch
            .columns()
            .iter()
            .zip(self.schema.fields())
            .map(
                |(array, field)| match array.data_type() == field.data_type() {
                    true => Ok(array.clone()),
                    false => cast(array, field.data_type()),
                },
            )
            .collect::<Result<Vec<_>, _>>()?;
        let rows = arrow::array::StructArray::try_new_with_length(
            self.schema.fields().clone(),
            stored,
            None,
            batch.num_rows(),
        )?;
        self.root.append(&(std::sync::Arc::new(rows) as _))?;
        if self.root.memory() >= self.options.stripe_bytes {
            self.end_stripe()?;
        }
        Ok(())
    }

    /// The bytes that wait in memory for their stripe to end.
    pub fn memory(&self) -> usize {
        self.root.memory()
    }

    /// Ends the stripe early, so that its memory is free.
    ///
    /// # Errors
    /// When the sink refuses it.
    pub fn flush(&mut self) -> Result<(), OrcWriteError> {
        self.end_stripe()
    }

    /// Ends the file and gives the sink back.
    ///
    /// # Errors
    /// When the sink refuses the rest of the file.
    pub fn finish(mut self) -> Result<(W, Written), OrcWriteError> {
        self.end_stripe()?;
        if self.file_statistics.is_empty() {
            let (mut streams, mut columns) = (Vec::new(), Vec::new());
            self.root.finish(&mut streams, &mut columns);
            self.file_statistics = columns
                .into_iter()
                .map(|column| column.statistics)
                .collect();
        }
        let content_length = self.position - MAGIC.len() as u64;
        let metadata = Metadata {
            stripe_stats: std::mem::take(&mut self.stripe_statistics),
        };
        let metadata = self
            .options
            .compression
            .compress(metadata.encode_to_vec())?;
        let footer = Footer {
            header_length: Some(MAGIC.len() as u64),
            content_length: Some(content_length),
            stripes: std::mem::take(&mut self.stripes),
            types: std::mem::take(&mut self.types),
            number_of_rows: Some(self.rows),
            statistics: self
                .file_statistics
                .iter()
                .map(Statistics::message)
                .collect(),
            // Zero says that there are no row indexes; stripes carry statistics.
            row_index_stride: Some(0),
            ..Footer::default()
        };
        let footer = self.options.compression.compress(footer.encode_to_vec())?;
        let postscript = PostScript {
            footer_length: Some(footer.len() as u64),
            compression: Some(self.options.compression.kind() as i32),
            compression_block_size: Some(CHUNK as u64),
            version: vec![0, 12],
            metadata_length: Some(metadata.len() as u64),
            writer_version: Some(WRITER_VERSION),
            magic: Some(MAGIC.to_owned()),
            ..PostScript::default()
        }
        .encode_to_vec();
        self.put(&metadata)?;
        self.put(&footer)?;
        self.put(&postscript)?;
        self.put(&[postscript.len() as u8])?;
        self.sink.flush()?;
        let written = Written {
            rows: self.rows,
            bytes: self.position,
        };
        Ok((self.sink, written))
    }

    fn end_stripe(&mut self) -> Result<(), OrcWriteError> {
        let rows = self.root.rows();
        if rows == 0 {
            return Ok(());
        }
        let (mut streams, mut columns) = (Vec::new(), Vec::new());
        self.root.finish(&mut streams, &mut columns);
        let offset = self.position;
        let mut listed = Vec::with_capacity(streams.len());
        for stream in streams {
            let data = self.options.compression.compress(stream.data)?;
            columns[stream.column as usize].statistics.bytes_on_disk += data.len() as u64;
            listed.push(Stream {
                kind: Some(stream.kind as i32),
                column: Some(stream.column),
                length: Some(data.len() as u64),
            });
            self.put(&data)?;
        }
        let data_length = self.position - offset;
        let footer = StripeFooter {
            streams: listed,
            columns: columns
                .iter()
                .map(|column| ColumnEncoding {
                    kind: Some(column.encoding as i32),
                    ..ColumnEncoding::default()
                })
                .collect(),
            writer_timezone: Some("UTC".to_owned()),
            ..StripeFooter::default()
        };
        let footer = self.options.compression.compress(footer.encode_to_vec())?;
        self.put(&footer)?;
        self.stripes.push(StripeInformation {
            offset: Some(offset),
            index_length: Some(0),
            data_length: Some(data_length),
            footer_length: Some(footer.len() as u64),
            number_of_rows: Some(rows),
            ..StripeInformation::default()
        });
        self.stripe_statistics.push(StripeStatistics {
            col_stats: columns
                .iter()
                .map(|column| column.statistics.message())
                .collect(),
        });
        if self.file_statistics.is_empty() {
            self.file_statistics = columns
                .into_iter()
                .map(|column| column.statistics)
                .collect();
        } else {
            for (file, stripe) in self.file_statistics.iter_mut().zip(&columns) {
                file.merge(&stripe.statistics);
            }
        }
        self.rows += rows;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), OrcWriteError> {
        self.sink.write_all(bytes)?;
        self.position += bytes.len() as u64;
        Ok(())
    }
}

fn columns_text(schema: &Schema) -> String {
    let columns: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| format!("{} {}", field.name(), field.data_type()))
        .collect();
    columns.join(", ")
}

#[cfg(test)]
mod tests;
