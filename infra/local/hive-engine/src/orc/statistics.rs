//! Statistics of one column, per stripe and per file: number of values, whether there are NULLs, least, greatest, sum.

use super::protobuf::Message;
use crate::value;

/// Texts longer than this are left out of the statistics.
const LONGEST_TEXT: usize = 1024;

/// What is known of a column's values.
#[derive(Debug, Clone)]
pub(super) struct Statistics {
    pub values: u64,
    pub has_null: bool,
    pub range: Range,
}

/// Least and greatest value by kind of column.
#[derive(Debug, Clone)]
pub(super) enum Range {
    /// Structs.
    None,
    /// Number of `true`.
    Boolean(u64),
    /// Least, greatest, sum while it fits.
    Integer(Option<(i64, i64)>, Option<i64>),
    Double(Option<(f64, f64)>, f64),
    /// Least, greatest; `None` once a text was too long. Sum of lengths.
    Text(Option<(Vec<u8>, Vec<u8>)>, bool, i64),
    /// Least, greatest, sum of unscaled values; scale.
    Decimal(Option<(i128, i128)>, Option<i128>, i8),
    Date(Option<(i64, i64)>),
    /// Least and greatest in microseconds.
    Timestamp(Option<(i64, i64)>),
    /// Sum of lengths.
    Binary(i64),
    /// Fewest, most, all children.
    Collection(Option<(u64, u64)>, u64),
}

fn widen<T: PartialOrd + Copy>(range: &mut Option<(T, T)>, value: T) {
    *range = Some(match *range {
        None => (value, value),
        Some((least, greatest)) => (
            if value < least { value } else { least },
            if value > greatest { value } else { greatest },
        ),
    });
}

/// Least, greatest and sum of integers that come together.
#[derive(Debug, Default)]
pub(super) struct Integral {
    range: Option<(i64, i64)>,
    sum: i128,
}

impl Integral {
    #[inline]
    pub(super) fn add(&mut self, value: i64) {
        widen(&mut self.range, value);
        self.sum += i128::from(value);
    }
}

impl Statistics {
    pub(super) fn new(range: Range) -> Self {
        Self {
            values: 0,
            has_null: false,
            range,
        }
    }

    /// Of the same kind of column, without a value.
    pub(super) fn emptied(&self) -> Self {
        Self::new(match &self.range {
            Range::None => Range::None,
            Range::Boolean(_) => Range::Boolean(0),
            Range::Integer(..) => Range::Integer(None, Some(0)),
            Range::Double(..) => Range::Double(None, 0.0),
            Range::Text(..) => Range::Text(None, false, 0),
            Range::Decimal(_, _, scale) => Range::Decimal(None, Some(0), *scale),
            Range::Date(_) => Range::Date(None),
            Range::Timestamp(_) => Range::Timestamp(None),
            Range::Binary(_) => Range::Binary(0),
            Range::Collection(..) => Range::Collection(None, 0),
        })
    }

    pub(super) fn integer(&mut self, value: i64) {
        match &mut self.range {
            Range::Integer(range, sum) => {
                widen(range, value);
                *sum = sum.and_then(|sum| sum.checked_add(value));
            }
            Range::Date(range) | Range::Timestamp(range) => widen(range, value),
            Range::Boolean(count) => *count += u64::from(value != 0),
            Range::Binary(sum) => *sum += value,
            Range::Collection(range, sum) => {
                widen(range, value.unsigned_abs());
                *sum += value.unsigned_abs();
            }
            _ => {}
        }
    }

    /// Integers or dates.
    pub(super) fn integers(&mut self, found: &Integral) {
        match &mut self.range {
            Range::Integer(range, sum) => {
                merge_range(range, found.range);
                let more = i64::try_from(found.sum).ok();
                *sum = sum.and_then(|sum| sum.checked_add(more?));
            }
            Range::Date(range) => merge_range(range, found.range),
            _ => {}
        }
    }

    pub(super) fn double(&mut self, value: f64) {
        if let Range::Double(range, sum) = &mut self.range {
            // NaN has no place in an order: Hive's readers take such statistics as unknown.
            widen(range, value);
            *sum += value;
            if value.is_nan() {
                *range = Some((f64::NAN, f64::NAN));
            }
        }
    }

    pub(super) fn decimal(&mut self, value: i128) {
        if let Range::Decimal(range, sum, _) = &mut self.range {
            widen(range, value);
            *sum = sum.and_then(|sum| sum.checked_add(value));
        }
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        let Range::Text(range, too_long, sum) = &mut self.range else {
            return;
        };
        *sum += i64::try_from(text.len()).unwrap_or(0);
        if text.len() > LONGEST_TEXT {
            *too_long = true;
        }
        match range {
            _ if *too_long => *range = None,
            None => *range = Some((text.to_vec(), text.to_vec())),
            Some((least, greatest)) => {
                if text < least.as_slice() {
                    text.clone_into(least);
                } else if text > greatest.as_slice() {
                    text.clone_into(greatest);
                }
            }
        }
    }

