//! A status as a tree: what a person who watches wants to see in five lines.

use std::time::Duration;

use groundcrew::flags::duration::Span;
use groundcrew::plural::count;
use jiff::Timestamp;

use crate::model::state::Phase;
use crate::model::status::{SAME_IMAGE, Side, Status};
use crate::model::verdict::judge::Decision;
use crate::model::weight::Weight;

/// Characters of the bar that is all pods.
const BAR: u32 = 20;

/// Returns the tree, every line no longer than `width`.
#[must_use]
pub fn tree(status: &Status, now: Timestamp, sentence: &str, width: usize) -> String {
    let mut lines = vec![head(status, now, sentence)];
    let all = status.stable.replicas + status.canary.replicas;
    let has_canary = status.canary.hash.is_some();
    let arms = [("stable", &status.stable), ("canary", &status.canary)];
    let arms = arms.into_iter().filter(|(_, side)| side.hash.is_some());
    let cells: Vec<(&str, [String; 5])> = arms
        .map(|(name, side)| (name, cells(side, all, now)))
        .collect();
    let widest = |column: usize| {
        let cells = cells.iter().map(|(_, cells)| cells[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths = [0, 1, 2, 3].map(widest);
    for (name, [bar, ready, restarts, image, age]) in &cells {
        let last = *name == "canary" || !has_canary;
        let branch = if last { "└─" } else { "├─" };
        let [_, ready_wide, restarts_wide, image_wide] = widths;
        let line = format!(
            "{branch} {name}  {bar}  {ready:>ready_wide$} ready  {restarts:<restarts_wide$}  \
             {image:<image_wide$}  {age}"
        );
        lines.push(line.trim_end().to_owned());
    }
    if let Some(traffic) = &status.traffic {
        lines.push(format!(
            "   traffic   {} of the requests by {} (its pods alone: {})",
            traffic.percent,
            traffic.routes.join(", "),
            traffic.pods_percent
        ));
    }
    if status.same_image {
        lines.push(format!("   images    {SAME_IMAGE}"));
    }
    if let Some(analysis) = analysis(status, now) {
        lines.push(format!("   analysis  {analysis}"));
    }
    if let Some(driver) = &status.driver {
        lines.push(format!("   driver    {driver}"));
    }
    if let Some(next) = next(status) {
        lines.push(format!("   next      {next}"));
    }
    let mut text = String::new();
    for line in lines {
        text.push_str(&cut(&line, width));
        text.push('\n');
    }
    text
}

fn head(status: &Status, now: Timestamp, sentence: &str) -> String {
    let sign = match status.phase {
        Phase::Idle => "●",
        Phase::Holding if !status.abandoned => "◐",
        Phase::Ramping | Phase::Settling | Phase::Promoting | Phase::Aborting
            if !status.abandoned =>
        {
            "◌"
        }
        _ => "✖",
    };
    let mut line = format!("{}  {sign} {sentence}", status.deployment);
    if let Some((at, of)) = status.step {
        line.push_str(&format!(", step {at} of {of}"));
    }
    if let Some(since) = status.since {
        line.push_str(&format!(", started {} ago", age(since, now)));
    }
    if !status.by.is_empty() {
        line.push_str(&format!(" by {}", status.by));
    }
    line
}

/// Returns the cells of a line: a bar, Ready pods, restarts, images, age.
fn cells(side: &Side, all: i32, now: Timestamp) -> [String; 5] {
    let bar = Weight::of(side.replicas, all).fraction() * f64::from(BAR);
    let full = (0..BAR).filter(|n| f64::from(*n) + 0.5 <= bar).count();
    // One pod of many is still there to be seen.
    let full = full.max(usize::from(side.replicas > 0));
    let bar = (0..BAR as usize).map(|n| if n < full { '█' } else { '░' });
    [
        bar.collect(),
        format!("{}/{}", side.ready, side.replicas),
        count(side.restarts, "restart"),
        side.images.join(", "),
        side.since.map_or_else(String::new, |since| age(since, now)),
    ]
}

/// What is known of how good it is, with how long it takes.
fn analysis(status: &Status, now: Timestamp) -> Option<String> {
    if let Some(dead) = &status.verdict.dead {
        return Some(format!("✖ dead: {dead}"));
    }
    let judged = status.verdict.judged.as_ref()?;
    let why = status.verdict.why.as_deref().unwrap_or_default();
    let warm = status.warm_at.filter(|warm| *warm > now);
    Some(match (&judged.decision, warm) {
        (Decision::Bad { .. }, _) => format!("✖ bad: {why}"),
        (Decision::Good, _) => format!("✔ good: {why}"),
        (Decision::Undecided { .. }, Some(warm)) => {
            format!("warming up, {} to go", age(now, warm))
        }
        (Decision::Undecided { .. }, None) => format!("undecided: {why}"),
    })
}

fn next(status: &Status) -> Option<&'static str> {
    match status.phase {
        Phase::Holding if !status.abandoned => Some("promote | abort | another weight"),
        Phase::Ramping | Phase::Settling | Phase::Promoting | Phase::Aborting | Phase::Holding => {
            status.abandoned.then_some("resume | abort")
        }
        Phase::Conflict | Phase::Orphan => Some("doctor | abort"),
        Phase::Idle => None,
    }
}

/// How long something has been so, in whole seconds.
fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0).unsigned_abs();
    Span(Duration::from_secs(seconds)).to_string()
}

