//! One ORC file to record batches, through orc-rust. Columns are found by name; a column that the file lacks is NULL.

use std::fs::File;
use std::path::{Path, PathBuf};

use datafusion::arrow::array::{ArrayRef, RecordBatchReader, new_null_array};
use orc_rust::TimestampPrecision;
use orc_rust::arrow_reader::{ArrowReader, ArrowReaderBuilder};
use orc_rust::projection::ProjectionMask;

use crate::cast::cast_array;
use crate::error::Failure;
use crate::text::read::Columns;
use crate::types::HiveType;

/// A column that a query wants from an ORC file: name, position in the table, type.
#[derive(Debug, Clone)]
pub(crate) struct OrcColumn {
    pub name: String,
    pub position: usize,
    pub kind: HiveType,
}

/// Reads a file batch by batch.
pub(crate) struct OrcReader {
    path: PathBuf,
    source: Source,
    /// Per wanted column: its place in the file's batches, if it is there.
    places: Vec<Option<usize>>,
    wanted: Vec<OrcColumn>,
}

enum Source {
    Batches(Box<ArrowReader<File>>),
    /// No column is wanted from the file: only the number of rows counts.
    Rows(u64),
}

fn builder(path: &Path) -> Result<ArrowReaderBuilder<File>, Failure> {
    let file = File::open(path).map_err(Failure::file("cannot open", path))?;
    ArrowReaderBuilder::try_new(file)
        .map_err(|error| Failure::content(path, format!("not a readable ORC file: {error}")))
}

impl OrcReader {
    /// Opens a file. An empty file has no rows.
    pub(crate) fn open(
        path: &Path,
        wanted: Vec<OrcColumn>,
        batch_rows: usize,
    ) -> Result<Self, Failure> {
        let size = path
            .metadata()
            .map_err(Failure::file("cannot read", path))?
            .len();
        if size == 0 {
            return Ok(Self {
                path: path.to_path_buf(),
                source: Source::Rows(0),
                places: vec![None; wanted.len()],
                wanted,
            });
        }
        let builder = builder(path)?;
        let root = builder.file_metadata().root_data_type();
        let names: Vec<String> = root
            .children()
            .iter()
            .map(|child| child.name().to_lowercase())
            .collect();
        // Hive's first writer did not know the columns' names.
        let positional = names
            .iter()
            .enumerate()
            .all(|(index, name)| *name == format!("_col{index}"));
        let in_file: Vec<Option<usize>> = wanted
            .iter()
            .map(|column| {
                if positional {
                    (column.position < names.len()).then_some(column.position)
                } else {
                    names.iter().position(|name| *name == column.name)
                }
            })
            .collect();
        let mut projected: Vec<usize> = in_file.iter().flatten().copied().collect();
        projected.sort_unstable();
        projected.dedup();
        let rows = builder.file_metadata().number_of_rows();
        let source = if projected.is_empty() {
            Source::Rows(rows)
        } else {
            let columns: Vec<usize> = projected
                .iter()
                .map(|index| root.children()[*index].data_type().column_index())
                .collect();
            let mask = ProjectionMask::roots(root, columns);
            let reader = builder
                .with_projection(mask)
                .with_timestamp_precision(TimestampPrecision::Microsecond)
                .with_batch_size(batch_rows)
                .build();
            debug_assert_eq!(reader.schema().fields().len(), projected.len());
            Source::Batches(Box::new(reader))
        };
        let places = in_file.iter().map(|place| {
            place.and_then(|place| projected.iter().position(|other| *other == place))
        });
        Ok(Self {
            path: path.to_path_buf(),
            source,
            places: places.collect(),
            wanted,
        })
    }