    /// Adds what another stripe knows.
    pub(super) fn merge(&mut self, other: &Self) {
        self.values += other.values;
        self.has_null |= other.has_null;
        match (&mut self.range, &other.range) {
            (Range::Boolean(count), Range::Boolean(more)) => *count += more,
            (Range::Integer(range, sum), Range::Integer(more, more_sum)) => {
                merge_range(range, *more);
                *sum = sum.and_then(|sum| sum.checked_add((*more_sum)?));
            }
            (Range::Double(range, sum), Range::Double(more, more_sum)) => {
                merge_range(range, *more);
                *sum += more_sum;
            }
            (Range::Decimal(range, sum, _), Range::Decimal(more, more_sum, _)) => {
                merge_range(range, *more);
                *sum = sum.and_then(|sum| sum.checked_add((*more_sum)?));
            }
            (Range::Date(range), Range::Date(more))
            | (Range::Timestamp(range), Range::Timestamp(more)) => {
                merge_range(range, *more);
            }
            (Range::Binary(sum), Range::Binary(more)) => *sum += more,
            (Range::Collection(range, sum), Range::Collection(more, more_sum)) => {
                merge_range(range, *more);
                *sum += more_sum;
            }
            (text @ Range::Text(..), Range::Text(more, more_too_long, more_sum)) => {
                let Range::Text(range, too_long, sum) = text else {
                    return;
                };
                *too_long |= more_too_long;
                *sum += more_sum;
                *range = match (range.take(), more) {
                    _ if *too_long => None,
                    (mine, None) => mine,
                    (None, Some(more)) => Some(more.clone()),
                    (Some((least, greatest)), Some((more_least, more_greatest))) => Some((
                        least.min(more_least.clone()),
                        greatest.max(more_greatest.clone()),
                    )),
                };
            }
            _ => {}
        }
    }

    /// The message ColumnStatistics.
    pub(super) fn message(&self) -> Message {
        let mut message = Message::default();
        message.number(1, self.values);
        let mut inner = Message::default();
        let field = match &self.range {
            Range::None => None,
            Range::Boolean(count) => {
                inner.packed(1, [*count]);
                Some(5)
            }
            Range::Integer(range, sum) => {
                if let Some((least, greatest)) = range {
                    inner.signed(1, *least).signed(2, *greatest);
                }
                if let (Some(_), Some(sum)) = (range, sum) {
                    inner.signed(3, *sum);
                }
                Some(2)
            }
            Range::Double(range, sum) => {
                if let Some((least, greatest)) = range {
                    inner.double(1, *least).double(2, *greatest).double(3, *sum);
                }
                Some(3)
            }
            Range::Text(range, _, sum) => {
                if let Some((least, greatest)) = range {
                    inner.bytes(1, least).bytes(2, greatest);
                }
                inner.signed(3, *sum);
                Some(4)
            }
            Range::Decimal(range, sum, scale) => {
                if let Some((least, greatest)) = range {
                    inner.bytes(1, value::decimal_text(*least, *scale).as_bytes());
                    inner.bytes(2, value::decimal_text(*greatest, *scale).as_bytes());
                }
                if let (Some(_), Some(sum)) = (range, sum) {
                    inner.bytes(3, value::decimal_text(*sum, *scale).as_bytes());
                }
                Some(6)
            }
            Range::Date(range) => {
                if let Some((least, greatest)) = range {
                    inner.signed(1, *least).signed(2, *greatest);
                }
                Some(7)
            }
            Range::Binary(sum) => {
                inner.signed(1, *sum);
                Some(8)
            }
            Range::Timestamp(range) => {
                if let Some((least, greatest)) = range {
                    // Milliseconds, and nanoseconds within them, which the format counts from one.
                    let (least_millis, greatest_millis) =
                        (least.div_euclid(1000), greatest.div_euclid(1000));
                    inner
                        .signed(1, least_millis)
                        .signed(2, greatest_millis)
                        .signed(3, least_millis)
                        .signed(4, greatest_millis);
                    inner
                        .number(5, nanos_within_millisecond(*least))
                        .number(6, nanos_within_millisecond(*greatest));
                }
                Some(9)
            }
            Range::Collection(range, sum) => {
                if let Some((fewest, most)) = range {
                    inner.number(1, *fewest).number(2, *most);
                }
                inner.number(3, *sum);
                Some(12)
            }
        };
        if let Some(field) = field
            && self.values > 0
        {
            message.message(field, &inner);
        }
        message.number(10, u64::from(self.has_null));
        message
    }
}

fn nanos_within_millisecond(micros: i64) -> u64 {
    micros.rem_euclid(1000).unsigned_abs() * 1000 + 1
}

fn merge_range<T: PartialOrd + Copy>(range: &mut Option<(T, T)>, more: Option<(T, T)>) {
    if let Some((least, greatest)) = more {
        widen(range, least);
        widen(range, greatest);
    }
}
