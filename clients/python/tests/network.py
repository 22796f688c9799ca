"""What the Python client does against a running network; `tests/suite/clients.rs` starts one and runs this.

By hand: network.py DATA GENESIS ABSENT_URL PEER_URL...
"""

import copy
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from loopchain import (  # noqa: E402
    Call,
    Client,
    Identity,
    LoopchainError,
    check,
    verify_block_proof,
    verify_receipt,
    verify_state,
)


def code_of(action):
    try:
        action()
    except LoopchainError as error:
        return error.code, error.retryable
    return "no error"


def main(data, genesis, absent, *peers):
    # A peer that is not there is passed over, and not asked first again.
    client = Client([absent, *peers], "demo")
    assert client.channel()["genesis"] == genesis
    assert client._first == 1, client._first
    gone = Client([absent], "demo", rounds=2, pause=0.01)
    assert code_of(gone.channel) == ("LC3101", True)

    alice = Identity.load(f"{data}/keys/alice.key")
    locked, password = os.environ["LOCKED_KEY"], os.environ["LOCKED_PASSWORD"]
    assert Identity.load(locked, password).address == alice.address
    assert code_of(lambda: Identity.load(locked)) == ("LC4123", False)
    assert code_of(lambda: Identity.load(locked, "wrong")) == ("LC4123", False)

    # Submit and wait; the same bytes again are the same transaction.
    def balance():
        return int(client.query("token", "balance_of", {"who": "carol"}))

    before = balance()
    call = client.call("token", "transfer", {"to": "carol", "amount": 3})
    signed = call.sign(alice)
    done = check(client.submit_and_wait(signed))
    assert (done["state"], done["hash"]) == ("final", signed.hash), done
    again = client.submit_and_wait(signed)
    assert again["hash"] == done["hash"] and again["height"] == done["height"], again
    other = Client(peers[-1], "demo")
    assert other.submit_and_wait(signed)["height"] == done["height"]
    assert balance() == before + 3
    assert client.transaction(signed.hash)["state"] == "final"
    assert client.block(done["height"])["height"] == done["height"]

    # Refusals have codes.
    expired = call.sign(alice, expiry=1)
    assert code_of(lambda: client.submit_and_wait(expired))[0] == "LC2104"
    foreign = Call(bytes(32), call.score, call.method, call.args).sign(alice)
    refused = code_of(lambda: client.submit(foreign))
    assert refused[0].startswith("LC2") and refused[1] is False, refused
    poor = client.call("token", "transfer", ["carol", str(10**30)]).sign(alice)
    assert code_of(lambda: check(client.submit_and_wait(poor))) == ("LC2111", False)
    assert code_of(lambda: client.call("token", "transfer", {"who": "carol"})) == ("LC2107", False)
    assert code_of(lambda: client.call("token", "burn"))[0] == "LC2108"
    assert code_of(lambda: client.transaction("0" * 64)) == ("LC7104", False)

    # Events come from where one asks, and go on behind the last one.
    wishes = {"score": "token", "from_": str(done["height"])}
    event = next(e for e in client.events(types="score", **wishes) if e.json()["name"] == "transfer")
    assert event.json()["transaction"] == signed.hash, event
    after = next(client.events(after=event.id, types="tx", score="token"))
    assert (after.kind, after.json()["transaction"]) == ("tx", signed.hash), after
    assert code_of(lambda: next(client.events(types="moon"))) == ("LC7106", False)

    # What a peer says is proved.
    receipt = client.receipt(signed.hash)
    shown = verify_receipt(receipt, genesis=genesis)
    assert (shown.hash, shown.signer, shown.status) == (signed.hash, alice.address, "ok"), shown
    assert shown.block.height == done["height"] and shown.block.weight >= shown.block.quorum
    for field, code in (("steps", "LC3316"), ("code", "LC3316")):
        tampered = copy.deepcopy(receipt)
        tampered["result"][field] += 1
        assert code_of(lambda: verify_receipt(tampered, genesis=genesis)) == (code, False)
    assert code_of(lambda: verify_receipt(receipt, genesis="0" * 64)) == ("LC3312", False)
    trusted = Path(data, "channels", "demo.genesis").read_bytes()
    proven = verify_block_proof(client.block_proof(done["height"]), trusted, genesis=genesis)
    assert proven.hash == shown.block.hash, proven
    moved = client.block_proof(done["height"])
    moved["signers"].pop()
    assert code_of(lambda: verify_block_proof(moved, trusted, genesis=genesis)) == ("LC3302", False)

    # A key after that block, which is a former one now, and after a later one; and one that is not there.
    later = check(client.submit_and_wait(call.sign(alice)))
    later = verify_block_proof(client.block_proof(later["height"]), trusted, genesis=genesis)
    carol, nobody = (b"balances/" + who for who in (client.member_address("carol"), bytes(20)))
    for block, amount in ((proven, before + 3), (later, before + 6)):
        told = client.state("token", carol, at=block.height)
        assert verify_state(told, block, "token", carol) and told["decoded"] == amount, told
        assert code_of(lambda: verify_state(told, block, "token", nobody)) == ("LC3318", False)
        told["value"] = None
        assert code_of(lambda: verify_state(told, block, "token", carol)) == ("LC3318", False)
        told = client.state("token", nobody, at=block.height)
        assert verify_state(told, block, "token", nobody) is None, told
    assert code_of(lambda: verify_state(told, proven, "token", nobody)) == ("LC3318", False)
    assert code_of(lambda: client.state("token", carol, at=10**9)) == ("LC7104", False)
    print("ok")


main(*sys.argv[1:])
