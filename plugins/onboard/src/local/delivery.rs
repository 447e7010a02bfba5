//! Delivers credentials into files.

use std::path::Path;

use groundcrew::error::Result;

use crate::local::handover;
use crate::local::kubeconfig::{existing, file};
use crate::model::kubeconfig::{Document, Existing};
use crate::model::onboarding::delivery::Delivery;
use crate::model::onboarding::options::Options;

/// Files of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Files;

impl Delivery for Files {
    fn look(&self, options: &Options, cluster: &str) -> Result<Existing> {
        let (path, user) = (&options.out, &options.user);
        match options.request() {
            None => existing::look(path, user, cluster),
            Some(request) => handover::look(path, user, request.fingerprint()),
        }
    }

    fn read(&self, path: &Path) -> Result<Document> {
        file::read(path)
    }

    fn deliver(&self, path: &Path, document: &Document, replace: bool) -> Result<Option<Document>> {
        let before = file::read_back(path, replace)?;
        file::write(document, path, replace)?;
        Ok(before)
    }

    fn put_back(&self, path: &Path, before: Option<&Document>) -> Result<()> {
        file::restore(path, before)
    }
}
