//! The randomness of an execution, all of it from its seed: tokens, jitter, `States.UUID`, `States.MathRandom`. How much has
//! been drawn is part of the execution, so that one that is resumed draws on where it left off.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Random {
    seed: u64,
    drawn: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    /// A generator that nothing else has drawn from.
    fn next(&mut self) -> ChaCha8Rng {
        let mut generator = ChaCha8Rng::seed_from_u64(self.seed);
        generator.set_stream(self.drawn);
        self.drawn += 1;
        generator
    }

    /// From 0 up to, but not including, 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        fraction(&mut self.next())
    }

    pub(crate) fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.bytes())
            .into_uuid()
            .to_string()
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.next().fill_bytes(&mut bytes);
        bytes
    }
}

/// From 0 up to, but not including, 1; the same for the same seed.
pub(crate) fn seeded_fraction(seed: i64) -> f64 {
    fraction(&mut ChaCha8Rng::seed_from_u64(seed.cast_unsigned()))
}

fn fraction(generator: &mut ChaCha8Rng) -> f64 {
    // 53 bits are what a double holds exactly.
    (generator.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_the_same_again_from_the_same_seed_and_something_else_each_time() {
        let (mut one, mut other) = (Random::new(7), Random::new(7));
        let first = one.uuid();
        assert_eq!(first, other.uuid());
        assert_ne!(first, one.uuid());
        let fraction = one.fraction();
        assert!((0.0..1.0).contains(&fraction));
    }
}
