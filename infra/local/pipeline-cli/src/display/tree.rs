//! The live picture of a run: the tree of executions and states, the cluster, its workers and steps, as lines that fit the
//! terminal. Pure; `live` puts it on the screen.

use jiff::Timestamp;

use super::cluster::{Cluster, Step};
use super::execution::{CurrentState, Execution, Standing, Strand};
use super::figures;
use super::paint::Paint;
use super::view::View;

/// When a frame is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Pipeline time.
    pub now: Timestamp,
    /// Counts frames; turns the spinners.
    pub frame: usize,
}

/// The picture in at most `height` lines. What is finished is folded first, then the oldest steps.
pub fn draw(view: &View, paint: Paint, moment: Moment, height: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for detail in [Detail::All, Detail::Active, Detail::Folded] {
        lines = picture(view, paint, moment, detail);
        if lines.len() <= height {
            return lines;
        }
    }
    let hidden = lines.len() - height.saturating_sub(1);
    lines.truncate(height.saturating_sub(1));
    lines.push(paint.faint(&format!("{} {hidden} more lines", paint.glyphs.ellipsis)));
    lines
}

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Detail {
    /// Only what runs or failed, steps counted.
    Folded,
    /// Steps that run or failed, and the last one that is done.
    Active,
    /// Everything.
    All,
}

fn picture(view: &View, paint: Paint, moment: Moment, detail: Detail) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, execution) in view.executions.iter().enumerate() {
        if execution.parent.is_none() {
            draw_execution(view, index, paint, moment, detail, "", "", &mut lines);
        }
    }
    for cluster in &view.clusters {
        draw_cluster(cluster, paint, moment, detail, &mut lines);
    }
    if !view.mails.is_empty() {
        let last = view
            .mails
            .last()
            .map(|mail| mail.subject.as_str())
            .unwrap_or_default();
        let line = format!("{} {}", paint.strong("mail"), last);
        let count = figures::counted(view.mails.len() as u64, "mail");
        lines.push(paint.spread(&line, &paint.faint(&count)));
    }
    lines
}

#[allow(clippy::too_many_arguments)]
fn draw_execution(
    view: &View,
    index: usize,
    paint: Paint,
    moment: Moment,
    detail: Detail,
    own_prefix: &str,
    below_prefix: &str,
    lines: &mut Vec<String>,
) {
    let execution = &view.executions[index];
    let mark = mark(execution.standing, paint, moment);
    let took = execution
        .ended
        .unwrap_or(moment.now)
        .duration_since(execution.started);
    let mut left = format!(
        "{}{mark} {}",
        paint.faint(own_prefix),
        paint.strong(&execution.machine)
    );
    let running = execution.standing == Standing::Running;
    let children: Vec<usize> = view.children(index).collect();
    let strands = shown_strands(execution, children.is_empty());
    if let (true, Some(state)) = (running, &execution.strands[0].state) {
        left.push_str(&format!("  {}", state_text(state, paint)));
    } else if let Some(error) = &execution.error {
        left.push_str(&format!("  {}", paint.bad(error)));
    }
    lines.push(paint.spread(&left, &figures::duration(took)));
    let mut below: Vec<Below<'_>> = Vec::new();
    let unfinished = |strand: &&Strand| {
        strand.ended.is_none() || (strand.ended == Some(false) && detail > Detail::Folded)
    };
    if running || execution.standing != Standing::Succeeded {
        below.extend(strands.into_iter().filter(unfinished).map(Below::Strand));
    }
    below.extend(children.into_iter().map(Below::Execution));
    let count = below.len();
    for (position, item) in below.into_iter().enumerate() {
        let last = position + 1 == count;
        let own = format!(
            "{below_prefix}{}",
            if last {
                paint.glyphs.last
            } else {
                paint.glyphs.branch
            }
        );
        let further = format!(
            "{below_prefix}{}",
            if last { "   " } else { paint.glyphs.line }
        );
        match item {
            Below::Strand(strand) => {
                lines.push(strand_line(strand, execution, &own, paint, moment))
            }
            Below::Execution(child) => {
                draw_execution(view, child, paint, moment, detail, &own, &further, lines)
            }
        }
    }
}

