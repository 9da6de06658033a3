//! Functions of arrays that DataFusion lacks or does otherwise.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int32Builder, ListArray, ListBuilder,
    new_empty_array, new_null_array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{interleave, nullif};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::ScalarValue;

use super::condition::common_type;
use super::udf::{Arguments, Function, INT, at};
use crate::cast::cast_array;
use crate::error::Failure;
use crate::types::HiveType;

pub(super) fn functions() -> Vec<Function> {
    let mut all = vec![
        Function::new(
            ARRAY,
            0..=usize::MAX,
            |types, _| {
                let item = common_type(types)?;
                Ok(DataType::List(Arc::new(Field::new("item", item, true))))
            },
            array,
        ),
        Function::new(
            "hive_positions",
            1..=1,
            |_, _| Ok(HiveType::Array(Box::new(HiveType::Int)).arrow()),
            positions,
        ),
        // A list of one NULL, of the type of the argument, for LATERAL VIEW OUTER.
        Function::new(
            "hive_none",
            1..=1,
            |types, _| Ok(types[0].clone()),
            |arguments| {
                let DataType::List(item) = &arguments.kind else {
                    return Ok(new_null_array(&arguments.kind, arguments.rows));
                };
                let lengths = std::iter::repeat_n(1, arguments.rows);
                let values = new_null_array(item.data_type(), arguments.rows);
                let ends = OffsetBuffer::from_lengths(lengths);
                Ok(Arc::new(ListArray::new(
                    Arc::clone(item),
                    ends,
                    values,
                    None,
                )))
            },
        ),
        Function::new("hive_members", 3..=3, member_type, members),
        Function::new("hive_field", 2..=2, field_type, field),
    ];
    all.push(Function::new("size", 1..=1, INT, |arguments| {
        let column = &arguments.columns[0];
        let length = |row: usize| match column.data_type() {
            DataType::List(_) => {
                Ok(usize::try_from(column.as_list::<i32>().value_length(row)).unwrap_or(0))
            }
            DataType::Map(_, _) => {
                Ok(usize::try_from(column.as_map().value_length(row)).unwrap_or(0))
            }
            DataType::Null => Ok(0),
            other => Err(Failure::semantic(format!(
                "size takes an array or a map, not {other}"
            ))),
        };
        // The size of NULL is -1.
        let sizes = (0..arguments.rows).map(|row| {
            if *column.data_type() == DataType::Null || column.is_null(row) {
                Ok(-1)
            } else {
                Ok(i32::try_from(length(row)?).unwrap_or(i32::MAX))
            }
        });
        Ok(Arc::new(Int32Array::from(
            sizes.collect::<Result<Vec<_>, Failure>>()?,
        )))
    }));
    all
}

/// `array(…)`, whose items find a common type by Hive's rules.
pub(crate) const ARRAY: &str = "hive_array";

fn array(arguments: &Arguments) -> Result<ArrayRef, Failure> {
    let failed = |error: datafusion::arrow::error::ArrowError| Failure::Query(error.to_string());
    let DataType::List(item) = &arguments.kind else {
        return Err(Failure::semantic("an array needs items of one type"));
    };
    let kind = HiveType::of_arrow(item.data_type())?;
    let columns = arguments
        .columns
        .iter()
        .map(|column| cast_array(column, &kind))
        .collect::<Result<Vec<_>, _>>()?;
    let count = columns.len();
    let values = if columns.is_empty() {
        new_empty_array(item.data_type())
    } else {
        let places: Vec<(usize, usize)> = (0..arguments.rows)
            .flat_map(|row| (0..count).map(move |column| (column, row)))
            .collect();
        let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
        interleave(&columns, &places).map_err(failed)?
    };
    let lengths = std::iter::repeat_n(count, arguments.rows);
    let ends = OffsetBuffer::from_lengths(lengths);
    let list = ListArray::try_new(Arc::clone(item), ends, values, None);
    Ok(Arc::new(list.map_err(failed)?))
}

/// `[0, 1, …]` for each array, which `posexplode` unnests beside it.
fn positions(arguments: &Arguments) -> Result<ArrayRef, Failure> {
    let Some(list) = arguments.columns[0].as_list_opt::<i32>() else {
        return Err(Failure::semantic("posexplode takes an array"));
    };
    let mut positions = ListBuilder::new(Int32Builder::new());
    for row in 0..list.len() {
        for place in 0..list.value_length(row) {
            positions.values().append_value(place);
        }
        positions.append(!list.is_null(row));
    }
    Ok(Arc::new(positions.finish()))
}

