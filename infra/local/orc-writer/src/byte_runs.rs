//! ORC's byte run-length encoding, and booleans as bits on top of it. Used by `column`.

/// Encodes bytes: a control byte below 128 is a run of that many plus three; one from 128 up is that many literals, negated.
pub(crate) fn encode_bytes(values: &[u8]) -> Vec<u8> {
    const LONGEST_RUN: usize = 130;
    const LONGEST_LITERAL: usize = 128;
    let mut out = Vec::with_capacity(values.len() / 8 + 2);
    let mut literal_start = 0;
    let mut at = 0;
    while at < values.len() {
        let run = values[at..]
            .iter()
            .take(LONGEST_RUN)
            .take_while(|&&byte| byte == values[at])
            .count();
        if run >= 3 {
            literals(&mut out, &values[literal_start..at], LONGEST_LITERAL);
            out.push((run - 3) as u8);
            out.push(values[at]);
            at += run;
            literal_start = at;
        } else {
            at += run;
        }
    }
    literals(&mut out, &values[literal_start..], LONGEST_LITERAL);
    out
}

fn literals(out: &mut Vec<u8>, values: &[u8], longest: usize) {
    for chunk in values.chunks(longest) {
        out.push((chunk.len() as u8).wrapping_neg());
        out.extend_from_slice(chunk);
    }
}

/// Booleans, collected as bits with the most significant first.
#[derive(Debug, Default)]
pub(crate) struct Bits {
    bytes: Vec<u8>,
    length: usize,
}

impl Bits {
    pub(crate) fn push(&mut self, bit: bool) {
        if self.length.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if bit && let Some(last) = self.bytes.last_mut() {
            *last |= 0x80 >> (self.length % 8);
        }
        self.length += 1;
    }

    pub(crate) fn push_many(&mut self, bit: bool, count: usize) {
        let mut left = count;
        while left > 0 && !self.length.is_multiple_of(8) {
            self.push(bit);
            left -= 1;
        }
        let whole = left / 8;
        self.bytes
            .extend(std::iter::repeat_n(if bit { 0xff } else { 0 }, whole));
        self.length += whole * 8;
        for _ in 0..left % 8 {
            self.push(bit);
        }
    }

    pub(crate) fn memory(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn take_encoded(&mut self) -> Vec<u8> {
        let encoded = encode_bytes(&self.bytes);
        self.bytes.clear();
        self.length = 0;
        encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_a_hundred_zeros_is_two_bytes() {
        // The specification's own example.
        assert_eq!(encode_bytes(&[0; 100]), [0x61, 0x00]);
    }

    #[test]
    fn two_different_bytes_are_literals() {
        assert_eq!(encode_bytes(&[0x44, 0x45]), [0xfe, 0x44, 0x45]);
    }

    #[test]
    fn one_true_among_seven_falses_is_one_literal_byte() {
        let mut bits = Bits::default();
        bits.push(true);
        bits.push_many(false, 7);
        assert_eq!(bits.take_encoded(), [0xff, 0x80]);
    }
}
