"""The vectors of the encryption formats: prints encryption.json.

A second implementation of what docs/formats.md says under "Encrypted values", "Keys" and "Wrapped keys", in Python on
OpenSSL, that shares no code with pg_warden. Needs the package `cryptography`.

    python3 encryption.py > encryption.json
"""

import hashlib
import hmac
import json
import uuid

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

EQUALITY, SEARCH_TERM, ROW_BOUND = 1, 2, 4
TEXT, BYTEA, JSON = 1, 2, 3
PENDING, ACTIVE, RETIRED, DESTROYED = 1, 2, 3, 4


# The formats.


def xaes_256_gcm(key, nonce, plaintext, aad):
    """C2SP's XAES-256-GCM: ciphertext and tag."""

    def half(counter):
        cmac = CMAC(AES(key))
        cmac.update(bytes([0, counter]) + b"X\0" + nonce[:12])
        return cmac.finalize()

    return AESGCM(half(1) + half(2)).encrypt(nonce[12:], plaintext, aad)


def derive(key, purpose, tenant, context, length):
    return HKDF(SHA256(), length, salt=None, info=purpose + tenant + context).derive(key)


def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def field(data):
    return len(data).to_bytes(4, "big") + data


def header(suite, flags, generation):
    return bytes([1, suite, flags, 0]) + generation


def equality_tag(index_key, tenant, context, value):
    return mac(derive(index_key, b"pg_warden/tag-key/1", tenant, context, 32), value)[:16]


def search_term(tag):
    return header(1, EQUALITY | SEARCH_TERM, bytes(8)) + bytes(24) + tag + bytes(16)


def value(name, tenant, context, plaintext, value_type=TEXT, suite=1, flags=0, row_key=None):
    data_key, index_key = secret("data key"), secret("index key")
    generation, nonce = secret("generation id", 8), secret("nonce of " + name, 24)
    value_key = derive(data_key, b"pg_warden/value-key/1", tenant, context, 64)
    prefix = header(suite, flags, generation) + nonce
    if suite == 2:
        prefix += mac(value_key[32:], b"pg_warden/commitment/1" + prefix)
    tag = equality_tag(index_key, tenant, context, plaintext) if flags & EQUALITY else None
    prefix += tag or b""
    row = b"\xff\xff\xff\xff" if row_key is None else field(b"".join(map(field, row_key)))
    aad = b"pg_warden/value/1" + prefix + field(tenant) + field(context) + field(bytes([value_type])) + row
    assert (row_key is not None) == bool(flags & ROW_BOUND)
    return {
        "name": name,
        "data_key": data_key,
        "index_key": index_key if tag else None,
        "generation_id": generation,
        "tenant": tenant,
        "context": context,
        "value_type": value_type,
        "row_key": row_key,
        "suite": suite,
        "flags": flags,
        "nonce": nonce,
        "plaintext": plaintext,
        "value_key": value_key,
        "equality_tag": tag,
        "additional_data": aad,
        "envelope": prefix + xaes_256_gcm(value_key[:32], nonce, plaintext, aad),
    }


def term(name, tenant, context, plaintext):
    tag = equality_tag(secret("index key"), tenant, context, plaintext)
    return {
        "name": name,
        "index_key": secret("index key"),
        "tenant": tenant,
        "context": context,
        "plaintext": plaintext,
        "equality_tag": tag,
        "envelope": search_term(tag),
    }


def wrap(name, purpose, wrapping_key, material, generation=bytes(8), number=0, state=0):
    head, nonce = bytes([1, purpose, 0, 0]), secret("nonce of " + name, 24)
    aad = b"pg_warden/wrap/1" + head + ACME + generation + number.to_bytes(4, "big") + bytes([state])
    vector = {"name": name, "wrapping_key": wrapping_key, "material": material, "tenant": ACME}
    if purpose == 2:
        vector |= {"generation_id": generation, "number": number, "state": state}
    return vector | {
        "nonce": nonce,
        "additional_data": aad,
        "wrap": head + nonce + xaes_256_gcm(wrapping_key, nonce, material, aad),
    }


