//! The connection.

use groundcrew::client::{self, Product, Session};
use groundcrew::error::Result;
use groundcrew::flags::KubeArgs;
use groundcrew::ui::Ui;

/// Connects under this plugin's name.
///
/// # Errors
///
/// What is wrong with the kubeconfig.
pub async fn connect(kube: &KubeArgs, ui: &Ui) -> Result<Session> {
    let product = Product {
        name: "kubectl-can_i_audit",
        version: env!("CARGO_PKG_VERSION"),
    };
    client::connect(kube, &product, ui).await
}
