//! The capabilities that risk rules look for, each as one bit.

use crate::model::engine::{Prepared, Reach, World};
use crate::model::question::{Action, Resource, Target};

/// A word that no role holds: only `*` matches it.
const UNHEARD: &str = "can-i-audit.invalid";
const RBAC: &str = "rbac.authorization.k8s.io";
const CSR: &str = "certificates.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const WRITE: &[&str] = &["create", "update", "patch"];
const CHANGE: &[&str] = &["update", "patch"];
/// Verbs that answer with the contents of an object: a patch that changes nothing; a deletion of
/// one or of all as a dry run, which with foreground propagation answers the object itself
/// (`staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go`).
const REVEAL: &[&str] = &[
    "get",
    "list",
    "watch",
    "patch",
    "delete",
    "deletecollection",
];
const ANY: &[&str] = &["get", "create", "update", "patch", "delete"];

macro_rules! capabilities {
    ($($(#[$doc:meta])* $name:ident)*) => {
        /// One thing that a list of rules may reach.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Capability { $($(#[$doc])* $name),* }
        const ALL: &[Capability] = &[$(Capability::$name),*];
    };
}

capabilities! {
    Everything EscalateRoles EscalateAnyRole EscalateClusterRoles EscalateAnyClusterRole
    CreateRoles ChangeRoles CreateClusterRoles ChangeClusterRoles BindInside BindForCluster
    WriteRoleBindings WriteClusterBindings ImpersonateUsers ImpersonateGroups ImpersonateAccounts
    Constrained ImpersonateOn NodesProxy CreateCsr ApproveCsr ApproveSigner Token Admission
    ReadSecrets CreateSecrets PatchSecrets CreateNamedSecrets Workload ChangePods Exec ExecGet
    Ephemeral Proxy Volume Labels ApiService Definitions WriteNodes Evict BindPods Endpoints
    PodStatus ServiceStatus ConfigMaps Attest WriteBundles DebugPaths UsePolicies
    CreateAny DeleteAny
}

impl Capability {
    /// Says whether it counts only for every name.
    fn is_for_any_name(self) -> bool {
        matches!(self, Self::EscalateAnyRole | Self::EscalateAnyClusterRole)
    }

    /// Their number.
    pub(super) const COUNT: usize = ALL.len();

    pub(super) const fn bit(self) -> u64 {
        1 << (self as u8)
    }

    /// The requests that make it up; the flag says that a RoleBinding can give it too.
    fn requests(self) -> Vec<(Action, bool)> {
        let mut all = Vec::new();
        let mut add = |verbs: &[&str], group: &str, resources: &[&str], spaced: bool| {
            for verb in verbs {
                for word in resources {
                    let (resource, subresource) = word.split_once('/').unwrap_or((word, ""));
                    let target = Target::Resource(Resource {
                        group: group.to_owned(),
                        resource: resource.to_owned(),
                        subresource: subresource.to_owned(),
                        ..Resource::default()
                    });
                    let verb = (*verb).to_owned();
                    all.push((Action { verb, target }, spaced));
                }
            }
        };
        match self {
            Self::Everything => add(&[UNHEARD], UNHEARD, &[UNHEARD], true),
            Self::EscalateRoles | Self::EscalateAnyRole => {
                add(&["escalate"], RBAC, &["roles"], true);
            }
            Self::EscalateClusterRoles | Self::EscalateAnyClusterRole => {
                add(&["escalate"], RBAC, &["clusterroles"], false);
            }
            Self::CreateRoles => add(&["create"], RBAC, &["roles"], true),
            Self::ChangeRoles => add(CHANGE, RBAC, &["roles"], true),
            Self::CreateClusterRoles => add(&["create"], RBAC, &["clusterroles"], false),
            Self::ChangeClusterRoles => add(CHANGE, RBAC, &["clusterroles"], false),
            Self::BindInside => add(&["bind"], RBAC, &["roles", "clusterroles"], true),
            Self::BindForCluster => add(&["bind"], RBAC, &["clusterroles"], false),
            Self::WriteRoleBindings => add(WRITE, RBAC, &["rolebindings"], true),
            Self::WriteClusterBindings => add(WRITE, RBAC, &["clusterrolebindings"], false),
            Self::ImpersonateUsers => add(&["impersonate"], "", &["users"], false),
            Self::ImpersonateGroups => add(&["impersonate"], "", &["groups"], false),
            Self::ImpersonateAccounts => add(&["impersonate"], "", &["serviceaccounts"], true),
            Self::Constrained => {
                let group = "authentication.k8s.io";
                add(
                    &["impersonate:serviceaccount"],
                    group,
                    &["serviceaccounts"],
                    true,
                );
                let subjects = ["users", "groups", "uids", "userextras"];
                add(&["impersonate:user-info"], group, &subjects, false);
                let verbs = ["impersonate:arbitrary-node", "impersonate:associated-node"];
                add(&verbs, group, &["nodes"], false);
            }
            // Found by the form of its verb; see `masks`.
            Self::ImpersonateOn => {}
            Self::NodesProxy => add(ANY, "", &["nodes/proxy"], false),
            Self::CreateCsr => add(&["create"], CSR, &["certificatesigningrequests"], false),
            Self::ApproveCsr => add(CHANGE, CSR, &["certificatesigningrequests/approval"], false),
            Self::ApproveSigner => all.extend(signers("approve")),
            Self::Token => add(&["create"], "", &["serviceaccounts/token"], true),
            Self::Admission => add(
                &["create", "update", "patch", "delete"],
                ADMISSION,
                &[
                    "mutatingwebhookconfigurations",
                    "validatingwebhookconfigurations",
                    "mutatingadmissionpolicies",
                    "mutatingadmissionpolicybindings",
                    "validatingadmissionpolicies",
                    "validatingadmissionpolicybindings",
                ],
                false,
            ),
            Self::ReadSecrets => add(REVEAL, "", &["secrets"], true),
            Self::CreateSecrets | Self::CreateNamedSecrets => {
                add(&["create"], "", &["secrets"], true);
            }
            Self::PatchSecrets => add(&["patch"], "", &["secrets"], true),
            Self::ChangePods => add(CHANGE, "", &["pods"], true),
            Self::Workload => {
                add(&["create"], "", &["pods"], true);
                add(WRITE, "", &["replicationcontrollers"], true);
                let apps = ["deployments", "daemonsets", "statefulsets", "replicasets"];
                add(WRITE, "apps", &apps, true);
                add(WRITE, "batch", &["jobs", "cronjobs"], true);
            }
            Self::Exec => add(&["create"], "", &["pods/exec", "pods/attach"], true),
            Self::ExecGet => add(&["get"], "", &["pods/exec", "pods/attach"], true),
            Self::Ephemeral => add(CHANGE, "", &["pods/ephemeralcontainers"], true),
            Self::Proxy => {
                add(&["create"], "", &["pods/portforward"], true);
                add(ANY, "", &["pods/proxy", "services/proxy"], true);
            }
            Self::Volume => add(&["create"], "", &["persistentvolumes"], false),
            Self::Labels => {
                add(CHANGE, "", &["namespaces", "namespaces/status"], true);
                add(&["update"], "", &["namespaces/finalize"], true);
            }
            Self::ApiService => add(WRITE, "apiregistration.k8s.io", &["apiservices"], false),
            Self::Definitions => add(
                WRITE,
                "apiextensions.k8s.io",
                &["customresourcedefinitions"],
                false,
            ),
            Self::WriteNodes => add(CHANGE, "", &["nodes", "nodes/status"], false),
            Self::Evict => {
                add(&["delete", "deletecollection"], "", &["pods"], true);
                add(&["create"], "", &["pods/eviction"], true);
            }
            Self::BindPods => add(&["create"], "", &["pods/binding", "bindings"], true),
            Self::Endpoints => {
                add(WRITE, "", &["endpoints"], true);
                add(WRITE, "discovery.k8s.io", &["endpointslices"], true);
            }
            Self::PodStatus => add(CHANGE, "", &["pods/status"], true),
            Self::ServiceStatus => add(CHANGE, "", &["services/status"], true),
            Self::ConfigMaps => add(
                &["create", "update", "patch", "delete"],
                "",
                &["configmaps"],
                true,
            ),
            Self::Attest => add(&["attest"], CSR, &["signers"], false),
            Self::WriteBundles => add(WRITE, CSR, &["clustertrustbundles"], false),
            Self::UsePolicies => {
                add(&["use"], "policy", &["podsecuritypolicies"], true);
                let openshift = "security.openshift.io";
                add(&["use"], openshift, &["securitycontextconstraints"], true);
            }
            Self::DebugPaths => {
                for path in ["/debug/pprof/", "/logs/", "/logs"] {
                    let target = Target::Path(path.to_owned());
                    let verb = "get".to_owned();
                    all.push((Action { verb, target }, false));
                }
            }
            Self::CreateAny => add(&["create"], UNHEARD, &[UNHEARD], true),
            Self::DeleteAny => add(&["deletecollection"], UNHEARD, &[UNHEARD], true),
        }
        all
    }
}

/// Certificates of these signers are credentials for the API server
/// (`pkg/apis/certificates/v1/types.go` of Kubernetes); others are not.
const CLIENT_SIGNERS: [&str; 2] = [
    "kubernetes.io/kube-apiserver-client",
    "kubernetes.io/kube-apiserver-client-kubelet",
];

fn signers(verb: &str) -> Vec<(Action, bool)> {
    let action = |name: &&str| Action {
        verb: verb.to_owned(),
        target: Target::Resource(Resource {
            group: CSR.to_owned(),
            resource: "signers".to_owned(),
            name: (*name).to_owned(),
            also: "kubernetes.io/*".to_owned(),
            ..Resource::default()
        }),
    };
    let actions = CLIENT_SIGNERS.iter().map(action);
    actions.map(|action| (action, false)).collect()
}

/// The capabilities that one list of rules gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mask {
    /// To every object.
    pub all: u64,
    /// Only to objects of certain names.
    pub named: u64,
}

impl Mask {
    pub(super) fn has(self, capability: Capability) -> bool {
        (self.all | self.named) & capability.bit() != 0
    }

    pub(super) fn add(&mut self, other: Self) {
        self.all |= other.all;
        self.named |= other.named;
    }
}

/// The requests that make up each capability, in the order of the capabilities.
pub(super) type Requests<'q> = Vec<Vec<(Prepared<'q>, bool)>>;

