//! `network.toml`: what organisations must know of each other before there is a network.
//!
//! In: a name, the roots of the organisations, who runs the RadioStation. Out: one file that is the
//! same everywhere, from which everybody computes the same network id. Deliberately not here: the
//! local network of `up` (`network.json`), channels.

use crate::failure::Failure;
use crate::network::write_whole;
use host_identity::bundle::{self, Block};
use host_identity::invitation::NetworkFacts;
use host_identity::{Root, keyfile};
use host_node::config::radiostation_targets;
use host_types::fault::Code;
use host_types::genesis::NetworkGenesis;
use host_types::height::BlockTime;
use host_types::ids::NodeName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkDescription {
    /// For people; part of the id.
    pub name: String,
    /// When it was described, microseconds since 1970; part of the id.
    pub created_us: u64,
    /// `ORG/NAME` of the RadioStation; empty when there is none.
    pub radiostation: String,
    /// `host:port` of each RadioStation.
    pub targets: Vec<String>,
    /// Organisations and their roots, PEM; part of the id.
    pub organisations: BTreeMap<String, String>,
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(Code::ConfigBadValue, message)
}

impl NetworkDescription {
    /// A new one.
    pub(crate) fn new(name: &str, created_us: u64, roots: &[Root]) -> Result<Self, Failure> {
        let mut organisations = BTreeMap::new();
        for root in roots {
            let pem = bundle::write(&[Block::new(bundle::CERTIFICATE, root.der())])?;
            if organisations.insert(root.organisation().to_owned(), pem).is_some() {
                let message = format!("two roots are of organisation {}", root.organisation());
                return Err(wrong(message));
            }
        }
        Ok(Self {
            name: name.to_owned(),
            created_us,
            radiostation: String::new(),
            targets: Vec::new(),
            organisations,
        })
    }

    /// Reads the file.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
        let this: Self = toml::from_str(&text).map_err(|error| {
            Failure::new(Code::ConfigSyntax, format!("{}: {error}", path.display()))
        })?;
        if !this.radiostation.is_empty() && NodeName::new(&this.radiostation).is_none() {
            return Err(wrong(format!("radiostation = {:?} is not ORG/NAME", this.radiostation)));
        }
        this.check_targets()?;
        this.roots()?;
        Ok(this)
    }

    /// Where RadioStations are, in the form that peers read.
    pub(crate) fn check_targets(&self) -> Result<(), Failure> {
        radiostation_targets(&self.targets, &self.radiostation)?;
        Ok(())
    }

    /// Writes the file.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Failure> {
        let text = toml::to_string(self)
            .map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
        write_whole(path, text.as_bytes())
    }

    /// The roots, by organisation.
    pub(crate) fn roots(&self) -> Result<Vec<Root>, Failure> {
        let roots = self.organisations.iter().map(|(organisation, pem)| {
            let blocks = bundle::parse(Path::new(organisation), pem)?;
            let [block] = blocks.as_slice() else {
                return Err(wrong(format!("organisation {organisation} has no single root")));
            };
            let root = Root::from_der(&block.der)?;
            if root.is_dev() || root.organisation() == organisation {
                return Ok(root);
            }
            let message =
                format!("the root of {organisation} says it is of {}", root.organisation());
            Err(wrong(message))
        });
        roots.collect()
    }

    /// What an invitation carries of it.
    pub(crate) fn facts(&self) -> Result<NetworkFacts, Failure> {
        let names = self.organisations.keys().cloned();
        let fingerprints = self.roots()?.into_iter().map(|root| root.fingerprint());
        let organisations: Vec<_> = names.zip(fingerprints).collect();
        let genesis = NetworkGenesis {
            name: self.name.clone(),
            roots: organisations.clone(),
            created: BlockTime::new(self.created_us),
        };
        Ok(NetworkFacts {
            id: genesis.id(),
            organisations,
            radiostation: self.radiostation.clone(),
            targets: self.targets.clone(),
        })
    }
}

/// Reads a root certificate.
pub(crate) fn load_root(path: &Path) -> Result<Root, Failure> {
    let der = keyfile::load_certificate(path)?;
    Root::from_der(&der)
        .map_err(|error| Failure::new(error.code(), format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_identity::{Authority, Validity};

    fn root(organisation: &str) -> Root {
        Authority::new(organisation, Validity::days_from_now(9)).unwrap().root().clone()
    }

    #[test]
    fn everybody_computes_the_same_id_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network.toml");
        let (a, b) = (root("bank-a"), root("bank-b"));
        let made = NetworkDescription::new("test", 5, &[b.clone(), a.clone()]).unwrap();
        made.save(&path).unwrap();
        let read = NetworkDescription::load(&path).unwrap();
        assert_eq!(read, made);
        let facts = read.facts().unwrap();
        assert_eq!(facts, NetworkDescription::new("test", 5, &[a, b]).unwrap().facts().unwrap());
        assert_eq!(facts.organisations[0].0, "bank-a");
        let other = NetworkDescription { created_us: 6, ..read };
        assert_ne!(other.facts().unwrap().id, facts.id);
    }

    #[test]
    fn a_root_under_another_organisations_name_is_refused() {
        let mut made = NetworkDescription::new("test", 5, &[root("bank-a")]).unwrap();
        let pem = made.organisations.remove("bank-a").unwrap();
        made.organisations.insert("bank-b".to_owned(), pem);
        assert_eq!(made.facts().unwrap_err().code(), Code::ConfigBadValue);
        let twice = NetworkDescription::new("test", 5, &[root("bank-a"), root("bank-a")]);
        assert!(twice.is_err());
    }
}
