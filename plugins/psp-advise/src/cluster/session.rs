//! The connection.

use groundcrew::app::Interrupt;
use groundcrew::client::{self, Product, Session};
use groundcrew::error::Result;
use groundcrew::flags::KubeArgs;
use groundcrew::ui::Ui;

/// Connects.
///
/// # Errors
///
/// That there is no usable kubeconfig.
pub async fn connect(kube: &KubeArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Session> {
    let product = Product {
        name: "kubectl-psp-advise",
        version: env!("CARGO_PKG_VERSION"),
    };
    interrupt.guard(client::connect(kube, &product, ui)).await
}
