//! Writes one ORC file: stripes as they fill, then statistics, types and postscript. Called by the loads.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use datafusion::arrow::array::ArrayRef;

use super::column::ColumnWriter;
use super::compression::{BLOCK, Compression};
use super::protobuf::Message;
use super::statistics::{Range, Statistics};
use crate::error::Failure;
use crate::types::HiveType;

const MAGIC: &[u8] = b"ORC";
/// Statistics of timestamps are in UTC since this writer version.
const WRITER_VERSION: u64 = 6;

/// A file that is being written.
pub(crate) struct OrcWriter {
    path: PathBuf,
    file: BufWriter<File>,
    position: u64,
    compression: Compression,
    columns: Vec<(String, HiveType)>,
    writers: Vec<ColumnWriter>,
    stripe_rows: u64,
    rows: u64,
    stripes: Vec<Message>,
    stripe_statistics: Vec<Message>,
    file_statistics: Vec<Statistics>,
}

impl OrcWriter {
    /// Creates the file.
    pub(crate) fn create(
        path: &Path,
        columns: Vec<(String, HiveType)>,
        compression: Compression,
    ) -> Result<Self, Failure> {
        let file = File::create(path).map_err(Failure::file("cannot create", path))?;
        let writers = columns
            .iter()
            .map(|(_, kind)| ColumnWriter::new(kind))
            .collect();
        let mut writer = Self {
            path: path.to_path_buf(),
            file: BufWriter::new(file),
            position: 0,
            compression,
            columns,
            writers,
            stripe_rows: 0,
            rows: 0,
            stripes: Vec::new(),
            stripe_statistics: Vec::new(),
            file_statistics: Vec::new(),
        };
        writer.write(MAGIC)?;
        Ok(writer)
    }

    /// Appends rows: one array per column, of the column's Arrow type.
    pub(crate) fn append(&mut self, arrays: &[ArrayRef], rows: usize) {
        for (writer, array) in self.writers.iter_mut().zip(arrays) {
            writer.append(array);
        }
        self.stripe_rows += rows as u64;
    }

    /// Bytes of the stripe that is not written yet, about.
    pub(crate) fn held_bytes(&self) -> usize {
        self.writers.iter().map(ColumnWriter::size).sum()
    }

    /// Writes the stripe so far.
    pub(crate) fn flush_stripe(&mut self) -> Result<(), Failure> {
        if self.stripe_rows == 0 {
            return Ok(());
        }
        let mut root_encoding = Message::default();
        root_encoding.number(1, 0);
        let mut root = Statistics::new(Range::None);
        root.values = self.stripe_rows;
        let (mut streams, mut encodings, mut statistics) =
            (Vec::new(), vec![root_encoding], vec![root]);
        let mut number = 1;
        for writer in &mut self.writers {
            writer.finish(&mut number, &mut streams, &mut encodings, &mut statistics);
        }
        let offset = self.position;
        let mut footer = Message::default();
        for (kind, column, bytes) in streams {
            let mut packed = Vec::new();
            self.compress(&bytes, &mut packed)?;
            self.write(&packed)?;
            let mut stream = Message::default();
            stream
                .number(1, kind)
                .number(2, column)
                .number(3, packed.len() as u64);
            footer.message(1, &stream);
        }
        let data_length = self.position - offset;
        for encoding in &encodings {
            footer.message(2, encoding);
        }
        footer.bytes(3, b"UTC");
        let footer_length = self.write_section(footer)?;
        let mut stripe = Message::default();
        stripe
            .number(1, offset)
            .number(2, 0)
            .number(3, data_length)
            .number(4, footer_length)
            .number(5, self.stripe_rows);
        self.stripes.push(stripe);
        let mut message = Message::default();
        for column in &statistics {
            message.message(1, &column.message());
        }
        self.stripe_statistics.push(message);
        if self.file_statistics.is_empty() {
            self.file_statistics = statistics;
        } else {
            self.file_statistics
                .iter_mut()
                .zip(&statistics)
                .for_each(|(all, more)| all.merge(more));
        }
        self.rows += self.stripe_rows;
        self.stripe_rows = 0;
        Ok(())
    }

