//! Which rights a run needs.

use groundcrew::client::access::Access;
use groundcrew::tenancy::SYSTEM_NAMESPACE;

use crate::model::onboarding::options::{Auth, KeySource, Options};
use crate::model::settings::{DEFAULT_ROLE, Extra};

/// Returns every right that a run needs, so that all missing ones can be named at once.
#[must_use]
pub fn required(options: &Options, namespace: &str) -> Vec<Access> {
    let role = options.role.as_deref().unwrap_or(DEFAULT_ROLE);
    let mut all = rights(role, options.auth, namespace);
    let (bindings, cluster_roles) = (BINDINGS, CLUSTER_ROLES);
    for join in &options.joins {
        let inside = |verb| Access::new(verb, bindings).within(&join.namespace);
        all.extend(["get", "create", "update"].map(inside));
        all.push(Access::new("bind", cluster_roles).named(&join.role));
    }
    for left in &options.leaves {
        all.push(Access::new("delete", bindings).within(left));
    }
    for extra in &options.extras {
        let wide = "clusterrolebindings.rbac.authorization.k8s.io";
        all.extend(["get", "create", "update"].map(|verb| Access::new(verb, wide)));
        all.push(Access::new("bind", cluster_roles).named(extra.role()));
        if *extra == Extra::Claims {
            let inside = |verb| Access::new(verb, bindings).within(SYSTEM_NAMESPACE);
            all.extend(["get", "create", "update"].map(inside));
            let roles = Access::new("bind", "roles.rbac.authorization.k8s.io");
            all.push(roles.named(extra.role()).within(SYSTEM_NAMESPACE));
        }
        if *extra == Extra::Renewal {
            all.extend(["create", "escalate"].map(|verb| Access::new(verb, cluster_roles)));
        }
    }
    if matches!(options.key, KeySource::External(_)) || options.provider.is_some() {
        let review = "subjectaccessreviews.authorization.k8s.io";
        all.push(Access::new("create", review));
    }
    all
}

const BINDINGS: &str = "rolebindings.rbac.authorization.k8s.io";

const CLUSTER_ROLES: &str = "clusterroles.rbac.authorization.k8s.io";

/// Returns every right that it takes to give somebody `role` in `namespace` and a credential.
#[must_use]
pub fn rights(role: &str, auth: Auth, namespace: &str) -> Vec<Access> {
    let (bindings, cluster_roles) = (BINDINGS, CLUSTER_ROLES);
    let csr = "certificatesigningrequests.certificates.k8s.io";
    let mut all = vec![
        Access::new("get", "namespaces"),
        Access::new("create", "namespaces"),
        Access::new("patch", "namespaces"),
        Access::new("get", cluster_roles).named(role),
        Access::new("bind", cluster_roles).named(role),
    ];
    for resource in [
        "limitranges",
        "resourcequotas",
        "networkpolicies.networking.k8s.io",
    ] {
        let inside = |verb| Access::new(verb, resource).within(namespace);
        all.extend(["get", "create", "patch"].map(inside));
    }
    let inside = |verb| Access::new(verb, bindings).within(namespace);
    all.extend(["get", "create", "update"].map(inside));
    if matches!(auth, Auth::Auto | Auth::Cert) {
        all.extend(["create", "get", "list", "delete"].map(|verb| Access::new(verb, csr)));
        all.push(Access::new("update", &format!("{csr}/approval")));
        all.push(
            Access::new("approve", "signers.certificates.k8s.io")
                .named("kubernetes.io/kube-apiserver-client"),
        );
    }
    let system = |verb, resource| Access::new(verb, resource).within(SYSTEM_NAMESPACE);
    if auth == Auth::Token {
        all.push(system("create", "serviceaccounts"));
        all.push(system("create", "serviceaccounts/token"));
        all.extend(["get", "create", "delete"].map(|verb| system(verb, "secrets")));
    }
    all.extend(["get", "create", "update", "delete"].map(|verb| system(verb, "configmaps")));
    all
}
