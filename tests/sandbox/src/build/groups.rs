//! Which binaries come from which `go.mod`, and how they are built.

use super::module::Module;
use crate::error::{Error, Result};

/// One program of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    /// The Go package of its `main`.
    pub package: &'static str,
    /// The name it is installed under.
    pub binary: &'static str,
    /// The module whose version is shown.
    pub module: &'static str,
}

/// Programs that share one dependency graph, hence one `go.mod`.
#[derive(Debug)]
pub struct Group {
    /// The group's name, as [`super::ensure`] takes it; also its directory.
    pub name: &'static str,
    /// Its programs.
    pub tools: &'static [Tool],
    /// Environment of the build.
    pub envs: &'static [(&'static str, &'static str)],
    /// Flags of the build, the version stamp aside.
    flags: &'static [&'static str],
    /// Flags of the linker, the version stamp aside.
    linker: &'static str,
    /// Packages whose version variables are stamped; without, discovery and every feature that
    /// depends on the server's version see `v0.0.0-master`.
    stamped: &'static [&'static str],
}

const KUBERNETES: &str = "k8s.io/kubernetes";
const CNI: &str = "github.com/containernetworking/plugins";
const CONTAINERD: &str = "github.com/containerd/containerd/v2";
const STAMPED: &[&str] = &[
    "k8s.io/component-base/version",
    "k8s.io/client-go/pkg/version",
];
const STATIC: &[(&str, &str)] = &[("CGO_ENABLED", "0")];

const fn kubernetes(binary: &'static str, package: &'static str) -> Tool {
    Tool {
        package,
        binary,
        module: KUBERNETES,
    }
}

