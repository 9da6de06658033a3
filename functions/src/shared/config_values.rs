//! What a value in config.ini may look like. Each check gives the value, or says what was expected. Called by `config`.

use crate::shared::tags;

/// The value, or what was expected instead.
pub(crate) type Checked<T> = Result<T, String>;

pub(crate) fn number(text: &str, least: u32, most: u32) -> Checked<u32> {
    match text.parse::<u32>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("a whole number from {least} to {most}")),
    }
}

pub(crate) fn choice(text: &str, choices: &[&str]) -> Checked<String> {
    match choices
        .iter()
        .find(|choice| choice.eq_ignore_ascii_case(text))
    {
        Some(choice) => Ok((*choice).to_owned()),
        None => Err(format!("one of {}", choices.join(", "))),
    }
}

pub(crate) fn plain(text: &str, most: usize) -> Checked<String> {
    match text.len() <= most
        && !text.contains(|letter: char| letter.is_control() || "<>|$`".contains(letter))
    {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "at most {most} bytes without control characters and <>|$`"
        )),
    }
}

pub(crate) fn list<T>(text: &str, item: impl Fn(&str) -> Checked<T>) -> Checked<Vec<T>> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(item)
        .collect()
}

pub(crate) fn region(text: &str) -> Checked<String> {
    let parts: Vec<&str> = text.split('-').collect();
    let legal = parts.len() >= 3
        && parts.iter().all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
        && parts
            .last()
            .is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    if legal {
        Ok(text.to_owned())
    } else {
        Err("a region such as eu-west-1".to_owned())
    }
}

pub(crate) fn log_uri(text: &str) -> Checked<String> {
    let bucket = ["s3://", "s3n://", "s3a://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .and_then(|rest| rest.split('/').next());
    match bucket {
        Some(bucket) if bucket.len() >= 3 && !text.contains(char::is_whitespace) => {
            Ok(text.to_owned())
        }
        _ => Err("an address such as s3://bucket/logs/".to_owned()),
    }
}

pub(crate) fn release(text: &str) -> Checked<String> {
    let expected = || {
        "a release with instance fleets and auto-termination, such as emr-7.12.0 (emr-5.30.0 or later, emr-6.1.0 or later)".to_owned()
    };
    let numbers: Option<Vec<u32>> = text.strip_prefix("emr-").map(|rest| {
        rest.split('.')
            .map_while(|part| part.parse().ok())
            .collect()
    });
    match numbers.as_deref() {
        Some(&[major, minor, _])
            if text.split('.').count() == 3
                && ((major, minor) >= (6, 1) || (major == 5 && minor >= 30)) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(expected()),
    }
}

pub(crate) fn instance_types(text: &str) -> Checked<Vec<String>> {
    let expected = "instance types such as m5.xlarge, separated by commas, each once, at most 30";
    let types = list(text, |part| match part.split_once('.') {
        Some((family, size))
            if [family, size].iter().all(|half| {
                !half.is_empty()
                    && half
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            }) =>
        {
            Ok(part.to_owned())
        }
        _ => Err(expected.to_owned()),
    })?;
    let distinct: std::collections::BTreeSet<_> = types.iter().collect();
    match (1..=30).contains(&types.len()) && distinct.len() == types.len() {
        true => Ok(types),
        false => Err(expected.to_owned()),
    }
}

pub(crate) fn subnet(text: &str) -> Checked<String> {
    match text.strip_prefix("subnet-") {
        Some(rest) if !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            Ok(text.to_owned())
        }
        _ => Err("subnets such as subnet-0a1b2c3d, separated by commas".to_owned()),
    }
}

pub(crate) fn security_group(text: &str) -> Checked<String> {
    match text.strip_prefix("sg-") {
        Some(rest) if !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            Ok(text.to_owned())
        }
        _ => Err("the id of a security group, such as sg-0a1b2c3d".to_owned()),
    }
}

pub(crate) fn class_name(text: &str) -> Checked<String> {
    match text.split('.').all(|part| {
        !part.is_empty()
            && part
                .chars()
                .all(|letter| letter.is_alphanumeric() || "_$".contains(letter))
    }) {
        true => Ok(text.to_owned()),
        false => Err("a Java class name".to_owned()),
    }
}

pub(crate) fn tag(text: &str) -> Checked<(String, String)> {
    let legal = |part: &str| {
        part.chars()
            .all(|letter| letter.is_alphanumeric() || " _.:/=+-@".contains(letter))
    };
    match text
        .split_once('=')
        .map(|(key, value)| (key.trim(), value.trim()))
    {
        Some((key, _)) if tags::is_reserved(key) || key.starts_with("aws:") => Err(format!(
            "tags of your own: {key} is set by the pipeline or by AWS"
        )),
        Some((key, value))
            if (1..=128).contains(&key.len())
                && value.len() <= 256
                && legal(key)
                && legal(value) =>
        {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err("tags such as team = data, stage = dev".to_owned()),
    }
}
