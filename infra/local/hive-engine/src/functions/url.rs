//! `parse_url` and `parse_url_tuple`: parts of a URL as Java's `URL` names them.

use super::udf::{Function, TEXT, at, texts};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("parse_url", 2..=3, TEXT, |arguments| {
            let (url, part) = (arguments.text(0)?, arguments.text(1)?);
            let key = if arguments.count() == 3 {
                Some(arguments.text(2)?)
            } else {
                None
            };
            texts(arguments.rows, |row| {
                let key = match &key {
                    Some(key) => Some(at(key, row)?),
                    None => None,
                };
                part_of(at(&url, row)?, at(&part, row)?, key)
            })
        }),
        // `QUERY:x` is the value of the key x.
        Function::new("hive_url_part", 2..=2, TEXT, |arguments| {
            let (url, part) = (arguments.text(0)?, arguments.text(1)?);
            texts(arguments.rows, |row| {
                let part = at(&part, row)?;
                let (part, key) = match part.split_once(':') {
                    Some((part, key)) => (part, Some(key)),
                    None => (part, None),
                };
                part_of(at(&url, row)?, part, key)
            })
        }),
    ]
}

fn part_of(url: &str, part: &str, key: Option<&str>) -> Option<String> {
    let (protocol, rest) = url.split_once("://")?;
    let (rest, fragment) = match rest.split_once('#') {
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (rest, None),
    };
    let start = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, file) = rest.split_at(start);
    let (path, query) = match file.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (file, None),
    };
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let found = match (part, key) {
        ("QUERY", Some(key)) => query?
            .split('&')
            .find_map(|pair| pair.split_once('=').filter(|(name, _)| *name == key))
            .map(|(_, value)| value),
        (_, Some(_)) => None,
        ("HOST", _) => Some(host.rsplit_once(':').map_or(host, |(host, _)| host)),
        ("PATH", _) => Some(path),
        ("QUERY", _) => query,
        ("REF", _) => fragment,
        ("PROTOCOL", _) => Some(protocol),
        ("FILE", _) => Some(file),
        ("AUTHORITY", _) => Some(authority),
        ("USERINFO", _) => user,
        _ => None,
    };
    found.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_null() {
        assert_eq!(part_of("no url", "HOST", None), None);
        assert_eq!(part_of("http://h", "QUERY", None), None);
        assert_eq!(part_of("http://h?a=1", "QUERY", Some("b")), None);
        assert_eq!(part_of("http://h", "NOTHING", None), None);
    }
}
