//! Functions of dates and times. The session's zone is UTC, as on EMR; "now" is the statement's time.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};

use super::time_pattern::TimePattern;
use super::udf::{Arguments, BIGINT, DATE, DOUBLE, Function, INT, TEXT, TIMESTAMP, at};
use crate::error::Failure;
use crate::value::{self, DAY_MICROS};

pub(super) fn functions(now: i64) -> Vec<Function> {
    let today = i32::try_from(now.div_euclid(DAY_MICROS)).unwrap_or(0);
    vec![
        Function::new("current_date", 0..=0, DATE, move |arguments| {
            Ok(Arc::new(Date32Array::from(vec![today; arguments.rows])))
        }),
        Function::new("current_timestamp", 0..=0, TIMESTAMP, move |arguments| {
            Ok(Arc::new(TimestampMicrosecondArray::from(vec![
                now;
                arguments
                    .rows
            ])))
        }),
        Function::new("unix_timestamp", 0..=2, BIGINT, move |arguments| {
            unix_timestamp(arguments, now)
        }),
        Function::new("from_unixtime", 1..=2, TEXT, |arguments| {
            let seconds = arguments.integer(0)?;
            let micros = |row| at(&seconds, row).map(|seconds| seconds.saturating_mul(1_000_000));
            formatted(arguments, micros, "yyyy-MM-dd HH:mm:ss")
        }),
        Function::new("date_format", 2..=2, TEXT, |arguments| {
            let times = arguments.timestamp(0)?;
            formatted(arguments, |row| at(&times, row), "yyyy-MM-dd")
        }),
        Function::new("to_date", 1..=2, DATE, |arguments| {
            if arguments.count() == 2 {
                let times = parsed(arguments)?;
                return dates(arguments.rows, |row| {
                    times[row].map(|micros| micros.div_euclid(DAY_MICROS))
                });
            }
            Ok(Arc::new(arguments.date(0)?))
        }),
        Function::new("date", 1..=1, DATE, |arguments| {
            Ok(Arc::new(arguments.date(0)?))
        }),
        Function::new("to_timestamp", 1..=2, TIMESTAMP, |arguments| {
            if arguments.count() == 2 {
                return Ok(Arc::new(TimestampMicrosecondArray::from(parsed(
                    arguments,
                )?)));
            }
            Ok(Arc::new(arguments.timestamp(0)?))
        }),
        part("year", |micros| {
            value::civil(micros.div_euclid(DAY_MICROS)).0
        }),
        part("quarter", |micros| {
            i64::from(value::civil(micros.div_euclid(DAY_MICROS)).1.div_ceil(3))
        }),
        part("month", |micros| {
            i64::from(value::civil(micros.div_euclid(DAY_MICROS)).1)
        }),
        part("day", |micros| {
            i64::from(value::civil(micros.div_euclid(DAY_MICROS)).2)
        }),
        part("dayofweek", |micros| {
            (micros.div_euclid(DAY_MICROS) + 4).rem_euclid(7) + 1
        }),
        part("weekday", |micros| {
            (micros.div_euclid(DAY_MICROS) + 3).rem_euclid(7)
        }),
        part("dayofyear", |micros| {
            day_of_year(micros.div_euclid(DAY_MICROS))
        }),
        part("weekofyear", |micros| {
            week_of_year(micros.div_euclid(DAY_MICROS))
        }),
        part("hour", |micros| {
            micros.rem_euclid(DAY_MICROS) / 3_600_000_000
        }),
        part("minute", |micros| {
            micros.rem_euclid(DAY_MICROS) / 60_000_000 % 60
        }),
        part("second", |micros| {
            micros.rem_euclid(DAY_MICROS) / 1_000_000 % 60
        }),
        Function::new("datediff", 2..=2, INT, |arguments| {
            let (end, start) = (arguments.date(0)?, arguments.date(1)?);
            let answer = |row| at(&end, row)?.checked_sub(at(&start, row)?);
            Ok(Arc::new(
                (0..arguments.rows).map(answer).collect::<Int32Array>(),
            ))
        }),
        Function::new("date_add", 2..=2, DATE, |arguments| {
            shifted_days(arguments, 1)
        }),
        Function::new("date_sub", 2..=2, DATE, |arguments| {
            shifted_days(arguments, -1)
        }),
        Function::new("add_months", 2..=2, DATE, |arguments| {
            let (start, months) = (arguments.date(0)?, arguments.integer(1)?);
            dates(arguments.rows, |row| {
                add_months(i64::from(at(&start, row)?), at(&months, row)?)
            })
        }),
        Function::new("last_day", 1..=1, DATE, |arguments| {
            let days = arguments.date(0)?;
            dates(arguments.rows, |row| {
                let (year, month, _) = value::civil(i64::from(at(&days, row)?));
                value::days(year, month, value::month_length(year, month))
            })
        }),
        Function::new("next_day", 2..=2, DATE, |arguments| {
            let (start, name) = (arguments.date(0)?, arguments.text(1)?);
            dates(arguments.rows, |row| {
                let start = i64::from(at(&start, row)?);
                let wanted = weekday(at(&name, row)?)?;
                let ahead = (wanted - (start + 3)).rem_euclid(7);
                Some(start + if ahead == 0 { 7 } else { ahead })
            })
        }),
        Function::new("trunc", 2..=2, DATE, |arguments| {
            let (start, unit) = (arguments.date(0)?, arguments.text(1)?);
            dates(arguments.rows, |row| {
                truncate(i64::from(at(&start, row)?), at(&unit, row)?)
            })
        }),
        Function::new("months_between", 2..=3, DOUBLE, |arguments| {
            let (end, start) = (arguments.timestamp(0)?, arguments.timestamp(1)?);
            let answer = |row| Some(months_between(at(&end, row)?, at(&start, row)?));
            Ok(Arc::new(
                (0..arguments.rows).map(answer).collect::<Float64Array>(),
            ))
        }),
    ]
}

