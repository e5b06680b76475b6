"""The vectors of the audit's formats: prints audit.json.

A second implementation of what docs/formats.md says from "Audit entries" to "Audit bundles", in Python, that shares no
code with pg_warden. Needs the package `cryptography` for Ed25519.

    python3 audit.py > audit.json
"""

import base64
import datetime
import hashlib
import json
import uuid

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

INSERT, UPDATE, DELETE, TRUNCATE, SELECT, EVENT = range(1, 7)
OPERATIONS = [None, "INSERT", "UPDATE", "DELETE", "TRUNCATE", "SELECT", "EVENT"]
ABSENT = b"\xff\xff\xff\xff"


# The formats.


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def u8(number):
    return number.to_bytes(1, "big")


def u32(number):
    return number.to_bytes(4, "big")


def u64(number):
    return number.to_bytes(8, "big")


def i64(number):
    return number.to_bytes(8, "big", signed=True)


def field(data):
    if data is None:
        return ABSENT
    data = data.encode() if isinstance(data, str) else data
    return u32(len(data)) + data


TRANSACTION = [
    "database_user",
    "session_user",
    "user_id",
    "role",
    "session_id",
    "access_request",
    "application_name",
    "client_addr",
]


def transaction_bytes(t):
    return u8(1) + u32(t["incarnation"]) + u64(t["xid"]) + b"".join(field(t[name]) for name in TRANSACTION)


def leaf_input(t, e):
    return (
        transaction_bytes(t)
        + u64(e["number"])
        + field(e["tenant"])
        + field(e["relation"])
        + u8(e["operation"])
        + field(e["kind"])
        + i64(e["at"])
        + u32(e["schema_version"] or 0)
        + field(e["detail"])
        + field(e["commitment"])
    )


def row_bytes(row):
    if row is None:
        return ABSENT
    out = b""
    for name, value in row:
        out += field(name)
        if value is None:
            out += u8(0)
        elif isinstance(value, str):
            out += u8(1) + field(value)
        else:
            out += u8(2) + value
    return field(out)


def payload_bytes(p):
    return u8(1) + row_bytes(p["key"]) + row_bytes(p["old"]) + row_bytes(p["new"]) + field(p["detail"])


def commit(salt, payload):
    return sha256(b"pg_warden/payload/1", salt, payload)


def redact(key, column, value):
    return sha256(b"pg_warden/redacted/1", key, field(column), field(value))


def leaf_hash(data):
    return sha256(b"\0", data)


def node_hash(left, right):
    return sha256(b"\1", left, right)


def tree_root(leaves):
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(tree_root(leaves[:half]), tree_root(leaves[half:]))


def head_hash(tenant, size, root):
    return leaf_hash(b"pg_warden/head/1" + field(tenant) + u64(size) + root)


def heads_tree(blind, heads):
    """The root, and of each head its place and path. The tree has 2^32 places; what is empty beside a head is filled."""
    first = int.from_bytes(sha256(b"pg_warden/heads-place/1", blind)[:8], "big") % (2**32 - len(heads) + 1)
    nodes = {first + at: head_hash(*head) for at, head in enumerate(heads)}
    paths = [(place, []) for place in nodes]
    for level in range(32):
        def node(index):
            filler = sha256(b"pg_warden/heads-filler/1", blind, u8(level), u64(index))
            return nodes.get(index, filler)

        for place, path in paths:
            path.append(node(place >> level ^ 1))
        nodes = {index // 2: node_hash(node(index & ~1), node(index | 1)) for index in nodes}
    return nodes[0], paths


def body_bytes(b):
    return u8(1) + b["blind"] + u64(b["entries"]) + field(b["snapshot"])


def block_bytes(b):
    return u8(1) + u64(b["number"]) + u32(b["incarnation"]) + i64(b["sealed_at"]) + b["previous"] + b["heads"] + b["body"]


def block_hash(block):
    return sha256(b"pg_warden/block/1", block)


def b64(data):
    return base64.b64encode(data).decode()


def key_id(name, key):
    return sha256(name.encode(), b"\n\x01", key.public_key().public_bytes_raw())[:4]


def vkey(name, key):
    return f"{name}+{key_id(name, key).hex()}+{b64(bytes([1]) + key.public_key().public_bytes_raw())}"


def sign(name, key, text):
    return f"{text}\n— {name} {b64(key_id(name, key) + key.sign(text.encode()))}\n"


def checkpoint_text(origin, size, root, block=None):
    extension = f"block {block[0]} {b64(block[1])}\n" if block else ""
    return f"{origin}\n{size}\n{b64(root)}\n{extension}"


# The bundle.


class Raw(str):
    """JSON as it stands."""


def dumps(value):
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{dumps(name)}:{dumps(own)}" for name, own in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    if isinstance(value, bytes):
        return dumps(b64(value))
    return json.dumps(value, ensure_ascii=False)


def shown_row(row):
    if row is None:
        return None
    return {name: {"redacted": value} if isinstance(value, bytes) else value for name, value in row}


def time_text(micros):
    time = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros)
    return time.isoformat(timespec="microseconds") + "Z"


