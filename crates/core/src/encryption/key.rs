//! The key hierarchy: root key, tenant key (KEK), data keys (DEK) by generation and the index key, and what is derived
//! from them. Every wrap is bound to its tenant, generation and state.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use super::Random;
use super::envelope::{GenerationId, NONCE, TAG};
use super::error;
use super::value::{TagKey, ValueKey};
use super::xaes::{Refused, Xaes256Gcm};
use crate::error::{Result, SqlState, WardenError};
use crate::tenancy::TenantId;

/// Bytes of a root key.
pub const ROOT_KEY: usize = KEY;
const KEY: usize = 32;
const HEADER: usize = 4;
/// Bytes of a wrapped key: header, nonce, key, GCM tag.
pub const WRAP: usize = HEADER + NONCE + KEY + TAG;

const VERSION: u8 = 1;
const DOMAIN: &[u8] = b"pg_warden/wrap/1";

type Material = Zeroizing<[u8; KEY]>;

/// A key as the registry stores it.
pub type Wrapped = [u8; WRAP];

/// What a wrapped key is: a byte of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Purpose {
    Tenant = 1,
    Data = 2,
    Index = 3,
}

/// Where a generation stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum KeyState {
    /// Made, and not yet used.
    Pending = 1,
    /// What new values are encrypted under.
    Active = 2,
    /// Opens what it has sealed.
    Retired = 3,
    /// Gone for good.
    Destroyed = 4,
}

impl KeyState {
    pub const ALL: [KeyState; 4] = [KeyState::Pending, KeyState::Active, KeyState::Retired, KeyState::Destroyed];

