//! One file or folder per word of the command line.

pub mod accept;
pub mod answer;
pub mod apply;
pub mod doctor;
pub mod forget;
pub mod issue;
pub mod join;
pub mod leave;
pub mod list;
pub mod offboard;
pub mod renew;
pub mod request;
pub mod status;
pub mod verify;
