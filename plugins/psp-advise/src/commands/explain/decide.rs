//! What each admission decides about a pod.

use psp_advise::model::decision::{Decision, Prepared, Source};
use psp_advise::model::level::{LevelVersion, Server};
use psp_advise::model::psp::{Outcome, Policy, Rbac, Request, User, decide};
use psp_advise::model::subject::Subject;

/// What is asked.
#[derive(Debug)]
pub(super) struct Asked {
    /// The server that decides.
    pub(super) server: Server,
    /// The level by which Pod Security admission decides; `None` is not asked.
    pub(super) standards: Option<LevelVersion>,
    /// The policies; `None` is not asked.
    pub(super) policies: Option<Policies>,
    /// The service account, instead of the pod's own.
    pub(super) account: Option<Account>,
}

/// What PodSecurityPolicy decides by.
#[derive(Debug)]
pub(super) struct Policies {
    /// The policies.
    pub(super) policies: Vec<Policy>,
    /// Who may use them; `None` is everyone.
    pub(super) rbac: Option<Rbac>,
    /// The user that creates the pod, instead of its controller.
    pub(super) creator: Option<User>,
}

/// A service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    namespace: String,
    name: String,
}

/// Reads `NAMESPACE/NAME`.
///
/// # Errors
///
/// How it is written.
pub(super) fn account(text: &str) -> Result<Account, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => Ok(Account {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }),
        _ => Err("a service account is written NAMESPACE/NAME".to_owned()),
    }
}

/// What was found out about one pod.
#[derive(Debug)]
pub(super) struct Explained {
    /// The pod, and where it comes from.
    pub(super) subject: Subject,
    /// By Pod Security admission.
    pub(super) standards: Option<Decision>,
    /// By PodSecurityPolicy.
    pub(super) policies: Option<Outcome>,
}

impl Explained {
    /// Returns whether everything that was asked admits the pod.
    pub(super) fn allowed(&self) -> bool {
        self.standards
            .as_ref()
            .is_none_or(|decision| decision.allowed)
            && self.policies.as_ref().is_none_or(Outcome::allowed)
    }
}

impl Asked {
    /// Explains one pod.
    pub(super) fn explain(&self, mut subject: Subject) -> Explained {
        if let Some(account) = &self.account {
            subject.namespace.clone_from(&account.namespace);
            subject.pod["spec"]["serviceAccountName"] = account.name.as_str().into();
        }
        let source = Source {
            file: subject.file.as_deref(),
            node: None,
        };
        let standards = self
            .standards
            .map(|policy| Prepared::new(&subject.workload, self.server, source).decide(policy));
        let policies = self.policies.as_ref().map(|asked| {
            let request = Request {
                pod: &subject.pod,
                namespace: &subject.namespace,
                user: asked.creator.clone().or_else(|| subject.controller()),
                rbac: asked.rbac.as_ref(),
            };
            decide(&asked.policies, &request)
        });
        Explained {
            subject,
            standards,
            policies,
        }
    }
}
