//! The connection to the API server.

use groundcrew::client::{self, Product, Session};
use groundcrew::error::Result;
use groundcrew::flags::KubeArgs;
use groundcrew::ui::Ui;

/// Returns the name under which requests are sent.
fn product() -> Product {
    Product {
        name: "kubectl-ns_claim",
        version: env!("CARGO_PKG_VERSION"),
    }
}

/// Connects to the cluster that the flags name.
///
/// # Errors
///
/// What is wrong with the kubeconfig or with the connection.
pub async fn connect(args: &KubeArgs, ui: &Ui) -> Result<Session> {
    client::connect(args, &product(), ui).await
}
