//! The pipeline-time timeline at the end of a run: when the cluster started, which step ran when, and where nothing did.

use jiff::Timestamp;

use super::cluster::Cluster;
use super::figures;
use super::paint::{Paint, left, right};
use super::view::View;

const TOOK: usize = 8;
/// A hundred tables have hundreds of steps; the longest are the ones to look at.
const MOST_STEPS: usize = 24;

/// The bars, with a scale above and a legend below; nothing for a run without cluster.
pub fn draw(view: &View, paint: Paint) -> Vec<String> {
    let (Some(began), Some(latest)) = (view.began, view.latest) else {
        return Vec::new();
    };
    if view.clusters.is_empty() {
        return Vec::new();
    }
    let label = label_width(view, paint);
    let scale = Scale {
        began,
        latest,
        label,
        columns: paint.width.saturating_sub(label + TOOK + 2).max(10),
    };
    let mut lines = vec![format!(
        "{} {}",
        left("pipeline time", label),
        paint.faint(&scale.ruler())
    )];
    for cluster in &view.clusters {
        lines.push(cluster_bar(cluster, &scale, paint));
        lines.extend(step_bars(cluster, &scale, paint));
        for (from, to) in &cluster.resizes {
            let to = to.unwrap_or(latest);
            let bar = scale.bar(&[(*from, to, paint.glyphs.bar_start)]);
            lines.push(scale.row(
                "  more workers",
                &paint.faint(&bar),
                &figures::duration(to.duration_since(*from)),
            ));
        }
    }
    let glyphs = paint.glyphs;
    lines.push(paint.faint(&format!(
        "{} EMR starts   {} a step runs   {} ready, but idle   {} EMR ends",
        glyphs.bar_start, glyphs.bar_work, glyphs.bar_idle, glyphs.bar_end
    )));
    lines.iter().map(|line| paint.fit(line)).collect()
}

/// One sentence about what was paid for: `paid 12m 40s: 5m 00s starting, …; busy 97 %`.
pub fn paid_sentence(cluster: &Cluster, now: Timestamp) -> String {
    let paid = cluster.paid(now);
    format!(
        "cluster paid for {}: {} starting, {} in steps, {} idle, {} ending; {:.0} % at work",
        figures::duration(paid.total),
        figures::duration(paid.starting),
        figures::duration(paid.working),
        figures::duration(paid.idle),
        figures::duration(paid.ending),
        paid.busy_share() * 100.0,
    )
}

fn cluster_bar(cluster: &Cluster, scale: &Scale, paint: Paint) -> String {
    let glyphs = paint.glyphs;
    let Some(launched) = cluster.launched() else {
        return scale.row(&format!("cluster {}", cluster.id), "", "");
    };
    let end = cluster.gone().unwrap_or(scale.latest);
    let ending = cluster.ending().unwrap_or(end);
    let ready = cluster.ready().unwrap_or(ending);
    let mut spans = vec![
        (launched, ready, glyphs.bar_start),
        (ready, ending, glyphs.bar_idle),
        (ending, end, glyphs.bar_end),
    ];
    spans.extend(
        cluster
            .work(end)
            .into_iter()
            .map(|(from, to)| (from, to, glyphs.bar_work)),
    );
    let bar = scale.bar(&spans);
    let took = figures::duration(cluster.paid(end).total);
    scale.row(
        &format!("cluster {}", cluster.id),
        &paint.strong(&bar),
        &took,
    )
}

fn step_bars(cluster: &Cluster, scale: &Scale, paint: Paint) -> Vec<String> {
    let mut shown: Vec<_> = cluster
        .steps
        .iter()
        .filter(|step| step.started.is_some())
        .collect();
    let hidden = shown.len().saturating_sub(MOST_STEPS);
    if hidden > 0 {
        shown.sort_by_key(|step| std::cmp::Reverse(step.took(scale.latest)));
        shown.truncate(MOST_STEPS);
        shown.sort_by_key(|step| step.started);
    }
    let mut lines: Vec<String> = shown
        .into_iter()
        .map(|step| {
            let from = step.started.unwrap_or(step.submitted);
            let bar = scale.bar(&[(
                from,
                step.ended.unwrap_or(scale.latest),
                paint.glyphs.bar_work,
            )]);
            let bar = if step.failed() {
                paint.bad(&bar)
            } else {
                paint.good(&bar)
            };
            let took = step
                .took(scale.latest)
                .map(figures::duration)
                .unwrap_or_default();
            scale.row(&format!("  {}", step.short_name()), &bar, &took)
        })
        .collect();
    if hidden > 0 {
        lines.push(paint.faint(&format!(
            "  and {} that took less",
            figures::counted(hidden as u64, "step")
        )));
    }
    lines
}

/// As wide as the longest name, but never more than the bars can spare.
fn label_width(view: &View, paint: Paint) -> usize {
    let steps = view.clusters.iter().flat_map(|cluster| &cluster.steps);
    let longest = steps
        .map(|step| step.short_name().chars().count() + 2)
        .max();
    longest
        .unwrap_or(0)
        .clamp(23, (paint.width * 9 / 20).max(23))
}

