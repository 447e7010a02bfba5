//! A kubeconfig: tried out as it is, and compared with the record.

pub mod contents;

use std::path::Path;
use std::time::Duration;

use groundcrew::client;
use groundcrew::client::Session;
use groundcrew::client::access::{Access, is_allowed, who_am_i};
use groundcrew::error::Result;
use groundcrew::finding::{Sight, reason, sight};
use groundcrew::flags::kube::Tuning;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::ui::Ui;
use jiff::Timestamp;
use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use k8s_openapi::api::core::v1::{ConfigMap, LimitRange};

use crate::cluster::proof;
use crate::cluster::proof::expected;
use crate::cluster::proof::expected::Expected;
use crate::cluster::roles::rules_of;
use crate::commands::verify::document::{Credential, State, Verification};
use crate::commands::verify::file::contents::{Contents, contents, read};
use crate::commands::verify::judge;
use crate::model::check::Check;
use crate::model::credential_kind::CredentialKind;
use crate::model::objects::namespace;
use crate::model::product::PRODUCT;
use crate::model::record::Record;
use crate::model::settings::Extra;
use crate::model::user::UserName;

/// Verifies a file; `own` is the session of the user who runs this, which may see the record.
///
/// # Errors
///
/// Usage, when the file is not a kubeconfig, or is not self-contained.
pub async fn verify(
    path: &Path,
    own: Result<Session>,
    tuning: Tuning,
    ui: &Ui,
    now: Timestamp,
) -> Result<Verification> {
    let text = read(path)?;
    let contents = contents(&text, path)?;
    if let Some(program) = &contents.login {
        return Ok(logs_in(path, &contents, program));
    }
    let holder = client::from_kubeconfig(text.as_bytes(), path, tuning, &PRODUCT, ui).await?;
    let record = match &contents.ours {
        Some((name, _)) => record_seen(own, &holder, name).await,
        None => Err("the file does not belong to a user on record".to_owned()),
    };
    let mut found = Findings {
        holder: &holder,
        contents: &contents,
        namespace: contents
            .namespace
            .clone()
            .unwrap_or_else(|| "default".to_owned()),
        checks: Vec::new(),
        can: None,
    };
    let state = found.held_against(&record, now);
    let accepted = found.accepted(now).await;
    let mut user = contents.subject.clone();
    if accepted {
        user = found.tried(&record, state).await.or(user);
    }
    let owner = match &record {
        Ok((Some(record), _)) => Some(record.user.clone()),
        _ => user,
    };
    Ok(Verification {
        file: Some(path.display().to_string()),
        user: owner,
        namespace: Some(found.namespace),
        credentials: vec![Credential {
            r#type: contents.kind,
            generation: contents.ours.as_ref().map(|(_, held)| held.generation),
            not_after: contents.not_after,
            state: match contents.not_after {
                Some(end) if end <= now && state == State::Unknown => State::Expired,
                _ => state,
            },
        }],
        can: found.can,
        checks: found.checks,
    })
}

/// Says of a file that logs in with a program what is known without it: whoever verifies a file
/// runs nothing that the file names.
fn logs_in(path: &Path, contents: &Contents, program: &str) -> Verification {
    let why = format!(
        "it logs in with {program:?}, and verify runs no program of a file; its holder sees who \
         they are with  kubectl auth whoami  and what they may do with  kubectl auth can-i --list"
    );
    Verification {
        file: Some(path.display().to_string()),
        user: None,
        namespace: contents.namespace.clone(),
        credentials: vec![Credential {
            r#type: contents.kind,
            generation: None,
            not_after: None,
            state: State::Unknown,
        }],
        can: None,
        checks: vec![Check::undecided("what the file gives", why)],
    }
}

/// The record, and the rules of the role that it names.
type Seen = Sight<(
    Option<Record>,
    Sight<Vec<k8s_openapi::api::rbac::v1::PolicyRule>>,
)>;

struct Findings<'a> {
    holder: &'a Session,
    contents: &'a Contents,
    namespace: String,
    checks: Vec<Check>,
    can: Option<Vec<String>>,
}

