//! The steps of a run, in their order: the one list from which its rights, its dry run, its
//! progress and what it takes back are read.

use std::collections::BTreeMap;

use groundcrew::flags::duration::Span;
use groundcrew::tenancy::{Profile, SYSTEM_NAMESPACE};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Resource;
use serde::Serialize;

use crate::model::change::{Change, Line};
use crate::model::credential_kind::CredentialKind;
use crate::model::holder::Holder;
use crate::model::labels;
use crate::model::objects::{compare, namespace};
use crate::model::onboarding::bound::{Bindings, Bound};
use crate::model::onboarding::observed::Observed;
use crate::model::onboarding::options::Options;
use crate::model::onboarding::plan::{CredentialStep, NamespaceStep, Place, Plan};
use crate::model::record;
use crate::model::user::UserName;

/// The steps of a run.
#[derive(Debug)]
pub struct Steps {
    /// The namespace, its limits, and who holds the rights while the run lasts.
    pub grant: Vec<Step<Grant>>,
    /// The credential: kept or issued, and then tried out.
    pub credential: Line,
    /// What the cluster remembers. From here on the credential is tried out and on record.
    pub record: Line,
    /// Who holds the rights in the end, and the generations that lose them.
    pub retire: Vec<Step<Retire>>,
}

/// A thing that a run changes or leaves, and the line that says so.
#[derive(Debug)]
pub struct Step<T> {
    /// What it is about.
    pub what: T,
    /// What becomes of it.
    pub line: Line,
}

/// What is given.
#[derive(Debug)]
pub enum Grant {
    /// The user's namespace.
    Namespace(Namespace),
    /// What containers get that ask for nothing.
    Limits(LimitRange),
    /// What all of them may use together.
    Quota(ResourceQuota),
    /// Which traffic is allowed.
    Policy(NetworkPolicy),
    /// A binding that goes: in a namespace that the user leaves, or of a run that died.
    Unbind(RoleBinding),
    /// A binding to another role takes the place of this one.
    Replace(RoleBinding, Place),
    /// A binding to those who hold the rights while the run lasts.
    Bind(Bound),
}

/// What is taken.
#[derive(Debug)]
pub enum Retire {
    /// A binding to those who hold the rights in the end.
    Bind(Bound),
    /// A generation whose rights are gone.
    Revoke(u32, CredentialKind),
}

/// An area of a user's access, as the summary for many people names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// The namespace is made.
    Namespace,
    /// Its labels or annotations differ.
    Labels,
    /// Its limits, quota or policy.
    Limits,
    /// Who holds which role.
    Rights,
    /// A credential is issued.
    Credential,
    /// Old credentials lose their rights.
    OldCredentials,
    /// Nothing but the record.
    Record,
}

impl Area {
    /// Returns the word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Labels => "labels",
            Self::Limits => "limits",
            Self::Rights => "rights",
            Self::Credential => "credential",
            Self::OldCredentials => "old credentials",
            Self::Record => "record",
        }
    }
}

impl Steps {
    /// Returns every line, in the order of the run.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        let grant = self.grant.iter().map(|step| &step.line);
        let retire = self.retire.iter().map(|step| &step.line);
        grant.chain([&self.credential, &self.record]).chain(retire)
    }

    /// Returns what a run would change; empty when it would write nothing.
    #[must_use]
    pub fn areas(&self) -> Vec<Area> {
        let grant = self
            .grant
            .iter()
            .map(|step| (step.what.area(step.line.change), &step.line));
        let retire = self
            .retire
            .iter()
            .map(|step| (step.what.area(), &step.line));
        let credential = std::iter::once((Area::Credential, &self.credential));
        let all = grant.chain(credential).chain(retire);
        let changed = all.filter(|(_, line)| line.change != Change::Unchanged);
        let mut areas: Vec<Area> = changed.map(|(area, _)| area).collect();
        areas.sort();
        areas.dedup();
        if areas.is_empty() && self.record.change != Change::Unchanged {
            areas.push(Area::Record);
        }
        areas
    }
}

/// How a step is taken back.
#[derive(Debug)]
pub enum Reverse {
    /// It stays: what was there already is not undone.
    Keep,
    /// What it made is deleted.
    Delete,
    /// What it removed is put back.
    PutBack(Box<RoleBinding>),
}

impl Step<Grant> {
    /// Returns how it is taken back when this has become of its object.
    #[must_use]
    pub fn reverse(&self, change: Change) -> Reverse {
        match (&self.what, change) {
            (
                Grant::Unbind(found) | Grant::Replace(found, _),
                Change::Deleted | Change::Replaced,
            ) => Reverse::PutBack(Box::new(found.clone())),
            (_, Change::Created) => Reverse::Delete,
            _ => Reverse::Keep,
        }
    }
}

