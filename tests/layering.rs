//! The layers hold: who may depend on whom, and what never reaches a pure package. Read from cargo, offline.

use std::collections::BTreeSet;

use xtask::child::Child;
use xtask::workspace::{Workspace, root};

/// Direct dependencies that each package may have on the others; it may have fewer.
const LAYERS: [(&str, &[&str]); 11] = [
    ("tidings-wire", &[]),
    ("tidings-engine", &["tidings-wire"]),
    ("tidings-projections", &["tidings-wire", "tidings-engine"]),
    ("tidings-adapters", &["tidings-wire", "tidings-engine", "tidings-projections"]),
    ("tidings-client", &["tidings-wire"]),
    (
        "tidings-server",
        &["tidings-wire", "tidings-engine", "tidings-projections", "tidings-adapters", "tidings-client"],
    ),
    ("tidings-verifier", &[]),
    (
        "testkit",
        &[
            "tidings-wire",
            "tidings-engine",
            "tidings-projections",
            "tidings-adapters",
            "tidings-server",
            "tidings-client",
            "tidings-verifier",
        ],
    ),
    ("tidings-fuzz", &["testkit"]),
    (
        "tidings-benches",
        &[
            "tidings-wire",
            "tidings-engine",
            "tidings-projections",
            "tidings-adapters",
            "tidings-server",
            "tidings-client",
            "tidings-verifier",
            "testkit",
        ],
    ),
    ("xtask", &[]),
];

/// Packages that take the time, the bytes and the randomness as arguments.
const PURE: [&str; 3] = ["tidings-wire", "tidings-engine", "tidings-projections"];

/// Runtimes, sockets, carriers, randomness and logging, none of which a pure package may reach even indirectly.
const IMPURE: [&str; 22] = [
    "async-std",
    "axum",
    "fastrand",
    "getrandom",
    "h3",
    "hyper",
    "mio",
    "quinn",
    "quinn-proto",
    "rand",
    "rand_core",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "tokio-util",
    "tower",
    "tracing",
    "tungstenite",
    "uuid",
    "wtransport",
    "log4rs",
];

/// What the engine encodes, hashes and checks the log with.
const FOR_BYTES_OF_THE_LOG: [&str; 5] = ["aws-lc-rs", "bytes", "crc32c", "data-encoding", "postcard"];

#[test]
fn each_package_depends_on_lower_layers_alone() {
    let workspace = Workspace::read(&root().unwrap()).unwrap();
    let known: BTreeSet<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    let members: BTreeSet<&str> = workspace.members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(members, known, "every package has its place in LAYERS");
    for (name, allowed) in LAYERS {
        let dependencies = &workspace.member(name).unwrap().dependencies;
        let found: Vec<&str> =
            dependencies.iter().filter(|one| one.internal && one.normal).map(|one| one.name.as_str()).collect();
        let upward: Vec<&&str> = found.iter().filter(|one| !allowed.contains(*one)).collect();
        assert!(upward.is_empty(), "{name} may depend on {allowed:?}, not on {upward:?}");
    }
}

#[test]
fn nothing_of_the_product_depends_on_what_tests_it() {
    let workspace = Workspace::read(&root().unwrap()).unwrap();
    let product = [
        "tidings-wire",
        "tidings-engine",
        "tidings-projections",
        "tidings-adapters",
        "tidings-server",
        "tidings-client",
        "tidings-verifier",
    ];
    for name in product {
        let reached = reached_by(&workspace, name);
        for tests in ["testkit", "xtask", "proptest", "tidings-fuzz", "tidings-benches", "libfuzzer-sys"] {
            assert!(!reached.contains(tests), "{name} reaches {tests}");
        }
    }
}

#[test]
fn a_pure_package_reaches_no_runtime_socket_clock_or_randomness() {
    let workspace = Workspace::read(&root().unwrap()).unwrap();
    for name in PURE {
        let reached = reached_by(&workspace, name);
        let impure: Vec<&&str> = IMPURE.iter().filter(|impure| reached.contains(**impure)).collect();
        assert!(impure.is_empty(), "{name} reaches {impure:?}; see `cargo tree -p {name} -i {}`", impure[0]);
    }
}

/// A mistake in what both use would be made twice and found by neither.
#[test]
fn the_verifier_shares_nothing_with_the_engine_that_could_hide_its_mistakes() {
    let workspace = Workspace::read(&root().unwrap()).unwrap();
    let (engine, verifier) = (reached_by(&workspace, "tidings-engine"), reached_by(&workspace, "tidings-verifier"));
    let of_the_engine: Vec<&&str> = FOR_BYTES_OF_THE_LOG.iter().filter(|name| !engine.contains(**name)).collect();
    assert!(of_the_engine.is_empty(), "the engine no longer uses {of_the_engine:?}");
    let shared: Vec<&&str> = FOR_BYTES_OF_THE_LOG.iter().filter(|name| verifier.contains(**name)).collect();
    assert!(shared.is_empty(), "tidings-verifier reaches {shared:?}");
    assert!(!verifier.contains("tidings-engine"), "tidings-verifier reaches the engine");
}

#[test]
fn pure_packages_and_the_server_have_no_features_that_change_behaviour() {
    let workspace = Workspace::read(&root().unwrap()).unwrap();
    for name in PURE {
        let manifest = workspace.member(name).unwrap().directory.join("Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).unwrap();
        assert!(!manifest.contains("[features]"), "{name} has features, which cargo turns on for everyone");
    }
}

/// Names of all packages that `name` is built with, itself included.
fn reached_by(workspace: &Workspace, name: &str) -> BTreeSet<String> {
    let tree =
        Child::cargo("tree").args(["--package", name, "--edges=normal", "--prefix=none", "--offline", "--locked"]);
    let lines = tree.read(&workspace.root).unwrap();
    let reached: BTreeSet<String> = lines.lines().filter_map(|line| line.split(' ').next()).map(String::from).collect();
    assert!(reached.contains(name), "cargo tree does not know {name}");
    reached
}
