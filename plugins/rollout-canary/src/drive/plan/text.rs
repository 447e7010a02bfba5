//! A plan for people.

use std::fmt::Display;

use groundcrew::finding::{Finding, Severity, Unseen};
use groundcrew::output::Table;

use crate::drive::plan::Plan;
use crate::drive::plan::traffic::Traffic;
use crate::drive::plan::weights::Bounds;
use crate::model::record::Layout;
use crate::model::weight::Weight;
use groundcrew::plural::count;

/// How far more than was asked for is worth a word: a share is given to half a percent.
const HALF: Weight = Weight::hundredths(50);

/// Says who gives the canary its share of the requests.
fn traffic(traffic: &Traffic) -> String {
    let routes = traffic.routes.join(", ");
    let mut text = match (traffic.gateway, &traffic.extra_service, &traffic.why) {
        (true, Some(extra), _) => format!(
            "traffic: {routes} gives the canary the share that its pods lack, by an extra \
             service/{extra}\n"
        ),
        (_, Some(_), _) => format!(
            "traffic: by the number of pods; with --traffic gateway, {routes} can give the \
             canary the share that its pods lack\n"
        ),
        (_, None, Some(why)) => format!("traffic: by the number of pods: {why}\n"),
        (_, None, None) => String::new(),
    };
    if traffic.gateway && !traffic.sticky.is_empty() {
        let sticky = traffic.sticky.join(", ");
        text.push_str(&format!(
            "traffic: {sticky} keeps each client on one backend (sessionPersistence): the canary's share \
             of the requests may differ\n"
        ));
    }
    if traffic.gateway && traffic.only_here {
        text.push_str(
            "traffic: routes of other namespaces may not be read; what enters by them is not counted\n",
        );
    }
    if !traffic.others.is_empty() {
        let others = traffic.others.join(", ");
        text.push_str(&format!(
            "traffic: {others} also leads there and is left alone\n"
        ));
    }
    text
}

/// Returns what a plan found, line by line, without what is only worth knowing.
#[must_use]
pub fn notes(plan: &Plan) -> Vec<String> {
    found(&plan.rights_missing, &plan.findings, &plan.unseen)
}

/// Returns what was found before a run, line by line, without what is only worth knowing.
#[must_use]
pub fn found(missing: &[impl Display], findings: &[Finding], unseen: &[Unseen]) -> Vec<String> {
    let mut lines = Vec::new();
    for right in missing {
        lines.push(format!("missing permission: {right}"));
    }
    for finding in findings {
        if let Some(line) = line(finding).filter(|_| finding.severity >= Severity::Warning) {
            lines.push(line);
        }
    }
    let unseen: Vec<&str> = unseen.iter().map(|one| one.what.as_str()).collect();
    if !unseen.is_empty() {
        lines.push(format!("not seen: {}", unseen.join(", ")));
    }
    lines
}

fn line(finding: &Finding) -> Option<String> {
    let word = match finding.severity {
        Severity::Error => "blocked",
        Severity::Warning => "note",
        Severity::Info => "found",
        Severity::Ok => return None,
    };
    let mut line = format!("{word}: {} {}", finding.place, finding.what);
    if finding.severity == Severity::Error && !finding.fix.is_empty() {
        line.push_str(&format!(" (accept it: {})", finding.fix));
    }
    Some(line)
}

/// Returns the plan as text: the numbers, then what was found.
#[must_use]
pub fn plan(plan: &Plan, headers: bool) -> String {
    let patches = plan.steps.iter().flat_map(|step| &step.patches);
    let to_weights = patches.map(|patch| patch.most_pods).max();
    let to_weights = to_weights.unwrap_or(plan.replicas);
    let mut text = format!(
        "{}: {}, Ready never below {}, at most {}",
        plan.deployment,
        count(plan.replicas, "replica"),
        plan.fewest_ready,
        count(to_weights, "pod")
    );
    let more = |bounds: Bounds| bounds.most_pods > to_weights;
    text.push_str(&match (more(plan.promotion), more(plan.abort)) {
        (false, false) => "\n".to_owned(),
        (true, false) => format!(", {} during promotion\n", plan.most_pods),
        (false, true) => format!(", {} during rollback\n", plan.most_pods),
        (true, true) => format!(", {} during promotion or rollback\n", plan.most_pods),
    });
    let names = [
        "ASKED",
        "STABLE",
        "CANARY",
        "IS",
        "LAYOUT",
        "PARKED",
        "ON THE WAY",
    ];
    let mut table = Table::new(headers.then_some(&names[..]));
    for step in &plan.steps {
        let way: Vec<String> = step
            .patches
            .iter()
            .map(|patch| format!("{}+{}", patch.stable, patch.canary))
            .collect();
        let layout = match step.layout {
            Layout::Surge => "surge",
            Layout::Replace | Layout::Auto => "replace",
        };
        table.row([
            step.asked.to_string().as_str(),
            &step.stable.to_string(),
            &step.canary.to_string(),
            &step.percent.to_string(),
            layout,
            if step.parked {
                "yes"
            } else {
                "no: only while driven"
            },
            &way.join(" → "),
        ]);
    }
    text.push_str(&table.render());
    text.push_str(&traffic(&plan.traffic));
    for step in plan.steps.iter().filter(|_| plan.traffic.gateway) {
        // A route's share is given to half a percent.
        if step.percent > step.asked.plus(HALF) {
            text.push_str(&format!(
                "traffic: at {} the pods alone have {}: a route can add to that, but not take \
                 away\n",
                step.asked, step.percent
            ));
        }
    }
    if plan.rights_missing.is_empty() {
        text.push_str(&format!(
            "permissions: all {} granted\n",
            plan.rights_held.len()
        ));
    }
    for right in &plan.rights_missing {
        text.push_str(&format!("missing permission: {right}\n"));
    }
    for line in plan.findings.iter().filter_map(line) {
        text.push_str(&line);
        text.push('\n');
    }
    for unseen in &plan.unseen {
        text.push_str(&format!("not seen: {}: {}\n", unseen.what, unseen.why));
    }
    text
}
