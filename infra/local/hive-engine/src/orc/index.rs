//! The row index of a stripe: for each column and each group of rows, where its streams go on and what is known of its values.
//! The columns mark the places while they gather rows, the stripe writes them; readers leave out groups by it.

use super::compression::BLOCK;
use super::protobuf::Message;
use super::statistics::Statistics;

/// Where a group begins in an encoded stream that is not compressed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Bytes before it.
    pub offset: usize,
    /// What lies between those bytes and the group.
    pub behind: Behind,
}

/// What a reader leaves out behind the bytes at which it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// The stream has no runs.
    Nothing,
    /// Values of a run.
    Values(u64),
    /// Bytes of a run, then bits of a byte.
    Bits(u64, u64),
}

/// What was gathered of a column in one stripe.
pub(super) struct Described {
    /// Of the whole stripe.
    pub whole: Statistics,
    /// Of each group; empty where there is no index.
    pub groups: Vec<Group>,
}

/// One column in one group of rows.
pub(super) struct Group {
    pub statistics: Statistics,
    /// As the format lists them, stream by stream.
    pub positions: Vec<u64>,
}

impl Group {
    pub(super) fn new(statistics: Statistics) -> Self {
        Self {
            statistics,
            positions: Vec::new(),
        }
    }

    /// Appends the position of a stream. `chunks` are the places of its compressed chunks, and of its end.
    pub(super) fn place(&mut self, place: Place, chunks: Option<&[usize]>) {
        let positions = &mut self.positions;
        match chunks {
            None => positions.push(place.offset as u64),
            Some(chunks) => {
                // A group behind the last byte of a full chunk begins with the next one, or at the end.
                let chunk = chunks.get(place.offset / BLOCK).copied().unwrap_or(0);
                positions.extend([chunk as u64, (place.offset % BLOCK) as u64]);
            }
        }
        match place.behind {
            Behind::Nothing => {}
            Behind::Values(values) => positions.push(values),
            Behind::Bits(bytes, bits) => positions.extend([bytes, bits]),
        }
    }
}

/// The message RowIndex of a column.
pub(super) fn row_index(groups: &[Group]) -> Message {
    let mut index = Message::default();
    for group in groups {
        let mut entry = Message::default();
        if !group.positions.is_empty() {
            entry.packed(1, group.positions.iter().copied());
        }
        entry.message(2, &group.statistics.message());
        index.message(1, &entry);
    }
    index
}

#[cfg(test)]
mod tests {
    use super::super::statistics::Range;
    use super::*;

    fn positions(offset: usize, behind: Behind, chunks: Option<&[usize]>) -> Vec<u64> {
        let mut group = Group::new(Statistics::new(Range::None));
        group.place(Place { offset, behind }, chunks);
        group.positions
    }

    #[test]
    fn a_position_names_the_chunk_and_the_place_in_it() {
        let chunks = [0, 700, 1000];
        assert_eq!(positions(5, Behind::Nothing, Some(&chunks)), [0, 5]);
        assert_eq!(
            positions(BLOCK + 5, Behind::Values(3), Some(&chunks)),
            [700, 5, 3]
        );
        assert_eq!(
            positions(2 * BLOCK, Behind::Bits(2, 7), Some(&chunks)),
            [1000, 0, 2, 7]
        );
    }

    #[test]
    fn without_compression_a_position_is_the_byte() {
        assert_eq!(
            positions(BLOCK + 5, Behind::Values(3), None),
            [BLOCK as u64 + 5, 3]
        );
    }
}
