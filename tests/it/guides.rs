//! The guides: each command in them is run, and says what stands there.

use harness::{Case, Need, Suite};

pub(crate) fn cases() -> Vec<Case> {
    let case = |name: &str, more: &[Need], body: fn(&Suite)| {
        let needs = [&[Need::Plugins, Need::Cluster, Need::Controllers], more].concat();
        Case::new(&format!("{name}_is_what_happens"), &needs, body)
    };
    vec![
        case("a_new_colleague", &[Need::Signer], |suite| {
            suite.follow("a-new-colleague.md");
        }),
        case("temporary_namespaces", &[Need::Signer], |suite| {
            let _claims = suite.claims_alone();
            suite.follow("temporary-namespaces.md");
        }),
        case("an_rbac_review", &[], |suite| {
            suite.follow("an-rbac-review.md");
        }),
        case("from_psp_to_pod_security", &[], |suite| {
            suite.follow("from-psp-to-pod-security.md");
        }),
        case("your_first_canary", &[], |suite| {
            suite.follow("your-first-canary.md");
        }),
    ]
}
