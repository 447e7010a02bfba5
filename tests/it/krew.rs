//! From archives and manifests to a plugin that kubectl runs, with the real krew.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use groundcrew_sandbox::layout::workspace_root;
use groundcrew_sandbox::release::{Platform, Plugin, Sums, pack, plugins, render};
use harness::{Case, Need, Output, Suite};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Sandbox, Need::Krew];
    vec![
        Case::new("every_plugin_has_its_manifest", &[], every_plugin),
        Case::new(
            "krews_own_validator_accepts_every_manifest",
            needs,
            validated,
        ),
        Case::new(
            "krew_installs_upgrades_and_removes_every_plugin",
            needs,
            installed,
        ),
    ]
}

/// Any triple will do: what krew is shown differs in the platform's name alone.
const TRIPLE: &str = "x86_64-unknown-linux-musl";

/// Returns the platform of the programs that were built.
fn here() -> Platform {
    let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
    Platform::of(&format!("{arch}-{}", os.replace("macos", "darwin"))).expect("a release has it")
}

fn ours() -> Vec<Plugin> {
    plugins(&workspace_root(), TRIPLE).expect("cargo knows the workspace")
}

fn template(plugin: &Plugin) -> String {
    let file = format!("krew-manifests/{}.yaml", plugin.word());
    fs::read_to_string(workspace_root().join(&file)).unwrap_or_else(|_| panic!("{file}"))
}

fn every_plugin(_: &Suite) {
    for plugin in ours() {
        let (word, text) = (plugin.word(), template(&plugin));
        assert!(text.contains(&format!("\n  name: {word}\n")), "{word}");
        let short = text.lines().find_map(|line| {
            let line = line.trim_start();
            line.strip_prefix("shortDescription: ")
        });
        let short = short.expect("a short description");
        assert!(short.chars().count() <= 50, "{word}: {short}");
        for platform in Platform::ALL {
            let (name, os) = (&plugin.package.name, platform.os);
            let archive = format!("/{name}_{{{{ .TagName }}}}_{os}_{}.tar.gz", platform.arch);
            assert!(text.contains(&archive), "{word} lacks {archive}");
        }
        assert_eq!(text.matches("selector:").count(), Platform::ALL.len());
    }
}

/// Packs a program as a plugin for some platforms, as a release does.
fn packed(
    suite: &Suite,
    plugin: &Plugin,
    program: &Path,
    platforms: &[Platform],
    tag: &str,
    out: &Path,
) {
    let manuals = suite.path(&format!("man-{}", plugin.word()));
    let own = suite.plugin(&plugin.package.name);
    let run = suite.program(&own).line("manual --man");
    run.args([&manuals]).run().success();
    for platform in platforms {
        let root = workspace_root();
        let archive = pack(plugin, tag, *platform, program, &manuals, &root, out);
        archive.expect("it can be packed");
    }
}

fn validated(suite: &Suite) {
    let archives = suite.path("archives");
    let server = Server::start(&suite.path(""));
    let tools = harness::krew().expect("krew");
    let validator = tools.join("validate-krew-manifest");
    // It installs each platform with `kubectl krew`.
    let kubectl = suite.cluster().bin_dir().to_owned();
    let path = [
        tools,
        kubectl,
        PathBuf::from("/usr/bin"),
        PathBuf::from("/bin"),
    ];
    let path = std::env::join_paths(path).expect("a path");
    // The validator installs it and does not run it.
    let program = suite.file("program", "#!/bin/sh\n");
    for plugin in ours() {
        let platforms = &Platform::ALL;
        packed(suite, &plugin, &program, platforms, "v1.2.3", &archives);
        let sums = Sums::of(&archives).expect("sums");
        let base = server.url("archives");
        let manifest = render(&template(&plugin), "v1.2.3", &sums, Some(&base), false);
        let file = suite.file(
            &format!("{}.yaml", plugin.word()),
            &manifest.expect("a manifest"),
        );
        let run = suite.program(&validator).env("PATH", &path);
        run.args(["-manifest"]).args([&file]).run().success();
    }
}

/// A krew of its own that knows nothing but our index.
struct Krew<'a> {
    suite: &'a Suite,
    root: PathBuf,
    index: String,
    path: std::ffi::OsString,
}

impl Krew<'_> {
    fn kubectl(&self, line: &str) -> Output {
        let kubectl = self.suite.cluster().kubectl();
        self.suite
            .program(&kubectl)
            .kubeconfig(self.suite.cluster().kubeconfig())
            .env("PATH", &self.path)
            .env("KREW_ROOT", &self.root)
            .env("KREW_DEFAULT_INDEX_URI", &self.index)
            .env("KREW_NO_UPGRADE_CHECK", "1")
            .line(line)
            .run()
    }
}

