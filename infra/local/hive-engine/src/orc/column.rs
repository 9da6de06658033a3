//! One column of a stripe that is being written: its values, its children, its statistics. Called by the writer.

use datafusion::arrow::array::{ArrayAccessor, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType,
};

use super::index::{Behind, Described, Group, Place};
use super::integers::Integers;
use super::protobuf::{Message, varint};
use super::runs::{Bits, encode_bytes};
use super::statistics::{Integral, Range, Statistics};
use super::strings::{TextStreams, Texts};
use crate::types::HiveType;

/// Kinds of streams.
const PRESENT: u64 = 0;
const DATA: u64 = 1;
const LENGTH: u64 = 2;
const DICTIONARY_DATA: u64 = 3;
const SECONDARY: u64 = 5;
/// Kinds of encodings.
const DIRECT: u64 = 0;
const DIRECT_V2: u64 = 2;
const DICTIONARY_V2: u64 = 3;

/// 2015-01-01, from which ORC counts timestamps, in seconds since 1970.
const TIMESTAMP_BASE: i64 = 1_420_070_400;

/// Rows of an array.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rows<'a> {
    /// The first so many.
    All(usize),
    /// These, in this order.
    Picked(&'a [u32]),
}

impl<'a> Rows<'a> {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::All(count) => count,
            Self::Picked(rows) => rows.len(),
        }
    }

    fn numbers(self) -> impl Iterator<Item = usize> + use<'a> {
        let (all, picked) = match self {
            Self::All(count) => (0..count, [].as_slice()),
            Self::Picked(rows) => (0..0, rows),
        };
        all.chain(picked.iter().map(|row| *row as usize))
    }
}

/// Calls with each value that is not NULL.
fn each<A: ArrayAccessor>(array: A, rows: Rows<'_>, mut body: impl FnMut(A::Item)) {
    let without_nulls = array.null_count() == 0;
    match rows {
        Rows::All(count) if without_nulls => (0..count).for_each(|row| body(array.value(row))),
        Rows::Picked(rows) if without_nulls => {
            rows.iter().for_each(|row| body(array.value(*row as usize)));
        }
        rows => rows
            .numbers()
            .filter(|row| array.is_valid(*row))
            .for_each(|row| body(array.value(row))),
    }
}

/// The places of the members of lists or maps, whose lengths are written.
fn members(
    array: &ArrayRef,
    rows: Rows<'_>,
    offsets: &[i32],
    lengths: &mut Integers,
    statistics: &mut Statistics,
) -> Vec<u32> {
    let mut places = Vec::new();
    for row in rows.numbers().filter(|row| array.is_valid(*row)) {
        let (from, to) = (
            offsets[row].cast_unsigned(),
            offsets[row + 1].cast_unsigned(),
        );
        lengths.push(i64::from(to - from));
        statistics.integer(i64::from(to - from));
        places.extend(from..to);
    }
    places
}

/// A column and its children.
pub(super) struct ColumnWriter {
    kind: HiveType,
    present: Bits,
    values: Values,
    children: Vec<ColumnWriter>,
    /// Of the group at hand.
    statistics: Statistics,
    /// Of the groups before it.
    before: Vec<Statistics>,
    marks: Marks,
}

/// Where groups begin.
#[derive(Default)]
struct Marks {
    /// Numbers of the bits that tell which values are present.
    present: Vec<usize>,
    /// Numbers of values, where their places are known only at the end.
    values: Vec<usize>,
    /// Places in the first and second stream of values.
    first: Vec<Place>,
    second: Vec<Place>,
}

/// Encoded values of the stripe so far.
enum Values {
    Bits(Bits),
    Bytes(Vec<u8>),
    Integers(Integers),
    Raw(Vec<u8>),
    Texts(Texts),
    /// Bytes and their lengths.
    Binary(Vec<u8>, Integers),
    /// Mantissas and scales; seconds and nanoseconds.
    Pair(Vec<u8>, Integers),
    Timestamps(Integers, Integers),
    /// A list's or map's lengths.
    Lengths(Integers),
    None,
}

/// A stream.
pub(super) struct Stream {
    pub kind: u64,
    pub column: u64,
    pub bytes: Vec<u8>,
    /// Where each group begins; empty where readers need all of it.
    pub places: Vec<Place>,
}

/// What the columns of a stripe have become.
#[derive(Default)]
pub(super) struct Encoded {
    pub streams: Vec<Stream>,
    pub encodings: Vec<Message>,
    /// By number.
    pub columns: Vec<Described>,
}

impl Encoded {
    fn push(&mut self, kind: u64, bytes: Vec<u8>, places: Vec<Place>) {
        self.streams.push(Stream {
            kind,
            column: self.columns.len() as u64,
            bytes,
            places,
        });
    }
}