fn part(name: &'static str, answer: fn(i64) -> i64) -> Function {
    Function::new(name, 1..=1, INT, move |arguments| {
        let times = arguments.timestamp(0)?;
        let answer = |row| at(&times, row).and_then(|micros| i32::try_from(answer(micros)).ok());
        Ok(Arc::new(
            (0..arguments.rows).map(answer).collect::<Int32Array>(),
        ))
    })
}

fn dates(rows: usize, answer: impl Fn(usize) -> Option<i64>) -> Result<ArrayRef, Failure> {
    let answer = |row| answer(row).and_then(|days| i32::try_from(days).ok());
    Ok(Arc::new((0..rows).map(answer).collect::<Date32Array>()))
}

fn shifted_days(arguments: &Arguments, sign: i64) -> Result<ArrayRef, Failure> {
    let (start, days) = (arguments.date(0)?, arguments.integer(1)?);
    dates(arguments.rows, |row| {
        i64::from(at(&start, row)?).checked_add(at(&days, row)?.checked_mul(sign)?)
    })
}

/// The last pattern that was read, so that a constant pattern is read once.
struct LastPattern(Option<(String, TimePattern)>);

impl LastPattern {
    fn get(&mut self, pattern: &str) -> Result<&TimePattern, Failure> {
        let known = self.0.as_ref().is_some_and(|(last, _)| last == pattern);
        let entry = match self.0.take() {
            Some(entry) if known => entry,
            _ => (pattern.to_owned(), TimePattern::new(pattern)?),
        };
        Ok(&self.0.insert(entry).1)
    }
}

fn formatted(
    arguments: &Arguments,
    micros: impl Fn(usize) -> Option<i64>,
    default: &str,
) -> Result<ArrayRef, Failure> {
    let patterns = if arguments.count() > 1 {
        Some(arguments.text(1)?)
    } else {
        None
    };
    let mut last = LastPattern(None);
    let mut answers = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let pattern = patterns
            .as_ref()
            .map_or(Some(default), |patterns| at(patterns, row));
        answers.push(match (micros(row), pattern) {
            (Some(micros), Some(pattern)) => Some(last.get(pattern)?.format(micros)),
            _ => None,
        });
    }
    Ok(Arc::new(StringArray::from(answers)))
}

