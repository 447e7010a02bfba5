//! Puts entries into the text of a kubeconfig that has others. Pure: text in, text out.
//!
//! The file is the user's own: its comments, layout and unknown fields stay. So the text is edited
//! in place, and the result is read back and compared with what it has to mean; a file whose layout
//! is not kubectl's (JSON, flow style, anchors) is rewritten completely instead.

pub mod entry;
pub mod layout;

use groundcrew::error::Result;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::local::kubeconfig::merge::entry::{List, Put};
use crate::model::credential::{Issued, unbase64};
use crate::model::user::UserName;

/// What goes in.
pub struct Entries {
    /// Name of the cluster.
    pub cluster_name: String,
    /// The cluster.
    pub cluster: Value,
    /// Name of the user and of the context.
    pub name: String,
    /// The user: certificate and key.
    pub user: Value,
    /// The context.
    pub context: Value,
    /// The user it is for.
    pub person: UserName,
}

impl Entries {
    /// Returns the name and the body of the entry for a list.
    #[must_use]
    pub fn of(&self, list: List) -> (&str, &Value) {
        match list {
            List::Clusters => (&self.cluster_name, &self.cluster),
            List::Users => (&self.name, &self.user),
            List::Contexts => (&self.name, &self.context),
        }
    }
}

/// How an existing entry relates to the one that goes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It says the same already.
    Same,
    /// It is an older one of the same user.
    Older,
    /// It is something else, and why.
    Foreign(String),
}

/// Compares an existing entry with the one that goes in.
#[must_use]
pub fn standing(list: List, found: &Value, entries: &Entries) -> Standing {
    let found = &found[list.entry()];
    let (_, wanted) = entries.of(list);
    let says = |key: &str| found[key] == wanted[key];
    match list {
        List::Clusters if found["insecure-skip-tls-verify"] == true => {
            Standing::Foreign("it skips the check of the server's certificate".to_owned())
        }
        List::Clusters => {
            let keys = [
                "server",
                "certificate-authority-data",
                "tls-server-name",
                "proxy-url",
            ];
            match keys.iter().find(|key| !says(key)) {
                None => Standing::Same,
                Some(key) => Standing::Foreign(format!("its {key} differs")),
            }
        }
        // The namespace in it is the user's own choice.
        List::Contexts if says("cluster") && says("user") => Standing::Same,
        List::Contexts => Standing::Foreign("it is for another cluster or user".to_owned()),
        List::Users if says("client-certificate-data") && says("client-key-data") => Standing::Same,
        List::Users => {
            let new = generation(wanted, &entries.person);
            match generation(found, &entries.person) {
                None => Standing::Foreign(format!(
                    "it has no certificate that kubectl onboard issued for {}",
                    entries.person
                )),
                Some(held) if Some(held) > new => {
                    Standing::Foreign(format!("it has generation {held}, which is newer"))
                }
                Some(_) => Standing::Older,
            }
        }
    }
}

fn generation(user: &Value, person: &UserName) -> Option<u32> {
    let pem = unbase64(user["client-certificate-data"].as_str()?)?;
    let issued = Issued::from_pem(&pem).ok()?;
    let mut groups = issued.groups.iter();
    let generation = groups.find_map(|group| person.generation_of(group))?;
    (issued.user == person.as_str()).then_some(generation)
}

/// What became of a text.
pub struct Merged {
    /// The new text.
    pub text: Zeroizing<String>,
    /// It had to be rewritten completely.
    pub comments_lost: bool,
}

/// Reads a kubeconfig as a tree; an empty file is an empty kubeconfig.
///
/// # Errors
///
/// Where it is not valid, as `:LINE:COLUMN`; the parser's own words may quote a key.
pub fn parse(text: &str) -> Result<Value, String> {
    let tree: Value = serde_saphyr::from_str(text).map_err(|error| match error.location() {
        Some(place) => format!(":{}:{}", place.line(), place.column()),
        None => String::new(),
    })?;
    match tree {
        Value::Null => Ok(json!({"apiVersion": "v1", "kind": "Config"})),
        Value::Object(_) if List::ALL.iter().all(|list| is_list(&tree[list.key()])) => Ok(tree),
        _ => Err(String::new()),
    }
}

fn is_list(value: &Value) -> bool {
    value.is_null() || value.is_array()
}

/// Finds an entry by its name.
#[must_use]
pub fn find<'a>(tree: &'a Value, list: List, name: &str) -> Option<&'a Value> {
    let entries = tree[list.key()].as_array()?;
    entries.iter().find(|entry| entry["name"] == name)
}

/// Puts entries into a text.
///
/// # Errors
///
/// As [`parse`].
pub fn put(text: &str, puts: &[Put<'_>]) -> Result<Merged, String> {
    let mut tree = parse(text)?;
    for put in puts {
        put_into(&mut tree, put);
    }
    let mut edited = Some(text.to_owned());
    for put in puts {
        let entry = find(&tree, put.list, put.name);
        edited = edited
            .zip(entry)
            .and_then(|(text, entry)| layout::put(&text, put, entry));
    }
    // Only a text that means what it has to mean is worth more than a new one.
    if let Some(text) = edited.filter(|text| parse(text).as_ref() == Ok(&tree)) {
        return Ok(Merged {
            text: Zeroizing::new(text),
            comments_lost: false,
        });
    }
    let text = groundcrew::output::yaml(&tree).map_err(|_| String::new())?;
    Ok(Merged {
        text: Zeroizing::new(text),
        comments_lost: true,
    })
}

fn put_into(tree: &mut Value, put: &Put<'_>) {
    let list = &mut tree[put.list.key()];
    if !list.is_array() {
        *list = json!([]);
    }
    let Some(entries) = list.as_array_mut() else {
        return;
    };
    let key = put.list.entry();
    match entries.iter_mut().find(|entry| entry["name"] == put.name) {
        None => entries.push(json!({"name": put.name, key: put.body})),
        Some(entry) => {
            let mut body = match entry[key].take() {
                Value::Object(body) if !put.whole => body,
                _ => Map::new(),
            };
            body.extend(put.body.as_object().cloned().unwrap_or_default());
            entry[key] = Value::Object(body);
        }
    }
}

#[cfg(test)]
mod tests;
