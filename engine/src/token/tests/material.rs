//! Which keys are taken as PEM.

use super::pairs::{armoured, ec, ed, rsa};
use super::{NOW, claims};
use crate::keys::Keys;
use crate::limits::Limits;
use crate::token::{Algorithm, KeyConfig, KeyError, KeyFlaw, TokenError, Verifier};
use serde_json::json;

const RSA_1024: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDH+RmO/vCISKCyMSuDGQxjtnXB
q1ZE6bpRZrkH9evvUh53ozm+XYdPIbr8/gtjHSY7vcyEBfBazH9h/2tQdw5mx+Xy
mctYSUQuD1V9Yh+wLqNK/Fqu94E8xxRVqCh0fUm21mD75uU5H5tyxOsvYea/Azrn
xANqSvYOIwf//Xq6twIDAQAB
-----END PUBLIC KEY-----";
const RSA_2047: &str = "-----BEGIN PUBLIC KEY-----
MIIBITANBgkqhkiG9w0BAQEFAAOCAQ4AMIIBCQKCAQBrorF7ZakoYmFdAec+gKvD
K4CzxqFgxPOhRoGxwxqTaLbJzXmsdWhr74xliQwtRY/cC4X7ksWBPQMaoTNS42Vj
z5MRNnYoC8f/lDbu8/WFhm7Kld31jYlq3UtXtknA5oIKpOuJ+byYkAa0TXbF+IsV
7A6wXC2NoJzAFxMe9lizZUS60JdJ8U+xgu6LAfFlzyTYqA55E2lu9bBEm+ZF2+gS
FyiC68sUZwANB5MqveKrlNxpjPofeAx/0/n3SBVBjEWfMCniPLz2t3sZ+sbutwVm
GjSOZrLlHqr44Nr+d5tBhjJSPM3lBL8fmj5pILdGwY6x10Ej+D6wZmmBSKtWmXg5
AgMBAAE=
-----END PUBLIC KEY-----";
const P384: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAESlBFHkGP/3WEVFyTo0GKa1ydnjpxbOLb
G8XforgErrqSNdpCt1/fbGpxCfZgUV+potm4zB2E/V8xvwGmRIisrsRHTu9zlzph
MbPqjBq2H9SuVvj0XfMlZsj9cbd39pGK
-----END PUBLIC KEY-----";
const X25519: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VuAyEAjjMOmIsc1ko5sDGl1Fq57RQOgm7mCAF0FKlTKcaKoG4=
-----END PUBLIC KEY-----";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBLDCB36ADAgECAhQMQOeXElqbfNnJDB1SYumwCImlCTAFBgMrZXAwDDEKMAgG
A1UEAwwBeDAeFw0yNjExMjQxODQxMzVaFw0zNjExMjExODQxMzVaMAwxCjAIBgNV
BAMMAXgwKjAFBgMrZXADIQDFPWDysOUIR4kjeqZjlGLaizc3dgqgExfNbyDoDhu7
M6NTMFEwHQYDVR0OBBYEFHuoqDzBjvynGsDazRhbKmU859qUMB8GA1UdIwQYMBaA
FHuoqDzBjvynGsDazRhbKmU859qUMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EA
aDaAdcQLOIUnHtY3TXrHOCdXx58wboW4MfDXUd3m463/lRId8+5Fz9ava0gysW53
RwG1JO2oUGQm1LHksQ/7Dw==
-----END CERTIFICATE-----";
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIF3E3CF5dI9wSCRiWkQgjTWndXrW/y0vzQQsXo6khSwP
-----END PRIVATE KEY-----";

fn verifier(algorithm: Algorithm, pem: &str) -> Result<Verifier, KeyError> {
    let key = KeyConfig::new(algorithm, pem.as_bytes().to_vec(), "acme");
    Verifier::new(vec![key], "tenant".to_owned(), &Limits::default())
}

#[test]
fn tokens_of_every_algorithm_are_verified_by_pem() {
    let keys = Keys::new(&[1; 32]);
    for (pair, algorithm) in [(rsa(), Algorithm::Rs256), (ec(), Algorithm::Es256), (ed(), Algorithm::EdDsa)] {
        let verifier = verifier(algorithm, &pair.pem()).unwrap();
        let good = pair.token(None, &claims(json!({})));
        assert!(verifier.verify(&keys, &good, NOW).is_ok(), "{algorithm:?}");
        let (signed, _) = good.rsplit_once('.').unwrap();
        for signature in ["", "AAAA"] {
            let bad = verifier.verify(&keys, &format!("{signed}.{signature}"), NOW);
            assert_eq!(bad.err(), Some(TokenError::BadSignature), "{algorithm:?}");
        }
        for other in [rsa(), ec(), ed()].into_iter().filter(|other| other.word() != pair.word()) {
            let foreign = other.token(None, &claims(json!({})));
            assert_eq!(verifier.verify(&keys, &foreign, NOW).err(), Some(TokenError::BadSignature));
        }
    }
    let pkcs1 = verifier(Algorithm::Rs256, &rsa().pkcs1()).unwrap();
    assert!(pkcs1.verify(&keys, &rsa().token(None, &claims(json!({}))), NOW).is_ok());
}

#[test]
fn a_weak_key_the_wrong_half_and_what_is_no_key_are_refused() {
    let flaw = |algorithm, pem: &str| match verifier(algorithm, pem) {
        Err(KeyError::Flawed { flaw, .. }) => Some(flaw),
        _ => None,
    };
    let weak = |bits| Some(KeyFlaw::Weak { bits, least: 2_048 });
    assert_eq!(flaw(Algorithm::Rs256, RSA_1024), weak(1_024));
    assert_eq!(flaw(Algorithm::Rs256, RSA_2047), weak(2_047));
    assert_eq!(flaw(Algorithm::EdDsa, PRIVATE), Some(KeyFlaw::Private));
    // More than a modulus and an exponent, after them or beside them, or a modulus that is no number.
    let good = rsa().pkcs1_der();
    let after = [&good[..], &[2, 1, 5]].concat();
    let mut beside = after.clone();
    beside[3] += 3;
    let mut other = good;
    other[4] = 4;
    for der in [after, beside, other] {
        let pem = armoured("RSA PUBLIC KEY", &der);
        assert_eq!(flaw(Algorithm::Rs256, &pem), Some(KeyFlaw::NotAKey), "{pem}");
    }
    let two = format!("{}{}", ed().pem(), ed().pem());
    for (algorithm, pem) in [
        (Algorithm::Es256, P384),
        (Algorithm::EdDsa, X25519),
        (Algorithm::EdDsa, CERTIFICATE),
        (Algorithm::EdDsa, two.as_str()),
        (Algorithm::EdDsa, ""),
        (Algorithm::EdDsa, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"),
        (Algorithm::Rs256, "-----BEGIN RSA PUBLIC KEY-----\nMAMCAQE=\n-----END RSA PUBLIC KEY-----"),
        (Algorithm::Rs256, &ed().pem()),
        (Algorithm::Es256, &rsa().pem()),
        (Algorithm::EdDsa, &ec().pem()),
    ] {
        assert_eq!(flaw(algorithm, pem), Some(KeyFlaw::NotAKey), "{algorithm:?} {pem}");
    }
}
