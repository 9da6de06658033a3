//! One stripe of an ORC file: rows are gathered in memory, then encoded and compressed, without a file. Several threads each
//! build stripes of one file; [`super::writer::OrcFile`] puts them one behind the other.

use datafusion::arrow::array::ArrayRef;

use super::column::{ColumnWriter, Encoded, Rows, described};
use super::compression::Compressor;
use super::index::row_index;
use super::protobuf::Message;
use super::statistics::{Range, Statistics};
use crate::types::HiveType;

/// The kind of the streams of the row index.
const ROW_INDEX: u64 = 6;

/// Rows that will be a stripe.
pub(crate) struct StripeBuilder {
    writers: Vec<ColumnWriter>,
    rows: u64,
    /// Rows of a group of the index; `None` without one.
    stride: Option<u64>,
}

/// A stripe as it stands in the file, and what the file's tail says of it.
pub(crate) struct Stripe {
    pub(super) rows: u64,
    /// The compressed streams of the row index.
    pub(super) index: Vec<u8>,
    /// The compressed streams, then the compressed footer.
    pub(super) bytes: Vec<u8>,
    pub(super) footer_length: u64,
    /// Of the root and of each column.
    pub(super) statistics: Vec<Statistics>,
}

impl StripeBuilder {
    pub(crate) fn new(columns: &[(String, HiveType)], stride: Option<u64>) -> Self {
        Self {
            writers: columns
                .iter()
                .map(|(_, kind)| ColumnWriter::new(kind))
                .collect(),
            rows: 0,
            stride,
        }
    }

    /// Appends rows: one array per column, of the column's Arrow type.
    pub(crate) fn append(&mut self, arrays: &[ArrayRef], rows: Rows<'_>) {
        let Some(stride) = self.stride else {
            return self.append_within_group(arrays, rows);
        };
        let mut at = 0;
        while at < rows.len() {
            let in_group = self.rows % stride;
            if in_group == 0 {
                self.writers.iter_mut().for_each(ColumnWriter::begin_group);
            }
            let room = usize::try_from(stride - in_group).unwrap_or(usize::MAX);
            let count = room.min(rows.len() - at);
            match rows {
                _ if count == rows.len() => self.append_within_group(arrays, rows),
                Rows::All(_) => {
                    let part: Vec<ArrayRef> =
                        arrays.iter().map(|array| array.slice(at, count)).collect();
                    self.append_within_group(&part, Rows::All(count));
                }
                Rows::Picked(picked) => {
                    self.append_within_group(arrays, Rows::Picked(&picked[at..at + count]));
                }
            }
            at += count;
        }
    }

    fn append_within_group(&mut self, arrays: &[ArrayRef], rows: Rows<'_>) {
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
        let mut encoded = Encoded::default();
        let mut root_encoding = Message::default();
        root_encoding.number(1, 0);
        encoded.encodings.push(root_encoding);
        let mut root = self.root_groups();
        let last = root.pop().unwrap_or_else(|| root_of(0));
        encoded
            .columns
            .push(described(root, last, self.stride.is_some()));
        for writer in &mut self.writers {
            writer.finish(&mut encoded);
        }
        let Encoded {
            streams,
            encodings,
            mut columns,
        } = encoded;
        let mut bytes = Vec::new();
        let mut data_streams = Vec::with_capacity(streams.len());
        for stream in streams {
            let before = bytes.len();
            let chunks = compressor.append(&stream.bytes, &mut bytes)?;
            let column = usize::try_from(stream.column).unwrap_or(usize::MAX);
            for (group, place) in columns[column].groups.iter_mut().zip(stream.places) {
                group.place(place, chunks.as_deref(), stream.bytes.len());
            }
            data_streams.push((stream.kind, stream.column, bytes.len() - before));
        }
        // The index comes first in the file, but the places are known only now.
        let mut index = Vec::new();
        let mut footer = Message::default();
        for (column, known) in columns.iter().enumerate() {
            if known.groups.is_empty() {
                continue;
            }
            let before = index.len();
            compressor.append(&row_index(&known.groups).into_bytes(), &mut index)?;
            footer.message(1, &listed(ROW_INDEX, column as u64, index.len() - before));
        }
        for (kind, column, length) in data_streams {
            footer.message(1, &listed(kind, column, length));
        }
        for encoding in &encodings {
            footer.message(2, encoding);
        }
        footer.bytes(3, b"UTC");
        let before = bytes.len();
        compressor.append(&footer.into_bytes(), &mut bytes)?;
        Ok(Stripe {
            rows: std::mem::take(&mut self.rows),
            index,
            footer_length: (bytes.len() - before) as u64,
            bytes,
            statistics: columns.into_iter().map(|column| column.whole).collect(),
        })
    }

    /// How many rows each group has.
    fn root_groups(&self) -> Vec<Statistics> {
        let stride = self.stride.unwrap_or(self.rows).max(1);
        let groups = self.rows.div_ceil(stride);
        (0..groups)
            .map(|group| root_of(stride.min(self.rows - group * stride)))
            .collect()
    }
}

fn root_of(rows: u64) -> Statistics {
    let mut root = Statistics::new(Range::None);
    root.values = rows;
    root
}

/// A stream as the stripe's footer lists it.
fn listed(kind: u64, column: u64, length: usize) -> Message {
    let mut message = Message::default();
    message
        .number(1, kind)
        .number(2, column)
        .number(3, length as u64);
    message
}
