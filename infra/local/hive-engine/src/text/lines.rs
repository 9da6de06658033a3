//! Lines of a stream of bytes as Hadoop's line reader finds them: ended by LF, CR or CR LF; the last one may lack its end.
//! Reading may begin in the middle of a file: a line belongs to the range that holds its first byte.

use std::io::{self, Read, Seek, SeekFrom};

use super::rows::{Cutting, Rows};

const CHUNK: usize = 256 * 1024;
const SMALLEST_CHUNK: usize = 4 * 1024;

/// Reads lines one after the other with a buffer that grows only to the longest line.
pub(crate) struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    /// The unread part of the buffer.
    start: usize,
    end: usize,
    /// Offset in the stream of `start`.
    offset: u64,
    is_at_end: bool,
    /// A CR ended the last line: a LF that follows belongs to it.
    skip_line_feed: bool,
    /// The mark was skipped and counts to the first line, as in Hadoop: that line's offset is 0.
    is_behind_mark: bool,
}

impl<R: Read> Lines<R> {
    /// Starts at the beginning of the stream, behind a byte-order mark. The stream has about `size` bytes, if that is known.
    pub(crate) fn new(source: R, size: Option<u64>) -> io::Result<Self> {
        let mut lines = Self::at(source, size, 0);
        while lines.end < 3 && !lines.is_at_end {
            lines.fill()?;
        }
        if lines.buffer[..lines.end].starts_with(b"\xef\xbb\xbf") {
            lines.start = 3;
            lines.is_behind_mark = true;
        }
        Ok(lines)
    }

    fn at(source: R, size: Option<u64>, offset: u64) -> Self {
        // One byte more, so that the end of a small file is seen without a larger buffer.
        let chunk = size
            .and_then(|size| usize::try_from(size.saturating_add(1)).ok())
            .map_or(CHUNK, |size| size.clamp(SMALLEST_CHUNK, CHUNK));
        Self {
            source,
            buffer: vec![0; chunk],
            start: 0,
            end: 0,
            offset,
            is_at_end: false,
            skip_line_feed: false,
            is_behind_mark: false,
        }
    }

