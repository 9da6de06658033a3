//! Which stripes of a file, and which groups of rows of a stripe, can hold rows that a query wants, judged by the least and greatest
//! values in the file's tail and in the stripe's row index. Called by the reader of a file.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, ScalarValue};
use orc_rust::row_index::StripeRowIndex;
use orc_rust::schema::DataType;
use orc_rust::statistics::{ColumnStatistics, TypeStatistics};
use orc_rust::stripe::StripeMetadata;

use crate::tables::part_filter::PartFilter;
use crate::types::HiveType;
use crate::value;

/// Writers put timestamps of another time zone up to so many microseconds beside the values that readers see.
const ZONES: i64 = 26 * 3600 * 1_000_000;

/// One answer per part: whether it can hold a row that the filter wants. `in_file` gives the file's type of a column of the table, by
/// its name and position.
pub(super) fn keep<'a>(
    filter: &PartFilter,
    parts: Parts<'_>,
    in_file: impl Fn(&str, usize) -> Option<&'a DataType>,
) -> Vec<bool> {
    let columns = filter
        .columns()
        .iter()
        .enumerate()
        .filter_map(|(position, (name, kind))| {
            let found = in_file(name, position)?;
            Some((name.as_str(), kind, found))
        })
        .collect();
    filter.judge(&Known { parts, columns })
}

/// What is kept or left out.
#[derive(Clone, Copy)]
pub(super) enum Parts<'a> {
    /// Stripes of a file.
    Stripes(&'a [&'a StripeMetadata]),
    /// Groups of rows of a stripe.
    Groups(&'a StripeRowIndex),
}

impl<'a> Parts<'a> {
    fn count(self) -> usize {
        match self {
            Self::Stripes(stripes) => stripes.len(),
            Self::Groups(index) => index.num_row_groups(),
        }
    }

    fn rows(self, part: usize) -> u64 {
        match self {
            Self::Stripes(stripes) => stripes[part].number_of_rows(),
            Self::Groups(index) => {
                let before = part * index.rows_per_group();
                let rows = index.total_rows().saturating_sub(before);
                rows.min(index.rows_per_group()) as u64
            }
        }
    }

    /// What is known of a column, by its number in the file.
    fn statistics(self, part: usize, column: usize) -> Option<&'a ColumnStatistics> {
        match self {
            Self::Stripes(stripes) => stripes[part].column_statistics().get(column),
            Self::Groups(index) => index.row_group_stats(column, part),
        }
    }
}

/// What a file says of its parts.
struct Known<'a> {
    parts: Parts<'a>,
    /// Name, the table's type, the file's type.
    columns: Vec<(&'a str, &'a HiveType, &'a DataType)>,
}

impl Known<'_> {
    fn column(&self, column: &Column) -> Option<(&HiveType, &DataType)> {
        let found = self
            .columns
            .iter()
            .find(|(name, ..)| *name == column.name)?;
        Some((found.1, found.2))
    }

    fn ends(&self, column: &Column, greatest: bool) -> Option<ArrayRef> {
        let (kind, in_file) = self.column(column)?;
        let nothing = ScalarValue::try_from(kind.arrow()).ok()?;
        let values = (0..self.parts.count()).map(|part| {
            self.parts
                .statistics(part, in_file.column_index())
                .and_then(|statistics| ends(statistics, kind, in_file))
                .map_or_else(
                    || nothing.clone(),
                    |(low, high)| if greatest { high } else { low },
                )
        });
        ScalarValue::iter_to_array(values).ok()
    }
}