/// The type of the structs in an array.
fn members_of(kind: &DataType) -> Option<&Fields> {
    match kind {
        DataType::List(item) => match item.data_type() {
            DataType::Struct(fields) => Some(fields),
            _ => None,
        },
        _ => None,
    }
}

fn constant(constants: &[Option<ScalarValue>], index: usize) -> Option<usize> {
    match constants.get(index)?.as_ref()? {
        ScalarValue::Int64(Some(value)) => usize::try_from(*value).ok(),
        ScalarValue::Int32(Some(value)) => usize::try_from(*value).ok(),
        _ => None,
    }
}

fn list_of(field: &Field) -> DataType {
    DataType::List(Arc::new(Field::new(
        "item",
        field.data_type().clone(),
        true,
    )))
}

/// `hive_members(array of structs, place, count)`: the array of the structs' field at a place. Used by `inline`.
fn member_type(types: &[DataType], constants: &[Option<ScalarValue>]) -> Result<DataType, Failure> {
    let wrong = || Failure::semantic("inline takes an array of structs");
    let fields = members_of(&types[0]).ok_or_else(wrong)?;
    let (place, count) = (constant(constants, 1), constant(constants, 2));
    if count != Some(fields.len()) {
        return Err(Failure::semantic(format!(
            "inline makes {} columns of these structs, and {} are named",
            fields.len(),
            count.unwrap_or(0)
        )));
    }
    place
        .and_then(|place| fields.get(place))
        .map(|field| list_of(field))
        .ok_or_else(wrong)
}

fn members(arguments: &Arguments) -> Result<ArrayRef, Failure> {
    let list = arguments.columns[0].as_list::<i32>();
    let place = at(&arguments.integer(1)?, 0).unwrap_or(0);
    let place = usize::try_from(place).unwrap_or(0);
    picked(list, place, &arguments.kind)
}

fn picked(list: &ListArray, place: usize, kind: &DataType) -> Result<ArrayRef, Failure> {
    let DataType::List(item) = kind else {
        return Err(Failure::semantic("a list of structs is needed"));
    };
    let structs = list.values().as_struct();
    let column = structs.column(place);
    // A struct that is NULL has no field either.
    let column = match structs.nulls() {
        None => Arc::clone(column),
        Some(present) => {
            let absent = BooleanArray::from_iter(present.iter().map(|present| Some(!present)));
            nullif(column, &absent).map_err(|error| Failure::Query(error.to_string()))?
        }
    };
    Ok(Arc::new(ListArray::new(
        Arc::clone(item),
        list.offsets().clone(),
        column,
        list.nulls().cloned(),
    )))
}

/// `hive_field(struct or array of structs, 'name')`: the field, or the array of the fields.
fn field_type(types: &[DataType], constants: &[Option<ScalarValue>]) -> Result<DataType, Failure> {
    let name = constants
        .get(1)
        .and_then(Option::as_ref)
        .and_then(|value| value.try_as_str().flatten())
        .unwrap_or_default();
    let missing = || {
        let kind = HiveType::of_arrow(&types[0]).map_or_else(|_| String::new(), |k| k.to_string());
        Failure::semantic(format!("{kind} has no field {name}"))
    };
    let find = |fields: &Fields| {
        let found = fields
            .iter()
            .find(|field| field.name().eq_ignore_ascii_case(name));
        found.cloned().ok_or_else(missing)
    };
    match &types[0] {
        DataType::Struct(fields) => Ok(find(fields)?.data_type().clone()),
        kind => Ok(list_of(&*find(members_of(kind).ok_or_else(missing)?)?)),
    }
}

fn field(arguments: &Arguments) -> Result<ArrayRef, Failure> {
    let value = &arguments.columns[0];
    let names = arguments.text(1)?;
    let name = at(&names, 0).unwrap_or_default();
    let place = |fields: &Fields| {
        let found = fields
            .iter()
            .position(|field| field.name().eq_ignore_ascii_case(name));
        found.unwrap_or(0)
    };
    match value.data_type() {
        DataType::Struct(fields) => {
            let one: ArrayRef = Arc::clone(value.as_struct().column(place(fields)));
            match value.nulls() {
                None => Ok(one),
                Some(present) => {
                    let absent =
                        BooleanArray::from_iter(present.iter().map(|present| Some(!present)));
                    nullif(&one, &absent).map_err(|error| Failure::Query(error.to_string()))
                }
            }
        }
        kind => {
            let fields = members_of(kind).cloned().unwrap_or_else(Fields::empty);
            picked(value.as_list::<i32>(), place(&fields), &arguments.kind)
        }
    }
}
