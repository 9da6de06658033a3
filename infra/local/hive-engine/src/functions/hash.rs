//! `hash`, as Hive computes it over any values, and the masking functions.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type,
    TimestampMicrosecondType,
};
use md5::{Digest, Md5};

use super::udf::{Arguments, Function, INT, TEXT, at, texts};
use crate::cast::{cast_array, text};
use crate::error::Failure;
use crate::types::HiveType;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("hash", 1..=usize::MAX, INT, |arguments| {
            let rows = (0..arguments.rows).map(|row| {
                let mut all = 0i32;
                for column in &arguments.columns {
                    all = all.wrapping_mul(31).wrapping_add(hash(column, row)?);
                }
                Ok(all)
            });
            let rows = rows.collect::<Result<Vec<i32>, Failure>>()?;
            Ok(Arc::new(Int32Array::from(rows)))
        }),
        masking("mask", |_, _| true, 4),
        masking("mask_first_n", |place, (count, _)| place < count, 5),
        masking(
            "mask_last_n",
            |place, (count, size)| place + count >= size,
            5,
        ),
        masking("mask_show_first_n", |place, (count, _)| place >= count, 5),
        masking(
            "mask_show_last_n",
            |place, (count, size)| place + count < size,
            5,
        ),
        Function::new("mask_hash", 1..=1, TEXT, |arguments| {
            let values = arguments.text(0)?;
            texts(arguments.rows, |row| {
                let digest = Md5::digest(at(&values, row)?.as_bytes());
                Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
            })
        }),
    ]
}

/// Java's hash of a value; NULL has 0.
fn hash(array: &ArrayRef, row: usize) -> Result<i32, Failure> {
    if array.is_null(row) {
        return Ok(0);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "Java folds 64 bits into 32"
    )]
    let folded = |value: i64| (value ^ ((value as u64) >> 32) as i64) as i32;
    #[expect(clippy::cast_possible_wrap, reason = "the bits are what is hashed")]
    let bits = |value: u64| folded(value as i64);
    Ok(match array.data_type() {
        DataType::Boolean => i32::from(array.as_boolean().value(row)),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "these have at most 32 bits"
        )]
        DataType::Int8 | DataType::Int16 | DataType::Int32 => {
            let wide = cast_array(&array.slice(row, 1), &HiveType::BigInt)?;
            wide.as_primitive::<Int64Type>().value(0) as i32
        }
        DataType::Int64 => folded(array.as_primitive::<Int64Type>().value(row)),
        #[expect(clippy::cast_possible_wrap, reason = "the bits are what is hashed")]
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).to_bits() as i32,
        DataType::Float64 => bits(array.as_primitive::<Float64Type>().value(row).to_bits()),
        DataType::Decimal128(_, scale) => {
            let (mut value, mut scale) = (
                array.as_primitive::<Decimal128Type>().value(row),
                i32::from(*scale),
            );
            while scale > 0 && value % 10 == 0 {
                (value, scale) = (value / 10, scale - 1);
            }
            big_integer(value).wrapping_mul(31).wrapping_add(scale)
        }
        DataType::Date32 => array.as_primitive::<Date32Type>().value(row),
        DataType::Timestamp(_, _) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            let (seconds, nanos) = (
                micros.div_euclid(1_000_000),
                micros.rem_euclid(1_000_000) * 1000,
            );
            folded((seconds << 30) | nanos)
        }
        DataType::Binary => bytes(array.as_binary::<i32>().value(row)),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            let mut all = 0i32;
            for item in 0..items.len() {
                all = all.wrapping_mul(31).wrapping_add(hash(&items, item)?);
            }
            all
        }
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            let mut all = 0i32;
            for entry in 0..entries.len() {
                let pair = hash(entries.column(0), entry)? ^ hash(entries.column(1), entry)?;
                all = all.wrapping_add(pair);
            }
            all
        }
        DataType::Struct(_) => {
            let mut all = 0i32;
            for column in array.as_struct().columns() {
                all = all.wrapping_mul(31).wrapping_add(hash(column, row)?);
            }
            all
        }
        _ => bytes(
            text(&array.slice(row, 1))?
                .as_string::<i32>()
                .value(0)
                .as_bytes(),
        ),
    })
}

fn bytes(bytes: &[u8]) -> i32 {
    bytes.iter().fold(0i32, |all, byte| {
        all.wrapping_mul(31)
            .wrapping_add(i32::from(i8::from_ne_bytes([*byte])))
    })
}

/// `BigInteger.hashCode`: 32 bits at a time, the highest first, with the sign.
fn big_integer(value: i128) -> i32 {
    let mut magnitude = value.unsigned_abs();
    let mut words = Vec::new();
    while magnitude > 0 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the low 32 bits are wanted"
        )]
        words.push(magnitude as u32);
        magnitude >>= 32;
    }
    let hash = words
        .iter()
        .rev()
        .fold(0u32, |all, word| all.wrapping_mul(31).wrapping_add(*word));
    i32::from_ne_bytes(hash.to_ne_bytes()).wrapping_mul(if value < 0 { -1 } else { 1 })
}

/// A masking function: `masked` says which places (of so many, out of so many) are masked.
fn masking(name: &'static str, masked: fn(usize, (usize, usize)) -> bool, most: usize) -> Function {
    Function::new(name, 1..=most, TEXT, move |arguments| {
        let values = arguments.text(0)?;
        let counted = name != "mask";
        let count = if counted && arguments.count() > 1 {
            Some(arguments.integer(1)?)
        } else {
            None
        };
        let letters = letters(arguments, 1 + usize::from(counted))?;
        texts(arguments.rows, |row| {
            let count = match &count {
                Some(count) => usize::try_from(at(count, row)?).ok()?,
                None => 4,
            };
            let text = at(&values, row)?;
            let size = text.chars().count();
            let mask = |(place, character): (usize, char)| {
                if !masked(place, (count, size)) {
                    return character;
                }
                match character {
                    'A'..='Z' => letters[0].unwrap_or(character),
                    'a'..='z' => letters[1].unwrap_or(character),
                    '0'..='9' => letters[2].unwrap_or(character),
                    _ => letters[3].unwrap_or(character),
                }
            };
            Some(text.chars().enumerate().map(mask).collect())
        })
    })
}

/// What stands for upper case, lower case, digits and others; `-1` leaves them as they are.
fn letters(arguments: &Arguments, from: usize) -> Result<[Option<char>; 4], Failure> {
    let mut letters = [Some('X'), Some('x'), Some('n'), None];
    for (place, letter) in letters.iter_mut().enumerate() {
        if from + place < arguments.count() {
            let given = arguments.text(from + place)?;
            *letter = match at(&given, 0) {
                Some("-1") => None,
                Some(text) => text.chars().next(),
                None => *letter,
            };
        }
    }
    Ok(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_integers_hash_as_in_java() {
        assert_eq!(big_integer(0), 0);
        assert_eq!(big_integer(11), 11);
        assert_eq!(big_integer(-11), -11);
        assert_eq!(big_integer(1 << 32), 31);
    }

    #[test]
    fn bytes_are_signed() {
        assert_eq!(bytes("abc".as_bytes()), 96354);
        assert_eq!(bytes("é".as_bytes()), -1978);
    }
}
