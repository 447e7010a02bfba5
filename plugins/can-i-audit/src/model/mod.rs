//! Nouns and rules of access: no connection, no files, no clock.

pub mod aggregate;
pub mod catalog;
pub mod decision;
pub mod diff;
pub mod engine;
pub mod gap;
pub mod grant;
pub mod kind;
pub mod naming;
pub mod nearest;
pub mod permissions;
pub mod policy;
pub mod question;
pub mod risks;
pub mod sample;
pub mod subject;
pub mod verbs;
pub mod words;
