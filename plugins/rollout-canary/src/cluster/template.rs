//! A pod template as the server fills it in.

use groundcrew::client::Session;
use groundcrew::error::Result;
use serde_json::{Value, json};

use crate::cluster::write;
use crate::model::change::{self, Change};
use crate::model::object::without_hash;
use crate::model::target::Target;

/// Returns the canary's template, checked and filled in by the server, which keeps nothing.
///
/// # Errors
///
/// A container that is not there; the server's refusal.
pub async fn filled_in(
    session: &Session,
    target: &Target,
    change: &Change,
    base: &Value,
) -> Result<Value> {
    let whole = |template: &Value| {
        let replace = json!([{"op": "add", "path": "/spec/template", "value": template}]);
        ("application/json-patch+json", replace)
    };
    let (content, patch) = match change {
        Change::Patch(patch) => ("application/strategic-merge-patch+json", patch.clone()),
        Change::Manifests(manifests) => whole(change::of_namespace(manifests, &target.namespace)?),
        Change::Edits {
            images,
            variables,
            restarted,
        } => whole(&change::edited(base, images, variables, *restarted)?),
        Change::Pending => whole(base),
    };
    let object = write::patched(session, target, content, &patch, true)
        .await
        .map_err(|error| write::refused(session, target, error))?;
    Ok(without_hash(&object.data["spec"]["template"]))
}
