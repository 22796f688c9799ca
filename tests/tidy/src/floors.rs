//! The floors: which package may depend on which.
//!
//! In: [`Workspace`]. Out: findings. Only normal and build dependencies count; tests may look
//! anywhere. Every package states its floor in `[package.metadata] floor = N`; an arrow goes down,
//! never sideways. Some arrows that go down are forbidden by name, and so are some foreign crates.

use crate::workspace::{Package, Workspace};
use crate::{Finding, Tree};
use std::collections::BTreeMap;

/// Packages that may know both columns: the host's and the plugins'.
const BRIDGES: [&str; 5] = ["host-rules", "host-client", "host-node", "host-bench", "host-cli"];
/// Foreign crates that floors 0 to 2 do not depend on.
const HEAVY: [&str; 4] = ["axum", "fjall", "libloading", "tokio"];
/// The highest floor without them.
const PURE_FLOOR_MAX: u64 = 2;
/// Who may use one all the same, and why.
const EXCEPTIONS: [(&str, &str, &str); 4] = [
    ("host-store", "fjall", "it is the database's one owner"),
    ("host-rpc", "tokio", "it is the network's one owner"),
    ("score-native-link", "tokio", "it waits for workers"),
    ("plugin-api-loader", "libloading", "it opens rules"),
];

/// Every package has a name after its folder and states its floor.
#[must_use]
pub fn names(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in workspace.members() {
        let name = package.folder.replace('/', "-");
        if package.name != name {
            let message = format!("is named `{}`: name it `{name}`, after its path", package.name);
            findings.push(Finding::about(&package.folder, message));
        }
        if package.floor.is_none() {
            let message = "states no floor: add `[package.metadata] floor = N`";
            findings.push(Finding::about(&package.name, message));
        }
    }
    findings
}

/// Every dependency goes down.
#[must_use]
pub fn arrows(workspace: &Workspace) -> Vec<Finding> {
    let floors: BTreeMap<_, _> =
        workspace.members().map(|p| (p.name.as_str(), p.floor.unwrap_or_default())).collect();
    let mut findings = Vec::new();
    for package in workspace.members() {
        let own = package.floor.unwrap_or_default();
        for name in needs(package) {
            if let Some(floor) = floors.get(name).filter(|floor| **floor >= own) {
                let message = format!("is on floor {own} and depends on {name} on floor {floor}");
                findings.push(Finding::about(&package.name, message));
            }
            if let Some(why) = forbidden(package, own, name) {
                findings.push(Finding::about(&package.name, format!("depends on {name}: {why}")));
            }
        }
    }
    findings
}

/// Floors 0 to 2 leave files, sockets and HTTP to the floors above.
#[must_use]
pub fn heavy_crates(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in workspace.members().filter(|p| p.floor.is_some_and(|f| f <= PURE_FLOOR_MAX)) {
        for name in needs(package).filter(|name| HEAVY.contains(name)) {
            let is_allowed =
                EXCEPTIONS.iter().any(|(who, what, _)| *who == package.name && *what == name);
            if !is_allowed {
                let message = format!("depends on {name}; floors 0 to {PURE_FLOOR_MAX} do not");
                findings.push(Finding::about(&package.name, message));
            }
        }
    }
    findings
}

/// Every package takes its lints from the workspace.
#[must_use]
pub fn lints(workspace: &Workspace, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in workspace.members() {
        let path = format!("{}/Cargo.toml", package.folder);
        let manifest = tree.text(&path).and_then(|text| text.parse::<toml::Table>().ok());
        let inherits = manifest
            .as_ref()
            .and_then(|m| m.get("lints")?.get("workspace")?.as_bool())
            .unwrap_or_default();
        if !inherits {
            findings.push(Finding::about(&path, "add `[lints] workspace = true`"));
        }
    }
    findings
}

fn needs(package: &Package) -> impl Iterator<Item = &str> {
    package.dependencies.iter().filter(|d| d.kind != "dev").map(|d| d.package.as_str())
}

