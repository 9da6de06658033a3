//! Values as Hive prints and reads them: numbers, dates, timestamps. Used by the text serdes, by casts and by results.
//! Reading gives `None` where Hive gives NULL.

use crate::digits::short_number;

/// A double as Java's `Double.toString` prints it: `1.0`, `1.0E10`, `NaN`, `Infinity`.
pub(crate) fn double_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 {
            "Infinity".to_owned()
        } else {
            "-Infinity".to_owned()
        };
    }
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        return format!("{value:?}");
    }
    scientific(&format!("{value:e}"))
}

/// A float as Java's `Float.toString` prints it.
pub(crate) fn float_text(value: f32) -> String {
    if !value.is_finite() {
        return double_text(f64::from(value));
    }
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        return format!("{value:?}");
    }
    scientific(&format!("{value:e}"))
}

/// Java writes at least one digit after the point, and a capital E.
fn scientific(rust: &str) -> String {
    match rust.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => rust.to_owned(),
    }
}

/// A decimal with all digits of its scale.
pub(crate) fn decimal_text(value: i128, scale: i8) -> String {
    let scale = usize::try_from(scale).unwrap_or(0);
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if scale == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    }
}

/// `yyyy-MM-dd` of days since 1970-01-01.
pub(crate) fn date_text(days: i32) -> String {
    let (year, month, day) = civil(i64::from(days));
    if year < 0 {
        format!("-{:04}-{month:02}-{day:02}", -year)
    } else {
        format!("{year:04}-{month:02}-{day:02}")
    }
}

/// `yyyy-MM-dd HH:mm:ss[.ffffff]` of microseconds since 1970-01-01; zeros at the end of the fraction are left out.
pub(crate) fn timestamp_text(micros: i64) -> String {
    let (days, within) = (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS));
    let (seconds, fraction) = (within / 1_000_000, within % 1_000_000);
    let date = date_text(i32::try_from(days).unwrap_or(0));
    let time = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if fraction == 0 {
        return format!("{date} {time}");
    }
    format!(
        "{date} {time}.{}",
        format!("{fraction:06}").trim_end_matches('0')
    )
}

/// Microseconds of a day.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

/// Year, month and day of days since 1970-01-01, in the proleptic Gregorian calendar.
pub(crate) fn civil(days: i64) -> (i64, u32, u32) {
    // Counted from 0000-03-01, so that the leap day is a year's last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (
        year,
        u32::try_from(month).unwrap_or(1),
        u32::try_from(day).unwrap_or(1),
    )
}

/// Days since 1970-01-01; `None` for a day that its month does not have.
pub(crate) fn days(year: i64, month: u32, day: u32) -> Option<i64> {
    if !(1..=12).contains(&month) || day == 0 || day > month_length(year, month) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let month_from_march = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Days of a month.
pub(crate) fn month_length(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// An integer as Hive's serde reads it: a sign, digits, and a fraction that is cut off. No spaces.
pub(crate) fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if let Some((value, 0)) = short_number(digits)
        && !digits.ends_with(b".")
    {
        return Some(if negative { -value } else { value });
    }
    let end = digits
        .iter()
        .position(|byte| *byte == b'.')
        .unwrap_or(digits.len());
    let (whole, fraction) = digits.split_at(end);
    if (whole.is_empty() && fraction.len() < 2) || !fraction.iter().skip(1).all(u8::is_ascii_digit)
    {
        return None;
    }
    let mut value: i64 = 0;
    for byte in whole {
        if !byte.is_ascii_digit() {
            return None;
        }
        let digit = i64::from(byte - b'0');
        value = value.checked_mul(10)?;
        value = if negative {
            value.checked_sub(digit)?
        } else {
            value.checked_add(digit)?
        };
    }
    Some(value)
}

/// Powers of ten that are exact as doubles.
const TENS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// A double of few digits without an exponent, which is what nearly every one is.
#[inline]
pub(crate) fn parse_short_double(text: &[u8]) -> Option<f64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let (value, behind) = short_number(digits)?;
    // Both are exact, so that their quotient is the nearest double.
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53")]
    let value = value as f64 / TENS[behind];
    Some(if negative { -value } else { value })
}

