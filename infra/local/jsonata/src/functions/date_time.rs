//! `$now`, `$millis`, `$fromMillis` and `$toMillis`.

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp, tz::Offset};

use super::pictures::{self, DAYS, MONTHS, Marker, Part};
use super::{Entries, argument};
use crate::error::{Error, quoted};
use crate::evaluator::Evaluator;
use crate::value::Value;

const ISO: &str = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]";

pub(super) const TABLE: Entries = &[
    ("now", "<s?s?:s>", |evaluator, arguments| {
        let now = evaluator.host.now();
        format(
            now.as_millisecond() as f64,
            argument(arguments, 0),
            argument(arguments, 1),
        )
    }),
    ("millis", "<:n>", |evaluator, _| {
        Ok(Value::Number(evaluator.host.now().as_millisecond() as f64))
    }),
    ("fromMillis", "<n-s?s?:s>", |_, arguments| {
        match argument(arguments, 0).as_number() {
            Some(millis) => format(millis, argument(arguments, 1), argument(arguments, 2)),
            None => Ok(Value::Undefined),
        }
    }),
    ("toMillis", "<s-s?:n>", to_millis),
];

fn format(millis: f64, picture: &Value, zone: &Value) -> Result<Value, Error> {
    let offset = match zone.as_text().map(str::parse::<i32>) {
        Some(Ok(zone)) => zone / 100 * 60 + zone % 100,
        _ => 0,
    };
    let time = Timestamp::from_millisecond(millis as i64)
        .and_then(|time| time.checked_add(SignedDuration::from_mins(i64::from(offset))))
        .map_err(|_| Error::plain("the time is out of range"))?;
    let time = Offset::UTC.to_datetime(time);
    let mut text = String::new();
    for part in pictures::read(picture.as_text().unwrap_or(ISO))? {
        match part {
            Part::Literal(literal) => text.push_str(&literal),
            Part::Marker(marker) => text.push_str(&marker.format(time, offset)?),
        }
    }
    Ok(Value::text(text))
}

fn to_millis(evaluator: &mut Evaluator<'_>, arguments: &[Value]) -> Result<Value, Error> {
    let Some(text) = argument(arguments, 0).as_text() else {
        return Ok(Value::Undefined);
    };
    match argument(arguments, 1).as_text() {
        Some(picture) => {
            let parts = pictures::read(picture)?;
            let Some(fields) = Fields::read(&parts, text) else {
                return Ok(Value::Undefined);
            };
            fields.millis(evaluator.host.now())
        }
        None => iso_millis(text).map(|millis| Value::Number(millis as f64)).ok_or_else(|| {
            Error::new(
                "D3110",
                format!("The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given {}", quoted(text)),
            )
        }),
    }
}

/// `2026`, `2026-11`, `2026-11-21`, and times with or without a zone.
fn iso_millis(text: &str) -> Option<i64> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let mut part = |digits: usize| match parts.next() {
        None => Some(1),
        Some(part) if part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()) => {
            part.parse::<i16>().ok()
        }
        Some(_) => None,
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let mut offset = 0;
    let mut clock = Time::midnight();
    if let Some(time) = time {
        let (plain, zone) = match time.find(['Z', '+', '-']) {
            Some(at) => time.split_at(at),
            None => (time, "Z"),
        };
        if zone != "Z" {
            let digits: String = zone[1..].chars().filter(|letter| *letter != ':').collect();
            let number: i64 = digits.parse().ok().filter(|_| digits.len() == 4)?;
            offset =
                (number / 100 * 60 + number % 100) * if zone.starts_with('-') { -1 } else { 1 };
        }
        if plain.len() < 8 {
            return None;
        }
        clock = plain.parse().ok()?;
    }
    let time = Offset::UTC
        .to_timestamp(DateTime::from_parts(date, clock))
        .ok()?;
    Some(time.as_millisecond() - offset * 60_000)
}

/// What a text says of a time, by component.
#[derive(Default)]
struct Fields(Vec<(char, f64)>);

impl Fields {
    fn read(parts: &[Part], text: &str) -> Option<Self> {
        let mut fields = Self::default();
        let mut rest = text;
        for (position, part) in parts.iter().enumerate() {
            match part {
                Part::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Part::Marker(marker) => {
                    let adjoins = matches!(parts.get(position + 1), Some(Part::Marker(next)) if next.format.as_ref().is_some_and(super::integers::Format::is_digits));
                    let (value, after) = component(marker, rest, adjoins)?;
                    fields.0.push((marker.component, value));
                    rest = after;
                }
            }
        }
        rest.is_empty().then_some(fields)
    }

    fn get(&self, component: char) -> Option<f64> {
        self.0
            .iter()
            .find(|(own, _)| *own == component)
            .map(|(_, value)| *value)
    }

