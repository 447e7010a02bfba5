//! The file that declares people: kind `Onboarding`.

use std::path::Path;

use groundcrew::error::{Error, Result};
use groundcrew::flags::duration;
use groundcrew::manifest::{self, Node};
use groundcrew::output::API_VERSION;
use groundcrew::tenancy::{Network, Profile};
use serde::Deserialize;

use crate::model::auth::Auth;
use crate::model::kind::Kind;
use crate::model::onboarding::options::{
    About, Credential, Home, Options, Own, Task, Wish, check_expires,
};
use crate::model::settings::{Extra, membership};
use crate::model::user;
use crate::model::user::UserName;

/// The people of one file.
#[derive(Debug)]
pub struct Team {
    /// `metadata.name`: who declares them.
    pub name: String,
    /// One entry each, in the order of the file.
    pub entries: Vec<Entry>,
}

/// One person.
#[derive(Debug)]
pub struct Entry {
    /// As it stands in the file, also when it cannot be a user name.
    pub user: String,
    /// Where the entry begins, from 1.
    pub line: u64,
    /// What it asks for, or what is wrong with it.
    pub options: Result<Options>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    api_version: String,
    kind: Kind,
    metadata: Metadata,
    #[serde(default)]
    defaults: Person,
    people: Vec<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

/// What can be said of a person; what an entry leaves out is taken from `defaults`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Person {
    user: Option<String>,
    namespace: Option<String>,
    no_namespace: Option<bool>,
    team: Option<String>,
    contact: Option<String>,
    purpose: Option<String>,
    role: Option<String>,
    profile: Option<String>,
    network: Option<String>,
    auth: Option<String>,
    expires: Option<String>,
    groups: Option<Vec<String>>,
    join: Option<Vec<String>>,
    claims: Option<bool>,
    self_renewal: Option<bool>,
}

/// Reads a file.
///
/// # Errors
///
/// Usage, with the line, when it is not a file of this kind. What is wrong with one person is in
/// that person's entry.
pub fn parse(text: &str, path: &Path, out: &Path) -> Result<Team> {
    let shown = path.display();
    let wrong = |line: usize, why: &str| {
        Error::usage(format!("{shown} is not a file of kind Onboarding"))
            .with_detail(format!("line {line}: {why}"))
            .with_hint("an example:  kubectl onboard apply --help")
    };
    let node = only_document(text).map_err(|(line, why)| wrong(line, &why))?;
    let document: Document =
        manifest::read(&node).map_err(|error| wrong(error.line.max(1), &error.message))?;
    if document.kind != Kind::Onboarding || document.api_version != API_VERSION {
        return Err(Error::usage(format!(
            "{shown} holds {:?} of {}; expected is kind Onboarding of {API_VERSION}",
            document.kind, document.api_version
        )));
    }
    let name = document.metadata.name;
    if !groundcrew::tenancy::is_label(&name) {
        return Err(Error::usage(format!(
            "{shown}: metadata.name {name:?} is not a valid name"
        ))
        .with_hint("lower-case letters, digits and -, at most 63 characters"));
    }
    if document.defaults.user.is_some() {
        return Err(Error::usage(format!(
            "{shown}: `defaults` cannot have a user"
        )));
    }
    let mut entries: Vec<Entry> = Vec::new();
    let places = node.get("people").map(Node::items).unwrap_or_default();
    for (found, place) in document.people.into_iter().zip(places) {
        let line = place.place.line as u64;
        let mut entry = entry(found, line, &document.defaults, &name, out);
        let again = entries.iter().find(|other| other.user == entry.user);
        if let Some(again) = again
            && entry.options.is_ok()
        {
            entry.options = Err(Error::usage(format!(
                "is already declared on line {}",
                again.line
            )));
        }
        entries.push(entry);
    }
    Ok(Team { name, entries })
}

/// Returns the one document of a file. People are given access by it, so whatever could be read in
/// two ways is refused: a key that stands twice, and text that kubectl would pass over.
fn only_document(text: &str) -> std::result::Result<Node, (usize, String)> {
    let mut found = manifest::documents(text).into_iter();
    let Some(first) = found.next() else {
        return Err((1, "it is empty".to_owned()));
    };
    let node = first.node.map_err(|fault| (fault.line, fault.message))?;
    if let Some(note) = first.notes.into_iter().next() {
        return Err((note.line, note.message));
    }
    if let Some(fault) = first.ignored {
        return Err((fault.line, fault.message));
    }
    match found.next() {
        None => Ok(node),
        Some(second) => Err((
            second.chunk.lines + 1,
            "a second document; a file declares people once".to_owned(),
        )),
    }
}

fn entry(value: serde_json::Value, line: u64, defaults: &Person, name: &str, out: &Path) -> Entry {
    let user = value.get("user").and_then(|user| user.as_str());
    let user = user.unwrap_or_default().to_owned();
    let person: Result<Person> =
        serde_json::from_value(value).map_err(|error| Error::usage(error.to_string()));
    Entry {
        options: person.and_then(|person| options(person, defaults, name, out)),
        user,
        line,
    }
}

