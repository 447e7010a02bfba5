//! Every end-to-end test of the project.

mod conventions;
mod kubectl;
mod onboard;
#[cfg(unix)]
mod onboard_asked;
mod onboard_choices;
mod onboard_faults;
mod onboard_handover;
mod onboard_merge;
mod onboard_offboard;
mod onboard_refusals;
mod onboard_renew;
mod onboard_setup;
mod onboard_team;
mod project;

use std::process::ExitCode;

use harness::Case;

fn main() -> ExitCode {
    let files = [
        ("conventions", conventions::cases()),
        ("kubectl", kubectl::cases()),
        ("onboard", onboard::cases()),
        #[cfg(unix)]
        ("onboard_asked", onboard_asked::cases()),
        ("onboard_choices", onboard_choices::cases()),
        ("onboard_faults", onboard_faults::cases()),
        ("onboard_handover", onboard_handover::cases()),
        ("onboard_merge", onboard_merge::cases()),
        ("onboard_offboard", onboard_offboard::cases()),
        ("onboard_refusals", onboard_refusals::cases()),
        ("onboard_renew", onboard_renew::cases()),
        ("onboard_setup", onboard_setup::cases()),
        ("onboard_team", onboard_team::cases()),
        ("project", project::cases()),
    ];
    let cases = files
        .into_iter()
        .flat_map(|(file, cases)| Case::in_file(file, cases))
        .collect();
    harness::main(cases)
}
