//! Integers in ORC's second run-length encoding: repeats, fixed deltas, and bit-packed literals.

use super::index::{Behind, Place};
use super::protobuf::{varint, zigzag};

/// Values of one run at most.
const LONGEST_RUN: usize = 512;
/// Shorter runs cost more as a run than among literals.
const SHORTEST_RUN: usize = 6;
/// Kinds of runs.
const DIRECT: usize = 1;
const DELTA: usize = 3;

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
            pending: Vec::new(),
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

    #[inline]
    pub(super) fn push(&mut self, value: i64) {
        self.pending.push(value);
        if self.pending.len() == LONGEST_RUN {
            self.flush();
        }
    }

    /// Where the next value goes: behind the runs so far, with those that wait to become runs.
    pub(super) fn place(&self) -> Place {
        Place {
            offset: self.output.len(),
            behind: Behind::Values(self.pending.len() as u64),
        }
    }

    /// Bytes held.
    pub(super) fn size(&self) -> usize {
        self.output.capacity() + self.pending.capacity() * size_of::<i64>()
    }

    /// The encoded stream; empties.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.flush();
        self.pending = Vec::new();
        std::mem::take(&mut self.output)
    }

    fn flush(&mut self) {
        let mut values = std::mem::take(&mut self.pending);
        if !may_hold_a_run(&values) {
            self.literals(&values);
            values.clear();
            self.pending = values;
            return;
        }
        let mut literals = 0;
        let mut at = 0;
        while at < values.len() {
            let run = fixed_delta_run(&values[at..]);
            if run >= SHORTEST_RUN {
                self.literals(&values[literals..at]);
                self.fixed_delta(&values[at..at + run]);
                at += run;
                literals = at;
            } else {
                // The last value may begin the next run.
                at += (run - 1).max(1);
            }
        }
        self.literals(&values[literals..]);
        self.pending = values;
        self.pending.clear();
    }

    #[inline]
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
        self.header(DELTA, 0, values.len());
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

    /// Values that hold no run: each packed as it is, or its distance from the one before where that is narrower.
    fn literals(&mut self, values: &[i64]) {
        if values.is_empty() {
            return;
        }
        let widest = values
            .iter()
            .fold(0, |all, value| all | self.encode(*value));
        let (code, width) = width_code(64 - widest.leading_zeros());
        if let Some(widest_delta) = monotonic(values) {
            // A width of one bit means something else here.
            let (delta_code, delta_width) = width_code((64 - widest_delta.leading_zeros()).max(2));
            if delta_width < width {
                self.header(DELTA, delta_code, values.len());
                let first = self.encode(values[0]);
                varint(&mut self.output, first);
                varint(&mut self.output, zigzag(values[1] - values[0]));
                let deltas = values[1..].windows(2).map(|pair| pair[0].abs_diff(pair[1]));
                pack(deltas, delta_width, &mut self.output);
                return;
            }
        }
        self.header(DIRECT, code, values.len());
        if self.is_signed {
            let encoded = values.iter().map(|value| zigzag(*value));
            pack(encoded, width, &mut self.output);
        } else {
            let encoded = values.iter().map(|value| value.cast_unsigned());
            pack(encoded, width, &mut self.output);
        }
    }
}

/// Appends numbers of `width` bits each, the highest bit first; the last byte is filled with zeros.
fn pack(values: impl Iterator<Item = u64>, width: u32, output: &mut Vec<u8>) {
    if width.is_multiple_of(8) {
        let unused = 8 - width as usize / 8;
        for value in values {
            output.extend_from_slice(&value.to_be_bytes()[unused..]);
        }
        return;
    }
    // Widths that are no whole bytes have at most 30 bits: with 31 that wait they fit.
    let (mut gathered, mut bits) = (0u64, 0u32);
    for value in values {
        gathered = gathered << width | value;
        bits += width;
        if bits >= 32 {
            bits -= 32;
            output.extend_from_slice(&(gathered >> bits).to_be_bytes()[4..]);
            gathered &= (1 << bits) - 1;
        }
    }
    if bits > 0 {
        let rest = (gathered << (64 - bits)).to_be_bytes();
        output.extend_from_slice(&rest[..bits.div_ceil(8) as usize]);
    }
}

/// The widest distance behind the second value, if values only rise or only fall. The first two must differ, because
/// their distance tells the direction.
fn monotonic(values: &[i64]) -> Option<u64> {
    let (first, second, last) = (*values.first()?, *values.get(1)?, *values.last()?);
    if values.len() < 3 || first == second || last.checked_sub(first).is_none() {
        return None;
    }
    let is_rising = second > first;
    let mut widest = 0;
    for pair in values[1..].windows(2) {
        if (pair[1] > pair[0]) != is_rising && pair[1] != pair[0] {
            return None;
        }
        widest |= pair[0].abs_diff(pair[1]);
    }
    Some(widest)
}

/// Whether there are enough equal steps one behind the other for a run; says so in vain at most.
fn may_hold_a_run(values: &[i64]) -> bool {
    let (mut last_step, mut equal, mut most) = (0, 0, 0);
    for pair in values.windows(2) {
        let step = pair[1].wrapping_sub(pair[0]);
        equal = if step == last_step { equal + 1 } else { 1 };
        last_step = step;
        most = equal.max(most);
    }
    most + 1 >= SHORTEST_RUN
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
    fn rising_values_are_packed_as_distances() {
        assert_eq!(
            encoded(Integers::unsigned(), &[2, 3, 5, 7, 11, 13, 17, 19, 23, 29]),
            // The specification's example takes four bits, where three are enough.
            [0xc4, 0x09, 0x02, 0x02, 0x4a, 0x28, 0xa6]
        );
        // Equal values at the beginning tell no direction.
        assert_eq!(encoded(Integers::unsigned(), &[9, 9, 5, 1, 0])[0] >> 6, 1);
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
