//! One column of a stripe: its values go into streams as they come, its children follow it. Used by `writer`.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, ListArray, MapArray,
    PrimitiveArray, StringArray, StructArray,
};
use arrow::compute::filter;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Field, Fields, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, TimestampNanosecondType,
};
use orc_rust::proto::{column_encoding, stream};

use crate::byte_runs::{Bits, encode_bytes};
use crate::error::OrcWriteError;
use crate::integers::{Integers, varint, zigzag};
use crate::statistics::{Range, Statistics};

/// 2015-01-01T00:00:00Z, from which ORC counts the seconds of a timestamp.
const TIMESTAMP_BASE: i64 = 1_420_070_400;

/// A column that is being written.
pub(crate) struct Column {
    /// Its number, in pre-order from the root's 0.
    id: u32,
    present: Bits,
    rows: u64,
    statistics: Statistics,
    values: Values,
}

enum Values {
    Boolean(Bits),
    Byte(Vec<u8>),
    Integer(Integers),
    Bytes(Vec<u8>),
    Text {
        data: Vec<u8>,
        lengths: Integers,
    },
    Decimal {
        data: Vec<u8>,
        scales: Integers,
        scale: i64,
    },
    Timestamp {
        seconds: Integers,
        nanoseconds: Integers,
    },
    Struct(Vec<Column>),
    List {
        lengths: Integers,
        element: Box<Column>,
    },
    Map {
        lengths: Integers,
        entries: Vec<Column>,
    },
}

/// A finished stream, before compression.
pub(crate) struct FinishedStream {
    pub(crate) column: u32,
    pub(crate) kind: stream::Kind,
    pub(crate) data: Vec<u8>,
}

/// What a stripe knows of one column.
pub(crate) struct FinishedColumn {
    pub(crate) encoding: column_encoding::Kind,
    pub(crate) statistics: Statistics,
}

impl Column {
    /// The root struct of a table; its columns take the numbers from 1 on.
    pub(crate) fn root(fields: &Fields) -> Result<Self, OrcWriteError> {
        let mut next = 1;
        let children = children(fields, "", &mut next)?;
        Ok(Self::with(0, Range::Nothing, Values::Struct(children)))
    }

    fn with(id: u32, range: Range, values: Values) -> Self {
        Self {
            id,
            present: Bits::default(),
            rows: 0,
            statistics: Statistics::new(range),
            values,
        }
    }

    fn new(field: &Field, path: String, next: &mut u32) -> Result<Self, OrcWriteError> {
        let id = *next;
        *next += 1;
        let (range, values) = match field.data_type() {
            DataType::Boolean => (
                Range::Boolean { trues: 0 },
                Values::Boolean(Bits::default()),
            ),
            DataType::Int8 => (Range::integers(), Values::Byte(Vec::new())),
            DataType::Int16 | DataType::Int32 | DataType::Int64 => {
                (Range::integers(), Values::Integer(Integers::new(true)))
            }
            DataType::Float32 | DataType::Float64 => (
                Range::Double {
                    bounds: None,
                    sum: 0.0,
                },
                Values::Bytes(Vec::new()),
            ),
            DataType::Utf8 => (
                Range::Text {
                    bounds: None,
                    too_long: false,
                    bytes: 0,
                },
                Values::Text {
                    data: Vec::new(),
                    lengths: Integers::new(false),
                },
            ),
            DataType::Binary => (
                Range::Binary { bytes: 0 },
                Values::Text {
                    data: Vec::new(),
                    lengths: Integers::new(false),
                },
            ),
            DataType::Date32 => (
                Range::Date { bounds: None },
                Values::Integer(Integers::new(true)),
            ),
            DataType::Timestamp(_, _) => (
                Range::Timestamp { bounds: None },
                Values::Timestamp {
                    seconds: Integers::new(true),
                    nanoseconds: Integers::new(false),
                },
            ),
            DataType::Decimal128(_, scale) => (
                Range::Decimal {
                    bounds: None,
                    sum: Some(0),
                    scale: *scale as u32,
                },
                Values::Decimal {
                    data: Vec::new(),
                    scales: Integers::new(true),
                    scale: i64::from(*scale),
                },
            ),
            DataType::Struct(fields) => (
                Range::Nothing,
                Values::Struct(children(fields, &path, next)?),
            ),
            DataType::List(element) => {
                let element = Self::new(element, format!("{path}.{}", element.name()), next)?;
                (
                    Range::Nothing,
                    Values::List {
                        lengths: Integers::new(false),
                        element: Box::new(element),
                    },
                )
            }
            DataType::Map(entries, _) => {
                let DataType::Struct(fields) = entries.data_type() else {
                    return Err(unsupported(&path, field));
                };
                (
                    Range::Nothing,
                    Values::Map {
                        lengths: Integers::new(false),
                        entries: children(fields, &path, next)?,
                    },
                )
            }
            _ => return Err(unsupported(&path, field)),
        };
        Ok(Self::with(id, range, values))
    }

