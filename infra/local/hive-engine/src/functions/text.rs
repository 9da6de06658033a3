//! Functions of texts: case, trimming, parts, concatenation, formatting.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringArray};
use datafusion::arrow::datatypes::DataType;

use super::udf::{Arguments, Function, INT, TEXT, at, text_to_text, texts};
use crate::error::Failure;

pub(super) fn functions() -> Vec<Function> {
    vec![
        text_to_text("upper", str::to_uppercase),
        text_to_text("lower", str::to_lowercase),
        text_to_text("trim", |text| text.trim_matches(' ').to_owned()),
        text_to_text("ltrim", |text| text.trim_start_matches(' ').to_owned()),
        text_to_text("rtrim", |text| text.trim_end_matches(' ').to_owned()),
        text_to_text("reverse", |text| text.chars().rev().collect()),
        text_to_text("initcap", initcap),
        text_to_text("soundex", soundex),
        Function::new("levenshtein", 2..=2, INT, |arguments| {
            let (left, right) = (arguments.text(0)?, arguments.text(1)?);
            ints(arguments.rows, |row| {
                Some(count(levenshtein(at(&left, row)?, at(&right, row)?)))
            })
        }),
        Function::new("elt", 2..=usize::MAX, TEXT, |arguments| {
            let place = arguments.integer(0)?;
            let values = (1..arguments.count())
                .map(|index| arguments.text(index))
                .collect::<Result<Vec<_>, _>>()?;
            texts(arguments.rows, |row| {
                let place = usize::try_from(at(&place, row)? - 1).ok()?;
                at(values.get(place)?, row).map(str::to_owned)
            })
        }),
        Function::new("field", 2..=usize::MAX, INT, |arguments| {
            let values = (0..arguments.count())
                .map(|index| arguments.text(index))
                .collect::<Result<Vec<_>, _>>()?;
            ints(arguments.rows, |row| {
                let Some(wanted) = at(&values[0], row) else {
                    return Some(0);
                };
                let found = values[1..]
                    .iter()
                    .position(|value| at(value, row) == Some(wanted));
                Some(found.map_or(0, |place| count(place + 1)))
            })
        }),
        text_to_int("length", |text| count(text.chars().count())),
        text_to_int("octet_length", |text| count(text.len())),
        text_to_int("ascii", |text| {
            text.chars().next().map_or(0, |character| {
                i32::try_from(u32::from(character)).unwrap_or(0)
            })
        }),
        Function::new("substr", 2..=3, TEXT, |arguments| {
            let (text, start) = (arguments.text(0)?, arguments.integer(1)?);
            let length = if arguments.count() == 3 {
                Some(arguments.integer(2)?)
            } else {
                None
            };
            texts(arguments.rows, |row| {
                let length = match &length {
                    Some(length) => Some(at(length, row)?),
                    None => None,
                };
                Some(substring(at(&text, row)?, at(&start, row)?, length))
            })
        }),
        Function::new("substring_index", 3..=3, TEXT, |arguments| {
            let (text, delimiter, number) = (
                arguments.text(0)?,
                arguments.text(1)?,
                arguments.integer(2)?,
            );
            texts(arguments.rows, |row| {
                Some(substring_index(
                    at(&text, row)?,
                    at(&delimiter, row)?,
                    at(&number, row)?,
                ))
            })
        }),
        Function::new("concat", 1..=usize::MAX, TEXT, |arguments| {
            let columns = (0..arguments.count())
                .map(|index| arguments.text(index))
                .collect::<Result<Vec<_>, _>>()?;
            texts(arguments.rows, |row| {
                columns
                    .iter()
                    .map(|column| at(column, row))
                    .collect::<Option<String>>()
            })
        }),
        Function::new("concat_ws", 1..=usize::MAX, TEXT, concat_ws),
        Function::new("lpad", 2..=3, TEXT, |arguments| pad(arguments, true)),
        Function::new("rpad", 2..=3, TEXT, |arguments| pad(arguments, false)),
        Function::new("repeat", 2..=2, TEXT, |arguments| {
            let (text, times) = (arguments.text(0)?, arguments.integer(1)?);
            texts(arguments.rows, |row| {
                Some(at(&text, row)?.repeat(usize::try_from(at(&times, row)?).unwrap_or(0)))
            })
        }),
        Function::new("space", 1..=1, TEXT, |arguments| {
            let times = arguments.integer(0)?;
            texts(arguments.rows, |row| {
                Some(" ".repeat(usize::try_from(at(&times, row)?).unwrap_or(0)))
            })
        }),
        Function::new("instr", 2..=2, INT, |arguments| {
            let (text, part) = (arguments.text(0)?, arguments.text(1)?);
            ints(arguments.rows, |row| {
                Some(position(at(&text, row)?, at(&part, row)?, 1))
            })
        }),
        Function::new("locate", 2..=3, INT, |arguments| {
            let (part, text) = (arguments.text(0)?, arguments.text(1)?);
            let from = if arguments.count() == 3 {
                Some(arguments.integer(2)?)
            } else {
                None
            };
            ints(arguments.rows, |row| {
                let from = match &from {
                    Some(from) => at(from, row)?,
                    None => 1,
                };
                Some(position(at(&text, row)?, at(&part, row)?, from))
            })
        }),
        Function::new("replace", 3..=3, TEXT, |arguments| {
            let (text, from, to) = (arguments.text(0)?, arguments.text(1)?, arguments.text(2)?);
            texts(arguments.rows, |row| {
                let (text, from, to) = (at(&text, row)?, at(&from, row)?, at(&to, row)?);
                Some(if from.is_empty() {
                    text.to_owned()
                } else {
                    text.replace(from, to)
                })
            })
        }),
        Function::new("translate", 3..=3, TEXT, |arguments| {
            let (text, from, to) = (arguments.text(0)?, arguments.text(1)?, arguments.text(2)?);
            texts(arguments.rows, |row| {
                Some(translate(at(&text, row)?, at(&from, row)?, at(&to, row)?))
            })
        }),
        Function::new("char", 1..=1, TEXT, |arguments| {
            let codes = arguments.integer(0)?;
            texts(arguments.rows, |row| {
                let code = at(&codes, row)?;
                if code < 0 {
                    return Some(String::new());
                }
                Some(
                    u32::try_from(code % 256)
                        .ok()
                        .and_then(char::from_u32)
                        .map(String::from)
                        .unwrap_or_default(),
                )
            })
        }),
        Function::new("find_in_set", 2..=2, INT, |arguments| {
            let (part, list) = (arguments.text(0)?, arguments.text(1)?);
            ints(arguments.rows, |row| {
                let (part, list) = (at(&part, row)?, at(&list, row)?);
                let found = if part.contains(',') {
                    None
                } else {
                    list.split(',').position(|item| item == part)
                };
                Some(found.map_or(0, |index| count(index + 1)))
            })
        }),
        Function::new("format_number", 2..=2, TEXT, |arguments| {
            let (number, digits) = (arguments.double(0)?, arguments.integer(1)?);
            texts(arguments.rows, |row| {
                let digits = usize::try_from(at(&digits, row)?).ok()?;
                Some(thousands(&format!("{:.digits$}", at(&number, row)?)))
            })
        }),
        Function::new("format_string", 1..=usize::MAX, TEXT, format_string),
    ]
}

