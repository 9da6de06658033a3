//! How durations, sizes and counts are written, everywhere on the screen.

use jiff::{SignedDuration, Timestamp};

/// `0.4s`, `12s`, `5m 07s`, `1h 02m`.
pub fn duration(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    match seconds {
        ..0 => "0s".to_owned(),
        0..10 if span.subsec_millis() > 0 => format!("{:.1}s", span.as_secs_f64()),
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// The time since the run began, `00:05:41`; it always has the same width below 100 hours.
pub fn since(began: Timestamp, at: Timestamp) -> String {
    let seconds = at.duration_since(began).as_secs().max(0);
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// `812 B`, `12.4 KiB`, `3.0 MiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: &[&str] = &["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut size = count as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `1,024 rows`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well_at_every_size() {
        let written = |millis| duration(SignedDuration::from_millis(millis));
        assert_eq!(written(-5), "0s");
        assert_eq!(written(0), "0s");
        assert_eq!(written(420), "0.4s");
        assert_eq!(written(12_900), "12s");
        assert_eq!(written(307_000), "5m 07s");
        assert_eq!(written(3_725_000), "1h 02m");
    }

    #[test]
    fn sizes_and_counts_read_well() {
        assert_eq!(bytes(812), "812 B");
        assert_eq!(bytes(12_700), "12.4 KiB");
        assert_eq!(bytes(3 << 20), "3.0 MiB");
        assert_eq!(count(7), "7");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "row"), "1 row");
    }
}
