//! Which rights a run needs.

use groundcrew::client::access::Access;
use groundcrew::tenancy::SYSTEM_NAMESPACE;

use crate::model::change::Change;
use crate::model::credential_kind::CredentialKind;
use crate::model::onboarding::bound::Bound;
use crate::model::onboarding::observed::Observed;
use crate::model::onboarding::options::{Issuer, Options, Task};
use crate::model::onboarding::plan::Place;
use crate::model::onboarding::steps::{Grant, Retire, Step, Steps};
use crate::model::settings::{DEFAULT_ROLE, Extra};

/// Returns every right that a run needs, so that all missing ones can be named at once.
///
/// It is asked before the record is read, when only the given or derived namespace is known; the
/// rights are the same.
#[must_use]
pub fn required(options: &Options, namespace: &str) -> Vec<Access> {
    let role = options
        .own()
        .and_then(|own| own.role.as_deref())
        .unwrap_or(DEFAULT_ROLE);
    let mut all = rights(role, options.issuer(), namespace);
    let joined = options.joins().iter().map(|join| Place {
        namespace: join.namespace.clone(),
        role: join.role.clone(),
        own: false,
    });
    let joined: Vec<Place> = joined.collect();
    all.extend(Bound::all(&joined, options.wide()).flat_map(|bound| bind(&bound)));
    if let Task::Leave(left) = &options.task {
        all.push(Access::new("delete", BINDINGS).within(left));
    }
    if options.request().is_some() || options.provider().is_some() {
        let review = "subjectaccessreviews.authorization.k8s.io";
        all.push(Access::new("create", review));
    }
    all
}

/// Returns what the steps of a run take: what is unchanged takes nothing.
#[must_use]
pub fn of_steps(steps: &Steps, observed: &Observed) -> Vec<Access> {
    let grant = steps.grant.iter();
    let mut all: Vec<Access> = grant
        .filter(|step| step.line.change != Change::Unchanged)
        .flat_map(|step| of_grant(step, observed))
        .collect();
    for step in &steps.retire {
        match &step.what {
            Retire::Bind(bound) if step.line.change != Change::Unchanged => {
                all.extend(of_bound(bound, observed));
            }
            Retire::Revoke(_, CredentialKind::Token) => {
                let secret = |verb| Access::new(verb, "secrets").within(SYSTEM_NAMESPACE);
                all.extend(["get", "delete"].map(secret));
            }
            Retire::Bind(_) | Retire::Revoke(..) => {}
        }
    }
    all.sort();
    all.dedup();
    all
}

fn of_grant(step: &Step<Grant>, observed: &Observed) -> Vec<Access> {
    let verb = |change| match change {
        Change::Created => "create",
        _ => "patch",
    };
    let inside = |resource: &str, namespace: &Option<String>| {
        let access = Access::new(verb(step.line.change), resource);
        vec![access.within(namespace.as_deref().unwrap_or_default())]
    };
    match &step.what {
        Grant::Namespace(_) => vec![Access::new(verb(step.line.change), "namespaces")],
        Grant::Limits(object) => inside("limitranges", &object.metadata.namespace),
        Grant::Quota(object) => inside("resourcequotas", &object.metadata.namespace),
        Grant::Policy(object) => inside(
            "networkpolicies.networking.k8s.io",
            &object.metadata.namespace,
        ),
        Grant::Unbind(found) => {
            let namespace = found.metadata.namespace.as_deref().unwrap_or_default();
            vec![Access::new("delete", BINDINGS).within(namespace)]
        }
        Grant::Replace(_, place) => {
            let mut all = bind(&Bound::Place(place.clone()));
            all.push(Access::new("delete", BINDINGS).within(&place.namespace));
            all
        }
        Grant::Bind(bound) => of_bound(bound, observed),
    }
}

/// Returns what it takes to let other holders work in what the user has claimed.
#[must_use]
pub fn of_claims(observed: &Observed) -> Vec<Access> {
    let claims = observed.claims.iter();
    let namespaces = claims.filter_map(|claim| claim.metadata.namespace.clone());
    namespaces
        .flat_map(|namespace| of_bound(&Bound::Claim(namespace), observed))
        .collect()
}

