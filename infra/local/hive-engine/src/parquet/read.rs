//! Reads one Parquet file batch by batch: columns and the fields of structs by their names, in the table's types.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, FieldRef, Fields, Schema, TimeUnit};
use datafusion::arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;

use super::prune::kept_groups;
use crate::cast::cast_array;
use crate::error::Failure;
use crate::tables::part_filter::PartFilter;
use crate::text::read::Columns;
use crate::types::HiveType;

/// Reads a file.
pub(crate) struct ParquetReader {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    /// Type of each wanted column, and where it stands in the batches; none for one that the file lacks.
    wanted: Vec<(HiveType, Option<usize>)>,
}

impl ParquetReader {
    /// Opens a file for columns by name and type. Row groups that the filter rules out are left out.
    pub(crate) fn open(
        path: &Path,
        wanted: Vec<(String, HiveType)>,
        filter: Option<&PartFilter>,
        batch_rows: usize,
    ) -> Result<Self, Failure> {
        let refused = |error: ParquetError| {
            Failure::content(path, format!("is no readable Parquet file: {error}"))
        };
        let file = File::open(path).map_err(Failure::file("cannot open", path))?;
        let metadata = metadata(&file).map_err(refused)?;
        let fields = metadata.schema().fields();
        let places: Vec<Option<usize>> = wanted
            .iter()
            .map(|(name, _)| {
                let same = |field: &FieldRef| field.name().eq_ignore_ascii_case(name);
                fields.iter().position(same)
            })
            .collect();
        let mut roots: Vec<usize> = places.iter().flatten().copied().collect();
        roots.sort_unstable();
        roots.dedup();
        let mask = ProjectionMask::roots(metadata.parquet_schema(), roots.iter().copied());
        let groups = match filter {
            Some(filter) => kept_groups(filter, &metadata),
            None => (0..metadata.metadata().num_row_groups()).collect(),
        };
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_row_groups(groups)
            .with_projection(mask)
            .with_batch_size(batch_rows)
            .build()
            .map_err(refused)?;
        let wanted = wanted
            .into_iter()
            .zip(places)
            .map(|((_, kind), place)| {
                let place = place.and_then(|place| roots.iter().position(|root| *root == place));
                (kind, place)
            })
            .collect();
        Ok(Self {
            path: path.to_path_buf(),
            reader,
            wanted,
        })
    }

    /// The next rows; `None` at the end of the file.
    pub(crate) fn next_batch(&mut self) -> Result<Option<Columns>, Failure> {
        let Some(batch) = self.reader.next() else {
            return Ok(None);
        };
        let batch = batch.map_err(|error| Failure::content(&self.path, error.to_string()))?;
        let rows = batch.num_rows();
        let columns = self.wanted.iter().map(|(kind, place)| match place {
            None => Ok(new_null_array(&kind.arrow(), rows)),
            Some(place) => fitted(batch.column(*place), kind),
        });
        Ok(Some((columns.collect::<Result<_, _>>()?, rows)))
    }
}

/// The footer, with times of 96 bits as microseconds: in nanoseconds they would end in 2262.
fn metadata(file: &File) -> Result<ArrowReaderMetadata, ParquetError> {
    // What another program's Arrow schema says about the file is of no use to a table.
    let options = || ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let found = ArrowReaderMetadata::load(file, options())?;
    let fields: Fields = found.schema().fields().iter().map(in_micros).collect();
    if &fields == found.schema().fields() {
        return Ok(found);
    }
    let options = options().with_schema(Arc::new(Schema::new(fields)));
    ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), options)
}

fn in_micros(field: &FieldRef) -> FieldRef {
    let kind = match field.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
        }
        DataType::List(item) => DataType::List(in_micros(item)),
        DataType::Map(entries, sorted) => DataType::Map(in_micros(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(in_micros).collect()),
        _ => return Arc::clone(field),
    };
    Arc::new(field.as_ref().clone().with_data_type(kind))
}

/// An array in the table's type; fields of structs are found by their names, and NULL where the file lacks them.
fn fitted(array: &ArrayRef, kind: &HiveType) -> Result<ArrayRef, Failure> {
    let made = match (kind, array.data_type(), kind.arrow()) {
        (HiveType::Array(item), DataType::List(_), DataType::List(field)) => {
            let list = array.as_list::<i32>();
            let values = fitted(list.values(), item)?;
            let nulls = list.nulls().cloned();
            ListArray::try_new(field, list.offsets().clone(), values, nulls)
                .map(|list| Arc::new(list) as ArrayRef)
        }
        (HiveType::Map(key, value), DataType::Map(_, _), DataType::Map(field, sorted)) => {
            let map = array.as_map();
            let columns = vec![fitted(map.keys(), key)?, fitted(map.values(), value)?];
            let DataType::Struct(fields) = field.data_type() else {
                return cast_array(array, kind);
            };
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            StructArray::try_new(fields.clone(), columns, None)
                .and_then(|pairs| MapArray::try_new(field, offsets, pairs, nulls, sorted))
                .map(|map| Arc::new(map) as ArrayRef)
        }
        (HiveType::Struct(wanted), DataType::Struct(found), DataType::Struct(fields)) => {
            let structs = array.as_struct();
            let columns = wanted.iter().map(|(name, kind)| {
                let same = |field: &FieldRef| field.name().eq_ignore_ascii_case(name);
                match found.iter().position(same) {
                    Some(place) => fitted(structs.column(place), kind),
                    None => Ok(new_null_array(&kind.arrow(), array.len())),
                }
            });
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            StructArray::try_new(fields, columns, structs.nulls().cloned())
                .map(|made| Arc::new(made) as ArrayRef)
        }
        _ => return cast_array(array, kind),
    };
    made.map_err(|error: ArrowError| Failure::Query(error.to_string()))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int32Array, Int64Array};
    use datafusion::arrow::datatypes::Field;

    use super::*;

    #[test]
    fn fields_of_structs_are_found_by_name() {
        let fields = Fields::from(vec![
            Field::new("B", DataType::Int32, true),
            Field::new("x", DataType::Int32, true),
        ]);
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
        let made = StructArray::new(fields, vec![Arc::clone(&numbers), numbers], None);
        let array: ArrayRef = Arc::new(made);
        let found = fitted(&array, &"struct<a:string,b:bigint>".parse().unwrap()).unwrap();
        assert_eq!(found.as_struct().column(0).null_count(), 2);
        let expected: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        assert_eq!(found.as_struct().column(1), &expected);
    }
}
