//! Java's linear congruential generator (documented with `java.util.Random`): AWS's `$random` with a seed gives its numbers.

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const INCREMENT: u64 = 0xB;
const MASK: u64 = (1 << 48) - 1;

/// The first double that a generator of this seed gives: from 0 up to, but not including, 1.
pub(super) fn first_fraction(seed: i64) -> f64 {
    let mut state = (seed.cast_unsigned() ^ MULTIPLIER) & MASK;
    let mut next = |bits: u32| {
        state = state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT) & MASK;
        state >> (48 - bits)
    };
    let (high, low) = (next(26), next(27));
    ((high << 27) + low) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_what_java_gives() {
        assert_eq!(first_fraction(42), 0.727_563_680_032_868_1);
        assert_eq!(first_fraction(0), 0.730_967_787_376_657);
    }
}
