//! How long to wait before asking again. EMR answers few status calls per second for a whole account, so the interval
//! grows with the age of the thing asked about, and differs a little from thing to thing.

use serde::{Deserialize, Serialize};

/// How often the status functions want to be asked. `[polling]` in config.ini.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Polling {
    /// Seconds; the interval for something that has just begun.
    pub shortest_seconds: u32,
    /// Seconds; no interval is longer.
    pub longest_seconds: u32,
    /// The interval grows to this share of the age.
    pub percent_of_age: u32,
    /// Seconds; before a cluster is this old nobody expects it to be ready.
    pub expected_launch_seconds: u32,
}

impl Default for Polling {
    fn default() -> Self {
        Self {
            shortest_seconds: 5,
            longest_seconds: 60,
            percent_of_age: 5,
            expected_launch_seconds: 240,
        }
    }
}

impl Polling {
    /// The wait for something of this age in seconds. `identity` spreads those that began together.
    pub(crate) fn after(&self, age: i64, identity: &str) -> u32 {
        let share = age.max(0).saturating_mul(i64::from(self.percent_of_age)) / 100;
        let base = self.within(share);
        let spread = identity.bytes().fold(0_u32, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u32::from(byte))
        });
        self.within(i64::from(base + spread % (base / 5 + 1)))
    }

    /// The wait for a cluster of this age that is still being launched.
    pub(crate) fn launching(&self, age: i64) -> u32 {
        match i64::from(self.expected_launch_seconds) - age.max(0) {
            left if left > 0 => self.within(left),
            _ => self.within(10),
        }
    }

    fn within(&self, seconds: i64) -> u32 {
        let (shortest, longest) = (
            i64::from(self.shortest_seconds),
            i64::from(self.longest_seconds),
        );
        // Both bounds fit, and a wait of nothing would be a loop without end.
        u32::try_from(seconds.clamp(shortest.min(longest), longest).max(1))
            .unwrap_or(self.longest_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_with_age_and_stays_within_its_bounds() {
        let polling = Polling::default();
        assert!((5..=6).contains(&polling.after(0, "s-1")));
        assert!((10..=12).contains(&polling.after(200, "s-1")));
        assert_eq!(polling.after(1_000_000, "s-1"), 60);
        assert!((5..=6).contains(&polling.after(-30, "s-1")));
    }

    #[test]
    fn a_launching_cluster_is_left_alone_until_it_may_be_ready() {
        let polling = Polling::default();
        assert_eq!(polling.launching(0), 60);
        assert_eq!(polling.launching(200), 40);
        assert_eq!(polling.launching(239), 5);
        assert_eq!(polling.launching(400), 10);
    }

    #[test]
    fn things_that_began_together_are_not_asked_about_together() {
        let polling = Polling::default();
        let waits: std::collections::BTreeSet<_> = (0..20)
            .map(|n| polling.after(300, &format!("s-{n}")))
            .collect();
        assert!(waits.len() > 3, "{waits:?}");
    }

    #[test]
    fn a_wait_is_never_nothing() {
        let polling = Polling {
            shortest_seconds: 0,
            ..Polling::default()
        };
        assert!(polling.after(0, "s-1") >= 1);
    }
}
