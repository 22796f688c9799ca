//! Certificates: what holds, what is refused, and the bytes they read back from.

use super::{
    Candidate, Certificate, FastVotes, FinalProof, Null, Signed, SignedVote, decode_all, encode_all,
};
use crate::{
    fixture::{PREFIX, fast_set, list, pair, set, statement, statement_in, verify, vote},
    machine::Lft,
    statement::{Ballot, Body, Mode},
};
use plugin_api::{ConsensusRule, FinalClaim, Hash, HeaderView, Pair, ProposalKind};

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
    Candidate { ballot, votes: votes.collect(), supports: Vec::new() }
}

fn null(signers: &[u16]) -> Null {
    let skips = signers.iter().map(|signer| signed(*signer, &Body::Skip { view: 5 }));
    Null { view: 5, skips: skips.collect(), fallbacks: Vec::new() }
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
        fast: None,
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
        is_sealing: false,
    }
}

#[test]
fn a_final_proof_proves_its_own_block_result_and_view_only() {
    let validators = list(&[1; 4]);
    let bytes = proof(&[0], &[1, 3]).encode();
    let claim = |header: &HeaderView, pair: &Pair, bytes: &[u8]| FinalClaim {
        statement_prefix: PREFIX.to_vec(),
        validators: validators.clone(),
        header: header.clone(),
        pair: *pair,
        proof: bytes.to_vec(),
        parameters: Vec::new(),
    };
    let check = |header: &HeaderView, pair: &Pair, bytes: &[u8]| {
        Lft::verify_final(&claim(header, pair, bytes), verify)
    };
    assert_eq!(check(&header(), &pair(1), &bytes), Ok(()));
    assert_eq!(Lft::describe_proof(&validators, &bytes), Ok(vec![(0, 1), (1, 1), (3, 1)]));
    let other_result = Pair { state_root: Hash([5; 32]), ..pair(1) };
    assert!(check(&header(), &other_result, &bytes).is_err());
    assert!(check(&HeaderView { view: 5, ..header() }, &pair(1), &bytes).is_err());
    assert!(check(&HeaderView { id: Hash([5; 32]), ..header() }, &pair(1), &bytes).is_err());
    assert!(check(&header(), &pair(1), &bytes[1..]).is_err());
    let elsewhere =
        FinalClaim { statement_prefix: b"x".to_vec(), ..claim(&header(), &pair(1), &bytes) };
    assert!(Lft::verify_final(&elsewhere, verify).is_err());
}

fn fast_vote(signer: u16, commit_parent: bool) -> SignedVote {
    let body = vote(4, 1, 3, 2, commit_parent);
    let signature = statement_in(Mode::Fast, signer, &body).signature;
    SignedVote { signer, commit_parent, signature }
}

fn fast_proof(signers: &[u16]) -> FinalProof {
    let votes = signers.iter().map(|signer| fast_vote(*signer, signer % 2 == 0)).collect();
    FinalProof {
        view: 4,
        pair: pair(1),
        commits: Vec::new(),
        children: Vec::new(),
        fast: Some(FastVotes { parent: pair(2), parent_view: 3, votes }),
    }
}

#[test]
fn a_fast_proof_holds_with_n_minus_p_first_votes_where_fast_commit_is_on() {
    let proof = fast_proof(&[0, 1, 2, 3, 5]);
    let six = [1; 6];
    assert_eq!(proof.check(&fast_set(&six, 1), verify), Ok(()));
    assert!(proof.check(&fast_set(&six, 0), verify).is_err(), "p = 0 takes all six");
    assert!(proof.check(&set(&six), verify).is_err(), "fast commit is off");
    assert!(fast_proof(&[0, 1, 2, 3]).check(&fast_set(&six, 1), verify).is_err());
    for signers in [vec![0, 1, 2, 3, 3], vec![1, 0, 2, 3, 4], vec![0, 1, 2, 3, 6]] {
        assert!(fast_proof(&signers).check(&fast_set(&six, 1), verify).is_err(), "{signers:?}");
    }
}

#[test]
fn a_fast_proof_is_first_votes_for_one_ballot_and_nothing_else() {
    let set = fast_set(&[1; 4], 0);
    let good = fast_proof(&[0, 1, 2, 3]);
    assert_eq!(good.check(&set, verify), Ok(()));
    let mut bad = good.clone();
    bad.commits.push(signed(0, &Body::Commit { view: 4, pair: pair(1) }));
    assert!(bad.check(&set, verify).is_err());
    let mut bad = good.clone();
    bad.fast.as_mut().unwrap().parent_view = 2;
    assert!(bad.check(&set, verify).is_err());
    let mut bad = good.clone();
    bad.fast.as_mut().unwrap().parent_view = 4;
    assert!(bad.check(&set, verify).is_err());
    let mut bad = good.clone();
    bad.fast.as_mut().unwrap().votes[2].commit_parent ^= true;
    assert!(bad.check(&set, verify).is_err());
    // A support in the place of a vote: another body, so the signature does not hold.
    let mut bad = good;
    let ballot = Ballot { view: 4, pair: pair(1), parent: pair(2), parent_view: 3 };
    let support = statement_in(Mode::Fast, 3, &Body::Support { ballot }).signature;
    bad.fast.as_mut().unwrap().votes[3].signature = support;
    assert!(bad.check(&set, verify).is_err());
}

