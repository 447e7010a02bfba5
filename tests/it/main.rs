//! Every end-to-end test of the project.

mod conventions;
mod kubectl;
mod onboard;
mod onboard_choices;
mod onboard_faults;
mod onboard_refusals;
mod project;
mod psp_advise;
mod psp_advise_policies;

use std::process::ExitCode;

use harness::Case;

fn main() -> ExitCode {
    let files = [
        ("conventions", conventions::cases()),
        ("kubectl", kubectl::cases()),
        ("onboard", onboard::cases()),
        ("onboard_choices", onboard_choices::cases()),
        ("onboard_faults", onboard_faults::cases()),
        ("onboard_refusals", onboard_refusals::cases()),
        ("project", project::cases()),
        ("psp_advise", psp_advise::cases()),
        ("psp_advise_policies", psp_advise_policies::cases()),
    ];
    let cases = files
        .into_iter()
        .flat_map(|(file, cases)| Case::in_file(file, cases))
        .collect();
    harness::main(cases)
}
