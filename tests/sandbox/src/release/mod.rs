//! What a release consists of: archives, their sums and licence lists, and krew's manifests.

mod archive;
mod manifest;
mod packages;
mod platform;
mod spdx;

pub use archive::{Archive, pack};
pub use manifest::{Sums, render};
pub use packages::{Package, Plugin, plugins, word};
pub use platform::Platform;
