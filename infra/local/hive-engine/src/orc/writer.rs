//! Writes one ORC file: stripes as they come, then statistics, types and postscript. Called by the loads.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::compression::{BLOCK, Compression, Compressor};
use super::layout::Layout;
use super::protobuf::Message;
use super::statistics::{Range, Statistics};
use super::stripe::Stripe;
use crate::error::Failure;
use crate::types::HiveType;

const MAGIC: &[u8] = b"ORC";
/// Statistics of timestamps are in UTC since this writer version.
const WRITER_VERSION: u64 = 6;

/// A file that is being written. It is open only while something is written, so that a load of many partitions does not
/// run out of open files.
pub(crate) struct OrcFile {
    path: PathBuf,
    position: u64,
    layout: Layout,
    columns: Vec<(String, HiveType)>,
    rows: u64,
    stripes: Vec<Message>,
    stripe_statistics: Vec<Message>,
    file_statistics: Vec<Statistics>,
}

impl OrcFile {
    /// Names the file, which must not exist; it is created when something is written.
    pub(crate) fn create(
        path: &Path,
        columns: Vec<(String, HiveType)>,
        layout: Layout,
    ) -> Result<Self, Failure> {
        Ok(Self {
            path: path.to_path_buf(),
            position: 0,
            layout,
            columns,
            rows: 0,
            stripes: Vec::new(),
            stripe_statistics: Vec::new(),
            file_statistics: Vec::new(),
        })
    }

    /// Appends a stripe.
    pub(crate) fn append(&mut self, stripe: &Stripe) -> Result<(), Failure> {
        let offset = self.end();
        self.write(&[&stripe.index, &stripe.bytes])?;
        let mut information = Message::default();
        information
            .number(1, offset)
            .number(2, stripe.index.len() as u64)
            .number(3, stripe.bytes.len() as u64 - stripe.footer_length)
            .number(4, stripe.footer_length)
            .number(5, stripe.rows);
        self.stripes.push(information);
        let mut message = Message::default();
        for column in &stripe.statistics {
            message.message(1, &column.message());
        }
        self.stripe_statistics.push(message);
        if self.file_statistics.is_empty() {
            self.file_statistics.clone_from(&stripe.statistics);
        } else {
            self.file_statistics
                .iter_mut()
                .zip(&stripe.statistics)
                .for_each(|(all, more)| all.merge(more));
        }
        self.rows += stripe.rows;
        Ok(())
    }

    /// Writes the tail with a compressor of the file's kind; answers with the file's bytes.
    pub(crate) fn finish_with(mut self, compressor: &mut Compressor) -> Result<u64, Failure> {
        let mut metadata = Message::default();
        for statistics in &self.stripe_statistics {
            metadata.message(1, statistics);
        }
        let footer = self.footer(self.end());
        let compressing = || Failure::file("cannot compress", &self.path);
        let mut tail = Vec::new();
        compressor
            .append(&metadata.into_bytes(), &mut tail)
            .map_err(compressing())?;
        let metadata_length = tail.len();
        compressor
            .append(&footer.into_bytes(), &mut tail)
            .map_err(compressing())?;
        let mut postscript = Message::default();
        postscript
            .number(1, (tail.len() - metadata_length) as u64)
            .number(2, self.layout.compression.number());
        if self.layout.compression != Compression::None {
            postscript.number(3, BLOCK as u64);
        }
        postscript
            .packed(4, [0, 12])
            .number(5, metadata_length as u64)
            .number(6, WRITER_VERSION)
            .bytes(8000, MAGIC);
        let postscript = postscript.into_bytes();
        tail.extend_from_slice(&postscript);
        tail.push(u8::try_from(postscript.len()).unwrap_or(u8::MAX));
        self.write(&[&tail])?;
        Ok(self.position)
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
        footer.number(8, self.layout.stride.unwrap_or(0));
        footer
    }

    /// Writes the tail.
    #[cfg(test)]
    pub(crate) fn finish(self) -> Result<u64, Failure> {
        let mut compressor = Compressor::new(self.layout.compression).unwrap();
        self.finish_with(&mut compressor)
    }

    /// Where the next bytes go: behind the magic ones at first.
    fn end(&self) -> u64 {
        self.position.max(MAGIC.len() as u64)
    }

    fn write(&mut self, parts: &[&[u8]]) -> Result<(), Failure> {
        let refused = || Failure::file("cannot write", &self.path);
        let is_new = self.position == 0;
        let mut file = File::options()
            .append(true)
            .create_new(is_new)
            .open(&self.path)
            .map_err(refused())?;
        if is_new {
            file.write_all(MAGIC).map_err(refused())?;
        }
        self.position = self.end();
        for part in parts {
            file.write_all(part).map_err(refused())?;
            self.position += part.len() as u64;
        }
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
