//! The keys of the table, made anew for each run, as a server's configuration and as a verifier of the engine.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{hmac, rsa::KeySize};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tidings_engine::limits::Limits;
use tidings_engine::token::{Algorithm, Assertions, Issuer, IssuerKeys, KeyConfig, KeySet, Tenants, Verifier};

/// A secret that two sides hold.
const SECRET: &[u8] = b"a secret of the table, 32 bytes or more";

/// Who signs a token of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kid {
    /// `[[keys]]`, HS256, for the tenant acme.
    Secret,
    /// `[[keys]]`, RS256, for the tenant acme.
    Rsa,
    /// `[[keys]]`, EdDSA, for any tenant and every role, with an audience.
    Wide,
    /// The issuer `https://idp.example`, ES256.
    IdpEc,
    /// The same issuer, RS256.
    IdpRsa,
    /// Nobody's: the server knows nothing of it.
    Stranger,
}

/// Every key.
pub struct Signers {
    rsa: RsaKeyPair,
    idp_rsa: RsaKeyPair,
    wide: Ed25519KeyPair,
    idp_ec: EcdsaKeyPair,
    stranger: Ed25519KeyPair,
}

fn text(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64.encode(der))
}

impl Default for Signers {
    fn default() -> Self {
        Self::new()
    }
}

