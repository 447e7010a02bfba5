//! What is to be changed in a route, and how it is taken back, from the route alone.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::traffic::share;

/// Sorts of routes of the Gateway API whose backends have weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouteKind {
    /// Requests.
    #[serde(rename = "HTTPRoute")]
    Http,
    /// Calls.
    #[serde(rename = "GRPCRoute")]
    Grpc,
}

impl RouteKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Http, Self::Grpc];

    /// Returns the kind as Kubernetes writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTPRoute",
            Self::Grpc => "GRPCRoute",
        }
    }
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteRef {
    /// Its kind.
    pub kind: RouteKind,
    /// The version of its group that is used, such as `v1`.
    pub version: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

impl fmt::Display for RouteRef {
    /// Shows it as kubectl names it: `httproute/web`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str().to_lowercase(), self.name)
    }
}

/// What was changed in a route, with everything it takes to take it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The route.
    pub route: RouteRef,
    /// Every rule that was changed, also with earlier shares: its own backends before and after,
    /// without the extra one.
    pub rules: Vec<Rule>,
    /// The share that the extra backend has in each of them.
    pub share: f64,
}

/// The backends of one rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Which of the route's rules it was.
    #[serde(default)]
    pub index: usize,
    /// As the user wrote them.
    pub before: Vec<Value>,
    /// As they are while the canary has its share.
    pub after: Vec<Value>,
}

/// A patch and what it does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// JSON Patch (RFC 6902) operations; empty when the route is as it should be.
    pub operations: Vec<Value>,
    /// The rules as [`Change::rules`] has them.
    pub rules: Vec<Rule>,
    /// What somebody else changed meanwhile and is therefore left alone.
    pub foreign: Vec<String>,
}

/// Says whether a backend of a route in `namespace` is this Service of the same namespace.
pub fn is_service(backend: &Value, namespace: &str, service: &str) -> bool {
    let is =
        |key: &str, default: &str, wanted: &str| backend[key].as_str().unwrap_or(default) == wanted;
    is("group", "", "")
        && is("kind", "Service", "Service")
        && is("namespace", namespace, namespace)
        && is("name", "", service)
}

pub fn rules(route: &Value) -> impl Iterator<Item = (usize, &Vec<Value>)> {
    let rules = route["spec"]["rules"].as_array();
    rules
        .into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(index, rule)| Some((index, rule["backendRefs"].as_array()?)))
}

