//! `$formatInteger` and `$parseInteger`: whole numbers as digits, letters, Roman numerals and English words.

use super::format_number::regular;
use super::numbers::unsupported_sequence;
use super::{Entries, argument};
use crate::error::Error;
use crate::value::Value;

pub(super) const TABLE: Entries = &[
    ("formatInteger", "<n-s:s>", |_, arguments| {
        let (Some(number), Some(picture)) = (
            argument(arguments, 0).as_number(),
            argument(arguments, 1).as_text(),
        ) else {
            return Ok(Value::Undefined);
        };
        Ok(Value::text(Format::read(picture)?.format(number.floor())))
    }),
    ("parseInteger", "<s-s:n>", |_, arguments| {
        let (Some(text), Some(picture)) = (
            argument(arguments, 0).as_text(),
            argument(arguments, 1).as_text(),
        ) else {
            return Ok(Value::Undefined);
        };
        Ok(Format::read(picture)?
            .parse(text)
            .map_or(Value::Undefined, Value::Number))
    }),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Lower,
    Title,
}

impl Case {
    pub(super) fn of(self, text: &str) -> String {
        match self {
            Self::Upper => text.to_uppercase(),
            Self::Lower => text.to_lowercase(),
            Self::Title => text.to_owned(),
        }
    }
}

/// How a whole number is written.
#[derive(Debug, Clone)]
pub(super) struct Format {
    kind: FormatKind,
    ordinal: bool,
}

#[derive(Debug, Clone)]
enum FormatKind {
    Letters(Case),
    Roman(Case),
    Words(Case),
    Digits {
        zero: u32,
        mandatory: usize,
        optional: usize,
        /// Separators, by the digits to their right.
        separators: Vec<(usize, char)>,
        regular: usize,
    },
}

/// The digits of scripts, by their zeros.
const ZEROS: [u32; 12] = [
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xE50, 0xED0, 0xFF10,
];

impl Format {
    pub(super) fn read(picture: &str) -> Result<Self, Error> {
        let (primary, modifier) = picture.rsplit_once(';').unwrap_or((picture, ""));
        let ordinal = modifier.starts_with('o');
        let kind = match primary {
            "A" => FormatKind::Letters(Case::Upper),
            "a" => FormatKind::Letters(Case::Lower),
            "I" => FormatKind::Roman(Case::Upper),
            "i" => FormatKind::Roman(Case::Lower),
            "W" => FormatKind::Words(Case::Upper),
            "w" => FormatKind::Words(Case::Lower),
            "Ww" => FormatKind::Words(Case::Title),
            digits => Self::digits(digits)?,
        };
        Ok(Self { kind, ordinal })
    }

    fn digits(picture: &str) -> Result<FormatKind, Error> {
        let (mut zero, mut mandatory, mut optional) = (None, 0, 0);
        let mut separators = Vec::new();
        for letter in picture.chars().rev() {
            let code = u32::from(letter);
            if let Some(own) = ZEROS.iter().find(|own| (**own..**own + 10).contains(&code)) {
                if zero.is_some_and(|zero| zero != *own) {
                    return Err(Error::new(
                        "D3131",
                        "In a decimal digit pattern, all digits must be from the same decimal group",
                    ));
                }
                zero = Some(*own);
                mandatory += 1;
            } else if letter == '#' {
                optional += 1;
            } else {
                separators.push((mandatory + optional, letter));
            }
        }
        let Some(zero) = zero else {
            return Err(unsupported_sequence(picture));
        };
        let positions: Vec<usize> = separators.iter().map(|(position, _)| *position).collect();
        let same = separators
            .iter()
            .all(|(_, letter)| *letter == separators[0].1);
        let regular = if same && !separators.is_empty() {
            regular(&positions)
        } else {
            0
        };
        Ok(FormatKind::Digits {
            zero,
            mandatory,
            optional,
            separators,
            regular,
        })
    }

    /// The digits that a picture has: those that there must be, and all.
    pub(super) fn width(&self) -> (usize, usize) {
        match &self.kind {
            FormatKind::Digits {
                mandatory,
                optional,
                ..
            } => (*mandatory, mandatory + optional),
            _ => (0, 0),
        }
    }