/// A double as Java's `Double.parseDouble` reads it.
pub(crate) fn parse_double(text: &str) -> Option<f64> {
    if let Some(value) = parse_short_double(text.as_bytes()) {
        return Some(value);
    }
    let text = text.trim_matches(|character: char| character <= ' ');
    let unsigned = text.trim_start_matches(['+', '-']);
    match unsigned {
        "NaN" => return Some(f64::NAN),
        "Infinity" => {
            return Some(if text.starts_with('-') {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            });
        }
        _ => {}
    }
    let number = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    if !number
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
    {
        return None;
    }
    number.parse().ok()
}

/// The unscaled value of a decimal, rounded half up to the scale; `None` when it has too many digits.
pub(crate) fn parse_decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let text = text.trim();
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if let Some((value, behind)) = short_number(unsigned.as_bytes())
        && let Ok(missing) = u32::try_from(i64::from(scale) - i64::try_from(behind).ok()?)
        && let Some(value) = 10i128
            .checked_pow(missing)
            .and_then(|tens| tens.checked_mul(i128::from(value)))
    {
        let value = if negative { -value } else { value };
        return fits(value, precision).then_some(value);
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value: i128 = 0;
    let keep = i64::try_from(whole.len()).ok()? + i64::from(exponent) + i64::from(scale);
    let mut taken = 0i64;
    let mut round_up = false;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return None;
        }
        if taken < keep {
            value = value
                .checked_mul(10)?
                .checked_add(i128::from(byte - b'0'))?;
        } else if taken == keep {
            round_up = byte >= b'5';
        }
        taken += 1;
    }
    for _ in taken..keep {
        if value == 0 {
            break;
        }
        value = value.checked_mul(10)?;
    }
    value += i128::from(round_up);
    let value = if negative { -value } else { value };
    fits(value, precision).then_some(value)
}

/// Whether an unscaled value has at most `precision` digits.
pub(crate) fn fits(value: i128, precision: u8) -> bool {
    value.unsigned_abs() < 10u128.pow(u32::from(precision.min(38)))
}

/// Rounds an unscaled value half up from one scale to another.
pub(crate) fn rescale(value: i128, from: i8, to: i8) -> Option<i128> {
    if to >= from {
        return value.checked_mul(10i128.checked_pow(u32::from(to.abs_diff(from)))?);
    }
    let Some(divisor) = 10i128.checked_pow(u32::from(from.abs_diff(to))) else {
        return Some(0);
    };
    let (quotient, remainder) = (value / divisor, value % divisor);
    let half = remainder.unsigned_abs() * 2 >= divisor.unsigned_abs();
    Some(if half {
        quotient + value.signum()
    } else {
        quotient
    })
}

/// The same, with half rounded to the even neighbour.
pub(crate) fn rescale_to_even(value: i128, from: i8, to: i8) -> Option<i128> {
    let away = rescale(value, from, to)?;
    let dropped = i32::from(from) - i32::from(to);
    if dropped <= 0 {
        return Some(away);
    }
    let divisor = 10i128.checked_pow(u32::try_from(dropped).ok()?)?;
    let rest = (value % divisor).checked_abs()?.checked_mul(2)?;
    if rest == divisor && away % 2 != 0 {
        Some(away - value.signum())
    } else {
        Some(away)
    }
}

