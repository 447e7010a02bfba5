//! A test and what it needs.

use std::panic::{AssertUnwindSafe, catch_unwind};

use libtest_mimic::Failed;

use crate::environment::Environment;
use crate::failure;
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
    /// A Kubernetes that has `ValidatingAdmissionPolicy`.
    AdmissionPolicy,
    /// A Kubernetes that still has PodSecurityPolicy; the case's cluster is that one.
    PodSecurityPolicy,
    /// The conformance fixtures of the Pod Security Standards, in Go's module cache.
    PodSecurityFixtures,
    /// The program `openssl`.
    OpenSsl,
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

    /// Returns its name, with that of its file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the case with one more need.
    #[must_use]
    pub fn needing(mut self, need: Need) -> Self {
        self.needs.push(need);
        self
    }

    pub(crate) fn run(&self, environment: &Environment) -> Result<(), Failed> {
        let suite = Suite::new(environment, &self.needs)?;
        failure::begin();
        catch_unwind(AssertUnwindSafe(|| (self.body)(&suite))).map_err(|panic| {
            let said = failure::end(&*panic);
            Failed::from(format!("{said}{}", suite.keep_logs(&self.name)))
        })
    }
}