/// Returns the requests of every capability.
pub(super) fn actions() -> Vec<Vec<(Action, bool)>> {
    ALL.iter().map(|capability| capability.requests()).collect()
}

/// Turns the requests of every capability into numbers.
pub(super) fn prepare<'q>(world: &World<'_>, actions: &'q [Vec<(Action, bool)>]) -> Requests<'q> {
    let one = |(action, spaced): &'q (Action, bool)| (world.prepare(action), *spaced);
    let of_atom = |list: &'q Vec<(Action, bool)>| list.iter().map(one).collect();
    actions.iter().map(of_atom).collect()
}

/// The capabilities of each distinct list of rules through a ClusterRoleBinding and a RoleBinding.
pub(super) fn masks(world: &World<'_>, requests: &Requests<'_>) -> Vec<(Mask, Mask)> {
    let mut masks = vec![(Mask::default(), Mask::default()); world.set_count()];
    let flat = ALL.iter().zip(requests).flat_map(|(capability, requests)| {
        requests
            .iter()
            .map(|(request, spaced)| (*capability, request, *spaced))
    });
    let flat: Vec<(Capability, &Prepared<'_>, bool)> = flat.collect();
    let nameless: Vec<bool> = flat
        .iter()
        .map(|(capability, request, _)| is_nameless(*capability, request))
        .collect();
    let asked: Vec<&Prepared<'_>> = flat.iter().map(|(_, request, _)| *request).collect();
    world.probe(&asked, |set, at, reach| {
        let (capability, _, spaced) = flat[at];
        if reach == Reach::Named && nameless[at] {
            return;
        }
        let (cluster, space) = &mut masks[set];
        mark(cluster, capability, reach);
        if spaced {
            mark(space, capability, reach);
        }
    });
    for (index, (cluster, space)) in masks.iter_mut().enumerate() {
        let mut verbs = world.rules_of(index).iter().flat_map(|rule| &rule.verbs);
        if verbs.any(|verb| verb == "*" || verb.starts_with("impersonate-on:")) {
            mark(cluster, Capability::ImpersonateOn, Reach::All);
            mark(space, Capability::ImpersonateOn, Reach::All);
        }
    }
    masks
}

/// Says whether a rule with names never allows a request: a POST and the deletion of a collection
/// carry none (`endpoints/request/requestinfo.go` of `k8s.io/apiserver`).
pub(super) fn is_nameless(capability: Capability, request: &Prepared<'_>) -> bool {
    capability.is_for_any_name()
        || (request.is_nameless() && capability != Capability::CreateNamedSecrets)
}

fn mark(mask: &mut Mask, capability: Capability, reach: Reach) {
    match reach {
        Reach::None => {}
        Reach::Named => mask.named |= capability.bit(),
        Reach::All => mask.all |= capability.bit(),
    }
}
