//! Java's patterns of dates and times (`yyyy-MM-dd HH:mm:ss`), for printing and for reading. Times are in UTC.

use crate::error::Failure;
use crate::value::{self, DAY_MICROS};

/// One part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// A letter and how often it stands there.
    Field(char, usize),
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// Year and number of a day's week as Java counts them for the United States: weeks begin on Sunday, and the first week of a year
/// is the one that holds the first of January.
fn week(day: i64) -> (i64, i64) {
    let sunday = |day: i64| day - (day + 4).rem_euclid(7);
    let (year, _, _) = value::civil(day);
    let start = |year| sunday(value::days(year, 1, 1).unwrap_or(day));
    let year = if sunday(day) >= start(year + 1) {
        year + 1
    } else {
        year
    };
    (year, (sunday(day) - start(year)) / 7 + 1)
}

/// A pattern that was read.
#[derive(Debug, Clone)]
pub(super) struct TimePattern {
    parts: Vec<Part>,
}

impl TimePattern {
    /// Reads a pattern; a letter that is not known is refused by name.
    pub(super) fn new(pattern: &str) -> Result<Self, Failure> {
        let mut parts: Vec<Part> = Vec::new();
        let mut characters = pattern.chars().peekable();
        while let Some(character) = characters.next() {
            if character == '\'' {
                let mut literal = String::new();
                if characters.peek() == Some(&'\'') {
                    characters.next();
                    literal.push('\'');
                } else {
                    literal.extend(characters.by_ref().take_while(|next| *next != '\''));
                }
                parts.push(Part::Literal(literal));
            } else if character.is_ascii_alphabetic() {
                if !"yYuMLdwWFGHhKkmsSaEDZXz".contains(character) {
                    return Err(Failure::unsupported(format!(
                        "the letter {character} of the date pattern '{pattern}'"
                    )));
                }
                match parts.last_mut() {
                    Some(Part::Field(last, count)) if *last == character => *count += 1,
                    _ => parts.push(Part::Field(character, 1)),
                }
            } else {
                parts.push(Part::Literal(character.to_string()));
            }
        }
        Ok(Self { parts })
    }

