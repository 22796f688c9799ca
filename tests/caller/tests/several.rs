//! SCOREs that call each other on all engines of the testkit: receipts, state and steps agree, and
//! what fails is undone.

use caller::{Caller, Did, Error, tx};
use score_native::{Address, CallError};
use score_native_testkit::{
    Testnet,
    abi::{limit, refusal, trap},
};
use token::{Token, Transfer, tx as token_tx};

/// Names on the chain and their `.so` files.
const FILES: [(&str, &str); 3] = [("shop", "caller"), ("till", "caller"), ("token", "token")];

fn source() -> Testnet {
    Testnet::of([
        ("shop", Testnet::native::<Caller>()),
        ("till", Testnet::native::<Caller>()),
        ("token", Testnet::native::<Token>()),
    ])
}

fn so() -> Testnet {
    Testnet::of(FILES.map(|(name, so)| (name, Testnet::so(so))))
}

fn jailed() -> Testnet {
    Testnet::of(FILES.map(|(name, so)| (name, Testnet::jailed(so))))
}

fn token() -> String {
    "token".into()
}

fn till() -> String {
    "till".into()
}

/// The shop has 100 tokens.
fn funded(mut net: Testnet) -> (Testnet, Address, Address) {
    let [alice, bob] = net.accounts();
    let shop = Testnet::score_address("shop");
    net.send_to("token", alice, token_tx::deploy(1000)).ok();
    net.send_to("token", alice, token_tx::transfer(shop, 100)).ok();
    (net, alice, bob)
}

fn balance(net: &mut Testnet, who: Address) -> u128 {
    net.query_of("token", token_tx::balance_of(who))
}

/// Everything that ends alike in a source, which counts no steps.
fn story(net: Testnet) -> Testnet {
    let (mut net, alice, bob) = funded(net);
    let shop = Testnet::score_address("shop");
    let paid = net.send(alice, tx::pay(token(), bob, 30)).ok().events(3);
    let moved = Transfer { from: shop, to: bob, amount: 30 };
    let paid = paid.emitted(&moved).emitted(&Did { what: "after".into() });
    assert_eq!(paid.call.others.events[0].after, 1, "between its own two");
    assert_eq!(net.send(alice, tx::pay_twice(token(), bob, 1)).answer::<u128>(), 32);
    let short = Error::from(CallError {
        code: 1,
        text: "token.transfer: balance 68 is less than 1000".into(),
    });
    net.send(alice, tx::pay(token(), bob, 1000)).faults(&short);
    assert_eq!(net.send(alice, tx::try_pay(token(), bob, 1000)).answer::<u64>(), 1);
    net.send(alice, tx::pay_and_fail(token(), bob, 5)).faults(&Error::OnPurpose);
    // The inner payment is undone with the one that made it, the outer one stays.
    net.send_to("token", alice, token_tx::transfer(Testnet::score_address("till"), 9)).ok();
    net.send(alice, tx::pay_after_failure(till(), token(), bob, 8)).ok().events(1);
    assert_eq!((balance(&mut net, bob), balance(&mut net, shop)), (40, 60));
    assert_eq!(net.send(alice, tx::shrug(till())).answer::<u64>(), 1);
    assert_eq!(net.query_of::<u64>("till", tx::kept()), 0);
    let nobody = net.send(alice, tx::try_pay("nobody".into(), bob, 1)).answer::<u64>();
    assert_eq!(nobody, u64::from(refusal::NO_SCORE));
    // Questions ask questions.
    assert_eq!(net.query(tx::ask_balance(token(), bob)), 40);
    assert_eq!(net.query(tx::ask_along(vec![till()])), 2);
    let text = net.ask(tx::ask_to_pay(token(), bob)).message();
    assert!(text.contains("transfer"), "{text}");
    // A block with calls of each, in any order.
    let block = vec![
        ("shop", alice, tx::pay(token(), bob, 1).untyped()),
        ("token", bob, token_tx::transfer(alice, 2).untyped()),
        ("till", alice, tx::pay(token(), bob, 3).untyped()),
        ("shop", bob, tx::relay(vec![till()]).untyped()),
        ("shop", bob, tx::pay(token(), alice, 1).untyped()),
    ];
    let codes: Vec<_> = net.block_of(block).iter().map(|receipt| receipt.call.code).collect();
    assert_eq!(codes, [0; 5]);
    assert_eq!((balance(&mut net, bob), balance(&mut net, shop)), (42, 58));
    net
}