/// Returns the Services of the route's own namespace that its rules point to.
#[must_use]
pub fn services(route: &Value) -> Vec<String> {
    let namespace = route["metadata"]["namespace"].as_str().unwrap_or_default();
    let mut found: Vec<String> = rules(route)
        .flat_map(|(_, backends)| backends)
        .filter_map(|backend| {
            let name = backend["name"].as_str()?;
            is_service(backend, namespace, name).then(|| name.to_owned())
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Returns those of them that get requests: a weight of 0 gets none.
#[must_use]
pub fn served(route: &Value) -> Vec<String> {
    let mut route = route.clone();
    let rules = route["spec"]["rules"].as_array_mut();
    for rule in rules.into_iter().flatten() {
        if let Some(backends) = rule["backendRefs"].as_array_mut() {
            backends.retain(|backend| weight(backend) > 0);
        }
    }
    services(&route)
}

/// Says whether a rule keeps its clients on one backend, which shares by weight do not reach again.
#[must_use]
pub fn keeps_sessions(route: &Value) -> bool {
    let rules = route["spec"]["rules"].as_array();
    let mut rules = rules.into_iter().flatten();
    rules.any(|rule| rule["sessionPersistence"].is_object())
}

/// Plans the change that gives the Service `extra` the share `share` of what `service` has in every
/// rule that points to it. It starts from what the user wrote: from `known`, if the canary has a
/// share already, and from the route else. A share of 0 is [`take_back`].
///
/// # Errors
///
/// Which rule cannot express the share.
pub fn give(
    route: &Value,
    service: &str,
    extra: &str,
    share: f64,
    known: &[Rule],
) -> Result<Edit, String> {
    let namespace = route["metadata"]["namespace"].as_str().unwrap_or_default();
    let mut edit = Edit::default();
    for (index, backends) in rules(route) {
        let (ours, own): (Vec<&Value>, Vec<&Value>) = backends
            .iter()
            .partition(|backend| is_service(backend, namespace, extra));
        let own: Vec<Value> = own.into_iter().cloned().collect();
        let before = user_wrote(&own, !ours.is_empty(), known);
        let Some(target) = before
            .iter()
            .position(|backend| is_service(backend, namespace, service))
        else {
            continue;
        };
        let current: Vec<u64> = before.iter().map(weight).collect();
        // It has no requests of this rule, so there are none to share.
        if current[target] == 0 {
            continue;
        }
        let weights = share::weights(&current, target, share)
            .ok_or_else(|| format!("rule {index} cannot give away {:.2}%", share * 100.0))?;
        let mut after = before.clone();
        for (backend, weight) in after.iter_mut().zip(&weights.own) {
            if let Some(weight) = weight {
                backend["weight"] = json!(weight);
            }
        }
        // With its filters and whatever else the user's backend has: the canary gets the same
        // requests.
        let mut added = before[target].clone();
        added["name"] = json!(extra);
        added["weight"] = json!(weights.extra);
        let wanted: Vec<Value> = after.iter().chain([&added]).cloned().collect();
        if !same(&wanted, backends) {
            replace(&mut edit.operations, index, backends, wanted);
        }
        edit.rules.push(Rule {
            index,
            before,
            after,
        });
    }
    Ok(edit)
}

/// Plans to take `extra` out of every rule, and to put back the weights that were changed, where
/// nobody else has changed them since.
#[must_use]
pub fn take_back(route: &Value, extra: &str, known: &[Rule]) -> Edit {
    let namespace = route["metadata"]["namespace"].as_str().unwrap_or_default();
    let mut edit = Edit::default();
    for (index, backends) in rules(route) {
        let own: Vec<Value> = backends
            .iter()
            .filter(|backend| !is_service(backend, namespace, extra))
            .cloned()
            .collect();
        if own.len() == backends.len() {
            continue;
        }
        let wanted = match known.iter().find(|rule| same(&rule.after, &own)) {
            Some(rule) => rule.before.clone(),
            None => {
                edit.foreign
                    .push(format!("the other backends of rule {index}"));
                own
            }
        };
        replace(&mut edit.operations, index, backends, wanted);
    }
    edit
}

/// Returns what the user wrote: what was there before the change that is recognized, else what is
/// there, which somebody else has written.
fn user_wrote(own: &[Value], is_changed: bool, known: &[Rule]) -> Vec<Value> {
    let rule = known.iter().find(|rule| same(&rule.after, own));
    match rule.filter(|_| is_changed) {
        Some(rule) => rule.before.clone(),
        None => own.to_vec(),
    }
}

pub fn weight(backend: &Value) -> u64 {
    backend["weight"].as_u64().unwrap_or(1)
}

/// Compares backends by what they mean: the server writes out defaults.
pub fn same(one: &[Value], other: &[Value]) -> bool {
    let meaning = |backend: &Value| {
        let text = |key: &str, default: &str| {
            let value = &backend[key];
            value.as_str().unwrap_or(default).to_owned()
        };
        (
            text("group", ""),
            text("kind", "Service"),
            text("namespace", ""),
            text("name", ""),
            backend["port"].as_u64(),
            weight(backend),
            backend["filters"].clone(),
        )
    };
    one.iter().map(meaning).eq(other.iter().map(meaning))
}

/// Replaces the backends of one rule, and nothing else of the route, if they are still these.
pub fn replace(operations: &mut Vec<Value>, index: usize, old: &[Value], new: Vec<Value>) {
    let path = format!("/spec/rules/{index}/backendRefs");
    operations.push(json!({"op": "test", "path": path, "value": old}));
    operations.push(json!({"op": "replace", "path": path, "value": new}));
}

/// Says whether every parent has taken up the route as it is now, or what is missing.
///
/// # Errors
///
/// Which parent says what; a route that no controller cares for has no parents at all.
pub fn observed(route: &Value) -> Result<(), String> {
    let generation = route["metadata"]["generation"].as_i64().unwrap_or_default();
    let parents = route["status"]["parents"].as_array();
    let parents = parents.map_or(&[][..], Vec::as_slice);
    if parents.is_empty() {
        return Err("no controller has accepted it".to_owned());
    }
    for parent in parents {
        let name = parent["parentRef"]["name"].as_str().unwrap_or("?");
        for kind in ["Accepted", "ResolvedRefs"] {
            let conditions = parent["conditions"].as_array();
            let found = conditions
                .into_iter()
                .flatten()
                .find(|found| found["type"] == kind);
            let Some(found) = found else {
                return Err(format!("gateway {name} has not reported {kind}"));
            };
            if found["observedGeneration"].as_i64().unwrap_or_default() < generation {
                return Err(format!("gateway {name} has not seen the last change"));
            }
            if found["status"] != "True" {
                let why = found["message"].as_str().unwrap_or_default();
                return Err(format!("gateway {name}: not {kind}: {why}"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
