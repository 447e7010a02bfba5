//! Whether a proxy stands between, decided as Go decides it.
//!
//! The rules are those of `golang.org/x/net/http/httpproxy`, which kubectl uses: kube 5 compares
//! `NO_PROXY` with the proxy's own address and fails on an empty element.

use std::net::IpAddr;

use http::Uri;
use http::uri::Scheme;
use ipnet::IpNet;

use crate::error::{Error, Result};

/// The proxy variables of the environment.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    pub(super) https_proxy: Option<String>,
    pub(super) http_proxy: Option<String>,
    pub(super) no_proxy: String,
}

impl Variables {
    pub(super) fn of_process() -> Self {
        // The lower-case name comes first, as in Go; `ALL_PROXY` is not read there either.
        let any = |names: [&str; 2]| {
            names
                .into_iter()
                .filter_map(|name| std::env::var(name).ok())
                .find(|text| !text.is_empty())
        };
        // In a CGI program HTTP_PROXY is a request header, which anybody may set.
        let cgi = std::env::var_os("REQUEST_METHOD").is_some_and(|value| !value.is_empty());
        Self {
            https_proxy: any(["https_proxy", "HTTPS_PROXY"]),
            http_proxy: any(["http_proxy", "HTTP_PROXY"]).filter(|_| !cgi),
            no_proxy: any(["no_proxy", "NO_PROXY"]).unwrap_or_default(),
        }
    }
}

/// Returns the proxy for requests to `server`.
///
/// The kubeconfig's `proxy-url` is unconditional; the environment's proxy yields to `NO_PROXY`.
pub(super) fn choose(
    server: &Uri,
    configured: Option<&str>,
    variables: &Variables,
) -> Result<Option<Uri>> {
    if let Some(text) = configured {
        let proxy = text.parse().ok().and_then(supported);
        return proxy
            .map(Some)
            .ok_or_else(|| refused("the cluster's proxy-url", text));
    }
    let variable = if server.scheme() == Some(&Scheme::HTTPS) {
        &variables.https_proxy
    } else {
        &variables.http_proxy
    };
    let Some(text) = variable.as_deref() else {
        return Ok(None);
    };
    // What cannot be read is ignored, as in Go.
    let Some(proxy) = read(text) else {
        return Ok(None);
    };
    if is_exempt(server, &variables.no_proxy) {
        return Ok(None);
    }
    supported(proxy)
        .map(Some)
        .ok_or_else(|| refused("the environment's proxy", text))
}

/// Reads a URL or a bare `host[:port]`, which means http.
fn read(text: &str) -> Option<Uri> {
    let text = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    text.parse().ok()
}

fn supported(proxy: Uri) -> Option<Uri> {
    proxy.authority()?;
    match proxy.scheme_str()? {
        "http" | "https" | "socks5" => Some(proxy),
        // The connector lets the proxy resolve names, which is what the h asks for.
        "socks5h" => {
            let mut parts = proxy.into_parts();
            parts.scheme = "socks5".parse().ok();
            Uri::from_parts(parts).ok()
        }
        _ => None,
    }
}

/// The URL may hold a password, so only what follows it is shown.
fn refused(which: &str, text: &str) -> Error {
    let shown = text.rsplit_once('@').map_or(text, |(_, host)| host);
    Error::failed(format!("{which} ({shown}) cannot be used"))
        .with_hint("a proxy is http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT")
}

/// Says whether `NO_PROXY` or the address itself keeps the proxy out of the way.
fn is_exempt(server: &Uri, no_proxy: &str) -> bool {
    let host = server.host().unwrap_or_default();
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let port = server.port_u16().unwrap_or(match server.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => 443,
        _ => 80,
    });
    if host == "localhost" {
        return true;
    }
    let address = host
        .parse::<IpAddr>()
        .ok()
        .map(|address| address.to_canonical());
    if address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    let host = host.to_ascii_lowercase();
    no_proxy
        .split(',')
        .filter_map(Rule::read)
        .any(|rule| rule.matches(&host, address, port))
}

/// One element of `NO_PROXY`.
#[derive(Debug)]
enum Rule {
    Everything,
    Network(IpNet),
    Address(IpAddr, String),
    /// A suffix with its leading dot, the port, and whether the name without the dot matches too.
    Domain(String, String, bool),
}

impl Rule {
    /// Returns `None` for an element that says nothing, such as an empty one.
    fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        if text == "*" {
            return Some(Self::Everything);
        }
        if let Ok(network) = text.parse() {
            return Some(Self::Network(network));
        }
        let (host, port) = split_port(&text).unwrap_or((&text, ""));
        if let Ok(address) = host.parse::<IpAddr>() {
            return Some(Self::Address(address.to_canonical(), port.to_owned()));
        }
        let host = if host.starts_with("*.") {
            &host[1..]
        } else {
            host
        };
        match host.chars().next()? {
            '.' => Some(Self::Domain(host.to_owned(), port.to_owned(), false)),
            _ => Some(Self::Domain(format!(".{host}"), port.to_owned(), true)),
        }
    }

    fn matches(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        let port_fits = |wanted: &str| wanted.is_empty() || wanted == port.to_string();
        match (self, address) {
            (Self::Everything, _) => true,
            (Self::Network(network), Some(address)) => network.contains(&address),
            (Self::Address(wanted, port), Some(address)) => *wanted == address && port_fits(port),
            (Self::Domain(suffix, port, itself), None) => {
                (host.ends_with(suffix) || (*itself && host == &suffix[1..])) && port_fits(port)
            }
            _ => false,
        }
    }
}