/// Where the next byte goes.
fn end_of(bytes: &[u8]) -> Place {
    Place {
        offset: bytes.len(),
        behind: Behind::Nothing,
    }
}

impl ColumnWriter {
    pub(super) fn new(kind: &HiveType) -> Self {
        let (values, range) = match kind {
            HiveType::Boolean => (Values::Bits(Bits::default()), Range::Boolean(0)),
            HiveType::TinyInt => (Values::Bytes(Vec::new()), Range::Integer(None, Some(0))),
            HiveType::SmallInt | HiveType::Int | HiveType::BigInt => (
                Values::Integers(Integers::signed()),
                Range::Integer(None, Some(0)),
            ),
            HiveType::Float | HiveType::Double => {
                (Values::Raw(Vec::new()), Range::Double(None, 0.0))
            }
            HiveType::Decimal(_, scale) => (
                Values::Pair(Vec::new(), Integers::signed()),
                Range::Decimal(None, Some(0), *scale),
            ),
            HiveType::String | HiveType::Varchar(_) | HiveType::Char(_) => {
                (Values::Texts(Texts::default()), Range::Text(None, false, 0))
            }
            HiveType::Binary => (
                Values::Binary(Vec::new(), Integers::unsigned()),
                Range::Binary(0),
            ),
            HiveType::Date => (Values::Integers(Integers::signed()), Range::Date(None)),
            HiveType::Timestamp => (
                Values::Timestamps(Integers::signed(), Integers::unsigned()),
                Range::Timestamp(None),
            ),
            HiveType::Array(_) | HiveType::Map(_, _) => (
                Values::Lengths(Integers::unsigned()),
                Range::Collection(None, 0),
            ),
            HiveType::Struct(_) => (Values::None, Range::None),
        };
        let children = match kind {
            HiveType::Array(item) => vec![Self::new(item)],
            HiveType::Map(key, value) => vec![Self::new(key), Self::new(value)],
            HiveType::Struct(fields) => fields.iter().map(|(_, kind)| Self::new(kind)).collect(),
            _ => Vec::new(),
        };
        Self {
            kind: kind.clone(),
            present: Bits::default(),
            values,
            children,
            statistics: Statistics::new(range),
            before: Vec::new(),
            marks: Marks::default(),
        }
    }

    /// The rows that come are the first of a group.
    pub(super) fn begin_group(&mut self) {
        if !self.marks.present.is_empty() {
            let fresh = self.statistics.emptied();
            self.before
                .push(std::mem::replace(&mut self.statistics, fresh));
        }
        let marks = &mut self.marks;
        marks.present.push(self.present.count());
        match &self.values {
            Values::Bits(bits) => marks.values.push(bits.count()),
            Values::Bytes(bytes) => marks.values.push(bytes.len()),
            Values::Texts(texts) => marks.values.push(texts.count()),
            Values::Integers(integers) | Values::Lengths(integers) => {
                marks.first.push(integers.place());
            }
            Values::Raw(bytes) => marks.first.push(end_of(bytes)),
            Values::Binary(bytes, integers) | Values::Pair(bytes, integers) => {
                marks.first.push(end_of(bytes));
                marks.second.push(integers.place());
            }
            Values::Timestamps(seconds, nanos) => {
                marks.first.push(seconds.place());
                marks.second.push(nanos.place());
            }
            Values::None => {}
        }
        self.children.iter_mut().for_each(Self::begin_group);
    }

