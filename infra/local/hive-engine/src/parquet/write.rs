//! Writes one Parquet file. What a load's buffer held becomes a row group.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::Compression;
use parquet::data_type::Int96Type;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use super::levels::{self, Timestamps, leaf_types, leaves};
use super::schema::schema_of;
use crate::cast::padded;
use crate::error::Failure;
use crate::types::HiveType;

/// A file that is being written. It is open only while something is written, so that a load of many partitions does not
/// run out of open files.
pub(crate) struct ParquetWriter {
    path: PathBuf,
    columns: Vec<(String, HiveType)>,
    schema: SchemaRef,
    file: SerializedFileWriter<Appended>,
    factory: ArrowRowGroupWriterFactory,
    groups: usize,
}

/// A table column of the row group at hand.
struct Column {
    /// One per leaf; those of timestamps are not used.
    writers: Vec<ArrowColumnWriter>,
    /// One per leaf; present for those that are timestamps.
    timestamps: Vec<Option<Timestamps>>,
}

impl ParquetWriter {
    /// Creates a file for columns of these types.
    pub(crate) fn create(
        path: &Path,
        columns: Vec<(String, HiveType)>,
        compression: Compression,
    ) -> Result<Self, Failure> {
        let root = schema_of(&columns)?;
        File::create(path).map_err(Failure::file("cannot create", path))?;
        let file = Appended {
            path: path.to_path_buf(),
            file: None,
        };
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .build();
        let file = SerializedFileWriter::new(file, root, Arc::new(properties))
            .map_err(|error| refused(path, &error))?;
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, kind)| Field::new(name, kind.arrow(), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let factory = ArrowRowGroupWriterFactory::new(&file, Arc::clone(&schema));
        Ok(Self {
            path: path.to_path_buf(),
            columns,
            schema,
            file,
            factory,
            groups: 0,
        })
    }

    /// Appends a row group: batches of columns, which have the table's types.
    pub(crate) fn append(&mut self, batches: &[Vec<ArrayRef>]) -> Result<(), Failure> {
        let written = self.write_group(batches);
        written.map_err(|error| match error {
            GroupError::Parquet(error) => refused(&self.path, &error),
            GroupError::Failed(failure) => failure,
        })
    }

    fn write_group(&mut self, batches: &[Vec<ArrayRef>]) -> Result<(), GroupError> {
        let mut writers = self.factory.create_column_writers(self.groups)?.into_iter();
        self.groups += 1;
        let mut group: Vec<Column> = Vec::new();
        for (_, kind) in &self.columns {
            let is_timestamp = |kind: &HiveType| *kind == HiveType::Timestamp;
            group.push(Column {
                writers: writers.by_ref().take(leaves(kind)).collect(),
                timestamps: leaf_types(kind)
                    .into_iter()
                    .map(|kind| is_timestamp(kind).then(Timestamps::default))
                    .collect(),
            });
        }
        for columns in batches {
            for (place, (array, column)) in columns.iter().zip(&mut group).enumerate() {
                self.append_column(place, array, column)?;
            }
        }
        let mut rows = self.file.next_row_group()?;
        for column in group {
            for (writer, timestamps) in column.writers.into_iter().zip(column.timestamps) {
                let Some(timestamps) = timestamps else {
                    writer.close()?.append_to_row_group(&mut rows)?;
                    continue;
                };
                if let Some(mut writer) = rows.next_column()? {
                    writer.typed::<Int96Type>().write_batch(
                        &timestamps.values,
                        Some(&timestamps.definitions),
                        Some(&timestamps.repetitions),
                    )?;
                    writer.close()?;
                }
            }
        }
        rows.close()?;
        self.file.flush()?;
        Ok(())
    }

    fn append_column(
        &self,
        place: usize,
        array: &ArrayRef,
        column: &mut Column,
    ) -> Result<(), GroupError> {
        let kind = &self.columns[place].1;
        if column.timestamps.iter().any(Option::is_some) {
            levels::append(&mut column.timestamps, array.as_ref(), kind);
        }
        if column.timestamps.iter().all(Option::is_some) {
            return Ok(());
        }
        let array = match kind {
            HiveType::Char(_) => padded(array, kind)?,
            _ => Arc::clone(array),
        };
        let found = compute_leaves(self.schema.field(place), &array)?;
        for ((writer, leaf), timestamps) in
            column.writers.iter_mut().zip(found).zip(&column.timestamps)
        {
            if timestamps.is_none() {
                writer.write(&leaf)?;
            }
        }
        Ok(())
    }

    /// Ends the file; answers with its bytes.
    pub(crate) fn finish(mut self) -> Result<u64, Failure> {
        self.file
            .finish()
            .map_err(|error| refused(&self.path, &error))?;
        self.file
            .flush()
            .map_err(Failure::file("cannot write", &self.path))?;
        let size = std::fs::metadata(&self.path);
        let size = size.map_err(Failure::file("cannot read", &self.path))?;
        Ok(size.len())
    }
}

/// The end of a file, which is open from a write to the next flush.
struct Appended {
    path: PathBuf,
    file: Option<File>,
}

impl Write for Appended {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => File::options().append(true).open(&self.path)?,
        };
        let written = file.write(bytes);
        self.file = Some(file);
        written
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file = None;
        Ok(())
    }
}

/// Why a row group could not be written.
enum GroupError {
    Parquet(ParquetError),
    Failed(Failure),
}

impl From<ParquetError> for GroupError {
    fn from(error: ParquetError) -> Self {
        Self::Parquet(error)
    }
}

impl From<std::io::Error> for GroupError {
    fn from(error: std::io::Error) -> Self {
        Self::Parquet(error.into())
    }
}

impl From<Failure> for GroupError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

fn refused(path: &Path, error: &ParquetError) -> Failure {
    Failure::content(path, format!("cannot be written as Parquet: {error}"))
}
