//! Lists in pages: `maxResults`, `nextToken`. Used by the list actions and by histories.

use serde_json::{Value, json};

use crate::failure::ServiceError;

/// The most items a page has.
const LARGEST: u64 = 1000;

/// Cuts the page that the request asks for, and names the next one. A token is the number of items before its page, bound
/// to what is listed by `list`.
pub(super) fn page<T>(
    input: &Value,
    list: &str,
    items: Vec<T>,
) -> Result<(Vec<T>, Option<String>), ServiceError> {
    cut(input, list, items, |position, _| position)
}

/// As [`page`], of a list that grows at its front: a token is the number of items from its page on, so that none is shown
/// twice.
pub(super) fn page_newest_first<T>(
    input: &Value,
    list: &str,
    items: Vec<T>,
) -> Result<(Vec<T>, Option<String>), ServiceError> {
    cut(input, list, items, |position, total| {
        total.saturating_sub(position)
    })
}

/// `counted` turns a position into a token's number, and back.
fn cut<T>(
    input: &Value,
    list: &str,
    items: Vec<T>,
    counted: fn(usize, usize) -> usize,
) -> Result<(Vec<T>, Option<String>), ServiceError> {
    let size = match input.get("maxResults") {
        None | Some(Value::Null) => 100,
        Some(value) => match value.as_u64() {
            Some(0) => 100,
            Some(size) if size <= LARGEST => size,
            // `request` has refused anything else.
            _ => LARGEST,
        },
    };
    let start = match input.get("nextToken").and_then(Value::as_str) {
        None => 0,
        Some(token) => read(token, list)
            .map(|number| counted(number, items.len()))
            .ok_or_else(|| ServiceError::new("InvalidToken", "Invalid Token: 'Invalid token'"))?,
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let total = items.len();
    let page: Vec<T> = items.into_iter().skip(start).take(size).collect();
    let end = start.saturating_add(page.len());
    Ok((
        page,
        (end < total).then(|| write(counted(end, total), list)),
    ))
}

/// The answer of a list action: the page under `member`, and the next page's token.
pub(super) fn answer(
    input: &Value,
    list: &str,
    member: &str,
    items: Vec<Value>,
) -> Result<Value, ServiceError> {
    let (page, next) = page(input, list, items)?;
    let mut answer = json!({});
    answer[member] = page.into();
    if let Some(next) = next {
        answer["nextToken"] = next.into();
    }
    Ok(answer)
}

fn write(start: usize, list: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE.encode(format!("{start} {list}"))
}

fn read(token: &str, list: &str) -> Option<usize> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE
        .decode(token)
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (start, of) = text.split_once(' ')?;
    (of == list).then(|| start.parse().ok())?
}
