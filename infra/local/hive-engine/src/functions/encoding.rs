//! Digests and encodings: `md5`, `sha2`, `crc32`, `hex`, `base64`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Int64Array};
use datafusion::arrow::datatypes::DataType;
use md5::{Digest, Md5};
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::udf::{Arguments, BIGINT, Function, TEXT, at, texts};
use crate::cast::cast_array;
use crate::error::Failure;
use crate::types::HiveType;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("md5", 1..=1, TEXT, |arguments| {
            let values = bytes(arguments, 0)?;
            texts(arguments.rows, |row| {
                at(&values, row).map(|value| hex(&Md5::digest(value), false))
            })
        }),
        Function::new("sha2", 2..=2, TEXT, |arguments| {
            let (values, lengths) = (bytes(arguments, 0)?, arguments.integer(1)?);
            texts(arguments.rows, |row| {
                let value = at(&values, row)?;
                match at(&lengths, row)? {
                    224 => Some(hex(&Sha224::digest(value), false)),
                    0 | 256 => Some(hex(&Sha256::digest(value), false)),
                    384 => Some(hex(&Sha384::digest(value), false)),
                    512 => Some(hex(&Sha512::digest(value), false)),
                    _ => None,
                }
            })
        }),
        Function::new("crc32", 1..=1, BIGINT, |arguments| {
            let values = bytes(arguments, 0)?;
            let answer = |row| {
                let mut sum = flate2::Crc::new();
                sum.update(at(&values, row)?);
                Some(i64::from(sum.sum()))
            };
            Ok(Arc::new(
                (0..arguments.rows).map(answer).collect::<Int64Array>(),
            ))
        }),
        Function::new("hex", 1..=1, TEXT, |arguments| {
            if arguments.columns[0].data_type().is_integer() {
                let values = arguments.integer(0)?;
                return texts(arguments.rows, |row| {
                    at(&values, row).map(|value| format!("{value:X}"))
                });
            }
            let values = bytes(arguments, 0)?;
            texts(arguments.rows, |row| {
                at(&values, row).map(|value| hex(value, true))
            })
        }),
        Function::new(
            "unhex",
            1..=1,
            |_, _| Ok(DataType::Binary),
            |arguments| {
                let values = arguments.text(0)?;
                let answer = |row| at(&values, row).and_then(unhex);
                Ok(Arc::new(
                    (0..arguments.rows).map(answer).collect::<BinaryArray>(),
                ))
            },
        ),
        Function::new("base64", 1..=1, TEXT, |arguments| {
            let values = bytes(arguments, 0)?;
            texts(arguments.rows, |row| {
                at(&values, row).map(|value| STANDARD.encode(value))
            })
        }),
        Function::new(
            "unbase64",
            1..=1,
            |_, _| Ok(DataType::Binary),
            |arguments| {
                let values = arguments.text(0)?;
                let answer =
                    |row| at(&values, row).and_then(|value| STANDARD.decode(value.trim()).ok());
                Ok(Arc::new(
                    (0..arguments.rows).map(answer).collect::<BinaryArray>(),
                ))
            },
        ),
    ]
}

fn bytes(arguments: &Arguments, index: usize) -> Result<BinaryArray, Failure> {
    let column: &ArrayRef = &arguments.columns[index];
    let column = if *column.data_type() == DataType::Binary {
        Arc::clone(column)
    } else {
        cast_array(column, &HiveType::String)?
    };
    Ok(cast_array(&column, &HiveType::Binary)?
        .as_binary::<i32>()
        .clone())
}

fn hex(bytes: &[u8], upper: bool) -> String {
    bytes
        .iter()
        .map(|byte| {
            if upper {
                format!("{byte:02X}")
            } else {
                format!("{byte:02x}")
            }
        })
        .collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let padded = if text.len() % 2 == 1 {
        format!("0{text}")
    } else {
        text.to_owned()
    };
    padded
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
