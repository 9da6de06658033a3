//! Functions that make maps. Their entries stay in the order in which they are given; of a key that is given twice the last value
//! counts, in the place of the first, as in Hive.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, MapArray, MapBuilder, StringBuilder, StructArray, UInt32Array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::row::{RowConverter, SortField};

use super::udf::{Arguments, Function, at};
use crate::cast::cast_array;
use crate::error::Failure;
use crate::types::HiveType;

/// `map(…)` as the expressions are planned: of a list of keys and a list of as many values.
pub(crate) const MAP: &str = "hive_map";

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new(
            MAP,
            2..=2,
            |types, _| {
                let item = |kind: &DataType| match kind {
                    DataType::List(item) => match HiveType::of_arrow(item.data_type()) {
                        Ok(kind) => Ok(Box::new(kind)),
                        // Of no entries.
                        Err(_) if *item.data_type() == DataType::Null => {
                            Ok(Box::new(HiveType::String))
                        }
                        Err(failure) => Err(failure),
                    },
                    _ => Err(Failure::semantic("a map needs keys and values")),
                };
                Ok(HiveType::Map(item(&types[0])?, item(&types[1])?).arrow())
            },
            map,
        ),
        Function::new(
            "str_to_map",
            1..=3,
            |_, _| Ok(texts_by_text().arrow()),
            str_to_map,
        ),
    ]
}

fn texts_by_text() -> HiveType {
    HiveType::Map(Box::new(HiveType::String), Box::new(HiveType::String))
}

fn failed(error: ArrowError) -> Failure {
    Failure::Query(error.to_string())
}

fn map(arguments: &Arguments) -> Result<ArrayRef, Failure> {
    let HiveType::Map(key, value) = HiveType::of_arrow(&arguments.kind)? else {
        return Err(Failure::semantic("a map needs keys and values"));
    };
    let lists = (
        arguments.columns[0].as_list_opt::<i32>(),
        arguments.columns[1].as_list_opt::<i32>(),
    );
    let ((Some(keys), Some(values)), DataType::Map(field, sorted)) = (lists, &arguments.kind)
    else {
        return Err(Failure::semantic("a map needs keys and values"));
    };
    let DataType::Struct(entry_fields) = field.data_type() else {
        return Err(Failure::semantic("a map needs keys and values"));
    };
    let all_keys = cast_array(keys.values(), &key)?;
    let all_values = cast_array(values.values(), &value)?;
    let converter = RowConverter::new(vec![SortField::new(all_keys.data_type().clone())]);
    let comparable = converter
        .and_then(|converter| converter.convert_columns(&[Arc::clone(&all_keys)]))
        .map_err(failed)?;
    let (mut from_keys, mut from_values): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
    let mut lengths = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let first_value = values.value_offsets()[row].cast_unsigned();
        let entries = keys.value_offsets()[row].cast_unsigned()
            ..keys.value_offsets()[row + 1].cast_unsigned();
        let before = from_keys.len();
        let mut known = HashMap::with_capacity(entries.len());
        for (place, entry) in (first_value..).zip(entries) {
            if all_keys.is_null(entry as usize) {
                return Err(Failure::Query("a key of a map is NULL".to_owned()));
            }
            match known.get(&comparable.row(entry as usize)) {
                Some(at) => from_values[*at] = place,
                None => {
                    known.insert(comparable.row(entry as usize), from_keys.len());
                    from_keys.push(entry);
                    from_values.push(place);
                }
            }
        }
        lengths.push(from_keys.len() - before);
    }
    let chosen = |from: &ArrayRef, indices: Vec<u32>| {
        take(from, &UInt32Array::from(indices), None).map_err(failed)
    };
    let columns = vec![
        chosen(&all_keys, from_keys)?,
        chosen(&all_values, from_values)?,
    ];
    let entries = StructArray::try_new(entry_fields.clone(), columns, None).map_err(failed)?;
    let ends = OffsetBuffer::from_lengths(lengths);
    let made = MapArray::try_new(Arc::clone(field), ends, entries, None, *sorted);
    Ok(Arc::new(made.map_err(failed)?))
}

/// `str_to_map(text, between pairs, between key and value)`; the separators are patterns.
fn str_to_map(arguments: &Arguments) -> Result<ArrayRef, Failure> {
    let text = arguments.text(0)?;
    let separator = |index: usize, default: &str| -> Result<regex::Regex, Failure> {
        let pattern = if arguments.count() > index {
            at(&arguments.text(index)?, 0).unwrap_or(default).to_owned()
        } else {
            default.to_owned()
        };
        regex::Regex::new(&pattern).map_err(|error| Failure::semantic(error.to_string()))
    };
    let (pairs, parts) = (separator(1, ",")?, separator(2, ":")?);
    let mut maps = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in 0..arguments.rows {
        let Some(text) = at(&text, row) else {
            maps.append(false).map_err(failed)?;
            continue;
        };
        let mut known: Vec<(&str, Option<&str>)> = Vec::new();
        for pair in pairs.split(text) {
            let mut cut = parts.splitn(pair, 2);
            let (key, value) = (cut.next().unwrap_or_default(), cut.next());
            match known.iter_mut().find(|(other, _)| *other == key) {
                Some(entry) => entry.1 = value,
                None => known.push((key, value)),
            }
        }
        for (key, value) in known {
            maps.keys().append_value(key);
            maps.values().append_option(value);
        }
        maps.append(true).map_err(failed)?;
    }
    let maps: ArrayRef = Arc::new(maps.finish());
    cast_array(&maps, &texts_by_text())
}