/// Splits `host:port` and `[v6]:port`; `None` without a port or for a bare IPv6 address.
fn split_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    if let Some(inner) = host.strip_prefix('[') {
        return Some((inner.strip_suffix(']')?, port));
    }
    (!host.contains([':', '[', ']']) && !port.contains(']')).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exempt(server: &str, no_proxy: &str) -> bool {
        is_exempt(&server.parse().unwrap(), no_proxy)
    }

    #[test]
    fn no_proxy_is_read_as_go_reads_it() {
        let table = [
            // Suffixes.
            ("https://foo.com", "foo.com", true),
            ("https://bar.foo.com", "foo.com", true),
            ("https://xfoo.com", "foo.com", false),
            ("https://foo.com", ".foo.com", false),
            ("https://bar.foo.com", ".foo.com", true),
            ("https://bar.foo.com", "*.foo.com", true),
            ("https://foo.com", "*.foo.com", false),
            ("https://API.Foo.com", "foo.COM", true),
            // Ports.
            ("https://foo.com", "foo.com:443", true),
            ("https://foo.com:6443", "foo.com:443", false),
            ("https://foo.com:6443", "foo.com:6443", true),
            ("http://foo.com", "foo.com:80", true),
            ("https://foo.com", "foo.com:", true),
            ("https://foo.com", ":443", false),
            // Addresses and networks.
            ("https://10.1.2.3:6443", "10.1.2.3", true),
            ("https://10.1.2.3:6443", "10.1.2.3:6443", true),
            ("https://10.1.2.3:6443", "10.1.2.3:443", false),
            ("https://10.1.2.3", "10.0.0.0/8", true),
            ("https://10.1.2.3", "10.1.2.200/24", true),
            ("https://11.1.2.3", "10.0.0.0/8", false),
            ("https://10.1.2.3", "2.3", false),
            ("https://[2001:db8::1]:6443", "2001:db8::1", true),
            ("https://[2001:db8::1]:6443", "[2001:db8::1]:6443", true),
            ("https://[2001:db8::1]:6443", "[2001:db8::1]:1", false),
            ("https://[2001:db8::1]", "[2001:db8::1]", false),
            ("https://[2001:db8::1]", "2001:db8::/32", true),
            ("https://node.10.1.2.3.example", "10.0.0.0/8", false),
            // Everything, and elements that say nothing.
            ("https://foo.com", "*", true),
            ("https://foo.com", "a,*", true),
            ("https://foo.com", "", false),
            ("https://foo.com", "a,,foo.com", true),
            ("https://foo.com", " a , foo.com ", true),
            ("https://foo.com", ",", false),
            ("https://foo.com", "foo.com bar.com", false),
            // Never through a proxy.
            ("https://localhost:6443", "", true),
            ("https://127.0.0.1:6443", "", true),
            ("https://127.9.9.9", "", true),
            ("https://[::1]:6443", "", true),
            ("https://[::ffff:127.0.0.1]", "", true),
            ("https://sub.localhost", "", false),
        ];
        for (server, no_proxy, expected) in table {
            assert_eq!(
                exempt(server, no_proxy),
                expected,
                "{server} with NO_PROXY={no_proxy}"
            );
        }
    }

    fn chosen(server: &str, configured: Option<&str>, variables: &Variables) -> Option<String> {
        let server = server.parse().unwrap();
        choose(&server, configured, variables)
            .unwrap()
            .map(|uri| uri.to_string())
    }

    fn variables() -> Variables {
        Variables {
            https_proxy: Some("secure:3128".to_owned()),
            http_proxy: Some("http://plain:3128".to_owned()),
            no_proxy: "inside".to_owned(),
        }
    }

    #[test]
    fn the_kubeconfigs_proxy_is_unconditional() {
        let all = Variables {
            no_proxy: "*".to_owned(),
            ..variables()
        };
        let proxy = chosen("https://127.0.0.1", Some("http://own:1"), &all);
        assert_eq!(proxy.as_deref(), Some("http://own:1/"));
    }

    #[test]
    fn the_scheme_of_the_server_picks_the_variable() {
        let proxy = chosen("https://far", None, &variables());
        assert_eq!(proxy.as_deref(), Some("http://secure:3128/"));
        assert_eq!(
            chosen("http://far", None, &variables()).as_deref(),
            Some("http://plain:3128/")
        );
        assert_eq!(chosen("https://inside", None, &variables()), None);
        assert_eq!(chosen("https://far", None, &Variables::default()), None);
    }

    #[test]
    fn a_scheme_that_cannot_be_used_is_named_without_the_password() {
        let server = "https://far".parse().unwrap();
        let error = choose(
            &server,
            Some("ftp://me:hunter2@proxy:21"),
            &Variables::default(),
        )
        .unwrap_err();
        assert!(error.to_string().contains("proxy:21"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }

    #[test]
    fn names_resolved_by_a_socks_proxy_are_understood() {
        let socks = Variables {
            https_proxy: Some("socks5h://p:1080".to_owned()),
            ..variables()
        };
        assert!(
            chosen("https://far", None, &socks)
                .unwrap()
                .starts_with("socks5://p:1080")
        );
    }
}