const SERVER: &[Tool] = &[
    kubernetes("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    kubernetes(
        "kube-controller-manager",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
    ),
    kubernetes("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
    kubernetes("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
];

/// A server of an earlier version, with the kubelet of its real node.
const fn earlier(name: &'static str) -> Group {
    Group {
        name,
        tools: SERVER,
        envs: &[],
        flags: &[],
        // Their dependencies reach into the runtime in ways newer linkers refuse by default.
        linker: "-checklinkname=0 -s -w",
        stamped: STAMPED,
    }
}

static GROUPS: &[Group] = &[
    Group {
        name: "kubernetes-1.37",
        tools: &[
            Tool {
                package: "go.etcd.io/etcd/server/v3",
                binary: "etcd",
                module: "go.etcd.io/etcd/server/v3",
            },
            SERVER[0],
            SERVER[1],
            SERVER[2],
            SERVER[3],
            kubernetes("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
        ],
        envs: &[],
        flags: &[],
        linker: "-s -w",
        stamped: STAMPED,
    },
    earlier("kubernetes-1.36"),
    earlier("kubernetes-1.35"),
    earlier("kubernetes-1.34"),
    earlier("kubernetes-1.33"),
    earlier("kubernetes-1.32"),
    earlier("kubernetes-1.31"),
    earlier("kubernetes-1.30"),
    Group {
        // Nothing there needs its kubelet.
        tools: SERVER.split_at(3).0,
        ..earlier("kubernetes-1.24")
    },
    Group {
        name: "kwok",
        tools: &[Tool {
            package: "sigs.k8s.io/kwok/cmd/kwok",
            binary: "kwok",
            module: "sigs.k8s.io/kwok",
        }],
        envs: STATIC,
        flags: &[],
        linker: "-s -w",
        stamped: &[],
    },
    Group {
        name: "krew",
        tools: &[
            Tool {
                package: "sigs.k8s.io/krew/cmd/krew",
                binary: "kubectl-krew",
                module: "sigs.k8s.io/krew",
            },
            Tool {
                package: "sigs.k8s.io/krew/cmd/validate-krew-manifest",
                binary: "validate-krew-manifest",
                module: "sigs.k8s.io/krew",
            },
        ],
        envs: STATIC,
        flags: &[],
        linker: "-s -w",
        stamped: &[],
    },
    Group {
        name: "containerd",
        tools: &[
            Tool {
                package: "github.com/containerd/containerd/v2/cmd/containerd",
                binary: "containerd",
                module: CONTAINERD,
            },
            Tool {
                package: "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
                binary: "containerd-shim-runc-v2",
                module: CONTAINERD,
            },
            Tool {
                package: "github.com/containerd/containerd/v2/cmd/ctr",
                binary: "ctr",
                module: CONTAINERD,
            },
        ],
        envs: STATIC,
        flags: &["-tags=no_btrfs"],
        linker: "-s -w",
        stamped: &[],
    },
    Group {
        name: "traefik",
        tools: &[Tool {
            package: "github.com/traefik/traefik/v3/cmd/traefik",
            binary: "traefik",
            module: "github.com/traefik/traefik/v3",
        }],
        envs: STATIC,
        flags: &[],
        linker: "-s -w",
        stamped: &[],
    },
    Group {
        name: "prometheus",
        tools: &[Tool {
            package: "github.com/prometheus/prometheus/cmd/prometheus",
            binary: "prometheus",
            module: "github.com/prometheus/prometheus",
        }],
        envs: STATIC,
        // Of two dozen ways to find targets, with the libraries of as many clouds, one is needed.
        flags: &["-tags=remove_all_sd,enable_kubernetes_sd"],
        linker: "-s -w",
        stamped: &[],
    },
    Group {
        name: "cni",
        tools: &[
            Tool {
                package: "github.com/containernetworking/plugins/plugins/main/bridge",
                binary: "bridge",
                module: CNI,
            },
            Tool {
                package: "github.com/containernetworking/plugins/plugins/main/loopback",
                binary: "loopback",
                module: CNI,
            },
            Tool {
                package: "github.com/containernetworking/plugins/plugins/ipam/host-local",
                binary: "host-local",
                module: CNI,
            },
        ],
        envs: STATIC,
        flags: &[],
        linker: "-s -w",
        stamped: &[],
    },
];

impl Group {
    /// Finds a group by name.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn named(name: &str) -> Result<&'static Self> {
        GROUPS
            .iter()
            .find(|group| group.name == name)
            .ok_or_else(|| Error::new(format!("there is no group of binaries called {name}")))
    }

    /// Returns the named programs, or all when none is named.
    ///
    /// # Errors
    ///
    /// When a program is not of this group.
    pub fn select(&self, binaries: &[&str]) -> Result<Vec<&Tool>> {
        if binaries.is_empty() {
            return Ok(self.tools.iter().collect());
        }
        let find = |name: &&str| {
            self.tools
                .iter()
                .find(|tool| tool.binary == *name)
                .ok_or_else(|| Error::new(format!("{} has no program called {name}", self.name)))
        };
        binaries.iter().map(find).collect()
    }

    /// Returns every flag of `go build`.
    pub(super) fn flags(&self, module: &Module) -> Vec<String> {
        let mut linker = self.linker.to_owned();
        let version = module.version_of(KUBERNETES).unwrap_or_default();
        let mut numbers = version.split('.');
        let (major, minor) = (
            numbers.next().unwrap_or_default(),
            numbers.next().unwrap_or_default(),
        );
        for package in self.stamped {
            linker += &format!(" -X {package}.gitVersion=v{version}");
            if *package == STAMPED[0] {
                linker += &format!(" -X {package}.gitMajor={major} -X {package}.gitMinor={minor}");
            }
        }
        let mut flags = vec!["-trimpath".to_owned(), "-ldflags".to_owned(), linker];
        flags.extend(self.flags.iter().map(|flag| (*flag).to_owned()));
        flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_of_every_group_is_a_tool_line_of_its_go_mod() {
        for group in GROUPS {
            let module = Module::read(group).unwrap();
            for tool in group.tools {
                assert!(
                    module.has_tool(tool.package),
                    "{} in {}",
                    tool.package,
                    group.name
                );
                assert!(module.version_of(tool.module).is_some(), "{}", tool.module);
            }
        }
    }

    #[test]
    fn kubernetes_binaries_know_their_version() {
        let group = Group::named("kubernetes-1.24").unwrap();
        let flags = group.flags(&Module::read(group).unwrap()).join(" ");
        assert!(
            flags.contains("-X k8s.io/component-base/version.gitMinor=24"),
            "{flags}"
        );
        assert!(
            flags.contains("-X k8s.io/client-go/pkg/version.gitVersion=v1.24.17"),
            "{flags}"
        );
    }

    #[test]
    fn an_unknown_program_is_an_error_and_none_means_all() {
        let group = Group::named("kwok").unwrap();
        assert!(group.select(&["etcd"]).is_err());
        assert_eq!(group.select(&[]).unwrap().len(), 1);
    }
}
