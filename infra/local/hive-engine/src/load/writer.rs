//! One output file of a load, in any format: threads gather rows in buffers of their own, and what a buffer encodes to is
//! appended to the file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use bzip2::write::BzEncoder;
use datafusion::arrow::array::{ArrayRef, UInt32Array};
use datafusion::arrow::compute::take;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::error::Failure;
use crate::orc::column::Rows;
use crate::orc::stripe::{Stripe, StripeBuilder};
use crate::orc::writer::OrcFile;
use crate::orc::{Compressor, Layout};
use crate::parquet::write::ParquetWriter;
use crate::script::variables::Variables;
use crate::text::format::RowFormat;
use crate::text::write::write_rows;
use crate::types::HiveType;

/// How files are written.
#[derive(Debug, Clone)]
pub(crate) enum OutputFormat {
    Text(RowFormat, TextCodec),
    Orc(Layout),
    Parquet(parquet::basic::Compression),
}

impl OutputFormat {
    /// What the names of files end in.
    pub(super) fn extension(&self) -> &'static str {
        match self {
            Self::Text(_, codec) => codec.extension(),
            Self::Orc(_) | Self::Parquet(_) => "",
        }
    }
}

/// How text files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextCodec {
    Plain,
    Deflate,
    Gzip,
    Bzip2,
}

impl TextCodec {
    /// What `hive.exec.compress.output` and the codec's class ask for.
    ///
    /// # Errors
    /// For a codec that is not there.
    pub(crate) fn of(variables: &Variables) -> Result<Self, Failure> {
        let setting = |name: &str| variables.hiveconf.get(name).map(|value| value.trim());
        if !setting("hive.exec.compress.output").is_some_and(|on| on.eq_ignore_ascii_case("true")) {
            return Ok(Self::Plain);
        }
        let class = setting("mapreduce.output.fileoutputformat.compress.codec")
            .or_else(|| setting("mapred.output.compression.codec"))
            .unwrap_or("org.apache.hadoop.io.compress.DefaultCodec");
        match class.rsplit('.').next().unwrap_or_default() {
            "DefaultCodec" | "DeflateCodec" => Ok(Self::Deflate),
            "GzipCodec" => Ok(Self::Gzip),
            "BZip2Codec" => Ok(Self::Bzip2),
            _ => Err(Failure::unsupported(format!(
                "the compression codec {class} of a text table"
            ))),
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Deflate => ".deflate",
            Self::Gzip => ".gz",
            Self::Bzip2 => ".bz2",
        }
    }
}

/// A text file, compressed on its way.
pub(super) enum TextFile {
    Plain(BufWriter<File>),
    Deflate(ZlibEncoder<BufWriter<File>>),
    Gzip(GzEncoder<BufWriter<File>>),
    Bzip2(BzEncoder<BufWriter<File>>),
}

impl TextFile {
    fn new(file: File, codec: TextCodec) -> Self {
        let file = BufWriter::new(file);
        match codec {
            TextCodec::Plain => Self::Plain(file),
            TextCodec::Deflate => Self::Deflate(ZlibEncoder::new(file, Default::default())),
            TextCodec::Gzip => Self::Gzip(GzEncoder::new(file, Default::default())),
            TextCodec::Bzip2 => Self::Bzip2(BzEncoder::new(file, Default::default())),
        }
    }

    fn finish(self) -> std::io::Result<()> {
        let mut file = match self {
            Self::Plain(file) => file,
            Self::Deflate(encoder) => encoder.finish()?,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Bzip2(encoder) => encoder.finish()?,
        };
        file.flush()
    }
}

impl Write for TextFile {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(buffer),
            Self::Deflate(encoder) => encoder.write(buffer),
            Self::Gzip(encoder) => encoder.write(buffer),
            Self::Bzip2(encoder) => encoder.write(buffer),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Deflate(encoder) => encoder.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Bzip2(encoder) => encoder.flush(),
        }
    }
}

/// What turns buffers into parts of a file; each thread has its own.
pub(super) enum Encoder {
    Text,
    Orc(Compressor),
}

impl Encoder {
    pub(super) fn new(format: &OutputFormat) -> Result<Self, Failure> {
        match format {
            // Parquet's pages are compressed by its own writer.
            OutputFormat::Text(..) | OutputFormat::Parquet(_) => Ok(Self::Text),
            OutputFormat::Orc(layout) => Compressor::new(layout.compression)
                .map(Self::Orc)
                .map_err(|error| Failure::Query(format!("cannot compress: {error}"))),
        }
    }
}

/// Rows that one thread has gathered for one file.
pub(super) enum Buffer {
    /// With the columns' types and the lines so far.
    Text(RowFormat, Vec<HiveType>, Vec<u8>),
    Orc(StripeBuilder),
    /// Batches of columns, and the bytes that they hold.
    Parquet(Vec<Vec<ArrayRef>>, usize),
}

/// A buffer's rows as they stand in the file.
pub(super) enum Encoded {
    Text(Vec<u8>),
    Orc(Stripe),
    Parquet(Vec<Vec<ArrayRef>>),
}

impl Buffer {
    pub(super) fn new(columns: &[(String, HiveType)], format: &OutputFormat) -> Self {
        match format {
            OutputFormat::Text(row, _) => {
                let kinds = columns.iter().map(|(_, kind)| kind.clone()).collect();
                Self::Text(row.clone(), kinds, Vec::new())
            }
            OutputFormat::Orc(layout) => Self::Orc(StripeBuilder::new(columns, layout.stride)),
            OutputFormat::Parquet(_) => Self::Parquet(Vec::new(), 0),
        }
    }

