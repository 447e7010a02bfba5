//! The file for a user who keeps their key: the certificate, and how to reach the cluster.

use groundcrew::error::Result;

use crate::cluster::onboarding::run::Run;
use crate::cluster::proof::review;
use crate::model::handover::Handover;
use crate::model::kubeconfig::Document;

impl Run<'_> {
    /// Returns the file that the user joins with their key.
    pub(super) fn handover(&self, generation: u32, certificate: &[u8]) -> Result<Document> {
        let plan = self.plan;
        let mut head = Handover::new(
            &self.options.user,
            generation,
            &plan.namespace,
            &self.session.cluster,
            &self.observed.endpoint,
        );
        head.grants = review::grants(self.rules_of(self.plan.places.first()));
        head.limited = self.has_limits();
        head.with_certificate(certificate)
    }
}
