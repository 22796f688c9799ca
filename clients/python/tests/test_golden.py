"""The shared vectors of tests/golden/clients, as Rust and JavaScript check them too.

Run: python3 -m unittest discover -s clients/python/tests -p test_golden.py, with `cryptography` installed.
"""

import base64
import copy
import json
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "clients/python/src"))

from cryptography.hazmat.primitives.serialization import (  # noqa: E402
    Encoding,
    PublicFormat,
    load_der_private_key,
)

from loopchain import (  # noqa: E402
    EventParser,
    LoopchainError,
    Proven,
    verify_block_proof,
    verify_receipt,
    verify_state,
)
from loopchain.arguments import parse_address, typed  # noqa: E402
from loopchain.codec import CodecError, decode, encode, merkle_verify, message  # noqa: E402
from loopchain.keys import address_of  # noqa: E402
from loopchain.transaction import transaction_bytes, transaction_hash  # noqa: E402


def vectors(name):
    return json.loads((ROOT / f"tests/golden/clients/{name}.json").read_text())


def damaged(document, damage):
    changed = copy.deepcopy(document)
    *path, last = damage["pointer"].split("/")[1:]
    place = changed
    for key in path:
        place = place[int(key) if isinstance(place, list) else key]
    last = int(last) if isinstance(place, list) else last
    at = damage.get("at")
    if at is None:
        place[last] += 1
    else:
        place[last] = place[last][:at] + damage["letter"] + place[last][at + 1 :]
    return changed


