//! ORC's integer run-length encoding, version 2: short repeats, constant deltas and bit-packed runs. Used by `column`.

/// At most this many values stand in one run (nine bits of length).
const LONGEST_RUN: usize = 512;
/// A constant delta is worth a run of its own from this length on.
const SHORTEST_DELTA: usize = 6;

/// A stream of integers that is encoded as it grows.
#[derive(Debug)]
pub(crate) struct Integers {
    signed: bool,
    pending: Vec<i64>,
    encoded: Vec<u8>,
}

impl Integers {
    /// `signed` values are zigzagged; the others must not be negative.
    pub(crate) fn new(signed: bool) -> Self {
        Self {
            signed,
            pending: Vec::with_capacity(LONGEST_RUN),
            encoded: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, value: i64) {
        self.pending.push(value);
        if self.pending.len() == LONGEST_RUN {
            self.encode_pending();
        }
    }

    pub(crate) fn memory(&self) -> usize {
        self.encoded.len() + self.pending.len() * 8
    }

    pub(crate) fn take_encoded(&mut self) -> Vec<u8> {
        self.encode_pending();
        std::mem::take(&mut self.encoded)
    }

    fn encode_pending(&mut self) {
        let values = std::mem::take(&mut self.pending);
        let mut literal_start = 0;
        let mut at = 0;
        while at < values.len() {
            let repeats = values[at..]
                .iter()
                .take_while(|&&value| value == values[at])
                .count();
            let steps = constant_steps(&values[at..]);
            if (3..=10).contains(&repeats) && steps < SHORTEST_DELTA.max(repeats + 1) {
                self.packed(&values[literal_start..at]);
                self.short_repeat(values[at], repeats);
                at += repeats;
                literal_start = at;
            } else if steps >= SHORTEST_DELTA {
                self.packed(&values[literal_start..at]);
                self.constant_delta(&values[at..at + steps]);
                at += steps;
                literal_start = at;
            } else {
                at += repeats.max(1);
            }
        }
        self.packed(&values[literal_start..]);
        self.pending = values;
        self.pending.clear();
    }

    fn raw(&self, value: i64) -> u64 {
        if self.signed {
            zigzag(value)
        } else {
            value as u64
        }
    }

    fn short_repeat(&mut self, value: i64, repeats: usize) {
        let raw = self.raw(value);
        let width = (8 - raw.leading_zeros() as usize / 8).max(1);
        self.encoded.push(((width - 1) << 3 | (repeats - 3)) as u8);
        self.encoded
            .extend_from_slice(&raw.to_be_bytes()[8 - width..]);
    }

    fn constant_delta(&mut self, values: &[i64]) {
        let length = values.len() - 1;
        self.encoded.push(0b1100_0000 | (length >> 8) as u8);
        self.encoded.push((length & 0xff) as u8);
        let first = self.raw(values[0]);
        varint(&mut self.encoded, first);
        varint(&mut self.encoded, zigzag(values[1].wrapping_sub(values[0])));
    }

    fn packed(&mut self, values: &[i64]) {
        if values.is_empty() {
            return;
        }
        let widest = values.iter().fold(0, |bits, &value| bits | self.raw(value));
        let (width, code) = width_and_code(64 - widest.leading_zeros());
        let length = values.len() - 1;
        self.encoded
            .push(0b0100_0000 | code << 1 | (length >> 8) as u8);
        self.encoded.push((length & 0xff) as u8);
        let (mut buffer, mut filled) = (0u128, 0u32);
        for &value in values {
            buffer = buffer << width | u128::from(self.raw(value));
            filled += width;
            while filled >= 8 {
                filled -= 8;
                self.encoded.push((buffer >> filled) as u8);
            }
            buffer &= (1 << filled) - 1;
        }
        if filled > 0 {
            self.encoded.push((buffer << (8 - filled)) as u8);
        }
    }
}

/// How many values from the start have one and the same difference, without overflow.
fn constant_steps(values: &[i64]) -> usize {
    let [first, second, ..] = values else {
        return values.len();
    };
    let Some(delta) = second.checked_sub(*first) else {
        return 1;
    };
    1 + values
        .windows(2)
        .take_while(|pair| pair[1].checked_sub(pair[0]) == Some(delta))
        .count()
}

/// The bit width that the format has for `bits`, and its five-bit code.
fn width_and_code(bits: u32) -> (u32, u8) {
    match bits {
        0..=1 => (1, 0),
        2..=24 => (bits, (bits - 1) as u8),
        25..=26 => (26, 24),
        27..=28 => (28, 25),
        29..=30 => (30, 26),
        31..=32 => (32, 27),
        33..=40 => (40, 28),
        41..=48 => (48, 29),
        49..=56 => (56, 30),
        _ => (64, 31),
    }
}

/// Signed to unsigned, small magnitudes first.
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Seven bits a byte, the least significant first.
pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(signed: bool, values: &[i64]) -> Vec<u8> {
        let mut integers = Integers::new(signed);
        values.iter().for_each(|&value| integers.push(value));
        integers.take_encoded()
    }

    // The byte sequences are the specification's own examples.
    #[test]
    fn five_equal_values_are_a_short_repeat() {
        assert_eq!(encoded(false, &[10000; 5]), [0x0a, 0x27, 0x10]);
    }

    #[test]
    fn different_values_are_bit_packed() {
        assert_eq!(
            encoded(false, &[23713, 43806, 57005, 48879]),
            [0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef]
        );
    }

    #[test]
    fn a_steady_rise_is_a_constant_delta() {
        let values: Vec<i64> = (100..200).collect();
        assert_eq!(encoded(false, &values), [0xc0, 99, 100, 2]);
    }

    #[test]
    fn a_difference_that_overflows_is_not_a_delta() {
        let values = [
            i64::MIN,
            i64::MAX,
            i64::MIN,
            i64::MAX,
            i64::MIN,
            i64::MAX,
            i64::MIN,
        ];
        let bytes = encoded(true, &values);
        assert_eq!(bytes.len(), 2 + 8 * values.len());
    }
}
