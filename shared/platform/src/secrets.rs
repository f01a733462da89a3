//! Partners' credentials are stored sealed (AES-256-GCM under the deployment's key), never in clear.

use crate::failure::Failure;
use crate::settings::Settings;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};

/// A sealed secret, as it is stored: base64 of nonce and ciphertext.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

/// Seals and opens.
#[derive(Clone)]
pub struct Secrets {
    key: Option<LessSafeKey>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// With the key from `SECRETS_KEY` (32 bytes, base64). A function without that variable can neither seal nor open.
    #[must_use]
    pub fn from_settings(settings: &Settings) -> Self {
        let key = settings
            .get("SECRETS_KEY")
            .and_then(|text| STANDARD.decode(text).ok())
            .and_then(|bytes| UnboundKey::new(&AES_256_GCM, &bytes).ok())
            .map(LessSafeKey::new);
        Self { key }
    }

    fn key(&self) -> Result<&LessSafeKey, Failure> {
        self.key.as_ref().ok_or_else(|| Failure::bug("SECRETS_KEY is not set to 32 bytes in base64"))
    }

    /// Seals `secret` for the object named `owner`: it opens for that object only. `random` is fresh hexadecimal text.
    ///
    /// # Errors
    /// [`Failure::Bug`] without key or randomness.
    pub fn seal(&self, owner: &str, secret: &str, random: &str) -> Result<Sealed, Failure> {
        let bytes = hex::decode(random).unwrap_or_default();
        let nonce: [u8; NONCE_LEN] = bytes
            .get(..NONCE_LEN)
            .and_then(|nonce| nonce.try_into().ok())
            .ok_or_else(|| Failure::bug("sealing needs 24 random hexadecimal digits"))?;
        let mut sealed = secret.as_bytes().to_vec();
        self.key()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(owner.as_bytes()), &mut sealed)
            .map_err(|_| Failure::bug("a secret cannot be sealed"))?;
        Ok(Sealed(STANDARD.encode([nonce.as_slice(), &sealed].concat())))
    }

    /// Opens what was sealed for `owner`.
    ///
    /// # Errors
    /// [`Failure::Bug`] when it was sealed under another key or for another object.
    pub fn open(&self, owner: &str, sealed: &Sealed) -> Result<String, Failure> {
        let refused = || Failure::bug(format!("the secret of {owner} does not open: was SECRETS_KEY changed?"));
        let bytes = STANDARD.decode(&sealed.0).map_err(|_| refused())?;
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE_LEN).ok_or_else(refused)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| refused())?;
        let mut opened = ciphertext.to_vec();
        let plain =
            self.key()?.open_in_place(nonce, Aad::from(owner.as_bytes()), &mut opened).map_err(|_| refused())?;
        String::from_utf8(plain.to_vec()).map_err(|_| refused())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_for_its_owner_and_key() {
        let with = |byte: u8| {
            let settings = [("SECRETS_KEY".to_owned(), STANDARD.encode([byte; 32]))].into_iter().collect();
            Secrets::from_settings(&settings)
        };
        let sealed = with(1).seal("chn_a_1", "hush", &"ab".repeat(12)).unwrap();
        assert_eq!(with(1).open("chn_a_1", &sealed).unwrap(), "hush");
        assert!(with(1).open("chn_a_2", &sealed).is_err());
        assert!(with(2).open("chn_a_1", &sealed).is_err());
        assert!(!serde_json::to_string(&sealed).unwrap().contains("hush"));
    }
}
