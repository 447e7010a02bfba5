//! Whether network policies have an effect. The API server stores them whether or not anything
//! enforces them, so only the network plugin that runs tells; what each plugin does is from its
//! documentation.

use groundcrew::finding::{Finding, Severity, Sight, Unseen};
use k8s_openapi::api::apps::v1::DaemonSet;

use crate::commands::doctor::known::Looked;

const CHECK: &str = "network policy";

/// DaemonSets of plugins that enforce network policies.
const ENFORCE: [&str; 11] = [
    "calico-node",
    "canal",
    "cilium",
    "anetd",
    "antrea-agent",
    "weave-net",
    "kube-router",
    "ovnkube-node",
    "kube-ovn-cni",
    "azure-npm",
    "kube-network-policies",
];

/// DaemonSets of plugins that do not.
const IGNORE: [&str; 2] = ["kube-flannel", "kube-flannel-ds"];

/// API groups that such plugins bring.
const GROUPS: [&str; 4] = [
    "crd.projectcalico.org",
    "cilium.io",
    "crd.antrea.io",
    "kubeovn.io",
];

/// Decides from what runs.
pub fn look(
    daemon_sets: &Sight<Vec<DaemonSet>>,
    groups: &Sight<Vec<String>>,
    version: Option<&str>,
) -> Looked {
    let sets = daemon_sets.as_ref();
    let sets = sets.map_err(|why| Unseen::new(CHECK, why))?;
    let name = |set: &DaemonSet| set.metadata.name.clone().unwrap_or_default();
    let place = |set: &DaemonSet| {
        let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
        format!("daemonset/{namespace}/{}", name(set))
    };
    let enforcing = sets
        .iter()
        .find(|set| ENFORCE.contains(&name(set).as_str()) || amazon(set));
    if let Some(set) = enforcing {
        let ready = set.status.as_ref().map_or(0, |status| status.number_ready);
        let finding = if ready > 0 {
            let why = format!("enforced; ready on {}", nodes(ready));
            Finding::new(Severity::Ok, CHECK, why)
        } else {
            let why = "it enforces policies, but is not ready on any node";
            Finding::new(Severity::Error, CHECK, why).fix("kubectl get daemonsets -A")
        };
        return Ok(finding.at(place(set)));
    }
    if let Some(set) = sets.iter().find(|set| IGNORE.contains(&name(set).as_str())) {
        let why = "not enforced: it does not support policies";
        return Ok(Finding::new(Severity::Warning, CHECK, why)
            .at(place(set))
            .fix("use a network plugin that enforces them, such as Calico or Cilium"));
    }
    if version.is_some_and(|version| version.contains("+k3s")) {
        let why = "enforced by k3s itself, unless it runs with --disable-network-policy";
        return Ok(Finding::new(Severity::Ok, CHECK, why));
    }
    let traces: Vec<&str> = GROUPS
        .into_iter()
        .filter(|group| groups.iter().flatten().any(|served| served == group))
        .collect();
    let why = if traces.is_empty() {
        "unknown: no known network plugin runs as a DaemonSet".to_owned()
    } else {
        format!(
            "unknown: {} is served, but no agent for it runs as a DaemonSet",
            traces.join(", ")
        )
    };
    Ok(Finding::new(Severity::Warning, CHECK, why).fix(
        "test it with two pods in two namespaces, one of them onboarded with --network isolated",
    ))
}

fn nodes(count: i32) -> String {
    match count {
        1 => "1 node".to_owned(),
        _ => format!("{count} nodes"),
    }
}

/// Amazon's plugin enforces policies when its agent is told to.
fn amazon(set: &DaemonSet) -> bool {
    let Some(spec) = &set.spec else { return false };
    let containers = spec.template.spec.iter().flat_map(|pod| &pod.containers);
    let mut arguments = containers.flat_map(|one| one.args.iter().flatten());
    set.metadata.name.as_deref() == Some("aws-node")
        && arguments.any(|argument| argument == "--enable-network-policy=true")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(name: &str, ready: i32, arguments: &[&str]) -> DaemonSet {
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "kube-system"},
            "spec": {"selector": {}, "template": {"spec": {"containers": [
                {"name": "a", "args": arguments}]}}},
            "status": {"currentNumberScheduled": 1, "desiredNumberScheduled": 1,
                       "numberMisscheduled": 0, "numberReady": ready},
        }))
        .unwrap()
    }

    fn severity(sets: Vec<DaemonSet>) -> Severity {
        look(&Ok(sets), &Ok(Vec::new()), Some("v1.36.3"))
            .unwrap()
            .severity
    }

    #[test]
    fn only_an_agent_that_runs_shows_that_policies_are_enforced() {
        assert_eq!(severity(vec![set("cilium", 3, &[])]), Severity::Ok);
        assert_eq!(severity(vec![set("cilium", 0, &[])]), Severity::Error);
        assert_eq!(
            severity(vec![set("kube-flannel-ds", 3, &[])]),
            Severity::Warning
        );
        assert_eq!(severity(vec![set("aws-node", 3, &[])]), Severity::Warning);
        let told = set("aws-node", 3, &["--enable-network-policy=true"]);
        assert_eq!(severity(vec![told]), Severity::Ok);
        assert_eq!(severity(Vec::new()), Severity::Warning);
    }

    #[test]
    fn a_forbidden_list_is_not_an_empty_one() {
        let unseen = look(&Err("forbidden".into()), &Ok(Vec::new()), None);
        assert_eq!(unseen.unwrap_err().why, "forbidden");
    }
}