    /// Appends rows of arrays, which have the Arrow types of the columns.
    pub(super) fn append(&mut self, columns: &[ArrayRef], rows: Rows<'_>) -> Result<(), Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::Query(error.to_string());
        match (self, rows) {
            (Self::Text(format, kinds, lines), Rows::All(count)) => {
                write_rows(lines, columns, kinds, count, format, |error| failed(&error))
            }
            (Self::Text(format, kinds, lines), Rows::Picked(rows)) => {
                let picked = UInt32Array::from(rows.to_vec());
                let columns = columns.iter().map(|column| take(column, &picked, None));
                let columns = columns
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|error| failed(&error))?;
                write_rows(lines, &columns, kinds, rows.len(), format, |error| {
                    failed(&error)
                })
            }
            (Self::Orc(stripe), rows) => {
                stripe.append(columns, rows);
                Ok(())
            }
            (Self::Parquet(batches, bytes), rows) => {
                let columns = match rows {
                    Rows::All(_) => columns.to_vec(),
                    Rows::Picked(rows) => {
                        let picked = UInt32Array::from(rows.to_vec());
                        let columns = columns.iter().map(|column| take(column, &picked, None));
                        columns
                            .collect::<Result<Vec<_>, _>>()
                            .map_err(|error| failed(&error))?
                    }
                };
                *bytes += columns
                    .iter()
                    .map(datafusion::arrow::array::Array::get_array_memory_size)
                    .sum::<usize>();
                batches.push(columns);
                Ok(())
            }
        }
    }

    /// Bytes of memory held.
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Text(_, _, lines) => lines.capacity(),
            Self::Orc(stripe) => stripe.held_bytes(),
            Self::Parquet(_, bytes) => *bytes,
        }
    }

    /// Whether there is no row.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Text(_, _, lines) => lines.is_empty(),
            Self::Orc(stripe) => stripe.is_empty(),
            Self::Parquet(batches, _) => batches.is_empty(),
        }
    }

    /// Encodes the rows so far; empties.
    pub(super) fn finish(&mut self, encoder: &mut Encoder) -> Result<Encoded, Failure> {
        match (self, encoder) {
            (Self::Text(_, _, lines), _) => Ok(Encoded::Text(std::mem::take(lines))),
            (Self::Orc(stripe), Encoder::Orc(compressor)) => stripe
                .finish(compressor)
                .map(Encoded::Orc)
                .map_err(|error| Failure::Query(format!("cannot compress a stripe: {error}"))),
            (Self::Parquet(batches, bytes), _) => {
                *bytes = 0;
                Ok(Encoded::Parquet(std::mem::take(batches)))
            }
            (Self::Orc(_), Encoder::Text) => Err(Failure::Query(
                "a stripe was given to the encoder of text".to_owned(),
            )),
        }
    }
}

/// A file that is being written.
pub(super) enum OutputFile {
    /// With its size.
    Text(PathBuf, u64),
    /// One compressed stream, which stays open.
    Packed(PathBuf, Box<TextFile>),
    Orc(Box<OrcFile>),
    Parquet(Box<ParquetWriter>),
}

impl OutputFile {
    pub(super) fn create(
        path: &Path,
        columns: &[(String, HiveType)],
        format: &OutputFormat,
    ) -> Result<Self, Failure> {
        match format {
            OutputFormat::Text(_, codec) => {
                let file = File::create(path).map_err(Failure::file("cannot create", path))?;
                Ok(match codec {
                    TextCodec::Plain => Self::Text(path.to_path_buf(), 0),
                    _ => Self::Packed(path.to_path_buf(), Box::new(TextFile::new(file, *codec))),
                })
            }
            OutputFormat::Orc(layout) => {
                let file = OrcFile::create(path, columns.to_vec(), *layout)?;
                Ok(Self::Orc(Box::new(file)))
            }
            OutputFormat::Parquet(compression) => {
                let file = ParquetWriter::create(path, columns.to_vec(), *compression)?;
                Ok(Self::Parquet(Box::new(file)))
            }
        }
    }

    /// Appends what a buffer gave. The file is closed again, unless it is compressed as a whole: a load may write more files
    /// than may be open at once.
    pub(super) fn append(&mut self, encoded: &Encoded) -> Result<(), Failure> {
        match (self, encoded) {
            (Self::Text(path, size), Encoded::Text(lines)) => {
                let refused = || Failure::file("cannot write", path);
                let mut file = File::options()
                    .append(true)
                    .open(&*path)
                    .map_err(refused())?;
                file.write_all(lines).map_err(refused())?;
                *size += lines.len() as u64;
                Ok(())
            }
            (Self::Packed(path, file), Encoded::Text(lines)) => file
                .write_all(lines)
                .map_err(Failure::file("cannot write", path)),
            (Self::Orc(file), Encoded::Orc(stripe)) => file.append(stripe),
            // What a buffer held is a row group.
            (Self::Parquet(file), Encoded::Parquet(batches)) => file.append(batches),
            _ => Err(Failure::Query(
                "rows of one format were given to a file of another".to_owned(),
            )),
        }
    }

    /// Ends the file; answers with its bytes.
    pub(super) fn finish(self, encoder: &mut Encoder) -> Result<u64, Failure> {
        match (self, encoder) {
            (Self::Text(_, size), _) => Ok(size),
            (Self::Packed(path, file), _) => {
                let refused = || Failure::file("cannot write", &path);
                file.finish().map_err(refused())?;
                Ok(path.metadata().map_err(refused())?.len())
            }
            (Self::Orc(file), Encoder::Orc(compressor)) => file.finish_with(compressor),
            (Self::Orc(_), Encoder::Text) => Err(Failure::Query(
                "an ORC file was given to the encoder of text".to_owned(),
            )),
            (Self::Parquet(file), _) => file.finish(),
        }
    }
}