    /// Where the next line begins, unless a LF comes that belongs to the last one.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next line without its end, and the offset of its first byte; `None` at the end.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        self.skip_line_feed()?;
        let mut searched = 0;
        loop {
            let unread = &self.buffer[self.start + searched..self.end];
            if let Some(found) = memchr::memchr2(b'\n', b'\r', unread) {
                let length = searched + found;
                let line_start = self.start;
                self.skip_line_feed = unread[found] == b'\r';
                return Ok(Some(self.taken(line_start, length, 1)));
            }
            searched = self.end - self.start;
            if self.is_at_end {
                if searched == 0 {
                    return Ok(None);
                }
                return Ok(Some(self.taken(self.start, searched, 0)));
            }
            self.fill()?;
        }
    }

    /// Ends a line that ended with a CR.
    fn skip_line_feed(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.skip_line_feed) {
            return Ok(());
        }
        if self.start == self.end {
            self.fill()?;
        }
        if self.start < self.end && self.buffer[self.start] == b'\n' {
            self.start += 1;
            self.offset += 1;
        }
        Ok(())
    }

    /// Cuts lines that are in the buffer, at most `most` and none that begins at `end` or later, and gives their bytes;
    /// `None` when there is none left.
    pub(crate) fn next_rows(
        &mut self,
        cutting: Cutting,
        most: usize,
        end: u64,
        rows: &mut Rows,
    ) -> io::Result<Option<&[u8]>> {
        self.skip_line_feed()?;
        if self.offset >= end {
            return Ok(None);
        }
        rows.is_behind_mark = std::mem::take(&mut self.is_behind_mark);
        self.offset += if rows.is_behind_mark { 3 } else { 0 };
        rows.offset = self.offset;
        let limit = end.saturating_sub(self.offset).max(1);
        loop {
            let unread = &self.buffer[self.start..self.end];
            rows.cut(unread, self.is_at_end, cutting, most, limit);
            if rows.count() > 0 {
                let (from, to) = (self.start, self.start + rows.length);
                self.skip_line_feed = rows.ends_with_return;
                self.start = to;
                self.offset += rows.length as u64;
                return Ok(Some(&self.buffer[from..to]));
            }
            if self.is_at_end {
                return Ok(None);
            }
            // A line that is longer than what is there is searched again from its beginning.
            let enough = 2 * (self.end - self.start).max(1);
            while self.end - self.start < enough && !self.is_at_end {
                self.fill()?;
            }
        }
    }

    fn taken(&mut self, from: usize, length: usize, end: usize) -> (u64, &[u8]) {
        let offset = self.offset;
        if std::mem::take(&mut self.is_behind_mark) {
            self.offset += 3;
        }
        self.start = from + length + end;
        self.offset += u64::try_from(length + end).unwrap_or(u64::MAX);
        (offset, &self.buffer[from..from + length])
    }

    /// Reads more behind what is unread.
    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        match self.source.read(&mut self.buffer[self.end..]) {
            Ok(0) => self.is_at_end = true,
            Ok(read) => self.end += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl<R: Read + Seek> Lines<R> {
    /// Starts at the first line that begins at or behind an offset, which must not be 0.
    pub(crate) fn behind(mut source: R, offset: u64) -> io::Result<Self> {
        // From the byte before, which tells whether a line begins just at the offset.
        source.seek(SeekFrom::Start(offset - 1))?;
        let mut lines = Self::at(source, None, offset - 1);
        lines.next_line()?;
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, so that every line end falls between two reads.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else {
                return Ok(0);
            };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn lines(bytes: &[u8]) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        let mut lines = Lines::new(Slow(bytes), None).unwrap();
        while let Some((offset, line)) = lines.next_line().unwrap() {
            all.push((offset, String::from_utf8(line.to_vec()).unwrap()));
        }
        all
    }

    fn expect(bytes: &[u8], expected: &[(u64, &str)]) {
        let expected: Vec<(u64, String)> = expected
            .iter()
            .map(|(offset, line)| (*offset, (*line).to_owned()))
            .collect();
        assert_eq!(lines(bytes), expected);
    }

    #[test]
    fn an_empty_file_and_a_lone_mark_have_no_line() {
        expect(b"", &[]);
        expect(b"\xef\xbb\xbf", &[]);
    }

    #[test]
    fn every_kind_of_line_end_ends_a_line() {
        expect(b"a\nb\r\nc\rd", &[(0, "a"), (2, "b"), (5, "c"), (7, "d")]);
    }

    #[test]
    fn blank_lines_are_lines() {
        expect(b"\n\r\n\n", &[(0, ""), (1, ""), (3, "")]);
    }

    #[test]
    fn the_byte_order_mark_is_no_part_of_the_first_line() {
        expect(b"\xef\xbb\xbfid\n1\n", &[(0, "id"), (6, "1")]);
    }

    #[test]
    fn ranges_share_the_lines_wherever_the_cut_falls() {
        for bytes in [
            &b"one\r\ntwo\n\r\n\rthree\n\nfour"[..],
            b"\xef\xbb\xbfone\r\r\ntwo\n",
            b"\n\n\n",
            b"\r\n\r\n",
            "\u{e9}\u{e9}\r\u{e9}".as_bytes(),
        ] {
            let whole = lines(bytes);
            for cut in 1..=bytes.len() {
                let cut_offset = cut as u64;
                let mut shared: Vec<(u64, String)> = whole
                    .iter()
                    .filter(|(offset, _)| *offset < cut_offset)
                    .cloned()
                    .collect();
                let mut rest = Lines::behind(io::Cursor::new(bytes), cut_offset).unwrap();
                while let Some((offset, line)) = rest.next_line().unwrap() {
                    assert!(offset >= cut_offset, "{bytes:?} cut at {cut}");
                    shared.push((offset, String::from_utf8(line.to_vec()).unwrap()));
                }
                assert_eq!(shared, whole, "{bytes:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_line_may_be_longer_than_the_buffer() {
        let long = "x".repeat(CHUNK * 3);
        let mut lines = Lines::new(long.as_bytes(), Some(10)).unwrap();
        assert_eq!(lines.next_line().unwrap().unwrap().1.len(), CHUNK * 3);
        assert!(lines.next_line().unwrap().is_none());
    }
}