    /// Takes the rows of `array`, which has the column's storage type.
    pub(crate) fn append(&mut self, array: &ArrayRef) -> Result<(), OrcWriteError> {
        self.rows += array.len() as u64;
        self.statistics.values += (array.len() - array.null_count()) as u64;
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => self.present.push_many(true, array.len()),
            Some(nulls) => {
                self.statistics.has_null = true;
                nulls.iter().for_each(|valid| self.present.push(valid));
            }
        }
        self.append_values(array)
    }

    fn append_values(&mut self, array: &ArrayRef) -> Result<(), OrcWriteError> {
        let statistics = &mut self.statistics;
        match &mut self.values {
            Values::Boolean(bits) => array.as_boolean().iter().flatten().for_each(|value| {
                statistics.boolean(value);
                bits.push(value);
            }),
            Values::Byte(data) => {
                array
                    .as_primitive::<Int8Type>()
                    .iter()
                    .flatten()
                    .for_each(|value| {
                        statistics.integer(i64::from(value));
                        data.push(value as u8);
                    })
            }
            Values::Integer(integers) => match array.data_type() {
                DataType::Int16 => {
                    push_all(array.as_primitive::<Int16Type>(), integers, statistics)
                }
                DataType::Int32 => {
                    push_all(array.as_primitive::<Int32Type>(), integers, statistics)
                }
                DataType::Date32 => {
                    push_all(array.as_primitive::<Date32Type>(), integers, statistics)
                }
                _ => push_all(array.as_primitive::<Int64Type>(), integers, statistics),
            },
            Values::Bytes(data) => match array.data_type() {
                DataType::Float32 => array
                    .as_primitive::<Float32Type>()
                    .iter()
                    .flatten()
                    .for_each(|value| {
                        statistics.double(f64::from(value));
                        data.extend_from_slice(&value.to_le_bytes());
                    }),
                _ => array
                    .as_primitive::<Float64Type>()
                    .iter()
                    .flatten()
                    .for_each(|value| {
                        statistics.double(value);
                        data.extend_from_slice(&value.to_le_bytes());
                    }),
            },
            Values::Text { data, lengths } => match array.data_type() {
                DataType::Utf8 => {
                    let texts: &StringArray = array.as_string();
                    texts.iter().flatten().for_each(|value| {
                        statistics.text(value);
                        lengths.push(value.len() as i64);
                        data.extend_from_slice(value.as_bytes());
                    });
                }
                _ => {
                    let values: &BinaryArray = array.as_binary();
                    values.iter().flatten().for_each(|value| {
                        statistics.binary(value);
                        lengths.push(value.len() as i64);
                        data.extend_from_slice(value);
                    });
                }
            },
            Values::Decimal {
                data,
                scales,
                scale,
            } => {
                let values: &Decimal128Array = array.as_primitive();
                values.iter().flatten().for_each(|value| {
                    statistics.decimal(value);
                    wide_varint(data, value);
                    scales.push(*scale);
                });
            }
            Values::Timestamp {
                seconds,
                nanoseconds,
            } => {
                array
                    .as_primitive::<TimestampNanosecondType>()
                    .iter()
                    .flatten()
                    .for_each(|value| {
                        statistics.integer(value.div_euclid(1_000_000));
                        let (second, rest) = timestamp_parts(value);
                        seconds.push(second);
                        nanoseconds.push(rest);
                    });
            }
            Values::Struct(columns) => append_struct(columns, array.as_struct())?,
            Values::List { lengths, element } => {
                let list: &ListArray = array.as_list();
                for range in present_ranges(list, list.value_offsets()) {
                    lengths.push((range.end - range.start) as i64);
                    element.append(&list.values().slice(range.start, range.end - range.start))?;
                }
            }
            Values::Map { lengths, entries } => {
                let map: &MapArray = array.as_map();
                for range in present_ranges(map, map.value_offsets()) {
                    lengths.push((range.end - range.start) as i64);
                    append_struct(
                        entries,
                        &map.entries().slice(range.start, range.end - range.start),
                    )?;
                }
            }
        }
        Ok(())
    }

    /// The bytes that the column holds at present, before compression.
    pub(crate) fn memory(&self) -> usize {
        self.present.memory()
            + match &self.values {
                Values::Boolean(bits) => bits.memory(),
                Values::Byte(data) | Values::Bytes(data) => data.len(),
                Values::Integer(integers) => integers.memory(),
                Values::Text { data, lengths } => data.len() + lengths.memory(),
                Values::Decimal { data, scales, .. } => data.len() + scales.memory(),
                Values::Timestamp {
                    seconds,
                    nanoseconds,
                } => seconds.memory() + nanoseconds.memory(),
                Values::Struct(columns) => columns.iter().map(Self::memory).sum(),
                Values::List { lengths, element } => lengths.memory() + element.memory(),
                Values::Map { lengths, entries } => {
                    lengths.memory() + entries.iter().map(Self::memory).sum::<usize>()
                }
            }
    }

    /// Ends the stripe: gives the streams and what is known of this column and its children, and starts anew.
    pub(crate) fn finish(
        &mut self,
        streams: &mut Vec<FinishedStream>,
        columns: &mut Vec<FinishedColumn>,
    ) {
        use column_encoding::Kind::{Direct, DirectV2};
        use stream::Kind::{Data, Length, Present, Secondary};
        let id = self.id;
        let mut add = |kind, data: Vec<u8>| {
            streams.push(FinishedStream {
                column: id,
                kind,
                data,
            })
        };
        let present = self.present.take_encoded();
        if self.statistics.has_null {
            add(Present, present);
        }
        let encoding = match &mut self.values {
            Values::Boolean(bits) => {
                add(Data, bits.take_encoded());
                Direct
            }
            Values::Byte(data) => {
                add(Data, encode_bytes(&std::mem::take(data)));
                Direct
            }
            Values::Bytes(data) => {
                add(Data, std::mem::take(data));
                Direct
            }
            Values::Struct(_) => Direct,
            Values::Integer(integers) => {
                add(Data, integers.take_encoded());
                DirectV2
            }
            Values::Text { data, lengths } => {
                add(Data, std::mem::take(data));
                add(Length, lengths.take_encoded());
                DirectV2
            }
            Values::Decimal { data, scales, .. } => {
                add(Data, std::mem::take(data));
                add(Secondary, scales.take_encoded());
                DirectV2
            }
            Values::Timestamp {
                seconds,
                nanoseconds,
            } => {
                add(Data, seconds.take_encoded());
                add(Secondary, nanoseconds.take_encoded());
                DirectV2
            }
            Values::List { lengths, .. } | Values::Map { lengths, .. } => {
                add(Length, lengths.take_encoded());
                DirectV2
            }
        };
        let fresh = Statistics::new(self.statistics.range.emptied());
        columns.push(FinishedColumn {
            encoding,
            statistics: std::mem::replace(&mut self.statistics, fresh),
        });
        self.rows = 0;
        match &mut self.values {
            Values::Struct(children)
            | Values::Map {
                entries: children, ..
            } => {
                children
                    .iter_mut()
                    .for_each(|child| child.finish(streams, columns));
            }
            Values::List { element, .. } => element.finish(streams, columns),
            _ => {}
        }
    }

    /// The rows since the stripe began.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }
}