    /// The next rows, at most `most`; `None` at the end of the file.
    pub(crate) fn next_batch(&mut self, most: usize) -> Result<Option<Columns>, Failure> {
        match &mut self.source {
            Source::Rows(0) => Ok(None),
            Source::Rows(left) => {
                let rows = usize::try_from(*left).unwrap_or(usize::MAX).min(most);
                *left -= rows as u64;
                let columns = self
                    .wanted
                    .iter()
                    .map(|column| new_null_array(&column.kind.arrow(), rows))
                    .collect();
                Ok(Some((columns, rows)))
            }
            Source::Batches(reader) => {
                let Some(batch) = reader.next() else {
                    return Ok(None);
                };
                let batch =
                    batch.map_err(|error| Failure::content(&self.path, error.to_string()))?;
                let columns = self.places.iter().zip(&self.wanted).map(
                    |(place, column)| -> Result<ArrayRef, Failure> {
                        match place {
                            Some(place) => cast_array(batch.column(*place), &column.kind),
                            None => Ok(new_null_array(&column.kind.arrow(), batch.num_rows())),
                        }
                    },
                );
                Ok(Some((columns.collect::<Result<_, _>>()?, batch.num_rows())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        Array, AsArray, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, StringArray,
        StructArray,
    };
    use datafusion::arrow::datatypes::{DataType, Int32Type};

    use super::super::{Compression, writer::OrcWriter};
    use super::*;
    use crate::cast::text;

    fn wanted(columns: &[(String, HiveType)]) -> Vec<OrcColumn> {
        let column = |(position, (name, kind)): (usize, &(String, HiveType))| OrcColumn {
            name: name.clone(),
            position,
            kind: kind.clone(),
        };
        columns.iter().enumerate().map(column).collect()
    }

    fn read(path: &Path, columns: &[(String, HiveType)]) -> Vec<ArrayRef> {
        let mut reader = OrcReader::open(path, wanted(columns), 100_000).unwrap();
        let mut parts: Vec<Vec<ArrayRef>> = vec![Vec::new(); columns.len()];
        while let Some((batch, _)) = reader.next_batch(100_000).unwrap() {
            batch
                .into_iter()
                .zip(&mut parts)
                .for_each(|(column, part)| part.push(column));
        }
        parts
            .iter()
            .map(|part| {
                let arrays: Vec<&dyn Array> = part.iter().map(AsRef::as_ref).collect();
                datafusion::arrow::compute::concat(&arrays).unwrap()
            })
            .collect()
    }

    fn round_trip(kind: &str, arrays: &[ArrayRef]) {
        for compression in [
            Compression::None,
            Compression::Zstd,
            Compression::Zlib,
            Compression::Snappy,
            Compression::Lz4,
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("f.orc");
            let columns = vec![("c".to_owned(), kind.parse().unwrap())];
            let mut writer = OrcWriter::create(&path, columns.clone(), compression).unwrap();
            for array in arrays {
                let array = cast_array(array, &columns[0].1).unwrap();
                let rows = array.len();
                writer.append(&[array], rows);
                writer.flush_stripe().unwrap();
            }
            let bytes = writer.finish().unwrap();
            assert_eq!(bytes, path.metadata().unwrap().len());
            let whole: Vec<ArrayRef> = arrays
                .iter()
                .map(|array| cast_array(array, &columns[0].1).unwrap())
                .collect();
            let whole: Vec<&dyn Array> = whole.iter().map(AsRef::as_ref).collect();
            let expected = datafusion::arrow::compute::concat(&whole).unwrap();
            let found = &read(&path, &columns)[0];
            assert_eq!(found, &expected, "{kind} {compression:?}");
        }
    }

    fn texts(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    #[test]
    fn names_a_file_that_is_not_orc() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("000000_0");
        std::fs::write(&path, "id,name\n").unwrap();
        assert!(
            OrcReader::open(&path, Vec::new(), 10)
                .err()
                .unwrap()
                .to_string()
                .contains("000000_0: not a readable ORC file")
        );
    }

    #[test]
    fn a_file_without_rows_is_readable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.orc");
        OrcWriter::create(
            &path,
            vec![("a".to_owned(), HiveType::Int)],
            Compression::Zstd,
        )
        .unwrap()
        .finish()
        .unwrap();
        assert!(
            OrcReader::open(&path, Vec::new(), 10)
                .unwrap()
                .next_batch(10)
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn columns_that_the_file_lacks_are_null_and_others_are_found_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.orc");
        let columns = vec![
            ("a".to_owned(), HiveType::Int),
            ("b".to_owned(), HiveType::Int),
        ];
        let mut writer = OrcWriter::create(&path, columns, Compression::Zstd).unwrap();
        writer.append(
            &[
                Arc::new(Int32Array::from(vec![1])),
                Arc::new(Int32Array::from(vec![2])),
            ],
            1,
        );
        writer.finish().unwrap();
        let found = read(
            &path,
            &[
                ("b".to_owned(), HiveType::BigInt),
                ("x".to_owned(), HiveType::String),
                ("a".to_owned(), HiveType::Int),
            ],
        );
        assert_eq!(found[0].as_ref(), &Int64Array::from(vec![2]) as &dyn Array);
        assert!(found[1].is_null(0));
        assert_eq!(found[2].as_primitive::<Int32Type>().value(0), 1);
    }

    #[test]
    fn integers_of_every_width_come_back() {
        let long: Vec<Option<i64>> = (0..3000i64)
            .map(|row| match row % 7 {
                0 => None,
                1..=3 => Some(row),
                4 => Some(i64::MIN + row),
                5 => Some(i64::MAX - row),
                _ => Some(row * row * 31 - 1_000_000),
            })
            .collect();
        let long: ArrayRef = Arc::new(Int64Array::from(long));
        let sequence: ArrayRef = Arc::new((0..2000).collect::<Int64Array>());
        let repeated: ArrayRef = Arc::new(Int64Array::from(vec![42; 1500]));
        for kind in ["bigint", "int", "smallint", "tinyint"] {
            round_trip(kind, &[Arc::clone(&long)]);
            round_trip(kind, &[Arc::clone(&sequence)]);
            round_trip(kind, &[Arc::clone(&repeated)]);
        }
    }

    #[test]
    fn booleans_doubles_and_floats_come_back() {
        let bits: ArrayRef = Arc::new(
            (0..1000)
                .map(|row| (row % 5 != 0).then_some(row % 3 == 0))
                .collect::<BooleanArray>(),
        );
        round_trip("boolean", &[bits]);
        let doubles: ArrayRef = Arc::new(Float64Array::from(vec![
            Some(1.5),
            None,
            Some(-0.0),
            Some(f64::INFINITY),
            Some(1e-300),
        ]));
        round_trip("double", &[Arc::clone(&doubles)]);
        round_trip("float", &[doubles]);
    }

    #[test]
    fn texts_come_back_with_and_without_a_dictionary() {
        let few: ArrayRef = Arc::new(
            (0..20_000)
                .map(|row| (row % 11 != 0).then(|| format!("value {}", row % 97)))
                .collect::<StringArray>(),
        );
        round_trip("string", &[Arc::clone(&few), few]);
        let many: ArrayRef = Arc::new(
            (0..20_000)
                .map(|row| Some(format!("é{row}")))
                .collect::<StringArray>(),
        );
        round_trip("string", &[many]);
        round_trip("varchar(3)", &[texts(&[Some("abcdef"), None, Some("")])]);
        round_trip("char(5)", &[texts(&[Some("abc"), None, Some("äöüßxyz")])]);
        round_trip("binary", &[texts(&[Some("abc"), None, Some("")])]);
    }

    #[test]
    fn decimals_dates_and_timestamps_come_back() {
        round_trip(
            "decimal(38,10)",
            &[texts(&[
                Some("1234567890123456789012345678.0123456789"),
                None,
                Some("-0.5"),
                Some("0"),
            ])],
        );
        round_trip("decimal(12,2)", &[texts(&[Some("99.95"), Some("-1.00")])]);
        round_trip(
            "date",
            &[texts(&[
                Some("1900-01-01"),
                Some("2026-11-21"),
                None,
                Some("9999-12-31"),
            ])],
        );
        let times = [
            "1969-12-31 23:59:58.5",
            "1969-12-31 23:59:59.000001",
            "2026-11-21 02:00:00.123456",
            "2015-01-01 00:00:00",
            "1900-01-01 00:00:00",
            "9999-12-31 23:59:59",
        ];
        round_trip("timestamp", &[texts(&times.map(Some))]);
    }

    #[test]
    fn nested_values_come_back() {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(1), None, Some(3)]),
            None,
            Some(vec![]),
        ]);
        round_trip("array<int>", &[Arc::new(list)]);
        let kind: HiveType = "struct<a:int,b:string>".parse().unwrap();
        let DataType::Struct(fields) = kind.arrow() else {
            panic!()
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(vec![Some(1), None])),
            texts(&[Some("x"), None]),
        ];
        round_trip(
            "struct<a:int,b:string>",
            &[Arc::new(StructArray::new(fields, columns, None))],
        );
    }

    #[test]
    fn printed_values_survive_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.orc");
        let columns = vec![("t".to_owned(), HiveType::Timestamp)];
        let mut writer = OrcWriter::create(&path, columns.clone(), Compression::Zstd).unwrap();
        writer.append(
            &[cast_array(
                &texts(&[Some("1969-12-31 23:59:58.5")]),
                &HiveType::Timestamp,
            )
            .unwrap()],
            1,
        );
        writer.finish().unwrap();
        assert_eq!(
            text(&read(&path, &columns)[0])
                .unwrap()
                .as_string::<i32>()
                .value(0),
            "1969-12-31 23:59:58.5"
        );
    }
}
