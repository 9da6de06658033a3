//! Pictures of dates and times, `[Y0001]-[M01]-[D01]`, as XPath defines them: formatting by them, and parsing.

use jiff::civil::{Date, DateTime, Weekday};

use super::integers::{Case, Format};
use crate::error::{Error, quoted};

pub(super) const MONTHS: [&str; 12] = [
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
pub(super) const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

pub(super) enum Part {
    Literal(String),
    Marker(Marker),
}

pub(super) struct Marker {
    pub(super) component: char,
    pub(super) names: Option<Case>,
    pub(super) format: Option<Format>,
    /// The most letters of a name, or digits of a year.
    pub(super) most: Option<usize>,
    pub(super) year_digits: Option<usize>,
    traditional: bool,
}

/// Reads a picture.
pub(super) fn read(picture: &str) -> Result<Vec<Part>, Error> {
    if picture.rfind('[') > picture.rfind(']') && !picture.ends_with("[[") {
        return Err(Error::new(
            "D3135",
            "No matching closing bracket ']' in date/time picture string",
        ));
    }
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = picture;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        match letter {
            '[' if rest.starts_with('[') => {
                literal.push('[');
                rest = &rest[1..];
            }
            ']' if rest.starts_with(']') => {
                literal.push(']');
                rest = &rest[1..];
            }
            '[' => {
                let end = rest.find(']').ok_or_else(|| {
                    Error::new(
                        "D3135",
                        "No matching closing bracket ']' in date/time picture string",
                    )
                })?;
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                let marker: String = rest[..end].split_whitespace().collect();
                parts.push(Part::Marker(Marker::read(&marker)?));
                rest = &rest[end + 1..];
            }
            other => literal.push(other),
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

impl Marker {
    fn read(text: &str) -> Result<Self, Error> {
        let unknown = || {
            Error::new(
                "D3132",
                format!(
                    "Unknown component specifier {} in date/time picture string",
                    quoted(text)
                ),
            )
        };
        let component = text.chars().next().ok_or_else(unknown)?;
        let default = match component {
            'Y' | 'M' | 'D' | 'd' | 'W' | 'w' | 'X' | 'x' | 'H' | 'h' | 'f' => "1",
            'F' | 'P' | 'C' | 'E' => "n",
            'm' | 's' => "01",
            'Z' | 'z' => "01:01",
            _ => {
                return Err(Error::new(
                    "D3132",
                    format!(
                        "Unknown component specifier {} in date/time picture string",
                        quoted(&component.to_string())
                    ),
                ));
            }
        };
        let rest = &text[component.len_utf8()..];
        let (presentation, width) = rest.rsplit_once(',').unwrap_or((rest, ""));
        let mut presentation = presentation.to_owned();
        let mut modifier = None;
        if presentation.chars().count() > 1
            && let Some(last) = presentation
                .chars()
                .last()
                .filter(|last| "atco".contains(*last))
        {
            presentation.pop();
            modifier = Some(last);
        }
        if presentation.is_empty() {
            default.clone_into(&mut presentation);
        }
        let bound = |text: &str| text.parse::<usize>().ok();
        let (least, most) = match width.split_once('-') {
            Some((least, most)) => (bound(least), bound(most)),
            None => (bound(width), None),
        };
        let names = match presentation.as_bytes() {
            [b'n', ..] => Some(Case::Lower),
            [b'N', b'n', ..] => Some(Case::Title),
            [b'N', ..] => Some(Case::Upper),
            _ => None,
        };
        if names.is_some() && !"MxFPCE".contains(component) {
            return Err(Error::new(
                "D3133",
                format!(
                    "The 'name' modifier can only be applied to months and days in the date/time picture string, not {}",
                    quoted(&component.to_string())
                ),
            ));
        }
        let (mut format, mut year_digits) = (None, None);
        if names.is_none() {
            let ordinal = if modifier == Some('o') { ";o" } else { "" };
            let mut own = Format::read(&format!("{presentation}{ordinal}"))?;
            if let Some(least) = least.filter(|_| component != 'Y' || most.is_none()) {
                own.at_least(least);
            }
            if component == 'Y' {
                let (_, digits) = own.width();
                year_digits = match most {
                    Some(most) => {
                        own.exactly(most);
                        Some(most)
                    }
                    None => (digits >= 2).then_some(digits),
                };
            }
            format = Some(own);
        }
        Ok(Self {
            component,
            names,
            format,
            most,
            year_digits,
            traditional: modifier == Some('t'),
        })
    }

    /// This part of a time that is so many minutes ahead of UTC.
    pub(super) fn format(&self, time: DateTime, offset: i32) -> Result<String, Error> {
        let date = time.date();
        let number = match self.component {
            'Z' | 'z' => return self.offset(offset),
            'P' => {
                let half = if time.hour() >= 12 { "pm" } else { "am" };
                return Ok(if self.names == Some(Case::Upper) {
                    half.to_uppercase()
                } else {
                    half.to_owned()
                });
            }
            'C' | 'E' => return Ok("ISO".to_owned()),
            'Y' => match self.year_digits {
                Some(digits) => f64::from(date.year()) % 10_f64.powi(digits as i32),
                None => f64::from(date.year()),
            },
            'X' => f64::from(date.iso_week_date().year()),
            'M' => f64::from(date.month()),
            'x' => f64::from(week_month(date).month()),
            'D' => f64::from(date.day()),
            'd' => f64::from(date.day_of_year()),
            'F' => f64::from(date.weekday().to_monday_one_offset()),
            'W' => f64::from(date.iso_week_date().week()),
            'w' => f64::from((thursday(date).day() - 1) / 7 + 1),
            'H' => f64::from(time.hour()),
            'h' => f64::from(match time.hour() % 12 {
                0 => 12,
                hour => hour,
            }),
            'm' => f64::from(time.minute()),
            's' => f64::from(time.second()),
            _ => f64::from(time.millisecond()),
        };
        if let Some(case) = self.names {
            let name = match self.component {
                'F' => DAYS[number as usize - 1],
                _ => MONTHS[number as usize - 1],
            };
            let name: String = match self.most {
                Some(most) => name.chars().take(most).collect(),
                None => name.to_owned(),
            };
            return Ok(case.of(&name));
        }
        Ok(self
            .format
            .as_ref()
            .map(|format| format.format(number))
            .unwrap_or_default())
    }

    fn offset(&self, offset: i32) -> Result<String, Error> {
        if offset == 0 && self.traditional {
            return Ok("Z".to_owned());
        }
        let (hours, minutes) = (offset.abs() / 60, offset.abs() % 60);
        let whole = f64::from(hours * 100 + minutes);
        let shown = match &self.format {
            Some(format) if format.has_separators() => format.format(whole),
            Some(format) => match format.width().0 {
                1 | 2 if minutes == 0 => format.format(f64::from(hours)),
                1 | 2 => format!("{}:{minutes:02}", format.format(f64::from(hours))),
                3 | 4 => format.format(whole),
                _ => {
                    return Err(Error::new(
                        "D3134",
                        "The timezone integer format specifier cannot have more than four digits",
                    ));
                }
            },
            None => String::new(),
        };
        let sign = if offset < 0 { '-' } else { '+' };
        let prefix = if self.component == 'z' { "GMT" } else { "" };
        Ok(format!("{prefix}{sign}{shown}"))
    }
}

/// The Thursday of a day's week: its month is the week's.
fn thursday(date: Date) -> Date {
    let ahead = i64::from(Weekday::Thursday.to_monday_one_offset())
        - i64::from(date.weekday().to_monday_one_offset());
    date.saturating_add(jiff::Span::new().days(ahead))
}

fn week_month(date: Date) -> Date {
    thursday(date)
}