/// Returns the rights that a binding takes, the role that somebody else chose included.
fn of_bound(bound: &Bound, observed: &Observed) -> Vec<Access> {
    let mut all = bind(bound);
    if let Bound::Claim(namespace) = bound {
        let mut claims = observed.claims.iter();
        let claim = claims.find(|claim| claim.metadata.namespace.as_ref() == Some(namespace));
        all.extend(
            claim.map(|claim| Access::new("bind", CLUSTER_ROLES).named(&claim.role_ref.name)),
        );
    }
    all
}

/// Returns the rights that a binding takes.
fn bind(bound: &Bound) -> Vec<Access> {
    let verbs = ["get", "create", "update"];
    let in_namespace =
        |namespace: &str| verbs.map(|verb| Access::new(verb, BINDINGS).within(namespace));
    match bound {
        Bound::Place(place) => {
            let role = Access::new("bind", CLUSTER_ROLES).named(&place.role);
            in_namespace(&place.namespace)
                .into_iter()
                .chain([role])
                .collect()
        }
        Bound::Wide(extra) => {
            let mut all = verbs.map(|verb| Access::new(verb, WIDE)).to_vec();
            all.push(Access::new("bind", CLUSTER_ROLES).named(extra.role()));
            if *extra == Extra::Renewal {
                all.extend(["create", "escalate"].map(|verb| Access::new(verb, CLUSTER_ROLES)));
            }
            all
        }
        Bound::Index => {
            let role = Access::new("bind", "roles.rbac.authorization.k8s.io");
            let role = role.named(Extra::Claims.role()).within(SYSTEM_NAMESPACE);
            in_namespace(SYSTEM_NAMESPACE)
                .into_iter()
                .chain([role])
                .collect()
        }
        Bound::Claim(namespace) => vec![Access::new("update", BINDINGS).within(namespace)],
    }
}

const WIDE: &str = "clusterrolebindings.rbac.authorization.k8s.io";

const BINDINGS: &str = "rolebindings.rbac.authorization.k8s.io";

const CLUSTER_ROLES: &str = "clusterroles.rbac.authorization.k8s.io";

/// Returns every right that it takes to give somebody `role` in `namespace` and a credential.
#[must_use]
pub fn rights(role: &str, issuer: Issuer, namespace: &str) -> Vec<Access> {
    let csr = "certificatesigningrequests.certificates.k8s.io";
    let mut all = vec![
        Access::new("get", "namespaces"),
        Access::new("create", "namespaces"),
        Access::new("patch", "namespaces"),
        Access::new("get", CLUSTER_ROLES).named(role),
    ];
    for resource in [
        "limitranges",
        "resourcequotas",
        "networkpolicies.networking.k8s.io",
    ] {
        let inside = |verb| Access::new(verb, resource).within(namespace);
        all.extend(["get", "create", "patch"].map(inside));
    }
    all.extend(bind(&Bound::Place(Place {
        namespace: namespace.to_owned(),
        role: role.to_owned(),
        own: true,
    })));
    if issuer == Issuer::Signer {
        all.extend(["create", "get", "list", "delete"].map(|verb| Access::new(verb, csr)));
        all.push(Access::new("update", &format!("{csr}/approval")));
        all.push(
            Access::new("approve", "signers.certificates.k8s.io")
                .named("kubernetes.io/kube-apiserver-client"),
        );
    }
    let system = |verb, resource| Access::new(verb, resource).within(SYSTEM_NAMESPACE);
    if issuer == Issuer::Tokens {
        all.push(system("create", "serviceaccounts"));
        all.push(system("create", "serviceaccounts/token"));
        all.extend(["get", "create", "delete"].map(|verb| system(verb, "secrets")));
    }
    all.extend(["get", "create", "update", "delete"].map(|verb| system(verb, "configmaps")));
    all
}
