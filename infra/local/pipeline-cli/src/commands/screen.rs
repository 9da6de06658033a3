//! Where a command shows what it does: live on a terminal, as lines elsewhere, not at all beside `--json`; and printing
//! that survives a reader who has gone away.

use std::io::Write;
use std::sync::Arc;

use console::Term;
use virtual_time::Clock;

use crate::display::live::{Display, Recorder, Stage};
use crate::display::paint::Paint;

/// Where a run is shown.
pub(crate) struct Screen {
    /// What can be drawn with.
    pub(crate) paint: Paint,
    /// The terminal for the live picture, if there is one.
    live: Option<Term>,
    silent: bool,
}

impl Screen {
    /// Standard output; beside `--json` standard error, and only for the live picture.
    pub(crate) fn new(json: bool) -> Self {
        let term = if json { Term::stderr() } else { Term::stdout() };
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        let live = term.is_term() && !dumb && !set("NO_COLOR") && !set("CI");
        Self {
            paint: Paint::for_term(&term),
            silent: json,
            live: live.then_some(term),
        }
    }

    /// Prints a line, unless only JSON is wanted.
    pub(crate) fn say(&self, line: &str) {
        if !self.silent {
            print_line(line);
        }
    }

    /// Begins a stage of preparation.
    pub(crate) fn stage(&self, title: &str) -> Stage {
        Stage::begin(self.live.clone(), self.paint, title)
    }

    /// Begins to show a run.
    pub(crate) fn display(&self, recorder: &Arc<Recorder>, clock: &Clock) -> Display {
        let recorder = Arc::clone(recorder);
        match (&self.live, self.silent) {
            (Some(term), _) => Display::live(recorder, clock.clone(), term.clone(), self.paint),
            (None, false) => Display::plain(recorder, self.paint),
            (None, true) => Display::silent(recorder),
        }
    }
}

/// Prints a line to standard output; a reader that has gone away (`| head`) stops nothing.
pub(crate) fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