/// Pipeline time laid out over columns.
struct Scale {
    began: Timestamp,
    latest: Timestamp,
    label: usize,
    columns: usize,
}

impl Scale {
    fn row(&self, label: &str, bar: &str, took: &str) -> String {
        let label = console::truncate_str(label, self.label, "…");
        format!("{} {bar} {}", left(&label, self.label), right(took, TOOK))
    }

    fn column(&self, at: Timestamp) -> usize {
        let whole = self
            .latest
            .duration_since(self.began)
            .as_secs_f64()
            .max(1.0);
        let part = at
            .duration_since(self.began)
            .as_secs_f64()
            .clamp(0.0, whole);
        ((part / whole) * self.columns as f64).round() as usize
    }

    /// Later spans are drawn over earlier ones; what took any time at all gets a column.
    fn bar(&self, spans: &[(Timestamp, Timestamp, char)]) -> String {
        let mut cells = vec![' '; self.columns];
        for (from, to, glyph) in spans {
            let first = self.column(*from).min(self.columns - 1);
            let mut end = self.column(*to);
            if end <= first && to > from {
                end = first + 1;
            }
            for cell in &mut cells[first..end.max(first).min(self.columns)] {
                *cell = *glyph;
            }
        }
        cells.into_iter().collect()
    }

    /// Marks at round times, as many as fit.
    fn ruler(&self) -> String {
        const ROUND: &[i64] = &[
            10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400,
        ];
        const MARK: usize = 8;
        let whole = self.latest.duration_since(self.began).as_secs().max(1);
        let most = (self.columns / MARK).max(1) as i64;
        let step = ROUND
            .iter()
            .copied()
            .find(|step| whole / step < most)
            .unwrap_or(whole);
        let mut ruler = String::new();
        let mut at = 0;
        while at <= whole {
            let column = (at as f64 / whole as f64 * self.columns as f64).round() as usize;
            let mark = match at {
                0 => "0".to_owned(),
                at if at % 3600 == 0 => format!("{}h", at / 3600),
                at if at % 60 == 0 => format!("{}m", at / 60),
                at => format!("{at}s"),
            };
            if column + mark.len() <= self.columns && column >= ruler.len() {
                ruler.push_str(&" ".repeat(column - ruler.len()));
                ruler.push_str(&mark);
            }
            at += step;
        }
        left(&ruler, self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::paint::Paint;

    /// `  dimension.country load`.
    const LABEL: usize = 24;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn view() -> View {
        let mut cluster = Cluster::new("j-1ABC", "nightly");
        cluster.change(at(30), "STARTING", "");
        cluster.change(at(300), "WAITING", "");
        for (id, from, to) in [
            ("dimension.country load [aa]", 330, 420),
            ("fact.transfer load [bb]", 420, 480),
        ] {
            cluster
                .step(at(from), id, id)
                .change(at(from), "RUNNING", "");
            cluster.step(at(to), id, id).change(at(to), "COMPLETED", "");
        }
        cluster.change(at(510), "TERMINATING", "");
        cluster.change(at(570), "TERMINATED", "");
        View {
            began: Some(at(0)),
            latest: Some(at(600)),
            clusters: vec![cluster],
            ..View::default()
        }
    }

    #[test]
    fn a_run_without_cluster_has_no_timeline() {
        assert!(draw(&View::default(), Paint::plain(80)).is_empty());
    }

    #[test]
    fn bars_stand_where_their_time_is() {
        let lines = draw(&view(), Paint::plain(LABEL + 1 + 60 + 1 + TOOK));
        // 60 columns for 600 seconds.
        let bar = |line: &str| line.chars().skip(LABEL + 1).take(60).collect::<String>();
        let picture = |parts: &[(char, usize)]| {
            parts
                .iter()
                .map(|(glyph, count)| glyph.to_string().repeat(*count))
                .collect::<String>()
        };
        assert_eq!(
            bar(&lines[1]),
            picture(&[
                (' ', 3),
                ('░', 27),
                ('·', 3),
                ('█', 15),
                ('·', 3),
                ('▒', 6),
                (' ', 3)
            ])
        );
        assert_eq!(bar(&lines[2]), picture(&[(' ', 33), ('█', 9), (' ', 18)]));
        assert!(
            lines[2].starts_with("  dimension.country load "),
            "{}",
            lines[2]
        );
        assert!(lines[2].ends_with("1m 30s"), "{}", lines[2]);
        assert!(
            lines[0].contains("0           2m          4m"),
            "{}",
            lines[0]
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [40, 80, 120] {
            for line in draw(&view(), Paint::plain(width)) {
                assert!(
                    console::measure_text_width(&line) <= width,
                    "{width}: {line}"
                );
            }
        }
    }

    #[test]
    fn says_what_was_paid_for() {
        assert_eq!(
            paid_sentence(&view().clusters[0], at(600)),
            "cluster paid for 9m 00s: 4m 30s starting, 2m 30s in steps, 1m 00s idle, 1m 00s ending; 89 % at work"
        );
    }
}