/// Days since 1970-01-01 of `y-M-d`, as Hive 3.1 reads it: what comes behind a space does not count, and days or months that do
/// not exist are carried over (`2026-02-30` is `2026-03-02`).
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    let text = text.trim();
    let date = text.split(' ').next()?;
    if let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date.as_bytes()
        && [y1, y2, y3, y4, m1, m2, d1, d2]
            .iter()
            .all(|byte| byte.is_ascii_digit())
    {
        let two = |tens: &u8, ones: &u8| u32::from(tens - b'0') * 10 + u32::from(ones - b'0');
        let year = i64::from(two(y1, y2) * 100 + two(y3, y4));
        return i32::try_from(carried(year, two(m1, m2), two(d1, d2))?).ok();
    }
    let (rest, negative) = date
        .strip_prefix('-')
        .map_or((date, false), |rest| (rest, true));
    let mut parts = rest.split('-');
    let year = i64::from(digits(parts.next()?, 1, 7)?);
    let (month, day) = (digits(parts.next()?, 1, 2)?, digits(parts.next()?, 1, 2)?);
    if parts.next().is_some() {
        return None;
    }
    let year = if negative { -year } else { year };
    i32::try_from(carried(year, month, day)?).ok()
}

/// Days since 1970-01-01 of a month of 0 to 99 and a day of 0 to 99.
pub(crate) fn carried(year: i64, month: u32, day: u32) -> Option<i64> {
    let months = year * 12 + i64::from(month) - 1;
    let month = u32::try_from(months.rem_euclid(12)).ok()? + 1;
    Some(days(months.div_euclid(12), month, 1)? + i64::from(day) - 1)
}

/// Microseconds since 1970-01-01 of `y-M-d[ H:m:s[.f]]` or ISO's `yyyy-MM-ddTHH:mm[:ss[.f]]`, as Hive 3.1 reads it: hours,
/// minutes and seconds that do not exist are carried over. Digits behind the microsecond are cut off.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    let (date, time) = match text.split_once([' ', 'T']) {
        None => return Some(i64::from(parse_date(text)?) * DAY_MICROS),
        Some(parts) => parts,
    };
    let is_iso = text.contains('T');
    let date = i64::from(parse_date(date)?) * DAY_MICROS;
    let (time, fraction) = match time.split_once('.') {
        Some((time, fraction)) => (time, Some(fraction)),
        None => (time, None),
    };
    let least = if is_iso { 2 } else { 1 };
    let mut parts = time.split(':');
    let hour = digits(parts.next()?, least, 2)?;
    let minute = digits(parts.next()?, least, 2)?;
    let second = match parts.next() {
        Some(second) => digits(second, least, 2)?,
        None if is_iso && fraction.is_none() => 0,
        None => return None,
    };
    if parts.next().is_some() || (is_iso && (hour > 23 || minute > 59 || second > 59)) {
        return None;
    }
    let mut micros = i64::from(hour * 3600 + minute * 60 + second) * 1_000_000;
    if let Some(fraction) = fraction {
        if fraction.is_empty()
            || fraction.len() > 9
            || !fraction.bytes().all(|byte| byte.is_ascii_digit())
        {
            return None;
        }
        micros += format!("{fraction:0<6}")[..6].parse::<i64>().ok()?;
    }
    Some(date + micros)
}

