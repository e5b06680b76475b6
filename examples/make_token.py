#!/usr/bin/env python3
"""An identity provider to try pg_warden with: makes a key, prints its JWK Set and tokens as psql variables. Not for real data.

    pip install pyjwt cryptography
    python3 examples/make_token.py north:ada north:mia north:vic south:max > tokens.sql
    psql -d shop -U officer        -- then: \\i tokens.sql, and :'jwks' and :'token_of_vic' are what the README's tour asks for

The key is kept in warden-try-key.pem in the current directory, so that a later run makes tokens for the same issuer.
"""
import json
import os
import sys
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY, ISSUER, AUDIENCE, KID = "warden-try-key.pem", "https://id.example", "exams", "lab-1"

if os.path.exists(KEY):
    with open(KEY, "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
else:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with open(os.open(KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)

public = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key()))
print("\\set jwks '%s'" % json.dumps({"keys": [public | {"kid": KID, "alg": "EdDSA", "use": "sig"}]}))
now = int(time.time())
for tenant, user in (name.split(":", 1) for name in sys.argv[1:]):
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": user, "tenant_id": tenant, "iat": now, "exp": now + 900}
    print("\\set token_of_%s '%s'" % (user, jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": KID})))
