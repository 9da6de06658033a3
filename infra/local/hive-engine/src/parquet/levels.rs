//! Timestamps of a Parquet column with their definition and repetition levels: Hive stores them in 96 bits, which the Arrow
//! writer of the `parquet` crate does not, so their levels are counted here.

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::TimestampMicrosecondType;
use parquet::data_type::Int96;

use crate::types::HiveType;

/// Julian day of 1970-01-01.
const EPOCH_DAY: i64 = 2_440_588;
const DAY_MICROS: i64 = 86_400_000_000;

/// The timestamps of one leaf of a column.
#[derive(Default)]
pub(super) struct Timestamps {
    pub(super) values: Vec<Int96>,
    pub(super) definitions: Vec<i16>,
    pub(super) repetitions: Vec<i16>,
}

/// Where in a column a value stands.
#[derive(Clone, Copy)]
struct Level {
    /// Groups and values around it that are there.
    definition: i16,
    /// The list that goes on with it; 0 begins a row.
    repetition: i16,
    /// Lists around it.
    depth: i16,
    /// Whether it may be NULL, as all but the keys of a map.
    is_optional: bool,
}

impl Level {
    /// One that is there, of a value that may be absent.
    fn present(self) -> Self {
        Self {
            definition: self.definition + i16::from(self.is_optional),
            is_optional: true,
            ..self
        }
    }
}

/// Appends a column's rows to those of its leaves that are timestamps. `leaves` has one entry per leaf of the type.
pub(super) fn append(leaves: &mut [Option<Timestamps>], array: &dyn Array, kind: &HiveType) {
    let level = Level {
        definition: 0,
        repetition: 0,
        depth: 0,
        is_optional: true,
    };
    for row in 0..array.len() {
        visit(leaves, array, kind, Some(row), level);
    }
}

/// Columns of the file that a type takes.
pub(super) fn leaves(kind: &HiveType) -> usize {
    match kind {
        HiveType::Array(item) => leaves(item),
        HiveType::Map(key, value) => leaves(key) + leaves(value),
        HiveType::Struct(fields) => fields.iter().map(|(_, kind)| leaves(kind)).sum(),
        _ => 1,
    }
}

/// The types of the leaves, in the file's order.
pub(super) fn leaf_types(kind: &HiveType) -> Vec<&HiveType> {
    match kind {
        HiveType::Array(item) => leaf_types(item),
        HiveType::Map(key, value) => [leaf_types(key), leaf_types(value)].concat(),
        HiveType::Struct(fields) => fields
            .iter()
            .flat_map(|(_, kind)| leaf_types(kind))
            .collect(),
        _ => vec![kind],
    }
}

/// One value, or its absence where something around it is absent.
fn visit(
    leaves: &mut [Option<Timestamps>],
    array: &dyn Array,
    kind: &HiveType,
    row: Option<usize>,
    level: Level,
) {
    let row = row.filter(|row| array.is_valid(*row));
    let here = if row.is_some() {
        level.present()
    } else {
        level
    };
    match kind {
        HiveType::Array(item) => {
            let list = array.as_list::<i32>();
            let items = row.map_or(0..0, |row| range(list.value_offsets(), row));
            each(items, here, |place, level| {
                visit(leaves, list.values().as_ref(), item, place, level);
            });
        }
        HiveType::Map(key, value) => {
            let map = array.as_map();
            let (of_key, of_value) = leaves.split_at_mut(self::leaves(key));
            let entries = row.map_or(0..0, |row| range(map.value_offsets(), row));
            each(entries, here, |place, level| {
                let required = Level {
                    is_optional: false,
                    ..level
                };
                visit(of_key, map.keys().as_ref(), key, place, required);
                visit(of_value, map.values().as_ref(), value, place, level);
            });
        }
        HiveType::Struct(fields) => {
            let mut rest = leaves;
            for (column, (_, kind)) in array.as_struct().columns().iter().zip(fields) {
                let (own, others) = rest.split_at_mut(self::leaves(kind));
                visit(own, column.as_ref(), kind, row, here);
                rest = others;
            }
        }
        _ => {
            let Some(Some(leaf)) = leaves.first_mut() else {
                return;
            };
            if let Some(row) = row {
                let times = array.as_primitive::<TimestampMicrosecondType>();
                leaf.values.push(int96(times.value(row)));
            }
            leaf.definitions.push(here.definition);
            leaf.repetitions.push(here.repetition);
        }
    }
}

/// Visits the items of a list, or once the absence of any.
fn each(items: std::ops::Range<usize>, list: Level, mut visit: impl FnMut(Option<usize>, Level)) {
    if items.is_empty() {
        visit(None, list);
        return;
    }
    for (at, place) in items.enumerate() {
        let level = Level {
            definition: list.definition + 1,
            repetition: if at == 0 {
                list.repetition
            } else {
                list.depth + 1
            },
            depth: list.depth + 1,
            is_optional: true,
        };
        visit(Some(place), level);
    }
}

/// The places of a row's items.
fn range(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    let place = |at: usize| usize::try_from(offsets[at]).unwrap_or(0);
    place(row)..place(row + 1)
}

/// Nanoseconds of the day, then the Julian day.
fn int96(micros: i64) -> Int96 {
    let nanos = micros.rem_euclid(DAY_MICROS) * 1000;
    let bytes = nanos.to_le_bytes();
    let word =
        |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let day = micros.div_euclid(DAY_MICROS) + EPOCH_DAY;
    let mut value = Int96::new();
    value.set_data(word(0), word(4), u32::try_from(day).unwrap_or(0));
    value
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        ArrayRef, ListBuilder, TimestampMicrosecondArray, TimestampMicrosecondBuilder,
    };

    use super::*;

    fn levels(array: &dyn Array, kind: &str) -> Timestamps {
        let mut leaves = vec![Some(Timestamps::default())];
        append(&mut leaves, array, &kind.parse().unwrap());
        leaves.remove(0).unwrap()
    }

    #[test]
    fn counts_what_is_absent_in_a_column_and_in_lists() {
        let flat: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![Some(0), None]));
        let found = levels(&flat, "timestamp");
        assert_eq!((found.values.len(), found.definitions), (1, vec![1, 0]));

        let mut lists = ListBuilder::new(TimestampMicrosecondBuilder::new());
        lists.append_value([Some(1), None, Some(2)]);
        lists.append_null();
        lists.append_value([]);
        let found = levels(&lists.finish(), "array<timestamp>");
        assert_eq!(found.values.len(), 2);
        assert_eq!(found.definitions, [3, 2, 3, 0, 1]);
        assert_eq!(found.repetitions, [0, 1, 1, 0, 0]);
    }

    #[test]
    fn a_time_before_1970_stands_on_the_day_before() {
        assert_eq!(int96(-1).data(), [0x914E_FC18, 20_116, 2_440_587]);
    }
}