def tenant_text(tenant):
    return None if tenant is None else str(uuid.UUID(bytes=tenant))


def view(index, t, e, payload):
    payload = payload or {"key": None, "old": None, "new": None, "detail": None}
    detail = e["detail"] or payload["detail"]
    return {
        "entry": f"{t['incarnation']}.{t['xid']}.{e['number']}",
        "index": index,
        "tenant": tenant_text(e["tenant"]),
        "incarnation": t["incarnation"],
        "xid": str(t["xid"]),
        "number": e["number"],
        "relation": e["relation"],
        "key": shown_row(payload["key"]),
        "operation": OPERATIONS[e["operation"]],
        "kind": e["kind"],
        "detail": None if detail is None else Raw(detail),
        "old": shown_row(payload["old"]),
        "new": shown_row(payload["new"]),
        "database_user": t["database_user"],
        "session_user_name": t["session_user"],
        "user_id": t["user_id"],
        "role": t["role"],
        "session_id": t["session_id"],
        "access_request": t["access_request"],
        "application_name": t["application_name"],
        "client_addr": t["client_addr"],
        "at": time_text(e["at"]),
    }


def perfect(start, end):
    """(first, count) of the largest perfect subtrees that hold the leaves from start to before end."""
    while start < end:
        count = 1 << (end - start).bit_length() - 1
        while start % count:
            count //= 2
        yield start, count
        start += count


def bundle(log, shown, hidden):
    """The lines. `shown`: indexes; `hidden`: index to "erased" or "withheld"."""
    leaves = [leaf_hash(entry["leaf_input"]) for entry in log["entries"]]
    size, root = len(leaves), tree_root(leaves)
    tenant, block = log["tenant"], log["block"]
    name, origin = INSTALLATION, f"{INSTALLATION}/{tenant_text(tenant) or 'platform'}"
    lines = [
        {
            "type": "header",
            "format": "pg_warden/audit-bundle/1",
            "origin": origin,
            "tenant": tenant_text(tenant),
            "incarnation": block and block["incarnation"],
            "first_index": min(shown, default=size),
            "tree_size": size,
            "root": root,
        }
    ]
    at = 0
    while at < size:
        if at in shown:
            entry = log["entries"][at]
            line = {"type": "entry", "index": at, "leaf_input": entry["leaf_input"], "leaf_hash": leaves[at]}
            payload = None
            if entry["payload"] is not None:
                if at in hidden:
                    line[hidden[at]] = True
                else:
                    payload = entry["payload"]
                    rows = {part: shown_row(payload[part]) for part in ("key", "old", "new")}
                    line["payload"] = {"salt": payload["salt"], **rows, "detail": payload["detail"]}
            lines.append(line | {"view": view(at, entry["transaction"], entry["entry"], payload)})
            at += 1
        else:
            to = min((own for own in shown if own > at), default=size)
            hashes = [tree_root(leaves[first : first + count]) for first, count in perfect(at, to)]
            head = head_hash(tenant, to, tree_root(leaves[:to]))
            lines.append({"type": "proof", "from": at, "to": to, "hashes": hashes, "head": head})
            at = to
    named = block and (block["number"], block["hash"])
    path = block and {"block": block["block"], "place": block["place"], "hashes": block["path"]}
    note = sign(name, KEY, checkpoint_text(origin, size, root, named))
    lines.append({"type": "checkpoint", "note": note, "block_path": path})
    return [dumps(line) for line in lines]


# What is fed to them.


def secret(label, length=32):
    """Instead of randomness, so that every run prints the same."""
    return hashlib.sha256(b"pg_warden test vector: " + label.encode()).digest()[:length]


ACME = uuid.UUID("0b6d9a3c-5b7e-4a52-8d0f-3f1d2c4b5a69").bytes
GLOBEX = uuid.UUID("7c1e0f42-93ab-4d6f-a1b8-5e2f90c3d417").bytes
INSTALLATION = "pg_warden-7531904481226537025"
SEED = secret("signing key")
KEY = Ed25519PrivateKey.from_private_bytes(SEED)
NOON = 1_785_067_200_000_000

