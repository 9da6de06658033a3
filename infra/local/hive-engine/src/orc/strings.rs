//! Texts of a stripe: a dictionary while values repeat, else one after the other.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::index::{Behind, Place};
use super::integers::Integers;

/// After so many values it is decided whether a dictionary pays.
const TRIAL: usize = 8192;

/// Gathers the texts of one stripe.
#[derive(Debug, Default)]
pub(super) struct Texts {
    keys: Vec<u32>,
    /// The different texts one after the other, and where each ends.
    entries: Vec<u8>,
    ends: Vec<usize>,
    /// Numbers of entries by their texts.
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
    direct: Option<(Vec<u8>, Vec<u32>)>,
}

/// The streams of a stripe's texts.
pub(super) enum TextStreams {
    /// Bytes and lengths, and the places of the marked texts in both.
    Direct {
        data: (Vec<u8>, Vec<Place>),
        lengths: (Vec<u8>, Vec<Place>),
    },
    /// Keys with the places of the marked texts; entries, their lengths, their number.
    Dictionary {
        keys: (Vec<u8>, Vec<Place>),
        entries: Vec<u8>,
        lengths: Vec<u8>,
        size: usize,
    },
}

impl Texts {
    pub(super) fn push(&mut self, text: &[u8]) {
        if let Some((data, lengths)) = &mut self.direct {
            data.extend_from_slice(text);
            lengths.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
            return;
        }
        let hash = self.hasher.hash_one(text);
        let (entries, ends) = (&mut self.entries, &mut self.ends);
        let known = self
            .numbers
            .find(hash, |number| entry(entries, ends, *number) == text);
        let number = match known {
            Some(number) => *number,
            None => {
                let number = u32::try_from(ends.len()).unwrap_or(u32::MAX);
                entries.extend_from_slice(text);
                ends.push(entries.len());
                let hasher = &self.hasher;
                self.numbers.insert_unique(hash, number, |number| {
                    hasher.hash_one(entry(entries, ends, *number))
                });
                number
            }
        };
        self.keys.push(number);
        if self.keys.len().is_multiple_of(TRIAL) && self.ends.len() * 2 > self.keys.len() {
            self.give_up_dictionary();
        }
    }

    fn give_up_dictionary(&mut self) {
        let this = std::mem::take(self);
        let mut data = Vec::new();
        let mut lengths = Vec::with_capacity(this.keys.len());
        for key in &this.keys {
            let text = entry(&this.entries, &this.ends, *key);
            data.extend_from_slice(text);
            lengths.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        self.direct = Some((data, lengths));
    }

    /// Bytes held.
    pub(super) fn size(&self) -> usize {
        let direct = self.direct.as_ref().map_or(0, |(data, lengths)| {
            data.capacity() + lengths.capacity() * size_of::<u32>()
        });
        direct
            + (self.keys.capacity() + self.numbers.capacity() * 2) * size_of::<u32>()
            + self.ends.capacity() * size_of::<usize>()
            + self.entries.capacity()
    }

    /// Texts so far.
    pub(super) fn count(&self) -> usize {
        let direct = self.direct.as_ref().map(|(_, lengths)| lengths.len());
        direct.unwrap_or(self.keys.len())
    }

    /// The streams, with the places of the texts whose numbers rise in `marks`; empties. Dictionaries are sorted.
    pub(super) fn take(&mut self, marks: &[usize]) -> TextStreams {
        let this = std::mem::take(self);
        if let Some((data, lengths)) = this.direct {
            let (mut places, mut offset, mut from) = (Vec::with_capacity(marks.len()), 0, 0);
            for mark in marks {
                offset += lengths[from..*mark]
                    .iter()
                    .map(|length| *length as usize)
                    .sum::<usize>();
                from = *mark;
                places.push(Place {
                    offset,
                    behind: Behind::Nothing,
                });
            }
            return TextStreams::Direct {
                data: (data, places),
                lengths: encode_lengths(lengths.into_iter().map(i64::from), marks),
            };
        }
        let text = |number: u32| entry(&this.entries, &this.ends, number);
        let mut order: Vec<u32> = (0..u32::try_from(this.ends.len()).unwrap_or(u32::MAX)).collect();
        order.sort_unstable_by(|left, right| text(*left).cmp(text(*right)));
        let mut place = vec![0i64; order.len()];
        let mut entries = Vec::with_capacity(this.entries.len());
        for (new, old) in order.iter().enumerate() {
            place[*old as usize] = i64::try_from(new).unwrap_or(i64::MAX);
            entries.extend_from_slice(text(*old));
        }
        let keys = encode_lengths(this.keys.iter().map(|key| place[*key as usize]), marks);
        let (lengths, _) = encode_lengths(
            order
                .iter()
                .map(|old| i64::try_from(text(*old).len()).unwrap_or(i64::MAX)),
            &[],
        );
        TextStreams::Dictionary {
            keys,
            entries,
            lengths,
            size: order.len(),
        }
    }
}

fn entry<'a>(entries: &'a [u8], ends: &[usize], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before]);
    &entries[start..ends[number]]
}

fn encode_lengths(values: impl Iterator<Item = i64>, marks: &[usize]) -> (Vec<u8>, Vec<Place>) {
    let mut encoder = Integers::unsigned();
    let mut places = Vec::with_capacity(marks.len());
    let mut values = values.enumerate().peekable();
    for mark in marks {
        while let Some((_, value)) = values.next_if(|(number, _)| number < mark) {
            encoder.push(value);
        }
        places.push(encoder.place());
    }
    values.for_each(|(_, value)| encoder.push(value));
    (encoder.take(), places)
}
