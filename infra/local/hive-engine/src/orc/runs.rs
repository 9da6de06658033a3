//! Byte runs and bits: ORC's encodings of TINYINT, BOOLEAN and of which values are present.

use std::iter::Peekable;
use std::ops::Range;

use super::index::{Behind, Place};

const LONGEST_RUN: usize = 130;
const MOST_LITERALS: usize = 128;

/// Encodes bytes as runs of equal bytes and as literals. Answers with the places of the bytes whose numbers rise in `marks`: where
/// their run begins, and how many bytes of it come before.
pub(super) fn encode_bytes(
    bytes: &[u8],
    marks: impl IntoIterator<Item = usize>,
    output: &mut Vec<u8>,
) -> Vec<(usize, u64)> {
    let mut places = Places {
        marks: marks.into_iter().peekable(),
        found: Vec::new(),
    };
    let mut at = 0;
    let mut literals = 0;
    while at < bytes.len() {
        let run = bytes[at..]
            .iter()
            .take(LONGEST_RUN)
            .take_while(|byte| **byte == bytes[at])
            .count();
        if run >= 3 {
            push_literals(bytes, literals..at, output, &mut places);
            places.reach(at..at + run, output.len());
            output.push(u8::try_from(run - 3).unwrap_or(0));
            output.push(bytes[at]);
            at += run;
            literals = at;
        } else {
            at += run;
        }
    }
    push_literals(bytes, literals..bytes.len(), output, &mut places);
    places.reach(at..usize::MAX, output.len());
    places.found
}

/// Bytes that are looked for in the encoded ones.
struct Places<I: Iterator<Item = usize>> {
    marks: Peekable<I>,
    found: Vec<(usize, u64)>,
}

impl<I: Iterator<Item = usize>> Places<I> {
    /// The bytes of this range begin here.
    fn reach(&mut self, bytes: Range<usize>, here: usize) {
        while let Some(mark) = self.marks.next_if(|mark| bytes.contains(mark)) {
            self.found.push((here, (mark - bytes.start) as u64));
        }
    }
}

fn push_literals<I: Iterator<Item = usize>>(
    bytes: &[u8],
    range: Range<usize>,
    output: &mut Vec<u8>,
    places: &mut Places<I>,
) {
    let mut at = range.start;
    for chunk in bytes[range].chunks(MOST_LITERALS) {
        places.reach(at..at + chunk.len(), output.len());
        at += chunk.len();
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

    /// Bits so far.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn all_set(&self) -> bool {
        self.set == self.count
    }

    /// Bytes held.
    pub(super) fn size(&self) -> usize {
        self.bytes.capacity()
    }

    /// The encoded bits and the places of those whose numbers rise in `marks`; empties.
    pub(super) fn take(&mut self, marks: &[usize]) -> (Vec<u8>, Vec<Place>) {
        let mut output = Vec::new();
        let whole = marks.iter().map(|mark| mark / 8);
        let bytes = encode_bytes(&self.bytes, whole, &mut output);
        let places = bytes
            .into_iter()
            .zip(marks)
            .map(|((offset, bytes), mark)| Place {
                offset,
                behind: Behind::Bits(bytes, (mark % 8) as u64),
            });
        *self = Self::default();
        (output, places.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        encode_bytes(bytes, [], &mut output);
        output
    }

    #[test]
    fn a_marked_byte_is_found_in_its_run() {
        let mut output = Vec::new();
        let bytes = [1, 2, 7, 7, 7, 7, 3];
        let places = encode_bytes(&bytes, [0, 1, 2, 4, 6, 7], &mut output);
        assert_eq!(output, [0xfe, 1, 2, 1, 7, 0xff, 3]);
        assert_eq!(places, [(0, 0), (0, 1), (3, 0), (3, 2), (5, 0), (7, 0)]);
        let many: Vec<u8> = (0..200).collect();
        let places = encode_bytes(&many, [127, 128, 130], &mut Vec::new());
        assert_eq!(places, [(0, 127), (129, 0), (129, 2)]);
    }

    #[test]
    fn a_marked_bit_is_found_in_its_byte() {
        let mut bits = Bits::default();
        (0..20).for_each(|bit| bits.push(bit % 2 == 0));
        let (_, places) = bits.take(&[0, 9, 16]);
        let behind: Vec<Behind> = places.iter().map(|place| place.behind).collect();
        assert_eq!(
            behind,
            [Behind::Bits(0, 0), Behind::Bits(1, 1), Behind::Bits(2, 0)]
        );
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
        assert_eq!(bits.take(&[]).0, [0xfe, 0x80, 0x80]);
        for count in [1, 7, 8, 9, 30] {
            let (mut single, mut many) = (Bits::default(), Bits::default());
            single.push(false);
            many.push(false);
            (0..count).for_each(|_| single.push(true));
            many.push_set(count);
            assert_eq!(single.take(&[]).0, many.take(&[]).0);
        }
    }
}