    pub(super) fn at_least(&mut self, digits: usize) {
        if let FormatKind::Digits { mandatory, .. } = &mut self.kind {
            *mandatory = (*mandatory).max(digits);
        }
    }

    pub(super) fn exactly(&mut self, digits: usize) {
        if let FormatKind::Digits { mandatory, .. } = &mut self.kind {
            *mandatory = digits;
        }
    }

    pub(super) fn is_words(&self) -> bool {
        matches!(self.kind, FormatKind::Words(_))
    }

    pub(super) fn has_separators(&self) -> bool {
        matches!(&self.kind, FormatKind::Digits { separators, .. } if !separators.is_empty())
    }

    pub(super) fn is_digits(&self) -> bool {
        matches!(self.kind, FormatKind::Digits { .. })
    }

    pub(super) fn format(&self, number: f64) -> String {
        let magnitude = number.abs();
        let text = match &self.kind {
            FormatKind::Letters(case) => case.of(&letters(magnitude as u64)),
            FormatKind::Roman(case) => case.of(&roman(magnitude as u64)),
            FormatKind::Words(case) => case.of(&words(magnitude, false, self.ordinal)),
            FormatKind::Digits {
                zero,
                mandatory,
                separators,
                regular,
                ..
            } => {
                let digits = format!("{:0>1$}", format!("{magnitude:.0}"), *mandatory);
                let mut text: Vec<char> = Vec::new();
                for (position, digit) in digits.chars().rev().enumerate() {
                    if position > 0 {
                        let separator = match regular {
                            0 => separators
                                .iter()
                                .find(|(at, _)| *at == position)
                                .map(|(_, letter)| *letter),
                            size => (position % size == 0).then(|| separators[0].1),
                        };
                        text.extend(separator);
                    }
                    let value = digit.to_digit(10).unwrap_or_default();
                    text.push(char::from_u32(zero + value).unwrap_or(digit));
                }
                let mut text: String = text.into_iter().rev().collect();
                if self.ordinal {
                    let tens = magnitude % 100.0;
                    text.push_str(match (magnitude % 10.0) as u8 {
                        1 if tens != 11.0 => "st",
                        2 if tens != 12.0 => "nd",
                        3 if tens != 13.0 => "rd",
                        _ => "th",
                    });
                }
                text
            }
        };
        if number < 0.0 {
            format!("-{text}")
        } else {
            text
        }
    }

    pub(super) fn parse(&self, text: &str) -> Option<f64> {
        match &self.kind {
            FormatKind::Letters(_) => Some(text.chars().fold(0.0, |sum, letter| {
                sum * 26.0 + f64::from(u32::from(letter.to_ascii_lowercase()).saturating_sub(96))
            })),
            FormatKind::Roman(_) => Some(from_roman(&text.to_uppercase())),
            FormatKind::Words(_) => from_words(&text.to_lowercase()),
            FormatKind::Digits {
                zero, separators, ..
            } => {
                let text = if self.ordinal {
                    text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic())
                } else {
                    text
                };
                let digits: String = text
                    .chars()
                    .filter(|letter| !separators.iter().any(|(_, separator)| separator == letter))
                    .map(|letter| {
                        let value = u32::from(letter).wrapping_sub(*zero);
                        if value < 10 {
                            char::from_digit(value, 10).unwrap_or(letter)
                        } else {
                            letter
                        }
                    })
                    .collect();
                digits.parse().ok()
            }
        }
    }
}

fn letters(mut number: u64) -> String {
    let mut text = Vec::new();
    while number > 0 {
        text.push(char::from(b'A' + ((number - 1) % 26) as u8));
        number = (number - 1) / 26;
    }
    text.into_iter().rev().collect()
}

