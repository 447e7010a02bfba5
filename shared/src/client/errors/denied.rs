//! Reading the refusals of Kubernetes' authorizer.

use super::doing::Doing;
use crate::client::access::right::Access;

/// Who is missing which right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::client) struct Denied {
    pub(in crate::client) user: String,
    pub(in crate::client) access: Access,
}

impl Denied {
    /// Reads `User "bob" cannot create resource "pods/log" in API group "" in the namespace "a"`,
    /// which is how every 403 of the authorizer is worded; `None` for other refusals.
    ///
    /// The server's words come before what was being done: one request may need several rights
    /// (a server-side apply that creates needs `patch` and `create`).
    pub(in crate::client) fn read(message: &str, doing: &Doing) -> Option<Self> {
        if let Some(signer) = between(message, "signerName \"", "\"")
            && message.contains("user not permitted to ")
        {
            // The admission of certificate approvals; it does not say who.
            let verb = if message.contains("not permitted to sign") {
                "sign"
            } else {
                "approve"
            };
            let access = Access::new(verb, "signers.certificates.k8s.io").named(signer);
            return Some(Self {
                user: "USER".to_owned(),
                access,
            });
        }
        let user = between(message, "User \"", "\" cannot ")?;
        let rest = message.split_once("\" cannot ")?.1;
        let (verb, rest) = rest.split_once(' ')?;
        let resource = between(rest, "resource \"", "\"")?;
        let group = between(rest, "in API group \"", "\"").unwrap_or_default();
        let (resource, subresource) = match resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource)),
            None => (resource, None),
        };
        let namespace = between(rest, "in the namespace \"", "\"");
        let access = Access {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.map(str::to_owned),
            // A refused name would make the role useless for the next object; a list has none.
            name: None,
            namespace: namespace.map(str::to_owned).or_else(|| {
                // Older servers leave the scope out.
                let cluster = rest.contains("at the cluster scope");
                doing.namespace.clone().filter(|_| !cluster)
            }),
        };
        Some(Self {
            user: user.to_owned(),
            access,
        })
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inner, _)| inner)
}