fn digits(text: &str, least: usize, most: usize) -> Option<u32> {
    let legal =
        (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if legal { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_value_is_null() {
        for text in [
            "",
            "-",
            "+",
            ".",
            "x",
            "1x",
            "1.x",
            " 1",
            "9223372036854775808",
        ] {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text:?}");
        }
        for text in ["", "x", "inf", "nan", "1,5", "0x10", "1e"] {
            assert_eq!(parse_double(text), None, "{text:?}");
        }
        for text in ["", ".", "1e5x", "12345.6", "--1"] {
            assert_eq!(parse_decimal(text, 5, 1), None, "{text:?}");
        }
        for text in [
            "",
            "2026-123-01",
            "2026-01-01T10",
            "2026/01/01",
            "2026-01",
            "20260101",
        ] {
            assert_eq!(parse_date(text), None, "{text:?}");
        }
        for text in [
            "2026-01-01T24:00:00",
            "2026-01-01 1",
            "2026-01-01 10:00",
            "2026-01-01 10:00:00Z",
            "2026-01-01 10:00:00.x",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text:?}");
        }
    }

    #[test]
    fn reads_numbers_as_hive_does() {
        assert_eq!(parse_integer(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_integer(b"+12.99"), Some(12));
        assert_eq!(parse_double(" 1.5e3d "), Some(1500.0));
        assert_eq!(parse_double("1e309"), Some(f64::INFINITY));
        assert_eq!(parse_decimal("12.345", 5, 2), Some(1235));
        assert_eq!(parse_decimal("-12.345", 5, 2), Some(-1235));
        assert_eq!(parse_decimal("1.2e2", 5, 2), Some(12000));
        assert_eq!(parse_decimal("5e-3", 5, 2), Some(1));
        assert_eq!(parse_decimal(".5", 5, 0), Some(1));
        assert_eq!(rescale(-1235, 2, 1), Some(-124));
    }

    #[test]
    fn the_short_way_reads_what_the_long_way_reads() {
        for text in [
            "0",
            "-0",
            "7",
            "-7",
            "+7",
            "12.5",
            ".5",
            "5.",
            "-.25",
            "0.1",
            "99999999999999.9",
            "999999999999999",
            "9007199254740993",
            "123456789012345.6",
            "1..2",
            "1.2.3",
            "1-2",
            "0.000001",
        ] {
            let long = text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte))
                .then(|| text.parse::<f64>().ok())
                .flatten();
            let short = parse_double(text);
            assert_eq!(short.map(f64::to_bits), long.map(f64::to_bits), "{text}");
        }
        assert_eq!(parse_integer(b"999999999999999"), Some(999_999_999_999_999));
        assert_eq!(
            parse_integer(b"1234567890123456"),
            Some(1_234_567_890_123_456)
        );
        assert_eq!(parse_integer(b".5"), Some(0));
        assert_eq!(parse_decimal("-1.5", 3, 2), Some(-150));
        assert_eq!(parse_decimal("123", 4, 2), None);
        assert_eq!(parse_decimal("1.25", 4, 1), Some(13));
    }

    #[test]
    fn dates_go_there_and_back() {
        for text in [
            "1970-01-01",
            "1969-12-31",
            "2000-02-29",
            "0001-01-01",
            "9999-12-31",
            "1582-10-10",
        ] {
            assert_eq!(date_text(parse_date(text).unwrap()), text);
        }
        assert_eq!(parse_date("2026-1-5 10:00:00"), parse_date("2026-01-05"));
        // Nobody would write these, but Hive reads them.
        for (text, date) in [
            ("2026-02-30", "2026-03-02"),
            ("2026-13-01", "2027-01-01"),
            ("2026-00-00", "2025-11-30"),
            ("26-1-1", "0026-01-01"),
        ] {
            assert_eq!(date_text(parse_date(text).unwrap()), date);
        }
        assert_eq!(
            timestamp_text(parse_timestamp("2026-12-31 24:00:60").unwrap()),
            "2027-01-01 00:01:00"
        );
        assert_eq!(
            parse_timestamp("2026-01-01T10:30"),
            parse_timestamp("2026-01-01 10:30:00")
        );
        for text in [
            "1969-12-31 23:59:59.5",
            "2026-11-21 02:00:00",
            "9999-12-31 23:59:59.999999",
        ] {
            assert_eq!(timestamp_text(parse_timestamp(text).unwrap()), text);
        }
    }

    #[test]
    fn prints_doubles_as_java_does() {
        for (value, text) in [
            (1.0, "1.0"),
            (1e7, "1.0E7"),
            (123_456_789.5, "1.234567895E8"),
            (0.001, "0.001"),
            (1e-4, "1.0E-4"),
        ] {
            assert_eq!(double_text(value), text);
        }
        assert_eq!(decimal_text(-5, 2), "-0.05");
        assert_eq!(decimal_text(120, 0), "120");
    }
}
