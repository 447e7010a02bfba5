//! Replicas × weights × layouts, watched from outside. A few cells by default; all of them with
//! `GROUNDCREW_CANARY_MATRIX=all`, those of some numbers of replicas with `…=5,10`.

use harness::{Case, Need, Suite, Web};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Controllers];
    vec![Case::new(
        "what_must_hold_holds_in_every_cell",
        needs,
        matrix,
    )]
}

struct Cell {
    replicas: i32,
    strategy: Value,
    layout: &'static str,
    weights: &'static [u32],
}

fn cells() -> Vec<Cell> {
    let asked = std::env::var("GROUNDCREW_CANARY_MATRIX").ok();
    let all = asked.is_some();
    let replicas: Vec<i32> = match asked.as_deref() {
        None => vec![3, 23],
        Some("all") => vec![1, 2, 3, 5, 10, 23, 200],
        Some(some) => some
            .split(',')
            .filter_map(|number| number.parse().ok())
            .collect(),
    };
    let weights: &[&[u32]] = if all {
        &[&[1, 10, 25], &[10, 50, 99], &[33], &[50, 10]]
    } else {
        &[&[10, 40]]
    };
    let strategies = [Value::Null, json!({"maxSurge": 1, "maxUnavailable": 0})];
    let mut cells = Vec::new();
    let strategies = if all {
        &strategies[..]
    } else {
        &strategies[..1]
    };
    for replicas in &replicas {
        // Cells of one strategy share a Deployment.
        for strategy in strategies {
            for weights in weights {
                for layout in ["auto", "replace"] {
                    cells.push(Cell {
                        replicas: *replicas,
                        strategy: strategy.clone(),
                        layout,
                        weights,
                    });
                }
            }
        }
    }
    cells
}

#[expect(
    clippy::print_stdout,
    reason = "which cells were gone through is what a long run is for"
)]
fn matrix(suite: &Suite) {
    let mut image = 1;
    let mut done = 0;
    let mut last: Option<(i32, Value, Web<'_>)> = None;
    for cell in cells() {
        let same = |(replicas, strategy, _): &(i32, Value, Web<'_>)| {
            (*replicas, strategy) == (cell.replicas, &cell.strategy)
        };
        if !last.as_ref().is_some_and(same) {
            image = 1;
            if let Some((_, _, done)) = &last {
                // Three nodes take 330 pods.
                let delete = "delete deployment web --cascade=foreground --timeout=200s";
                done.kubectl(delete).run().success();
            }
            let web = suite.web(cell.replicas, cell.strategy.clone());
            last = Some((cell.replicas, cell.strategy.clone(), web));
        }
        let Some((_, _, web)) = &last else { continue };
        if cell.replicas < 3 && cell.layout == "replace" {
            continue;
        }
        image = run(web, &cell, image);
        done += 1;
        let Cell {
            replicas,
            layout,
            weights,
            strategy,
        } = &cell;
        println!("{done}: {replicas} replicas, {layout}, {weights:?}, {strategy}");
    }
}

/// Goes through the weights of a cell and promotes; returns the image tag that runs then.
fn run(web: &Web<'_>, cell: &Cell, image: u32) -> u32 {
    let Cell {
        replicas,
        layout,
        weights,
        ..
    } = cell;
    let name = format!(
        "{replicas} replicas, {layout}, {weights:?}, {}",
        cell.strategy
    );
    let words: Vec<String> = weights.iter().map(u32::to_string).collect();
    let next = image + 1;
    let change = format!("--image web=sandbox.local/sim:{next} --layout {layout}");
    let watcher = web.watch();
    let ascending: Vec<String> = {
        let mut sorted = weights.to_vec();
        sorted.sort_unstable();
        sorted.iter().map(u32::to_string).collect()
    };
    let plan = format!("plan web {} {change} -o json", ascending.join(","));
    let plan = web.canary(&plan).run().success().json();
    let number = |value: &Value| usize::try_from(value.as_u64().unwrap_or(0)).unwrap_or_default();
    let steps = plan["steps"].as_array().cloned().unwrap_or_default();
    let most_canary = steps
        .iter()
        .map(|step| number(&step["canary"]))
        .max()
        .unwrap_or_default();
    // Without the ways out, which the controller goes by itself.
    let begun = words.iter().zip(*weights);
    let up: Vec<&str> = begun
        .take_while(|(_, weight)| **weight >= weights[0])
        .map(|(word, _)| word.as_str())
        .collect();
    let plan_up = format!("plan web {} {change} -o json", up.join(","));
    let plan_up = web.canary(&plan_up).run().success().json();
    let up = plan_up["steps"].as_array().into_iter().flatten();
    let most_to_weights = up.flat_map(|step| {
        let patches = step["patches"].as_array().into_iter().flatten();
        patches.map(|patch| number(&patch["mostPods"]))
    });
    let most_to_weights = most_to_weights.max().unwrap_or_default();
    let mut highest = 0;
    for (weight, asked) in words.iter().zip(*weights) {
        let change = if *weight == words[0] {
            change.as_str()
        } else {
            ""
        };
        let words = format!("web {weight}% {change} --accept-weight --timeout 280s");
        let started = web.canary(&words).run();
        assert_eq!(started.code, Some(0), "{name}\n{started}");
        let (stable, canary) = web.split();
        let planned = steps
            .iter()
            .find(|step| step["asked"].as_f64() == weight.parse().ok());
        let planned = planned.unwrap_or_else(|| panic!("{name}: no {weight} in {plan}"));
        assert_eq!(planned["stable"], stable, "{name} at {weight}\n{started}");
        assert_eq!(planned["canary"], canary, "{name} at {weight}\n{started}");
        // A way to a smaller weight is the one back, and then up again.
        highest = highest.max(*asked);
        if highest == *asked {
            let seen = watcher.seen();
            assert!(seen.most <= most_to_weights, "{name}: I2 {seen:?} {plan}");
        }
    }
    let seen = watcher.seen();
    let ready = usize::try_from(*replicas).unwrap_or_default();
    assert!(seen.fewest_ready >= ready, "{name}: I1 {seen:?}");
    let canaries = seen
        .most_of
        .get(&next.to_string())
        .copied()
        .unwrap_or_default();
    assert!(canaries <= most_canary, "{name}: I3 {seen:?}");
    let fewest_stable = seen
        .fewest_of
        .get(&image.to_string())
        .copied()
        .unwrap_or_default();
    assert!(fewest_stable >= 1, "{name}: I5 {seen:?}");
    let observed = web.pods_of(&next.to_string());
    let promoted = web.canary("promote web --timeout 280s").run();
    assert_eq!(promoted.code, Some(0), "{name}\n{promoted}");
    let pods = web.pods_of(&next.to_string());
    assert!(
        observed.iter().all(|pod| pods.contains(pod)),
        "{name}: other pods were promoted"
    );
    assert_eq!(pods.len(), ready, "{name}");
    let seen = watcher.seen();
    assert!(seen.fewest_ready >= ready, "{name}: I4 {seen:?}");
    assert!(
        seen.most <= number(&plan["mostPods"]),
        "{name}: I2 {seen:?} {plan}"
    );
    web.is_clean();
    next
}