const ROMAN: [(u64, &str); 13] = [
    (1000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
];

fn roman(mut number: u64) -> String {
    let mut text = String::new();
    for (value, numeral) in ROMAN {
        while number >= value && text.len() < 1000 {
            text.push_str(numeral);
            number -= value;
        }
    }
    text
}

fn from_roman(text: &str) -> f64 {
    let values = text.chars().map(|letter| {
        let numeral = letter.to_string();
        ROMAN
            .iter()
            .find(|(_, known)| *known == numeral)
            .map_or(0, |(value, _)| *value)
    });
    let (mut sum, mut largest) = (0_i64, 0);
    for value in values.rev() {
        if value < largest {
            sum -= value.cast_signed();
        } else {
            sum += value.cast_signed();
            largest = value;
        }
    }
    sum as f64
}

const FEW: [&str; 20] = [
    "Zero",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
    "Thirteen",
    "Fourteen",
    "Fifteen",
    "Sixteen",
    "Seventeen",
    "Eighteen",
    "Nineteen",
];
const ORDINALS: [&str; 20] = [
    "Zeroth",
    "First",
    "Second",
    "Third",
    "Fourth",
    "Fifth",
    "Sixth",
    "Seventh",
    "Eighth",
    "Ninth",
    "Tenth",
    "Eleventh",
    "Twelfth",
    "Thirteenth",
    "Fourteenth",
    "Fifteenth",
    "Sixteenth",
    "Seventeenth",
    "Eighteenth",
    "Nineteenth",
];
const DECADES: [&str; 8] = [
    "Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety",
];
const MAGNITUDES: [&str; 4] = ["Thousand", "Million", "Billion", "Trillion"];

/// `within`: whether something larger has been said before.
fn words(number: f64, within: bool, ordinal: bool) -> String {
    if number < 20.0 {
        let names = if ordinal { ORDINALS } else { FEW };
        return format!(
            "{}{}",
            if within { " and " } else { "" },
            names[number as usize]
        );
    }
    if number < 100.0 {
        let (tens, rest) = ((number / 10.0) as usize, number % 10.0);
        let mut text = format!("{}{}", if within { " and " } else { "" }, DECADES[tens - 2]);
        if rest > 0.0 {
            text = format!("{text}-{}", words(rest, false, ordinal));
        } else if ordinal {
            text.pop();
            text.push_str("ieth");
        }
        return text;
    }
    let (size, name) = if number < 1000.0 {
        (100.0, "Hundred")
    } else {
        let magnitude =
            ((number.log10() / 3.0 + 1e-12).floor() as usize).clamp(1, MAGNITUDES.len());
        (10_f64.powi(magnitude as i32 * 3), MAGNITUDES[magnitude - 1])
    };
    let count = (number / size).floor();
    let rest = number - count * size;
    let mut text = format!(
        "{}{} {name}",
        if within { ", " } else { "" },
        words(count, false, false)
    );
    if rest > 0.0 {
        text.push_str(&words(rest, true, ordinal));
    } else if ordinal {
        text.push_str("th");
    }
    text
}

fn from_words(text: &str) -> Option<f64> {
    let value = |word: &str| {
        let at = |names: &[&str], word: &str| {
            names
                .iter()
                .position(|name| name.eq_ignore_ascii_case(word))
        };
        let small = at(&FEW, word)
            .or_else(|| at(&ORDINALS, word))
            .map(|position| position as f64);
        let plain = word
            .strip_suffix("ieth")
            .map_or_else(|| word.to_owned(), |stem| format!("{stem}y"));
        let decade = at(&DECADES, &plain).map(|position| (position as f64 + 2.0) * 10.0);
        let large = word.strip_suffix("th").unwrap_or(word);
        let hundred = (large == "hundred").then_some(100.0);
        let magnitude = at(&MAGNITUDES, large).map(|position| 10_f64.powi(position as i32 * 3 + 3));
        small.or(decade).or(hundred).or(magnitude)
    };
    let mut parts = vec![0.0];
    for word in text
        .split([' ', ',', '-'])
        .filter(|word| !word.is_empty() && *word != "and")
    {
        let value = value(word)?;
        let top = parts.pop().unwrap_or(0.0);
        if value < 100.0 {
            if top >= 1000.0 {
                parts.push(top);
                parts.push(value);
            } else {
                parts.push(top + value);
            }
        } else {
            parts.push(top * value);
        }
    }
    Some(parts.iter().sum())
}