ALICE = dict(
    incarnation=1,
    xid=745,
    database_user="app",
    session_user="app",
    user_id="alice",
    role="owner",
    session_id="4f2c",
    access_request=None,
    application_name="billing",
    client_addr="10.0.0.1",
)
NOBODY = dict(ALICE, xid=2**63 + 1, user_id=None, role=None, session_id=None, application_name="", client_addr=None)
OPERATOR = dict(
    NOBODY,
    incarnation=2**32 - 1,
    xid=2**64 - 1,
    database_user="dba",
    session_user="dba",
    user_id="operator:dba",
    role="member",
    access_request="5f0c8a51-2e64-4b0d-9a77-c81d3e6f4b20",
    application_name="psql",
)

REDACTION_KEY = secret("redaction key")
PAYLOADS = {
    "insert": dict(key=[("id", "7")], old=None, new=[("id", "7"), ("name", "Zoë \"Z\"\n"), ("note", None)], detail=None),
    "update": dict(
        key=[("id", "7")],
        old=[("id", "7"), ("name", ""), ("card", redact(REDACTION_KEY, "card", "4242"))],
        new=[("id", "7"), ("name", "Zoe"), ("card", redact(REDACTION_KEY, "card", None))],
        detail=None,
    ),
    "delete": dict(key=[("a", "1"), ("b", "x")], old=[("a", "1"), ("b", "x")], new=None, detail=None),
    "no columns": dict(key=[], old=[], new=None, detail=None),
    "an application's event": dict(key=None, old=None, new=None, detail='{"to": "zoe@example.org", "n": 1.00}'),
}
for label, payload in PAYLOADS.items():
    payload["salt"] = secret("salt of " + label)
    payload["bytes"] = payload_bytes(payload)
    payload["commitment"] = commit(payload["salt"], payload["bytes"])

REDACTIONS = [
    dict(key=REDACTION_KEY, column=column, value=value, hash=redact(REDACTION_KEY, column, value))
    for column, value in [("card", "4242"), ("card", None), ("card", ""), ("other", "4242")]
]


def entry(name, t, operation, relation, number=1, tenant=ACME, kind=None, at=NOON, version=None, detail=None, payload=None):
    e = dict(
        number=number,
        tenant=tenant,
        relation=relation,
        operation=operation,
        kind=kind,
        at=at,
        schema_version=version,
        detail=detail,
        commitment=PAYLOADS[payload]["commitment"] if payload else None,
    )
    data = leaf_input(t, e)
    own = PAYLOADS[payload] if payload else None
    return dict(name=name, transaction=t, entry=e, leaf_input=data, leaf_hash=leaf_hash(data), payload=own)


ENTRIES = [
    entry("insert", ALICE, INSERT, "app.people", version=1, payload="insert"),
    entry("update", ALICE, UPDATE, "app.people", 2, at=NOON + 1, version=1, payload="update"),
    entry("delete from a partition", ALICE, DELETE, 'app."Parts_1"', 3, version=2**32 - 1, detail='{"root": "app.parts"}', payload="delete"),
    entry("an application's event", ALICE, EVENT, None, 4, kind="mail.sent", payload="an application's event"),
    entry("read", dict(ALICE, xid=750), SELECT, "app.people", at=NOON - 5_000_000),
    entry("an event of the system", dict(NOBODY, xid=751), EVENT, "app.people", kind="warden.audit.erase_subject", at=NOON + 9_000_000, detail='{"reason": "asked to", "entries": 1}'),
    entry("an operator's statement", OPERATOR, EVENT, "app.people", 2**64 - 1, kind="warden.access.statement", at=NOON + 10_000_000, detail='{"tag": "SELECT"}'),
    entry("without columns", dict(ALICE, xid=752), DELETE, "app.nothing", at=NOON + 11_000_000, version=1, payload="no columns"),
    entry("truncate", NOBODY, TRUNCATE, "app.people", tenant=None),
    entry("a failed login", dict(NOBODY, database_user=None, session_user="mallory"), EVENT, None, tenant=None, kind="warden.identity.login", at=-1),
]

OTHERS = [entry(f"other {at}", dict(ALICE, user_id="bob"), INSERT, "app.people", at, GLOBEX, payload="insert") for at in range(3)]


