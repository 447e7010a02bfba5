use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::Duration;

use groundcrew::error::Result;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::local::kubeconfig::merge::Entries;
use crate::model::user::UserName;

fn entries() -> Entries {
    Entries {
        cluster_name: "prod".to_owned(),
        cluster: json!({"server": "https://api:6443"}),
        name: "alice@prod".to_owned(),
        user: json!({"client-certificate-data": "Y2VydA==", "client-key-data": "a2V5"}),
        context: json!({"cluster": "prod", "user": "alice@prod", "namespace": "alice"}),
        person: UserName::parse("alice").unwrap(),
    }
}

fn own(directory: &TempDir, names: &[&str]) -> Own {
    let files = names.iter().map(|name| directory.path().join(name));
    Own {
        files: files.collect(),
    }
}

async fn merge(own: &Own) -> Result<Outcome> {
    own.merge(&entries(), false, Duration::ZERO).await
}

#[test]
fn the_files_are_those_that_kubectl_reads() {
    let among = |given: Option<&str>, variable: Option<&str>| {
        let own = Own::among(
            given.map(Path::new),
            variable.map(OsStr::new),
            Some(Path::new("/home/alice")),
        );
        let files = own.unwrap().files;
        let shown: Vec<String> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        shown.join(" ")
    };
    assert_eq!(among(None, None), "/home/alice/.kube/config");
    assert_eq!(among(None, Some("")), "/home/alice/.kube/config");
    assert_eq!(among(None, Some(":")), "/home/alice/.kube/config");
    assert_eq!(among(None, Some("/a::/b:/a")), "/a /b");
    assert_eq!(among(Some("/c"), Some("/a")), "/c");
    assert_eq!(Own::among(None, None, None), None);
}

#[tokio::test]
async fn a_new_entry_goes_to_the_first_file_that_exists_else_to_the_last() {
    let directory = tempfile::tempdir().unwrap();
    let own = own(&directory, &["a", "b", "c"]);
    assert_eq!(merge(&own).await.unwrap().user_file, own.files[2]);
    fs::remove_file(&own.files[2]).unwrap();
    fs::write(&own.files[1], "apiVersion: v1\nkind: Config\n").unwrap();
    assert_eq!(merge(&own).await.unwrap().user_file, own.files[1]);
    assert!(!own.files[0].exists() && !own.files[2].exists());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn an_existing_entry_is_changed_where_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let own = own(&directory, &["a", "b"]);
    fs::write(&own.files[0], "current-context: x\n").unwrap();
    let b = "clusters:\n- name: prod\n  cluster: {server: 'https://api:6443'}\n";
    fs::write(&own.files[1], b).unwrap();
    let outcome = merge(&own).await.unwrap();
    assert_eq!(outcome.user_file, own.files[0]);
    assert_eq!(fs::read_to_string(&own.files[1]).unwrap(), b);
    let a = fs::read_to_string(&own.files[0]).unwrap();
    assert!(
        a.starts_with("current-context: x\n") && !a.contains("clusters"),
        "{a}"
    );
    assert!(!merge(&own).await.unwrap().changed);
}

#[tokio::test]
async fn a_conflicting_entry_stays_unless_it_is_forced() {
    let directory = tempfile::tempdir().unwrap();
    let own = own(&directory, &["a"]);
    let text = "clusters:\n- cluster:\n    server: https://other\n  name: prod\n";
    fs::write(&own.files[0], text).unwrap();
    let error = merge(&own).await.unwrap_err();
    assert_eq!(error.kind(), groundcrew::error::Kind::Conflict);
    assert_eq!(fs::read_to_string(&own.files[0]).unwrap(), text);
    let forced = own.merge(&entries(), true, Duration::ZERO).await.unwrap();
    assert!(forced.changed);
    let after = fs::read_to_string(&own.files[0]).unwrap();
    assert!(after.contains("https://api:6443") && !after.contains("https://other"));
}

#[tokio::test]
async fn a_broken_file_is_named_with_its_line_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let own = own(&directory, &["a"]);
    let text = "apiVersion: v1\nusers: [\n";
    fs::write(&own.files[0], text).unwrap();
    let error = merge(&own).await.unwrap_err();
    assert!(error.to_string().contains("/a:"), "{error}");
    assert_eq!(fs::read_to_string(&own.files[0]).unwrap(), text);
    assert!(!directory.path().join("a.lock").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn links_and_modes_stay_and_a_new_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("real")).unwrap();
    fs::write(path("real/config"), "kind: Config\n").unwrap();
    fs::set_permissions(path("real/config"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real/config", path("a")).unwrap();
    symlink("real/later", path("b")).unwrap();
    let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
    merge(&own(&directory, &["a"])).await.unwrap();
    assert!(path("a").is_symlink());
    assert_eq!(mode("real/config"), 0o640);
    assert!(
        fs::read_to_string(path("real/config"))
            .unwrap()
            .contains("alice@prod")
    );
    merge(&own(&directory, &["b"])).await.unwrap();
    assert!(path("b").is_symlink());
    assert_eq!(mode("real/later"), 0o600);
    merge(&own(&directory, &["new/config"])).await.unwrap();
    assert_eq!(mode("new/config"), 0o600);
}