    /// Appends rows of an array, which has the Arrow type of this column.
    pub(super) fn append(&mut self, array: &ArrayRef, rows: Rows<'_>) {
        let nulls = if array.null_count() == 0 {
            self.present.push_set(rows.len());
            0
        } else {
            rows.numbers()
                .map(|row| {
                    let is_null = array.is_null(row);
                    self.present.push(!is_null);
                    usize::from(is_null)
                })
                .sum()
        };
        self.statistics.has_null |= nulls > 0;
        self.statistics.values += (rows.len() - nulls) as u64;
        let statistics = &mut self.statistics;
        match (&mut self.values, &self.kind) {
            (Values::Bits(bits), _) => each(array.as_boolean(), rows, |value| {
                bits.push(value);
                statistics.integer(i64::from(value));
            }),
            (Values::Bytes(bytes), _) => each(array.as_primitive::<Int8Type>(), rows, |value| {
                bytes.push(value.cast_unsigned());
                statistics.integer(i64::from(value));
            }),
            (Values::Integers(integers), kind) => {
                let mut found = Integral::default();
                let mut push = |value: i64| {
                    integers.push(value);
                    found.add(value);
                };
                match kind {
                    HiveType::SmallInt => {
                        each(array.as_primitive::<Int16Type>(), rows, |value| {
                            push(i64::from(value));
                        });
                    }
                    HiveType::Int => each(array.as_primitive::<Int32Type>(), rows, |value| {
                        push(i64::from(value));
                    }),
                    HiveType::Date => each(array.as_primitive::<Date32Type>(), rows, |value| {
                        push(i64::from(value));
                    }),
                    _ => each(array.as_primitive::<Int64Type>(), rows, push),
                }
                statistics.integers(&found);
            }
            (Values::Raw(bytes), HiveType::Float) => {
                bytes.reserve(rows.len() * size_of::<f32>());
                each(array.as_primitive::<Float32Type>(), rows, |value| {
                    bytes.extend_from_slice(&value.to_le_bytes());
                    statistics.double(f64::from(value));
                });
            }
            (Values::Raw(bytes), _) => {
                bytes.reserve(rows.len() * size_of::<f64>());
                each(array.as_primitive::<Float64Type>(), rows, |value| {
                    bytes.extend_from_slice(&value.to_le_bytes());
                    statistics.double(value);
                });
            }
            (Values::Texts(texts), kind) => {
                let width = if let HiveType::Char(width) = kind {
                    *width as usize
                } else {
                    0
                };
                each(array.as_string::<i32>(), rows, |value| {
                    statistics.text(value.as_bytes());
                    // CHAR is stored with the spaces that it is declared to have.
                    if width > 0 && value.chars().count() < width {
                        texts.push(format!("{value:width$}").as_bytes());
                    } else {
                        texts.push(value.as_bytes());
                    }
                });
            }
            (Values::Binary(bytes, lengths), _) => {
                each(array.as_binary::<i32>(), rows, |value| {
                    let length = i64::try_from(value.len()).unwrap_or(i64::MAX);
                    bytes.extend_from_slice(value);
                    lengths.push(length);
                    statistics.integer(length);
                });
            }
            (Values::Pair(mantissas, scales), HiveType::Decimal(_, scale)) => {
                each(array.as_primitive::<Decimal128Type>(), rows, |value| {
                    wide_varint(mantissas, value);
                    scales.push(i64::from(*scale));
                    statistics.decimal(value);
                });
            }
            (Values::Timestamps(seconds, nanos), _) => {
                each(
                    array.as_primitive::<TimestampMicrosecondType>(),
                    rows,
                    |value| {
                        let (second, nano) = (
                            value.div_euclid(1_000_000),
                            value.rem_euclid(1_000_000) * 1000,
                        );
                        // Java's first writer rounded towards 1970, and readers undo that where a fraction shows it. The format
                        // has no way to write a fraction in the last second before 1970: it is read as the second after.
                        let stored = second + i64::from(second < 0 && nano > 999_999);
                        seconds.push(stored - TIMESTAMP_BASE);
                        nanos.push(packed_nanos(nano));
                        statistics.integer(value);
                    },
                );
            }
            (Values::Lengths(lengths), HiveType::Array(_)) => {
                let list = array.as_list::<i32>();
                let items = members(array, rows, list.value_offsets(), lengths, statistics);
                self.children[0].append(list.values(), Rows::Picked(&items));
            }
            (Values::Lengths(lengths), _) => {
                let map = array.as_map();
                let entries = members(array, rows, map.value_offsets(), lengths, statistics);
                for (child, column) in self.children.iter_mut().zip(map.entries().columns()) {
                    child.append(column, Rows::Picked(&entries));
                }
            }
            (Values::None | Values::Pair(..), _) => {
                if let Some(fields) = array.as_struct_opt() {
                    // A NULL struct's fields are not stored.
                    let present: Option<Vec<u32>> = (nulls > 0).then(|| {
                        rows.numbers()
                            .filter(|row| !array.is_null(*row))
                            .filter_map(|row| u32::try_from(row).ok())
                            .collect()
                    });
                    for (child, column) in self.children.iter_mut().zip(fields.columns()) {
                        child.append(column, present.as_deref().map_or(rows, Rows::Picked));
                    }
                }
            }
        }
    }

    /// Bytes held.
    pub(super) fn size(&self) -> usize {
        let own = match &self.values {
            Values::Bits(bits) => bits.size(),
            Values::Bytes(bytes) | Values::Raw(bytes) => bytes.capacity(),
            Values::Integers(integers) | Values::Lengths(integers) => integers.size(),
            Values::Texts(texts) => texts.size(),
            Values::Binary(bytes, integers) | Values::Pair(bytes, integers) => {
                bytes.capacity() + integers.size()
            }
            Values::Timestamps(seconds, nanos) => seconds.size() + nanos.size(),
            Values::None => 0,
        };
        own + self.present.size() + self.children.iter().map(Self::size).sum::<usize>()
    }

