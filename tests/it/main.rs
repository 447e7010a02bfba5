//! Every end-to-end test of the project.

mod architecture;
mod can_i_audit;
mod can_i_audit_deeds;
mod can_i_audit_partial;
mod can_i_audit_planted;
mod can_i_audit_verify;
mod can_i_audit_words;
mod connects;
mod connects_limits;
mod conventions;
mod core;
#[cfg(unix)]
mod guides;
#[cfg(unix)]
mod krew;
mod kubectl;
mod ns_claim;
mod ns_claim_cron;
mod ns_claim_dry_run;
mod ns_claim_duel;
mod ns_claim_faults;
mod ns_claim_guard;
mod ns_claim_guard_contents;
mod ns_claim_install;
mod ns_claim_old;
mod ns_claim_others;
mod ns_claim_race;
mod ns_claim_reap;
mod ns_claim_records;
mod ns_claim_red_team;
mod ns_claim_times;
mod onboard;
#[cfg(unix)]
mod onboard_asked;
mod onboard_choices;
mod onboard_claims;
mod onboard_clock;
mod onboard_doctor;
mod onboard_dry_run;
mod onboard_faults;
mod onboard_handover;
mod onboard_handover_refusals;
mod onboard_login;
mod onboard_merge;
mod onboard_offboard;
mod onboard_offboard_dry_run;
mod onboard_others;
mod onboard_records;
mod onboard_refusals;
mod onboard_renew;
mod onboard_roles;
mod onboard_setup;
mod onboard_signer;
mod onboard_status;
mod onboard_team;
mod onboard_verify;
mod onboard_ways;
mod project;
mod psp_advise;
mod psp_advise_compare;
mod psp_advise_dry_run;
mod psp_advise_files;
mod psp_advise_fix;
mod psp_advise_generate;
mod psp_advise_label;
mod psp_advise_migrate;
mod psp_advise_policies;
mod psp_advise_scan;
mod reads;
mod reads_plugins;
mod reads_terminal;
mod rights;
mod rights_canary;
mod rollout_canary;
#[cfg(unix)]
mod rollout_canary_ahead;
mod rollout_canary_dry_run;
#[cfg(unix)]
mod rollout_canary_edits;
#[cfg(unix)]
mod rollout_canary_faults;
#[cfg(unix)]
mod rollout_canary_harm;
#[cfg(unix)]
mod rollout_canary_held;
#[cfg(unix)]
mod rollout_canary_killed;
mod rollout_canary_matrix;
mod rollout_canary_others;
mod rollout_canary_overview;
mod rollout_canary_owners;
mod rollout_canary_routes;
#[cfg(unix)]
mod rollout_canary_routes_faults;
mod rollout_canary_routes_left;
mod rollout_canary_slow;
#[cfg(unix)]
mod rollout_canary_small;
mod rollout_canary_verdict;
mod screens;
mod words;

use std::process::ExitCode;

use harness::Case;

