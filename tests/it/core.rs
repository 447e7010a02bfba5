//! A few cases of every plugin that an earlier Kubernetes is tested with.

use harness::{Case, Need};

/// Their names: what each plugin is for, from end to end.
const NAMES: [&str; 20] = [
    "can_i_audit::a_snapshot_answers_as_the_cluster_does",
    "can_i_audit_verify::quirks_are_answered_as_the_server_answers_them",
    "can_i_audit_verify::the_server_agrees_in_twenty_thousand_questions",
    "ns_claim::a_claim_is_whole_and_its_owners_alone",
    "ns_claim::releasing_frees_the_place",
    "ns_claim_guard::a_claimer_cannot_claim_beyond_the_cap",
    "ns_claim_install::a_second_install_changes_nothing",
    "ns_claim_reap::a_claim_is_warned_and_then_deleted_and_leaves_a_tombstone",
    "onboard::a_new_colleague_gets_everything",
    "onboard::running_again_changes_nothing",
    "onboard_offboard::an_old_file_is_powerless_also_after_a_return",
    "onboard_verify::a_file_that_reaches_too_far_is_a_no",
    "psp_advise::the_servers_refusals_are_met_byte_for_byte",
    "psp_advise::the_servers_warnings_about_templates_are_met_byte_for_byte",
    "psp_advise_label::labels_are_planned_set_once_and_can_be_restored",
    "psp_advise_scan::each_namespace_shows_the_level_it_meets_and_what_blocks_the_next",
    "rollout_canary::a_rollout_in_steps_ends_with_the_promotion",
    "rollout_canary::a_weight_is_reached_parked_and_promoted_pod_by_pod",
    "rollout_canary::an_abort_leaves_no_difference_from_any_phase",
    "rollout_canary::bad_canaries_of_every_kind_are_found_and_rolled_back",
];

/// Keeps these cases when `GROUNDCREW_TEST_CORE` is set, as `cargo sandbox test --core` does, and
/// all otherwise.
///
/// # Panics
///
/// When a name is not that of a case.
pub fn chosen(cases: Vec<Case>) -> Vec<Case> {
    for name in NAMES {
        assert!(
            cases.iter().any(|case| case.name() == name),
            "tests/it/core.rs names {name}, which is not a case"
        );
    }
    if std::env::var_os("GROUNDCREW_TEST_CORE").is_none() {
        return cases;
    }
    cases
        .into_iter()
        .filter(|case| NAMES.contains(&case.name()))
        .map(|case| {
            if case.name().starts_with("ns_claim") {
                case.needing(Need::AdmissionPolicy)
            } else {
                case
            }
        })
        .collect()
}