#[test]
fn scores_that_call_each_other_do_the_same_on_all_engines() {
    let net = story(source());
    // From the `.so` on the steps are compared as well.
    let worker = net.replay_on(so()).replay_on(jailed());
    assert_eq!(net.root(), worker.root());
    let shown = "till: calls = 2\ntoken: balances/till = 6\ntoken: balances/alice = 894\n";
    assert!(worker.dump().contains(shown), "{}", worker.dump());
    for other in [so(), jailed()] {
        assert_eq!(story(other).root(), net.root());
    }
}

#[test]
fn a_story_of_several_scores_survives_the_fuzzer() {
    story(source()).fuzz_of(&FILES, 8);
}

#[test]
fn a_score_that_waits_is_not_called() {
    for mut net in [source(), so(), jailed()] {
        let [alice] = net.accounts();
        net.send(alice, tx::relay(vec![till()])).ok();
        let back = net.send(alice, tx::relay(vec![till(), "shop".into()]));
        assert!(back.message().contains(&format!("{:#x}", refusal::REENTRANT)), "{back:?}");
        assert_eq!((back.call.others.writes.len(), net.query(tx::count())), (0, 1));
        assert_eq!(net.query_of::<u64>("till", tx::count()), 1);
    }
}

#[test]
fn at_most_eight_scores_wait_for_each_other() {
    let names: [String; 9] = std::array::from_fn(|at| format!("s{at}"));
    let of = |make: fn() -> Testnet| Testnet::of(names.each_ref().map(|name| (&**name, make())));
    let mut receipts = Vec::new();
    for make in [Testnet::native::<Caller>, || Testnet::so("caller"), || Testnet::jailed("caller")]
    {
        let mut net = of(make);
        let [alice] = net.accounts();
        let most = names[1..limit::CALL_DEPTH].to_vec();
        assert_eq!(net.send(alice, tx::relay(most)).answer::<u64>(), limit::CALL_DEPTH as u64);
        let more = net.send(alice, tx::relay(names[1..].to_vec()));
        assert!(more.message().contains(&format!("{:#x}", refusal::DEPTH)), "{more:?}");
        receipts.push(more.call);
    }
    assert_eq!(receipts[1], receipts[2]);
    assert_eq!(receipts[0].output, receipts[1].output);
}

/// What only a counted call does.
#[test]
fn a_callee_takes_the_steps_and_limits_of_its_caller() {
    let mut receipts = Vec::new();
    for mut net in [so(), jailed()] {
        let [alice] = net.accounts();
        let waited = net.send(alice, tx::wait(till())).traps(trap::STEPS);
        assert_eq!(waited.steps(), 20_000_000, "all of the caller's");
        // Each alone is allowed, both together are not.
        let half = (limit::EVENTS / 2 + 1) as u64;
        net.send(alice, tx::shout(half)).ok().events(half as usize);
        let shouted = net.send(alice, tx::shout_both(till(), half)).traps(trap::LIMIT);
        let bulk = net.send(alice, tx::bulk_both(till(), 600_000));
        assert_eq!(bulk.call.code, 2, "{}", bulk.message());
        assert_eq!(net.query_of::<u64>("till", tx::kept()), 0);
        receipts.push([shouted, bulk].map(|receipt| (receipt.call.code, receipt.call.steps)));
    }
    assert_eq!(receipts[0][1], receipts[1][1]);
}

#[test]
fn a_chain_without_the_score_says_so() {
    let mut net = Testnet::native::<Caller>();
    let [alice, bob] = net.accounts();
    let code = net.send(alice, tx::try_pay(token(), bob, 1)).answer::<u64>();
    assert_eq!(code, u64::from(refusal::NO_SCORE));
    let fork = story(source()).fork();
    assert_eq!(fork.at_height(2).query_of::<u128>("token", token_tx::total_supply()), 1000);
}
