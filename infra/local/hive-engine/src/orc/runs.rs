//! Byte runs and bits: ORC's encodings of TINYINT, BOOLEAN and of which values are present.

const LONGEST_RUN: usize = 130;
const MOST_LITERALS: usize = 128;

/// Encodes bytes as runs of equal bytes and as literals.
pub(super) fn encode_bytes(bytes: &[u8], output: &mut Vec<u8>) {
    let mut at = 0;
    let mut literals = 0;
    while at < bytes.len() {
        let run = bytes[at..]
            .iter()
            .take(LONGEST_RUN)
            .take_while(|byte| **byte == bytes[at])
            .count();
        if run >= 3 {
            push_literals(&bytes[literals..at], output);
            output.push(u8::try_from(run - 3).unwrap_or(0));
            output.push(bytes[at]);
            at += run;
            literals = at;
        } else {
            at += run;
        }
    }
    push_literals(&bytes[literals..], output);
}

fn push_literals(literals: &[u8], output: &mut Vec<u8>) {
    for chunk in literals.chunks(MOST_LITERALS) {
        output.push((256 - chunk.len()).to_le_bytes()[0]);
        output.extend_from_slice(chunk);
    }
}

/// Bits, the first in the highest place of its byte.
#[derive(Debug, Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    count: usize,
    set: usize,
}

impl Bits {
    pub(super) fn push(&mut self, bit: bool) {
        if self.count.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if bit && let Some(last) = self.bytes.last_mut() {
            *last |= 0x80 >> (self.count % 8);
            self.set += 1;
        }
        self.count += 1;
    }

    /// Appends so many set bits.
    pub(super) fn push_set(&mut self, mut count: usize) {
        while count > 0 && !self.count.is_multiple_of(8) {
            self.push(true);
            count -= 1;
        }
        let whole = count / 8;
        self.bytes.resize(self.bytes.len() + whole, 0xff);
        self.count += whole * 8;
        self.set += whole * 8;
        for _ in 0..count % 8 {
            self.push(true);
        }
    }

    pub(super) fn all_set(&self) -> bool {
        self.set == self.count
    }

    /// Bytes held.
    pub(super) fn size(&self) -> usize {
        self.bytes.capacity()
    }

    /// The encoded bits; empties.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let mut output = Vec::new();
        encode_bytes(&self.bytes, &mut output);
        *self = Self::default();
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        encode_bytes(bytes, &mut output);
        output
    }

    #[test]
    fn nothing_encodes_to_nothing() {
        assert!(encoded(&[]).is_empty());
    }

    #[test]
    fn runs_and_literals_are_told_apart() {
        assert_eq!(encoded(&[0; 100]), [97, 0]);
        assert_eq!(encoded(&[0x44, 0x45]), [0xfe, 0x44, 0x45]);
        assert_eq!(encoded(&[1, 1, 2, 2, 2, 3]), [0xfe, 1, 1, 0, 2, 0xff, 3]);
        assert_eq!(encoded(&[7; 131]), [127, 7, 0xff, 7]);
    }

    #[test]
    fn bits_fill_bytes_from_the_top() {
        let mut bits = Bits::default();
        [true, false, false, false, false, false, false, false, true]
            .into_iter()
            .for_each(|bit| bits.push(bit));
        assert!(!bits.all_set());
        assert_eq!(bits.take(), [0xfe, 0x80, 0x80]);
        for count in [1, 7, 8, 9, 30] {
            let (mut single, mut many) = (Bits::default(), Bits::default());
            single.push(false);
            many.push(false);
            (0..count).for_each(|_| single.push(true));
            many.push_set(count);
            assert_eq!(single.take(), many.take());
        }
    }
}
