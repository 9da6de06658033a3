//! Puts the picture of a run on a terminal: a few times a second, in place, without flicker. `commands::run` starts it
//! when standard output is a terminal; otherwise lines go out as they happen.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use console::Term;
use parking_lot::Mutex;
use virtual_time::Clock;

use super::figures;
use super::paint::Paint;
use super::plain;
use super::tree::{self, Moment};
use super::view::{Happening, View};

/// Ten frames a second are smooth for spinners and cheap for the terminal.
const FRAME: Duration = Duration::from_millis(100);

/// Hears of everything, keeps the view, and passes lines on to whoever prints them.
pub struct Recorder {
    view: Mutex<View>,
    lines: Mutex<Option<Sender<Happening>>>,
}

impl Recorder {
    /// A recorder that has heard of nothing yet.
    pub fn new(stack: &str) -> Arc<Self> {
        Arc::new(Self {
            view: Mutex::new(View {
                stack: stack.to_owned(),
                ..View::default()
            }),
            lines: Mutex::new(None),
        })
    }

    /// The view as it is now.
    pub fn view(&self) -> View {
        self.view.lock().clone()
    }

    /// Asks the view something without copying it.
    pub fn ask<T>(&self, question: impl FnOnce(&View) -> T) -> T {
        question(&self.view.lock())
    }

    /// Forgets everything, and returns it: what a runtime does at its start is not part of the run.
    pub fn start_afresh(&self) -> View {
        let mut view = self.view.lock();
        let stack = view.stack.clone();
        std::mem::replace(
            &mut view,
            View {
                stack,
                ..View::default()
            },
        )
    }

    /// Tells the user what the command itself is doing.
    pub fn notice(&self, at: jiff::Timestamp, text: &str) {
        self.view.lock().notice = Some(text.to_owned());
        if let Some(lines) = &*self.lines.lock() {
            let _ = lines.send(Happening {
                at,
                subject: "pipeline".to_owned(),
                what: text.to_owned(),
                bad: false,
            });
        }
    }

    fn subscribe(&self) -> Receiver<Happening> {
        let (sender, receiver) = channel();
        *self.lines.lock() = Some(sender);
        receiver
    }

    fn unsubscribe(&self) {
        *self.lines.lock() = None;
    }
}

impl aws_services::Observer for Recorder {
    fn observe(&self, at: jiff::Timestamp, occurrence: aws_services::Occurrence) {
        let happenings = self.view.lock().take(at, &occurrence);
        if let Some(lines) = &*self.lines.lock() {
            for happening in happenings {
                // Nobody prints any more; the view has it all the same.
                let _ = lines.send(happening);
            }
        }
    }
}

/// Something that shows a run until it is stopped.
pub struct Display {
    recorder: Arc<Recorder>,
    stop: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    /// Draws the tree in place.
    pub fn live(recorder: Arc<Recorder>, clock: Clock, term: Term, paint: Paint) -> Self {
        let (stop, stopped) = channel();
        let thread = std::thread::spawn({
            let recorder = Arc::clone(&recorder);
            move || draw_until(&stopped, &recorder, &clock, &term, paint)
        });
        Self {
            recorder,
            stop,
            thread: Some(thread),
        }
    }

    /// Prints one line per happening.
    pub fn plain(recorder: Arc<Recorder>, paint: Paint) -> Self {
        let (stop, _) = channel();
        let lines = recorder.subscribe();
        let thread = std::thread::spawn({
            let recorder = Arc::clone(&recorder);
            move || print_all(&lines, &recorder, paint)
        });
        Self {
            recorder,
            stop,
            thread: Some(thread),
        }
    }

    /// Shows nothing.
    pub fn silent(recorder: Arc<Recorder>) -> Self {
        let (stop, _) = channel();
        Self {
            recorder,
            stop,
            thread: None,
        }
    }

