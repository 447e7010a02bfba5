//! Where a credential is delivered to. The engine asks for it; the files are another floor's work.

use std::path::Path;

use groundcrew::error::Result;

use crate::model::kubeconfig::{Document, Existing};
use crate::model::onboarding::options::Options;

/// What the engine needs of the place where a credential goes.
pub trait Delivery {
    /// Looks at the output path, where a kubeconfig or a certificate goes.
    ///
    /// # Errors
    ///
    /// Usage, when nothing can be written there, so that it is known before anything is written to
    /// the cluster.
    fn look(&self, options: &Options, cluster: &str) -> Result<Existing>;

    /// Reads what was delivered before.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn read(&self, path: &Path) -> Result<Document>;

    /// Delivers, and returns what is replaced: it can be put back.
    ///
    /// # Errors
    ///
    /// When the place is taken and `replace` is not set, or when it cannot be written.
    fn deliver(&self, path: &Path, document: &Document, replace: bool) -> Result<Option<Document>>;

    /// Puts back what was there before, or nothing.
    ///
    /// # Errors
    ///
    /// When it cannot be put back.
    fn put_back(&self, path: &Path, before: Option<&Document>) -> Result<()>;
}
