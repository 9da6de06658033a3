//! Colours, glyphs and widths: what the terminal can show, decided once, and used by everything that draws.

use console::{Alignment, Style, Term, measure_text_width, pad_str, truncate_str};

/// What may be drawn with.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    /// Whether escape sequences for colour are wanted.
    pub color: bool,
    /// The characters for trees, marks and bars.
    pub glyphs: &'static Glyphs,
    /// Columns.
    pub width: usize,
}

/// One character (or a few) per thing that is drawn.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Glyphs {
    pub branch: &'static str,
    pub last: &'static str,
    pub line: &'static str,
    pub done: &'static str,
    pub failed: &'static str,
    pub stopped: &'static str,
    pub waiting: &'static str,
    pub dot: &'static str,
    pub ellipsis: &'static str,
    pub spinner: &'static [&'static str],
    pub bar_work: char,
    pub bar_start: char,
    pub bar_idle: char,
    pub bar_end: char,
}

/// For terminals that show UTF-8.
pub static UNICODE: Glyphs = Glyphs {
    branch: "├─ ",
    last: "└─ ",
    line: "│  ",
    done: "✓",
    failed: "✗",
    stopped: "■",
    waiting: "·",
    dot: "·",
    ellipsis: "…",
    spinner: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
    bar_work: '█',
    bar_start: '░',
    bar_idle: '·',
    bar_end: '▒',
};

/// For terminals that do not.
pub static ASCII: Glyphs = Glyphs {
    branch: "|- ",
    last: "`- ",
    line: "|  ",
    done: "+",
    failed: "x",
    stopped: "#",
    waiting: ".",
    dot: "-",
    ellipsis: "...",
    spinner: &["|", "/", "-", "\\"],
    bar_work: '#',
    bar_start: ':',
    bar_idle: '.',
    bar_end: '=',
};

impl Paint {
    /// For a stream that is perhaps a terminal. `NO_COLOR` and `TERM=dumb` are obeyed.
    pub fn for_term(term: &Term) -> Self {
        let color = term.features().colors_supported() && std::env::var_os("NO_COLOR").is_none();
        Self {
            color,
            glyphs: if speaks_utf8(|name| std::env::var(name).ok()) {
                &UNICODE
            } else {
                &ASCII
            },
            width: usable_width(term),
        }
    }

    /// No colour, all characters: what tests compare with.
    pub fn plain(width: usize) -> Self {
        Self {
            color: false,
            glyphs: &UNICODE,
            width,
        }
    }

    fn with(self, style: Style, text: &str) -> String {
        style.force_styling(self.color).apply_to(text).to_string()
    }

    /// Something that went well.
    pub fn good(self, text: &str) -> String {
        self.with(Style::new().green(), text)
    }

    /// Something that failed.
    pub fn bad(self, text: &str) -> String {
        self.with(Style::new().red().bold(), text)
    }

    /// Something that is going on, or that one should look at.
    pub fn active(self, text: &str) -> String {
        self.with(Style::new().cyan(), text)
    }

    /// A warning.
    pub fn warn(self, text: &str) -> String {
        self.with(Style::new().yellow(), text)
    }

    /// A heading or a name.
    pub fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    /// Something of little weight.
    pub fn faint(self, text: &str) -> String {
        self.with(Style::new().dim(), text)
    }

    /// A heading on a line of its own.
    pub fn heading(self, text: &str) -> String {
        self.strong(text)
    }

    /// The line with `right` at the right edge; what does not fit is cut out of `left`.
    pub fn spread(self, left: &str, right: &str) -> String {
        let room = self.width.saturating_sub(measure_text_width(right) + 1);
        let left = pad_str(left, room, Alignment::Left, Some(self.glyphs.ellipsis));
        format!("{left} {right}")
    }

    /// The line cut to the width.
    pub fn fit(self, line: &str) -> String {
        truncate_str(line, self.width, self.glyphs.ellipsis).into_owned()
    }
}

/// `text` in a column of `width`, to the left.
pub fn left(text: &str, width: usize) -> String {
    pad_str(text, width, Alignment::Left, None).into_owned()
}

/// `text` in a column of `width`, to the right.
pub fn right(text: &str, width: usize) -> String {
    pad_str(text, width, Alignment::Right, None).into_owned()
}

/// Breaks text so that no line is longer than `width`: at spaces, and within words that are longer than a line. Existing
/// line ends stay, and so does indentation; a line that fits stays as it is, for its columns may be aligned.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        if measure_text_width(paragraph) <= width {
            lines.push(paragraph.trim_end().to_owned());
            continue;
        }
        let indent: String = paragraph
            .chars()
            .take_while(|letter| *letter == ' ')
            .collect();
        let room = width.saturating_sub(indent.len()).max(8);
        let mut line = String::new();
        let mut used = 0;
        for word in paragraph.split_whitespace() {
            let mut rest = word;
            if used > 0 {
                if used + 1 + measure_text_width(word) <= room {
                    line.push(' ');
                    used += 1;
                } else {
                    lines.push(format!("{indent}{}", std::mem::take(&mut line)));
                    used = 0;
                }
            }
            while used == 0 && measure_text_width(rest) > room {
                let (start, end) = split_at_width(rest, room);
                lines.push(format!("{indent}{start}"));
                rest = end;
            }
            line.push_str(rest);
            used += measure_text_width(rest);
        }
        lines.push(if line.is_empty() {
            String::new()
        } else {
            format!("{indent}{line}")
        });
    }
    lines
}

/// The longest beginning of at most `width` columns (one character at least), and the rest.
fn split_at_width(text: &str, width: usize) -> (&str, &str) {
    let mut used = 0;
    for (index, letter) in text.char_indices() {
        used += measure_text_width(letter.encode_utf8(&mut [0; 4]));
        if used > width && index > 0 {
            return text.split_at(index);
        }
    }
    (text, "")
}

/// The width to draw for: that of the terminal, 80 where there is none, never less than 20.
fn usable_width(term: &Term) -> usize {
    match term.size_checked() {
        Some((_, columns)) => usize::from(columns).max(20),
        None => 80,
    }
}

/// The usual variables in their order; where none is set, nearly every terminal speaks UTF-8.
fn speaks_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()));
    match set {
        Some(value) => {
            let value = value.to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        }
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_variable_that_is_set_decides_about_characters() {
        let with = |pairs: &'static [(&str, &str)]| {
            speaks_utf8(move |name| {
                pairs
                    .iter()
                    .find(|pair| pair.0 == name)
                    .map(|pair| pair.1.to_owned())
            })
        };
        assert!(!with(&[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")]));
        assert!(with(&[("LC_ALL", ""), ("LANG", "en_GB.utf8")]));
        assert!(with(&[]));
    }

    #[test]
    fn a_long_left_side_gives_way_to_the_right_side() {
        let line = Paint::plain(20).spread("a very long name of a state", "12s");
        assert_eq!(line, "a very long nam… 12s");
        assert_eq!(measure_text_width(&line), 20);
    }

    #[test]
    fn text_is_wrapped_at_spaces_where_it_can_and_keeps_its_paragraphs() {
        assert_eq!(
            wrap("one two three\n\n  four five", 8),
            ["one two", "three", "", "  four", "  five"]
        );
        assert_eq!(wrap("name   1   2", 12), ["name   1   2"]);
        assert_eq!(
            wrap("a unbreakable-word b", 11),
            ["a", "unbreakable", "-word b"]
        );
    }
}
