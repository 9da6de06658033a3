//! One output file of a load, in either format.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use bzip2::write::BzEncoder;
use datafusion::arrow::array::ArrayRef;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::error::Failure;
use crate::orc::Compression;
use crate::orc::writer::OrcWriter;
use crate::script::variables::Variables;
use crate::text::format::RowFormat;
use crate::text::write::write_rows;
use crate::types::HiveType;

/// How files are written.
#[derive(Debug, Clone)]
pub(crate) enum OutputFormat {
    Text(RowFormat, TextCodec),
    Orc(Compression),
}

impl OutputFormat {
    /// What the names of files end in.
    pub(super) fn extension(&self) -> &'static str {
        match self {
            Self::Text(_, codec) => codec.extension(),
            Self::Orc(_) => "",
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

/// A file that is being written.
pub(super) enum FileWriter {
    Text {
        path: PathBuf,
        file: TextFile,
        format: RowFormat,
        kinds: Vec<HiveType>,
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
            OutputFormat::Text(row, codec) => {
                let file = File::create(path).map_err(Failure::file("cannot create", path))?;
                Ok(Self::Text {
                    path: path.to_path_buf(),
                    file: TextFile::new(file, *codec),
                    format: row.clone(),
                    kinds: columns.iter().map(|(_, kind)| kind.clone()).collect(),
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
                kinds,
            } => write_rows(
                file,
                columns,
                kinds,
                rows,
                format,
                Failure::file("cannot write", path),
            ),
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
            Self::Text { path, file, .. } => {
                file.finish()
                    .map_err(Failure::file("cannot write", &path))?;
                let written =
                    std::fs::metadata(&path).map_err(Failure::file("cannot read", &path))?;
                Ok(written.len())
            }
            Self::Orc(writer) => writer.finish(),
        }
    }
}
