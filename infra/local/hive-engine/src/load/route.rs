//! Finds the partition of each row of a batch without making a text of its values: only the first row of a partition does.
//! Called by the lanes of a load.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::arrow::row::{RowConverter, SortField};
use hashbrown::HashMap;

use crate::error::Failure;

/// Bits of a number's place in the table of those that were seen last.
const RECENT_BITS: u32 = 10;

/// Remembers which values go where.
#[derive(Default)]
pub(super) struct Router {
    /// Numbers and their places, each where its hash points: found without a search.
    recent: Vec<Option<(i64, usize)>>,
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
            self.recent.resize(1 << RECENT_BITS, None);
            let may_be_null = column.null_count() > 0;
            for (row, value) in column.values().iter().enumerate() {
                let is_null = may_be_null && column.is_null(row);
                let hash = value.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let recent = &mut self.recent[(hash >> (u64::BITS - RECENT_BITS)) as usize];
                if let Some((known, found)) = recent
                    && known == value
                    && !is_null
                {
                    places.push(*found);
                    continue;
                }
                let key = (!is_null).then_some(*value);
                let found = match self.numbers.get(&key) {
                    Some(found) => *found,
                    None => {
                        let found = place(row)?;
                        self.numbers.insert(key, found);
                        found
                    }
                };
                if !is_null {
                    *recent = Some((*value, found));
                }
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

    use datafusion::arrow::array::{Int32Array, Int64Array, StringArray};

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
    fn a_null_is_not_the_number_that_lies_under_it() {
        let numbers = Int64Array::new(
            vec![5, 5, 0, 0, 5].into(),
            Some(vec![true, false, false, true, true].into()),
        );
        let (places, asked) = routed(&[vec![Arc::new(numbers)]]);
        assert_eq!(places, [vec![0, 1, 1, 2, 0]]);
        assert_eq!(asked, [0, 1, 3]);
    }

    #[test]
    fn more_numbers_than_are_remembered_find_their_places() {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..5000).map(|n| n * 1024)));
        let (places, _) = routed(&[vec![Arc::clone(&numbers)], vec![numbers]]);
        assert_eq!(places[0], (0..5000).collect::<Vec<_>>());
        assert_eq!(places[0], places[1]);
    }

    #[test]
    fn several_columns_are_compared_together() {
        let days: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("a"), None, None]));
        let hours: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 1, 1]));
        let (places, _) = routed(&[vec![days, hours]]);
        assert_eq!(places, [vec![0, 1, 2, 2]]);
    }
}