/// Texts of the first argument read by the patterns of the second.
fn parsed(arguments: &Arguments) -> Result<Vec<Option<i64>>, Failure> {
    let (texts, patterns) = (arguments.text(0)?, arguments.text(1)?);
    let mut last = LastPattern(None);
    let mut answers = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        answers.push(match (at(&texts, row), at(&patterns, row)) {
            (Some(text), Some(pattern)) => last.get(pattern)?.parse(text),
            _ => None,
        });
    }
    Ok(answers)
}

fn unix_timestamp(arguments: &Arguments, now: i64) -> Result<ArrayRef, Failure> {
    let seconds = |micros: i64| micros.div_euclid(1_000_000);
    let answers: Int64Array = match arguments.count() {
        0 => Int64Array::from(vec![seconds(now); arguments.rows]),
        1 => {
            let times = arguments.timestamp(0)?;
            (0..arguments.rows)
                .map(|row| at(&times, row).map(seconds))
                .collect()
        }
        _ => parsed(arguments)?
            .into_iter()
            .map(|micros| micros.map(seconds))
            .collect(),
    };
    Ok(Arc::new(answers))
}

fn day_of_year(days: i64) -> i64 {
    let (year, _, _) = value::civil(days);
    days - value::days(year, 1, 1).unwrap_or(days) + 1
}

/// ISO weeks: a year's first week holds its first Thursday.
fn week_of_year(days: i64) -> i64 {
    let thursday = days - (days + 3).rem_euclid(7) + 3;
    (day_of_year(thursday) - 1) / 7 + 1
}

/// The last day of a month stays the last day.
fn add_months(days: i64, months: i64) -> Option<i64> {
    let (year, month, day) = value::civil(days);
    let was_last = day == value::month_length(year, month);
    let index = year
        .checked_mul(12)?
        .checked_add(i64::from(month) - 1)?
        .checked_add(months)?;
    let (year, month) = (
        index.div_euclid(12),
        u32::try_from(index.rem_euclid(12)).ok()? + 1,
    );
    let length = value::month_length(year, month);
    value::days(year, month, if was_last { length } else { day.min(length) })
}

fn weekday(name: &str) -> Option<i64> {
    const NAMES: [&str; 7] = ["mo", "tu", "we", "th", "fr", "sa", "su"];
    let name = name.trim().to_lowercase();
    let place = NAMES.iter().position(|short| name.starts_with(short))?;
    i64::try_from(place).ok()
}

fn truncate(days: i64, unit: &str) -> Option<i64> {
    let (year, month, _) = value::civil(days);
    match unit.to_ascii_uppercase().as_str() {
        "YEAR" | "YYYY" | "YY" => value::days(year, 1, 1),
        "QUARTER" | "Q" => value::days(year, (month - 1) / 3 * 3 + 1, 1),
        "MONTH" | "MON" | "MM" => value::days(year, month, 1),
        "WEEK" => Some(days - (days + 3).rem_euclid(7)),
        _ => None,
    }
}

/// Whole months when both are the same day, or both the last; else parts of 31 days. Rounded to eight digits.
fn months_between(end: i64, start: i64) -> f64 {
    let (end_day, start_day) = (end.div_euclid(DAY_MICROS), start.div_euclid(DAY_MICROS));
    let ((y1, m1, d1), (y2, m2, d2)) = (value::civil(end_day), value::civil(start_day));
    #[expect(clippy::cast_precision_loss, reason = "months are few")]
    let months = ((y1 - y2) * 12 + i64::from(m1) - i64::from(m2)) as f64;
    let both_last = d1 == value::month_length(y1, m1) && d2 == value::month_length(y2, m2);
    if d1 == d2 || both_last {
        return months;
    }
    let within =
        |micros: i64, day: u32| i64::from(day) * 86_400 + micros.rem_euclid(DAY_MICROS) / 1_000_000;
    #[expect(clippy::cast_precision_loss, reason = "seconds of a month are few")]
    let difference = (within(end, d1) - within(start, d2)) as f64 / (31.0 * 86_400.0);
    ((months + difference) * 1e8).round() / 1e8
}
