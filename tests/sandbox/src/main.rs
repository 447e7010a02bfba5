//! `cargo sandbox …`: a throw-away real Kubernetes on this machine.

fn main() -> std::process::ExitCode {
    groundcrew_sandbox::cli::run()
}
