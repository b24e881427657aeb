//! The table: what a token says, and what becomes of it wherever it is shown.

use super::signers::{Kid, Signers};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

/// What becomes of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is good, for this tenant, person and these roles.
    Granted {
        /// The tenant.
        tenant: &'static str,
        /// The person or service.
        subject: &'static str,
        /// Words of the roles, sorted as the engine has them.
        roles: Vec<&'static str>,
    },
    /// It is refused: the engine's word for its log, and what its holder is told.
    Refused(&'static str, Refusal),
}

/// What the holder of a refused token is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 401, or close code 4501.
    Unauthenticated,
    /// 401, or close code 4502.
    Expired,
    /// 403, or close code 4504.
    Forbidden,
}

impl Refusal {
    /// The status over HTTP.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Unauthenticated | Self::Expired => 401,
            Self::Forbidden => 403,
        }
    }

    /// The close code of a session.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::Unauthenticated => 4501,
            Self::Expired => 4502,
            Self::Forbidden => 4504,
        }
    }
}

/// One row.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is special about it.
    pub name: &'static str,
    /// The token.
    pub token: String,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// Rows that are made with the same keys at the same moment.
struct Rows<'a> {
    signers: &'a Signers,
    now: i64,
    cases: Vec<Case>,
}

impl Rows<'_> {
    fn header(kid: Kid) -> Value {
        let (kid, alg) = Signers::header(kid);
        json!({"alg": alg, "typ": "JWT", "kid": kid})
    }

    /// Good claims with these members changed; `null` takes one out.
    fn claims(&self, kid: Kid, change: &Value) -> Value {
        let mut claims = json!({"sub": "ada", "tenant": "acme", "iat": self.now, "exp": self.now + 3_600});
        match kid {
            Kid::IdpEc | Kid::IdpRsa => {
                claims["iss"] = json!("https://idp.example");
                claims["aud"] = json!("notify");
            }
            Kid::Wide => claims["aud"] = json!("tidings"),
            _ => {}
        }
        for (name, value) in change.as_object().expect("a change is an object") {
            if value.is_null() {
                claims.as_object_mut().expect("claims are an object").remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        claims
    }

    fn token(&mut self, name: &'static str, token: String, verdict: Verdict) {
        self.cases.push(Case { name, token, verdict });
    }

    /// A row of an honest header and changed claims.
    fn row(&mut self, name: &'static str, kid: Kid, change: &Value, verdict: Verdict) {
        let claims = self.claims(kid, change).to_string();
        let token = self.signers.sign(kid, &Self::header(kid).to_string(), &claims);
        self.token(name, token, verdict);
    }

    /// A row of good claims and a header of these members.
    fn headed(&mut self, name: &'static str, kid: Kid, header: &Value, verdict: Verdict) {
        let token = self.signers.sign(kid, &header.to_string(), &self.claims(kid, &json!({})).to_string());
        self.token(name, token, verdict);
    }
}

fn granted(tenant: &'static str, subject: &'static str, roles: &[&'static str]) -> Verdict {
    Verdict::Granted { tenant, subject, roles: roles.to_vec() }
}

fn ada() -> Verdict {
    granted("acme", "ada", &["user"])
}

fn refused(word: &'static str) -> Verdict {
    let refusal = match word {
        "token_expired" => Refusal::Expired,
        "tenant_not_allowed" | "role_not_allowed" => Refusal::Forbidden,
        _ => Refusal::Unauthenticated,
    };
    Verdict::Refused(word, refusal)
}

/// Every row, as of `now` in seconds. Moments keep a minute's distance from each verdict's border, so that a run over sockets
/// may take a while.
#[must_use]
pub fn cases(signers: &Signers, now: i64) -> Vec<Case> {
    let mut rows = Rows { signers, now, cases: Vec::new() };
    good(&mut rows);
    headers(&mut rows);
    signatures(&mut rows);
    times(&mut rows);
    names(&mut rows);
    origins(&mut rows);
    assertions(&mut rows);
    shapes(&mut rows);
    rows.cases
}

fn good(rows: &mut Rows<'_>) {
    rows.row("HS256", Kid::Secret, &json!({}), ada());
    rows.row("RS256 by PEM", Kid::Rsa, &json!({}), ada());
    rows.row("EdDSA by PEM", Kid::Wide, &json!({}), ada());
    rows.row("ES256 of an issuer", Kid::IdpEc, &json!({}), ada());
    rows.row("RS256 of an issuer", Kid::IdpRsa, &json!({}), ada());
    let roles = json!({"roles": ["service", "user", "user"]});
    rows.row("roles, one twice", Kid::Secret, &roles, granted("acme", "ada", &["user", "service"]));
    rows.row("no iat", Kid::Secret, &json!({"iat": null}), ada());
    rows.row("topics and jti", Kid::Secret, &json!({"topics": ["news", "a"], "jti": "t-1"}), ada());
    let large = json!({"profile": {"deep": [[[["x".repeat(4_000)]]]]}});
    rows.row("a large claim that nobody asks for", Kid::Secret, &large, ada());
    rows.row("a name of 128 bytes of topic", Kid::Secret, &json!({"topics": ["t".repeat(128)]}), ada());
}

fn headers(rows: &mut Rows<'_>) {
    let unsigned = |rows: &Rows<'_>, alg: &str| {
        let header = json!({"alg": alg, "kid": "secret"}).to_string();
        let claims = rows.claims(Kid::Secret, &json!({})).to_string();
        format!("{}.{}.", BASE64URL_NOPAD.encode(header.as_bytes()), BASE64URL_NOPAD.encode(claims.as_bytes()))
    };
    rows.token("alg none", unsigned(rows, "none"), refused("token_malformed"));
    rows.token("alg NONE", unsigned(rows, "NONE"), refused("token_malformed"));
    rows.token("HS256 without a signature", unsigned(rows, "HS256"), refused("token_bad_signature"));
    rows.headed("no alg", Kid::Secret, &json!({"kid": "secret"}), refused("token_malformed"));
    rows.headed(
        "no kid where there are several keys",
        Kid::Secret,
        &json!({"alg": "HS256"}),
        refused("token_without_kid"),
    );
    let unknown = json!({"alg": "HS256", "kid": "nobody"});
    rows.headed("an unknown kid", Kid::Secret, &unknown, refused("token_unknown_key"));
    rows.headed("a kid that is no text", Kid::Secret, &json!({"alg": "HS256", "kid": 1}), refused("token_malformed"));
    let crit = json!({"alg": "HS256", "kid": "secret", "crit": ["exp"]});
    rows.headed("crit", Kid::Secret, &crit, refused("token_malformed"));
    let twice = r#"{"alg":"HS256","kid":"wide","kid":"secret"}"#;
    let claims = rows.claims(Kid::Secret, &json!({})).to_string();
    rows.token("two kids", rows.signers.sign(Kid::Secret, twice, &claims), refused("token_malformed"));
    let unknown = json!({"alg": "ES256", "kid": "3"});
    rows.headed("a kid that the issuer does not publish", Kid::IdpEc, &unknown, refused("token_unknown_key"));
    let enc = json!({"alg": "RS256", "kid": "enc"});
    rows.headed("a key for encryption", Kid::IdpRsa, &enc, refused("token_unknown_key"));
    rows.headed("a weak key", Kid::IdpRsa, &json!({"alg": "RS256", "kid": "weak"}), refused("token_unknown_key"));
    let own = json!({"alg": "EdDSA", "kid": "wide", "jku": "https://evil.example", "x5u": "https://evil.example"});
    rows.headed("keys named in the header are not followed", Kid::Wide, &own, ada());
}

fn signatures(rows: &mut Rows<'_>) {
    let header = json!({"alg": "HS256", "kid": "rsa"}).to_string();
    let claims = rows.claims(Kid::Rsa, &json!({})).to_string();
    let confused = rows.signers.sign_confused(&header, &claims);
    rows.token("HS256 by the public key of RS256", confused, refused("token_bad_signature"));
    let wide = json!({"alg": "EdDSA", "kid": "wide"});
    rows.headed("another key of the algorithm", Kid::Stranger, &wide, refused("token_bad_signature"));
    let relabelled = json!({"alg": "RS256", "kid": "secret"});
    rows.headed("RS256 under the name of a secret", Kid::Rsa, &relabelled, refused("token_bad_signature"));
    let swapped = json!({"alg": "RS256", "kid": "2"});
    rows.headed("an issuer's name by a key that stands alone", Kid::Rsa, &swapped, refused("token_unknown_key"));
    let good = rows.signers.sign(Kid::Secret, &Rows::header(Kid::Secret).to_string(), &claims);
    let (message, signature) = good.rsplit_once('.').expect("a JWT has dots");
    let other = rows.claims(Kid::Secret, &json!({"sub": "bob"})).to_string();
    let (head, _) = message.split_once('.').expect("a JWT has dots");
    let grafted = format!("{head}.{}.{signature}", BASE64URL_NOPAD.encode(other.as_bytes()));
    rows.token("other claims under a good signature", grafted, refused("token_bad_signature"));
    rows.token("a signature that is cut", good[..good.len() - 4].to_owned(), refused("token_bad_signature"));
    let padded = format!("{good}=");
    rows.token("a signature with padding", padded, refused("token_malformed"));
}

fn times(rows: &mut Rows<'_>) {
    let now = rows.now;
    rows.row("expired", Kid::Secret, &json!({"exp": now - 60, "iat": now - 120}), refused("token_expired"));
    rows.row("expired long before 1970", Kid::Secret, &json!({"exp": -1e300}), refused("token_expired"));
    rows.row("no exp", Kid::Secret, &json!({"exp": null}), refused("token_missing_claim"));
    rows.row("exp as a text", Kid::Secret, &json!({"exp": "tomorrow"}), refused("token_bad_claim"));
    rows.row("nbf a minute ahead", Kid::Secret, &json!({"nbf": now + 60}), refused("token_not_yet_valid"));
    rows.row("nbf a minute ago, with a fraction", Kid::Secret, &json!({"nbf": now as f64 - 60.5}), ada());
    rows.row("nbf as a text", Kid::Secret, &json!({"nbf": "soon"}), refused("token_bad_claim"));
    rows.row("iat as a truth", Kid::Secret, &json!({"iat": true}), refused("token_bad_claim"));
    let long = json!({"exp": now + 86_400 + 60});
    rows.row("a life above a day", Kid::Secret, &long, refused("token_lifetime_too_long"));
    let far = json!({"exp": 1e300});
    rows.row("exp beyond all times", Kid::Secret, &far, refused("token_lifetime_too_long"));
    let early = json!({"iat": now + 80_000, "exp": now + 160_000});
    rows.row("made in the future to look short-lived", Kid::Secret, &early, refused("token_lifetime_too_long"));
}

fn names(rows: &mut Rows<'_>) {
    rows.row("no sub", Kid::Secret, &json!({"sub": null}), refused("token_missing_claim"));
    rows.row("an empty sub", Kid::Secret, &json!({"sub": ""}), refused("token_bad_claim"));
    rows.row("sub as a number", Kid::Secret, &json!({"sub": 7}), refused("token_bad_claim"));
    rows.row("sub of 129 bytes", Kid::Secret, &json!({"sub": "s".repeat(129)}), refused("token_bad_claim"));
    rows.row("sub with a line feed", Kid::Secret, &json!({"sub": "a\nb"}), refused("token_bad_claim"));
    rows.row("no tenant", Kid::Secret, &json!({"tenant": null}), refused("token_missing_claim"));
    rows.row("tenant as a list", Kid::Secret, &json!({"tenant": ["acme"]}), refused("token_bad_claim"));
    rows.row("jti as an object", Kid::Secret, &json!({"jti": {}}), refused("token_bad_claim"));
    rows.row("topics as a text", Kid::Secret, &json!({"topics": "news"}), refused("token_bad_claim"));
    rows.row("a nested topic", Kid::Secret, &json!({"topics": [["news"]]}), refused("token_bad_claim"));
    let many: Vec<_> = (0..201).map(|number| format!("t{number}")).collect();
    rows.row("201 topics", Kid::Secret, &json!({"topics": many}), refused("token_too_many_topics"));
    rows.row("33 roles", Kid::Secret, &json!({"roles": vec!["user"; 33]}), refused("token_too_many_roles"));
    rows.row("roles as a text", Kid::Secret, &json!({"roles": "user"}), refused("token_bad_claim"));
    let twice = rows.claims(Kid::Secret, &json!({})).to_string().replace('}', ",\"sub\":\"bob\"}");
    let token = rows.signers.sign(Kid::Secret, &Rows::header(Kid::Secret).to_string(), &twice);
    rows.token("a claim twice", token, refused("token_malformed"));
}

fn origins(rows: &mut Rows<'_>) {
    rows.row("another audience", Kid::IdpEc, &json!({"aud": "elsewhere"}), refused("token_wrong_audience"));
    rows.row("an audience among several", Kid::IdpEc, &json!({"aud": ["elsewhere", "tidings"]}), ada());
    rows.row("no audience where one is needed", Kid::IdpEc, &json!({"aud": null}), refused("token_missing_claim"));
    rows.row("an audience where none is expected", Kid::Secret, &json!({"aud": "x"}), refused("token_wrong_audience"));
    rows.row("the issuer's key without its name", Kid::IdpEc, &json!({"iss": null}), refused("token_unknown_key"));
    let other = json!({"iss": "https://idp.example/"});
    rows.row("almost the issuer's name", Kid::IdpEc, &other, refused("token_unknown_key"));
    let idp = json!({"iss": "https://idp.example"});
    rows.row("a key that stands alone claims an issuer", Kid::Secret, &idp, refused("token_unknown_key"));
}

fn assertions(rows: &mut Rows<'_>) {
    rows.row("a foreign tenant", Kid::Secret, &json!({"tenant": "globex"}), refused("tenant_not_allowed"));
    rows.row(
        "the second tenant of an issuer",
        Kid::IdpRsa,
        &json!({"tenant": "globex"}),
        granted("globex", "ada", &["user"]),
    );
    rows.row("a third tenant of an issuer", Kid::IdpRsa, &json!({"tenant": "other"}), refused("tenant_not_allowed"));
    rows.row("any tenant, said explicitly", Kid::Wide, &json!({"tenant": "new"}), granted("new", "ada", &["user"]));
    let admin = json!({"roles": ["super_admin"]});
    rows.row("super_admin by default", Kid::Secret, &admin, refused("role_not_allowed"));
    rows.row("super_admin by an issuer", Kid::IdpEc, &admin, refused("role_not_allowed"));
    rows.row("super_admin, said explicitly", Kid::Wide, &admin, granted("acme", "ada", &["super_admin"]));
    rows.row("a role that there is not", Kid::Wide, &json!({"roles": ["king"]}), refused("role_not_allowed"));
    rows.row("one role too many", Kid::Secret, &json!({"roles": ["user", "auditor"]}), refused("role_not_allowed"));
    let admin = granted("acme", "ada", &["tenant_admin"]);
    rows.row("a role of the issuer", Kid::IdpEc, &json!({"roles": ["tenant_admin"]}), admin);
}

fn shapes(rows: &mut Rows<'_>) {
    rows.token("one word", "token".to_owned(), refused("token_malformed"));
    rows.token("two parts", "e30.e30".to_owned(), refused("token_malformed"));
    rows.token("dots alone", "..".to_owned(), refused("token_malformed"));
    rows.token("four parts", "e30.e30.e30.e30".to_owned(), refused("token_malformed"));
    rows.token("no base64", "!.!.!".to_owned(), refused("token_malformed"));
    let header = Rows::header(Kid::Secret).to_string();
    let list = rows.signers.sign(Kid::Secret, &header, "[1]");
    rows.token("claims that are a list", list, refused("token_malformed"));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(1_000), "]".repeat(1_000));
    rows.token("claims a thousand deep", rows.signers.sign(Kid::Secret, &header, &deep), refused("token_malformed"));
    rows.row("8,193 bytes or more", Kid::Secret, &json!({"fill": "x".repeat(6_200)}), refused("token_too_large"));
}
