//! Labels and annotations that say whose an object is.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::model::user::UserName;

/// Returns the annotation that tells which generation an object belongs to.
pub fn annotation(generation: u32) -> (String, String) {
    (GENERATION.to_owned(), generation.to_string())
}

/// Label of everything this plugin makes.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "kubectl-onboard");

/// Label with the person's slug, for selection; labels cannot hold every user name.
pub const USER_LABEL: &str = "groundcrew.dev/user";

/// Label of a record.
pub const RECORD_LABEL: &str = "groundcrew.dev/record";

/// Annotation with the exact user name.
pub const OWNER: &str = "groundcrew.dev/owner";

/// Annotation with the generation that an object belongs to.
pub const GENERATION: &str = "groundcrew.dev/generation";

/// Annotation with the generation that somebody asks for themselves.
pub const RENEWAL: &str = "groundcrew.dev/renewal";

/// Annotation with the team.
pub const TEAM: &str = "groundcrew.dev/team";

/// Annotation with the contact for a namespace.
pub const CONTACT: &str = "groundcrew.dev/contact";

/// Annotation with what the namespace is for.
pub const PURPOSE: &str = "groundcrew.dev/purpose";

/// Returns the metadata of an object of `user`.
#[must_use]
pub fn object(name: &str, namespace: Option<&str>, user: &UserName) -> ObjectMeta {
    let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        labels: Some(BTreeMap::from([
            own(MANAGED_BY),
            own((USER_LABEL, &user.slug())),
        ])),
        annotations: Some(BTreeMap::from([own((OWNER, user.as_str()))])),
        ..ObjectMeta::default()
    }
}

/// Returns the name of the user's RoleBinding.
#[must_use]
pub fn binding_name(user: &UserName) -> String {
    format!("onboard-{}", user.slug())
}

/// Returns the name of the RoleBinding that gives the user's next role while the old one still
/// stands: a roleRef cannot be changed. No user's slug has a colon, so it is nobody else's.
#[must_use]
pub fn next_binding_name(user: &UserName) -> String {
    format!("{}:next", binding_name(user))
}
