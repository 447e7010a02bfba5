//! A test and what it needs.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use libtest_mimic::Failed;

use crate::environment::Environment;
use crate::suite::Suite;

/// What a case cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The plugins' binaries.
    Plugins,
    /// An API server.
    Cluster,
    /// An API server on which no other case asks what somebody may do, for cases that give rights to
    /// everybody; the case's cluster is that one.
    Apart,
    /// A cluster that signs client certificates.
    Signer,
    /// A cluster that approves and does not sign.
    NoSigner,
    /// Our own sandbox, whose keys the fault proxy needs.
    Sandbox,
    /// Scheduler and controllers.
    Controllers,
    /// Controllers that are slow; the case's cluster is that one.
    SlowControllers,
    /// A node with real containers.
    RealNode,
    /// A gateway that implements the Gateway API before the real node.
    Gateway,
    /// Prometheus reading the real node's pods.
    Prometheus,
    /// A Kubernetes that still has PodSecurityPolicy; the case's cluster is that one.
    PodSecurityPolicy,
    /// The conformance fixtures of the Pod Security Standards, in Go's module cache.
    PodSecurityFixtures,
    /// krew itself, and git, which krew fetches indexes with.
    Krew,
}

/// One test.
#[derive(Clone, Debug)]
pub struct Case {
    pub(crate) name: String,
    pub(crate) needs: Vec<Need>,
    body: fn(&Suite),
}

impl Case {
    /// Returns a case; `name` is the rule that it proves.
    #[must_use]
    pub fn new(name: &str, needs: &[Need], body: fn(&Suite)) -> Self {
        Self {
            name: name.to_owned(),
            needs: needs.to_vec(),
            body,
        }
    }

    /// Puts the name of its file before the names of cases.
    #[must_use]
    pub fn in_file(file: &str, cases: Vec<Self>) -> Vec<Self> {
        cases
            .into_iter()
            .map(|case| Self {
                name: format!("{file}::{}", case.name),
                ..case
            })
            .collect()
    }

    pub(crate) fn run(&self, environment: &Environment) -> Result<(), Failed> {
        let suite = Suite::new(environment, &self.needs)?;
        let result = catch_unwind(AssertUnwindSafe(|| (self.body)(&suite)));
        match result {
            Ok(()) => Ok(()),
            Err(panic) => {
                suite.show_logs(&self.name);
                resume_unwind(panic)
            }
        }
    }
}
