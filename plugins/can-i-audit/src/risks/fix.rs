//! The smallest change that removes a finding.

use super::find::Finder;
use crate::engine::Chain;
use crate::subject::Subject;

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
                let place = place(&meta.namespace, &meta.name);
                format!("take {subject} out of {kind}/{place}")
            } else {
                let inside = if reference.kind == "Role" {
                    meta.namespace.as_str()
                } else {
                    ""
                };
                let place = place(inside, &reference.name);
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

fn place(namespace: &str, name: &str) -> String {
    if namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}/{name}")
    }
}