    /// A time in microseconds since 1970 as text.
    pub(super) fn format(&self, micros: i64) -> String {
        let day = micros.div_euclid(DAY_MICROS);
        let (year, month, day_of_month) = value::civil(day);
        let seconds = micros.rem_euclid(DAY_MICROS) / 1_000_000;
        let fraction = micros.rem_euclid(1_000_000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let weekday = (day + 3).rem_euclid(7);
        let mut text = String::new();
        for part in &self.parts {
            let (letter, count) = match part {
                Part::Literal(literal) => {
                    text.push_str(literal);
                    continue;
                }
                Part::Field(letter, count) => (*letter, *count),
            };
            match letter {
                'y' | 'Y' => {
                    let year = if letter == 'Y' { week(day).0 } else { year };
                    if count == 2 {
                        text.push_str(&format!("{:02}", year.rem_euclid(100)));
                    } else {
                        text.push_str(&format!("{year:0count$}"));
                    }
                }
                // The day of the week, Monday first.
                'u' => text.push_str(&format!("{:0count$}", weekday + 1)),
                'w' => text.push_str(&format!("{:0count$}", week(day).1)),
                'W' => {
                    let first = day - i64::from(day_of_month) + 1;
                    let before = (first + 4).rem_euclid(7);
                    let number = (i64::from(day_of_month) - 1 + before) / 7 + 1;
                    text.push_str(&format!("{number:0count$}"));
                }
                'F' => text.push_str(&format!("{:0count$}", (day_of_month - 1) / 7 + 1)),
                'G' => text.push_str(if year > 0 { "AD" } else { "BC" }),
                'M' | 'L' if count >= 3 => {
                    let name = MONTHS[usize::try_from(month - 1).unwrap_or(0)];
                    text.push_str(if count == 3 { &name[..3] } else { name });
                }
                'M' | 'L' => text.push_str(&format!("{month:0count$}")),
                'd' => text.push_str(&format!("{day_of_month:0count$}")),
                'H' => text.push_str(&format!("{hour:0count$}")),
                'k' => text.push_str(&format!("{:0count$}", if hour == 0 { 24 } else { hour })),
                'K' => text.push_str(&format!("{:0count$}", hour % 12)),
                'h' => text.push_str(&format!(
                    "{:0count$}",
                    if hour % 12 == 0 { 12 } else { hour % 12 }
                )),
                'm' => text.push_str(&format!("{minute:0count$}")),
                's' => text.push_str(&format!("{second:0count$}")),
                'S' => text.extend(
                    format!("{:0<9}", format!("{fraction:06}"))
                        .chars()
                        .take(count),
                ),
                'a' => text.push_str(if hour < 12 { "AM" } else { "PM" }),
                'E' => {
                    let name = DAYS[usize::try_from(weekday).unwrap_or(0)];
                    text.push_str(if count <= 3 { &name[..3] } else { name });
                }
                'D' => {
                    let first = value::days(year, 1, 1).unwrap_or(day);
                    text.push_str(&format!("{:0count$}", day - first + 1));
                }
                'Z' => text.push_str("+0000"),
                'X' => text.push('Z'),
                _ => text.push_str("UTC"),
            }
        }
        text
    }

    /// Reads a text; `None` when it does not have this form. As Java's old formatter does, it carries over what does not exist
    /// (25 o'clock) and does not look at what comes behind.
    pub(super) fn parse(&self, text: &str) -> Option<i64> {
        let (mut year, mut month, mut day) = (1970i64, 1u32, 1u32);
        let (mut hour, mut minute, mut second, mut micros) = (0i64, 0i64, 0i64, 0i64);
        let mut afternoon = None;
        let mut day_of_year = None;
        let mut rest = text;
        for (index, part) in self.parts.iter().enumerate() {
            let (letter, count) = match part {
                Part::Literal(literal) => {
                    rest = rest.strip_prefix(literal.as_str())?;
                    continue;
                }
                Part::Field(letter, count) => (*letter, *count),
            };
            match letter {
                'M' | 'L' if count >= 3 => {
                    let found = MONTHS.iter().position(|name| {
                        let name = if count == 3 { &name[..3] } else { name };
                        rest.get(..name.len())
                            .is_some_and(|start| start.eq_ignore_ascii_case(name))
                    })?;
                    month = u32::try_from(found).ok()? + 1;
                    rest = &rest[if count == 3 { 3 } else { MONTHS[found].len() }..];
                }
                'a' => {
                    afternoon = Some(rest.get(..2)?.eq_ignore_ascii_case("pm"));
                    rest = &rest[2..];
                }
                'E' => {
                    let length = rest
                        .find(|character: char| !character.is_alphabetic())
                        .unwrap_or(rest.len());
                    rest = &rest[length..];
                }
                'Z' | 'X' | 'z' => {
                    let zone = ["+0000", "+00:00", "+00", "Z", "UTC", "GMT"]
                        .into_iter()
                        .find(|zone| rest.starts_with(zone))?;
                    rest = &rest[zone.len()..];
                }
                _ => {
                    // Digits that touch the next field's have exactly as many as the pattern has letters.
                    let touches = matches!(self.parts.get(index + 1), Some(Part::Field(next, _)) if !"aEzZX".contains(*next));
                    let most = if touches {
                        count
                    } else if letter == 'y' {
                        9
                    } else {
                        count.max(2)
                    };
                    let length = rest
                        .bytes()
                        .take(most)
                        .take_while(u8::is_ascii_digit)
                        .count();
                    if length == 0 || (touches && length < count) {
                        return None;
                    }
                    let number: i64 = rest[..length].parse().ok()?;
                    match letter {
                        'y' | 'u' if count == 2 => {
                            year = if number < 100 { 2000 + number } else { number }
                        }
                        'y' | 'u' => year = number,
                        'M' | 'L' => month = u32::try_from(number).ok()?,
                        'd' => day = u32::try_from(number).ok()?,
                        'D' => day_of_year = Some(number),
                        'H' => hour = number,
                        'k' => hour = number % 24,
                        'K' | 'h' => {
                            hour = number % 12;
                            afternoon = afternoon.or(Some(false));
                        }
                        'm' => minute = number,
                        's' => second = number,
                        _ => micros = format!("{:0<6}", &rest[..length])[..6].parse().ok()?,
                    }
                    rest = &rest[length..];
                }
            }
        }
        if afternoon == Some(true) && hour < 12 {
            hour += 12;
        }
        let days = match day_of_year {
            Some(number) => value::days(year, 1, 1)? + number - 1,
            None => value::carried(year, month, day)?,
        };
        Some(days * DAY_MICROS + (hour * 3600 + minute * 60 + second) * 1_000_000 + micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(pattern: &str, text: &str) -> Option<String> {
        TimePattern::new(pattern)
            .unwrap()
            .parse(text)
            .map(value::timestamp_text)
    }

    #[test]
    fn refuses_a_letter_that_it_does_not_know() {
        assert!(
            TimePattern::new("yyyy-QQ")
                .unwrap_err()
                .to_string()
                .contains("the letter Q")
        );
    }

    #[test]
    fn what_does_not_fit_the_pattern_is_null() {
        for (pattern, text) in [
            ("yyyyMMdd", "2026-01-01"),
            ("yyyy-MM-dd", "2026-01"),
            ("HH:mm", "x:00"),
        ] {
            assert_eq!(parsed(pattern, text), None, "{pattern} {text}");
        }
    }

    #[test]
    fn reads_and_prints_by_pattern() {
        assert_eq!(
            parsed("yyyyMMdd", "20261121").unwrap(),
            "2026-11-21 00:00:00"
        );
        assert_eq!(
            parsed("dd/MMM/yyyy hh:mm a", "05/Jan/2026 03:07 PM").unwrap(),
            "2026-01-05 15:07:00"
        );
        assert_eq!(
            parsed("yyyy-MM-dd'T'HH:mm:ss.SSS", "2026-01-05T15:07:09.250").unwrap(),
            "2026-01-05 15:07:09.25"
        );
        let time = value::parse_timestamp("2026-01-05 15:07:09.25").unwrap();
        let print = |pattern| TimePattern::new(pattern).unwrap().format(time);
        assert_eq!(
            print("yyyy-MM-dd'T'HH:mm:ss.SSS"),
            "2026-01-05T15:07:09.250"
        );
        assert_eq!(print("EEE, d MMMM yy h a D"), "Mon, 5 January 26 3 PM 5");
    }
}