    /// Writes what is left and the tail; answers with the file's bytes.
    pub(crate) fn finish(mut self) -> Result<u64, Failure> {
        self.flush_stripe()?;
        let content_length = self.position;
        let mut metadata = Message::default();
        for statistics in &self.stripe_statistics {
            metadata.message(1, statistics);
        }
        let metadata_length = self.write_section(metadata)?;
        let footer = self.footer(content_length);
        let footer_length = self.write_section(footer)?;
        let mut postscript = Message::default();
        postscript
            .number(1, footer_length)
            .number(2, self.compression.number());
        if self.compression != Compression::None {
            postscript.number(3, BLOCK as u64);
        }
        postscript
            .packed(4, [0, 12])
            .number(5, metadata_length)
            .number(6, WRITER_VERSION)
            .bytes(8000, MAGIC);
        let postscript = postscript.into_bytes();
        self.write(&postscript)?;
        self.write(&[u8::try_from(postscript.len()).unwrap_or(u8::MAX)])?;
        let refused = Failure::file("cannot write", &self.path);
        match self.file.into_inner() {
            Ok(_) => Ok(self.position),
            Err(error) => Err(refused(error.into_error())),
        }
    }

    fn footer(&self, content_length: u64) -> Message {
        let mut footer = Message::default();
        footer
            .number(1, MAGIC.len() as u64)
            .number(2, content_length);
        for stripe in &self.stripes {
            footer.message(3, stripe);
        }
        let root = HiveType::Struct(self.columns.clone());
        let mut types = Vec::new();
        describe(&root, &mut types);
        for kind in &types {
            footer.message(4, kind);
        }
        footer.number(6, self.rows);
        for column in &self.file_statistics {
            footer.message(7, &column.message());
        }
        if self.file_statistics.is_empty() {
            // Readers expect one entry per type, also for a file without rows.
            for _ in &types {
                footer.message(7, &Statistics::new(Range::None).message());
            }
        }
        footer.number(8, 0);
        footer
    }

    fn compress(&self, bytes: &[u8], output: &mut Vec<u8>) -> Result<(), Failure> {
        self.compression
            .append(bytes, output)
            .map_err(Failure::file("cannot compress", &self.path))
    }

    fn write_section(&mut self, message: Message) -> Result<u64, Failure> {
        let mut packed = Vec::new();
        self.compress(&message.into_bytes(), &mut packed)?;
        self.write(&packed)?;
        Ok(packed.len() as u64)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file
            .write_all(bytes)
            .map_err(Failure::file("cannot write", &self.path))?;
        self.position += bytes.len() as u64;
        Ok(())
    }
}

/// Appends a type and its children in the order of their numbers; answers with its own number.
fn describe(kind: &HiveType, types: &mut Vec<Message>) -> u64 {
    let number = types.len();
    types.push(Message::default());
    let mut message = Message::default();
    let code = match kind {
        HiveType::Boolean => 0,
        HiveType::TinyInt => 1,
        HiveType::SmallInt => 2,
        HiveType::Int => 3,
        HiveType::BigInt => 4,
        HiveType::Float => 5,
        HiveType::Double => 6,
        HiveType::String => 7,
        HiveType::Binary => 8,
        HiveType::Timestamp => 9,
        HiveType::Array(_) => 10,
        HiveType::Map(_, _) => 11,
        HiveType::Struct(_) => 12,
        HiveType::Decimal(_, _) => 14,
        HiveType::Date => 15,
        HiveType::Varchar(_) => 16,
        HiveType::Char(_) => 17,
    };
    message.number(1, code);
    let children: Vec<&HiveType> = match kind {
        HiveType::Array(item) => vec![item],
        HiveType::Map(key, value) => vec![key, value],
        HiveType::Struct(fields) => fields.iter().map(|(_, kind)| kind).collect(),
        _ => Vec::new(),
    };
    if !children.is_empty() {
        let numbers: Vec<u64> = children
            .into_iter()
            .map(|child| describe(child, types))
            .collect();
        message.packed(2, numbers);
    }
    match kind {
        HiveType::Struct(fields) => fields.iter().for_each(|(name, _)| {
            message.bytes(3, name.as_bytes());
        }),
        HiveType::Varchar(length) | HiveType::Char(length) => {
            message.number(4, u64::from(*length));
        }
        HiveType::Decimal(precision, scale) => {
            message
                .number(5, u64::from(*precision))
                .number(6, u64::from(scale.unsigned_abs()));
        }
        _ => {}
    }
    types[number] = message;
    number as u64
}