fn options(person: Person, defaults: &Person, name: &str, out: &Path) -> Result<Options> {
    let user = person
        .user
        .as_deref()
        .ok_or_else(|| Error::usage("the entry has no user").with_hint("add `user: NAME`"))?;
    let user = UserName::parse(user)?;
    let or = |stated: Option<String>, default: &Option<String>| stated.or_else(|| default.clone());
    let profile = or(person.profile, &defaults.profile);
    let network = or(person.network, &defaults.network);
    let auth = or(person.auth, &defaults.auth);
    let expires = or(person.expires, &defaults.expires);
    let groups = person.groups.or_else(|| defaults.groups.clone());
    let joins = person.join.or_else(|| defaults.join.clone());
    let extras = [
        (person.claims.or(defaults.claims), Extra::Claims),
        (
            person.self_renewal.or(defaults.self_renewal),
            Extra::Renewal,
        ),
    ];
    let wrong = |field: &str, why: String| Error::usage(format!("`{field}`: {why}"));
    if let Some(namespace) = &person.namespace
        && !groundcrew::tenancy::is_label(namespace)
    {
        return Err(wrong(
            "namespace",
            format!("{namespace:?} is not a valid namespace name"),
        ));
    }
    let mut wish = Wish::default();
    if let Some(text) = expires {
        let expires = duration::positive(&text).map_err(|why| wrong("expires", why))?;
        check_expires(expires)?;
        wish.expires = expires.0;
    }
    let groups = groups
        .unwrap_or_default()
        .iter()
        .map(|group| user::parse_group(group))
        .collect::<Result<_>>()?;
    let auth = auth.map(|word| choice::<Auth>("auth", &word)).transpose()?;
    wish.credential = match auth {
        None | Some(Auth::Auto) => Credential::Auto { groups },
        Some(Auth::Cert) => Credential::Certificate { groups },
        Some(Auth::Token) => Credential::Token,
        Some(Auth::Oidc | Auth::Exec) => {
            let why = "a login is given with flags, one user at a time";
            return Err(wrong("auth", why.to_owned()));
        }
    };
    let own = Own {
        namespace: person.namespace,
        role: or(person.role, &defaults.role),
        profile: profile.as_deref().map(Profile::parse).transpose()?,
        network: network
            .map(|word| choice::<Network>("network", &word))
            .transpose()?,
    };
    wish.home = match person.no_namespace.or(defaults.no_namespace) {
        Some(true) => Home::None,
        _ => Home::Own(own),
    };
    wish.about = About {
        team: or(person.team, &defaults.team),
        contact: or(person.contact, &defaults.contact),
        purpose: or(person.purpose, &defaults.purpose),
        declared_by: Some(name.to_owned()),
    };
    wish.joins = joins
        .unwrap_or_default()
        .iter()
        .map(|join| membership(join).map_err(|why| wrong("join", why)))
        .collect::<Result<_>>()?;
    let rights = extras.into_iter();
    wish.wide = rights
        .filter_map(|(asked, extra)| asked.unwrap_or_default().then_some(extra))
        .collect();
    let plain = Options::of(user, Task::Issue(Box::new(wish)));
    Ok(Options {
        out: out.join(&plain.out),
        ..plain
    })
}

fn choice<T: clap::ValueEnum>(field: &str, word: &str) -> Result<T> {
    T::from_str(word, false).map_err(|_| {
        let all: Vec<String> = T::value_variants()
            .iter()
            .filter_map(|one| Some(one.to_possible_value()?.get_name().to_owned()))
            .collect();
        Error::usage(format!(
            "`{field}`: {word:?} is not one of {}",
            all.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(people: &str) -> Result<Team> {
        let text = format!(
            "apiVersion: groundcrew.dev/v1alpha1\nkind: Onboarding\nmetadata: {{name: web}}\n\
             defaults:\n  team: payments\n  role: view\npeople:\n{people}"
        );
        parse(&text, Path::new("team.yaml"), Path::new("out"))
    }

    #[test]
    fn an_entry_takes_over_what_it_does_not_say() {
        let team = team("- user: alice\n- user: bob\n  role: edit\n  join: [ops:view]\n").unwrap();
        let options: Vec<&Options> = team
            .entries
            .iter()
            .map(|entry| entry.options.as_ref().unwrap())
            .collect();
        assert_eq!(options[0].own().unwrap().role.as_deref(), Some("view"));
        assert_eq!(options[1].own().unwrap().role.as_deref(), Some("edit"));
        assert_eq!(
            options[1].wish().unwrap().about.team.as_deref(),
            Some("payments")
        );
        assert_eq!(options[1].joins()[0].namespace, "ops");
        assert_eq!(options[0].out, Path::new("out/alice.kubeconfig"));
        assert_eq!(
            options[0].wish().unwrap().about.declared_by.as_deref(),
            Some("web")
        );
    }

    #[test]
    fn what_is_wrong_with_one_person_stands_at_their_line() {
        let team = team(
            "- user: alice\n- user: system:admin\n- user: carl\n  rule: edit\n- user: dora\n  \
             network: opened\n- user: alice\n- {role: edit}\n- user: emil\n  expires: 5m\n- user: fay\n  auth: oidc\n",
        )
        .unwrap();
        let found: Vec<(u64, String)> = team
            .entries
            .iter()
            .filter_map(|entry| Some((entry.line, entry.options.as_ref().err()?.to_string())))
            .collect();
        let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [9, 10, 12, 14, 15, 16, 18], "{found:?}");
        assert!(found[1].1.contains("rule"), "{found:?}");
        assert!(found[2].1.contains("isolated, open, none"), "{found:?}");
        assert!(found[3].1.contains("line 8"), "{found:?}");
        assert!(team.entries[0].options.is_ok());
    }

    #[test]
    fn another_kind_of_file_is_refused_whole() {
        for text in [
            "kind: Pod\napiVersion: v1\n",
            "apiVersion: groundcrew.dev/v1\nkind: Onboarding\nmetadata: {name: a}\npeople: []\n",
            "apiVersion: groundcrew.dev/v1alpha1\nkind: Onboarding\nmetadata: {name: A}\npeople: []\n",
            "people: [",
        ] {
            let error = parse(text, Path::new("team.yaml"), Path::new(".")).unwrap_err();
            assert!(error.to_string().contains("team.yaml"), "{error}");
        }
    }
}
