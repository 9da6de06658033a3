//! `$formatNumber`: numbers by a picture such as `#,##0.00`, as XPath defines it.

use super::argument;
use super::numbers::round;
use crate::error::Error;
use crate::value::Value;

struct Symbols {
    decimal: char,
    grouping: char,
    exponent: char,
    minus: char,
    percent: char,
    per_mille: char,
    zero: char,
    digit: char,
    pattern: char,
}

impl Symbols {
    fn of(options: &Value) -> Self {
        let symbol = |name: &str, default: char| match options {
            Value::Object(members) => members
                .get(name)
                .and_then(Value::as_text)
                .and_then(|text| text.chars().next())
                .unwrap_or(default),
            _ => default,
        };
        Self {
            decimal: symbol("decimal-separator", '.'),
            grouping: symbol("grouping-separator", ','),
            exponent: symbol("exponent-separator", 'e'),
            minus: symbol("minus-sign", '-'),
            percent: symbol("percent", '%'),
            per_mille: symbol("per-mille", '‰'),
            zero: symbol("zero-digit", '0'),
            digit: symbol("digit", '#'),
            pattern: symbol("pattern-separator", ';'),
        }
    }

    fn is_digit(&self, letter: char) -> bool {
        (u32::from(self.zero)..u32::from(self.zero) + 10).contains(&u32::from(letter))
    }

    fn is_active(&self, letter: char) -> bool {
        self.is_digit(letter)
            || [self.decimal, self.exponent, self.grouping, self.digit].contains(&letter)
    }
}

/// One of at most two parts of a picture: for all numbers, or for negative ones.
#[derive(Clone)]
struct SubPicture {
    prefix: String,
    suffix: String,
    integer_groups: Vec<usize>,
    regular: usize,
    fraction_groups: Vec<usize>,
    least_integer: usize,
    scaling: usize,
    least_fraction: usize,
    most_fraction: usize,
    least_exponent: Option<usize>,
    scale: f64,
    has_decimal: bool,
}

const RULES: [(&str, &str); 13] = [
    (
        "D3081",
        "The sub-picture must not contain more than one instance of the 'decimal-separator' character",
    ),
    (
        "D3082",
        "The sub-picture must not contain more than one instance of the 'percent' character",
    ),
    (
        "D3083",
        "The sub-picture must not contain more than one instance of the 'per-mille' character",
    ),
    (
        "D3084",
        "The sub-picture must not contain both a 'percent' and a 'per-mille' character",
    ),
    (
        "D3085",
        "The mantissa part of a sub-picture must contain at least one character that is either an 'optional digit character' or a member of the 'decimal digit family'",
    ),
    (
        "D3086",
        "The sub-picture must not contain a passive character that is preceded by an active character and that is followed by another active character",
    ),
    (
        "D3087",
        "The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a 'decimal-separator' character",
    ),
    (
        "D3088",
        "The sub-picture must not contain a 'grouping-separator' at the end of the integer part",
    ),
    (
        "D3089",
        "The sub-picture must not contain two adjacent instances of the 'grouping-separator' character",
    ),
    (
        "D3090",
        "The integer part of the sub-picture must not contain a member of the 'decimal digit family' that is followed by an instance of the 'optional digit character'",
    ),
    (
        "D3091",
        "The fractional part of the sub-picture must not contain an instance of the 'optional digit character' that is followed by a member of the 'decimal digit family'",
    ),
    (
        "D3092",
        "A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character treated as an 'exponent-separator'",
    ),
    (
        "D3093",
        "The exponent part of the sub-picture must comprise only of one or more characters that are members of the 'decimal digit family'",
    ),
];

fn broken(rule: usize) -> Error {
    let (code, words) = RULES[rule - 81];
    Error::new(code, words)
}

