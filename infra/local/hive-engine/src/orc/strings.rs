//! Texts of a stripe: a dictionary while values repeat, else one after the other.

use std::collections::HashMap;

use super::integers::Integers;

/// After so many values it is decided whether a dictionary pays.
const TRIAL: usize = 8192;

/// Gathers the texts of one stripe.
#[derive(Debug, Default)]
pub(super) struct Texts {
    keys: Vec<u32>,
    entries: Vec<Box<[u8]>>,
    positions: HashMap<Box<[u8]>, u32>,
    entry_bytes: usize,
    direct: Option<(Vec<u8>, Vec<u32>)>,
}

/// The streams of a stripe's texts.
pub(super) enum TextStreams {
    /// Bytes and lengths.
    Direct { data: Vec<u8>, lengths: Vec<u8> },
    /// Keys, entries, their lengths, their number.
    Dictionary {
        keys: Vec<u8>,
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
        let key = match self.positions.get(text) {
            Some(key) => *key,
            None => {
                let key = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
                self.entries.push(text.into());
                self.positions.insert(text.into(), key);
                self.entry_bytes += text.len();
                key
            }
        };
        self.keys.push(key);
        if self.keys.len().is_multiple_of(TRIAL) && self.entries.len() * 2 > self.keys.len() {
            self.give_up_dictionary();
        }
    }

    fn give_up_dictionary(&mut self) {
        let mut data = Vec::new();
        let mut lengths = Vec::with_capacity(self.keys.len());
        for key in std::mem::take(&mut self.keys) {
            let text = &self.entries[key as usize];
            data.extend_from_slice(text);
            lengths.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        self.entries.clear();
        self.positions.clear();
        self.entry_bytes = 0;
        self.direct = Some((data, lengths));
    }

    pub(super) fn size(&self) -> usize {
        let direct = self
            .direct
            .as_ref()
            .map_or(0, |(data, lengths)| data.len() + lengths.len() * 4);
        // Each entry is held twice, with its boxes and the map's slot.
        direct + self.keys.len() * 4 + self.entry_bytes * 2 + self.entries.len() * 64
    }

    /// The streams; empties. Dictionaries are sorted.
    pub(super) fn take(&mut self) -> TextStreams {
        let this = std::mem::take(self);
        if let Some((data, lengths)) = this.direct {
            return TextStreams::Direct {
                data,
                lengths: encode_lengths(lengths.into_iter().map(i64::from)),
            };
        }
        let mut order: Vec<usize> = (0..this.entries.len()).collect();
        order.sort_by(|left, right| this.entries[*left].cmp(&this.entries[*right]));
        let mut place = vec![0i64; order.len()];
        let mut entries = Vec::with_capacity(this.entry_bytes);
        for (new, old) in order.iter().enumerate() {
            place[*old] = i64::try_from(new).unwrap_or(i64::MAX);
            entries.extend_from_slice(&this.entries[*old]);
        }
        let keys = encode_lengths(this.keys.iter().map(|key| place[*key as usize]));
        let lengths = encode_lengths(
            order
                .iter()
                .map(|old| i64::try_from(this.entries[*old].len()).unwrap_or(i64::MAX)),
        );
        TextStreams::Dictionary {
            keys,
            entries,
            lengths,
            size: order.len(),
        }
    }
}

fn encode_lengths(values: impl Iterator<Item = i64>) -> Vec<u8> {
    let mut encoder = Integers::unsigned();
    values.for_each(|value| encoder.push(value));
    encoder.take()
}
