//! What a column holds, gathered while it is written, for each stripe and for the file. Used by `column` and `writer`.

use orc_rust::proto::{
    BinaryStatistics, BucketStatistics, ColumnStatistics, DateStatistics, DecimalStatistics,
    DoubleStatistics, IntegerStatistics, StringStatistics, TimestampStatistics,
};

/// Strings longer than this are left out of minimum and maximum, so that a footer stays small.
const LONGEST_STRING: usize = 1024;

/// The range that a column of some kind keeps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Range {
    Nothing,
    Boolean {
        trues: u64,
    },
    Integer {
        bounds: Option<(i64, i64)>,
        sum: Option<i64>,
    },
    Double {
        bounds: Option<(f64, f64)>,
        sum: f64,
    },
    Text {
        bounds: Option<(String, String)>,
        too_long: bool,
        bytes: i64,
    },
    Binary {
        bytes: i64,
    },
    Date {
        bounds: Option<(i32, i32)>,
    },
    /// Milliseconds since the epoch.
    Timestamp {
        bounds: Option<(i64, i64)>,
    },
    Decimal {
        bounds: Option<(i128, i128)>,
        sum: Option<i128>,
        scale: u32,
    },
}

impl Range {
    pub(crate) fn integers() -> Self {
        Self::Integer {
            bounds: None,
            sum: Some(0),
        }
    }

    /// The same kind of range, of no values.
    pub(crate) fn emptied(&self) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::Boolean { .. } => Self::Boolean { trues: 0 },
            Self::Integer { .. } => Self::integers(),
            Self::Double { .. } => Self::Double {
                bounds: None,
                sum: 0.0,
            },
            Self::Text { .. } => Self::Text {
                bounds: None,
                too_long: false,
                bytes: 0,
            },
            Self::Binary { .. } => Self::Binary { bytes: 0 },
            Self::Date { .. } => Self::Date { bounds: None },
            Self::Timestamp { .. } => Self::Timestamp { bounds: None },
            Self::Decimal { scale, .. } => Self::Decimal {
                bounds: None,
                sum: Some(0),
                scale: *scale,
            },
        }
    }
}

/// Values, nulls and range of one column.
#[derive(Debug, Clone)]
pub(crate) struct Statistics {
    pub(crate) values: u64,
    pub(crate) has_null: bool,
    pub(crate) bytes_on_disk: u64,
    pub(crate) range: Range,
}

fn widen<T: PartialOrd + Clone>(bounds: &mut Option<(T, T)>, value: &T) {
    match bounds {
        None => *bounds = Some((value.clone(), value.clone())),
        Some((low, high)) => {
            if value < low {
                *low = value.clone();
            }
            if value > high {
                *high = value.clone();
            }
        }
    }
}

fn join<T: PartialOrd + Clone>(bounds: &mut Option<(T, T)>, other: &Option<(T, T)>) {
    if let Some((low, high)) = other {
        widen(bounds, low);
        widen(bounds, high);
    }
}

impl Statistics {
    pub(crate) fn new(range: Range) -> Self {
        Self {
            values: 0,
            has_null: false,
            bytes_on_disk: 0,
            range,
        }
    }

    pub(crate) fn boolean(&mut self, value: bool) {
        if let Range::Boolean { trues } = &mut self.range {
            *trues += u64::from(value);
        }
    }

    pub(crate) fn integer(&mut self, value: i64) {
        match &mut self.range {
            Range::Integer { bounds, sum } => {
                widen(bounds, &value);
                *sum = sum.and_then(|sum| sum.checked_add(value));
            }
            Range::Date { bounds } => widen(bounds, &(value as i32)),
            Range::Timestamp { bounds } => widen(bounds, &value),
            _ => {}
        }
    }

    pub(crate) fn double(&mut self, value: f64) {
        if let Range::Double { bounds, sum } = &mut self.range {
            widen(bounds, &value);
            *sum += value;
        }
    }

    pub(crate) fn text(&mut self, value: &str) {
        if let Range::Text {
            bounds,
            too_long,
            bytes,
        } = &mut self.range
        {
            *bytes += value.len() as i64;
            *too_long |= value.len() > LONGEST_STRING;
            if *too_long {
                *bounds = None;
                return;
            }
            match bounds {
                None => *bounds = Some((value.to_owned(), value.to_owned())),
                Some((low, _)) if value < low.as_str() => value.clone_into(low),
                Some((_, high)) if value > high.as_str() => value.clone_into(high),
                Some(_) => {}
            }
        }
    }

    pub(crate) fn binary(&mut self, value: &[u8]) {
        if let Range::Binary { bytes } = &mut self.range {
            *bytes += value.len() as i64;
        }
    }

    pub(crate) fn decimal(&mut self, value: i128) {
        if let Range::Decimal { bounds, sum, .. } = &mut self.range {
            widen(bounds, &value);
            *sum = sum.and_then(|sum| sum.checked_add(value));
        }
    }