fn children(fields: &Fields, path: &str, next: &mut u32) -> Result<Vec<Column>, OrcWriteError> {
    fields
        .iter()
        .map(|field| {
            let path = if path.is_empty() {
                field.name().clone()
            } else {
                format!("{path}.{}", field.name())
            };
            Column::new(field, path, next)
        })
        .collect()
}

fn unsupported(path: &str, field: &Field) -> OrcWriteError {
    OrcWriteError::UnsupportedType {
        column: path.to_owned(),
        data_type: field.data_type().clone(),
    }
}

fn push_all<T>(array: &PrimitiveArray<T>, integers: &mut Integers, statistics: &mut Statistics)
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64>,
{
    array.iter().flatten().for_each(|value| {
        let value = value.into();
        statistics.integer(value);
        integers.push(value);
    });
}

/// The children hold values only for the rows in which the struct itself is not null.
fn append_struct(columns: &mut [Column], array: &StructArray) -> Result<(), OrcWriteError> {
    let valid = array
        .nulls()
        .filter(|nulls| nulls.null_count() > 0)
        .map(|nulls| BooleanArray::new(nulls.inner().clone(), None));
    for (column, values) in columns.iter_mut().zip(array.columns()) {
        match &valid {
            None => column.append(values)?,
            Some(valid) => column.append(&filter(values, valid)?)?,
        }
    }
    Ok(())
}

