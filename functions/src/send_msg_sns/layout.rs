//! Plain text for a mail: headings, fields and lines that stay within 76 columns, so that they fit a screen of 80 when they are
//! shown indented. Only what must stay whole to be copied, such as an ARN or a command, may be longer.

/// Columns.
const WIDTH: usize = 76;
/// A line with this much space before it is kept as it is: it is to be copied.
const AS_IT_IS: &str = "    ";
/// Columns before a field's text.
const LABEL: usize = 12;

/// A text that grows.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// A heading after an empty line.
    pub(super) fn heading(&mut self, heading: &str) {
        self.0.push_str(&format!("\n{heading}\n"));
    }

    /// A line as it is.
    pub(super) fn line(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// Words that are wrapped, each line after `indent` columns.
    pub(super) fn paragraph(&mut self, indent: usize, text: &str) {
        self.wrapped(&" ".repeat(indent), indent, text);
    }

    /// A line of somebody else's log, marked as such.
    pub(super) fn quoted(&mut self, line: &str) {
        for part in wrap(line, WIDTH - 6) {
            self.line(&format!("    | {part}"));
        }
    }

    /// A sentence in a list.
    pub(super) fn item(&mut self, text: &str) {
        self.wrapped("  - ", 4, text);
    }

    /// A label and its text.
    pub(super) fn field(&mut self, label: &str, text: &str) {
        self.wrapped(&format!("{label:<LABEL$}"), LABEL, text);
    }

    fn wrapped(&mut self, first: &str, indent: usize, text: &str) {
        let mut lead = first.to_owned();
        for line in text.lines() {
            if line.starts_with(AS_IT_IS) {
                self.line(&format!("{lead}{line}"));
                lead = " ".repeat(indent);
                continue;
            }
            for part in wrap(line, WIDTH - indent) {
                self.line(&format!("{lead}{part}"));
                lead = " ".repeat(indent);
            }
        }
    }

    /// What was written.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Breaks at blanks; a word that is longer than a line stays whole.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `1 h 02 min`, `11 min 54 s`, `40 s`.
pub(super) fn duration(seconds: i64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes} min {rest:02} s"),
        _ => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_within_eighty_columns_even_if_they_are_indented() {
        let mut text = Text::default();
        text.field("Why", &"word ".repeat(60));
        text.item(&"x ".repeat(100));
        assert!(text.into_string().lines().all(|line| line.chars().count() <= 76));
    }

    #[test]
    fn what_must_be_copied_stays_whole() {
        let arn = format!("arn:{}", "x".repeat(90));
        let mut text = Text::default();
        text.paragraph(4, &format!("start {arn} now"));
        assert_eq!(text.into_string(), format!("    start\n    {arn}\n    now\n"));
        let command = format!("aws s3 rm s3://{}/state.json", "x".repeat(70));
        let mut text = Text::default();
        text.paragraph(2, &format!("Then:\n    {command}\nand again."));
        assert_eq!(text.into_string(), format!("  Then:\n      {command}\n  and again.\n"));
    }

    #[test]
    fn durations_are_read_at_a_glance() {
        assert_eq!([duration(40), duration(714), duration(3725)], ["40 s", "11 min 54 s", "1 h 02 min"]);
    }
}
