//! Certificates: what holds, what is refused, and the bytes they read back from.

use super::{Candidate, Certificate, FinalProof, Null, Signed, SignedVote, decode_all, encode_all};
use crate::{
    fixture::{PREFIX, list, pair, set, statement, verify, vote},
    machine::Lft,
    statement::{Ballot, Body},
};
use plugin_api::{ConsensusRule, Hash, HeaderView, Pair, ProposalKind};

fn signed(signer: u16, body: &Body) -> Signed {
    Signed { signer, signature: statement(signer, body).signature }
}

fn candidate(signers: &[u16]) -> Candidate {
    let ballot = Ballot { view: 5, pair: pair(9), parent: pair(1), parent_view: 4 };
    let votes = signers.iter().map(|signer| {
        let commit_parent = signer % 2 == 0;
        let signature = statement(*signer, &vote(5, 9, 4, 1, commit_parent)).signature;
        SignedVote { signer: *signer, commit_parent, signature }
    });
    Candidate { ballot, votes: votes.collect() }
}

fn null(signers: &[u16]) -> Null {
    let skips = signers.iter().map(|signer| signed(*signer, &Body::Skip { view: 5 }));
    Null { view: 5, skips: skips.collect() }
}

fn proof(commits: &[u16], votes: &[u16]) -> FinalProof {
    let commit = Body::Commit { view: 4, pair: pair(1) };
    let child = vote(5, 9, 4, 1, true);
    FinalProof {
        view: 4,
        pair: pair(1),
        commits: commits.iter().map(|signer| signed(*signer, &commit)).collect(),
        children: vec![super::ChildVotes {
            view: 5,
            pair: pair(9),
            votes: votes.iter().map(|signer| signed(*signer, &child)).collect(),
        }],
    }
}

#[test]
fn each_certificate_holds_with_the_exact_quorum_and_reads_back() {
    let set = set(&[1; 4]);
    for certificate in [
        Certificate::Candidate(candidate(&[0, 1, 3])),
        Certificate::Null(null(&[1, 2, 3])),
        Certificate::Final(proof(&[0], &[1, 3])),
    ] {
        assert_eq!(certificate.check(&set, verify), Ok(()));
        let bytes = certificate.encode();
        assert_eq!(Certificate::decode(&bytes), Ok(certificate.clone()));
        for cut in 0..bytes.len() {
            assert!(Certificate::decode(&bytes[..cut]).is_err());
        }
        let both = vec![certificate.clone(), certificate];
        assert_eq!(decode_all(&encode_all(&both)), Ok(both));
    }
}

#[test]
fn too_little_weight_is_refused_however_it_is_dressed_up() {
    let set = set(&[1; 4]);
    for signers in [vec![], vec![0, 1], vec![0, 0, 1], vec![0, 1, 1], vec![1, 0, 2], vec![0, 1, 4]]
    {
        for certificate in [
            Certificate::Candidate(candidate(&signers)),
            Certificate::Null(null(&signers)),
            Certificate::Final(proof(&signers, &[])),
            Certificate::Final(proof(&[], &signers)),
        ] {
            assert!(certificate.check(&set, verify).is_err(), "{certificate:?}");
        }
    }
    for (commits, votes) in [(vec![0, 1], vec![1]), (vec![2], vec![2, 2]), (vec![0], vec![0, 1])] {
        assert!(proof(&commits, &votes).check(&set, verify).is_err(), "{commits:?} {votes:?}");
    }
}

#[test]
fn weights_count_not_heads() {
    let heavy = set(&[3, 2, 2, 1, 3]);
    assert!(Certificate::Null(null(&[0, 1, 4])).check(&heavy, verify).is_ok());
    assert!(Certificate::Null(null(&[1, 2, 3])).check(&heavy, verify).is_err());
}

#[test]
fn a_wrong_signature_anywhere_is_refused() {
    let set = set(&[1; 4]);
    for place in 0..3 {
        let mut bad = null(&[0, 1, 2]);
        bad.skips[place].signature[7] ^= 1;
        assert!(Certificate::Null(bad).check(&set, verify).is_err());
        let mut bad = candidate(&[0, 1, 2]);
        bad.votes[place].commit_parent ^= true;
        assert!(Certificate::Candidate(bad).check(&set, verify).is_err());
    }
    let mut other_view = null(&[0, 1, 2]);
    other_view.view = 6;
    assert!(Certificate::Null(other_view).check(&set, verify).is_err());
    let mut other_pair = proof(&[0, 1, 2], &[3]);
    other_pair.pair.receipts_root = Hash([77; 32]);
    assert!(other_pair.check(&set, verify).is_err());
}

#[test]
fn views_and_children_that_cannot_be_are_refused() {
    let set = set(&[1; 4]);
    let mut zero = null(&[0, 1, 2]);
    zero.view = 0;
    assert!(Certificate::Null(zero).check(&set, verify).is_err());
    let mut early_child = proof(&[0], &[1, 2]);
    early_child.children[0].view = 4;
    assert!(early_child.check(&set, verify).is_err());
    let mut twice = proof(&[0], &[1, 2]);
    twice.children.push(twice.children[0].clone());
    assert!(twice.check(&set, verify).is_err());
}

fn header() -> HeaderView {
    HeaderView {
        id: pair(1).block,
        epoch: 0,
        view: 4,
        kind: ProposalKind::Norm,
        height: 3,
        parent: Pair::default(),
        parent_view: 3,
        proposer: 0,
        carried: Hash::ZERO,
        is_empty: false,
    }
}

#[test]
fn a_final_proof_proves_its_own_block_result_and_view_only() {
    let validators = list(&[1; 4]);
    let bytes = proof(&[0], &[1, 3]).encode();
    let check = |header: &HeaderView, pair: &Pair, bytes: &[u8]| {
        Lft::verify_final(PREFIX, &validators, header, pair, bytes, verify)
    };
    assert_eq!(check(&header(), &pair(1), &bytes), Ok(()));
    assert_eq!(Lft::describe_proof(&validators, &bytes), Ok(vec![(0, 1), (1, 1), (3, 1)]));
    let other_result = Pair { state_root: Hash([5; 32]), ..pair(1) };
    assert!(check(&header(), &other_result, &bytes).is_err());
    assert!(check(&HeaderView { view: 5, ..header() }, &pair(1), &bytes).is_err());
    assert!(check(&HeaderView { id: Hash([5; 32]), ..header() }, &pair(1), &bytes).is_err());
    assert!(check(&header(), &pair(1), &bytes[1..]).is_err());
    let elsewhere = Lft::verify_final(b"x", &validators, &header(), &pair(1), &bytes, verify);
    assert!(elsewhere.is_err());
}
