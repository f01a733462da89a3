//! Partners' credentials are stored sealed (AES-256-GCM under the deployment's key), never in clear.
//!
//! A function holds a ring of at most two keys. `SECRETS_KEY` seals; it and `SECOND_SECRETS_KEY` open. A sealed secret names the
//! key that it was sealed with, so that what is left under an old key can be found and sealed anew (docs/runbook.md says how
//! a key is rotated).

use crate::failure::Failure;
use crate::settings::Settings;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::ids::digest;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Bytes of a key's SHA-256 that name it.
const KEY_ID_BYTES: usize = 4;

/// A sealed secret, as it is stored: `<key id>:` and base64 of nonce and ciphertext. What was sealed before keys had ids is base64
/// alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    fn parts(&self) -> (Option<&str>, &str) {
        match self.0.split_once(':') {
            Some((id, sealed)) => (Some(id), sealed),
            None => (None, &self.0),
        }
    }
}

#[derive(Clone)]
struct RingKey {
    id: String,
    key: LessSafeKey,
}

impl RingKey {
    /// From 32 bytes in base64.
    fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok()?;
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map(LessSafeKey::new).ok()?;
        let id = Sha256::new().chain_update(b"id of a secrets key").chain_update(&bytes).finalize();
        Some(Self { id: hex::encode(&id[..KEY_ID_BYTES]), key })
    }

    /// Base64 of nonce and ciphertext.
    fn seal(&self, owner: &str, secret: &str, random: &str) -> Result<String, Failure> {
        let bytes = hex::decode(random).unwrap_or_default();
        let nonce: [u8; NONCE_LEN] = bytes
            .get(..NONCE_LEN)
            .and_then(|nonce| nonce.try_into().ok())
            .ok_or_else(|| Failure::bug("sealing needs 24 random hexadecimal digits"))?;
        let mut sealed = secret.as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(owner.as_bytes()), &mut sealed)
            .map_err(|_| Failure::bug("a secret cannot be sealed"))?;
        Ok(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
    }

    fn open(&self, owner: &str, bytes: &[u8]) -> Option<String> {
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut opened = ciphertext.to_vec();
        let plain = self.key.open_in_place(nonce, Aad::from(owner.as_bytes()), &mut opened).ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }
}

/// Seals and opens.
#[derive(Clone)]
pub struct Secrets {
    /// The key that seals, then the one that only opens; or what is wrong with the settings.
    ring: Result<Arc<[RingKey]>, &'static str>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// With the keys from `SECRETS_KEY` and, if it is set, `SECOND_SECRETS_KEY` (32 bytes each, base64). A function without the
    /// first, or with one that is malformed, can neither seal nor open.
    #[must_use]
    pub fn from_settings(settings: &Settings) -> Self {
        Self { ring: ring(settings).map(Into::into) }
    }

    fn ring(&self) -> Result<(&RingKey, &[RingKey]), Failure> {
        let keys = self.ring.as_deref().map_err(|error| Failure::bug(*error))?;
        let current = keys.first().ok_or_else(|| Failure::bug(NO_KEY))?;
        Ok((current, keys))
    }

    /// Id of the key that seals: eight hexadecimal digits, which tell nothing of the key.
    ///
    /// # Errors
    /// [`Failure::Bug`] without key.
    pub fn current_key(&self) -> Result<&str, Failure> {
        Ok(&self.ring()?.0.id)
    }

    /// Seals `secret` for the object named `owner`: it opens for that object only. `random` is fresh hexadecimal text.
    ///
    /// # Errors
    /// [`Failure::Bug`] without key or randomness.
    pub fn seal(&self, owner: &str, secret: &str, random: &str) -> Result<Sealed, Failure> {
        let (current, _) = self.ring()?;
        Ok(Sealed(format!("{}:{}", current.id, current.seal(owner, secret, random)?)))
    }

    /// Opens what was sealed for `owner`.
    ///
    /// # Errors
    /// [`Failure::Bug`] when it was sealed under a key that is not in the ring, or for another object.
    pub fn open(&self, owner: &str, sealed: &Sealed) -> Result<String, Failure> {
        let (_, keys) = self.ring()?;
        let (id, text) = sealed.parts();
        let opened = STANDARD.decode(text).ok().and_then(|bytes| {
            keys.iter().filter(|key| id.is_none_or(|id| id == key.id)).find_map(|key| key.open(owner, &bytes))
        });
        opened.ok_or_else(|| {
            let under = id.map(|id| format!(" under key {id}")).unwrap_or_default();
            Failure::bug(format!("the secret of {owner}, sealed{under}, does not open: was SECRETS_KEY changed?"))
        })
    }

    /// Whether it names the key that seals.
    ///
    /// # Errors
    /// [`Failure::Bug`] without key.
    pub fn is_current(&self, sealed: &Sealed) -> Result<bool, Failure> {
        Ok(sealed.parts().0 == Some(self.current_key()?))
    }

    /// Text that follows from `operation` for those who have the key, and for nobody else: 40 hexadecimal digits for each key of
    /// the ring, the current one's first. Sealing a constant under a nonce that belongs to the operation alone is a
    /// pseudo-random function of it.
    ///
    /// # Errors
    /// [`Failure::Bug`] without key.
    pub fn derived(&self, purpose: &str, operation: &str) -> Result<Vec<String>, Failure> {
        let nonce = digest(&[purpose, operation], 24);
        let (_, keys) = self.ring()?;
        let derive = |key: &RingKey| {
            let sealed = key.seal(operation, purpose, &nonce)?;
            Ok(digest(&[purpose, operation, &format!("\"{sealed}\"")], 40))
        };
        keys.iter().map(derive).collect()
    }
}