/// What stands below an execution.
enum Below<'a> {
    Strand(&'a Strand),
    Execution(usize),
}

/// The strands worth a line: the innermost ones, and only where no child execution shows the same work in more detail.
fn shown_strands(execution: &Execution, alone: bool) -> Vec<&Strand> {
    if !alone {
        return Vec::new();
    }
    let strands = execution.strands.iter().enumerate().skip(1);
    let has_children = |index: usize| {
        execution
            .strands
            .iter()
            .any(|strand| strand.parent == Some(index))
    };
    strands
        .filter(|(index, _)| !has_children(*index))
        .map(|(_, strand)| strand)
        .collect()
}

fn strand_line(
    strand: &Strand,
    execution: &Execution,
    prefix: &str,
    paint: Paint,
    moment: Moment,
) -> String {
    let label = strand.label.as_deref().unwrap_or_default();
    let standing = match strand.ended {
        None => Standing::Running,
        Some(true) => Standing::Succeeded,
        Some(false) => Standing::Failed,
    };
    let mark = mark(standing, paint, moment);
    let left = format!("{}{mark} {label}", paint.faint(prefix));
    match &strand.state {
        Some(state) => {
            let since = moment.now.duration_since(state.since);
            paint.spread(
                &format!("{left}  {}", state_text(state, paint)),
                &figures::duration(since),
            )
        }
        None => {
            let failure = execution
                .failures
                .iter()
                .rev()
                .find(|failure| failure.label == strand.label);
            let error = failure
                .map(|failure| failure.error.as_str())
                .unwrap_or_default();
            paint.fit(&format!("{left}  {}", paint.bad(error)))
        }
    }
}

fn state_text(state: &CurrentState, paint: Paint) -> String {
    let times = if state.visit > 1 {
        paint.faint(&format!(" x{}", state.visit))
    } else {
        String::new()
    };
    format!("{}{times}", paint.active(&state.name))
}

fn draw_cluster(
    cluster: &Cluster,
    paint: Paint,
    moment: Moment,
    detail: Detail,
    lines: &mut Vec<String>,
) {
    let standing = match cluster.state() {
        "TERMINATED" => Standing::Succeeded,
        "TERMINATED_WITH_ERRORS" => Standing::Failed,
        _ => Standing::Running,
    };
    let mark = mark(standing, paint, moment);
    let mut left = format!("{mark} {} {}", paint.strong("cluster"), cluster.id);
    left.push_str(&format!("  {}", paint.active(cluster.state())));
    if cluster.is_alive() && !cluster.running.is_empty() {
        left.push_str(&format!("  {}", workers(cluster)));
    }
    let paid = cluster.paid(moment.now).total;
    lines.push(paint.spread(&left, &figures::duration(paid)));
    let shown: Vec<&Step> = match detail {
        Detail::All => cluster.steps.iter().collect(),
        Detail::Active => {
            let last_done = cluster
                .steps
                .iter()
                .rfind(|step| step.state == "COMPLETED")
                .map(|step| &step.id);
            let shown = |step: &&Step| step.state != "COMPLETED" || Some(&step.id) == last_done;
            cluster.steps.iter().filter(shown).collect()
        }
        Detail::Folded => cluster
            .steps
            .iter()
            .filter(|step| step.state != "COMPLETED" && step.state != "PENDING")
            .collect(),
    };
    let hidden = cluster.steps.len() - shown.len();
    if hidden > 0 {
        let text = format!(
            "{}{} more",
            paint.glyphs.branch,
            figures::counted(hidden as u64, "step")
        );
        lines.push(paint.faint(&text));
    }
    let count = shown.len();
    for (index, step) in shown.into_iter().enumerate() {
        let prefix = if index + 1 == count {
            paint.glyphs.last
        } else {
            paint.glyphs.branch
        };
        lines.push(step_line(step, prefix, paint, moment));
    }
}

