//! What cargo says about the packages of the checkout.
//!
//! In: the JSON of `cargo metadata`. Out: [`Workspace`]. It never touches the network.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// One dependency of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Name of the package it means (not the name it is renamed to).
    pub package: String,
    /// `normal`, `dev` or `build`.
    pub kind: String,
}

/// One package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Folder of its manifest; from the root for a member.
    pub folder: String,
    /// `[package.metadata] floor`.
    pub floor: Option<u64>,
    /// Its SPDX expression.
    pub licence: Option<String>,
    /// True for a package of this checkout.
    pub is_member: bool,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
}

impl Package {
    /// Names of normal dependencies.
    pub fn normal(&self) -> impl Iterator<Item = &str> {
        self.dependencies.iter().filter(|d| d.kind == "normal").map(|d| d.package.as_str())
    }
}

/// The packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workspace {
    /// All of them, members first.
    pub packages: Vec<Package>,
}

impl Workspace {
    /// The members of the checkout at `root` and, with `all`, everything they depend on.
    ///
    /// # Errors
    /// One line, when cargo cannot tell.
    pub fn read(root: &Path, all: bool) -> Result<Self, String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(root).args(["metadata", "--format-version", "1", "--offline"]);
        if all {
            let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
            command.args(["--locked", "--filter-platform", &target]);
        } else {
            command.arg("--no-deps");
        }
        let output = command.output().map_err(|e| format!("cargo metadata: {e}"))?;
        if !output.status.success() {
            return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let json = serde_json::from_slice(&output.stdout);
        json.map_err(|e| format!("cargo metadata: {e}")).map(|json| Self::from_json(&json))
    }

    /// Reads the JSON of `cargo metadata`.
    #[must_use]
    pub fn from_json(json: &Value) -> Self {
        let root = text(json, "workspace_root");
        let members = list(json, "workspace_members");
        let mut packages: Vec<Package> = list(json, "packages")
            .iter()
            .map(|package| Package {
                name: text(package, "name"),
                version: text(package, "version"),
                folder: folder(&text(package, "manifest_path"), &root),
                floor: package.pointer("/metadata/floor").and_then(Value::as_u64),
                licence: package.get("license").and_then(Value::as_str).map(str::to_owned),
                is_member: package.get("id").is_some_and(|id| members.contains(id)),
                dependencies: list(package, "dependencies").iter().map(dependency).collect(),
            })
            .collect();
        packages.sort_by_key(|package| (!package.is_member, package.name.clone()));
        Self { packages }
    }

    /// The packages of this checkout.
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.is_member)
    }
}

fn text(json: &Value, key: &str) -> String {
    json.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list<'a>(json: &'a Value, key: &str) -> &'a [Value] {
    json.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn folder(manifest: &str, root: &str) -> String {
    let folder = manifest.strip_suffix("/Cargo.toml").unwrap_or(manifest);
    folder.strip_prefix(root).unwrap_or(folder).trim_start_matches('/').to_owned()
}

fn dependency(json: &Value) -> Dependency {
    let kind = json.get("kind").and_then(Value::as_str).unwrap_or("normal");
    Dependency { package: text(json, "name"), kind: kind.to_owned() }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A member with a floor and normal dependencies.
    pub(crate) fn member(name: &str, folder: &str, floor: u64, needs: &[&str]) -> Package {
        let normal = |name: &&str| Dependency { package: (*name).into(), kind: "normal".into() };
        Package {
            name: name.into(),
            version: "0.1.0".into(),
            folder: folder.into(),
            floor: Some(floor),
            licence: Some("Apache-2.0".into()),
            is_member: true,
            dependencies: needs.iter().map(normal).collect(),
        }
    }

    #[test]
    fn the_json_of_cargo_is_read() {
        let json = serde_json::json!({
            "workspace_root": "/x", "workspace_members": ["id-a"],
            "packages": [{
                "name": "a", "version": "1.0.0", "id": "id-a", "license": "MIT",
                "manifest_path": "/x/host/a/Cargo.toml", "metadata": { "floor": 3 },
                "dependencies": [
                    { "name": "b", "kind": null, "rename": "c" }, { "name": "d", "kind": "dev" },
                ],
            }],
        });
        let workspace = Workspace::from_json(&json);
        let package = workspace.members().next().unwrap();
        assert_eq!((package.folder.as_str(), package.floor), ("host/a", Some(3)));
        assert_eq!(package.normal().collect::<Vec<_>>(), ["b"]);
        assert_eq!(package.dependencies.len(), 2);
    }
}