fn forbidden(package: &Package, floor: u64, needs: &str) -> Option<&'static str> {
    let name = package.name.as_str();
    if name == "host-core" && needs == "host-store" {
        return Some("the core is pure; it emits effects");
    }
    let wires = package.normal().any(|n| n == "host-store" || n == "host-rpc");
    let other = if needs == "host-store" { "host-rpc" } else { "host-store" };
    if wires && package.normal().any(|n| n == other) && floor < 4 {
        let is_pair = needs == "host-store" || needs == "host-rpc";
        return is_pair.then_some("store and rpc meet in host-node and above only");
    }
    let is_bridge = BRIDGES.contains(&name) || floor >= 6;
    let crosses = is_host(name) != is_host(needs) && is_ours(name) && is_ours(needs);
    (crosses && !is_bridge).then_some("the host's words and the plugins' words do not mix here")
}

fn is_host(name: &str) -> bool {
    name.starts_with("host-")
}

fn is_ours(name: &str) -> bool {
    ["host-", "plugin-api", "plugins-", "score-native"].iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::member;

    fn found(packages: &[Package], check: fn(&Workspace) -> Vec<Finding>) -> Vec<String> {
        let workspace = Workspace { packages: packages.to_vec() };
        check(&workspace).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_arrow_that_goes_up_or_sideways_is_found() {
        let types = member("host-types", "host/types", 0, &[]);
        let core = member("host-core", "host/core", 2, &["host-types", "host-rpc"]);
        let rpc = member("host-rpc", "host/rpc", 2, &["host-node"]);
        let node = member("host-node", "host/node", 4, &["host-core"]);
        let findings = found(&[types, core, rpc, node], arrows);
        assert_eq!(
            findings,
            [
                "host-core: is on floor 2 and depends on host-rpc on floor 2",
                "host-rpc: is on floor 2 and depends on host-node on floor 4",
            ]
        );
    }

    #[test]
    fn an_arrow_of_tests_may_go_anywhere() {
        let mut low = member("host-types", "host/types", 0, &["host-node"]);
        low.dependencies[0].kind = "dev".into();
        assert_eq!(found(&[low, member("host-node", "host/node", 4, &[])], arrows).len(), 0);
    }

    #[test]
    fn arrows_that_are_forbidden_by_name_are_found() {
        let all = [
            member("host-core", "host/core", 2, &["host-store"]),
            member("host-store", "host/store", 1, &["plugin-api"]),
            member("plugin-api", "plugin-api", 0, &[]),
            member("host-rpc", "host/rpc", 2, &[]),
            member("host-web", "host/web", 3, &["host-rpc", "host-store"]),
            member("host-node", "host/node", 4, &["host-rpc", "host-store", "plugin-api"]),
            member("plugins-lft", "plugins/lft", 1, &["host-types"]),
            member("host-types", "host/types", 0, &[]),
        ];
        let findings = found(&all, arrows);
        assert_eq!(findings.len(), 5, "{findings:#?}");
        assert!(findings[0].contains("the core is pure"));
        assert!(findings[1].contains("do not mix"));
        assert!(findings[2].contains("host-node and above") && findings[3].contains("above"));
        assert!(findings[4].starts_with("plugins-lft: depends on host-types"));
    }

    #[test]
    fn a_heavy_crate_on_a_low_floor_is_found() {
        let all = [
            member("host-core", "host/core", 2, &["tokio"]),
            member("host-rpc", "host/rpc", 2, &["tokio"]),
            member("host-store", "host/store", 1, &["fjall"]),
            member("host-node", "host/node", 4, &["tokio", "fjall"]),
        ];
        assert_eq!(
            found(&all, heavy_crates),
            ["host-core: depends on tokio; floors 0 to 2 do not"]
        );
    }

    #[test]
    fn a_package_of_another_name_or_without_floor_is_found() {
        let mut core = member("core", "host/core", 2, &[]);
        core.floor = None;
        assert_eq!(found(&[core], names).len(), 2);
    }

    #[test]
    fn a_package_with_lints_of_its_own_is_found() {
        let workspace = Workspace { packages: vec![member("host-core", "host/core", 2, &[])] };
        let bad = Tree::of(&[("host/core/Cargo.toml", "[package]\nname = \"host-core\"")]);
        let good = Tree::of(&[("host/core/Cargo.toml", "[lints]\nworkspace = true")]);
        assert_eq!(lints(&workspace, &bad).len(), 1);
        assert_eq!(lints(&workspace, &good).len(), 0);
    }
}
