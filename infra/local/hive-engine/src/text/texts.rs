//! Builds a column of texts from bytes, which are checked once for the whole column. Bytes that are no UTF-8 become replacement
//! characters, as in Hadoop's `Text`. Called by the column builders.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanBufferBuilder, StringArray};
use datafusion::arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};

use crate::error::Failure;

/// Texts one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<i32>,
    /// Rows that are NULL.
    missing: Vec<usize>,
    is_too_long: bool,
}

impl Texts {
    /// Appends a text of at most `most` characters, without spaces at its end if they are to be trimmed; `None` is NULL.
    #[inline]
    pub(crate) fn push(&mut self, text: Option<&[u8]>, most: Option<usize>, trim: bool) {
        match text {
            None => self.missing.push(self.ends.len()),
            Some(text) if trim || most.is_some_and(|most| most < text.len()) => {
                let text = String::from_utf8_lossy(text);
                let cut = most.and_then(|most| text.char_indices().nth(most));
                let text = cut.map_or(text.as_ref(), |(end, _)| &text[..end]);
                let text = if trim {
                    text.trim_end_matches(' ')
                } else {
                    text
                };
                self.bytes.extend_from_slice(text.as_bytes());
            }
            Some(text) => self.bytes.extend_from_slice(text),
        }
        let end = i32::try_from(self.bytes.len());
        self.is_too_long |= end.is_err();
        self.ends.push(end.unwrap_or(i32::MAX));
    }

    /// The column; empties.
    ///
    /// # Errors
    /// When the texts of one batch have more than 2 GiB.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef, Failure> {
        if self.is_too_long {
            return Err(Failure::Query(
                "the texts of a few thousand lines have more than 2 GiB in one column".to_owned(),
            ));
        }
        let next = Self {
            bytes: Vec::with_capacity(self.bytes.len()),
            ends: Vec::with_capacity(self.ends.len()),
            ..Self::default()
        };
        let this = std::mem::replace(self, next);
        let rows = this.ends.len();
        let nulls = (!this.missing.is_empty()).then(|| {
            let mut present = BooleanBufferBuilder::new(rows);
            present.append_n(rows, true);
            for row in &this.missing {
                present.set_bit(*row, false);
            }
            NullBuffer::new(present.finish())
        });
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        offsets.extend_from_slice(&this.ends);
        let offsets = OffsetBuffer::new(offsets.into());
        let bytes = Buffer::from_vec(this.bytes);
        let found = StringArray::try_new(offsets.clone(), bytes.clone(), nulls.clone());
        let texts = found.unwrap_or_else(|_| {
            let text = |row: usize| {
                let range = offsets[row]..offsets[row + 1];
                let range =
                    range.start.cast_unsigned() as usize..range.end.cast_unsigned() as usize;
                let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
                (!is_null).then(|| String::from_utf8_lossy(&bytes[range]))
            };
            (0..rows).map(text).collect()
        });
        Ok(Arc::new(texts))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::AsArray;

    use super::*;

    fn column(texts: &[Option<&[u8]>], most: Option<usize>, trim: bool) -> Vec<Option<String>> {
        let mut builder = Texts::default();
        // What was built before leaves no trace.
        builder.push(Some(b"before"), None, false);
        builder.push(None, None, false);
        builder.finish().unwrap();
        texts
            .iter()
            .for_each(|text| builder.push(*text, most, trim));
        let column = builder.finish().unwrap();
        let texts = column.as_string::<i32>().iter();
        texts.map(|text| text.map(str::to_owned)).collect()
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_in_their_own_row_only() {
        // Together the two halves of a character would be one.
        let halves = "é".as_bytes().split_at(1);
        let found = column(
            &[Some(b"a"), Some(halves.0), Some(halves.1), None],
            None,
            false,
        );
        let replaced = Some("\u{fffd}".to_owned());
        assert_eq!(
            found,
            [Some("a".to_owned()), replaced.clone(), replaced, None]
        );
    }

    #[test]
    fn texts_are_cut_by_characters_and_trimmed() {
        let texts = ["äöü", "ab  ", "", "abc"].map(|text| Some(text.as_bytes()));
        let expected = |texts: [&str; 4]| texts.map(|text| Some(text.to_owned()));
        assert_eq!(
            column(&texts, Some(2), false),
            expected(["äö", "ab", "", "ab"])
        );
        assert_eq!(
            column(&texts, Some(3), true),
            expected(["äöü", "ab", "", "abc"])
        );
    }
}