    /// Ends the stripe: appends streams, encoding and statistics of this column and its children; empties.
    pub(super) fn finish(&mut self, encoded: &mut Encoded) {
        let marks = std::mem::take(&mut self.marks);
        if self.present.all_set() {
            self.present = Bits::default();
        } else {
            let (bytes, places) = self.present.take(&marks.present);
            encoded.push(PRESENT, bytes, places);
        }
        let mut encoding = Message::default();
        let mut kind = DIRECT_V2;
        match &mut self.values {
            Values::Bits(bits) => {
                kind = DIRECT;
                let (bytes, places) = bits.take(&marks.values);
                encoded.push(DATA, bytes, places);
            }
            Values::Bytes(bytes) => {
                kind = DIRECT;
                let mut runs = Vec::new();
                let found = encode_bytes(&std::mem::take(bytes), marks.values, &mut runs);
                let places = found.into_iter().map(|(offset, values)| Place {
                    offset,
                    behind: Behind::Values(values),
                });
                encoded.push(DATA, runs, places.collect());
            }
            Values::Integers(integers) => encoded.push(DATA, integers.take(), marks.first),
            Values::Raw(bytes) => {
                kind = DIRECT;
                encoded.push(DATA, std::mem::take(bytes), marks.first);
            }
            Values::Texts(texts) => match texts.take(&marks.values) {
                TextStreams::Direct { data, lengths } => {
                    encoded.push(DATA, data.0, data.1);
                    encoded.push(LENGTH, lengths.0, lengths.1);
                }
                TextStreams::Dictionary {
                    keys,
                    entries,
                    lengths,
                    size,
                } => {
                    encoded.push(DATA, keys.0, keys.1);
                    encoded.push(LENGTH, lengths, Vec::new());
                    encoded.push(DICTIONARY_DATA, entries, Vec::new());
                    kind = DICTIONARY_V2;
                    encoding.number(1, kind).number(2, size as u64);
                }
            },
            Values::Binary(bytes, lengths) => {
                encoded.push(DATA, std::mem::take(bytes), marks.first);
                encoded.push(LENGTH, lengths.take(), marks.second);
            }
            Values::Pair(bytes, scales) => {
                encoded.push(DATA, std::mem::take(bytes), marks.first);
                encoded.push(SECONDARY, scales.take(), marks.second);
            }
            Values::Timestamps(seconds, nanos) => {
                encoded.push(DATA, seconds.take(), marks.first);
                encoded.push(SECONDARY, nanos.take(), marks.second);
            }
            Values::Lengths(lengths) => encoded.push(LENGTH, lengths.take(), marks.first),
            Values::None => kind = DIRECT,
        }
        if kind != DICTIONARY_V2 {
            encoding.number(1, kind);
        }
        encoded.encodings.push(encoding);
        let fresh = self.statistics.emptied();
        let last = std::mem::replace(&mut self.statistics, fresh);
        encoded.columns.push(described(
            std::mem::take(&mut self.before),
            last,
            !marks.present.is_empty(),
        ));
        for child in &mut self.children {
            child.finish(encoded);
        }
    }
}

/// What is known of all groups together and, where there is an index, of each.
pub(super) fn described(before: Vec<Statistics>, last: Statistics, has_index: bool) -> Described {
    if !has_index {
        return Described {
            whole: last,
            groups: Vec::new(),
        };
    }
    let mut groups: Vec<Group> = before.into_iter().map(Group::new).collect();
    groups.push(Group::new(last));
    let mut whole = groups[0].statistics.clone();
    groups[1..]
        .iter()
        .for_each(|group| whole.merge(&group.statistics));
    Described { whole, groups }
}

/// Zigzag and seven bits per byte for 128 bits.
fn wide_varint(bytes: &mut Vec<u8>, value: i128) {
    let mut rest = ((value << 1) ^ (value >> 127)).cast_unsigned();
    // The usual case does not need 128 bits.
    while rest > u128::from(u64::MAX) {
        bytes.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    varint(bytes, u64::try_from(rest).unwrap_or(u64::MAX));
}

/// Nanoseconds with their zeros at the end counted in three bits.
fn packed_nanos(nanos: i64) -> i64 {
    if nanos == 0 {
        return 0;
    }
    let (mut digits, mut zeros) = (nanos, 0);
    while digits % 10 == 0 && zeros < 8 {
        digits /= 10;
        zeros += 1;
    }
    if zeros < 2 {
        nanos << 3
    } else {
        digits << 3 | (zeros - 1)
    }
}
