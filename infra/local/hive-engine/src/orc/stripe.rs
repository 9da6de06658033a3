//! One stripe of an ORC file: rows are gathered in memory, then encoded and compressed, without a file. Several threads each
//! build stripes of one file; [`super::writer::OrcFile`] puts them one behind the other.

use datafusion::arrow::array::ArrayRef;

use super::column::{ColumnWriter, Rows};
use super::compression::Compressor;
use super::protobuf::Message;
use super::statistics::{Range, Statistics};
use crate::types::HiveType;

/// Rows that will be a stripe.
pub(crate) struct StripeBuilder {
    writers: Vec<ColumnWriter>,
    rows: u64,
}

/// A stripe as it stands in the file, and what the file's tail says of it.
pub(crate) struct Stripe {
    pub(super) rows: u64,
    /// The compressed streams, then the compressed footer.
    pub(super) bytes: Vec<u8>,
    pub(super) footer_length: u64,
    /// Of the root and of each column.
    pub(super) statistics: Vec<Statistics>,
}

impl StripeBuilder {
    pub(crate) fn new(columns: &[(String, HiveType)]) -> Self {
        Self {
            writers: columns
                .iter()
                .map(|(_, kind)| ColumnWriter::new(kind))
                .collect(),
            rows: 0,
        }
    }

    /// Appends rows: one array per column, of the column's Arrow type.
    pub(crate) fn append(&mut self, arrays: &[ArrayRef], rows: Rows<'_>) {
        for (writer, array) in self.writers.iter_mut().zip(arrays) {
            writer.append(array, rows);
        }
        self.rows += rows.len() as u64;
    }

    /// Bytes of memory held.
    pub(crate) fn held_bytes(&self) -> usize {
        self.writers.iter().map(ColumnWriter::size).sum()
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Encodes and compresses the rows so far; empties.
    pub(crate) fn finish(&mut self, compressor: &mut Compressor) -> std::io::Result<Stripe> {
        let mut root_encoding = Message::default();
        root_encoding.number(1, 0);
        let mut root = Statistics::new(Range::None);
        root.values = self.rows;
        let (mut streams, mut encodings, mut statistics) =
            (Vec::new(), vec![root_encoding], vec![root]);
        let mut number = 1;
        for writer in &mut self.writers {
            writer.finish(&mut number, &mut streams, &mut encodings, &mut statistics);
        }
        let mut bytes = Vec::new();
        let mut footer = Message::default();
        for (kind, column, stream) in streams {
            let before = bytes.len();
            compressor.append(&stream, &mut bytes)?;
            let mut message = Message::default();
            message
                .number(1, kind)
                .number(2, column)
                .number(3, (bytes.len() - before) as u64);
            footer.message(1, &message);
        }
        for encoding in &encodings {
            footer.message(2, encoding);
        }
        footer.bytes(3, b"UTC");
        let before = bytes.len();
        compressor.append(&footer.into_bytes(), &mut bytes)?;
        Ok(Stripe {
            rows: std::mem::take(&mut self.rows),
            footer_length: (bytes.len() - before) as u64,
            bytes,
            statistics,
        })
    }
}
