//! Sealing and opening values, and the tags by which equal ones are found.

use aws_lc_rs::{constant_time, hmac};
use zeroize::{Zeroize, Zeroizing};

use super::binding::Binding;
use super::envelope::{COMMITMENT, Envelope, HEADER, Head, NONCE, Suite, TAG};
use super::error;
use super::xaes::Xaes256Gcm;
use crate::error::Result;

const COMMITS: &[u8] = b"pg_warden/commitment/1";

/// The key of one tenant's values of one generation and one context.
pub struct ValueKey {
    cipher: Xaes256Gcm,
    committing: Zeroizing<[u8; 32]>,
}

impl ValueKey {
    pub(super) fn new(material: &[u8; 64]) -> Self {
        let (mut cipher, mut committing) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
        cipher.copy_from_slice(&material[..32]);
        committing.copy_from_slice(&material[32..]);
        Self { cipher: Xaes256Gcm::new(&cipher), committing }
    }

    /// Seals the value that stands in `out` at `suite.prefix_len(…)`, in place, and writes the rest of the envelope
    /// around it. `out` is of exactly `suite.sealed_len(…)` bytes.
    ///
    /// # Errors
    /// 54000 for a value that AES-GCM cannot take.
    pub fn seal(
        &self,
        head: &Head,
        equality: Option<[u8; TAG]>,
        binding: &Binding,
        nonce: &[u8; NONCE],
        out: &mut [u8],
    ) -> Result<()> {
        let prefix_len = head.suite.prefix_len(equality.is_some());
        let body_end = out.len().checked_sub(TAG).filter(|end| *end >= prefix_len).ok_or_else(error::too_long)?;
        let header = head.bytes(equality.is_some(), binding.row.is_some());
        let (prefix, rest) = out.split_at_mut(prefix_len);
        let (body, tag) = rest.split_at_mut(body_end - prefix_len);
        prefix[..HEADER].copy_from_slice(&header);
        prefix[HEADER..HEADER + NONCE].copy_from_slice(nonce);
        let mut at = HEADER + NONCE;
        if head.suite == Suite::XaesCommitting {
            prefix[at..at + COMMITMENT].copy_from_slice(&self.commitment(&header, nonce));
            at += COMMITMENT;
        }
        if let Some(equality) = equality {
            prefix[at..].copy_from_slice(&equality);
        }
        let sealed = self.cipher.seal(nonce, &binding.additional_data(prefix), body).map_err(|_| error::too_long())?;
        tag.copy_from_slice(&sealed);
        Ok(())
    }

    /// Opens into `out`, which is as long as the envelope's body; on failure it holds zeros.
    ///
    /// # Errors
    /// 39000, whatever the reason.
    pub fn open(&self, envelope: &Envelope, binding: &Binding, out: &mut [u8]) -> Result<()> {
        let nonce = envelope.nonce();
        let commits = match envelope.commitment() {
            None => true,
            Some(found) => {
                let expected = self.commitment(&envelope.prefix()[..HEADER], &nonce);
                constant_time::verify_slices_are_equal(&expected, &found).is_ok()
            }
        };
        let additional = binding.additional_data(envelope.prefix());
        let opened = self.cipher.open(&nonce, &additional, envelope.body(), &envelope.tag(), out);
        let flags = envelope.flags();
        if flags.search_term || flags.row_bound != binding.row.is_some() || !commits || opened.is_err() {
            out.zeroize();
            return Err(error::decryption_failed());
        }
        Ok(())
    }

    /// HMAC-SHA-256 over header and nonce, under a key that is derived beside the one that encrypts: nobody finds two
    /// keys for one commitment.
    fn commitment(&self, header: &[u8], nonce: &[u8; NONCE]) -> [u8; COMMITMENT] {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &*self.committing));
        context.update(COMMITS);
        context.update(header);
        context.update(nonce);
        let mut commitment = [0; COMMITMENT];
        commitment.copy_from_slice(context.sign().as_ref());
        commitment
    }
}

/// The key of one tenant's equality tags of one context; the same in every generation.
pub struct TagKey(hmac::Key);

impl TagKey {
    pub(super) fn new(material: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, material))
    }

    /// The first 16 bytes of HMAC-SHA-256 over the value.
    pub fn tag(&self, value: &[u8]) -> [u8; TAG] {
        let mut tag = [0; TAG];
        tag.copy_from_slice(&hmac::sign(&self.0, value).as_ref()[..TAG]);
        tag
    }
}