impl PruningStatistics for Known<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.ends(column, false)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.ends(column, true)
    }

    fn num_containers(&self) -> usize {
        self.parts.count()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let (kind, in_file) = self.column(column)?;
        // A value that its column's type cannot hold becomes NULL on the way.
        if !is_same(kind, in_file) {
            return None;
        }
        let counts = (0..self.parts.count()).map(|part| {
            let statistics = self.parts.statistics(part, in_file.column_index())?;
            self.parts
                .rows(part)
                .checked_sub(statistics.number_of_values())
        });
        Some(Arc::new(counts.collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let counts = (0..self.parts.count()).map(|part| Some(self.parts.rows(part)));
        Some(Arc::new(counts.collect::<UInt64Array>()))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

/// Whether values of the file come into the table as they are.
fn is_same(kind: &HiveType, in_file: &DataType) -> bool {
    match (kind, in_file) {
        (HiveType::Boolean, DataType::Boolean { .. })
        | (HiveType::TinyInt, DataType::Byte { .. })
        | (HiveType::SmallInt, DataType::Byte { .. } | DataType::Short { .. })
        | (HiveType::Int, DataType::Byte { .. } | DataType::Short { .. } | DataType::Int { .. })
        | (
            HiveType::BigInt,
            DataType::Byte { .. }
            | DataType::Short { .. }
            | DataType::Int { .. }
            | DataType::Long { .. },
        )
        | (HiveType::Float, DataType::Float { .. })
        | (HiveType::Double, DataType::Float { .. } | DataType::Double { .. })
        | (HiveType::String, DataType::String { .. } | DataType::Varchar { .. })
        | (HiveType::Date, DataType::Date { .. })
        | (HiveType::Timestamp, DataType::Timestamp { .. }) => true,
        (
            HiveType::Decimal(precision, scale),
            DataType::Decimal {
                precision: in_file_precision,
                scale: in_file_scale,
                ..
            },
        ) => {
            u32::from(*precision) == *in_file_precision
                && u32::from(scale.unsigned_abs()) == *in_file_scale
        }
        _ => false,
    }
}

/// Least and greatest value in the table's type; `None` where they are not known for sure.
fn ends(
    statistics: &ColumnStatistics,
    kind: &HiveType,
    in_file: &DataType,
) -> Option<(ScalarValue, ScalarValue)> {
    if !is_same(kind, in_file) {
        return None;
    }
    let both = |low: ScalarValue, high: ScalarValue| Some((low, high));
    match (kind, statistics.type_statistics()?) {
        (HiveType::TinyInt, TypeStatistics::Integer { min, max, .. }) => both(
            ScalarValue::Int8(Some(i8::try_from(*min).ok()?)),
            ScalarValue::Int8(Some(i8::try_from(*max).ok()?)),
        ),
        (HiveType::SmallInt, TypeStatistics::Integer { min, max, .. }) => both(
            ScalarValue::Int16(Some(i16::try_from(*min).ok()?)),
            ScalarValue::Int16(Some(i16::try_from(*max).ok()?)),
        ),
        (HiveType::Int, TypeStatistics::Integer { min, max, .. }) => both(
            ScalarValue::Int32(Some(i32::try_from(*min).ok()?)),
            ScalarValue::Int32(Some(i32::try_from(*max).ok()?)),
        ),
        (HiveType::BigInt, TypeStatistics::Integer { min, max, .. }) => both(
            ScalarValue::Int64(Some(*min)),
            ScalarValue::Int64(Some(*max)),
        ),
        // Writers leave NaN out of least and greatest, but not out of the sum.
        (
            HiveType::Double,
            TypeStatistics::Double {
                min,
                max,
                sum: Some(sum),
            },
        ) if !sum.is_nan() && !min.is_nan() && !max.is_nan() => both(
            ScalarValue::Float64(Some(*min)),
            ScalarValue::Float64(Some(*max)),
        ),
        // An end that was too long is missing, which looks like the empty text.
        (
            HiveType::String,
            TypeStatistics::String {
                lower_bound,
                upper_bound,
                is_exact_max,
                ..
            },
        ) if *is_exact_max || !upper_bound.is_empty() => both(
            ScalarValue::Utf8(Some(lower_bound.clone())),
            ScalarValue::Utf8(Some(upper_bound.clone())),
        ),
        (HiveType::Date, TypeStatistics::Date { min, max }) => both(
            ScalarValue::Date32(Some(*min)),
            ScalarValue::Date32(Some(*max)),
        ),
        (
            HiveType::Timestamp,
            TypeStatistics::Timestamp {
                min_utc, max_utc, ..
            },
        ) if (*min_utc, *max_utc) != (0, 0) => both(
            ScalarValue::TimestampMicrosecond(
                Some(min_utc.checked_mul(1000)?.checked_sub(ZONES)?),
                None,
            ),
            ScalarValue::TimestampMicrosecond(
                Some(max_utc.checked_mul(1000)?.checked_add(ZONES)?),
                None,
            ),
        ),
        (HiveType::Decimal(precision, scale), TypeStatistics::Decimal { min, max, .. }) => {
            let parse = |text: &str| {
                let value = value::parse_decimal(text, *precision, *scale)?;
                Some(ScalarValue::Decimal128(Some(value), *precision, *scale))
            };
            both(parse(min)?, parse(max)?)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use datafusion::arrow::array::{AsArray, Float64Array, Int64Array, StringArray};
    use datafusion::arrow::datatypes::Int64Type;
    use datafusion::logical_expr::{Expr, col, lit};

    use super::super::column::Rows;
    use super::super::read::{OrcColumn, OrcReader};
    use super::super::stripe::StripeBuilder;
    use super::super::writer::OrcFile;
    use super::super::{Compression, Compressor, Layout};
    use super::*;
    use crate::cast::cast_array;

    fn columns() -> Vec<(String, HiveType)> {
        [
            "a bigint",
            "b double",
            "c string",
            "d decimal(6,2)",
            "e date",
            "f timestamp",
        ]
        .iter()
        .map(|column| {
            let (name, kind) = column.split_once(' ').unwrap();
            (name.to_owned(), kind.parse().unwrap())
        })
        .collect()
    }

    /// Three stripes of ten rows, in which every column rises; the second has NULLs in `a`, the third a NaN in `b`.
    fn file(path: &Path) {
        let columns = columns();
        let mut file = OrcFile::create(path, columns.clone(), Compression::Zstd.into()).unwrap();
        let mut compressor = Compressor::new(Compression::Zstd).unwrap();
        for stripe in 0..3i64 {
            let rows = || (stripe * 10)..(stripe * 10 + 10);
            let texts = |text: &dyn Fn(i64) -> String| -> ArrayRef {
                Arc::new(StringArray::from_iter_values(rows().map(text)))
            };
            let arrays: Vec<ArrayRef> = vec![
                Arc::new(Int64Array::from_iter(
                    rows().map(|row| (stripe != 1 || row % 2 == 0).then_some(row)),
                )),
                Arc::new(Float64Array::from_iter_values(rows().map(|row| {
                    if row == 25 {
                        f64::NAN
                    } else {
                        row as f64 / 2.0
                    }
                }))),
                texts(&|row| format!("text {row:02}")),
                texts(&|row| format!("{row}.25")),
                texts(&|row| format!("2026-01-{:02}", row + 1)),
                texts(&|row| format!("2026-{:02}-01 00:00:00", row / 3 + 1)),
            ];
            let arrays: Vec<ArrayRef> = arrays
                .iter()
                .zip(&columns)
                .map(|(array, (_, kind))| cast_array(array, kind).unwrap())
                .collect();
            let mut builder = StripeBuilder::new(&columns, Some(1000));
            builder.append(&arrays, Rows::All(10));
            file.append(&builder.finish(&mut compressor).unwrap())
                .unwrap();
        }
        file.finish().unwrap();
    }

    /// Numbers of the stripes that a condition leaves, with the table's columns as given.
    fn left_with(columns: Vec<(String, HiveType)>, condition: Expr) -> Vec<i64> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.orc");
        file(&path);
        let filter = PartFilter::of(columns, condition);
        let wanted = vec![OrcColumn {
            name: "a".to_owned(),
            position: 0,
            kind: HiveType::BigInt,
        }];
        let mut reader =
            OrcReader::open(&path, &(0..u64::MAX), wanted, filter.as_ref(), 100).unwrap();
        let mut stripes = Vec::new();
        while let Some((columns, _)) = reader.next_batch(100).unwrap() {
            let column = columns[0].as_primitive::<Int64Type>();
            stripes.push(column.value(0) / 10);
            assert_eq!(column.len(), 10);
        }
        stripes
    }

    fn left(condition: Expr) -> Vec<i64> {
        left_with(columns(), condition)
    }

    #[test]
    fn a_stripe_stays_where_its_statistics_do_not_rule_it_out() {
        assert_eq!(left(col("b").gt(lit(100.0))), [2]);
        assert_eq!(left(col("a").is_null()), [1]);
        assert_eq!(left(col("a").is_not_null()), [0, 1, 2]);
        assert_eq!(left(col("a").not_eq(lit(5i64))), [0, 1, 2]);
    }

    #[test]
    fn stripes_are_ruled_out_by_every_type_that_has_ends() {
        assert_eq!(left(col("a").eq(lit(15i64))), [1]);
        assert_eq!(
            left(col("a").lt(lit(10i64)).or(col("a").gt(lit(20i64)))),
            [0, 2]
        );
        assert_eq!(left(col("b").lt(lit(5.0))), [0, 2]);
        assert_eq!(left(col("c").eq(lit("text 07"))), [0]);
        assert_eq!(
            left(col("c").in_list(vec![lit("text 07"), lit("text 27")], false)),
            [0, 2]
        );
        let decimal = |value| lit(ScalarValue::Decimal128(Some(value), 6, 2));
        assert_eq!(left(col("d").gt(decimal(1999))), [2]);
        let day = |day| lit(ScalarValue::Date32(crate::value::parse_date(day)));
        assert_eq!(left(col("e").lt_eq(day("2026-01-10"))), [0]);
        let time = |time| {
            let time = crate::value::parse_timestamp(time);
            lit(ScalarValue::TimestampMicrosecond(time, None))
        };
        assert_eq!(left(col("f").lt(time("2026-03-01 00:00:00"))), [0]);
    }

    /// Rows that a condition leaves of one stripe of ten groups and a half; `b` is NULL in the third group.
    fn rows_left(layout: Layout, condition: Expr) -> Vec<i64> {
        const ROWS: i64 = 10_500;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.orc");
        let columns: Vec<(String, HiveType)> = ["a", "b"]
            .map(|name| (name.to_owned(), HiveType::BigInt))
            .to_vec();
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(0..ROWS)),
            Arc::new(Int64Array::from_iter(
                (0..ROWS).map(|row| (row / 1000 != 2).then_some(-row)),
            )),
        ];
        let mut builder = StripeBuilder::new(&columns, layout.stride);
        // Batches end where groups do not.
        for from in (0..ROWS).step_by(700) {
            let (from, count) = (from as usize, 700.min(ROWS - from) as usize);
            let part: Vec<ArrayRef> = arrays
                .iter()
                .map(|array| array.slice(from, count))
                .collect();
            builder.append(&part, Rows::All(count));
        }
        let mut compressor = Compressor::new(layout.compression).unwrap();
        let mut file = OrcFile::create(&path, columns.clone(), layout).unwrap();
        file.append(&builder.finish(&mut compressor).unwrap())
            .unwrap();
        file.finish_with(&mut compressor).unwrap();
        let filter = PartFilter::of(columns, condition);
        let wanted = ["a", "b"]
            .iter()
            .enumerate()
            .map(|(position, name)| OrcColumn {
                name: (*name).to_owned(),
                position,
                kind: HiveType::BigInt,
            });
        let mut reader = OrcReader::open(
            &path,
            &(0..u64::MAX),
            wanted.collect(),
            filter.as_ref(),
            600,
        )
        .unwrap();
        let mut rows = Vec::new();
        while let Some((columns, count)) = reader.next_batch(600).unwrap() {
            assert!(count <= 600);
            let (a, b) = (
                columns[0].as_primitive::<Int64Type>(),
                columns[1].as_primitive::<Int64Type>(),
            );
            for (row, value) in a.iter().zip(b) {
                let row = row.unwrap();
                assert_eq!(value, (row / 1000 != 2).then_some(-row));
                rows.push(row);
            }
        }
        rows
    }

    #[test]
    fn groups_of_a_stripe_are_left_out_by_the_row_index() {
        for compression in [Compression::None, Compression::Zstd, Compression::Snappy] {
            let layout = Layout {
                compression,
                stride: Some(1000),
            };
            // First and last row of each stretch.
            let left = |condition| {
                let rows = rows_left(layout, condition);
                let mut stretches: Vec<(i64, i64)> = Vec::new();
                for row in rows {
                    match stretches.last_mut() {
                        Some((_, last)) if *last + 1 == row => *last = row,
                        _ => stretches.push((row, row)),
                    }
                }
                stretches
            };
            assert_eq!(left(col("a").eq(lit(4321i64))), [(4000, 4999)]);
            assert_eq!(left(col("b").is_null()), [(2000, 2999)]);
            assert_eq!(
                left(col("a").gt(lit(9_500i64)).and(col("b").lt(lit(0i64)))),
                [(9000, 10_499)]
            );
            assert_eq!(
                left(col("a").lt(lit(10i64)).or(col("a").gt_eq(lit(10_000i64)))),
                [(0, 999), (10_000, 10_499)]
            );
            // The stripe's own ends rule it out.
            assert_eq!(left(col("a").eq(lit(-1i64))), []);
        }
    }

    #[test]
    fn a_file_without_an_index_is_read_as_a_whole() {
        let layout = Layout {
            compression: Compression::Zstd,
            stride: None,
        };
        assert_eq!(rows_left(layout, col("a").eq(lit(4321i64))).len(), 10_500);
    }

    #[test]
    fn a_column_that_the_table_reads_as_another_type_rules_nothing_out() {
        let mut changed = columns();
        changed[2].1 = HiveType::Int;
        assert_eq!(left_with(changed, col("c").is_not_null()), [0, 1, 2]);
    }
}