/// The claim says which parameters hold: the proof cannot choose its own p.
#[test]
fn a_fast_proof_is_verified_with_the_parameters_of_the_claim() {
    let bytes = fast_proof(&[0, 1, 2, 3, 5]).encode();
    let claim = |parameters: &[(&str, &str)]| FinalClaim {
        statement_prefix: PREFIX.to_vec(),
        validators: list(&[1; 6]),
        header: header(),
        pair: pair(1),
        proof: bytes.clone(),
        parameters: parameters.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
    };
    assert_eq!(Lft::verify_final(&claim(&[("fast", "1")]), verify), Ok(()));
    for parameters in [vec![], vec![("fast", "0")], vec![("fast", "off")], vec![("fast", "3")]] {
        assert!(Lft::verify_final(&claim(&parameters), verify).is_err(), "{parameters:?}");
    }
    let described = Lft::describe_proof(&list(&[1; 6]), &bytes).unwrap();
    assert_eq!(described, [(0, 1), (1, 1), (2, 1), (3, 1), (5, 1)]);
}

#[test]
fn supports_and_fallbacks_are_refused_where_fast_commit_is_off_and_counted_once_where_it_is_on() {
    let ballot = Ballot { view: 4, pair: pair(1), parent: pair(2), parent_view: 3 };
    let fast = |signer: u16, body: &Body| Signed {
        signer,
        signature: statement_in(Mode::Fast, signer, body).signature,
    };
    let support = |signer| fast(signer, &Body::Support { ballot });
    let fallback = |signer| fast(signer, &Body::Fallback { view: 5 });
    let candidate = |votes: &[u16], supports: &[u16]| {
        Certificate::Candidate(Candidate {
            ballot,
            votes: votes.iter().map(|signer| fast_vote(*signer, false)).collect(),
            supports: supports.iter().map(|signer| support(*signer)).collect(),
        })
    };
    let null = |skips: &[u16], fallbacks: &[u16]| {
        Certificate::Null(Null {
            view: 5,
            skips: skips.iter().map(|signer| fast(*signer, &Body::Skip { view: 5 })).collect(),
            fallbacks: fallbacks.iter().map(|signer| fallback(*signer)).collect(),
        })
    };
    let four = [1; 4];
    for certificate in [candidate(&[2], &[0, 3]), candidate(&[], &[0, 1, 2]), null(&[3], &[0, 1])] {
        assert_eq!(certificate.check(&fast_set(&four, 0), verify), Ok(()));
        assert!(certificate.check(&set(&four), verify).is_err());
        assert_eq!(Certificate::decode(&certificate.encode()), Ok(certificate));
    }
    for certificate in [
        candidate(&[0, 1], &[1]),
        candidate(&[0], &[3, 1]),
        null(&[0, 1], &[0]),
        null(&[0], &[1]),
        null(&[1, 0], &[2]),
    ] {
        assert!(certificate.check(&fast_set(&four, 0), verify).is_err(), "{certificate:?}");
    }
}

/// The bytes that a ledger keeps: a change is a new format.
#[test]
fn proofs_without_fast_commit_have_the_bytes_they_always_had() {
    let proof = FinalProof {
        view: 4,
        pair: pair(1),
        commits: vec![Signed { signer: 2, signature: vec![7; 3] }],
        children: Vec::new(),
        fast: None,
    };
    let head = [0x82, 1, 0x84, 4, 0x83, 0x58, 32];
    assert_eq!(&proof.encode()[..head.len()], head);
    let tail = [0x81, 0x82, 2, 0x43, 7, 7, 7, 0x80];
    assert!(proof.encode().ends_with(&tail));
    let votes = vec![SignedVote { signer: 1, commit_parent: true, signature: vec![9] }];
    let fast = Some(FastVotes { parent: pair(2), parent_view: 3, votes });
    let fast = FinalProof { commits: Vec::new(), fast, ..proof };
    let bytes = fast.encode();
    assert_eq!(bytes[2], 0x85);
    assert!(bytes.ends_with(&[3, 0x81, 0x83, 1, 0xf5, 0x41, 9]));
    assert_eq!(FinalProof::decode(&bytes), Ok(fast));
    // The same with an explicit none is another encoding, and refused.
    let mut explicit = proof_bytes_with_null();
    assert!(FinalProof::decode(&explicit).is_err());
    explicit[2] = 0x84;
    explicit.pop();
    assert!(FinalProof::decode(&explicit).is_ok());
}

fn proof_bytes_with_null() -> Vec<u8> {
    let mut bytes = proof(&[0], &[1, 3]).encode();
    bytes[2] = 0x85;
    bytes.push(0xf6);
    bytes
}