class Golden(unittest.TestCase):
    def test_transactions_have_the_same_bytes_hash_and_signature(self):
        given = vectors("transactions")
        key = load_der_private_key(bytes.fromhex(given["pkcs8"]), None)
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.assertEqual(public.hex(), given["public_key"])
        self.assertEqual(address_of(public), given["address"])
        for case in given["cases"]:
            body = transaction_bytes(
                bytes.fromhex(case["genesis"]),
                case["score"],
                case["method"],
                bytes.fromhex(case["args"]),
                bytes.fromhex(case["signer"]),
                int(case["nonce"]),
                int(case["expiry"]),
            )
            self.assertEqual(body.hex(), case["transaction"], case["name"])
            self.assertEqual(transaction_hash(body), case["hash"])
            self.assertEqual(key.sign(message("transaction", body)).hex(), case["signature"])

    def test_arguments_are_typed_to_the_same_bytes_or_refused(self):
        given = vectors("arguments")
        names = {name: parse_address(address) for name, address in given["names"].items()}
        for case in given["cases"]:
            try:
                values = typed("score.do", case["parameters"], case["given"], names.get)
                self.assertEqual(encode(values).hex(), case.get("args"), case)
            except LoopchainError as error:
                self.assertEqual(error.code, case.get("error"), case)

    def test_merkle_paths_hold_or_not(self):
        for case in vectors("merkle")["cases"]:
            path = [bytes.fromhex(one) for one in case["path"]]
            leaf, root = bytes.fromhex(case["leaf"]), bytes.fromhex(case["root"])
            holds = merkle_verify(case["domain"], leaf, case["index"], case["leaves"], path, root)
            self.assertEqual(holds, case["holds"], case)

    def test_receipts_hold_by_genesis_or_validators_and_no_other(self):
        given = vectors("receipts")
        for receipt in given["receipts"]:
            for trusted in ({"genesis": given["genesis"]}, {"validators": given["validators"]}):
                shown = verify_receipt(receipt["document"], **trusted)
                self.assertEqual(shown.block.weight, receipt["weight"])
                self.assertEqual((shown.status, shown.method), ("ok", "transfer"))
                self.assertEqual(shown.signer, given["signer"])
            others = [["x", *one[1:]] for one in given["validators"]]
            for trusted in ({"genesis": "0" * 64}, {"validators": others}, {"validators": []}):
                with self.assertRaises(LoopchainError) as refused:
                    verify_receipt(receipt["document"], **trusted)
                self.assertEqual(refused.exception.code, "LC3312")
            with self.assertRaises(LoopchainError) as refused:
                verify_receipt(receipt["document"])
            self.assertEqual(refused.exception.code, "LC1001")

    def test_each_damage_of_a_receipt_is_refused_by_the_code_of_its_part(self):
        given = vectors("receipts")
        count = 0
        for receipt in given["receipts"]:
            for damage in receipt["damages"]:
                with self.assertRaises(LoopchainError, msg=damage) as refused:
                    verify_receipt(damaged(receipt["document"], damage), genesis=given["genesis"])
                self.assertEqual(refused.exception.code, damage["code"], damage)
                count += 1
        self.assertGreater(count, 200)

    def test_final_proofs_of_every_form_hold_or_not(self):
        for case in vectors("proofs")["cases"]:
            trusted = base64.b64decode(case["genesis_bytes"])
            try:
                proven = verify_block_proof(case["document"], trusted, genesis=case["genesis"])
                self.assertTrue(case["holds"], case["name"])
                self.assertEqual((proven.weight, proven.quorum), (case["weight"], case["quorum"]))
            except LoopchainError as error:
                self.assertFalse(case["holds"], f"{case['name']}: {error}")
                self.assertEqual(error.code, "LC3302")

    def test_keys_of_a_state_have_the_values_shown_and_no_others(self):
        given = vectors("state")
        said = given["block"]
        block = Proven(
            channel=said["channel"], genesis="", height=said["height"], hash=said["hash"], time_us=0,
            state_root=said["state_root"], receipts_root="", epoch=0, quorum=0, total=0, weight=0, signers=[],
        )  # fmt: skip
        count = 0
        for case in given["cases"]:
            score, key = case["score"], bytes.fromhex(case["key"])
            value = verify_state(case["document"], block, score, key)
            self.assertEqual(None if value is None else value.hex(), case["value"])
            wrong = [damaged(case["document"], damage) for damage in case["damages"]]
            for document in [*wrong, {**case["document"], "proof": None}, {}]:
                with self.assertRaises(LoopchainError, msg=document) as refused:
                    verify_state(document, block, score, key)
                self.assertEqual(refused.exception.code, "LC3318")
                count += 1
            with self.assertRaises(LoopchainError):
                verify_state(case["document"], block, score, key + b"x")
        self.assertGreater(count, 200)

    def test_a_negative_index_is_no_second_name_of_a_validator(self):
        case = vectors("proofs")["cases"][0]
        trusted, document = base64.b64decode(case["genesis_bytes"]), case["document"]
        _, fields = decode(base64.b64decode(document["proof"]))
        view, pair, commits, children, *rest = fields
        last, first = commits[-1], commits[0]
        self.assertEqual(last[0], 3)
        for signers in ([-4, 0, 3], [-1, 0, 3], [0, 1, True]):
            by = {0: first, 1: commits[1], 3: last, -4: first, -1: last, True: commits[1]}
            forged = [[signer, by[signer][1]] for signer in signers]
            proof = encode([1, [view, pair, forged, children, *rest]])
            changed = {**document, "proof": base64.b64encode(proof).decode()}
            names = [document["validators"][int(signer)]["name"] for signer in signers]
            changed["signers"] = [{"name": name, "weight": 1} for name in names]
            with self.assertRaises(LoopchainError) as refused:
                verify_block_proof(changed, trusted, genesis=case["genesis"])
            self.assertEqual(refused.exception.code, "LC3302")
            self.assertIn("signers are unknown", refused.exception.message)

    def test_what_is_not_canonical_is_refused(self):
        for text in ["1800", "f7", "a0", "c000", "9f00ff", "61ff", "0000", "82", "5b7fffffffffffffff", "fa00000000"]:
            with self.assertRaises(CodecError, msg=text):
                decode(bytes.fromhex(text))
        with self.assertRaises(CodecError):
            decode(b"\x81" * 100 + b"\x00")

    def test_a_stream_is_read_the_same_wherever_it_is_cut(self):
        text = (
            "\ufeff: hello\r\n\r\nid: 7.0.1\r\nevent: score\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n"
            "retry: 5\nevent:tx\ndata:한국어\n\ndata\r\rid: 8.0.0\nevent: block\n\nid: 9.9.9\nevent: cut"
        ).encode()
        whole = [("7.0.1", "score", '{"a":\n1}'), ("7.0.1", "tx", "한국어"), ("7.0.1", "message", "")]
        for at in range(len(text) + 1):
            parser = EventParser()
            found = [*parser.take(text[:at]), *parser.take(text[at:])]
            self.assertEqual([(e.id, e.kind, e.data) for e in found], whole, at)
            self.assertEqual(parser.last_id, "8.0.0")


if __name__ == "__main__":
    unittest.main()
