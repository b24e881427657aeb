//! `tidings token`: signs with the development key of a data directory and prints the token alone.

use super::fail;
use crate::exit::Exit;
use crate::{clock, dev_token};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Tenant that the token is for
    #[arg(long)]
    tenant: String,
    /// Person or service that the token is for
    #[arg(long)]
    user: String,
    /// Role; may be given several times
    #[arg(long = "role", default_value = "user")]
    roles: Vec<String>,
    /// Topic; may be given several times
    #[arg(long = "topic")]
    topics: Vec<String>,
    /// Life of the token, such as 90s, 15m, 1h or 1d; at most 1d
    #[arg(long, default_value = "1h", value_parser = seconds)]
    ttl: i64,
    /// Data directory
    #[arg(long, value_name = "DIR", default_value = "./tidings-data")]
    data: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let claims = dev_token::Claims {
        tenant: &arguments.tenant,
        subject: &arguments.user,
        roles: &arguments.roles,
        topics: &arguments.topics,
        life_seconds: arguments.ttl,
    };
    match dev_token::sign(&arguments.data, &claims, clock::now()) {
        Ok(token) => {
            println!("{token}");
            Exit::Done
        }
        Err(error) => fail(Exit::Failed, &error),
    }
}

fn seconds(text: &str) -> Result<i64, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "s" | "" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err("give a number with s, m, h or d".to_owned()),
    };
    let seconds = number.parse::<i64>().ok().and_then(|number| number.checked_mul(factor));
    seconds.filter(|seconds| (1..=86_400).contains(seconds)).ok_or_else(|| "give 1s to 1d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_life_is_a_number_with_a_unit_and_at_most_a_day() {
        assert_eq!([seconds("90"), seconds("90s"), seconds("15m")], [Ok(90), Ok(90), Ok(900)]);
        assert_eq!([seconds("1h"), seconds("1d")], [Ok(3_600), Ok(86_400)]);
        for wrong in ["", "0", "2d", "1w", "-1h", "99999999999999999999s"] {
            assert!(seconds(wrong).is_err(), "{wrong} was taken");
        }
    }
}
