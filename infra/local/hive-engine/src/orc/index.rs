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

    /// Appends the position of a stream of `length` bytes. `chunks` are the places of its compressed chunks, and of its end.
    pub(super) fn place(&mut self, place: Place, chunks: Option<&[usize]>, length: usize) {
        let positions = &mut self.positions;
        // A group behind the last byte has no value. Java's readers seek all the same, and fail at a place without a byte.
        let is_behind = length > 0 && place.offset >= length;
        match chunks {
            None if is_behind => positions.push((length - 1) as u64),
            None => positions.push(place.offset as u64),
            Some(chunks) => {
                let (chunk, offset) = if is_behind {
                    ((length - 1) / BLOCK, (length - 1) % BLOCK + 1)
                } else {
                    (place.offset / BLOCK, place.offset % BLOCK)
                };
                let begin = chunks.get(chunk).copied().unwrap_or(0);
                positions.extend([begin as u64, offset as u64]);
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
        group.place(Place { offset, behind }, chunks, 2 * BLOCK);
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
            positions(BLOCK, Behind::Bits(2, 7), Some(&chunks)),
            [700, 0, 2, 7]
        );
    }

    #[test]
    fn a_group_without_values_behind_all_others_points_at_what_is_there() {
        let chunks = [0, 700, 1000];
        assert_eq!(
            positions(2 * BLOCK, Behind::Values(0), Some(&chunks)),
            [700, BLOCK as u64, 0]
        );
        assert_eq!(
            positions(2 * BLOCK, Behind::Nothing, None),
            [2 * BLOCK as u64 - 1]
        );
        let mut group = Group::new(Statistics::new(Range::None));
        let place = Place {
            offset: 0,
            behind: Behind::Nothing,
        };
        group.place(place, Some(&[0]), 0);
        group.place(place, None, 0);
        assert_eq!(group.positions, [0, 0, 0]);
    }

    #[test]
    fn without_compression_a_position_is_the_byte() {
        assert_eq!(
            positions(BLOCK + 5, Behind::Values(3), None),
            [BLOCK as u64 + 5, 3]
        );
    }
}
