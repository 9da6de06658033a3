//! Digests and encodings: `md5`, `sha2`, `crc32`, `hex`, `base64`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Int64Array, StringArray};
use datafusion::arrow::datatypes::DataType;
use md5::{Digest, Md5};
use sha1::Sha1;
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
        Function::new("sha1", 1..=1, TEXT, |arguments| {
            let values = bytes(arguments, 0)?;
            texts(arguments.rows, |row| {
                at(&values, row).map(|value| hex(&Sha1::digest(value), false))
            })
        }),
        Function::new("decode", 2..=2, TEXT, |arguments| {
            let (values, names) = (bytes(arguments, 0)?, arguments.text(1)?);
            let decoded = (0..arguments.rows).map(|row| {
                let (Some(value), Some(name)) = (at(&values, row), at(&names, row)) else {
                    return Ok(None);
                };
                utf8(name)?;
                Ok(Some(String::from_utf8_lossy(value).into_owned()))
            });
            let decoded = decoded.collect::<Result<Vec<_>, Failure>>()?;
            Ok(Arc::new(StringArray::from(decoded)))
        }),
        Function::new(
            "encode",
            2..=2,
            |_, _| Ok(DataType::Binary),
            |arguments| {
                let names = arguments.text(1)?;
                for row in 0..arguments.rows {
                    at(&names, row).map(utf8).transpose()?;
                }
                Ok(Arc::new(bytes(arguments, 0)?))
            },
        ),
        Function::new("bin", 1..=1, TEXT, |arguments| {
            let values = arguments.integer(0)?;
            texts(arguments.rows, |row| {
                at(&values, row).map(|value| format!("{value:b}"))
            })
        }),
        Function::new("conv", 3..=3, TEXT, |arguments| {
            let (values, from, to) = (
                arguments.text(0)?,
                arguments.integer(1)?,
                arguments.integer(2)?,
            );
            texts(arguments.rows, |row| {
                converted(at(&values, row)?, at(&from, row)?, at(&to, row)?)
            })
        }),
        Function::new("sha2", 2..=2, TEXT, |arguments| {
            let (values, lengths) = (bytes(arguments, 0)?, arguments.integer(1)?);
            texts(arguments.rows, |row| {
                let value = at(&values, row)?;
                match at(&lengths, row)? {
                    1 => Some(hex(&Sha1::digest(value), false)),
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

/// Only UTF-8 is here.
fn utf8(name: &str) -> Result<(), Failure> {
    if name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("us-ascii") {
        Ok(())
    } else {
        Err(Failure::unsupported(format!("the character set {name}")))
    }
}

/// A number from one base in another. A negative base makes the answer signed; what is no digit ends the number.
fn converted(text: &str, from: i64, to: i64) -> Option<String> {
    let base = u32::try_from(from)
        .ok()
        .filter(|base| (2..=36).contains(base))?;
    let target = u32::try_from(to.unsigned_abs()).ok()?;
    if !(2..=36).contains(&target) {
        return None;
    }
    let (negative, digits) = text
        .strip_prefix('-')
        .map_or((false, text), |digits| (true, digits));
    let mut value = 0u64;
    for digit in digits.chars().map_while(|digit| digit.to_digit(base)) {
        value = value
            .checked_mul(u64::from(base))
            .and_then(|value| value.checked_add(u64::from(digit)))
            .unwrap_or(u64::MAX);
    }
    let value = if negative {
        value.wrapping_neg()
    } else {
        value
    };
    let signed = i64::from_ne_bytes(value.to_ne_bytes());
    let (sign, mut rest) = if to < 0 && signed < 0 {
        ("-", signed.unsigned_abs())
    } else {
        ("", value)
    };
    let mut answer = Vec::new();
    loop {
        let digit = u32::try_from(rest % u64::from(target)).ok()?;
        answer.extend(char::from_digit(digit, target));
        rest /= u64::from(target);
        if rest == 0 {
            break;
        }
    }
    let digits: String = answer.iter().rev().collect();
    Some(format!("{sign}{}", digits.to_uppercase()))
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
