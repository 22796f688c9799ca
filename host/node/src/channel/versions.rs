//! The life of SCORE versions on this channel, as this node knows it: what it holds, what changes say,
//! what is active. And whether it can execute what is active.
//!
//! In: the stored state, the artefacts here. Out: one row for each version, for `score list` and `score
//! show`. Deliberately not here: what any of it leads to (`host_core::system`), asking other peers: each
//! answers for itself.

use super::ChannelHandle;
use crate::peer::readiness::Stored;
use host_core::system::state::{ActiveScore, ChangeRecord, ChangeStatus, all_changes, approvals};
use host_core::system::state::{active_scores, ready_of};
use host_rpc::gateway::{RefusedFile, VersionState, VersionView, VersionsView};
use host_types::change::{Change, Deploy};
use host_types::validators::ValidatorSet;
use host_types::{Code, Hash32, NodeName, Rejection, ScoreName};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows of one answer, at most: the newest.
const VERSIONS_MAX: usize = 256;

type Rows = BTreeMap<(String, Hash32), VersionView>;

impl ChannelHandle {
    /// The versions of this channel's SCOREs.
    #[must_use]
    pub fn versions(&self) -> VersionsView {
        let state = Stored(self.reader().clone());
        let mut rows = Rows::new();
        let mut newest: BTreeMap<(ScoreName, Hash32), (Hash32, ChangeRecord, Deploy)> =
            BTreeMap::new();
        for (id, record) in all_changes(&state) {
            let Change::Deploy(deploy) = record.change.clone() else { continue };
            let key = (deploy.score.clone(), deploy.sha256);
            if newest.get(&key).is_none_or(|(_, known, _)| known.proposed <= record.proposed) {
                newest.insert(key, (id, record, deploy));
            }
        }
        let mut changes: Vec<_> = newest.into_values().collect();
        changes.sort_by_key(|(_, record, _)| std::cmp::Reverse(record.proposed));
        for (id, record, deploy) in changes.into_iter().take(VERSIONS_MAX) {
            let row = self.of_change(id, &record, &deploy);
            rows.insert((row.score.clone(), row.sha256), row);
        }
        for (score, active) in active_scores(&state) {
            self.add_active(&score, &active, &mut rows);
        }
        self.add_held(&mut rows);
        let epoch = self.epoch();
        let set = &epoch.validators;
        let mut versions: Vec<_> = rows.into_values().collect();
        for row in &mut versions {
            if let Some(id) = &row.change {
                row.approved = names(set, &approvals(&state, id), true);
            }
            let ready = ready_of(&state, &row.sha256);
            row.ready = names(set, &ready, true);
            row.not_ready = names(set, &ready, false);
        }
        let rank = |row: &VersionView| (row.state != VersionState::Active, row.sha256);
        versions.sort_by(|a, b| (&a.score, rank(a)).cmp(&(&b.score, rank(b))));
        let refused = self.parts().scores.refused();
        let refused = refused.into_iter().map(|(file, why)| RefusedFile { file, why }).collect();
        VersionsView { versions, refused }
    }

    fn of_change(&self, id: Hash32, record: &ChangeRecord, deploy: &Deploy) -> VersionView {
        let (state, height) = match record.status {
            ChangeStatus::Open => (VersionState::Staged, Some(deploy.activate_at)),
            ChangeStatus::Accepted => (VersionState::Approved, Some(deploy.activate_at)),
            ChangeStatus::Done => (VersionState::Former, None),
            ChangeStatus::Cancelled => (VersionState::Cancelled, None),
            ChangeStatus::Failed => (VersionState::Failed, None),
        };
        let closed = record.closed.as_ref();
        let height = closed.map(|closed| closed.height).or(height);
        VersionView {
            score: deploy.score.as_str().to_owned(),
            version: deploy.version.clone(),
            state,
            height: height.filter(|height| height.get() > 0),
            reason: closed.map(|closed| closed.reason.clone()),
            change: Some(id),
            ..self.row(deploy.sha256)
        }
    }

