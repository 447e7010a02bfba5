//! Figures of `kubectl ns-claim`: one claim, and how `list` and a run of the reaper grow.

use std::fmt::Write as _;
use std::path::Path;

use super::{CLAIM_PLUGIN, Figure, NAME, Run, figure, measured, median, megabytes, millis};
use crate::error::Result;
use crate::interrupt;
use crate::kubectl::Kubectl;
use crate::layout::RunDir;
use crate::state::State;

const CLAIMS: usize = 5;
/// Runs of `list` and of the reaper at each size.
const PASSES: usize = 3;
/// Namespaces of the whole cluster; a tenth of them are claims.
const SIZES: [usize; 3] = [500, 5000, 10_000];
/// Namespaces of one manifest, and manifests that are sent at the same time.
const CHUNK: usize = 250;
const AT_ONCE: usize = 4;

/// Measures.
///
/// # Errors
///
/// When something does not succeed.
pub(super) fn measure(plugin: &Path, state: &State) -> Result<Vec<Figure>> {
    let run = |args: &[&str]| measured(CLAIM_PLUGIN, plugin, state, args);
    run(&["install"])?;
    let claims: Vec<Run> = (1..=CLAIMS)
        .map(|number| run(&[&format!("bench-claim-{number}"), "--ttl", "2h"]))
        .collect::<Result<_>>()?;
    let most = |runs: &[Run], of: fn(&Run) -> u64| runs.iter().map(of).max().unwrap_or_default();
    let mut figures = vec![
        figure(
            "claim, wall time, median of 5",
            millis(median(claims.iter().map(|run| run.wall).collect())),
            "≤ 1000 ms",
        ),
        figure(
            "claim, API requests, most of 5",
            most(&claims, |run| run.requests as u64).to_string(),
            "≤ 8",
        ),
        figure(
            "claim, peak memory, most of 5",
            megabytes(most(&claims, |run| run.peak_bytes)),
            "≤ 40 MB",
        ),
    ];
    let mut there = 0;
    for size in SIZES {
        fill(state, there, size)?;
        there = size;
        let goal = |text| if size == 5000 { text } else { "" };
        let of = format!("{size} namespaces, {} claims", size / 10);
        for (what, args) in [("list", &["list"][..]), ("reap", &["reap", "--yes"][..])] {
            // The first run after so many writes pays for them.
            run(args)?;
            let taken: Vec<Run> = (0..PASSES).map(|_| run(args)).collect::<Result<_>>()?;
            figures.extend([
                figure(
                    format!("{what}, {of}, median of {PASSES}"),
                    millis(median(taken.iter().map(|run| run.wall).collect())),
                    goal("≤ 2000 ms"),
                ),
                figure(
                    format!("{what}, {of}, API requests"),
                    most(&taken, |run| run.requests as u64).to_string(),
                    goal("≤ 12 LIST pages"),
                ),
                figure(
                    format!("{what}, {of}, peak memory"),
                    megabytes(most(&taken, |run| run.peak_bytes)),
                    goal("≤ 60 MB"),
                ),
            ]);
        }
    }
    Ok(figures)
}

/// Adds namespaces up to a number; every tenth is a claim and stands in the index.
fn fill(state: &State, from: usize, to: usize) -> Result<()> {
    let run = RunDir::of(NAME)?;
    let kubectl = Kubectl::new(&state.bin_dir.join("kubectl"), &state.kubeconfig, &run);
    let numbers: Vec<usize> = (from..to).collect();
    let chunks: Vec<&[usize]> = numbers.chunks(CHUNK).collect();
    for together in chunks.chunks(AT_ONCE) {
        interrupt::check()?;
        std::thread::scope(|scope| {
            let sent: Vec<_> = together
                .iter()
                .map(|chunk| scope.spawn(|| kubectl.create(&manifest(chunk))))
                .collect();
            sent.into_iter().try_for_each(|thread| match thread.join() {
                Ok(result) => result.map(drop),
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })?;
    }
    let entries: Vec<String> = numbers
        .iter()
        .filter(|number| is_claim(**number))
        .map(|number| format!("\"{}\":\"bench\"", name(*number)))
        .collect();
    let patch = format!("{{\"data\":{{{}}}}}", entries.join(","));
    kubectl.run(&[
        "patch",
        "configmap",
        "claims",
        "--namespace=groundcrew-system",
        "--type=merge",
        &format!("--patch={patch}"),
    ])?;
    Ok(())
}

fn is_claim(number: usize) -> bool {
    number.is_multiple_of(10)
}

fn name(number: usize) -> String {
    format!("bench-{number:05}")
}

fn manifest(numbers: &[usize]) -> String {
    let mut text = String::new();
    for number in numbers {
        let name = name(*number);
        let written = if is_claim(*number) {
            write!(
                text,
                "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels: \
                 {{groundcrew.dev/claim: \"true\"}}\n  annotations: {{groundcrew.dev/owner: bench, \
                 groundcrew.dev/expires-at: \"2099-01-01T00:00:00Z\"}}\n"
            )
        } else {
            write!(
                text,
                "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n"
            )
        };
        // Writing into a string cannot fail.
        debug_assert!(written.is_ok());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tenth_namespace_is_a_claim() {
        let numbers: Vec<usize> = (0..20).collect();
        let text = manifest(&numbers);
        assert_eq!(text.matches("kind: Namespace").count(), 20);
        assert_eq!(text.matches("groundcrew.dev/claim").count(), 2);
    }
}
