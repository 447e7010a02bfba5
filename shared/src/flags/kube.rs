//! kubectl's connection flags (`ConfigFlags`), flattened by every plugin.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;

use super::duration::{self, Span};

/// Which cluster to talk to, and as which user.
///
/// Names, short letters and meaning are kubectl's. Flags override the kubeconfig.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection options")]
pub struct KubeArgs {
    /// Kubeconfig file to use instead of $KUBECONFIG and ~/.kube/config
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Kubeconfig context to use
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,

    /// Kubeconfig cluster to use
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,

    /// Kubeconfig user to use
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,

    /// Namespace to use for this command (as in kubectl)
    #[arg(short = 'n', long, value_name = "NAME")]
    pub namespace: Option<String>,

    /// Address and port of the API server
    #[arg(short = 's', long, value_name = "URL")]
    pub server: Option<String>,

    /// User to impersonate
    #[arg(long = "as", value_name = "USER")]
    pub impersonate: Option<String>,

    /// UID to impersonate
    #[arg(long = "as-uid", value_name = "UID")]
    pub impersonate_uid: Option<String>,

    /// Group to impersonate; repeat it for several
    #[arg(long = "as-group", value_name = "GROUP")]
    pub impersonate_groups: Vec<String>,

    /// Extra attribute to impersonate, as KEY=VALUE; repeat it for several
    #[arg(long = "as-user-extra", value_name = "KEY=VALUE", value_parser = key_value)]
    pub impersonate_extra: Vec<(String, String)>,

    /// Bearer token
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    pub token: Option<SecretString>,

    /// Client certificate file
    #[arg(long, value_name = "FILE")]
    pub client_certificate: Option<PathBuf>,

    /// Client key file
    #[arg(long, value_name = "FILE")]
    pub client_key: Option<PathBuf>,

    /// Certificate authority file to verify the server with
    #[arg(long, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,

    /// Name expected in the server's certificate, instead of its host name
    #[arg(long, value_name = "NAME")]
    pub tls_server_name: Option<String>,

    /// Do not verify the server's certificate, which makes the connection insecure
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL",
          default_value_t = false, default_missing_value = "true", hide_default_value = true)]
    pub insecure_skip_tls_verify: bool,

    /// Timeout of one request, such as 30s or 1m; 0 means none
    #[arg(long, value_name = "DURATION", value_parser = duration::timeout)]
    pub request_timeout: Option<Span>,

    /// Ask the server not to compress its responses
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL",
          default_value_t = false, default_missing_value = "true", hide_default_value = true)]
    pub disable_compression: bool,

    /// Exit with code 1 if the server sent a warning
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "BOOL",
          default_value_t = false, default_missing_value = "true", hide_default_value = true)]
    pub warnings_as_errors: bool,

    /// Accepted for compatibility with kubectl; nothing is cached
    #[arg(long, value_name = "DIR", hide = true)]
    pub cache_dir: Option<PathBuf>,
}

impl KubeArgs {
    /// Returns what applies to every connection of the run, whichever file it is made with.
    #[must_use]
    pub fn tuning(&self) -> Tuning {
        Tuning {
            request_timeout: self
                .request_timeout
                .map(|span| span.0)
                .filter(|timeout| !timeout.is_zero()),
            disable_compression: self.disable_compression,
            warnings_as_errors: self.warnings_as_errors,
        }
    }
}

/// How requests are made, apart from the server and the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// Longest wait for one attempt of a request; `None` is no limit.
    pub request_timeout: Option<Duration>,
    /// Whether the server is asked not to compress.
    pub disable_compression: bool,
    /// Whether a warning of the server ends the run with an error.
    pub warnings_as_errors: bool,
}

fn secret(text: &str) -> Result<SecretString, String> {
    Ok(text.into())
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        kube: KubeArgs,
    }

    fn parse(line: &str) -> KubeArgs {
        Cli::try_parse_from(line.split(' ')).unwrap().kube
    }

    #[test]
    fn only_kubectls_two_short_letters_are_taken() {
        let command = Cli::command();
        let mut letters: Vec<char> = command
            .get_arguments()
            .filter_map(clap::Arg::get_short)
            .collect();
        letters.sort_unstable();
        assert_eq!(letters, ['n', 's']);
    }

    #[test]
    fn every_config_flag_of_kubectl_is_taken() {
        let args = parse(
            "p --kubeconfig=f --context=c --cluster=k --user=u -n a -s https://h --as=b \
             --as-uid=1 --as-group=g --as-group=h --as-user-extra=k=v=w --token=t \
             --client-certificate=c --client-key=k --certificate-authority=a \
             --tls-server-name=n --insecure-skip-tls-verify --request-timeout=5 \
             --disable-compression=true --cache-dir=d --warnings-as-errors",
        );
        assert_eq!(args.impersonate_groups, ["g", "h"]);
        assert_eq!(args.impersonate_extra, [("k".to_owned(), "v=w".to_owned())]);
        assert!(args.insecure_skip_tls_verify && args.disable_compression);
        assert_eq!(args.tuning().request_timeout, Some(Duration::from_secs(5)));
    }

    #[test]
    fn a_switch_can_be_turned_off_as_with_kubectl() {
        assert!(!parse("p --insecure-skip-tls-verify=false").insecure_skip_tls_verify);
    }

    #[test]
    fn zero_is_no_timeout() {
        assert_eq!(
            parse("p --request-timeout=0").tuning().request_timeout,
            None
        );
        assert_eq!(parse("p").tuning().request_timeout, None);
    }

    #[test]
    fn a_token_is_not_shown_when_the_flags_are_printed() {
        assert!(!format!("{:?}", parse("p --token=hunter2")).contains("hunter2"));
    }
}