# What is fed to them.


def secret(label, length=32):
    """Instead of randomness, so that every run prints the same."""
    return hashlib.sha256(b"pg_warden test vector: " + label.encode()).digest()[:length]


ACME = uuid.UUID("0b6d9a3c-5b7e-4a52-8d0f-3f1d2c4b5a69").bytes
GLOBEX = uuid.UUID("7c1e0f42-93ab-4d6f-a1b8-5e2f90c3d417").bytes
PHONE = b"people.phone"
COLUMN = b"5f0c8a51-2e64-4b0d-9a77-c81d3e6f4b20"
LONGEST = "ü".encode() * 127 + b"x"

VALUES = [
    value("text", ACME, PHONE, b"+49 30 901820"),
    value("empty text", ACME, PHONE, b""),
    value("text with an equality tag", ACME, PHONE, b"+49 30 901820", flags=EQUALITY),
    value("the same of another tenant", GLOBEX, PHONE, b"+49 30 901820", flags=EQUALITY),
    value("json", ACME, b"people.profile", '{"name": "Zoë", "age": 41}'.encode(), JSON),
    value("bytea in the longest context", ACME, LONGEST, bytes(range(200)), BYTEA),
    value("text bound to its row", ACME, COLUMN, "Grüße".encode(), flags=ROW_BOUND, row_key=[b"42"]),
    value(
        "text with an equality tag, bound to a row of three key columns",
        ACME,
        COLUMN,
        b"1985-10-26",
        flags=EQUALITY | ROW_BOUND,
        row_key=[b"", b"2024-03-01", b"7"],
    ),
    value("committing: text", ACME, PHONE, b"+49 30 901820", suite=2),
    value("committing: empty text", ACME, PHONE, b"", suite=2),
    value("committing: text with an equality tag", ACME, PHONE, b"+49 30 901820", suite=2, flags=EQUALITY),
    value("committing: bytea bound to its row", ACME, COLUMN, bytes(33), BYTEA, 2, ROW_BOUND, [b"42"]),
    value(
        "committing: text with an equality tag, bound to a row of two key columns",
        ACME,
        COLUMN,
        b"1985-10-26",
        suite=2,
        flags=EQUALITY | ROW_BOUND,
        row_key=[b"ab", b"c"],
    ),
]

SEARCH_TERMS = [
    term("a phone number", ACME, PHONE, b"+49 30 901820"),
    term("the same of another tenant", GLOBEX, PHONE, b"+49 30 901820"),
    term("the same in another context", ACME, COLUMN, b"+49 30 901820"),
    term("empty", ACME, PHONE, b""),
]

TENANT_KEY = secret("tenant key")
DATA_KEY, GENERATION = secret("data key"), secret("generation id", 8)
WRAPS = [
    wrap("tenant key", 1, secret("root key"), TENANT_KEY),
    wrap("data key, pending", 2, TENANT_KEY, DATA_KEY, GENERATION, 1, PENDING),
    wrap("data key, active", 2, TENANT_KEY, DATA_KEY, GENERATION, 1, ACTIVE),
    wrap("data key, retired", 2, TENANT_KEY, DATA_KEY, GENERATION, 1, RETIRED),
    wrap("data key, destroyed", 2, TENANT_KEY, DATA_KEY, GENERATION, 1, DESTROYED),
    wrap("data key of a high number", 2, TENANT_KEY, secret("another data key"), b"\xff" * 8, 2**31 - 1, ACTIVE),
    wrap("index key", 3, TENANT_KEY, secret("index key")),
]

if __name__ == "__main__":
    vectors = {"version": 1, "values": VALUES, "search_terms": SEARCH_TERMS, "wraps": WRAPS}
    print(json.dumps(vectors, indent=2, default=bytes.hex))
