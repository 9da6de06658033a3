//! `from_utc_timestamp` and `to_utc_timestamp`: wall clocks of other places.

use std::sync::Arc;

use datafusion::arrow::array::TimestampMicrosecondArray;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::udf::{Arguments, Function, TIMESTAMP, at};
use crate::error::Failure;

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("from_utc_timestamp", 2..=2, TIMESTAMP, |arguments| {
            shifted(arguments, |micros, zone| {
                let there = zone.to_datetime(Timestamp::from_microsecond(micros).ok()?);
                micros_of(there)
            })
        }),
        Function::new("to_utc_timestamp", 2..=2, TIMESTAMP, |arguments| {
            shifted(arguments, |micros, zone| {
                let here = DateTime::new(1970, 1, 1, 0, 0, 0, 0).ok()?;
                let wall = here.checked_add(SignedDuration::from_micros(micros)).ok()?;
                Some(zone.to_timestamp(wall).ok()?.as_microsecond())
            })
        }),
    ]
}

fn micros_of(wall: DateTime) -> Option<i64> {
    let utc = TimeZone::UTC.to_timestamp(wall).ok()?;
    Some(utc.as_microsecond())
}

fn shifted(
    arguments: &Arguments,
    shift: impl Fn(i64, &TimeZone) -> Option<i64>,
) -> Result<datafusion::arrow::array::ArrayRef, Failure> {
    let (times, names) = (arguments.timestamp(0)?, arguments.text(1)?);
    let mut last: Option<(String, TimeZone)> = None;
    let mut answers = Vec::with_capacity(arguments.rows);
    for row in 0..arguments.rows {
        let (Some(micros), Some(name)) = (at(&times, row), at(&names, row)) else {
            answers.push(None);
            continue;
        };
        let zone = match last.take() {
            Some((known, zone)) if known == name => zone,
            _ => zone_named(name)?,
        };
        answers.push(shift(micros, &zone));
        last = Some((name.to_owned(), zone));
    }
    Ok(Arc::new(TimestampMicrosecondArray::from(answers)))
}

/// A zone by its name, one of Java's short names, or an offset such as `GMT+2` or `+02:00`.
fn zone_named(name: &str) -> Result<TimeZone, Failure> {
    let known = match name {
        "PST" => "America/Los_Angeles",
        "MST" => "America/Denver",
        "CST" => "America/Chicago",
        "EST" => "America/New_York",
        "CET" => "Europe/Paris",
        "IST" => "Asia/Kolkata",
        "JST" => "Asia/Tokyo",
        "GMT" | "UTC" | "Z" => "UTC",
        other => other,
    };
    let offset = || {
        let text = name.trim_start_matches("GMT").trim_start_matches("UTC");
        let negative = text.starts_with('-');
        let digits = text.strip_prefix(['+', '-'])?;
        let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        let seconds = (hours * 3600 + minutes * 60) * if negative { -1 } else { 1 };
        let offset = jiff::tz::Offset::from_seconds(seconds).ok()?;
        Some(TimeZone::fixed(offset))
    };
    TimeZone::get(known)
        .ok()
        .or_else(offset)
        .ok_or_else(|| Failure::semantic(format!("the time zone '{name}' is not known")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_is_not_known_is_named() {
        let error = zone_named("Mars/Olympus").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the time zone 'Mars/Olympus' is not known"
        );
        assert!(zone_named("GMT+5:30").is_ok());
    }
}
