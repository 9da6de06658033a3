//! One output file of a load, in either format.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use datafusion::arrow::array::ArrayRef;

use crate::error::Failure;
use crate::orc::Compression;
use crate::orc::writer::OrcWriter;
use crate::text::format::RowFormat;
use crate::text::write::write_rows;
use crate::types::HiveType;

/// How files are written.
#[derive(Debug, Clone)]
pub(crate) enum OutputFormat {
    Text(RowFormat),
    Orc(Compression),
}

/// A file that is being written.
pub(super) enum FileWriter {
    Text {
        path: PathBuf,
        file: BufWriter<File>,
        format: RowFormat,
        bytes: u64,
    },
    Orc(Box<OrcWriter>),
}

impl FileWriter {
    pub(super) fn create(
        path: &Path,
        columns: &[(String, HiveType)],
        format: &OutputFormat,
    ) -> Result<Self, Failure> {
        match format {
            OutputFormat::Text(row) => {
                let file = File::create(path).map_err(Failure::file("cannot create", path))?;
                Ok(Self::Text {
                    path: path.to_path_buf(),
                    file: BufWriter::new(file),
                    format: row.clone(),
                    bytes: 0,
                })
            }
            OutputFormat::Orc(compression) => Ok(Self::Orc(Box::new(OrcWriter::create(
                path,
                columns.to_vec(),
                *compression,
            )?))),
        }
    }

    /// Appends rows, and lets go of what is held beyond `most_held` bytes.
    pub(super) fn append(
        &mut self,
        columns: &[ArrayRef],
        rows: usize,
        most_held: usize,
    ) -> Result<(), Failure> {
        match self {
            Self::Text {
                path,
                file,
                format,
                bytes,
            } => {
                let mut counted = Counted { inner: file, bytes };
                write_rows(
                    &mut counted,
                    columns,
                    rows,
                    format,
                    Failure::file("cannot write", path),
                )
            }
            Self::Orc(writer) => {
                writer.append(columns, rows);
                if writer.held_bytes() > most_held {
                    writer.flush_stripe()
                } else {
                    Ok(())
                }
            }
        }
    }

    /// Ends the file; answers with its bytes.
    pub(super) fn finish(self) -> Result<u64, Failure> {
        match self {
            Self::Text {
                path,
                mut file,
                bytes,
                ..
            } => {
                file.flush().map_err(Failure::file("cannot write", &path))?;
                Ok(bytes)
            }
            Self::Orc(writer) => writer.finish(),
        }
    }
}

struct Counted<'a, W> {
    inner: &'a mut W,
    bytes: &'a mut u64,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(buffer)?;
        *self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
