//! The words of the machine: what to do, what is waited for, how a goal is reached.

use serde::Serialize;

use crate::model::conflict::Conflict;
use crate::model::record::form::Form;

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Bring the Deployment into this form.
    Write(Form),
    /// Nothing, until something changes.
    Wait(Waiting),
    /// The goal is reached.
    Done(End),
    /// Somebody else changed what this run stands on: hands off.
    Stop(Conflict),
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The controllers have not caught up.
    Controller,
    /// Canary pods are not Ready yet.
    Canary,
    /// Canary pods are Ready and have not been for minReadySeconds.
    Age,
    /// Stable pods are not Ready.
    Stable,
    /// The controller has not sized the sets as wanted yet.
    Sizes,
}

/// How a goal is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// The split is reached and parked.
    Parked,
    /// The split is reached and cannot be parked: it holds while it is driven.
    Held,
    /// Everything is the canary, and the Deployment has its own strategy.
    Promoted,
    /// Everything is stable, and the Deployment is what it was.
    Aborted,
}