impl Findings<'_> {
    /// Compares the file with the record.
    fn held_against(&mut self, record: &Seen, now: Timestamp) -> State {
        let Some((_, held)) = &self.contents.ours else {
            let why = match self.contents.kind {
                None => "it contains neither a certificate nor a token",
                Some(_) => "it has no generation of any user",
            };
            let name = "a credential of kubectl onboard";
            self.checks.push(Check::new(name, Some(why.to_owned())));
            return State::Unknown;
        };
        let (state, check) = match record {
            Ok((Some(record), _)) => {
                let at_home = record.namespace == self.namespace;
                let why = format!(
                    "it is {:?}; on record it is {:?}",
                    self.namespace, record.namespace
                );
                self.checks.push(Check::new(
                    "the file's namespace",
                    (!at_home).then_some(why),
                ));
                judge::on_record(record, held, now)
            }
            Ok((None, _)) => {
                let why = "there is no record of this user".to_owned();
                (State::Unknown, Check::new("on record", Some(why)))
            }
            Err(why) => {
                let what = format!("whether generation {} was revoked", held.generation);
                (State::Unknown, Check::undecided(what, why))
            }
        };
        self.checks.push(check);
        state
    }

    /// Says whether the server accepts the credential at all.
    async fn accepted(&mut self, now: Timestamp) -> bool {
        let what = "the server accepts it";
        let reviews = self.holder.of::<SelfSubjectAccessReview>();
        let review = serde_json::json!({"spec": {"resourceAttributes": {
            "verb": "get", "resource": "pods", "namespace": self.namespace,
        }}});
        let review = serde_json::from_value(review).unwrap_or_default();
        let check = match reviews.ask(&review).await {
            Ok(_) => Check::new(what, None),
            Err(error) if error.answer() == Some(401) => {
                let ended = self.contents.not_after.filter(|end| *end <= now);
                let why = ended.map_or_else(
                    || "it answers 401: the credential is not valid".to_owned(),
                    |end| format!("it answers 401: the credential expired at {end}"),
                );
                Check::new(what, Some(why))
            }
            Err(error) if proof::is_nobodys(&error) => {
                let why = "it sees nobody: no credential reaches the API server".to_owned();
                Check::new(what, Some(why))
            }
            // A user who is known but may not even ask this is accepted all the same.
            Err(error) if error.is_forbidden() => Check::new(what, None),
            Err(error) => Check::undecided(what, reason(&error)),
        };
        let accepted = check.passed();
        self.checks.push(check);
        accepted
    }

    /// Tries out what it can do; returns the user that the server sees.
    async fn tried(&mut self, record: &Seen, state: State) -> Option<String> {
        let holder = self.holder;
        let telling = expected::telling(&self.namespace);
        let mut can = Vec::new();
        for access in &telling {
            match is_allowed(holder, access).await {
                Ok(true) => can.push(format!("{} {}", access.verb, access.full_resource())),
                Ok(false) => {}
                Err(error) => {
                    let check = Check::undecided("what it can do", reason(&error));
                    self.checks.push(check);
                    return None;
                }
            }
        }
        let powerless = can.is_empty();
        let ended = matches!(state, State::Revoked | State::Replaced);
        if ended {
            let what = format!("no rights left in namespace {}", self.namespace);
            let why = (!powerless).then(|| format!("it still can {}", can.join(", ")));
            self.checks.push(Check::new(what, why));
        }
        self.can = Some(can);
        match self.prove(record, ended).await {
            Ok(name) => Some(name),
            Err(error) => {
                self.checks
                    .push(Check::undecided("the proof", reason(&error)));
                None
            }
        }
    }

    /// Makes the proof as far as it is known what to expect.
    async fn prove(&mut self, record: &Seen, ended: bool) -> Result<String> {
        let user = match record {
            Ok((Some(record), _)) => UserName::parse(&record.user).ok(),
            _ => self
                .contents
                .subject
                .as_deref()
                .and_then(|name| UserName::parse(name).ok()),
        };
        let (Some(user), Some((_, held))) = (user, &self.contents.ours) else {
            return self.reach().await;
        };
        if held.kind == CredentialKind::Token && !matches!(record, Ok((Some(_), _))) {
            // A token's name is a service account's: only the record says which user it belongs to.
            return self.reach().await;
        }
        let none = Vec::new();
        let rules = match record {
            Ok((Some(_), Ok(rules))) if !ended => rules,
            Ok((Some(record), Err(why))) if !ended => {
                let what = format!("can do what ClusterRole {} allows", record.home_role());
                self.checks.push(Check::undecided(what, why));
                &none
            }
            Err(_) => {
                let why = "the record says which role was granted";
                self.checks
                    .push(Check::undecided("can do what the role allows", why));
                &none
            }
            _ => &none,
        };
        let limits = self.holder.in_(&self.namespace).of::<LimitRange>();
        let limits = limits.find(namespace::LIMITS).await;
        let known = record.as_ref().ok().and_then(|(record, _)| record.as_ref());
        let claims = known.is_some_and(|record| record.settings.extras.contains(&Extra::Claims));
        let expected = Expected {
            user: &user,
            namespace: &self.namespace,
            kind: held.kind,
            groups: &self.contents.groups,
            sha256: held.sha256.as_deref(),
            rules,
            also: Vec::new(),
            asserted: None,
            claims,
            limited: limits.is_ok_and(|found| found.is_some()),
        };
        let (name, checks) = proof::prove(self.holder, &expected, Duration::ZERO).await?;
        self.checks.extend(checks);
        Ok(name)
    }

    /// Asks for what no onboarded user can do, without knowing which user to expect.
    async fn reach(&mut self) -> Result<String> {
        for access in expected::beyond(&self.namespace, &[], false) {
            let failure = is_allowed(self.holder, &access)
                .await?
                .then(|| "it can".to_owned());
            self.checks.push(Check::new(describe(&access), failure));
        }
        Ok(who_am_i(self.holder).await?.username)
    }
}

fn describe(access: &Access) -> String {
    format!("cannot {access}")
}

/// Reads the record of the file's user, with the session of the user who runs this.
async fn record_seen(own: Result<Session>, holder: &Session, name: &str) -> Seen {
    let own = sight(own)?;
    // Another cluster may have a user of the same name.
    let (mine, other) = (&own.endpoint, &holder.endpoint);
    let same_server = mine.server.trim_end_matches('/') == other.server.trim_end_matches('/');
    let same_authority = mine.certificate_authority.is_some()
        && mine.certificate_authority == other.certificate_authority;
    if !same_server && !same_authority {
        return Err(format!(
            "your own kubeconfig is for {}, the file for {}",
            mine.server, other.server
        ));
    }
    let maps = own.in_(SYSTEM_NAMESPACE).of::<ConfigMap>();
    let Some(map) = sight(maps.find(name).await)? else {
        return Ok((None, Err("there is no record".to_owned())));
    };
    let record = sight(Record::from_config_map(&map))?;
    let rules = sight(rules_of(&own, record.home_role()).await);
    Ok((Some(record), rules))
}
