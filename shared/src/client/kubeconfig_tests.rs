use std::ffi::OsString;

use super::*;
use crate::error::Error;

struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn list(&self, names: &[&str]) -> OsString {
        let paths = names.iter().map(|name| match *name {
            "" => PathBuf::new(),
            name => self.path(name),
        });
        std::env::join_paths(paths).unwrap()
    }

    fn load(&self, names: &[&str]) -> Result<Loaded, Error> {
        load(&Places {
            variable: Some(self.list(names)),
            ..Places::default()
        })
    }
}

fn cluster(config: &Kubeconfig, name: &str) -> kube::config::Cluster {
    let named = config
        .clusters
        .iter()
        .find(|named| named.name == name)
        .unwrap();
    named.cluster.clone().unwrap()
}

const FIRST: &str = "
apiVersion: v1
kind: Config
current-context: ''
clusters:
- {name: shared, cluster: {server: 'https://first'}}
";

const SECOND: &str = "
current-context: second
clusters:
- {name: shared, cluster: {server: 'https://second', certificate-authority: ca.crt}}
- {name: own, cluster: {server: 'https://own', certificate-authority: ca.crt, proxy-url: ''}}
users:
- {name: u, user: {tokenFile: token, client-certificate: /abs/c, exec: {command: bin/login}}}
- {name: v, user: {token: '', exec: {command: login}}}
";

#[test]
fn missing_files_and_empty_elements_of_the_list_are_skipped() {
    let files = Files::new(&[("a", FIRST)]);
    let loaded = files.load(&["", "gone", "", "a"]).unwrap();
    assert_eq!(loaded.read, [files.path("a")]);
    assert_eq!(loaded.missing, [files.path("gone")]);
}

#[test]
fn the_first_file_to_set_a_value_wins_and_an_empty_text_sets_none() {
    let files = Files::new(&[("a", FIRST), ("b", SECOND)]);
    let config = files.load(&["a", "b"]).unwrap().config;
    assert_eq!(config.current_context.as_deref(), Some("second"));
    let shared = cluster(&config, "shared");
    assert_eq!(shared.server.as_deref(), Some("https://first"));
    assert_eq!(
        shared.certificate_authority, None,
        "values of one entry come from one file"
    );
    assert_eq!(cluster(&config, "own").proxy_url, None);
}

#[test]
fn relative_paths_belong_to_the_file_that_holds_them() {
    let files = Files::new(&[("a", FIRST), ("deep/b", SECOND)]);
    let config = files.load(&["a", "deep/b"]).unwrap().config;
    let expected = files.path("deep/ca.crt").display().to_string();
    assert_eq!(
        cluster(&config, "own").certificate_authority,
        Some(expected)
    );
    let user = |index: usize| config.auth_infos[index].auth_info.clone().unwrap();
    assert_eq!(
        user(0).token_file,
        Some(files.path("deep/token").display().to_string())
    );
    assert_eq!(user(0).client_certificate.as_deref(), Some("/abs/c"));
    let command = |index: usize| user(index).exec.unwrap().command.unwrap();
    assert_eq!(
        command(0),
        files.path("deep/bin/login").display().to_string()
    );
    assert_eq!(command(1), "login", "a bare word is looked up on PATH");
    assert!(user(1).token.is_none());
}

#[test]
fn an_explicit_file_must_exist_and_is_the_only_one() {
    let files = Files::new(&[("a", FIRST), ("b", SECOND)]);
    let places = |name: &str| Places {
        explicit: Some(files.path(name)),
        variable: Some(files.list(&["b"])),
        home: Some(files.0.path().to_owned()),
    };
    assert_eq!(load(&places("a")).unwrap().read, [files.path("a")]);
    let error = load(&places("gone")).unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
    assert!(!error.hints().is_empty());
}

#[test]
fn without_a_list_the_file_of_the_home_directory_counts() {
    let files = Files::new(&[(".kube/config", FIRST)]);
    for variable in [None, Some(OsString::new())] {
        let home = Some(files.0.path().to_owned());
        let loaded = load(&Places {
            explicit: None,
            variable,
            home,
        })
        .unwrap();
        assert_eq!(loaded.read, [files.path(".kube/config")]);
    }
    assert!(load(&Places::default()).unwrap().read.is_empty());
}

#[test]
fn a_broken_file_is_named_with_its_line_and_quotes_no_secret() {
    let broken = "users:\n- name: u\n  user:\n    token: hunter2\n   oops: [\n";
    let files = Files::new(&[("a", FIRST), ("b", broken)]);
    let error = files.load(&["a", "b"]).unwrap_err();
    let place = format!("{}:5:", files.path("b").display());
    assert!(error.headline().contains(&place), "{}", error.headline());
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_line() {
    let files = Files::new(&[("a", "clusters:\n- name: c\n  cluster:\n    server: [1]\n")]);
    let error = files.load(&["a"]).unwrap_err();
    assert!(error.headline().contains("a:4:"), "{}", error.headline());
}

#[test]
fn an_empty_file_is_an_empty_kubeconfig() {
    let files = Files::new(&[("a", "")]);
    assert!(files.load(&["a"]).unwrap().config.clusters.is_empty());
}
