//! XAES-256-GCM (c2sp.org/XAES-256-GCM): AES-256-GCM under a key that is derived anew from each 24-byte nonce, so that
//! nonces can be random.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};
use zeroize::{Zeroize, Zeroizing};

use super::envelope::{NONCE, TAG};

/// The half of the nonce that goes into the key; the other one is AES-GCM's own.
const DERIVING: usize = 12;
const BLOCK: usize = 16;

/// The two ways in which a call can fail: the data does not open, or the library gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// A key with its schedule and the CMAC subkey K1, both made once. The library wipes the schedule when it is dropped.
pub struct Xaes256Gcm {
    /// `None` where the library gave no key (memory was short): then nothing is sealed and nothing opens.
    outer: Option<EncryptingKey>,
    k1: Zeroizing<[u8; BLOCK]>,
}

impl Xaes256Gcm {
    pub fn new(key: &[u8; 32]) -> Self {
        let outer = UnboundCipherKey::new(&AES_256, key).and_then(EncryptingKey::ecb).ok();
        let mut block = Zeroizing::new([0u8; BLOCK]);
        let outer = outer.filter(|outer| outer.encrypt(&mut *block).is_ok());
        let l = Zeroizing::new(u128::from_be_bytes(*block));
        // Without a branch on the key: the top bit selects the polynomial.
        let k1 = Zeroizing::new((*l << 1) ^ ((*l >> 127) * 0x87));
        Self { outer, k1: Zeroizing::new(k1.to_be_bytes()) }
    }

    /// Encrypts in place.
    ///
    /// # Errors
    /// For more than 64 GiB.
    pub fn seal(&self, nonce: &[u8; NONCE], aad: &[u8], data: &mut [u8]) -> Result<[u8; TAG], Refused> {
        let (key, nonce) = self.inner(nonce)?;
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), data).map_err(|_| Refused)?;
        tag.as_ref().try_into().map_err(|_| Refused)
    }

    /// Decrypts into `out`, which is as long as `data`. On failure `out` holds nothing of the plaintext.
    ///
    /// # Errors
    /// When nonce, additional data, data and tag were not sealed together under this key.
    pub fn open(
        &self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        data: &[u8],
        tag: &[u8; TAG],
        out: &mut [u8],
    ) -> Result<(), Refused> {
        let opened = self.inner(nonce).and_then(|(key, nonce)| {
            key.open_separate_gather(nonce, Aad::from(aad), data, tag, out).map_err(|_| Refused)
        });
        if opened.is_err() {
            out.zeroize();
        }
        opened
    }

    /// The key of AES-256-GCM that this nonce derives (NIST SP 800-108r1 in counter mode over AES-CMAC), and the rest
    /// of the nonce.
    fn inner(&self, nonce: &[u8; NONCE]) -> Result<(LessSafeKey, Nonce), Refused> {
        let outer = self.outer.as_ref().ok_or(Refused)?;
        let mut key = Zeroizing::new([0u8; 2 * BLOCK]);
        for (counter, block) in (1u8..).zip(key.chunks_exact_mut(BLOCK)) {
            block[1] = counter;
            block[2] = b'X';
            block[4..].copy_from_slice(&nonce[..DERIVING]);
            block.iter_mut().zip(*self.k1).for_each(|(byte, k1)| *byte ^= k1);
        }
        outer.encrypt(&mut *key).map_err(|_| Refused)?;
        let key = UnboundKey::new(&AES_256_GCM, &*key).map_err(|_| Refused)?;
        let mut rest = [0u8; NONCE - DERIVING];
        rest.copy_from_slice(&nonce[DERIVING..]);
        Ok((LessSafeKey::new(key), Nonce::assume_unique_for_key(rest)))
    }
}