fn step_line(step: &Step, prefix: &str, paint: Paint, moment: Moment) -> String {
    let mark = match step.state.as_str() {
        "COMPLETED" => paint.good(paint.glyphs.done),
        "RUNNING" => paint.active(spinner(paint, moment)),
        "PENDING" => paint.faint(paint.glyphs.waiting),
        _ => paint.bad(paint.glyphs.failed),
    };
    let mut left = format!("{}{mark} {}", paint.faint(prefix), step.short_name());
    if step.failed() {
        left.push_str(&format!("  {}", paint.bad(&step.state)));
    } else if step.state == "RUNNING" && !step.message.is_empty() {
        left.push_str(&format!("  {}", paint.faint(&step.message)));
    }
    let rows = step
        .rows
        .map(|rows| format!("{}  ", figures::counted(rows, "row")))
        .unwrap_or_default();
    let took = step
        .took(moment.now)
        .map(figures::duration)
        .unwrap_or_default();
    paint.spread(&left, &format!("{rows}{took:>7}"))
}

/// `1 master, 2 core, 1 task (+2 on the way)`.
pub(super) fn workers(cluster: &Cluster) -> String {
    let parts: Vec<String> = cluster
        .running
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(fleet, count)| format!("{count} {}", fleet.to_lowercase()))
        .collect();
    let coming: usize = cluster.provisioning.values().sum();
    match (parts.is_empty(), coming) {
        (true, 0) => "no instances".to_owned(),
        (true, _) => format!("{coming} on the way"),
        (false, 0) => parts.join(", "),
        (false, _) => format!("{} (+{coming} on the way)", parts.join(", ")),
    }
}

fn mark(standing: Standing, paint: Paint, moment: Moment) -> String {
    match standing {
        Standing::Running => paint.active(spinner(paint, moment)),
        Standing::Succeeded => paint.good(paint.glyphs.done),
        Standing::Failed | Standing::TimedOut => paint.bad(paint.glyphs.failed),
        Standing::Aborted => paint.warn(paint.glyphs.stopped),
    }
}

