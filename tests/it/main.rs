//! Every end-to-end test of the project.

mod conventions;
mod kubectl;
mod ns_claim;
mod ns_claim_cron;
mod ns_claim_faults;
mod ns_claim_guard;
mod ns_claim_reap;
mod onboard;
mod onboard_choices;
mod onboard_faults;
mod onboard_refusals;
mod project;

use std::process::ExitCode;

use harness::Case;

fn main() -> ExitCode {
    let files = [
        ("conventions", conventions::cases()),
        ("kubectl", kubectl::cases()),
        ("ns_claim", ns_claim::cases()),
        ("ns_claim_cron", ns_claim_cron::cases()),
        ("ns_claim_faults", ns_claim_faults::cases()),
        ("ns_claim_guard", ns_claim_guard::cases()),
        ("ns_claim_reap", ns_claim_reap::cases()),
        ("onboard", onboard::cases()),
        ("onboard_choices", onboard_choices::cases()),
        ("onboard_faults", onboard_faults::cases()),
        ("onboard_refusals", onboard_refusals::cases()),
        ("project", project::cases()),
    ];
    let cases = files
        .into_iter()
        .flat_map(|(file, cases)| Case::in_file(file, cases))
        .collect();
    harness::main(cases)
}