/// Cuts a line that is too long; what it ends in is said by an ellipsis.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let mut text: String = line.chars().take(width.saturating_sub(1)).collect();
    text.push('…');
    text
}

#[cfg(test)]
mod tests {
    use crate::model::names::FIELD_MANAGER;
    use crate::model::status::{Judged, Percent, Traffic};
    use crate::model::verdict::judge::Verdict;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn side(replicas: i32, image: &str, since: i64) -> Side {
        Side {
            hash: Some("85d7".to_owned()),
            replicas,
            ready: usize::try_from(replicas).unwrap(),
            restarts: 1,
            images: vec![image.to_owned()],
            since: Some(at(since)),
        }
    }

    fn status() -> Status {
        Status {
            deployment: "web".to_owned(),
            namespace: "shop".to_owned(),
            phase: Phase::Holding,
            parked: true,
            abandoned: false,
            replicas: 11,
            stable: side(11, "r.example/web:1", -90_000),
            canary: side(1, "r.example/web:2", -252),
            target: Percent {
                percent: Some(Weight::percent(10)),
            },
            effective: Percent {
                percent: Some(Weight::of(1, 12)),
            },
            driver: None,
            conflict: None,
            by: "jan".to_owned(),
            step: None,
            warm_at: None,
            since: Some(at(-260)),
            traffic: None,
            same_image: false,
            verdict: Judged::default(),
        }
    }

    #[test]
    fn a_parked_canary_is_a_tree_with_images_ages_and_who() {
        insta::assert_snapshot!(
            tree(&status(), at(0), "holding at 8.3% (asked 10%), parked", 100),
            @r"
        web  ◐ holding at 8.3% (asked 10%), parked, started 4m20s ago by jan
        ├─ stable  ██████████████████░░  11/11 ready  1 restart  r.example/web:1  25h
        └─ canary  ██░░░░░░░░░░░░░░░░░░    1/1 ready  1 restart  r.example/web:2  4m12s
           next      promote | abort | another weight
        "
        );
    }

    #[test]
    fn a_canary_that_warms_up_counts_down_and_lines_fit() {
        let mut status = status();
        status.warm_at = Some(at(42));
        status.verdict.judged = Some(Verdict::default());
        status.step = Some((1, 3));
        status.driver = Some(format!("jan on laptop, process 7 {FIELD_MANAGER}"));
        status.traffic = Some(Traffic {
            routes: vec!["httproute/web".to_owned()],
            service: "web-rc-canary".to_owned(),
            percent: Weight::percent(10),
            pods_percent: Weight::of(1, 12),
        });
        let text = tree(&status, at(0), "holding", 60);
        assert!(
            text.lines().all(|line| line.chars().count() <= 60),
            "{text}"
        );
        assert!(text.contains("analysis  warming up, 42s to go"), "{text}");
        assert!(text.contains("holding, step 1 of 3"), "{text}");
    }

    #[test]
    fn what_needs_somebody_says_what_to_do() {
        let mut status = status();
        status.abandoned = true;
        status.phase = Phase::Ramping;
        let text = tree(&status, at(0), "nobody is driving it", 100);
        assert!(text.starts_with("web  ✖ ") && text.contains("next      resume | abort"));
    }
}
