//! The log of a run for pipes, CI and dumb terminals: one line per happening, with pipeline time.

use jiff::Timestamp;

use super::figures;
use super::paint::{Paint, left};
use super::view::Happening;

/// Room for `step archive fact transfer_transaction`.
const SUBJECT: usize = 38;
/// Causes may hold whole documents; the summary shows them in full.
const LONGEST: usize = 400;

/// One happening as one line; line ends within it become spaces.
pub fn line(began: Timestamp, happening: &Happening, paint: Paint) -> String {
    let time = paint.faint(&figures::since(began, happening.at));
    let what = happening
        .what
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let what = console::truncate_str(&what, LONGEST, "...").into_owned();
    let what = if happening.bad {
        paint.bad(&what)
    } else {
        what
    };
    format!("{time}  {}  {what}", left(&happening.subject, SUBJECT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_happening_is_one_line_even_if_its_cause_is_many() {
        let began = Timestamp::from_second(1_800_000_000).unwrap();
        let happening = Happening {
            at: Timestamp::from_second(1_800_000_341).unwrap(),
            subject: "master".into(),
            what: "failed: X (one\ntwo)".into(),
            bad: true,
        };
        assert_eq!(
            line(began, &happening, Paint::plain(80)),
            "00:05:41  master                                  failed: X (one two)"
        );
    }
}
