//! Reads short decimal numbers eight digits at a time. Used by [`crate::value`], which reads all others digit by digit.

/// Digits with at most one point among them, as a number without the point, and how many digits stand behind it: what nearly
/// every number is. `None` for everything else, and where the digits might not fit a double exactly.
#[inline]
pub(crate) fn short_number(text: &[u8]) -> Option<(i64, usize)> {
    match text.len() {
        1..=8 => {
            let word = first_eight(text);
            let points = points(word);
            if points == 0 {
                return Some((eight_digits(word, text.len())?, 0));
            }
            let place = points.trailing_zeros() / 8;
            let before = (1 << (8 * place)) - 1;
            let digits = (word & before) | ((word >> 8) & !before);
            let value = eight_digits(digits, text.len() - 1)?;
            Some((value, text.len() - 1 - place as usize))
        }
        9..=16 => {
            let (first, last) = (first_eight(&text[..8]), last_eight(text)?);
            let word = u128::from(first) | u128::from(last) << (8 * (text.len() - 8));
            let (digits, behind) = without_point(word, text.len());
            let count = text.len() - usize::from(behind.is_some());
            // Fifteen digits are fewer than 2^53.
            if count > 15 {
                return None;
            }
            // The last eight digits, and those before them.
            let before = count - 8;
            let lower = eight_digits(low(digits >> (8 * before)), 8)?;
            let upper = if before == 0 {
                0
            } else {
                eight_digits(low(digits), before)?
            };
            Some((upper * 100_000_000 + lower, behind.unwrap_or(0)))
        }
        _ => None,
    }
}

/// At most eight bytes as a number, the first one lowest, with zeros behind.
#[inline]
fn first_eight(text: &[u8]) -> u64 {
    let count = text.len();
    if let Ok(all) = <[u8; 8]>::try_from(text) {
        return u64::from_le_bytes(all);
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return u64::from(first) | u64::from(last) << (8 * (count - 4));
    }
    text.iter()
        .rev()
        .fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[inline]
fn last_eight(text: &[u8]) -> Option<u64> {
    text.last_chunk::<8>()
        .map(|bytes| u64::from_le_bytes(*bytes))
}

/// The highest bit of each byte that is a point.
#[inline]
fn points(word: u64) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    let differing = word ^ u64::from_ne_bytes([b'.'; 8]);
    !(((differing & LOW) + LOW) | differing | LOW)
}

/// Sixteen bytes without the first point, and how many of `count` stand behind it.
#[inline]
fn without_point(word: u128, count: usize) -> (u128, Option<usize>) {
    let points = u128::from(points(low(word))) | u128::from(points(low(word >> 64))) << 64;
    if points == 0 {
        return (word, None);
    }
    let place = points.trailing_zeros() / 8;
    let before = (1 << (8 * place)) - 1;
    let joined = (word & before) | ((word >> 8) & !before);
    (joined, Some(count - 1 - place as usize))
}

#[inline]
fn low(word: u128) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "the low half is wanted")]
    let low = word as u64;
    low
}

/// The number that the first `count` bytes print, the lowest one first; `None` if one of them is no digit.
#[inline]
fn eight_digits(word: u64, count: usize) -> Option<i64> {
    if count == 0 {
        return None;
    }
    // Zeros come before the digits.
    let digits = (word ^ 0x3030_3030_3030_3030) << (8 * (8 - count));
    if (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    // Pairs, then fours, then all.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let even = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let odd = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    i64::try_from(even.wrapping_add(odd) >> 32).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digit by digit.
    fn expected(text: &str) -> Option<(i64, usize)> {
        let digits = text.replacen('.', "", 1);
        let is_short = !digits.is_empty() && digits.len() <= 15;
        if !is_short || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let behind = text.find('.').map_or(0, |place| text.len() - 1 - place);
        Some((digits.parse().unwrap(), behind))
    }

    #[test]
    fn numbers_of_every_length_are_read_with_the_point_anywhere() {
        let digits = "9081726354019283746";
        for length in 0..digits.len() {
            let whole = &digits[..length];
            assert_eq!(short_number(whole.as_bytes()), expected(whole), "{whole}");
            for place in 0..=length {
                let text = format!("{}.{}", &whole[..place], &whole[place..]);
                assert_eq!(short_number(text.as_bytes()), expected(&text), "{text}");
            }
        }
    }

    #[test]
    fn anything_else_is_no_short_number() {
        for length in 1..=16 {
            for place in 0..length {
                for wrong in 0..=u8::MAX {
                    if wrong.is_ascii_digit() || wrong == b'.' {
                        continue;
                    }
                    let mut text = vec![b'7'; length];
                    text[place] = wrong;
                    assert_eq!(short_number(&text), None, "{text:?}");
                }
            }
        }
        assert_eq!(short_number(b"1.2.3"), None);
        assert_eq!(short_number(b"12345678.9.1"), None);
        assert_eq!(short_number(b".."), None);
    }
}