fn spinner(paint: Paint, moment: Moment) -> &'static str {
    paint.glyphs.spinner[moment.frame % paint.glyphs.spinner.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_services::{Occurrence, StepProgress};
    use serde_json::{Value, json};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    struct Script {
        view: View,
        ids: u64,
    }

    impl Script {
        fn new() -> Self {
            let view = View {
                stack: "pipeline".to_owned(),
                ..View::default()
            };
            Self { view, ids: 1 }
        }

        fn started(&mut self, second: i64, machine: &str, name: &str) {
            self.view.take(
                at(second),
                &Occurrence::ExecutionStarted {
                    execution_arn: format!("arn:{name}"),
                    state_machine_arn: format!(
                        "arn:aws:states:r:a:stateMachine:pipeline-{machine}"
                    ),
                    name: name.to_owned(),
                    parent: None,
                    input: Value::Null,
                },
            );
        }

        fn entered(&mut self, second: i64, execution: &str, kind: &str, state: &str) {
            self.ids += 1;
            let event = json!({"id": self.ids, "previousEventId": 0, "type": format!("{kind}StateEntered"), "stateEnteredEventDetails": {"name": state, "input": "{}"}});
            self.view.take(
                at(second),
                &Occurrence::HistoryEvent {
                    execution_arn: format!("arn:{execution}"),
                    event,
                },
            );
        }

        fn ended(&mut self, second: i64, execution: &str, status: &str, error: Option<&str>) {
            self.view.take(
                at(second),
                &Occurrence::ExecutionEnded {
                    execution_arn: format!("arn:{execution}"),
                    status: status.to_owned(),
                    output: None,
                    error: error.map(str::to_owned),
                    cause: None,
                },
            );
        }

        fn cluster(&mut self, second: i64, state: &str) {
            self.view.take(
                at(second),
                &Occurrence::ClusterChanged {
                    cluster_id: "j-1ABC".into(),
                    name: "nightly".into(),
                    state: state.into(),
                    reason: String::new(),
                },
            );
        }

        fn step(&mut self, second: i64, id: &str, name: &str, state: &str) {
            self.view.take(
                at(second),
                &Occurrence::StepChanged {
                    cluster_id: "j-1ABC".into(),
                    step_id: id.into(),
                    name: name.into(),
                    state: state.into(),
                    reason: String::new(),
                },
            );
        }

        fn lines(&self, second: i64, height: usize) -> Vec<String> {
            let moment = Moment {
                now: at(second),
                frame: 0,
            };
            draw(&self.view, Paint::plain(60), moment, height)
        }
    }

    fn loading() -> Script {
        let mut script = Script::new();
        script.started(0, "master", "run");
        script.started(5, "launch-emr-cluster", "run-launch-0");
        script.cluster(6, "STARTING");
        script.cluster(306, "WAITING");
        script.ended(310, "run-launch-0", "SUCCEEDED", None);
        script.started(312, "dimension-process", "run-dimensions-0");
        script.entered(312, "run", "Wait", "Wait for dimensions");
        script.entered(330, "run", "Wait", "Wait for dimensions");
        script.entered(312, "run-dimensions-0", "Map", "Load the tables");
        script.step(315, "s-1", "stage dimension country B [0a]", "RUNNING");
        script.step(350, "s-1", "stage dimension country B [0a]", "COMPLETED");
        script.step(350, "s-2", "load dimension country B [0b]", "RUNNING");
        script.view.take(
            at(352),
            &Occurrence::StepProgress {
                cluster_id: "j-1ABC".into(),
                step_id: "s-2".into(),
                progress: StepProgress {
                    message: "Loading data".into(),
                    rows: Some(249),
                },
            },
        );
        script
    }

    #[test]
    fn the_tree_shows_children_under_their_parent_and_steps_under_the_cluster() {
        assert_eq!(
            loading().lines(360, 99),
            [
                "⠋ master  Wait for dimensions x2                      6m 00s",
                "├─ ✓ launch-emr-cluster                               5m 05s",
                "└─ ⠋ dimension-process  Load the tables                  48s",
                "⠋ cluster j-1ABC  WAITING                             5m 54s",
                "├─ ✓ stage dimension country                             35s",
                "└─ ⠋ load dimension country  Loading data  249 rows      10s",
            ]
        );
    }

    #[test]
    fn what_is_done_is_folded_before_anything_is_cut() {
        let mut script = loading();
        for index in 0..20 {
            script.step(
                350,
                &format!("s-x{index}"),
                "archive dimension currency B [0c]",
                "COMPLETED",
            );
        }
        let lines = script.lines(360, 8);
        assert!(lines.len() <= 8, "{lines:#?}");
        assert!(
            lines.iter().any(|line| line.contains("20 steps more")),
            "{lines:#?}"
        );
        assert!(
            lines
                .iter()
                .any(|line| line.contains("load dimension country")),
            "{lines:#?}"
        );
        assert_eq!(script.lines(360, 4).len(), 4);
    }

    #[test]
    fn a_failed_child_keeps_its_error_on_the_line() {
        let mut script = loading();
        script.ended(370, "run-dimensions-0", "FAILED", Some("TablesFailed"));
        let lines = script.lines(370, 99);
        assert!(
            lines[2].starts_with("└─ ✗ dimension-process  TablesFailed"),
            "{}",
            lines[2]
        );
        assert_eq!(script.view.culprit().unwrap().machine, "dimension-process");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let script = loading();
        for width in [40, 60, 80] {
            let moment = Moment {
                now: at(360),
                frame: 3,
            };
            for line in draw(&script.view, Paint::plain(width), moment, 99) {
                assert!(console::measure_text_width(&line) <= width, "{line}");
            }
        }
    }
}