impl Grant {
    fn area(&self, change: Change) -> Area {
        match self {
            Self::Namespace(_) if change == Change::Created => Area::Namespace,
            Self::Namespace(_) => Area::Labels,
            Self::Limits(_) | Self::Quota(_) | Self::Policy(_) => Area::Limits,
            Self::Unbind(_) | Self::Replace(..) | Self::Bind(_) => Area::Rights,
        }
    }
}

impl Retire {
    fn area(&self) -> Area {
        match self {
            Self::Bind(_) => Area::Rights,
            Self::Revoke(..) => Area::OldCredentials,
        }
    }
}

/// Puts the steps of a plan in their order, with what becomes of each.
#[must_use]
pub fn steps(options: &Options, plan: &Plan, observed: &Observed, now: Timestamp) -> Steps {
    let user = &options.user;
    let mut grant = own(user, plan, observed);
    let mut bindings = Bindings::of(observed);
    let old = plan.replaced.iter().filter_map(|namespace| {
        let found = bindings.remove(namespace, user)?;
        Some((namespace.clone(), found))
    });
    let mut old: BTreeMap<String, RoleBinding> = old.collect();
    for namespace in &plan.left {
        if let Some(found) = bindings.remove(namespace, user) {
            let name = labels::binding_name(user);
            let object = format!("rolebinding/{namespace}/{name}");
            let detail = format!("gave {}", found.role_ref.name);
            grant.push(Step {
                line: Line::new(object, Change::Deleted, detail),
                what: Grant::Unbind(found),
            });
        }
    }
    let claims = observed.claims.iter().filter_map(|claim| {
        let namespace = claim.metadata.namespace.clone()?;
        Some(Bound::Claim(namespace))
    });
    let all = Bound::all(&plan.places, &plan.settings.extras).chain(claims);
    let all: Vec<Bound> = all.collect();
    let mut bind = |holders: &[Holder]| -> Vec<(Bound, Line)> {
        let told = all.iter().filter_map(|bound| {
            let change = bindings.bind(bound, user, holders)?;
            Some((bound.clone(), bound.line(user, holders, change)))
        });
        told.collect()
    };
    grant.extend(
        bind(&plan.holders.during)
            .into_iter()
            .map(|(bound, line)| match bound {
                Bound::Place(place) if old.contains_key(&place.namespace) => {
                    let found = old.remove(&place.namespace).unwrap_or_default();
                    replace(found, place, line)
                }
                bound => Step {
                    what: Grant::Bind(bound),
                    line,
                },
            }),
    );
    grant.extend(observed.unfinished.iter().map(|found| {
        let metadata = &found.metadata;
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let name = metadata.name.as_deref().unwrap_or_default();
        let object = format!("rolebinding/{namespace}/{name}");
        let detail = format!("gave {}; of a run that did not finish", found.role_ref.name);
        Step {
            line: Line::new(object, Change::Deleted, detail),
            what: Grant::Unbind(found.clone()),
        }
    }));
    let due = due(plan, observed, now);
    let mut retire = Vec::new();
    if !due.is_empty() && plan.holders.after != plan.holders.during {
        retire.extend(
            bind(&plan.holders.after)
                .into_iter()
                .map(|(bound, line)| Step {
                    what: Retire::Bind(bound),
                    line,
                }),
        );
    }
    retire.extend(due.iter().map(|(generation, kind)| Step {
        what: Retire::Revoke(*generation, *kind),
        line: revoked(*generation),
    }));
    Steps {
        credential: credential(options, plan),
        record: recorded(user, plan, observed, !due.is_empty()),
        grant,
        retire,
    }
}

fn replace(found: RoleBinding, place: Place, line: Line) -> Step<Grant> {
    let detail = format!("{}; was {}", line.detail, found.role_ref.name);
    Step {
        line: Line {
            change: Change::Replaced,
            detail,
            ..line
        },
        what: Grant::Replace(found, place),
    }
}

/// Returns how the end of a generation is told.
#[must_use]
pub fn revoked(generation: u32) -> Line {
    let object = format!("generation {generation}");
    Line::new(object, Change::Revoked, "its rights are gone")
}

