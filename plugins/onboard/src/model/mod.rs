//! Nouns and rules: no client, no clock, no environment, no printing.

pub mod auth;
pub mod change;
pub mod check;
pub mod credential;
pub mod credential_kind;
pub mod found;
pub mod generation;
pub mod handover;
pub mod holder;
pub mod identity;
pub mod kind;
pub mod kubeconfig;
pub mod labels;
pub mod left;
pub mod login;
pub mod objects;
pub mod onboarding;
pub mod product;
pub mod record;
pub mod settings;
pub mod signing_request;
pub mod time;
pub mod user;
pub mod way;