    /// Shows the last state, and leaves the cursor below it.
    pub fn finish(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.stop.send(());
        self.recorder.unsubscribe();
        if let Some(thread) = self.thread.take() {
            // A display that broke down has nothing to say that would help here.
            let _ = thread.join();
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.end();
    }
}

fn print_all(lines: &Receiver<Happening>, recorder: &Recorder, paint: Paint) {
    let mut out = std::io::stdout();
    while let Ok(happening) = lines.recv() {
        let began = recorder.ask(|view| view.began).unwrap_or(happening.at);
        // A reader that has gone away (`| head`) does not stop the load.
        let _ = writeln!(out, "{}", plain::line(began, &happening, paint));
    }
    let _ = out.flush();
}

fn draw_until(
    stopped: &Receiver<()>,
    recorder: &Recorder,
    clock: &Clock,
    term: &Term,
    paint: Paint,
) {
    let mut canvas = Canvas::new(term.clone());
    canvas.begin();
    let mut frame = 0;
    loop {
        let over = !matches!(stopped.recv_timeout(FRAME), Err(RecvTimeoutError::Timeout));
        let size = term
            .size_checked()
            .map_or((24, paint.width), |(rows, columns)| {
                (usize::from(rows), usize::from(columns))
            });
        let paint = Paint {
            width: size.1.max(20),
            ..paint
        };
        let lines = recorder.ask(|view| {
            // Once nothing happens any more, the clock only counts how long the ending is looked at.
            let now = match view.latest {
                Some(latest) if over => latest,
                Some(latest) => latest.max(clock.now()),
                None => clock.now(),
            };
            let moment = Moment { now, frame };
            // The last picture stays, and may be longer than the screen.
            let height = if over {
                usize::MAX
            } else {
                size.0.saturating_sub(2).max(4)
            };
            let mut lines = tree::draw(view, paint, moment, height);
            if !over {
                let began = view.began.unwrap_or(now);
                let time = format!("pipeline time {}", figures::since(began, now));
                let notice = view.notice.as_deref().unwrap_or_default();
                let line = format!("{}  {}", paint.faint(&time), paint.warn(notice));
                lines.push(paint.fit(&line));
            }
            lines
        });
        canvas.draw(&lines, size.1);
        if over {
            canvas.end();
            return;
        }
        frame += 1;
    }
}

/// Lines that are drawn over the ones before them.
struct Canvas {
    term: Term,
    drawn: usize,
    columns: usize,
}

impl Canvas {
    fn new(term: Term) -> Self {
        Self {
            term,
            drawn: 0,
            columns: 0,
        }
    }

    fn begin(&self) {
        let _ = self.term.hide_cursor();
    }

    /// One write per frame, within a synchronised update where the terminal knows it; every line is cleared only behind
    /// its text, so that nothing is ever blank in between.
    fn draw(&mut self, lines: &[String], columns: usize) {
        let mut text = String::from("\x1b[?2026h");
        let resized = self.columns != columns && self.drawn > 0;
        self.columns = columns;
        if resized {
            // The terminal has broken the old lines anew; where they are now nobody knows.
            text.push_str("\x1b[2J\x1b[H");
        } else if self.drawn > 0 {
            let _ = write!(text, "\x1b[{}A", self.drawn);
        }
        text.push('\r');
        for line in lines {
            let _ = write!(text, "{line}\x1b[K\r\n");
        }
        text.push_str("\x1b[J\x1b[?2026l");
        let _ = self.term.write_str(&text);
        let _ = self.term.flush();
        self.drawn = lines.len();
    }

    fn end(&self) {
        let _ = self.term.show_cursor();
    }
}

/// One stage of preparation: a spinner on a terminal, a line elsewhere.
pub struct Stage {
    term: Option<Term>,
    paint: Paint,
    began: std::time::Instant,
    title: String,
    stop: Option<(Sender<()>, JoinHandle<()>)>,
    detail: Arc<Mutex<String>>,
}

impl Stage {
    /// Begins a stage. `term` is a terminal to draw on; without one only the end is told.
    pub fn begin(term: Option<Term>, paint: Paint, title: &str) -> Self {
        let detail = Arc::new(Mutex::new(String::new()));
        let stop = term.clone().map(|term| {
            let (stop, stopped) = channel();
            let (title, detail) = (title.to_owned(), Arc::clone(&detail));
            let thread = std::thread::spawn(move || {
                let _ = term.hide_cursor();
                for frame in 0usize.. {
                    if !matches!(stopped.recv_timeout(FRAME), Err(RecvTimeoutError::Timeout)) {
                        break;
                    }
                    let spinner = paint.glyphs.spinner[frame % paint.glyphs.spinner.len()];
                    let line = format!(
                        "{} {title}  {}",
                        paint.active(spinner),
                        paint.faint(&detail.lock())
                    );
                    let _ = term.write_str(&format!("\r{}\x1b[K", paint.fit(&line)));
                }
                let _ = term.write_str("\r\x1b[K");
                let _ = term.show_cursor();
            });
            (stop, thread)
        });
        Self {
            term,
            paint,
            began: std::time::Instant::now(),
            title: title.to_owned(),
            stop,
            detail,
        }
    }

    /// What is being done at this moment.
    pub fn detail(&self) -> impl Fn(&str) + Send + Sync + 'static {
        let detail = Arc::clone(&self.detail);
        move |text: &str| text.clone_into(&mut detail.lock())
    }

    /// Ends the stage; it is told only if it took long enough to notice.
    pub fn done(mut self, print: &dyn Fn(&str)) {
        self.clear();
        let took = self.began.elapsed();
        if took > Duration::from_millis(1500) || self.term.is_none() {
            let done = self.paint.good(self.paint.glyphs.done);
            print(&format!(
                "{done} {}  {}",
                self.title,
                self.paint.faint(&format!("{:.1} s", took.as_secs_f64()))
            ));
        }
    }

    fn clear(&mut self) {
        if let Some((stop, thread)) = self.stop.take() {
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.clear();
    }
}
