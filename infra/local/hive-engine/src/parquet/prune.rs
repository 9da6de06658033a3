//! Which row groups of a Parquet file can hold rows that a query wants, judged by the least and greatest values in the file's footer.
//! Called by the reader of a file.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, ScalarValue};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;

use crate::tables::part_filter::PartFilter;
use crate::types::HiveType;

/// Numbers of the row groups that are to be read.
pub(super) fn kept_groups(filter: &PartFilter, metadata: &ArrowReaderMetadata) -> Vec<usize> {
    let keep = filter.judge(&Known { filter, metadata });
    let numbered = keep.into_iter().enumerate();
    numbered
        .filter(|(_, keep)| *keep)
        .map(|(group, _)| group)
        .collect()
}

/// What the footer says of the row groups.
struct Known<'a> {
    filter: &'a PartFilter,
    metadata: &'a ArrowReaderMetadata,
}

impl Known<'_> {
    /// The statistics of a column whose values come into the table as they are.
    fn column(&self, column: &Column) -> Option<StatisticsConverter<'_>> {
        let mut columns = self.filter.columns().iter();
        let (name, kind) = columns.find(|(name, _)| *name == column.name)?;
        // NaN is left out of the ends of floating numbers; times of 96 bits have no order; of decimals the `parquet` crate
        // writes only the deprecated ends, on whose order writers do not agree.
        let has_ends = matches!(
            kind,
            HiveType::TinyInt
                | HiveType::SmallInt
                | HiveType::Int
                | HiveType::BigInt
                | HiveType::Boolean
                | HiveType::String
                | HiveType::Date
        );
        let schema = self.metadata.schema();
        let mut fields = schema.fields().iter();
        let field = fields.find(|field| field.name().eq_ignore_ascii_case(name))?;
        if !has_ends || *field.data_type() != kind.arrow() {
            return None;
        }
        let parquet_schema = self.metadata.parquet_schema();
        let converter = StatisticsConverter::try_new(field.name(), schema, parquet_schema).ok()?;
        let index = converter.parquet_column_index()?;
        // Old writers ordered texts another way.
        let is_old = self.metadata.metadata().row_groups().iter().any(|group| {
            let statistics = group.column(index).statistics();
            statistics.is_some_and(|statistics| statistics.is_min_max_deprecated())
        });
        (!is_old).then(|| converter.with_missing_null_counts_as_zero(false))
    }
}

impl PruningStatistics for Known<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        let groups = self.metadata.metadata().row_groups();
        self.column(column)?.row_group_mins(groups).ok()
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        let groups = self.metadata.metadata().row_groups();
        self.column(column)?.row_group_maxes(groups).ok()
    }

    fn num_containers(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let groups = self.metadata.metadata().row_groups();
        let counts = self.column(column)?.row_group_null_counts(groups).ok()?;
        Some(Arc::new(counts))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let groups = self.metadata.metadata().row_groups().iter();
        let counts = groups.map(|group| u64::try_from(group.num_rows()).ok());
        Some(Arc::new(counts.collect::<UInt64Array>()))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use datafusion::arrow::array::{AsArray, Int64Array, StringArray};
    use datafusion::arrow::datatypes::Int64Type;
    use datafusion::logical_expr::{Expr, col, lit};
    use parquet::basic::Compression;

    use super::super::read::ParquetReader;
    use super::super::write::ParquetWriter;
    use super::*;
    use crate::cast::cast_array;

    /// Three row groups of ten rows, in which every column rises; the second has NULLs in `a`.
    fn file(path: &Path, columns: &[(String, HiveType)]) {
        let mut file =
            ParquetWriter::create(path, columns.to_vec(), Compression::UNCOMPRESSED).unwrap();
        for group in 0..3i64 {
            let rows = || (group * 10)..(group * 10 + 10);
            let texts = |text: &dyn Fn(i64) -> String| -> ArrayRef {
                Arc::new(StringArray::from_iter_values(rows().map(text)))
            };
            let arrays: [ArrayRef; 4] = [
                Arc::new(Int64Array::from_iter(
                    rows().map(|row| (group != 1 || row % 2 == 0).then_some(row)),
                )),
                texts(&|row| format!("text {row:02}")),
                texts(&|row| format!("2026-01-{:02}", row + 1)),
                texts(&|row| format!("{row}")),
            ];
            let arrays = arrays.iter().zip(columns);
            let arrays = arrays.map(|(array, (_, kind))| cast_array(array, kind).unwrap());
            file.append(&[arrays.collect()]).unwrap();
        }
        file.finish().unwrap();
    }

    /// Numbers of the row groups that a condition leaves.
    fn left(condition: Expr) -> Vec<i64> {
        let columns: Vec<(String, HiveType)> = ["a bigint", "b string", "d date", "e double"]
            .iter()
            .map(|column| {
                let (name, kind) = column.split_once(' ').unwrap();
                (name.to_owned(), kind.parse().unwrap())
            })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        file(&path, &columns);
        let filter = PartFilter::of(columns, condition);
        let wanted = vec![("a".to_owned(), HiveType::BigInt)];
        let mut reader = ParquetReader::open(&path, wanted, filter.as_ref(), 10).unwrap();
        let mut groups = Vec::new();
        while let Some((columns, _)) = reader.next_batch().unwrap() {
            groups.push(columns[0].as_primitive::<Int64Type>().value(0) / 10);
        }
        groups
    }

    #[test]
    fn row_groups_are_ruled_out_by_every_type_that_has_ends() {
        assert_eq!(left(col("a").eq(lit(15i64))), [1]);
        assert_eq!(left(col("a").is_null()), [1]);
        assert_eq!(left(col("b").gt_eq(lit("text 20"))), [2]);
        let day = |day| lit(ScalarValue::Date32(crate::value::parse_date(day)));
        assert_eq!(
            left(
                col("d")
                    .not_eq(day("2026-01-11"))
                    .and(col("a").gt(lit(25i64)))
            ),
            [2]
        );
        // A floating number may be NaN, which is greater than all.
        assert_eq!(left(col("e").gt(lit(100.0))), [0, 1, 2]);
    }
}
