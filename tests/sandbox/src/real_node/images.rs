//! Builds the programs that run on a real node, and packs those that run as containers.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use groundcrew_images::archive::{Image, docker_archive, hex_digest, image_arch};

use super::PAUSE_IMAGE;

/// The user of the containers: neither root nor anybody of the machine.
const NOBODY: u32 = 65532;

/// Tags of `sandbox.local/web` and the environment they stand for.
const WEB_TAGS: [(&str, &[(&str, &str)]); 7] = [
    ("1", &[("VERSION", "1")]),
    ("2", &[("VERSION", "2")]),
    ("3", &[("VERSION", "3")]),
    ("bad", &[("VERSION", "bad"), ("FAIL_PERCENT", "50")]),
    ("flaky", &[("VERSION", "flaky"), ("FAIL_PERCENT", "5")]),
    ("crash", &[("VERSION", "crash"), ("EXIT_CODE", "1")]),
    ("done", &[("VERSION", "done"), ("EXIT_CODE", "0")]),
];

/// What a real node needs of this workspace's own programs.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The archive with all images.
    pub images: PathBuf,
    /// The program that passes connections on to the API server.
    pub forward: PathBuf,
}

/// The plugin that also runs as a container.
const REAPER: &str = "kubectl-ns_claim";

/// Builds the programs of the workspace at `workspace`, statically linked, and the image archive
/// below `out_dir`. When nothing changed this takes a fraction of a second.
///
/// # Errors
///
/// Fails when cargo cannot be run or the programs cannot be built; the compiler's words are in the
/// error.
pub fn build(workspace: &Path, out_dir: &Path) -> io::Result<Programs> {
    // The library's crates are not needed by the programs.
    let without_library = ["--bins", "--no-default-features", "--features", "calls"];
    build_static(workspace, out_dir, "groundcrew-images", &without_library)?;
    build_static(workspace, out_dir, REAPER, &[])?;
    let programs = programs_dir(out_dir);
    let archive = assemble(
        &fs::read(programs.join("pause"))?,
        &fs::read(programs.join("web"))?,
        &fs::read(programs.join(REAPER))?,
        env::consts::ARCH,
    )?;
    let images = out_dir.join(format!("images-{}.tar", &hex_digest(&archive)[..12]));
    if !images.exists() {
        // Another sandbox may be doing the same, and must not find half a file.
        let partial = out_dir.join(format!("images-{}.partial", std::process::id()));
        fs::write(&partial, &archive)?;
        fs::rename(&partial, &images)?;
    }
    Ok(Programs {
        images,
        forward: programs.join("forward"),
    })
}

/// How they are built; `Cargo.toml` says what that is.
const PROFILE: &str = "image";

/// Builds the programs of one package without a C library: an image holds one file, so there is
/// nobody to bring one.
fn build_static(workspace: &Path, out_dir: &Path, package: &str, args: &[&str]) -> io::Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace)
        .args(["build", "--quiet", "--locked", "--package", package])
        .args(args)
        .args(["--profile", PROFILE])
        // With an explicit target the flags below do not reach build scripts.
        .args(["--target", &target(), "--target-dir"])
        .arg(out_dir.join("build"))
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let message = format!("cargo build of {package}: {}", said.trim());
    Err(io::Error::other(message))
}

/// Whether the programs were built before, so that only a change to them takes time.
pub(super) fn were_built(out_dir: &Path) -> bool {
    programs_dir(out_dir).join(REAPER).exists()
}

fn programs_dir(out_dir: &Path) -> PathBuf {
    out_dir.join("build").join(target()).join(PROFILE)
}

fn target() -> String {
    format!("{}-unknown-linux-gnu", env::consts::ARCH)
}

fn assemble(pause: &[u8], web: &[u8], reaper: &[u8], rust_arch: &str) -> io::Result<Vec<u8>> {
    let pause = Image {
        reference: PAUSE_IMAGE.to_owned(),
        name: "pause",
        program: pause,
        env: Vec::new(),
        user: NOBODY,
    };
    // What plugins/ns-claim/Containerfile says.
    let reaper = Image {
        reference: "sandbox.local/ns-claim:1".to_owned(),
        name: REAPER,
        program: reaper,
        env: Vec::new(),
        user: NOBODY,
    };
    let mut images = vec![pause, reaper];
    images.extend(WEB_TAGS.into_iter().map(|(tag, env)| Image {
        reference: format!("sandbox.local/web:{tag}"),
        name: "web",
        program: web,
        env: env.to_vec(),
        user: NOBODY,
    }));
    docker_archive(&images, image_arch(rust_arch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_changes_with_every_program() {
        let archive = assemble(b"pause", b"web", b"reaper", "x86_64").unwrap();
        let other = |pause: &[u8], web: &[u8], reaper: &[u8]| {
            assemble(pause, web, reaper, "x86_64").unwrap() != archive
        };
        assert!(!other(b"pause", b"web", b"reaper"));
        assert!(other(b"pause2", b"web", b"reaper"));
        assert!(other(b"pause", b"web2", b"reaper"));
        assert!(other(b"pause", b"web", b"reaper2"));
    }

    #[test]
    fn the_reapers_image_is_what_its_definition_says() {
        let path = crate::layout::workspace_root().join("plugins/ns-claim/Containerfile");
        let text = fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                "FROM scratch".to_owned(),
                format!("COPY {REAPER} /{REAPER}"),
                format!("USER {NOBODY}:{NOBODY}"),
                format!("ENTRYPOINT [\"/{REAPER}\"]"),
            ]
        );
    }
}
