//! The rows of one stripe, all of them or some groups, through orc-rust's decoders of columns. Called by the reader of a file, which
//! cannot leave it to orc-rust's own iterator: that one forgets how much of a stretch it has read, and goes on behind its end.

use std::collections::VecDeque;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::Schema;
use orc_rust::array_decoder::{ArrayBatchDecoder, array_decoder_factory};
use orc_rust::error::OrcError;
use orc_rust::stripe::Stripe;

/// Rows that are left out, then rows that are read.
struct Stretch {
    left_out: usize,
    rows: usize,
}

/// A stripe that is being read.
pub(super) struct StripeRows {
    decoders: Vec<Box<dyn ArrayBatchDecoder>>,
    stretches: VecDeque<Stretch>,
    batch_rows: usize,
}

impl StripeRows {
    /// All rows, or those of the groups of `stride` rows that are kept.
    pub(super) fn new(
        stripe: &Stripe,
        schema: &Schema,
        batch_rows: usize,
        groups: Option<(&[bool], usize)>,
    ) -> Result<Self, OrcError> {
        let decoders = stripe
            .columns()
            .iter()
            .zip(schema.fields())
            .map(|(column, field)| array_decoder_factory(column, field.data_type(), stripe));
        let rows = stripe.number_of_rows();
        Ok(Self {
            decoders: decoders.collect::<Result<_, _>>()?,
            stretches: match groups {
                Some((keep, stride)) => stretches(keep, stride, rows),
                None => VecDeque::from([Stretch { left_out: 0, rows }]),
            },
            batch_rows,
        })
    }

    /// The columns of the next rows, and how many these are; `None` at the end.
    pub(super) fn next_batch(&mut self) -> Result<Option<(Vec<ArrayRef>, usize)>, OrcError> {
        while let Some(stretch) = self.stretches.front_mut() {
            let left_out = std::mem::take(&mut stretch.left_out);
            if left_out > 0 {
                for decoder in &mut self.decoders {
                    decoder.skip_values(left_out, None)?;
                }
            }
            if stretch.rows == 0 {
                self.stretches.pop_front();
                continue;
            }
            let count = stretch.rows.min(self.batch_rows);
            stretch.rows -= count;
            let columns = self
                .decoders
                .iter_mut()
                .map(|decoder| decoder.next_batch(count, None))
                .collect::<Result<Vec<ArrayRef>, _>>()?;
            return Ok(Some((columns, count)));
        }
        Ok(None)
    }
}

/// What is left out and what is read, group by group; groups that lie together are one stretch.
fn stretches(keep: &[bool], stride: usize, rows: usize) -> VecDeque<Stretch> {
    let mut stretches: VecDeque<Stretch> = VecDeque::new();
    let mut left_out = 0;
    for (group, keep) in keep.iter().enumerate() {
        let count = stride.min(rows.saturating_sub(group * stride));
        match stretches.back_mut() {
            _ if !keep => left_out += count,
            Some(last) if left_out == 0 => last.rows += count,
            _ => stretches.push_back(Stretch {
                left_out: std::mem::take(&mut left_out),
                rows: count,
            }),
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_lie_together_are_one_stretch() {
        let cut = |keep: &[bool]| -> Vec<(usize, usize)> {
            let stretches = stretches(keep, 10, 35);
            stretches
                .iter()
                .map(|stretch| (stretch.left_out, stretch.rows))
                .collect()
        };
        assert_eq!(cut(&[true, true, true, true]), [(0, 35)]);
        assert_eq!(cut(&[false, true, true, false]), [(10, 20)]);
        assert_eq!(cut(&[true, false, false, true]), [(0, 10), (20, 5)]);
        assert_eq!(cut(&[false, false, false, false]), []);
    }
}
