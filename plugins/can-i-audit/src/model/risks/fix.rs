//! The smallest change that removes a finding.

use std::fmt;

use super::finder::Finder;
use crate::model::engine::Chain;
use crate::model::subject::Subject;

impl Finder<'_> {
    /// Kubernetes' own roles are not changed; others can lose a rule.
    pub(super) fn fix(&self, subject: &Subject, chains: &[Chain]) -> String {
        let mut steps: Vec<String> = Vec::with_capacity(1);
        for chain in chains {
            let binding = self.world.binding(chain.binding);
            let meta = &binding.metadata;
            let reference = &binding.role_ref;
            let step = if self.has_own_role(chain.binding) {
                let kind = if self.world.is_cluster_wide(chain.binding) {
                    "ClusterRoleBinding"
                } else {
                    "RoleBinding"
                };
                let place = Place(&meta.namespace, &meta.name);
                format!("remove {subject} from {kind}/{place}")
            } else {
                let inside = if reference.kind == "Role" {
                    meta.namespace.as_str()
                } else {
                    ""
                };
                let place = Place(inside, &reference.name);
                format!("narrow {}/{place}, rule {}", reference.kind, chain.rule + 1)
            };
            if !steps.contains(&step) {
                steps.push(step);
            }
        }
        // Nearly always there is one, and there are very many findings.
        match &mut steps[..] {
            [only] => std::mem::take(only),
            steps => steps.join("; "),
        }
    }
}

/// A name, with its namespace if there is one.
struct Place<'a>(&'a str, &'a str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(namespace, name) = self;
        if !namespace.is_empty() {
            write!(f, "{namespace}/")?;
        }
        f.write_str(name)
    }
}
