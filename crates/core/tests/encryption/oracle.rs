//! XAES-256-GCM and the key derivations once more: what the core does with AWS-LC is done with RustCrypto here.

use aes::Aes256Enc;
use aes::cipher::BlockCipherEncrypt;
use aes_gcm::aead::{AeadInOut, KeyInit, inout::InOutBuf};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2_010::Sha256;
use warden_core::tenancy::TenantId;

pub fn seal(key: &[u8; 32], nonce: &[u8; 24], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
    inner(key, nonce).encrypt_inout_detached(&rest(nonce), aad, InOutBuf::from(data)).unwrap().into()
}

pub fn open(key: &[u8; 32], nonce: &[u8; 24], aad: &[u8], data: &mut [u8], tag: [u8; 16]) -> bool {
    inner(key, nonce).decrypt_inout_detached(&rest(nonce), aad, InOutBuf::from(data), &Tag::from(tag)).is_ok()
}

fn rest(nonce: &[u8; 24]) -> Nonce<aes_gcm::aead::consts::U12> {
    <[u8; 12]>::try_from(&nonce[12..]).unwrap().into()
}

/// c2sp.org/XAES-256-GCM, step by step.
fn inner(key: &[u8; 32], nonce: &[u8; 24]) -> Aes256Gcm {
    let l = encrypt_block(key, [0; 16]);
    let mut k1 = [0; 16];
    for (at, byte) in k1.iter_mut().enumerate() {
        *byte = l[at] << 1 | l.get(at + 1).map_or(0, |next| next >> 7);
    }
    if l[0] & 0x80 != 0 {
        k1[15] ^= 0b1000_0111;
    }
    let derived: Vec<u8> = [1, 2]
        .into_iter()
        .flat_map(|counter| {
            let mut block = [0, counter, b'X', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            block[4..].copy_from_slice(&nonce[..12]);
            (0..16).for_each(|at| block[at] ^= k1[at]);
            encrypt_block(key, block)
        })
        .collect();
    Aes256Gcm::new_from_slice(&derived).unwrap()
}

fn encrypt_block(key: &[u8; 32], block: [u8; 16]) -> [u8; 16] {
    let mut block = block.into();
    Aes256Enc::new(key.into()).encrypt_block(&mut block);
    block.into()
}

/// A subkey as docs/formats.md has it.
pub fn derive<const N: usize>(key: &[u8; 32], purpose: &str, tenant: TenantId, context: &str) -> [u8; N] {
    let info = [purpose.as_bytes(), &tenant.0, context.as_bytes()].concat();
    let mut out = [0; N];
    Hkdf::<Sha256>::new(None, key).expand(&info, &mut out).unwrap();
    out
}

pub fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(message).finalize().into_bytes().into()
}