def sealed(number, incarnation, previous, logs, entries, snapshot):
    """A block over the heads of these logs, (tenant, entries), in the order of their tenants, none first."""
    heads = [(tenant, len(own), tree_root([leaf_hash(e["leaf_input"]) for e in own])) for tenant, own in logs]
    body = dict(blind=secret(f"blind of block {number}"), entries=entries, snapshot=snapshot)
    root, paths = heads_tree(body["blind"], heads)
    body_hash = sha256(b"pg_warden/block-body/1", body_bytes(body))
    block = dict(number=number, incarnation=incarnation, sealed_at=NOON + number, previous=previous, heads=root, body=body_hash)
    return dict(
        block,
        blind=body["blind"],
        entries=entries,
        snapshot=snapshot,
        body_bytes=body_bytes(body),
        block=block_bytes(block),
        hash=block_hash(block_bytes(block)),
        members=[
            dict(tenant=tenant, size=size, root=own, place=place, path=path)
            for (tenant, size, own), (place, path) in zip(heads, paths)
        ],
    )


OF_ACME = [e for e in ENTRIES if e["entry"]["tenant"] == ACME]
OF_NONE = [e for e in ENTRIES if e["entry"]["tenant"] is None]
FIRST = sealed(1, 1, bytes(32), [(ACME, OF_ACME[:4])], 4, "745:746:")
SECOND = sealed(2, 1, FIRST["hash"], [(None, OF_NONE), (ACME, OF_ACME), (GLOBEX, OTHERS)], 9, "750:760:752,755")
BLOCKS = [FIRST, SECOND]


def named(block, tenant):
    member = next(own for own in block["members"] if own["tenant"] == tenant)
    return dict(block, place=member["place"], path=member["path"])


def checkpoint(name, log, size, root, block=None):
    origin = f"{INSTALLATION}/{log}"
    text = checkpoint_text(origin, size, root, block and (block["number"], block["hash"]))
    return dict(name=name, text=text, note=sign(INSTALLATION, KEY, text))


def root_of(entries):
    return tree_root([leaf_hash(e["leaf_input"]) for e in entries])


CHECKPOINTS = [
    checkpoint("a tenant's", tenant_text(ACME), 8, root_of(OF_ACME), SECOND),
    checkpoint("the same, earlier", tenant_text(ACME), 4, root_of(OF_ACME[:4]), FIRST),
    checkpoint("of an empty log", tenant_text(GLOBEX), 0, tree_root([])),
    checkpoint("the platform's", "platform", 2, root_of(OF_NONE), SECOND),
    checkpoint("the blocks'", "blocks", 2, tree_root([leaf_hash(block["hash"]) for block in BLOCKS])),
]

WHOLE = dict(tenant=ACME, entries=OF_ACME, block=named(SECOND, ACME))
PLATFORM = dict(tenant=None, entries=OF_NONE, block=named(SECOND, None))
EMPTY = dict(tenant=GLOBEX, entries=[], block=None)
BUNDLES = [
    dict(name="whole", lines=bundle(WHOLE, range(8), {})),
    dict(name="an auditor's, with one payload erased", lines=bundle(WHOLE, range(8), {0: "erased", 1: "withheld", 2: "withheld", 3: "withheld", 7: "withheld"})),
    dict(name="parts", lines=bundle(WHOLE, [2, 3, 5], {})),
    dict(name="nothing of it", lines=bundle(WHOLE, [], {})),
    dict(name="the platform's", lines=bundle(PLATFORM, range(2), {})),
    dict(name="of an empty log", lines=bundle(EMPTY, [], {})),
]


def printed_rows(payload):
    """Columns in their order; bytes are what stands for a redacted value."""
    return {
        part: payload[part]
        and [[name, {"redacted": value} if isinstance(value, bytes) else value] for name, value in payload[part]]
        for part in ("key", "old", "new")
    }


if __name__ == "__main__":
    vectors = {
        "version": 1,
        "entries": [{k: v for k, v in e.items() if k != "payload"} for e in ENTRIES],
        "payloads": [{"name": name, **payload, **printed_rows(payload)} for name, payload in PAYLOADS.items()],
        "redactions": REDACTIONS,
        "blocks": BLOCKS,
        "key": {"name": INSTALLATION, "seed": SEED, "vkey": vkey(INSTALLATION, KEY)},
        "checkpoints": CHECKPOINTS,
        "consistency": {
            # Of two trees whose sizes are powers of two: the root of the second half.
            "proof": {"old_size": 4, "new_size": 8, "hashes": [b64(root_of(OF_ACME[4:]))]},
        },
        "bundles": BUNDLES,
    }
    print(json.dumps(vectors, indent=1, default=bytes.hex, ensure_ascii=False))
