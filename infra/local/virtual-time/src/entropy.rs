//! Randomness from one seed: ids, jitter and drawn faults. The same seed gives the same sequence.

use std::sync::Arc;

use parking_lot::Mutex;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A shared source of randomness. Clones draw from the same sequence.
#[derive(Clone)]
pub struct Entropy {
    generator: Arc<Mutex<ChaCha8Rng>>,
}

impl std::fmt::Debug for Entropy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Entropy")
    }
}

impl Entropy {
    /// The sequence that belongs to `seed`.
    pub fn from_seed(seed: u64) -> Self {
        Self {
            generator: Arc::new(Mutex::new(ChaCha8Rng::seed_from_u64(seed))),
        }
    }

    /// A sequence that nobody can foretell, for runs that need not be replayed.
    pub fn unpredictable() -> Self {
        Self::from_seed(rand::random())
    }

    /// Sixty-four random bits.
    pub fn bits(&self) -> u64 {
        self.generator.lock().next_u64()
    }

    /// A number in `0..bound`; 0 for a bound of 0.
    pub fn below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.bits() % bound }
    }

    /// A fraction in `0.0..1.0`.
    pub fn fraction(&self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A version 4 UUID in its usual spelling.
    pub fn uuid(&self) -> String {
        let (high, low) = (self.bits(), self.bits());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0x0fff,
            0x8000 | (low >> 48) & 0x3fff,
            low & 0xffff_ffff_ffff
        )
    }

    /// `length` characters out of `0-9A-Z`, as AWS uses in the ids of clusters (`j-…`), steps (`s-…`) and instances.
    pub fn identifier(&self, length: usize) -> String {
        const LETTERS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        (0..length)
            .map(|_| char::from(LETTERS[self.below(36) as usize]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let (one, other) = (Entropy::from_seed(7), Entropy::from_seed(7));
        assert_eq!(one.uuid(), other.uuid());
        assert_eq!(one.identifier(13), other.identifier(13));
    }

    #[test]
    fn a_uuid_has_version_four_and_its_variant() {
        let uuid = Entropy::from_seed(1).uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }
}