    /// Adds what another stripe holds.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.values += other.values;
        self.has_null |= other.has_null;
        self.bytes_on_disk += other.bytes_on_disk;
        match (&mut self.range, &other.range) {
            (Range::Boolean { trues }, Range::Boolean { trues: more }) => *trues += more,
            (
                Range::Integer { bounds, sum },
                Range::Integer {
                    bounds: more,
                    sum: also,
                },
            ) => {
                join(bounds, more);
                *sum = sum.and_then(|sum| sum.checked_add((*also)?));
            }
            (
                Range::Double { bounds, sum },
                Range::Double {
                    bounds: more,
                    sum: also,
                },
            ) => {
                join(bounds, more);
                *sum += also;
            }
            (
                Range::Text {
                    bounds,
                    too_long,
                    bytes,
                },
                Range::Text {
                    bounds: more,
                    too_long: longer,
                    bytes: also,
                },
            ) => {
                join(bounds, more);
                *bytes += also;
                *too_long |= longer;
                if *too_long {
                    *bounds = None;
                }
            }
            (Range::Binary { bytes }, Range::Binary { bytes: also }) => *bytes += also,
            (Range::Date { bounds }, Range::Date { bounds: more }) => join(bounds, more),
            (Range::Timestamp { bounds }, Range::Timestamp { bounds: more }) => join(bounds, more),
            (
                Range::Decimal { bounds, sum, .. },
                Range::Decimal {
                    bounds: more,
                    sum: also,
                    ..
                },
            ) => {
                join(bounds, more);
                *sum = sum.and_then(|sum| sum.checked_add((*also)?));
            }
            _ => {}
        }
    }

    /// As the footer carries it.
    pub(crate) fn message(&self) -> ColumnStatistics {
        let mut message = ColumnStatistics {
            number_of_values: Some(self.values),
            has_null: Some(self.has_null),
            bytes_on_disk: Some(self.bytes_on_disk),
            ..ColumnStatistics::default()
        };
        match &self.range {
            Range::Nothing => {}
            Range::Boolean { trues } => {
                message.bucket_statistics = Some(BucketStatistics {
                    count: vec![*trues],
                })
            }
            Range::Integer { bounds, sum } => {
                message.int_statistics = Some(IntegerStatistics {
                    minimum: bounds.map(|(low, _)| low),
                    maximum: bounds.map(|(_, high)| high),
                    sum: *sum,
                });
            }
            Range::Double { bounds, sum } => {
                message.double_statistics = Some(DoubleStatistics {
                    minimum: bounds.map(|(low, _)| low),
                    maximum: bounds.map(|(_, high)| high),
                    sum: Some(*sum),
                });
            }
            Range::Text { bounds, bytes, .. } => {
                message.string_statistics = Some(StringStatistics {
                    minimum: bounds.as_ref().map(|(low, _)| low.clone()),
                    maximum: bounds.as_ref().map(|(_, high)| high.clone()),
                    sum: Some(*bytes),
                    ..StringStatistics::default()
                });
            }
            Range::Binary { bytes } => {
                message.binary_statistics = Some(BinaryStatistics { sum: Some(*bytes) })
            }
            Range::Date { bounds } => {
                message.date_statistics = Some(DateStatistics {
                    minimum: bounds.map(|(low, _)| low),
                    maximum: bounds.map(|(_, high)| high),
                });
            }
            Range::Timestamp { bounds } => {
                // The writer's time zone is UTC, so that both pairs are the same.
                let (low, high) = (bounds.map(|(low, _)| low), bounds.map(|(_, high)| high));
                message.timestamp_statistics = Some(TimestampStatistics {
                    minimum: low,
                    maximum: high,
                    minimum_utc: low,
                    maximum_utc: high,
                    ..TimestampStatistics::default()
                });
            }
            Range::Decimal { bounds, sum, scale } => {
                let written = |value: i128| decimal_text(value, *scale);
                message.decimal_statistics = Some(DecimalStatistics {
                    minimum: bounds.map(|(low, _)| written(low)),
                    maximum: bounds.map(|(_, high)| written(high)),
                    sum: sum.map(written),
                });
            }
        }
        message
    }
}

/// `-12.30` for -1230 with two digits after the point.
pub(crate) fn decimal_text(value: i128, scale: u32) -> String {
    let digits = format!(
        "{:0width$}",
        value.unsigned_abs(),
        width = scale as usize + 1
    );
    let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
    let sign = if value < 0 { "-" } else { "" };
    if scale == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_keeps_its_leading_zero_and_its_sign() {
        assert_eq!(decimal_text(-5, 2), "-0.05");
        assert_eq!(decimal_text(1230, 2), "12.30");
        assert_eq!(decimal_text(7, 0), "7");
    }

    #[test]
    fn a_sum_that_overflows_is_left_out() {
        let mut statistics = Statistics::new(Range::integers());
        statistics.integer(i64::MAX);
        statistics.integer(1);
        let message = statistics.message().int_statistics.unwrap();
        assert_eq!(
            (message.minimum, message.maximum, message.sum),
            (Some(1), Some(i64::MAX), None)
        );
    }
}
