//! Integers in ORC's second run-length encoding: repeats, fixed deltas, and bit-packed literals.

use super::protobuf::{varint, zigzag};

/// Values of one run at most.
const LONGEST_RUN: usize = 512;
/// Shorter runs cost more as a run than among literals.
const SHORTEST_RUN: usize = 6;

/// Encodes a stream of integers value by value.
#[derive(Debug)]
pub(super) struct Integers {
    is_signed: bool,
    pending: Vec<i64>,
    output: Vec<u8>,
}

impl Integers {
    pub(super) fn signed() -> Self {
        Self {
            is_signed: true,
            pending: Vec::with_capacity(LONGEST_RUN),
            output: Vec::new(),
        }
    }

    /// For lengths and dictionary keys, which are never negative.
    pub(super) fn unsigned() -> Self {
        Self {
            is_signed: false,
            ..Self::signed()
        }
    }

    pub(super) fn push(&mut self, value: i64) {
        self.pending.push(value);
        if self.pending.len() == LONGEST_RUN {
            self.flush();
        }
    }

    /// Bytes so far, about.
    pub(super) fn size(&self) -> usize {
        self.output.len() + self.pending.len() * 8
    }

    /// The encoded stream; empties.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.flush();
        std::mem::take(&mut self.output)
    }

    fn flush(&mut self) {
        let values = std::mem::take(&mut self.pending);
        let mut literals = 0;
        let mut at = 0;
        while at < values.len() {
            let run = fixed_delta_run(&values[at..]);
            if run >= SHORTEST_RUN {
                self.direct(&values[literals..at]);
                self.fixed_delta(&values[at..at + run]);
                at += run;
                literals = at;
            } else {
                // The last value may begin the next run.
                at += (run - 1).max(1);
            }
        }
        self.direct(&values[literals..]);
        self.pending = values;
        self.pending.clear();
    }

    fn encode(&self, value: i64) -> u64 {
        if self.is_signed {
            zigzag(value)
        } else {
            value.cast_unsigned()
        }
    }

    fn fixed_delta(&mut self, values: &[i64]) {
        let (first, delta) = (values[0], values[1] - values[0]);
        if delta == 0 && values.len() <= 10 {
            let encoded = self.encode(first);
            let width = (64 - encoded.leading_zeros()).div_ceil(8).max(1);
            let count = u32::try_from(values.len() - 3).unwrap_or(0);
            self.output
                .push(((width - 1) << 3 | count).to_le_bytes()[0]);
            self.output
                .extend_from_slice(&encoded.to_be_bytes()[8 - width as usize..]);
            return;
        }
        self.header(3, 0, values.len());
        let encoded = self.encode(first);
        varint(&mut self.output, encoded);
        varint(&mut self.output, zigzag(delta));
    }

    /// Kind in two bits, width code in five, length less one in nine.
    fn header(&mut self, kind: usize, width_code: usize, length: usize) {
        let header = kind << 14 | width_code << 9 | (length - 1);
        self.output
            .extend_from_slice(&header.to_be_bytes()[size_of::<usize>() - 2..]);
    }

    fn direct(&mut self, values: &[i64]) {
        if values.is_empty() {
            return;
        }
        let widest = values
            .iter()
            .fold(0, |all, value| all | self.encode(*value));
        let (code, width) = width_code(64 - widest.leading_zeros());
        self.header(1, code, values.len());
        let (mut gathered, mut bits) = (0u128, 0u32);
        for value in values {
            gathered = gathered << width | u128::from(self.encode(*value));
            bits += width;
            while bits >= 8 {
                bits -= 8;
                self.output.push((gathered >> bits).to_le_bytes()[0]);
            }
            gathered &= (1 << bits) - 1;
        }
        if bits > 0 {
            self.output.push((gathered << (8 - bits)).to_le_bytes()[0]);
        }
    }
}

/// How many values from the first on differ from their predecessor by the same amount.
fn fixed_delta_run(values: &[i64]) -> usize {
    let Some(delta) = values
        .get(1)
        .and_then(|second| second.checked_sub(values[0]))
    else {
        return 1;
    };
    let same = values
        .windows(2)
        .take_while(|pair| pair[1].checked_sub(pair[0]) == Some(delta))
        .count();
    same + 1
}

/// The code of the smallest width that ORC has for a number of bits.
fn width_code(bits: u32) -> (usize, u32) {
    match bits {
        0 | 1 => (0, 1),
        2..=24 => (bits as usize - 1, bits),
        25..=26 => (24, 26),
        27..=28 => (25, 28),
        29..=30 => (26, 30),
        31..=32 => (27, 32),
        33..=40 => (28, 40),
        41..=48 => (29, 48),
        49..=56 => (30, 56),
        _ => (31, 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(mut integers: Integers, values: &[i64]) -> Vec<u8> {
        values.iter().for_each(|value| integers.push(*value));
        integers.take()
    }

    // The expected bytes are the examples of the ORC specification.

    #[test]
    fn a_short_repeat_holds_its_value_once() {
        assert_eq!(
            encoded(Integers::unsigned(), &[10000; 6]),
            [0x0b, 0x27, 0x10]
        );
    }

    #[test]
    fn literals_are_packed_to_the_widest() {
        assert_eq!(
            encoded(Integers::unsigned(), &[23713, 43806, 57005, 48879]),
            [0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef]
        );
    }

    #[test]
    fn a_long_repeat_and_a_sequence_are_fixed_deltas() {
        assert_eq!(encoded(Integers::unsigned(), &[7; 100]), [0xc0, 99, 7, 0]);
        let falling: Vec<i64> = (0..100).map(|value| -2 * value).collect();
        assert_eq!(encoded(Integers::signed(), &falling), [0xc0, 99, 0, 3]);
    }

    #[test]
    fn extreme_values_do_not_overflow_a_delta() {
        let bytes = encoded(
            Integers::signed(),
            &[i64::MAX, i64::MIN, i64::MAX, i64::MIN],
        );
        assert_eq!(bytes.len(), 2 + 4 * 8);
    }
}
