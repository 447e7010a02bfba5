//! The bridge that joins the real node's pods, and what it needs of the machine's addresses.

use std::io;
use std::net::Ipv4Addr;
use std::process::Command;

use ipnet::Ipv4Net;
use serde::Deserialize;

/// Name of the bridge; one per machine, guarded by the machine's lock.
pub(super) const BRIDGE: &str = "groundcrew0";

/// The node's address, which is the pods' gateway as well. A kubelet refuses a loopback address.
pub(crate) const NODE_IP: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 1);

/// The address of the `kubernetes` Service, which in-cluster clients find in their environment.
pub(super) const API_IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// The pods' addresses, of which the node's is the first.
pub(super) const POD_NET: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 88, 0, 0), 16);

/// Makes the bridge anew.
pub(super) fn create() -> io::Result<()> {
    remove()?;
    ip(&["link", "add", BRIDGE, "type", "bridge"])?;
    ip(&[
        "address",
        "add",
        &format!("{NODE_IP}/{}", POD_NET.prefix_len()),
        "dev",
        BRIDGE,
    ])?;
    ip(&["address", "add", &format!("{API_IP}/32"), "dev", BRIDGE])?;
    ip(&["link", "set", BRIDGE, "up"])
}

/// Removes the bridge and the machine's ends of the pods' cables; nothing to do is success.
pub(super) fn remove() -> io::Result<()> {
    // The cables of pods whose network namespace is held open by somebody looking into it.
    for port in names(&["-json", "link", "show", "master", BRIDGE]).unwrap_or_default() {
        // Most vanish by themselves between the two commands.
        let _ = ip(&["link", "delete", &port]);
    }
    if names(&["-json", "link", "show"])?
        .iter()
        .any(|name| name == BRIDGE)
    {
        ip(&["link", "delete", BRIDGE])?;
    }
    Ok(())
}

/// Returns what on this machine already uses the addresses the node needs, as a route's text.
pub(super) fn conflict() -> io::Result<Option<String>> {
    let routes = output(&["-json", "-4", "route", "show"])?;
    let routes: Vec<Route> = serde_json::from_slice(&routes)?;
    Ok(routes
        .iter()
        .find(|route| route.is_in_the_way())
        .map(Route::describe))
}

#[derive(Debug, Deserialize)]
struct Route {
    dst: String,
    #[serde(default)]
    gateway: Option<String>,
    #[serde(default)]
    dev: String,
}

impl Route {
    fn is_in_the_way(&self) -> bool {
        if self.dev == BRIDGE {
            return false;
        }
        let ours = [POD_NET, Ipv4Net::from(API_IP)];
        if let Some(Ok(gateway)) = self.gateway.as_deref().map(str::parse::<Ipv4Addr>)
            && ours.iter().any(|net| net.contains(&gateway))
        {
            return true;
        }
        // "default" or "10.1.0.0/16" or, for a single address, "10.1.2.3".
        let destination = self
            .dst
            .parse::<Ipv4Net>()
            .or_else(|_| self.dst.parse::<Ipv4Addr>().map(Ipv4Net::from));
        // A network that is reached through a gateway may overlap: ours is more specific.
        destination.is_ok_and(|net| {
            self.gateway.is_none()
                && ours
                    .iter()
                    .any(|our| our.contains(&net) || net.contains(our))
        })
    }

    fn describe(&self) -> String {
        let via = self
            .gateway
            .as_ref()
            .map(|gateway| format!(" via {gateway}"));
        format!("{}{} dev {}", self.dst, via.unwrap_or_default(), self.dev)
    }
}

#[derive(Debug, Deserialize)]
struct Link {
    // An empty object stands for a filtered link in the output of older versions.
    #[serde(default)]
    ifname: String,
}

fn names(args: &[&str]) -> io::Result<Vec<String>> {
    let listing = output(args)?;
    // Nothing to list may be an empty text instead of an empty list.
    if listing.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let links: Vec<Link> = serde_json::from_slice(&listing)?;
    Ok(links
        .into_iter()
        .map(|link| link.ifname)
        .filter(|name| !name.is_empty())
        .collect())
}

fn ip(args: &[&str]) -> io::Result<()> {
    output(args).map(drop)
}

fn output(args: &[&str]) -> io::Result<Vec<u8>> {
    let output = Command::new("ip").args(args).output()?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!(
        "ip {}: {}",
        args.join(" "),
        said.trim()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_the_way(route: &str) -> bool {
        serde_json::from_str::<Route>(route)
            .unwrap()
            .is_in_the_way()
    }

    #[test]
    fn a_gateway_with_our_api_address_is_in_the_way() {
        assert!(in_the_way(
            r#"{"dst":"default","gateway":"10.0.0.1","dev":"eth0"}"#
        ));
        assert!(!in_the_way(
            r#"{"dst":"default","gateway":"192.0.2.1","dev":"eth0"}"#
        ));
    }

    #[test]
    fn a_network_on_a_cable_that_overlaps_ours_is_in_the_way() {
        assert!(in_the_way(r#"{"dst":"10.88.0.0/16","dev":"podman0"}"#));
        assert!(in_the_way(r#"{"dst":"10.0.0.0/24","dev":"eth0"}"#));
        assert!(in_the_way(r#"{"dst":"10.88.7.7","dev":"tun0"}"#));
        assert!(!in_the_way(r#"{"dst":"10.1.0.0/16","dev":"eth0"}"#));
    }

    #[test]
    fn a_wide_network_behind_a_gateway_is_not_in_the_way() {
        assert!(!in_the_way(
            r#"{"dst":"10.0.0.0/8","gateway":"192.0.2.1","dev":"tun0"}"#
        ));
        assert!(!in_the_way(r#"{"dst":"default","dev":"ppp0"}"#));
    }

    #[test]
    fn our_own_bridge_is_not_in_the_way() {
        assert!(!in_the_way(r#"{"dst":"10.88.0.0/16","dev":"groundcrew0"}"#));
    }
}
