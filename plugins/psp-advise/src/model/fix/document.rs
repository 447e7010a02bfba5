//! One document of a manifest: changed, read again, and only then believed.

use serde::Deserialize as _;
use serde_json::Value;

use super::edit::edits;
use super::meant::as_meant;
use super::ops::{Left, Op, plan};
use super::patch::{json6902, strategic, without_nulls};
use super::text::apply;
use crate::model::advice::Grade;
use crate::model::decision::{Prepared, Source};
use crate::model::manifest::{Chunk, Fault, Node, parse};
use crate::model::pod::Pod;
use crate::model::standards::{LevelVersion, Server};
use crate::model::workload::{ObjectRef, TemplatePath, Workload, built_in, extract};

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The policy that objects are to pass.
    pub policy: LevelVersion,
    /// The server that decides.
    pub server: Server,
    /// How much a change may change.
    pub most: Grade,
    /// Where custom kinds keep their pod.
    pub custom: &'a [TemplatePath],
}

/// A document after its changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fixed {
    /// Its text; the same as before when nothing was to be done or could be done.
    pub text: String,
    /// Its objects with a pod.
    pub objects: Vec<FixedObject>,
    /// What could not be read.
    pub unreadable: Vec<Fault>,
}

/// An object after its changes.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedObject {
    /// The object.
    pub object: ObjectRef,
    /// The line where it begins.
    pub line: usize,
    /// What was changed.
    pub ops: Vec<Op>,
    /// What stays.
    pub left: Vec<Left>,
    /// Whether it passes afterwards, as the text says when it is read again.
    pub passes: bool,
    /// The changes as a JSON patch that was applied and decided again; `None` when none leads to
    /// what the text says.
    pub json_patch: Option<Value>,
    /// The changes as a strategic merge patch, likewise; custom kinds have none.
    pub strategic_patch: Option<Value>,
}

/// Changes of one document that are made before it is given up; a `List` may hold many objects.
const TURNS: usize = 10_000;

/// Changes one document so that its objects pass.
///
/// Every turn changes one object and reads the text again: nothing is claimed that the new text
/// does not say.
///
/// # Errors
///
/// Why the document cannot be read; it is left alone then.
pub fn fix_document(chunk: Chunk<'_>, wanted: Wanted<'_>) -> Result<Fixed, Fault> {
    let mut fixed = Fixed {
        text: chunk.text.to_owned(),
        ..Fixed::default()
    };
    let mut before = Vec::new();
    for turn in 0..TURNS {
        let text = fixed.text.clone();
        let now = Chunk {
            text: &text,
            ..chunk
        };
        let document = parse(now)?;
        if document.is_null() {
            break;
        }
        let extracted = extract(&document, wanted.custom);
        if turn == 0 {
            let workloads = extracted.workloads.iter();
            fixed.objects = workloads
                .map(|(workload, node)| start(workload, node))
                .collect();
            let nodes = extracted.workloads.iter();
            before = nodes.map(|(_, node)| node.to_json()).collect();
            fixed.unreadable = extracted
                .unreadable
                .iter()
                .map(|fault| Fault {
                    line: fault.line,
                    message: fault.message.clone(),
                })
                .collect();
        }
        let new = extracted.workloads.iter().zip(&mut fixed.objects).find_map(
            |((workload, node), object)| one(object, (workload, node), &document, now, wanted),
        );
        match new {
            Some(new) => fixed.text = new,
            None => break,
        }
    }
    if fixed.text != chunk.text {
        let text = fixed.text.clone();
        let now = Chunk {
            text: &text,
            ..chunk
        };
        let document = parse(now)?;
        let after = extract(&document, wanted.custom).workloads;
        for ((object, before), (workload, node)) in fixed.objects.iter_mut().zip(before).zip(&after)
        {
            if !object.ops.is_empty() {
                patches(object, before, node.to_json(), workload, wanted);
            }
        }
    }
    Ok(fixed)
}

/// Makes the patches. A patch that leads to the very object that the text holds is decided as the
/// text is; it is still read as a pod and decided by itself, as the server will do.
fn patches(
    object: &mut FixedObject,
    before: Value,
    after: Value,
    workload: &Workload,
    wanted: Wanted<'_>,
) {
    let passes = decides(&after, workload, wanted) == Some(object.passes);
    if !passes {
        return;
    }
    let (before, after) = (&without_nulls(before), &without_nulls(after));
    object.json_patch = json6902(before, after);
    let kind = built_in(workload.object.group(), &workload.object.kind);
    if kind.is_some() {
        object.strategic_patch = strategic(before, after);
    }
}

/// Decides about the object that a patch leads to; `None` when it is not a pod.
fn decides(object: &Value, workload: &Workload, wanted: Wanted<'_>) -> Option<bool> {
    let pointer = match workload.path.as_str() {
        "" => String::new(),
        path => format!("/{}", path.replace('.', "/")),
    };
    let pod = Pod::deserialize(object.pointer(&pointer)?).ok()?;
    let patched = Workload {
        pod,
        ..workload.clone()
    };
    let prepared = Prepared::new(&patched, wanted.server, Source::default());
    Some(prepared.decide(wanted.policy).allowed)
}

fn start(workload: &Workload, node: &Node) -> FixedObject {
    FixedObject {
        object: workload.object.clone(),
        line: node.place.line,
        ops: Vec::new(),
        left: Vec::new(),
        passes: false,
        json_patch: None,
        strategic_patch: None,
    }
}

/// Changes one object; returns the new text of the document, or nothing when it is as it should
/// be, or as near as it gets.
fn one(
    object: &mut FixedObject,
    (workload, node): (&Workload, &Node),
    document: &Node,
    chunk: Chunk<'_>,
    wanted: Wanted<'_>,
) -> Option<String> {
    let text = chunk.text;
    let source = Source {
        file: None,
        node: Some(node),
    };
    let decision = Prepared::new(workload, wanted.server, source).decide(wanted.policy);
    object.passes = decision.allowed;
    if decision.allowed {
        object.left.clear();
        return None;
    }
    let plan = plan(&decision, node, &workload.path, wanted.most);
    object.left = plan.left;
    if plan.ops.is_empty() {
        return None;
    }
    let refuse = |object: &mut FixedObject, ops: &[Op]| {
        object.left.extend(ops.iter().map(|op| Left {
            path: op.path.clone(),
            check: op.check,
            line: Some(node.place_of(&op.path).line),
            why: "the change cannot be written here without touching more".to_owned(),
        }));
    };
    let Some(edits) = edits(text, node, &plan.ops) else {
        refuse(object, &plan.ops);
        return None;
    };
    let new = apply(text, &edits);
    let again = parse(Chunk {
        text: &new,
        ..chunk
    });
    let good = again.is_ok_and(|after| {
        as_meant(document, node, &after, &plan.ops)
            && is_better(&after, wanted, workload, decision.checks.len())
    });
    if !good {
        refuse(object, &plan.ops);
        return None;
    }
    object.ops.extend(plan.ops);
    Some(new)
}

/// Returns whether an object of a document violates less than before.
fn is_better(document: &Node, wanted: Wanted<'_>, of: &Workload, before: usize) -> bool {
    let extracted = extract(document, wanted.custom);
    let after = extracted
        .workloads
        .iter()
        .filter(|(workload, _)| workload.object == of.object && workload.path == of.path)
        .map(|(workload, _)| {
            let prepared = Prepared::new(workload, wanted.server, Source::default());
            prepared.decide(wanted.policy).checks.len()
        })
        .min();
    after.is_some_and(|after| after < before)
}