    /// A row of which nothing is known but whether the file is here.
    fn row(&self, sha256: Hash32) -> VersionView {
        let artefact = self.parts().scores.artefact(&sha256);
        VersionView {
            score: String::new(),
            version: String::new(),
            sha256,
            state: VersionState::Installed,
            is_here: artefact.is_some(),
            manifest: artefact.map(|artefact| Arc::clone(&artefact.manifest)),
            height: None,
            reason: None,
            change: None,
            approved: Vec::new(),
            ready: Vec::new(),
            not_ready: Vec::new(),
            activation: None,
        }
    }

    fn add_active(&self, score: &ScoreName, active: &ActiveScore, rows: &mut Rows) {
        let name = score.as_str().to_owned();
        let row = rows.entry((name.clone(), active.sha256)).or_insert_with(|| VersionView {
            score: name.clone(),
            version: active.version.clone(),
            ..self.row(active.sha256)
        });
        row.state = VersionState::Active;
        row.height = Some(active.since);
        let channel = self.genesis().channel.as_str();
        row.activation = self.parts().scores.activation(channel, score, active.sha256);
        row.reason = (!row.is_here).then(|| missing(score, active).to_string());
        for sha256 in &active.history {
            let of_file = || {
                let artefact = self.parts().scores.artefact(sha256);
                artefact.map(|artefact| artefact.manifest.version.clone()).unwrap_or_default()
            };
            rows.entry((name.clone(), *sha256)).or_insert_with(|| VersionView {
                score: name.clone(),
                version: of_file(),
                state: VersionState::Former,
                ..self.row(*sha256)
            });
        }
    }

    /// What this node holds and no change is about.
    fn add_held(&self, rows: &mut Rows) {
        let genesis = self.genesis();
        for artefact in self.parts().scores.held().into_iter().take(VERSIONS_MAX) {
            let refused = artefact.fits(&genesis.channel, genesis.metering_required).err();
            let manifest = &artefact.manifest;
            let row = rows.entry((manifest.name.clone(), artefact.sha256));
            let row = row.or_insert_with(|| VersionView {
                score: manifest.name.clone(),
                version: manifest.version.clone(),
                ..self.row(artefact.sha256)
            });
            if let Some(rejection) = refused {
                if row.state == VersionState::Installed {
                    row.state = VersionState::Refused;
                }
                row.reason.get_or_insert_with(|| rejection.to_string());
            }
        }
    }

    /// Active versions whose artefact is not here.
    #[must_use]
    pub fn missing_artefacts(&self) -> Vec<(ScoreName, Hash32)> {
        let active = self.parts().knowledge.borrow().active.clone();
        let scores = &self.parts().scores;
        let is_missing = |active: &ActiveScore| scores.artefact(&active.sha256).is_none();
        let found = active.iter().filter(|(_, active)| is_missing(active));
        found.map(|(score, active)| (score.clone(), active.sha256)).collect()
    }

    /// Why this node cannot execute all of the channel's SCOREs, and so does not vote where they are
    /// called: its sandbox is not whole, or the artefact of an active one is not here. It follows what the
    /// others agree on.
    #[must_use]
    pub fn cannot_execute(&self) -> Option<Rejection> {
        if let Some(why) = self.parts().scores.closed() {
            return Some(why.clone());
        }
        let (score, _) = self.missing_artefacts().into_iter().next()?;
        let active = self.parts().knowledge.borrow().active.get(&score).cloned()?;
        Some(missing(&score, &active))
    }
}

fn missing(score: &ScoreName, active: &ActiveScore) -> Rejection {
    let ActiveScore { version, sha256, since, .. } = active;
    let message = format!(
        "SCORE {score} {version} is active since block {since} and its artefact {sha256} is not \
         here: this node follows, and votes on no block that runs it"
    );
    Rejection::new(Code::ArtefactMissing, message)
}

/// Names of those with these indices, or of all others.
fn names(set: &ValidatorSet, indices: &[u16], is_of: bool) -> Vec<NodeName> {
    let wanted = (0u16..).zip(set.all()).filter(|(index, _)| indices.contains(index) == is_of);
    wanted.map(|(_, validator)| validator.name.clone()).collect()
}
