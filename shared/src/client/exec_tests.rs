#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use secrecy::ExposeSecret;

use super::*;

/// A plugin that is a shell script in a folder of its own.
struct Plugin(tempfile::TempDir);

impl Plugin {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugin");
        fs::write(
            &path,
            format!(
                "#!/bin/sh\necho run >> {}\n{script}\n",
                folder.path().join("runs").display()
            ),
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn printing(document: &str) -> Self {
        Self::new(&format!("cat <<'END'\n{document}\nEND"))
    }

    fn config(&self) -> ExecConfig {
        ExecConfig {
            api_version: Some(format!("{GROUP}/v1")),
            command: Some(self.0.path().join("plugin").display().to_string()),
            interactive_mode: Some(ExecInteractiveMode::Never),
            ..ExecConfig::default()
        }
    }

    fn runs(&self) -> usize {
        fs::read_to_string(self.0.path().join("runs"))
            .unwrap_or_default()
            .lines()
            .count()
    }

    async fn failure(&self) -> Error {
        match run(&self.config(), &Cluster::default(), false).await {
            Ok(_) => panic!("the plugin was believed"),
            Err(error) => error,
        }
    }
}

const TOKEN: &str = r#"{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
"status": {"token": "hunter2"}}"#;

#[tokio::test]
async fn the_plugin_runs_once_and_its_token_takes_its_place() {
    let plugin = Plugin::printing(TOKEN);
    let mut user = AuthInfo {
        exec: Some(plugin.config()),
        ..AuthInfo::default()
    };
    settle(&mut user, &Cluster::default()).await.unwrap();
    assert_eq!(user.token.unwrap().expose_secret(), "hunter2");
    assert!(user.exec.is_none());
    assert_eq!(plugin.runs(), 1);
}

#[tokio::test]
async fn a_certificate_takes_its_place_too_and_yaml_is_read() {
    let plugin = Plugin::printing(
        "apiVersion: client.authentication.k8s.io/v1\nkind: ExecCredential\nstatus:\n  \
         clientCertificateData: cert\n  clientKeyData: key",
    );
    let mut user = AuthInfo {
        exec: Some(plugin.config()),
        ..AuthInfo::default()
    };
    settle(&mut user, &Cluster::default()).await.unwrap();
    assert_eq!(user.client_certificate_data.as_deref(), Some("Y2VydA=="));
    assert_eq!(user.client_key_data.unwrap().expose_secret(), "a2V5");
}

#[tokio::test]
async fn credentials_that_are_there_spare_the_plugin() {
    let plugin = Plugin::printing(TOKEN);
    let token = Some("own".to_owned().into());
    let mut user = AuthInfo {
        exec: Some(plugin.config()),
        token,
        ..AuthInfo::default()
    };
    settle(&mut user, &Cluster::default()).await.unwrap();
    assert_eq!(plugin.runs(), 0);
    assert!(user.exec.is_none());
}

#[tokio::test]
async fn the_plugin_gets_arguments_environment_and_the_cluster() {
    let plugin = Plugin::new(&format!(
        "[ \"$1 $NAME\" = 'arg value' ] || exit 9\n\
         case \"$KUBERNETES_EXEC_INFO\" in *'\"server\":\"https://h\"'*) ;; *) exit 8 ;; esac\n\
         case \"$KUBERNETES_EXEC_INFO\" in *'\"interactive\":false'*) ;; *) exit 7 ;; esac\n\
         case \"$KUBERNETES_EXEC_INFO\" in *'\"certificate-authority-data\":\"Y2EK\"'*) ;; *) exit 6 ;; esac\n\
         echo '{}'",
        TOKEN.replace('\n', " ")
    ));
    let variable = [("name", "NAME"), ("value", "value")];
    let variable = variable.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let config = ExecConfig {
        args: Some(vec!["arg".to_owned()]),
        env: Some(vec![variable.into_iter().collect()]),
        provide_cluster_info: true,
        ..plugin.config()
    };
    let cluster = Cluster {
        server: Some("https://h".to_owned()),
        certificate_authority_data: Some("Y2EK".to_owned()),
        ..Cluster::default()
    };
    assert_eq!(
        run(&config, &cluster, true).await.unwrap().token.as_deref(),
        Some("hunter2")
    );
}

#[tokio::test]
async fn a_failing_plugin_is_named_with_its_exit_code() {
    let error = Plugin::new("exit 3").failure().await.to_string();
    assert!(error.contains("plugin failed with exit code 3"), "{error}");
}

#[tokio::test]
async fn a_missing_plugin_shows_its_install_hint_without_escape_codes() {
    let config = ExecConfig {
        api_version: Some(format!("{GROUP}/v1")),
        command: Some("no-such-credential-plugin".to_owned()),
        interactive_mode: Some(ExecInteractiveMode::Never),
        install_hint: Some("brew install it\u{1b}[2J".to_owned()),
        ..ExecConfig::default()
    };
    let Err(error) = run(&config, &Cluster::default(), false).await else {
        panic!("it ran")
    };
    assert!(
        error
            .to_string()
            .contains("no-such-credential-plugin was not found"),
        "{error}"
    );
    assert_eq!(error.hints(), ["brew install it [2J"]);
}

#[tokio::test]
async fn an_answer_that_is_not_the_configured_kind_is_refused_and_not_quoted() {
    let v1 = "client.authentication.k8s.io/v1";
    let table = [
        ("hunter2".to_owned(), "did not print an ExecCredential"),
        (
            TOKEN.replace("/v1\"", "/v1beta1\""),
            "printed client.authentication.k8s.io/v1beta1",
        ),
        (TOKEN.replace("ExecCredential", "Secret"), "Secret where"),
        (
            format!(r#"{{"apiVersion":"{v1}","kind":"ExecCredential"}}"#),
            "printed no status",
        ),
        (
            TOKEN.replace("token", "hint"),
            "neither a token nor a certificate",
        ),
        (TOKEN.replace("token", "clientKeyData"), "and not both"),
    ];
    for (answer, expected) in table {
        let error = Plugin::printing(&answer).failure().await;
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn a_plugin_asks_only_where_somebody_can_answer() {
    use ExecInteractiveMode::{Always, IfAvailable, Never};
    let asks = |mode, version: &str, terminal| {
        let config = ExecConfig {
            interactive_mode: mode,
            ..ExecConfig::default()
        };
        is_interactive(&config, &format!("{GROUP}/{version}"), terminal).ok()
    };
    assert_eq!(asks(Some(Never), "v1", true), Some(false));
    assert_eq!(asks(Some(IfAvailable), "v1", true), Some(true));
    assert_eq!(asks(Some(IfAvailable), "v1", false), Some(false));
    assert_eq!(asks(Some(Always), "v1", true), Some(true));
    assert_eq!(asks(Some(Always), "v1", false), None);
    assert_eq!(asks(None, "v1beta1", true), Some(true));
    assert_eq!(asks(None, "v1", true), None);
}

#[tokio::test]
async fn a_plugin_that_prints_without_end_is_ended() {
    let plugin = Plugin::new("exec yes");
    let error = plugin.failure().await;
    assert!(
        format!("{error:?}").contains("larger than 1 MiB, the limit"),
        "{error:?}"
    );
}
