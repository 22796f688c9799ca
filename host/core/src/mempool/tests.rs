//! The pool's table: order, bounds, expiry.

use super::{Inserted, Place, Pool};
use crate::fixture::{Fixture, now};
use host_types::genesis::ChannelLimits;
use host_types::{BlockTime, Code};
use std::collections::BTreeSet;

#[test]
fn transactions_leave_in_the_order_they_came() {
    let f = Fixture::new();
    let mut pool = Pool::new(&ChannelLimits::default());
    let sent: Vec<_> = (0..5).map(|i| f.admitted(i)).collect();
    for tx in &sent {
        assert_eq!(pool.insert(tx.clone()), Ok(Inserted::New));
    }
    assert_eq!(pool.insert(sent[2].clone()), Ok(Inserted::Known));
    let ids: Vec<_> = pool.in_order().map(crate::ingest::AdmittedTx::id).collect();
    assert_eq!(ids, sent.iter().map(crate::ingest::AdmittedTx::id).collect::<Vec<_>>());
    pool.remove(&sent[0].id()).unwrap();
    assert_eq!(pool.len(), 4);
    assert_eq!(pool.in_order().next().unwrap().id(), sent[1].id());
}

#[test]
fn a_place_tells_who_is_ahead_and_what_the_signer_has() {
    let f = Fixture::new();
    let limits = ChannelLimits { pool_txs: 50, ..ChannelLimits::default() };
    let mut pool = Pool::new(&limits);
    for nonce in 0..4 {
        pool.insert(f.admitted(nonce)).unwrap();
    }
    pool.remove(&f.admitted(1).id()).unwrap();
    let place = pool.place(&f.admitted(3).id());
    assert_eq!(place, Some(Place { ahead: 2, waiting: 3, of_signer: 3, signer_max: 5 }));
    assert_eq!(pool.place(&f.admitted(1).id()), None);
}

#[test]
fn what_is_laid_aside_waits_and_comes_back_to_where_it_stood() {
    let f = Fixture::new();
    let limits = ChannelLimits { pool_txs: 50, ..ChannelLimits::default() };
    let mut pool = Pool::new(&limits);
    let ids = |pool: &Pool| pool.in_order().map(crate::ingest::AdmittedTx::id).collect::<Vec<_>>();
    let other = f.admitted_for("notary", 9);
    for tx in [f.admitted(0), other.clone(), f.admitted(1)] {
        pool.insert(tx).unwrap();
    }
    let token = f.admitted(0).transaction().transaction().score.clone();
    pool.lay_aside(&BTreeSet::from([token]));
    pool.insert(f.admitted(2)).unwrap();
    assert_eq!((ids(&pool), pool.in_order_len(), pool.len()), (vec![other.id()], 1, 4));
    assert_eq!(pool.place(&other.id()).map(|place| place.ahead), Some(1));
    assert!(pool.get(&f.admitted(2).id()).is_some());
    pool.remove(&f.admitted(1).id()).unwrap();
    pool.lay_aside(&BTreeSet::new());
    assert_eq!(ids(&pool), [f.admitted(0).id(), other.id(), f.admitted(2).id()]);
    let token = f.admitted(0).transaction().transaction().score.clone();
    pool.lay_aside(&BTreeSet::from([token]));
    let expiry = other.transaction().transaction().expiry;
    assert_eq!(pool.expire(BlockTime::new(expiry.get() + 1)).len(), 3);
    assert!(pool.is_empty() && pool.bytes() == 0 && pool.in_order_len() == 0);
}

#[test]
fn one_signer_fills_its_share_and_no_more() {
    let f = Fixture::new();
    // 20 places, 10 % each: two.
    let mut pool = Pool::new(&f.genesis.limits);
    assert!(pool.insert(f.admitted(1)).is_ok());
    assert!(pool.insert(f.admitted(2)).is_ok());
    assert_eq!(pool.insert(f.admitted(3)).unwrap_err().code, Code::SignerQuota);
    pool.remove(&f.admitted(1).id()).unwrap();
    assert!(pool.insert(f.admitted(3)).is_ok());
}

#[test]
fn a_full_pool_refuses_and_keeps_what_it_has() {
    let f = Fixture::new();
    let limits =
        ChannelLimits { pool_txs: 2, signer_share_percent: 100, ..ChannelLimits::default() };
    let mut pool = Pool::new(&limits);
    assert_eq!(pool.filled_percent(), 0);
    pool.insert(f.admitted(1)).unwrap();
    assert_eq!(pool.filled_percent(), 50);
    pool.insert(f.admitted(2)).unwrap();
    assert_eq!(pool.insert(f.admitted(3)).unwrap_err().code, Code::PoolFull);
    assert_eq!((pool.len(), pool.filled_percent()), (2, 100));
    let size = f.admitted(1).transaction().size() as u64;
    let limits = ChannelLimits { pool_bytes: size + 1, ..ChannelLimits::default() };
    let mut pool = Pool::new(&limits);
    pool.insert(f.admitted(1)).unwrap();
    assert_eq!(pool.insert(f.admitted(2)).unwrap_err().code, Code::PoolFull);
    assert_eq!((pool.bytes(), pool.filled_percent()), (size, 100 * size / (size + 1)));
}

#[test]
fn what_can_no_longer_enter_a_block_leaves() {
    let f = Fixture::new();
    let mut pool = Pool::new(&ChannelLimits::default());
    let tx = f.admitted(1);
    pool.insert(tx.clone()).unwrap();
    let expiry = tx.transaction().transaction().expiry;
    assert!(pool.expire(expiry).is_empty(), "a block of that very time may carry it");
    assert_eq!(pool.expire(BlockTime::new(expiry.get() + 1)), [tx.id()]);
    assert!(pool.is_empty() && pool.bytes() == 0);
    assert!(now() < expiry);
}
