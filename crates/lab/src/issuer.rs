//! An identity provider for tests: one Ed25519 key, its JWKS, and tokens good or as bad as a test wants them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Map, Value, json};

#[derive(Clone)]
pub struct TestIssuer {
    pub issuer: String,
    pub audience: String,
    pub kid: String,
    key: SigningKey,
}

#[derive(Clone)]
pub struct TokenBuilder<'a> {
    issuer: &'a TestIssuer,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl TestIssuer {
    /// A key that anyone can compute: for a server that lives for one test.
    pub fn new(issuer: &str, seed: [u8; 32]) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audience: "warden-lab".to_owned(),
            kid: "lab-1".to_owned(),
            key: SigningKey::from_bytes(&seed),
        }
    }

    pub fn jwks(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid, "x": x}]})
    }

    /// Issued now, for five minutes, for the tenant's id, external id or slug.
    pub fn token(&self, tenant: impl ToString, user: &str) -> TokenBuilder<'_> {
        let now = unix_now();
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": self.kid});
        let claims = json!({
            "iss": self.issuer, "aud": self.audience, "sub": user, "iat": now, "exp": now + 300, "tenant_id": tenant.to_string(),
        });
        TokenBuilder { issuer: self, header: object(header), claims: object(claims) }
    }

    /// Signs any text as header and payload, JSON or not.
    pub fn sign(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()).to_bytes());
        format!("{signed}.{signature}")
    }
}

impl TokenBuilder<'_> {
    pub fn ttl(self, ttl: Duration) -> Self {
        let issued = self.claims.get("iat").and_then(Value::as_u64).unwrap_or_else(unix_now);
        self.claim("exp", issued + ttl.as_secs())
    }

    /// As if it had been issued that long ago; the expiry moves along.
    pub fn issued_ago(mut self, ago: Duration) -> Self {
        for name in ["iat", "exp"] {
            if let Some(time) = self.claims.get(name).and_then(Value::as_u64) {
                self.claims.insert(name.to_owned(), (time - ago.as_secs()).into());
            }
        }
        self
    }

    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    pub fn sign(self) -> String {
        self.issuer.sign(&Value::Object(self.header).to_string(), &Value::Object(self.claims).to_string())
    }
}

pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use ed25519_dalek::{Signature, Verifier};

    use super::TestIssuer;

    #[test]
    fn a_token_verifies_under_the_key_of_the_jwks() -> Result<(), Box<dyn std::error::Error>> {
        let issuer = TestIssuer::new("https://idp.test", [7; 32]);
        let token = issuer.token("acme", "alice").claim("role", "owner").without("aud").sign();
        let (signed, signature) = token.rsplit_once('.').ok_or("no signature")?;
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature)?)?;
        issuer.key.verifying_key().verify(signed.as_bytes(), &signature)?;
        let payload = URL_SAFE_NO_PAD.decode(signed.split('.').nth(1).ok_or("no payload")?)?;
        let claims: serde_json::Value = serde_json::from_slice(&payload)?;
        assert_eq!(claims["role"], "owner");
        assert!(claims.get("aud").is_none());
        Ok(())
    }
}
