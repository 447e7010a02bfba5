//! What a claim is and by which rules it lives.

pub mod claim;
pub mod index;
pub mod installation;
pub mod kind;
pub mod ledger;
pub mod meta;
pub mod names;
pub mod note;
pub mod objects;
pub mod settings;
pub mod shards;
pub mod steps;
pub mod view;