    pub fn name(self) -> &'static str {
        match self {
            KeyState::Pending => "pending",
            KeyState::Active => "active",
            KeyState::Retired => "retired",
            KeyState::Destroyed => "destroyed",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What a wrap is bound to, besides the key that wraps.
struct Place {
    purpose: Purpose,
    tenant: TenantId,
    /// Id, number and state of a data key.
    generation: Option<(GenerationId, u32, KeyState)>,
}

impl Place {
    fn header(&self) -> [u8; HEADER] {
        [VERSION, self.purpose as u8, 0, 0]
    }

    fn additional_data(&self) -> Vec<u8> {
        let mut data = DOMAIN.to_vec();
        data.extend(self.header());
        data.extend(self.tenant.0);
        let (id, number, state) =
            self.generation.map_or(([0; 8], 0, 0), |(id, number, state)| (id.bytes(), number, state as u8));
        data.extend(id);
        data.extend(number.to_be_bytes());
        data.push(state);
        data
    }

    fn wrap(&self, with: &Xaes256Gcm, key: &Material, random: Random) -> Result<Wrapped> {
        let mut nonce = [0; NONCE];
        random(&mut nonce)?;
        let mut wrapped = [0; WRAP];
        wrapped[..HEADER].copy_from_slice(&self.header());
        wrapped[HEADER..HEADER + NONCE].copy_from_slice(&nonce);
        let (body, tag) = wrapped[HEADER + NONCE..].split_at_mut(KEY);
        body.copy_from_slice(&**key);
        tag.copy_from_slice(&with.seal(&nonce, &self.additional_data(), body).map_err(|Refused| cannot_wrap())?);
        Ok(wrapped)
    }

    fn unwrap(&self, with: &Xaes256Gcm, wrapped: &[u8]) -> Option<Material> {
        let wrapped: &Wrapped = wrapped.try_into().ok()?;
        let (header, rest) = wrapped.split_at(HEADER);
        let (nonce, rest) = rest.split_at(NONCE);
        let (body, tag) = rest.split_at(KEY);
        if header != self.header() {
            return None;
        }
        let mut key = Material::default();
        with.open(nonce.try_into().ok()?, &self.additional_data(), body, tag.try_into().ok()?, &mut *key).ok()?;
        Some(key)
    }
}

fn cannot_wrap() -> WardenError {
    WardenError::new(SqlState::Internal, "unexpected state: a key could not be wrapped")
}

fn generate(random: Random) -> Result<Material> {
    let mut key = Material::default();
    random(&mut *key)?;
    Ok(key)
}

/// What wraps the tenants' keys.
pub struct RootKey(Xaes256Gcm);

impl RootKey {
    pub fn new(bytes: &[u8; ROOT_KEY]) -> Self {
        Self(Xaes256Gcm::new(bytes))
    }

    /// # Errors
    /// When there is no randomness.
    pub fn wrap(&self, key: &TenantKey, tenant: TenantId, random: Random) -> Result<Wrapped> {
        tenant_place(tenant).wrap(&self.0, &key.material, random)
    }

    /// `None` for what another root key has wrapped, or for another tenant.
    pub fn unwrap(&self, wrapped: &[u8], tenant: TenantId) -> Option<TenantKey> {
        tenant_place(tenant).unwrap(&self.0, wrapped).map(TenantKey::new)
    }
}

fn tenant_place(tenant: TenantId) -> Place {
    Place { purpose: Purpose::Tenant, tenant, generation: None }
}

fn data_place(tenant: TenantId, id: GenerationId, number: u32, state: KeyState) -> Place {
    Place { purpose: Purpose::Data, tenant, generation: Some((id, number, state)) }
}

fn index_place(tenant: TenantId) -> Place {
    Place { purpose: Purpose::Index, tenant, generation: None }
}

/// What wraps one tenant's keys (KEK).
pub struct TenantKey {
    material: Material,
    cipher: Xaes256Gcm,
}

impl TenantKey {
    fn new(material: Material) -> Self {
        Self { cipher: Xaes256Gcm::new(&material), material }
    }

    /// # Errors
    /// When there is no randomness.
    pub fn generate(random: Random) -> Result<Self> {
        generate(random).map(Self::new)
    }

    /// # Errors
    /// When there is no randomness.
    pub fn wrap_data(
        &self,
        key: &DataKey,
        tenant: TenantId,
        id: GenerationId,
        number: u32,
        state: KeyState,
        random: Random,
    ) -> Result<Wrapped> {
        data_place(tenant, id, number, state).wrap(&self.cipher, &key.0, random)
    }

    /// # Errors
    /// 55000 unless it was wrapped for this tenant, generation and state.
    pub fn unwrap_data(
        &self,
        wrapped: &[u8],
        tenant: TenantId,
        id: GenerationId,
        number: u32,
        state: KeyState,
    ) -> Result<DataKey> {
        let key = data_place(tenant, id, number, state).unwrap(&self.cipher, wrapped);
        key.map(DataKey).ok_or_else(error::damaged_key_registry)
    }

    /// # Errors
    /// When there is no randomness.
    pub fn wrap_index(&self, key: &IndexKey, tenant: TenantId, random: Random) -> Result<Wrapped> {
        index_place(tenant).wrap(&self.cipher, &key.0, random)
    }

    /// # Errors
    /// 55000 unless it was wrapped for this tenant.
    pub fn unwrap_index(&self, wrapped: &[u8], tenant: TenantId) -> Result<IndexKey> {
        index_place(tenant).unwrap(&self.cipher, wrapped).map(IndexKey).ok_or_else(error::damaged_key_registry)
    }
}

/// One generation of a tenant's data keys (DEK).
pub struct DataKey(Material);

impl DataKey {
    /// # Errors
    /// When there is no randomness.
    pub fn generate(random: Random) -> Result<Self> {
        generate(random).map(Self)
    }

    /// # Errors
    /// When the library gives up.
    pub fn value_key(&self, tenant: TenantId, context: &str) -> Result<ValueKey> {
        Ok(ValueKey::new(&*derive::<64>(&self.0, b"pg_warden/value-key/1", tenant, context)?))
    }
}

/// A tenant's index key: a branch of its own, which no rotation of data keys changes.
pub struct IndexKey(Material);

impl IndexKey {
    /// # Errors
    /// When there is no randomness.
    pub fn generate(random: Random) -> Result<Self> {
        generate(random).map(Self)
    }

    /// # Errors
    /// When the library gives up.
    pub fn tag_key(&self, tenant: TenantId, context: &str) -> Result<TagKey> {
        Ok(TagKey::new(&*derive::<32>(&self.0, b"pg_warden/tag-key/1", tenant, context)?))
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA-256 (RFC 5869) without salt: the key is uniform already. The info is the purpose, the tenant's 16 bytes and
/// the context; the first two have fixed lengths.
fn derive<const N: usize>(
    key: &Material,
    purpose: &[u8],
    tenant: TenantId,
    context: &str,
) -> Result<Zeroizing<[u8; N]>> {
    let mut out = Zeroizing::new([0; N]);
    let parts = [purpose, &tenant.0, context.as_bytes()];
    let prk = Salt::new(HKDF_SHA256, &[]).extract(&**key);
    prk.expand(&parts, Length(N)).and_then(|material| material.fill(&mut *out)).map_err(|_| cannot_derive())?;
    Ok(out)
}

fn cannot_derive() -> WardenError {
    WardenError::new(SqlState::Internal, "unexpected state: a key could not be derived")
}