impl SubPicture {
    fn read(picture: &str, symbols: &Symbols) -> Result<Self, Error> {
        let letters: Vec<char> = picture.chars().collect();
        let bounds = |letter: &char| symbols.is_active(*letter) && *letter != symbols.exponent;
        let first = letters.iter().position(bounds).ok_or_else(|| broken(86))?;
        let last = letters.iter().rposition(bounds).unwrap_or(first);
        let active = &letters[first..=last];
        let count = |symbol: char| letters.iter().filter(|letter| **letter == symbol).count();
        let (percents, per_milles) = (count(symbols.percent), count(symbols.per_mille));
        let (mantissa, exponent) =
            match active.iter().position(|letter| *letter == symbols.exponent) {
                Some(at) => (&active[..at], Some(&active[at + 1..])),
                None => (active, None),
            };
        let (integer, fraction) = match mantissa
            .iter()
            .position(|letter| *letter == symbols.decimal)
        {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &[][..]),
        };
        let has_decimal = mantissa.contains(&symbols.decimal);
        let is_digit = |letter: &char| symbols.is_digit(*letter);
        let is_optional = |letter: &char| *letter == symbols.digit;
        let adjacent =
            |first: char, second: char| active.windows(2).any(|pair| pair == [first, second]);
        let checks = [
            (81, count(symbols.decimal) > 1),
            (82, percents > 1),
            (83, per_milles > 1),
            (84, percents > 0 && per_milles > 0),
            (
                85,
                !mantissa
                    .iter()
                    .any(|letter| is_digit(letter) || is_optional(letter)),
            ),
            (86, active.iter().any(|letter| !symbols.is_active(*letter))),
            (
                87,
                adjacent(symbols.grouping, symbols.decimal)
                    || adjacent(symbols.decimal, symbols.grouping),
            ),
            (
                88,
                !has_decimal && integer.last() == Some(&symbols.grouping),
            ),
            (89, adjacent(symbols.grouping, symbols.grouping)),
            (
                90,
                integer
                    .iter()
                    .position(is_digit)
                    .is_some_and(|at| integer[at..].iter().any(is_optional)),
            ),
            (
                91,
                fraction
                    .iter()
                    .position(is_optional)
                    .is_some_and(|at| fraction[at..].iter().any(is_digit)),
            ),
            (92, exponent.is_some() && percents + per_milles > 0),
            (
                93,
                exponent.is_some_and(|digits| digits.is_empty() || !digits.iter().all(is_digit)),
            ),
        ];
        if let Some((rule, _)) = checks.into_iter().find(|(_, wrong)| *wrong) {
            return Err(broken(rule));
        }
        let counted = |part: &[char]| {
            part.iter()
                .filter(|letter| is_digit(letter) || is_optional(letter))
                .count()
        };
        let groups = |part: &[char], to_left: bool| -> Vec<usize> {
            let separators = part
                .iter()
                .enumerate()
                .filter(|(_, letter)| **letter == symbols.grouping);
            separators
                .map(|(at, _)| counted(if to_left { &part[..at] } else { &part[at..] }))
                .collect()
        };
        let integer_groups = groups(integer, false);
        let mut least_integer = integer.iter().filter(|letter| is_digit(letter)).count();
        let scaling = least_integer;
        let mut least_fraction = fraction.iter().filter(|letter| is_digit(letter)).count();
        let mut most_fraction = counted(fraction);
        if least_integer == 0 && most_fraction == 0 {
            if exponent.is_some() {
                (least_fraction, most_fraction) = (1, 1);
            } else {
                least_integer = 1;
            }
        }
        if exponent.is_some() && least_integer == 0 && integer.iter().any(is_optional) {
            least_integer = 1;
        }
        if least_integer == 0 && least_fraction == 0 {
            least_fraction = 1;
        }
        Ok(Self {
            prefix: letters[..first].iter().collect(),
            suffix: letters[last + 1..].iter().collect(),
            regular: regular(&integer_groups),
            integer_groups,
            fraction_groups: groups(fraction, true),
            least_integer,
            scaling,
            least_fraction,
            most_fraction,
            least_exponent: exponent.map(<[char]>::len),
            scale: if percents > 0 {
                100.0
            } else if per_milles > 0 {
                1000.0
            } else {
                1.0
            },
            has_decimal,
        })
    }

    fn format(&self, number: f64, symbols: &Symbols) -> String {
        let mut mantissa = number * self.scale;
        let mut exponent = 0_i32;
        if self.least_exponent.is_some() && mantissa != 0.0 {
            let most = 10_f64.powi(self.scaling as i32);
            let least = 10_f64.powi(self.scaling as i32 - 1);
            while mantissa.abs() < least {
                mantissa *= 10.0;
                exponent -= 1;
            }
            while mantissa.abs() > most {
                mantissa /= 10.0;
                exponent += 1;
            }
        }
        let rounded = round(mantissa, self.most_fraction as i32).abs();
        let text = format!("{rounded:.*}", self.most_fraction);
        let (integer, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let integer = format!(
            "{:0>1$}",
            integer.trim_start_matches('0'),
            self.least_integer
        );
        let fraction = format!(
            "{:0<1$}",
            fraction.trim_end_matches('0'),
            self.least_fraction
        );
        let mut left: Vec<char> = Vec::new();
        for (position, digit) in integer.chars().rev().enumerate() {
            let separates = match self.regular {
                0 => self.integer_groups.contains(&position),
                size => position % size == 0,
            };
            if position > 0 && separates {
                left.push(symbols.grouping);
            }
            left.push(digit);
        }
        let mut result = self.prefix.clone();
        let shown = |digit: char| match digit.to_digit(10) {
            Some(value) => char::from_u32(u32::from(symbols.zero) + value).unwrap_or(digit),
            None => digit,
        };
        result.extend(left.into_iter().rev().map(shown));
        if self.has_decimal && !fraction.is_empty() {
            result.push(symbols.decimal);
            for (position, digit) in fraction.chars().enumerate() {
                if self.fraction_groups.contains(&position) && position > 0 {
                    result.push(symbols.grouping);
                }
                result.push(shown(digit));
            }
        }
        if let Some(least) = self.least_exponent {
            result.push(symbols.exponent);
            if exponent < 0 {
                result.push(symbols.minus);
            }
            result.extend(format!("{:0>least$}", exponent.abs()).chars().map(shown));
        }
        result + &self.suffix
    }
}

