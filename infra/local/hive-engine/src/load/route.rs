//! Finds the partition of each row of a batch without making a text of its values: only the first row of a partition does.
//! Called by the lanes of a load.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::arrow::row::{RowConverter, SortField};
use hashbrown::HashMap;

use crate::error::Failure;

/// Remembers which values go where.
#[derive(Default)]
pub(super) struct Router {
    numbers: HashMap<Option<i64>, usize>,
    rows: HashMap<Box<[u8]>, usize>,
    converter: Option<RowConverter>,
}

impl Router {
    /// The place of each row. `place` is asked for a row whose values have not been seen.
    pub(super) fn route(
        &mut self,
        columns: &[ArrayRef],
        count: usize,
        mut place: impl FnMut(usize) -> Result<usize, Failure>,
    ) -> Result<Vec<usize>, Failure> {
        let failed =
            |error: datafusion::arrow::error::ArrowError| Failure::Query(error.to_string());
        let mut places = Vec::with_capacity(count);
        if let [column] = columns
            && column.data_type().is_integer()
        {
            let column = cast(column, &DataType::Int64).map_err(failed)?;
            let column = column.as_primitive::<Int64Type>();
            let mut last = None;
            for row in 0..count {
                let key = column.is_valid(row).then(|| column.value(row));
                let found = match last {
                    Some((known, found)) if known == key => found,
                    _ => match self.numbers.get(&key) {
                        Some(found) => *found,
                        None => {
                            let found = place(row)?;
                            self.numbers.insert(key, found);
                            found
                        }
                    },
                };
                last = Some((key, found));
                places.push(found);
            }
            return Ok(places);
        }
        let converter = match &mut self.converter {
            Some(converter) => converter,
            none => {
                let fields = columns
                    .iter()
                    .map(|column| SortField::new(column.data_type().clone()));
                none.insert(RowConverter::new(fields.collect()).map_err(failed)?)
            }
        };
        let rows = converter.convert_columns(columns).map_err(failed)?;
        for row in 0..count {
            let key = rows.row(row);
            let found = match row.checked_sub(1) {
                Some(before) if rows.row(before) == key => places[before],
                _ => match self.rows.get(key.as_ref()) {
                    Some(found) => *found,
                    None => {
                        let found = place(row)?;
                        self.rows.insert(key.as_ref().into(), found);
                        found
                    }
                },
            };
            places.push(found);
        }
        Ok(places)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int32Array, StringArray};

    use super::*;

    fn routed(batches: &[Vec<ArrayRef>]) -> (Vec<Vec<usize>>, Vec<usize>) {
        let (mut router, mut asked) = (Router::default(), Vec::new());
        let places = batches.iter().map(|columns| {
            let place = |row| {
                asked.push(row);
                Ok(asked.len() - 1)
            };
            router.route(columns, columns[0].len(), place).unwrap()
        });
        (places.collect(), asked)
    }

    #[test]
    fn equal_values_go_to_one_place_over_batches() {
        let first: ArrayRef = Arc::new(Int32Array::from(vec![Some(7), Some(7), None, Some(8)]));
        let second: ArrayRef = Arc::new(Int32Array::from(vec![None, Some(7), Some(9)]));
        let (places, asked) = routed(&[vec![first], vec![second]]);
        assert_eq!(places, [vec![0, 0, 1, 2], vec![1, 0, 3]]);
        assert_eq!(asked, [0, 2, 3, 2]);
    }

    #[test]
    fn several_columns_are_compared_together() {
        let days: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("a"), None, None]));
        let hours: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 1, 1]));
        let (places, _) = routed(&[vec![days, hours]]);
        assert_eq!(places, [vec![0, 1, 2, 2]]);
    }
}
