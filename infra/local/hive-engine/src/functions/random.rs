//! `rand`: Java's generator, which gives the same numbers for the same seed. Each call in a query has numbers of its own. Without a
//! seed it begins with the statement's time, so that a run on a simulated clock can be repeated. Threads that share a query
//! share a call's numbers, in any order.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::Float64Array;
use parking_lot::Mutex;

use super::udf::{DOUBLE, Function, at};

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const MASK: u64 = (1 << 48) - 1;

/// `rand` as the expressions are planned: of its seed, or NULL, and of the place of the call in the statement.
pub(crate) const RAND: &str = "hive_rand";

pub(super) fn functions(now: i64) -> Vec<Function> {
    let generators: Mutex<HashMap<(Option<i64>, i64), Generator>> = Mutex::default();
    vec![
        Function::new(RAND, 2..=2, DOUBLE, move |arguments| {
            let seed = at(&arguments.integer(0)?, 0);
            let place = at(&arguments.integer(1)?, 0).unwrap_or_default();
            let mut generators = generators.lock();
            let generator = generators
                .entry((seed, place))
                .or_insert_with(|| Generator::new(seed.unwrap_or(now.wrapping_add(place))));
            let numbers = (0..arguments.rows).map(|_| generator.next());
            Ok(Arc::new(Float64Array::from_iter_values(numbers)))
        })
        .volatile(),
    ]
}

/// `java.util.Random`.
struct Generator(u64);

impl Generator {
    fn new(seed: i64) -> Self {
        Self((seed.cast_unsigned() ^ MULTIPLIER) & MASK)
    }

    fn bits(&mut self, count: u32) -> u64 {
        self.0 = self.0.wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
        self.0 >> (48 - count)
    }

    /// From 0 to below 1.
    fn next(&mut self) -> f64 {
        let high = self.bits(26) << 27;
        // A double holds 53 bits.
        let whole = (high + self.bits(27)) as f64;
        whole / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_javas_numbers() {
        let mut generator = Generator::new(42);
        assert_eq!(generator.next(), 0.7275636800328681);
        assert_eq!(generator.next(), 0.6832234717598454);
        assert_eq!(Generator::new(0).next(), 0.730967787376657);
    }
}