fn main() -> ExitCode {
    let files = [
        ("architecture", architecture::cases()),
        ("can_i_audit", can_i_audit::cases()),
        ("can_i_audit_deeds", can_i_audit_deeds::cases()),
        ("can_i_audit_partial", can_i_audit_partial::cases()),
        ("can_i_audit_planted", can_i_audit_planted::cases()),
        ("can_i_audit_verify", can_i_audit_verify::cases()),
        ("can_i_audit_words", can_i_audit_words::cases()),
        ("connects", connects::cases()),
        ("connects_limits", connects_limits::cases()),
        ("conventions", conventions::cases()),
        #[cfg(unix)]
        ("guides", guides::cases()),
        #[cfg(unix)]
        ("krew", krew::cases()),
        ("kubectl", kubectl::cases()),
        ("ns_claim", ns_claim::cases()),
        ("ns_claim_cron", ns_claim_cron::cases()),
        ("ns_claim_dry_run", ns_claim_dry_run::cases()),
        ("ns_claim_duel", ns_claim_duel::cases()),
        ("ns_claim_faults", ns_claim_faults::cases()),
        ("ns_claim_guard", ns_claim_guard::cases()),
        ("ns_claim_guard_contents", ns_claim_guard_contents::cases()),
        ("ns_claim_install", ns_claim_install::cases()),
        ("ns_claim_old", ns_claim_old::cases()),
        ("ns_claim_others", ns_claim_others::cases()),
        ("ns_claim_race", ns_claim_race::cases()),
        ("ns_claim_reap", ns_claim_reap::cases()),
        ("ns_claim_records", ns_claim_records::cases()),
        ("ns_claim_red_team", ns_claim_red_team::cases()),
        ("ns_claim_times", ns_claim_times::cases()),
        ("onboard", onboard::cases()),
        #[cfg(unix)]
        ("onboard_asked", onboard_asked::cases()),
        ("onboard_choices", onboard_choices::cases()),
        ("onboard_claims", onboard_claims::cases()),
        ("onboard_doctor", onboard_doctor::cases()),
        ("onboard_clock", onboard_clock::cases()),
        ("onboard_dry_run", onboard_dry_run::cases()),
        ("onboard_faults", onboard_faults::cases()),
        ("onboard_handover", onboard_handover::cases()),
        (
            "onboard_handover_refusals",
            onboard_handover_refusals::cases(),
        ),
        ("onboard_login", onboard_login::cases()),
        ("onboard_merge", onboard_merge::cases()),
        ("onboard_others", onboard_others::cases()),
        ("onboard_offboard", onboard_offboard::cases()),
        (
            "onboard_offboard_dry_run",
            onboard_offboard_dry_run::cases(),
        ),
        ("onboard_records", onboard_records::cases()),
        ("onboard_refusals", onboard_refusals::cases()),
        ("onboard_renew", onboard_renew::cases()),
        ("onboard_roles", onboard_roles::cases()),
        ("onboard_setup", onboard_setup::cases()),
        ("onboard_signer", onboard_signer::cases()),
        ("onboard_status", onboard_status::cases()),
        ("onboard_team", onboard_team::cases()),
        ("onboard_verify", onboard_verify::cases()),
        ("onboard_ways", onboard_ways::cases()),
        ("project", project::cases()),
        ("psp_advise", psp_advise::cases()),
        ("psp_advise_compare", psp_advise_compare::cases()),
        ("psp_advise_dry_run", psp_advise_dry_run::cases()),
        ("psp_advise_files", psp_advise_files::cases()),
        ("psp_advise_fix", psp_advise_fix::cases()),
        ("psp_advise_generate", psp_advise_generate::cases()),
        ("psp_advise_label", psp_advise_label::cases()),
        ("psp_advise_migrate", psp_advise_migrate::cases()),
        ("psp_advise_policies", psp_advise_policies::cases()),
        ("psp_advise_scan", psp_advise_scan::cases()),
        ("reads", reads::cases()),
        ("reads_plugins", reads_plugins::cases()),
        ("reads_terminal", reads_terminal::cases()),
        ("rights", rights::cases()),
        ("screens", screens::cases()),
        ("rights_canary", rights_canary::cases()),
        ("rollout_canary", rollout_canary::cases()),
        #[cfg(unix)]
        ("rollout_canary_ahead", rollout_canary_ahead::cases()),
        ("rollout_canary_dry_run", rollout_canary_dry_run::cases()),
        #[cfg(unix)]
        ("rollout_canary_edits", rollout_canary_edits::cases()),
        #[cfg(unix)]
        ("rollout_canary_faults", rollout_canary_faults::cases()),
        #[cfg(unix)]
        ("rollout_canary_harm", rollout_canary_harm::cases()),
        #[cfg(unix)]
        ("rollout_canary_held", rollout_canary_held::cases()),
        #[cfg(unix)]
        ("rollout_canary_killed", rollout_canary_killed::cases()),
        ("rollout_canary_matrix", rollout_canary_matrix::cases()),
        ("rollout_canary_others", rollout_canary_others::cases()),
        ("rollout_canary_overview", rollout_canary_overview::cases()),
        ("rollout_canary_owners", rollout_canary_owners::cases()),
        ("rollout_canary_routes", rollout_canary_routes::cases()),
        #[cfg(unix)]
        (
            "rollout_canary_routes_faults",
            rollout_canary_routes_faults::cases(),
        ),
        (
            "rollout_canary_routes_left",
            rollout_canary_routes_left::cases(),
        ),
        ("rollout_canary_slow", rollout_canary_slow::cases()),
        #[cfg(unix)]
        ("rollout_canary_small", rollout_canary_small::cases()),
        ("rollout_canary_verdict", rollout_canary_verdict::cases()),
        ("words", words::cases()),
    ];
    let cases = files
        .into_iter()
        .flat_map(|(file, cases)| Case::in_file(file, cases))
        .collect();
    harness::main(core::chosen(cases))
}
