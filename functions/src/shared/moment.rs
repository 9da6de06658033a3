//! Points in time as events carry them: RFC 3339, UTC, whole seconds.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

/// RFC 3339 with whole seconds.
pub(crate) fn text(time: &DateTime) -> String {
    let whole = DateTime::from_secs(time.secs());
    // Only years beyond 9999 cannot be written this way; then the seconds are at least true.
    whole
        .fmt(Format::DateTime)
        .unwrap_or_else(|_| whole.secs().to_string())
}

/// As [`text`], for a time that may be absent.
pub(crate) fn optional(time: Option<&DateTime>) -> Option<String> {
    time.map(text)
}

/// Reads RFC 3339, with or without an offset other than Z.
pub(crate) fn parse(text: &str) -> Option<DateTime> {
    DateTime::from_str(text, Format::DateTimeWithOffset).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_whole_seconds() {
        assert_eq!(
            text(&DateTime::from_secs_f64(1_795_226_400.5)),
            "2026-11-21T02:00:00Z"
        );
        assert_eq!(
            parse("2026-11-21T02:00:00.123Z").map(|time| time.secs()),
            Some(1_795_226_400)
        );
        assert_eq!(parse("yesterday"), None);
    }
}