const NO_KEY: &str = "SECRETS_KEY is not set to 32 bytes in base64";

fn ring(settings: &Settings) -> Result<Vec<RingKey>, &'static str> {
    let mut keys = vec![settings.get("SECRETS_KEY").and_then(RingKey::parse).ok_or(NO_KEY)?];
    if let Some(second) = settings.get("SECOND_SECRETS_KEY") {
        keys.push(
            RingKey::parse(second).ok_or("SECOND_SECRETS_KEY is not 32 bytes in base64: leave it out or mend it")?,
        );
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> String {
        STANDARD.encode([byte; 32])
    }

    fn holding(current: u8, second: Option<u8>) -> Secrets {
        let second = second.map(|second| ("SECOND_SECRETS_KEY".to_owned(), key(second)));
        let settings = [("SECRETS_KEY".to_owned(), key(current))].into_iter().chain(second).collect();
        Secrets::from_settings(&settings)
    }

    /// As it was stored before keys had ids.
    fn unnamed(sealed: &Sealed) -> Sealed {
        Sealed(sealed.parts().1.to_owned())
    }

    #[test]
    fn a_secret_opens_only_for_its_owner_and_key() {
        let sealed = holding(1, None).seal("chn_a_1", "hush", &"ab".repeat(12)).unwrap();
        for sealed in [&sealed, &unnamed(&sealed)] {
            assert_eq!(holding(1, None).open("chn_a_1", sealed).unwrap(), "hush");
            assert!(holding(1, None).open("chn_a_2", sealed).is_err());
            assert!(holding(2, None).open("chn_a_1", sealed).is_err());
        }
        assert!(!serde_json::to_string(&sealed).unwrap().contains("hush"));
    }

    #[test]
    fn every_key_of_the_ring_opens_and_the_first_one_seals() {
        let old = holding(1, None).seal("chn_a_1", "hush", &"ab".repeat(12)).unwrap();
        let both = holding(2, Some(1));
        for old in [&old, &unnamed(&old)] {
            assert_eq!(both.open("chn_a_1", old).unwrap(), "hush");
            assert!(!both.is_current(old).unwrap());
        }
        let new = both.seal("chn_a_1", "hush", &"cd".repeat(12)).unwrap();
        assert!(both.is_current(&new).unwrap());
        assert!(holding(1, None).open("chn_a_1", &new).is_err());
        assert_eq!(holding(2, None).open("chn_a_1", &new).unwrap(), "hush");
        // A function of the deployment before, which the next key was given to, opens it, too.
        assert_eq!(holding(1, Some(2)).open("chn_a_1", &new).unwrap(), "hush");
    }

    #[test]
    fn a_secret_with_the_id_of_another_key_does_not_open() {
        let both = holding(2, Some(1));
        let sealed = both.seal("chn_a_1", "hush", &"ab".repeat(12)).unwrap();
        let (_, text) = sealed.parts();
        for id in [holding(1, None).current_key().unwrap(), "", "00000000"] {
            assert!(both.open("chn_a_1", &Sealed(format!("{id}:{text}"))).is_err(), "{id}");
        }
    }

    #[test]
    fn a_ring_with_a_malformed_key_is_no_ring() {
        let with = |pairs: &[(&str, &str)]| {
            let settings = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Secrets::from_settings(&settings)
        };
        let good = key(1);
        let refused = |secrets: &Secrets| secrets.seal("a", "b", &"ab".repeat(12)).unwrap_err().to_string();
        for pairs in [&[][..], &[("SECRETS_KEY", "short")], &[("SECOND_SECRETS_KEY", good.as_str())]] {
            assert!(refused(&with(pairs)).contains("SECRETS_KEY is not set"));
        }
        let second = with(&[("SECRETS_KEY", &good), ("SECOND_SECRETS_KEY", "short")]);
        assert!(refused(&second).contains("SECOND_SECRETS_KEY"));
        // Unset variables come empty.
        assert!(with(&[("SECRETS_KEY", &good), ("SECOND_SECRETS_KEY", "")]).current_key().is_ok());
    }

    #[test]
    fn what_is_derived_follows_from_key_purpose_and_operation() {
        let derived = |secrets: &Secrets, operation| secrets.derived("api key", operation).unwrap();
        let (old, both) = (derived(&holding(1, None), "op"), derived(&holding(2, Some(1)), "op"));
        assert_eq!(both[1..], old);
        assert_ne!(both[0], both[1]);
        assert_eq!(derived(&holding(2, None), "op"), both[..1]);
        assert_ne!(derived(&holding(1, None), "other"), old);
        assert_ne!(holding(1, None).derived("else", "op").unwrap(), old);
        // Keys were issued by this: it must not change.
        assert_eq!(old, ["6462abe1821360ac401fb092d073fecfb73bb228"]);
    }

    proptest! {
        #[test]
        fn no_stored_text_panics_and_none_that_was_changed_opens(text in "\\PC{0,80}", at in 0..70_usize) {
            let secrets = holding(1, Some(2));
            prop_assert!(secrets.open("chn_a_1", &Sealed(text)).is_err());
            let mut sealed = secrets.seal("chn_a_1", "hush hush", &"ab".repeat(12)).unwrap();
            let mut bytes = std::mem::take(&mut sealed.0).into_bytes();
            let at = at % bytes.len();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = Sealed(String::from_utf8(bytes).unwrap());
            // Without the colon that ends the key's id what is left is no base64.
            prop_assert!(secrets.open("chn_a_1", &changed).is_err());
        }
    }
}