/// The value ranges of the rows that are not null.
fn present_ranges<'a>(
    array: &'a dyn Array,
    offsets: &'a [i32],
) -> impl Iterator<Item = std::ops::Range<usize>> + 'a {
    (0..array.len())
        .filter(|&row| array.is_valid(row))
        .map(|row| offsets[row] as usize..offsets[row + 1] as usize)
}

/// Seconds since the base, and nanoseconds with their trailing zeros folded into the lowest three bits.
///
/// Readers take one second off a negative time with a fraction, as the first Java writer truncated toward zero; so one is
/// added here.
fn timestamp_parts(value: i64) -> (i64, i64) {
    let (mut second, nanosecond) = (
        value.div_euclid(1_000_000_000),
        value.rem_euclid(1_000_000_000),
    );
    if second < 0 && nanosecond > 999_999 {
        second += 1;
    }
    (second - TIMESTAMP_BASE, fold_zeros(nanosecond))
}

fn fold_zeros(nanosecond: i64) -> i64 {
    if nanosecond == 0 {
        return 0;
    }
    let (mut rest, mut zeros) = (nanosecond, 0);
    while rest % 10 == 0 && zeros < 8 {
        rest /= 10;
        zeros += 1;
    }
    // One zero is cheaper kept; two or more are counted less one.
    if zeros < 2 {
        nanosecond << 3
    } else {
        rest << 3 | (zeros - 1)
    }
}

/// A decimal's unscaled value: zigzagged, seven bits a byte, of any length.
fn wide_varint(out: &mut Vec<u8>, value: i128) {
    if let Ok(narrow) = i64::try_from(value)
        && narrow.checked_mul(2).is_some()
    {
        varint(out, zigzag(narrow));
        return;
    }
    let mut rest = ((value << 1) ^ (value >> 127)) as u128;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
