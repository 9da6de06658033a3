//! LATERAL VIEW in front of a join, which sqlparser takes only behind all joins: `FROM t LATERAL VIEW explode(a) v AS x JOIN u …`
//! becomes `FROM (SELECT * FROM t LATERAL VIEW explode(a) v AS x) t JOIN u …`, and what was called `v.x` is called `t.x`. Called
//! before a query is parsed.

use std::borrow::Cow;

use sqlparser::tokenizer::{Token, TokenWithSpan};

/// Words with which a join begins.
const JOINS: [&str; 6] = ["join", "inner", "left", "right", "full", "cross"];
/// Words that end what stands behind FROM.
const ENDS: [&str; 13] = [
    "where",
    "group",
    "having",
    "order",
    "sort",
    "distribute",
    "cluster",
    "limit",
    "union",
    "window",
    "insert",
    "select",
    "from",
];

/// The tokens of a query, rewritten where a join stands behind a lateral view.
pub(super) fn in_front(tokens: &[TokenWithSpan]) -> Cow<'_, [TokenWithSpan]> {
    let mut rewritten = Cow::Borrowed(tokens);
    // Each turn takes away one place; there are fewer than words.
    for _ in 0..tokens.len() {
        let Some(place) = find(&rewritten) else { break };
        rewritten = Cow::Owned(rewrite(&rewritten, &place));
    }
    rewritten
}

/// Where the parts of such a FROM begin.
struct Place {
    /// Of the parenthesis, or of the query, in which it stands: first token and the one behind the last.
    scope: (usize, usize),
    source: usize,
    view: usize,
    join: usize,
    alias: Token,
}

fn word(token: &TokenWithSpan) -> Option<&str> {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(&word.value),
        _ => None,
    }
}

fn is_one_of(token: &TokenWithSpan, words: &[&str]) -> bool {
    word(token).is_some_and(|word| words.contains(&word))
}

fn find(tokens: &[TokenWithSpan]) -> Option<Place> {
    (0..tokens.len())
        .filter(|at| is_one_of(&tokens[*at], &["from"]))
        .find_map(|from| place_behind(tokens, from))
}

/// The lateral view behind a FROM with one source, if a join follows it.
fn place_behind(tokens: &[TokenWithSpan], from: usize) -> Option<Place> {
    let source = from + 1;
    let (mut depth, mut view, mut join) = (0u32, None, None);
    let mut end = tokens.len();
    for (at, token) in tokens.iter().enumerate().skip(source) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 0 => {
                end = at;
                break;
            }
            Token::RParen => depth -= 1,
            // Several sources, or the names of the view's columns.
            Token::Comma if depth == 0 && view.is_none() => return None,
            _ if depth > 0 || join.is_some() => {}
            _ if is_one_of(token, &["lateral"]) => view = view.or(Some(at)),
            _ if is_one_of(token, &JOINS) => {
                view?;
                join = Some(at);
            }
            _ if is_one_of(token, &ENDS) => {
                view?;
                join?;
            }
            _ => {}
        }
    }
    let (view, join) = (view?, join?);
    let alias = tokens[source..view].last()?.token.clone();
    if !matches!(alias, Token::Word(_)) {
        return None;
    }
    let mut depth = 0;
    let begin = tokens[..from].iter().rposition(|token| {
        match token.token {
            Token::RParen => depth += 1,
            Token::LParen => depth -= 1,
            _ => {}
        }
        depth < 0
    });
    Some(Place {
        scope: (begin.map_or(0, |at| at + 1), end),
        source,
        view,
        join,
        alias,
    })
}

fn rewrite(tokens: &[TokenWithSpan], place: &Place) -> Vec<TokenWithSpan> {
    let views = view_names(&tokens[place.view..place.join]);
    let requalified = |range: std::ops::Range<usize>| {
        range.map(|at| {
            let is_view =
                matches!(&tokens[at].token, Token::Word(word) if views.contains(&word.value));
            let is_qualifier = tokens
                .get(at + 1)
                .is_some_and(|next| next.token == Token::Period);
            if is_view && is_qualifier {
                TokenWithSpan::new(place.alias.clone(), tokens[at].span)
            } else {
                tokens[at].clone()
            }
        })
    };
    let here = tokens[place.source].span;
    let made = |tokens: Vec<Token>| {
        tokens
            .into_iter()
            .map(move |token| TokenWithSpan::new(token, here))
    };
    let mut rewritten = tokens[..place.scope.0].to_vec();
    rewritten.extend(requalified(place.scope.0..place.source));
    rewritten.extend(made(vec![
        Token::LParen,
        Token::make_keyword("select"),
        Token::Mul,
        Token::make_keyword("from"),
    ]));
    rewritten.extend_from_slice(&tokens[place.source..place.join]);
    rewritten.extend(made(vec![Token::RParen, place.alias.clone()]));
    rewritten.extend(requalified(place.join..place.scope.1));
    rewritten.extend_from_slice(&tokens[place.scope.1..]);
    rewritten
}

/// What views are called: the word behind the parenthesis that ends the function.
fn view_names(views: &[TokenWithSpan]) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0u32;
    for pair in views.windows(2) {
        match pair[0].token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0
            && pair[0].token == Token::RParen
            && let Token::Word(word) = &pair[1].token
        {
            names.push(word.value.clone());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokenize;
    use super::*;

    fn rewritten(text: &str) -> String {
        let tokens = tokenize(text).unwrap();
        let words: Vec<String> = in_front(&tokens)
            .iter()
            .map(|token| token.token.to_string())
            .collect();
        words.join(" ")
    }

    #[test]
    fn a_view_in_front_of_a_join_becomes_a_subquery() {
        assert_eq!(
            rewritten(
                "select v.x, a.b from db.t a lateral view explode(f(a.c)) v as x left join u on v.x = u.x where v.x > 1"
            ),
            "select a . x , a . b from ( select * from db . t a lateral view explode ( f ( a . c ) ) v as x ) a \
             left join u on a . x = u . x where a . x > 1"
        );
    }

    #[test]
    fn several_views_and_a_subquery_as_source_are_taken_together() {
        assert_eq!(
            rewritten(
                "select 1 from (select 1 from s) q lateral view outer posexplode(a) p as i, v lateral view explode(b) w join u on w.col = p.i"
            ),
            "select 1 from ( select * from ( select 1 from s ) q lateral view outer posexplode ( a ) p as i , v \
             lateral view explode ( b ) w ) q join u on q . col = q . i"
        );
    }

    #[test]
    fn other_queries_stay_as_they_are() {
        for text in [
            "select 1 from t join u on t.a = u.a lateral view explode ( a ) v as x",
            "select 1 from t lateral view explode ( a ) v as x where exists ( select 1 from a join b )",
            "select 1 from t lateral view explode ( a ) v as x union all select 1 from a join b",
        ] {
            let spaced: Vec<&str> = text.split(' ').collect();
            let found = rewritten(text).replace(" . ", ".");
            assert_eq!(found, spaced.join(" "));
        }
    }
}