fn own(user: &UserName, plan: &Plan, observed: &Observed) -> Vec<Step<Grant>> {
    let name = plan.namespace.as_str();
    let change = match plan.namespace_step {
        NamespaceStep::None => return Vec::new(),
        NamespaceStep::Create => Change::Created,
        NamespaceStep::Update => Change::Configured,
        NamespaceStep::Keep => Change::Unchanged,
    };
    let team = plan.settings.team.as_ref();
    let team = team
        .map(|team| format!(", team {team}"))
        .unwrap_or_default();
    let mut all = vec![Step {
        what: Grant::Namespace(namespace::namespace(name, user, &plan.settings)),
        line: Line::new(
            format!("namespace/{name}"),
            change,
            format!("owner {user}{team}, pod security baseline"),
        ),
    }];
    let found = &observed.existing;
    let profile = plan.profile.as_ref();
    // The LimitRange goes before the quota: with a quota alone every pod without resources is
    // refused.
    if let Some(spec) = profile.and_then(Profile::limit_range) {
        let wanted = namespace::limit_range(spec, name, user);
        all.push(Step {
            line: Line::new(
                format!("limitrange/{name}/{}", namespace::LIMITS),
                applied(&wanted, found.limits.as_ref()),
                "defaults for containers",
            ),
            what: Grant::Limits(wanted),
        });
    }
    if let Some(spec) = profile.and_then(Profile::quota) {
        let wanted = namespace::quota(spec, name, user);
        all.push(Step {
            line: Line::new(
                format!("resourcequota/{name}/{}", namespace::LIMITS),
                applied(&wanted, found.quota.as_ref()),
                profile.map(Profile::summary).unwrap_or_default(),
            ),
            what: Grant::Quota(wanted),
        });
    }
    if let Some(wanted) = namespace::network_policy(plan.network, name, user) {
        all.push(Step {
            line: Line::new(
                format!("networkpolicy/{name}/{}", namespace::DEFAULT_DENY),
                applied(&wanted, found.policy.as_ref()),
                plan.network.summary(),
            ),
            what: Grant::Policy(wanted),
        });
    }
    all
}

fn applied<K: Resource<DynamicType = ()> + Serialize>(wanted: &K, found: Option<&K>) -> Change {
    match found {
        None => Change::Created,
        Some(found) if compare::is_as_wanted(found, wanted) => Change::Unchanged,
        Some(_) => Change::Configured,
    }
}

/// Returns the generations that lose their rights by the end of the run.
fn due(plan: &Plan, observed: &Observed, now: Timestamp) -> Vec<(u32, CredentialKind)> {
    let replaced = matches!(plan.credential, CredentialStep::Issue { .. }) && plan.retire_at <= now;
    let record = observed.record.iter();
    record
        .flat_map(|found| &found.record.generations)
        .filter(|issue| issue.is_due(now) || (replaced && issue.revoked_at.is_none()))
        .map(|issue| (issue.generation, issue.kind))
        .collect()
}

fn credential(options: &Options, plan: &Plan) -> Line {
    let out = options.out.display();
    match &plan.credential {
        CredentialStep::KeepFile(held) => Line::new(
            format!("generation {}", held.generation),
            Change::Unchanged,
            format!("{} until {}, in {out}", held.kind.as_str(), held.not_after),
        ),
        CredentialStep::KeepElsewhere(issue) => Line::new(
            format!("generation {}", issue.generation),
            Change::Unchanged,
            format!("{} until {}", issue.kind.as_str(), issue.not_after),
        ),
        CredentialStep::Issue { generation, .. } => {
            let mut detail = format!("for {}, in {out}", Span(options.expires()));
            if let Some(request) = options.request() {
                let key = request.fingerprint();
                detail.push_str(&format!("; the key stays with the user: SHA256:{key}"));
            }
            Line::new(format!("generation {generation}"), Change::Issued, detail)
        }
    }
}

fn recorded(user: &UserName, plan: &Plan, observed: &Observed, retires: bool) -> Line {
    let object = format!("configmap/{SYSTEM_NAMESPACE}/{}", record::name(user));
    let Some(found) = observed.record.as_ref().map(|found| &found.record) else {
        return Line::new(object, Change::Created, "the record");
    };
    let kept = match &plan.credential {
        CredentialStep::KeepFile(held) => {
            let mut issues = found.generations.iter();
            issues.any(|issue| issue.generation == held.generation)
        }
        CredentialStep::KeepElsewhere(_) => true,
        CredentialStep::Issue { .. } => false,
    };
    let same = kept
        && !retires
        && found.settings == plan.settings
        && found.namespace == plan.namespace
        && found.begun.is_none()
        && found.replacing.is_empty()
        && found.ended.is_none();
    let change = if same {
        Change::Unchanged
    } else {
        Change::Configured
    };
    Line::new(object, change, "the record")
}

#[cfg(test)]
mod tests;
