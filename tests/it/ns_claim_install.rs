//! `kubectl ns-claim install`, `doctor` and `uninstall`.

use harness::{Case, Need, Suite};
use serde_json::json;

use crate::ns_claim_guard::ana;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster, Need::Controllers];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case("a_second_install_changes_nothing", install_again),
        case("a_missing_or_altered_guard_is_seen_and_put_back", damaged),
        case("the_manifests_are_what_the_server_takes", manifests),
        case(
            "after_uninstalling_nobody_claims_and_the_records_stay",
            uninstall,
        ),
    ]
}

fn install_again(suite: &Suite) {
    let _claims = suite.claims_alone();
    let again = suite.admin("ns-claim install -o json").run();
    let objects = again.success().json()["objects"].clone();
    let objects = objects.as_array().expect("objects");
    assert!(objects.len() > 20);
    for object in objects {
        assert_eq!(object["state"], "unchanged", "{object}");
    }
    suite
        .admin("ns-claim install --guard none")
        .run()
        .code(2)
        .says("uninstall");
}

fn damaged(suite: &Suite) {
    let _claims = suite.claims_alone();
    let doctor = || suite.admin("ns-claim doctor").run();
    doctor().success();
    let policy = "validatingadmissionpolicy/groundcrew-claims-namespaces";
    for damage in [
        "delete validatingadmissionpolicybinding groundcrew-claims-index",
        "delete validatingadmissionpolicy groundcrew-claims-names",
        "delete clusterrolebinding groundcrew:claimers",
    ] {
        suite.admin(damage).run().success();
        let name = damage.split(' ').next_back().expect("a name");
        doctor().code(3).answers(name).answers("missing");
        suite.admin("ns-claim install").run().success();
        doctor().success();
    }
    let weaken = json!({"spec": {"failurePolicy": "Ignore"}}).to_string();
    let exclude = json!({"spec": {"matchConstraints": {"excludeResourceRules": [{
        "apiGroups": [""], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["namespaces"],
    }]}}})
    .to_string();
    for patch in [weaken, exclude] {
        let run = suite.admin(&format!("patch {policy} --type merge"));
        run.args([format!("--patch={patch}")]).run().success();
        doctor()
            .code(3)
            .answers(policy)
            .answers("altered")
            .answers("claimers may do more than they should");
        suite.admin("ns-claim install").run().success();
        doctor().success();
    }
}

fn manifests(suite: &Suite) {
    let _claims = suite.claims_alone();
    let yaml = suite
        .admin("ns-claim install --image example.com/x:1 -o yaml")
        .run();
    let yaml = yaml.success().stdout.clone();
    for kind in [
        "kind: CronJob",
        "kind: ValidatingAdmissionPolicyBinding",
        "kind: ClusterRole",
    ] {
        assert!(yaml.contains(kind), "{kind}");
    }
    let apply = suite.admin("apply --dry-run=server -f -").stdin(&yaml);
    apply.run().success();
}

fn uninstall(suite: &Suite) {
    let _claims = suite.claims_alone();
    let name = ana(suite);
    suite
        .admin("ns-claim uninstall")
        .run()
        .code(2)
        .says("all rights in");
    suite.admin("ns-claim uninstall --yes").run().success();
    suite
        .claimer(&name, "ns-claim more")
        .run()
        .code(1)
        .says("you are not allowed to list or create claims");
    assert_eq!(suite.holder(&name), Some(name.clone()));
    suite
        .admin("ns-claim doctor")
        .run()
        .code(3)
        .answers("nothing is installed");
    without_the_rights(suite, &name);
    let back = "ns-claim install --max-claims 3 --max-total 7d --default-ttl 8h";
    suite.admin(back).run().success();
    let extend = || {
        suite
            .claimer(&name, &format!("ns-claim extend {name} --by 1h"))
            .run()
    };
    harness::eventually("the right is back", || extend().code == Some(0));
}

/// Somebody who may look and make all of it, and not try the guard out, makes nothing at all.
fn without_the_rights(suite: &Suite, name: &str) {
    let rules = "--verb=get,list,create --resource=namespaces,configmaps,serviceaccounts,\
                 clusterroles,clusterrolebindings,roles,rolebindings,cronjobs.batch,\
                 validatingadmissionpolicies,validatingadmissionpolicybindings";
    suite
        .admin(&format!("create clusterrole {name} {rules}"))
        .run()
        .success();
    let bind = format!("create clusterrolebinding {name} --clusterrole={name} --user={name}");
    suite.admin(&bind).run().success();
    suite
        .admin(&format!("ns-claim install --as={name}"))
        .run()
        .code(1)
        .says("nothing was changed")
        .says("impersonate");
    suite
        .admin(&format!("delete clusterrole,clusterrolebinding {name}"))
        .run()
        .success();
    for object in [
        "clusterrole/groundcrew:claimer",
        "clusterrole/groundcrew:claim-owner",
    ] {
        assert_eq!(suite.get(object), None, "{object} was made");
    }
}
