//! Assembles images of one static program each into a docker-archive.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// An image that holds one static program and nothing else.
#[derive(Debug, Clone)]
pub struct Image<'a> {
    /// Full reference, `sandbox.local/web:1`.
    pub reference: String,
    /// Name of the program, which lies at the root: `web` runs as `/web`.
    pub name: &'a str,
    /// The program's bytes.
    pub program: &'a [u8],
    /// Environment of the container, in this order.
    pub env: Vec<(&'a str, &'a str)>,
    /// Numeric user, so that pod security `restricted` can check it: `runAsNonRoot` refuses names.
    pub user: u32,
}

/// Returns the name that image configs use for an architecture as Rust spells it.
#[must_use]
pub fn image_arch(rust_arch: &str) -> &str {
    match rust_arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Packs `images` into one docker-archive for the architecture `arch` (as image configs name it).
///
/// The same input gives the same bytes, so the archive can be cached by the digest of its parts.
/// Images that share a program share its layer.
///
/// # Errors
///
/// Fails when an entry cannot be expressed in the tar format.
pub fn docker_archive(images: &[Image<'_>], arch: &str) -> io::Result<Vec<u8>> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut manifest: Vec<Value> = Vec::new();
    for image in images {
        let layer = layer(image.name, image.program)?;
        let layer_digest = hex_digest(&layer);
        let config = serde_json::to_vec(&config(image, arch, &layer_digest))?;
        let config_file = format!("{}.json", hex_digest(&config));
        let layer_file = format!("{layer_digest}.tar");
        manifest.push(json!({
            "Config": config_file,
            "RepoTags": [image.reference],
            "Layers": [layer_file],
        }));
        files.insert(config_file, config);
        files.insert(layer_file, layer);
    }
    let mut archive = tar::Builder::new(Vec::new());
    append(
        &mut archive,
        "manifest.json",
        &serde_json::to_vec(&manifest)?,
        0o644,
    )?;
    for (name, content) in &files {
        append(&mut archive, name, content, 0o644)?;
    }
    archive.into_inner()
}

/// Returns the SHA-256 of `bytes` in lower-case hexadecimal.
#[must_use]
pub fn hex_digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn layer(name: &str, program: &[u8]) -> io::Result<Vec<u8>> {
    let mut layer = tar::Builder::new(Vec::new());
    append(&mut layer, name, program, 0o755)?;
    layer.into_inner()
}

fn config(image: &Image<'_>, arch: &str, layer_digest: &str) -> Value {
    let env: Vec<String> = image
        .env
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    json!({
        "architecture": arch,
        "os": "linux",
        // A fixed time, or the same program would get another digest on every build.
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "Entrypoint": [format!("/{}", image.name)],
            "Env": env,
            "User": format!("{0}:{0}", image.user),
            "WorkingDir": "/",
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer_digest}")] },
    })
}

/// Appends a file that carries neither a time nor an owner of this machine.
///
/// # Errors
///
/// When the entry cannot be expressed in the tar format, or not be written.
pub fn append<W: io::Write>(
    archive: &mut tar::Builder<W>,
    name: &str,
    content: &[u8],
    mode: u32,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    archive.append_data(&mut header, name, content)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn web<'a>(tag: &str, program: &'a [u8], env: Vec<(&'a str, &'a str)>) -> Image<'a> {
        let reference = format!("sandbox.local/web:{tag}");
        Image {
            reference,
            name: "web",
            program,
            env,
            user: 65532,
        }
    }

    fn unpack(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(bytes);
        let mut files = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            assert!(
                files.insert(name, content).is_none(),
                "an entry appears twice"
            );
        }
        files
    }

    #[test]
    fn every_digest_in_the_archive_matches_the_bytes_it_names() {
        let files = unpack(&docker_archive(&[web("1", b"\x7fELF", vec![])], "amd64").unwrap());
        let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
        let config_file = manifest[0]["Config"].as_str().unwrap();
        let layer_file = manifest[0]["Layers"][0].as_str().unwrap();
        assert_eq!(
            config_file,
            format!("{}.json", hex_digest(&files[config_file]))
        );
        let config: Value = serde_json::from_slice(&files[config_file]).unwrap();
        let diff_id = config["rootfs"]["diff_ids"][0].as_str().unwrap();
        assert_eq!(
            diff_id,
            format!("sha256:{}", hex_digest(&files[layer_file]))
        );
    }

    #[test]
    fn the_same_parts_give_the_same_bytes() {
        let images = [
            web("1", b"one", vec![("VERSION", "1")]),
            web("2", b"one", vec![]),
        ];
        let first = docker_archive(&images, "amd64").unwrap();
        assert_eq!(first, docker_archive(&images, "amd64").unwrap());
        assert_ne!(first, docker_archive(&images, "arm64").unwrap());
    }

    #[test]
    fn images_of_one_program_share_its_layer_and_keep_their_own_environment() {
        let images = [
            web("1", b"one", vec![("VERSION", "1")]),
            web("2", b"one", vec![("VERSION", "2")]),
        ];
        let files = unpack(&docker_archive(&images, "amd64").unwrap());
        let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
        assert_eq!(manifest[0]["Layers"], manifest[1]["Layers"]);
        assert_eq!(manifest[1]["RepoTags"], json!(["sandbox.local/web:2"]));
        let config = &files[manifest[1]["Config"].as_str().unwrap()];
        let config: Value = serde_json::from_slice(config).unwrap();
        assert_eq!(config["config"]["Env"], json!(["VERSION=2"]));
        assert_eq!(config["config"]["User"], json!("65532:65532"));
    }

    #[test]
    fn the_program_is_executable_and_at_the_root() {
        let layer = layer("web", b"program").unwrap();
        let mut archive = tar::Archive::new(layer.as_slice());
        let entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str(), Some("web"));
        assert_eq!(entry.header().mode().unwrap(), 0o755);
    }

    #[test]
    fn architectures_are_named_as_image_configs_name_them() {
        assert_eq!(image_arch("x86_64"), "amd64");
        assert_eq!(image_arch("aarch64"), "arm64");
        assert_eq!(image_arch("riscv64"), "riscv64");
    }
}