/// The distance between separators, if it is always the same.
pub(super) fn regular(positions: &[usize]) -> usize {
    fn divisor(one: usize, other: usize) -> usize {
        if other == 0 {
            one
        } else {
            divisor(other, one % other)
        }
    }
    let factor = positions.iter().copied().fold(0, divisor);
    if (1..=positions.len()).all(|index| positions.contains(&(index * factor))) {
        factor
    } else {
        0
    }
}

pub(super) fn format_number(arguments: &[Value]) -> Result<Value, Error> {
    let Some(number) = argument(arguments, 0).as_number() else {
        return Ok(Value::Undefined);
    };
    let symbols = Symbols::of(argument(arguments, 2));
    let picture = argument(arguments, 1).as_text().unwrap_or_default();
    let parts: Vec<&str> = picture.split(symbols.pattern).collect();
    if parts.len() > 2 {
        return Err(Error::new(
            "D3080",
            "The picture string must only contain a maximum of two sub-pictures",
        ));
    }
    let pictures = parts
        .iter()
        .map(|part| SubPicture::read(part, &symbols))
        .collect::<Result<Vec<_>, _>>()?;
    let mut chosen = pictures[0].clone();
    if number < 0.0 {
        match pictures.get(1) {
            Some(negative) => chosen = negative.clone(),
            None => chosen.prefix.insert(0, symbols.minus),
        }
    }
    Ok(Value::text(chosen.format(number, &symbols)))
}