    /// What is missing at the large end is now's, at the small end the least; a gap between is an error.
    fn millis(&self, now: Timestamp) -> Result<Value, Error> {
        if self.0.is_empty() {
            return Ok(Value::Undefined);
        }
        let missing = || {
            Error::new(
                "D3136",
                "The date/time picture string is missing specifiers required to parse the timestamp",
            )
        };
        let has = |components: &str| {
            components
                .chars()
                .any(|component| self.get(component).is_some())
        };
        if has("XxWw") || (has("F") && !has("D") && !has("d")) {
            return Err(missing());
        }
        let by_day_of_year = has("d") && !has("MD");
        let order: &[char] = match (by_day_of_year, has("Ph")) {
            (true, true) => &['Y', 'd', 'P', 'h', 'm', 's', 'f'],
            (true, false) => &['Y', 'd', 'H', 'm', 's', 'f'],
            (false, true) => &['Y', 'M', 'D', 'P', 'h', 'm', 's', 'f'],
            (false, false) => &['Y', 'M', 'D', 'H', 'm', 's', 'f'],
        };
        let now = Offset::UTC.to_datetime(now);
        let (mut started, mut ended) = (false, false);
        let mut value = [0.0; 128];
        for component in order {
            value[*component as usize] = match self.get(*component) {
                Some(_) if ended => return Err(missing()),
                Some(value) => {
                    started = true;
                    value
                }
                None if started => {
                    ended = true;
                    if "MDd".contains(*component) { 1.0 } else { 0.0 }
                }
                None => f64::from(match component {
                    'Y' => now.year(),
                    'M' => i16::from(now.month()),
                    'D' => i16::from(now.day()),
                    'd' => now.day_of_year(),
                    'H' | 'h' => i16::from(now.hour()),
                    'm' => i16::from(now.minute()),
                    _ => 0,
                }),
            };
        }
        let field = |component: char| value[component as usize];
        let hour = if has("Ph") {
            field('h') % 12.0 + 12.0 * field('P')
        } else {
            field('H')
        };
        let wrong = |_| missing();
        let date = if by_day_of_year {
            let first = Date::new(field('Y') as i16, 1, 1).map_err(wrong)?;
            first
                .checked_add(jiff::Span::new().days(field('d') as i64 - 1))
                .map_err(wrong)?
        } else {
            Date::new(field('Y') as i16, field('M') as i8, field('D') as i8).map_err(wrong)?
        };
        let clock = Time::new(
            hour as i8,
            field('m') as i8,
            field('s') as i8,
            field('f') as i32 * 1_000_000,
        )
        .map_err(wrong)?;
        let time = Offset::UTC
            .to_timestamp(DateTime::from_parts(date, clock))
            .map_err(wrong)?;
        let offset = self.get('Z').or_else(|| self.get('z')).unwrap_or_default();
        Ok(Value::Number(
            time.as_millisecond() as f64 - offset * 60_000.0,
        ))
    }
}

/// A marker's value at the start of a text, and what follows it.
fn component<'t>(marker: &Marker, text: &'t str, adjoins: bool) -> Option<(f64, &'t str)> {
    if matches!(marker.component, 'Z' | 'z') {
        let text = text.strip_prefix("GMT").unwrap_or(text);
        if let Some(rest) = text.strip_prefix('Z') {
            return Some((0.0, rest));
        }
        let sign = match text.as_bytes().first()? {
            b'+' => 1.0,
            b'-' => -1.0,
            _ => return None,
        };
        let end = text[1..]
            .find(|letter: char| !letter.is_ascii_digit() && letter != ':')
            .map_or(text.len(), |end| end + 1);
        let digits: String = text[1..end].chars().filter(char::is_ascii_digit).collect();
        let number: f64 = digits.parse().ok()?;
        let minutes = if digits.len() <= 2 {
            number * 60.0
        } else {
            (number / 100.0).floor() * 60.0 + number % 100.0
        };
        return Some((sign * minutes, &text[end..]));
    }
    if marker.names.is_some() {
        let prefix = |name: &str| {
            let name: String = name
                .chars()
                .take(marker.most.unwrap_or(usize::MAX))
                .collect();
            let start = text.get(..name.len())?;
            start
                .eq_ignore_ascii_case(&name)
                .then(|| &text[name.len()..])
        };
        let names: &[&str] = match marker.component {
            'P' => &["am", "pm"],
            'F' => &DAYS,
            _ => &MONTHS,
        };
        let base = if marker.component == 'P' { 0.0 } else { 1.0 };
        return names
            .iter()
            .enumerate()
            .find_map(|(position, name)| Some((position as f64 + base, prefix(name)?)));
    }
    let format = marker.format.as_ref()?;
    let end = if format.is_digits() {
        let most = match marker.year_digits.filter(|_| adjoins) {
            Some(digits) => digits,
            None if adjoins => format.width().0,
            None => usize::MAX,
        };
        let taken = text
            .char_indices()
            .take(most)
            .take_while(|(_, letter)| letter.is_numeric() || *letter == ',');
        let digits = taken.last().map(|(at, letter)| at + letter.len_utf8())?;
        if marker.component == 'f' && digits > 3 {
            // Milliseconds, and no more.
            return Some((format.parse(text.get(..3)?)?, &text[digits..]));
        }
        let suffix = text[digits..]
            .bytes()
            .take_while(u8::is_ascii_lowercase)
            .count();
        if ["st", "nd", "rd", "th"].contains(&&text[digits..digits + suffix]) {
            digits + suffix
        } else {
            digits
        }
    } else {
        let more = if format.is_words() { "-, " } else { "" };
        text.find(|letter: char| !letter.is_alphabetic() && !more.contains(letter))
            .unwrap_or(text.len())
    };
    // Words may be followed by others that belong to the picture: as many as make a number.
    let mut end = end;
    loop {
        if let Some(value) = format.parse(text[..end].trim_end()) {
            return Some((value, &text[text[..end].trim_end().len()..]));
        }
        end = text[..end].trim_end().rfind(' ')?;
    }
}
