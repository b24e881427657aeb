//! What the tests need and a new machine lacks: browsers, strace, promtool, a C++ compiler, packages of Python and npm.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::child::{Child, Failure};

use super::{Context, Stage, foreign};

/// Installs, or says what to install.
pub(super) const STAGE: Stage = Stage {
    name: "install",
    about: "browsers, strace, promtool, a C++ compiler, and packages of Python and npm are there",
    needs: &[],
    plain: false,
    run,
};

/// Oldest major version of Node that runs the suites.
const NODE_MAJOR_MIN: u32 = 20;

/// Something from the distribution.
struct Need {
    /// Any of these on the search path satisfies it.
    programs: &'static [&'static str],
    /// The Debian package that brings it.
    package: &'static str,
}

const NEEDS: [Need; 6] = [
    Need { programs: &["chromium"], package: "chromium" },
    Need { programs: &["firefox-esr", "firefox"], package: "firefox-esr" },
    Need { programs: &["strace"], package: "strace" },
    Need { programs: &["python3"], package: "python3" },
    Need { programs: &["promtool"], package: "prometheus" },
    Need { programs: &["c++", "g++", "clang++"], package: "g++" },
];

/// The npm packages, with a lockfile, that the browser suites and foreign clients need.
const NPM_DIRECTORIES: [&str; 1] = ["tests/browser"];

fn run(context: &Context) -> Result<(), Failure> {
    let root = &context.workspace.root;
    check_rust_components(root)?;
    check_node(root)?;
    install_packages(root)?;
    install_venv(root)?;
    foreign::install(context)?;
    NPM_DIRECTORIES.iter().try_for_each(|directory| install_npm(root, Path::new(directory)))
}

fn check_rust_components(root: &Path) -> Result<(), Failure> {
    for component in ["fmt", "clippy"] {
        Child::cargo(component).arg("--version").read(root).map_err(|failure| Failure {
            message: format!("cargo {component} is missing: {}", failure.message),
            repeat: Some("rustup component add rustfmt clippy".into()),
        })?;
    }
    Ok(())
}

fn check_node(root: &Path) -> Result<(), Failure> {
    let version = Child::new("node").arg("--version").read(root)?;
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major >= NODE_MAJOR_MIN => Ok(()),
        _ => Err(Failure::new(format!("node is {}, {NODE_MAJOR_MIN} or newer is needed", version.trim()))),
    }
}

/// Installs all missing packages in one call of apt.
fn install_packages(root: &Path) -> Result<(), Failure> {
    let missing = || NEEDS.iter().filter(|need| !need.programs.iter().any(|program| on_path(program)));
    let packages: Vec<&str> = missing().map(|need| need.package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    apt_install(root, &packages)?;
    match missing().next() {
        None => Ok(()),
        Some(need) => {
            Err(Failure::new(format!("{} is installed but has no program {:?}", need.package, need.programs)))
        }
    }
}

/// Debian keeps what makes a Python environment in a package that brings no program.
fn install_venv(root: &Path) -> Result<(), Failure> {
    match Child::new("python3").args(["-c", "import ensurepip, venv"]).read(root) {
        Ok(_) => Ok(()),
        Err(_) => apt_install(root, &["python3-venv"]),
    }
}

fn apt_install(root: &Path, packages: &[&str]) -> Result<(), Failure> {
    let install = apt(["install", "-y", "--no-install-recommends"]).args(packages.iter().copied());
    if Child::new("id").arg("-u").read(root)?.trim() != "0" || !on_path("apt-get") {
        let message = format!("missing, and only root can install it with apt: {}", packages.join(", "));
        return Err(Failure { message, repeat: Some(format!("sudo {install}")) });
    }
    apt(["update"]).run(root)?;
    install.run(root)
}

fn apt<const N: usize>(arguments: [&str; N]) -> Child {
    Child::new("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["-o", "DPkg::Lock::Timeout=300"])
        .args(arguments)
}

/// `npm ci` when nothing is installed or the lockfile is newer than what is.
fn install_npm(root: &Path, directory: &Path) -> Result<(), Failure> {
    let lockfile = changed(&root.join(directory).join("package-lock.json"));
    let Some(lockfile) = lockfile else {
        return Err(Failure::new(format!("{} has no package-lock.json", directory.display())));
    };
    if changed(&root.join(directory).join("node_modules/.package-lock.json"))
        .is_some_and(|installed| installed >= lockfile)
    {
        return Ok(());
    }
    // The suites use the distribution's browsers; a package that downloads its own would only cost time.
    let npm = Child::new("npm").args(["ci", "--no-audit", "--no-fund"]).in_directory(directory);
    npm.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").env("PUPPETEER_SKIP_DOWNLOAD", "1").run(root)
}

fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory: PathBuf| directory.join(program)).any(|file| file.is_file())
}
