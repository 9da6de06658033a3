//! Leaves out of a mail what must not be in one: credentials, signatures, and the rows that Hive and Spark quote when they
//! fail on one. Mail travels far and is kept long.

/// Names after which a value is a secret, in lower case. The value begins after `=`, `:` or blanks.
const SECRETS: [&str; 16] = [
    "password",
    "passwd",
    "pwd",
    "secret",
    "secret_access_key",
    "secretaccesskey",
    "secret.key",
    "session_token",
    "sessiontoken",
    "session.token",
    "security-token",
    "x-amz-signature",
    "x-amz-credential",
    "signature",
    "authorization",
    "api_key",
];
/// Before a row, in messages of Hive and Spark.
const ROWS: [&str; 6] = [
    "while processing row",
    "while processing writable",
    "error getting row data",
    "processing vector batch",
    "malformed record",
    "malformed line",
];
const LEFT_OUT: &str = "[left out]";

/// The text without secrets and rows, line by line.
pub(super) fn redacted(text: &str) -> String {
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn line(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    if let Some(begin) = ROWS.iter().filter_map(|row| lower.find(row).map(|at| at + row.len())).min() {
        return format!("{} {LEFT_OUT}", without_secrets(&text[..begin]));
    }
    without_secrets(text)
}

fn without_secrets(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((begin, end)) = next_secret(rest) {
        out.push_str(&rest[..begin]);
        out.push_str(LEFT_OUT);
        rest = &rest[end..];
    }
    out.push_str(rest);
    long_digits(&out)
}

/// Where the first secret value is.
fn next_secret(text: &str) -> Option<(usize, usize)> {
    let lower = text.to_ascii_lowercase();
    let named = SECRETS.iter().filter_map(|name| {
        let after = lower.match_indices(name).find_map(|(at, _)| value_after(text, at + name.len()))?;
        Some(after)
    });
    named.chain(access_key(text)).min()
}

/// A value that is assigned at `at`: `= value`, `: value`, `":"value"`.
fn value_after(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = &text[at..];
    let assigned = rest.trim_start_matches(['"', '\'', ' ', '_', '-']);
    let value = assigned.strip_prefix(['=', ':'])?.trim_start_matches(['"', '\'', ' ']);
    let begin = text.len() - value.len();
    // "Bearer x" and "AWS4-HMAC-SHA256 Credential=…" are more than a word.
    let scheme = ["Bearer ", "Basic ", "AWS4-HMAC-SHA256 "].into_iter().find(|scheme| value.starts_with(scheme));
    let end = match scheme {
        Some(_) => text.len(),
        None => value.find(['"', '\'', '&', ' ', ',', ';', ')', '}']).map_or(text.len(), |length| begin + length),
    };
    let already = value.starts_with("[left");
    (end > begin && !already).then_some((begin, end))
}

/// AWS access key ids: AKIA or ASIA and sixteen capitals or digits.
fn access_key(text: &str) -> Option<(usize, usize)> {
    ["AKIA", "ASIA"]
        .into_iter()
        .filter_map(|prefix| {
            text.match_indices(prefix).find_map(|(at, _)| {
                let key = text[at..].bytes().take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).count();
                (key >= 16).then_some((at, at + key))
            })
        })
        .min()
}

/// Numbers of 13 to 19 digits may be card or account numbers; all but the last four go. Names such as object keys keep theirs.
fn long_digits(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let digits = rest[at..].bytes().take_while(u8::is_ascii_digit).count();
        let end = at + digits;
        let within_a_name = |letter: Option<char>| {
            letter.is_some_and(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '/' | '.'))
        };
        let apart = !within_a_name(rest[..at].chars().next_back())
            && !within_a_name(rest[end..].chars().next().filter(|letter| *letter != '.'));
        out.push_str(&rest[..at]);
        if apart && (13..=19).contains(&digits) {
            out.push_str(&"*".repeat(digits - 4));
            out.push_str(&rest[end - 4..end]);
        } else {
            out.push_str(&rest[at..end]);
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn x23_secrets_are_left_out_of_the_mail() {
        for (text, kept) in [
            ("fs.s3a.secret.key=abc/def+ghi next", "fs.s3a.secret.key=[left out] next"),
            ("{\"password\": \"hunter2\", \"user\": \"etl\"}", "{\"password\": \"[left out]\", \"user\": \"etl\"}"),
            ("GET /x?X-Amz-Signature=0123abcd&X-Amz-Date=2026", "GET /x?X-Amz-Signature=[left out]&X-Amz-Date=2026"),
            ("Authorization: Bearer abc.def.ghi", "Authorization: [left out]"),
            ("key AKIAIOSFODNN7EXAMPLE is not active", "key [left out] is not active"),
            ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "aws_secret_access_key = [left out]"),
        ] {
            assert_eq!(redacted(text), kept);
        }
    }

    #[test]
    fn x23_raw_rows_are_left_out_of_the_mail() {
        let hive = "Caused by: HiveException: Hive Runtime Error while processing row {\"transaction_id\":\"1\",\"card\":\"4000\"}";
        assert_eq!(redacted(hive), "Caused by: HiveException: Hive Runtime Error while processing row [left out]");
        assert_eq!(redacted("the card 4000001234567890 is odd"), "the card ************7890 is odd");
    }

    #[test]
    fn what_helps_stays() {
        for text in [
            "s3://pipeline-000000000000-us-east-1/logs/j-1/steps/s-1/stderr.gz",
            "step s-0123456789012345 of arn:aws:states:us-east-1:000000000000:execution:master:2026",
            "elasticmapreduce:RunJobFlow on pipeline: AccessDeniedException: not authorized",
            "the assertion no_more_rows_are_rejected_than_allowed failed",
            "password",
        ] {
            assert_eq!(redacted(text), text);
        }
    }
}