fn installed(suite: &Suite) {
    let server = Server::start(&suite.path(""));
    let tools = harness::krew().expect("krew");
    let archives = suite.path("archives");
    for plugin in ours() {
        let program = suite.plugin(&plugin.package.name);
        packed(suite, &plugin, &program, &[here()], "v1.2.3", &archives);
        // The next release differs in its name alone; packing takes its time.
        let archive = |tag| {
            let (name, here) = (&plugin.package.name, here());
            archives.join(format!("{name}_{tag}_{}_{}.tar.gz", here.os, here.arch))
        };
        fs::copy(archive("v1.2.3"), archive("v1.2.4")).expect("a copy");
    }
    let root = suite.path("krew-root");
    let path = [
        root.join("bin"),
        tools,
        PathBuf::from("/usr/bin"),
        PathBuf::from("/bin"),
    ];
    let krew = Krew {
        suite,
        root,
        index: server.url("index.git"),
        path: std::env::join_paths(path).expect("a path"),
    };
    publish(suite, &server, "v1.2.3");
    krew.kubectl(&format!("krew index add groundcrew {}", krew.index))
        .success();
    for plugin in ours() {
        let word = plugin.word();
        krew.kubectl(&format!("krew install groundcrew/{word}"))
            .success();
        let version = krew.kubectl(&format!("{word} --version"));
        version.success().answers(&plugin.package.name);
        krew.kubectl(&format!("{word} completion --install"))
            .success();
        krew.kubectl(&format!("__complete {word} --out"))
            .answers("--output\t");
    }

    publish(suite, &server, "v1.2.4");
    krew.kubectl("krew update").success();
    for plugin in ours() {
        let word = plugin.word();
        krew.kubectl(&format!("krew upgrade {word}")).success();
        let receipt = krew.root.join(format!("receipts/{word}.yaml"));
        let receipt = fs::read_to_string(receipt).expect("a receipt");
        assert!(receipt.contains("version: v1.2.4"), "{receipt}");
        krew.kubectl(&format!("{word} --version")).success();
        // The second name leads to the new version, too.
        krew.kubectl(&format!("__complete {word} --out"))
            .answers("--output\t");
        krew.kubectl(&format!("{word} completion --uninstall"))
            .success();
        krew.kubectl(&format!("krew uninstall {word}")).success();
        krew.kubectl(&format!("{word} --version")).code(1);
    }
    let left = fs::read_dir(krew.root.join("bin")).expect("krew's links");
    assert_eq!(left.count(), 0, "nothing is left behind");
}

/// Makes the index of one release, as a Git repository that a plain file server can hand out.
fn publish(suite: &Suite, server: &Server, tag: &str) {
    let (archives, work) = (suite.path("archives"), suite.path("index"));
    fs::create_dir_all(work.join("plugins")).expect("a directory");
    for plugin in ours() {
        let sums = Sums::of(&archives).expect("sums");
        let base = server.url("archives");
        let manifest = render(&template(&plugin), tag, &sums, Some(&base), true);
        let file = work.join(format!("plugins/{}.yaml", plugin.word()));
        fs::write(file, manifest.expect("a manifest")).expect("a file");
    }
    let git = |line: &str| {
        let run = suite.program(Path::new("/usr/bin/git")).args(["-C"]);
        run.args([&work]).line(line).run().success();
    };
    if !work.join(".git").exists() {
        git("init --quiet --initial-branch=main");
        git("config user.name groundcrew");
        git("config user.email groundcrew@localhost");
    }
    git("add --all");
    git(&format!("commit --quiet --message {tag}"));
    let bare = suite.path("index.git");
    if bare.exists() {
        fs::remove_dir_all(&bare).expect("it can be removed");
    }
    git("clone --quiet --bare . ../index.git");
    git("--git-dir=../index.git update-server-info");
}

/// Hands out the files below a directory, on loopback, as long as the process lives.
struct Server {
    port: u16,
}

impl Server {
    fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let port = listener.local_addr().expect("an address").port();
        let root = root.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever hangs up early has read enough.
                let _ = answer(&stream, &root);
            }
        });
        Self { port }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }
}

fn answer(mut stream: &TcpStream, root: &Path) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    match fs::read(root.join(path.trim_start_matches('/'))) {
        Ok(content) => {
            let length = content.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            )?;
            stream.write_all(&content)
        }
        Err(_) => write!(
            stream,
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
    }
}