impl Signers {
    /// Fresh keys.
    ///
    /// # Panics
    /// When the system gives no randomness.
    #[must_use]
    pub fn new() -> Self {
        let made = "the system gives randomness";
        Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).expect(made),
            idp_rsa: RsaKeyPair::generate(KeySize::Rsa2048).expect(made),
            wide: Ed25519KeyPair::generate().expect(made),
            idp_ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect(made),
            stranger: Ed25519KeyPair::generate().expect(made),
        }
    }

    /// The `kid` and `alg` that an honest header of this key has.
    #[must_use]
    pub const fn header(kid: Kid) -> (&'static str, &'static str) {
        match kid {
            Kid::Secret => ("secret", "HS256"),
            Kid::Rsa => ("rsa", "RS256"),
            Kid::Wide => ("wide", "EdDSA"),
            Kid::IdpEc => ("1", "ES256"),
            Kid::IdpRsa => ("2", "RS256"),
            Kid::Stranger => ("stranger", "EdDSA"),
        }
    }

    /// A JWT of exactly these texts.
    ///
    /// # Panics
    /// Never: these keys sign everything.
    #[must_use]
    pub fn sign(&self, kid: Kid, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", text(header.as_bytes()), text(claims.as_bytes()));
        let rsa = |pair: &RsaKeyPair| {
            let mut signature = vec![0; pair.public_modulus_len()];
            let signed = pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature);
            signed.expect("the key signs everything");
            signature
        };
        let signature = match kid {
            Kid::Secret => hmac_of(SECRET, &message),
            Kid::Rsa => rsa(&self.rsa),
            Kid::IdpRsa => rsa(&self.idp_rsa),
            Kid::Wide => self.wide.sign(message.as_bytes()).as_ref().to_vec(),
            Kid::Stranger => self.stranger.sign(message.as_bytes()).as_ref().to_vec(),
            Kid::IdpEc => {
                let signed = self.idp_ec.sign(&SystemRandom::new(), message.as_bytes());
                signed.expect("the key signs everything").as_ref().to_vec()
            }
        };
        format!("{message}.{}", text(&signature))
    }

    /// A JWT signed by HMAC with the public key of [`Kid::Rsa`] as the secret: what a verifier that believes the header's
    /// algorithm takes for good.
    #[must_use]
    pub fn sign_confused(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", text(header.as_bytes()), text(claims.as_bytes()));
        format!("{message}.{}", text(&hmac_of(self.rsa_pem().as_bytes(), &message)))
    }

    fn rsa_pem(&self) -> String {
        pem(self.rsa.public_key().as_der().expect("a public key has a DER form").as_ref())
    }

    fn wide_pem(&self) -> String {
        pem(self.wide.public_key().as_der().expect("a public key has a DER form").as_ref())
    }

    /// The set that the issuer publishes: two good keys, one for encryption, one weak.
    #[must_use]
    pub fn jwks(&self) -> Value {
        let point = self.idp_ec.public_key().as_ref();
        let (n, e) = rsa_members(self.idp_rsa.public_key().as_ref());
        json!({"keys": [
            {"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig", "x": text(&point[1..33]), "y": text(&point[33..])},
            {"kty": "RSA", "kid": "2", "alg": "RS256", "n": text(n), "e": text(e)},
            {"kty": "RSA", "kid": "enc", "use": "enc", "n": text(n), "e": text(e)},
            {"kty": "RSA", "kid": "weak", "n": text(&[0xff; 128]), "e": text(e)},
        ]})
    }

    /// Writes the keys into `folder`; the part of a server's configuration that names them.
    ///
    /// # Panics
    /// When the folder cannot be written.
    #[must_use]
    pub fn configure(&self, folder: &Path) -> String {
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.join(name);
            std::fs::write(&path, bytes).expect("the folder of a test can be written");
            path.display().to_string()
        };
        let (secret, rsa) = (write("secret", SECRET), write("rsa.pem", self.rsa_pem().as_bytes()));
        let wide = write("wide.pem", self.wide_pem().as_bytes());
        let jwks = write("jwks.json", self.jwks().to_string().as_bytes());
        format!(
            r#"
[[keys]]
kid = "secret"
algorithm = "HS256"
secret_file = "{secret}"
tenants = ["acme"]
[[keys]]
kid = "rsa"
algorithm = "RS256"
public_key_file = "{rsa}"
tenants = ["acme"]
[[keys]]
kid = "wide"
algorithm = "EdDSA"
public_key_file = "{wide}"
audience = "tidings"
tenants = ["*"]
roles = ["user", "service", "tenant_admin", "auditor", "privacy_officer", "super_admin"]
[[issuers]]
iss = "https://idp.example"
aud = ["tidings", "notify"]
algorithms = ["ES256", "RS256"]
tenants = ["acme", "globex"]
roles = ["user", "tenant_admin"]
jwks_file = "{jwks}"
"#
        )
    }

    /// The same for the engine alone.
    ///
    /// # Panics
    /// Never: the keys are good.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        let only = |names: &[&str]| Tenants::Only(names.iter().map(|name| (*name).to_owned()).collect());
        let key = |kid: Kid, algorithm, material: &[u8]| KeyConfig {
            kid: Some(Self::header(kid).0.to_owned()),
            ..KeyConfig::new(algorithm, material.to_vec(), "acme")
        };
        let wide = KeyConfig {
            audience: Some("tidings".to_owned()),
            tenants: Tenants::Any,
            roles: tidings_engine::grant::Role::ALL.to_vec(),
            ..key(Kid::Wide, Algorithm::EdDsa, self.wide_pem().as_bytes())
        };
        let keys = vec![
            key(Kid::Secret, Algorithm::Hs256, SECRET),
            key(Kid::Rsa, Algorithm::Rs256, self.rsa_pem().as_bytes()),
            wide,
        ];
        let set = KeySet::parse(self.jwks().to_string().as_bytes(), &[Algorithm::Es256, Algorithm::Rs256]);
        let may = Assertions {
            issuer: None,
            audience: vec!["tidings".to_owned(), "notify".to_owned()],
            tenants: only(&["acme", "globex"]),
            roles: vec![tidings_engine::grant::Role::User, tidings_engine::grant::Role::TenantAdmin],
        };
        let keys_of_idp = IssuerKeys::Fixed(Arc::new(set.expect("two of its keys are good")));
        let issuer = Issuer::new("https://idp.example".to_owned(), may, keys_of_idp);
        let verifier = Verifier::new(keys, "tenant".to_owned(), &Limits::default()).expect("the keys are good");
        verifier.with_issuers(vec![issuer]).expect("there is one issuer")
    }
}

fn hmac_of(secret: &[u8], message: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes()).as_ref().to_vec()
}

/// Modulus and exponent of a key of 2,048 bits as PKCS#1: SEQUENCE (4 bytes of header), INTEGER (4), INTEGER (2).
fn rsa_members(der: &[u8]) -> (&[u8], &[u8]) {
    let modulus = usize::from(u16::from_be_bytes([der[6], der[7]]));
    (&der[8..8 + modulus], &der[8 + modulus + 2..])
}
