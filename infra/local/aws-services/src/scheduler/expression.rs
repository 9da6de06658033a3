//! Schedule expressions: `cron(minutes hours day-of-month month day-of-week year)`, `rate(value unit)`, `at(time)`.
//! (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html)

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};

/// When a schedule is due.
pub(super) struct Expression {
    kind: Kind,
    zone: TimeZone,
}

enum Kind {
    Cron(Box<Cron>),
    Rate(SignedDuration),
    At(Timestamp),
}

impl Expression {
    /// Reads an expression in a time zone, such as `Europe/Berlin`; says what is wrong with it.
    pub(super) fn parse(text: &str, zone: &str) -> Result<Self, String> {
        let zone = TimeZone::get(zone)
            .map_err(|error| format!("Invalid Schedule Timezone {zone}: {error}"))?;
        let invalid = |reason: &str| format!("Invalid Schedule Expression {text}: {reason}");
        let (kind, argument) = text
            .strip_suffix(')')
            .and_then(|text| text.split_once('('))
            .ok_or_else(|| invalid("it must be cron(…), rate(…) or at(…)"))?;
        let kind = match kind {
            "cron" => {
                let parser = CronParser::builder()
                    .seconds(Seconds::Required)
                    .year(Year::Required)
                    // AWS counts the days of the week from Sunday, 1.
                    .alternative_weekdays(true)
                    .build();
                if argument.split_whitespace().count() != 6 {
                    return Err(invalid(
                        "cron takes minutes, hours, day of month, month, day of week and year",
                    ));
                }
                // The parser takes a year only where there are seconds.
                let cron = parser
                    .parse(&format!("0 {argument}"))
                    .map_err(|error| invalid(&error.to_string()))?;
                Kind::Cron(Box::new(cron))
            }
            "rate" => {
                let (value, unit) = argument
                    .split_once(' ')
                    .ok_or_else(|| invalid("a rate is a number and a unit"))?;
                let value: i64 = value
                    .parse()
                    .ok()
                    .filter(|value| *value > 0)
                    .ok_or_else(|| invalid("the number must be positive"))?;
                let minutes = match unit.trim_end_matches('s') {
                    "minute" => value,
                    "hour" => value * 60,
                    "day" => value * 24 * 60,
                    _ => return Err(invalid("the unit must be minutes, hours or days")),
                };
                Kind::Rate(SignedDuration::from_mins(minutes))
            }
            "at" => {
                let time: civil::DateTime = argument
                    .parse()
                    .map_err(|error: jiff::Error| invalid(&error.to_string()))?;
                let time = time
                    .to_zoned(zone.clone())
                    .map_err(|error| invalid(&error.to_string()))?;
                Kind::At(time.timestamp())
            }
            _ => return Err(invalid("it must be cron(…), rate(…) or at(…)")),
        };
        Ok(Self { kind, zone })
    }

    /// The first time after `after` that the schedule is due; rates count from `created`.
    pub(super) fn next_after(&self, after: Timestamp, created: Timestamp) -> Option<Timestamp> {
        match &self.kind {
            Kind::Cron(cron) => {
                let local = after.to_zoned(self.zone.clone());
                cron.find_next_occurrence(&local, false)
                    .ok()
                    .map(|due| due.timestamp())
            }
            Kind::Rate(span) => {
                let elapsed = after.duration_since(created).as_secs().max(0);
                let periods = elapsed / span.as_secs() + 1;
                created
                    .checked_add(SignedDuration::from_secs(
                        span.as_secs().checked_mul(periods)?,
                    ))
                    .ok()
            }
            Kind::At(time) => (*time > after).then_some(*time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str, zone: &str, after: &str) -> String {
        let after = after.parse().unwrap();
        let expression = Expression::parse(expression, zone).unwrap();
        expression
            .next_after(after, after)
            .map(|due| due.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn what_is_not_an_expression_is_refused_with_its_text() {
        for expression in [
            "",
            "0 2 * * *",
            "cron(0 2 * * ?)",
            "rate(0 days)",
            "rate(1 month)",
            "at(noon)",
            "every(1 day)",
        ] {
            let error = Expression::parse(expression, "UTC")
                .err()
                .unwrap_or_default();
            assert!(
                error.contains(expression) && error.contains("Invalid Schedule Expression"),
                "{error}"
            );
        }
        assert!(Expression::parse("rate(1 day)", "Mars/Olympus").is_err());
    }

    #[test]
    fn a_nightly_cron_follows_its_time_zone_through_a_change_of_the_clock() {
        assert_eq!(
            next("cron(0 2 * * ? *)", "UTC", "2026-11-21T02:00:00Z"),
            "2026-11-22T02:00:00Z"
        );
        assert_eq!(
            next("cron(0 3 * * ? *)", "Europe/Berlin", "2026-10-24T12:00:00Z"),
            "2026-10-25T02:00:00Z"
        );
        assert_eq!(
            next("cron(0 3 * * ? *)", "Europe/Berlin", "2026-10-23T12:00:00Z"),
            "2026-10-24T01:00:00Z"
        );
    }

    #[test]
    fn days_of_the_week_count_from_sunday() {
        // 2026-11-21 is a Saturday.
        assert_eq!(
            next("cron(0 2 ? * 2 *)", "UTC", "2026-11-21T03:00:00Z"),
            "2026-11-23T02:00:00Z"
        );
        assert_eq!(
            next("cron(0 2 ? * MON-FRI *)", "UTC", "2026-11-21T03:00:00Z"),
            "2026-11-23T02:00:00Z"
        );
    }

    #[test]
    fn rates_and_single_times() {
        assert_eq!(
            next("rate(12 hours)", "UTC", "2026-11-21T02:00:00Z"),
            "2026-11-21T14:00:00Z"
        );
        assert_eq!(
            next(
                "at(2026-12-01T06:30:00)",
                "America/New_York",
                "2026-11-21T02:00:00Z"
            ),
            "2026-12-01T11:30:00Z"
        );
        assert_eq!(
            next("at(2020-12-01T06:30:00)", "UTC", "2026-11-21T02:00:00Z"),
            ""
        );
    }
}
