//! Free loopback ports.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::{Ipv4Addr, TcpListener};

use crate::error::{Error, Result};

/// Below every system's range for outgoing connections and below Kubernetes' NodePorts, so that
/// neither takes a port between the moment it was found free and the moment it is used.
const RANGE: std::ops::Range<u16> = 20_000..30_000;

/// Finds `count` different ports on which nothing listens on 127.0.0.1.
///
/// # Errors
///
/// When the range has not that many free ports.
pub fn free(count: usize) -> Result<Vec<u16>> {
    pick(count, start(), |port| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    })
}

/// A random start keeps two sandboxes that start at the same time apart.
fn start() -> u16 {
    let random = RandomState::new().build_hasher().finish();
    let span = u64::from(RANGE.end - RANGE.start);
    RANGE.start + u16::try_from(random % span).unwrap_or(0)
}

fn pick(count: usize, start: u16, is_free: impl Fn(u16) -> bool) -> Result<Vec<u16>> {
    let ports: Vec<u16> = (start..RANGE.end)
        .chain(RANGE.start..start)
        .filter(|port| is_free(*port))
        .take(count)
        .collect();
    if ports.len() < count {
        return Err(
            Error::new(format!("cannot find {count} free ports on 127.0.0.1"))
                .cause(format!("{} of {RANGE:?} are free", ports.len())),
        );
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_different_and_skip_the_taken_ones() {
        let ports = pick(3, 20_010, |port| port != 20_011).unwrap();
        assert_eq!(ports, [20_010, 20_012, 20_013]);
    }

    #[test]
    fn the_search_wraps_at_the_end_of_the_range() {
        assert_eq!(pick(2, 29_999, |_| true).unwrap(), [29_999, 20_000]);
    }

    #[test]
    fn too_few_free_ports_is_an_error() {
        assert!(pick(2, 20_000, |port| port == 20_005).is_err());
    }

    #[test]
    fn a_port_in_use_is_not_offered() {
        let taken = free(1).unwrap()[0];
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, taken)).unwrap();
        assert!(!free(200).unwrap().contains(&taken));
    }
}