fn text_to_int(name: &'static str, answer: fn(&str) -> i32) -> Function {
    Function::new(name, 1..=1, INT, move |arguments| {
        let values = arguments.text(0)?;
        ints(arguments.rows, |row| at(&values, row).map(answer))
    })
}

fn ints(rows: usize, answer: impl Fn(usize) -> Option<i32>) -> Result<ArrayRef, Failure> {
    Ok(Arc::new((0..rows).map(answer).collect::<Int32Array>()))
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn initcap(text: &str) -> String {
    let mut starts = true;
    let mut answer = String::with_capacity(text.len());
    for character in text.chars() {
        if starts {
            answer.extend(character.to_uppercase());
        } else {
            answer.extend(character.to_lowercase());
        }
        starts = character.is_whitespace();
    }
    answer
}

fn soundex(text: &str) -> String {
    let code = |character: char| match character {
        'B' | 'F' | 'P' | 'V' => '1',
        'C' | 'G' | 'J' | 'K' | 'Q' | 'S' | 'X' | 'Z' => '2',
        'D' | 'T' => '3',
        'L' => '4',
        'M' | 'N' => '5',
        'R' => '6',
        'H' | 'W' => '-',
        _ => '0',
    };
    let letters: Vec<char> = text
        .to_uppercase()
        .chars()
        .filter(char::is_ascii_alphabetic)
        .collect();
    let Some(first) = letters.first() else {
        return text.to_owned();
    };
    let mut answer = String::from(*first);
    let mut last = code(*first);
    for letter in &letters[1..] {
        let digit = code(*letter);
        if digit == '-' {
            continue;
        }
        if digit != '0' && digit != last {
            answer.push(digit);
        }
        last = digit;
    }
    format!("{answer:0<4}").chars().take(4).collect()
}

/// Positions count from 1, from the end when negative; 0 is taken for 1.
fn substring(text: &str, start: i64, length: Option<i64>) -> String {
    let size = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    if start.saturating_abs() > size {
        return String::new();
    }
    let begin = match start {
        0 => 0,
        start if start > 0 => start - 1,
        start => size + start,
    };
    let end = length
        .map_or(size, |length| begin.saturating_add(length.max(0)))
        .min(size);
    let begin = begin.max(0);
    if end <= begin {
        return String::new();
    }
    let (skip, take) = (
        usize::try_from(begin).unwrap_or(0),
        usize::try_from(end - begin).unwrap_or(0),
    );
    text.chars().skip(skip).take(take).collect()
}

fn substring_index(text: &str, delimiter: &str, number: i64) -> String {
    if delimiter.is_empty() || number == 0 {
        return String::new();
    }
    let places: Vec<usize> = text
        .match_indices(delimiter)
        .map(|(place, _)| place)
        .collect();
    let wanted = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
    if wanted > places.len() {
        return text.to_owned();
    }
    if number > 0 {
        text[..places[wanted - 1]].to_owned()
    } else {
        text[places[places.len() - wanted] + delimiter.len()..].to_owned()
    }
}

/// NULLs are left out; arrays give all their items.
fn concat_ws(arguments: &Arguments) -> Result<ArrayRef, Failure> {
    enum Part {
        Text(StringArray),
        List(datafusion::arrow::array::ListArray, StringArray),
    }
    let separator = arguments.text(0)?;
    let mut parts = Vec::new();
    for index in 1..arguments.count() {
        parts.push(match arguments.columns[index].data_type() {
            DataType::List(_) => {
                let list = arguments.columns[index].as_list::<i32>().clone();
                let items = crate::cast::text(list.values())?.as_string::<i32>().clone();
                Part::List(list, items)
            }
            _ => Part::Text(arguments.text(index)?),
        });
    }
    texts(arguments.rows, |row| {
        let separator = at(&separator, row)?;
        let mut found: Vec<&str> = Vec::new();
        for part in &parts {
            match part {
                Part::Text(column) => found.extend(at(column, row)),
                Part::List(list, items) if !list.is_null(row) => {
                    let offsets = list.value_offsets();
                    let range = usize::try_from(offsets[row]).ok()?
                        ..usize::try_from(offsets[row + 1]).ok()?;
                    found.extend(range.filter_map(|item| at(items, item)));
                }
                Part::List(..) => {}
            }
        }
        Some(found.join(separator))
    })
}

fn pad(arguments: &Arguments, left: bool) -> Result<ArrayRef, Failure> {
    let (text, length) = (arguments.text(0)?, arguments.integer(1)?);
    let filling = if arguments.count() == 3 {
        Some(arguments.text(2)?)
    } else {
        None
    };
    texts(arguments.rows, |row| {
        let (text, length) = (
            at(&text, row)?,
            usize::try_from(at(&length, row)?.max(0)).ok()?,
        );
        let filling = match &filling {
            Some(filling) => at(filling, row)?,
            None => " ",
        };
        let size = text.chars().count();
        if size >= length {
            return Some(text.chars().take(length).collect());
        }
        let padding: String = filling.chars().cycle().take(length - size).collect();
        Some(if left {
            format!("{padding}{text}")
        } else {
            format!("{text}{padding}")
        })
    })
}

/// The position of a part in characters, from 1; 0 when it is not there.
fn position(text: &str, part: &str, from: i64) -> i32 {
    let Some(skip) = usize::try_from(from - 1).ok() else {
        return 0;
    };
    let Some(start) = text
        .char_indices()
        .map(|(index, _)| index)
        .chain([text.len()])
        .nth(skip)
    else {
        return 0;
    };
    text[start..]
        .find(part)
        .map_or(0, |found| count(text[..start + found].chars().count() + 1))
}

/// A number with so many digits, rounded as its shortest decimal text is: half up, as Java's formatter does.
fn rounded(number: f64, digits: usize) -> String {
    let scale = i8::try_from(digits.min(30)).unwrap_or(30);
    match crate::value::parse_decimal(&crate::value::double_text(number), 38, scale) {
        Some(unscaled) => crate::value::decimal_text(unscaled, scale),
        None => format!("{number:.digits$}"),
    }
}

fn levenshtein(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (place, character) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = place + 1;
        for (index, other) in right.iter().enumerate() {
            let cost = diagonal + usize::from(character != *other);
            diagonal = row[index + 1];
            row[index + 1] = cost.min(row[index] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

fn translate(text: &str, from: &str, to: &str) -> String {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let map = |character: char| match from.iter().position(|other| *other == character) {
        Some(place) => to.get(place).copied(),
        None => Some(character),
    };
    text.chars().filter_map(map).collect()
}

fn thousands(number: &str) -> String {
    let (sign, rest) = number
        .strip_prefix('-')
        .map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) = rest
        .split_once('.')
        .map_or((rest, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{sign}{grouped}.{fraction}"),
        None => format!("{sign}{grouped}"),
    }
}

/// `%s`, `%d`, `%f`, `%x`, `%%`, with flags `-` and `0`, width and precision.
fn format_string(arguments: &Arguments) -> Result<ArrayRef, Failure> {
    let pattern = arguments.text(0)?;
    let values = (1..arguments.count())
        .map(|index| arguments.text(index))
        .collect::<Result<Vec<_>, _>>()?;
    let rows = (0..arguments.rows).map(|row| match at(&pattern, row) {
        None => Ok(None),
        Some(pattern) => format_row(
            pattern,
            &values
                .iter()
                .map(|value| at(value, row))
                .collect::<Vec<_>>(),
        )
        .map(Some),
    });
    Ok(Arc::new(StringArray::from(
        rows.collect::<Result<Vec<_>, Failure>>()?,
    )))
}

fn format_row(pattern: &str, values: &[Option<&str>]) -> Result<String, Failure> {
    let mut answer = String::new();
    let mut rest = pattern;
    let mut next = values.iter();
    while let Some(found) = rest.find('%') {
        answer.push_str(&rest[..found]);
        let directive = &rest[found + 1..];
        let end = directive
            .find(|character: char| !matches!(character, '-' | '0'..='9' | '.' | ','))
            .ok_or_else(|| {
                Failure::semantic(format!(
                    "format_string: '{pattern}' ends in the middle of a directive"
                ))
            })?;
        let (flags, kind) = (
            &directive[..end],
            directive[end..].chars().next().unwrap_or('%'),
        );
        rest = &directive[end + kind.len_utf8()..];
        let (width, precision) = flags
            .split_once('.')
            .map_or((flags, None), |(width, precision)| (width, Some(precision)));
        let left = width.contains('-');
        let width = width.replace(['-', ','], "");
        let zeros = width.starts_with('0');
        let width: usize = width.parse().unwrap_or(0);
        let precision: Option<usize> = precision.and_then(|precision| precision.parse().ok());
        if kind == '%' {
            answer.push('%');
            continue;
        }
        if kind == 'n' {
            answer.push('\n');
            continue;
        }
        let value = next.next().ok_or_else(|| {
            Failure::semantic(format!(
                "format_string: '{pattern}' has more directives than values"
            ))
        })?;
        let text = match (kind, value) {
            (_, None) => "null".to_owned(),
            ('s', Some(value)) => value
                .chars()
                .take(precision.unwrap_or(usize::MAX))
                .collect(),
            ('d', Some(value)) if flags.contains(',') => thousands(value),
            ('d', Some(value)) => (*value).to_owned(),
            ('f', Some(value)) => {
                let number = crate::value::parse_double(value).unwrap_or(f64::NAN);
                let text = rounded(number, precision.unwrap_or(6));
                if flags.contains(',') {
                    thousands(&text)
                } else {
                    text
                }
            }
            ('x' | 'X', Some(value)) => {
                let number: i64 = value.parse().unwrap_or(0);
                if kind == 'x' {
                    format!("{number:x}")
                } else {
                    format!("{number:X}")
                }
            }
            (other, _) => {
                return Err(Failure::unsupported(format!(
                    "the directive %{other} of format_string"
                )));
            }
        };
        let missing = width.saturating_sub(text.chars().count());
        if left {
            answer.push_str(&text);
            answer.push_str(&" ".repeat(missing));
        } else if zeros && kind != 's' {
            let (sign, digits) = text
                .strip_prefix('-')
                .map_or(("", text.as_str()), |digits| ("-", digits));
            answer.push_str(&format!("{sign}{}{digits}", "0".repeat(missing)));
        } else {
            answer.push_str(&" ".repeat(missing));
            answer.push_str(&text);
        }
    }
    answer.push_str(rest);
    Ok(answer)
}
