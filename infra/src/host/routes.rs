//! The route table of the HTTP API: which function a method and a path belong to.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::template::model::{Route, Stack};

/// All routes, the most specific first.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    route: Route,
    segments: Vec<Segment>,
    function: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter(String),
}

/// Two functions claim the same requests.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{method} {path} of `{second}` is the same route as one of `{first}`: remove one of them from the template")]
pub struct RouteConflict {
    method: String,
    path: String,
    first: String,
    second: String,
}

/// What became of a request's method and path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A route answers it.
    Route(Matched<'a>),
    /// No route has this method and path.
    Nothing,
    /// A path parameter is not percent-encoded UTF-8.
    BadEncoding,
}

/// A route and the parameters found in the path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Matched<'a> {
    /// The function to invoke.
    pub(crate) function: &'a str,
    /// The route as the template writes it.
    pub(crate) route: &'a Route,
    /// Path parameters, percent-decoded.
    pub(crate) parameters: BTreeMap<String, String>,
}

impl Routes {
    /// Builds the table.
    ///
    /// # Errors
    /// When two routes of the template cannot be told apart.
    pub(crate) fn of(stack: &Stack) -> Result<Self, RouteConflict> {
        let mut entries: Vec<Entry> = stack
            .functions
            .values()
            .flat_map(|function| {
                function.routes.iter().map(|route| Entry {
                    route: route.clone(),
                    segments: segments(&route.path),
                    function: function.name.clone(),
                })
            })
            .collect();
        // A literal beats a parameter at the first segment where two routes differ.
        entries.sort_by_key(|entry| {
            entry.segments.iter().map(|segment| matches!(segment, Segment::Parameter(_))).collect::<Vec<_>>()
        });
        for (position, second) in entries.iter().enumerate() {
            let first = entries[..position]
                .iter()
                .find(|first| first.route.method == second.route.method && same(&first.segments, &second.segments));
            if let Some(first) = first {
                return Err(RouteConflict {
                    method: second.route.method.clone(),
                    path: second.route.path.clone(),
                    first: first.function.clone(),
                    second: second.function.clone(),
                });
            }
        }
        Ok(Self { entries })
    }

    /// Finds the route of a request; `path` is the raw path without the query.
    pub(crate) fn find(&self, method: &str, path: &str) -> Found<'_> {
        let parts: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        for entry in self.entries.iter().filter(|entry| entry.route.method == method) {
            let Some(raw) = capture(&entry.segments, &parts) else {
                continue;
            };
            let parameters = raw
                .into_iter()
                .map(|(name, value)| {
                    let value = percent_decode_str(value).decode_utf8().ok()?;
                    Some((name.to_owned(), value.into_owned()))
                })
                .collect::<Option<BTreeMap<_, _>>>();
            return match parameters {
                Some(parameters) => {
                    Found::Route(Matched { function: &entry.function, route: &entry.route, parameters })
                }
                None => Found::BadEncoding,
            };
        }
        Found::Nothing
    }
}

fn segments(path: &str) -> Vec<Segment> {
    path.strip_prefix('/')
        .unwrap_or(path)
        .split('/')
        .map(|part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => Segment::Parameter(name.to_owned()),
            None => Segment::Literal(part.to_owned()),
        })
        .collect()
}

fn same(first: &[Segment], second: &[Segment]) -> bool {
    first.len() == second.len()
        && first.iter().zip(second).all(|pair| match pair {
            (Segment::Literal(first), Segment::Literal(second)) => first == second,
            (Segment::Parameter(_), Segment::Parameter(_)) => true,
            _ => false,
        })
}

fn capture<'a, 'b>(segments: &'a [Segment], parts: &[&'b str]) -> Option<Vec<(&'a str, &'b str)>> {
    if segments.len() != parts.len() {
        return None;
    }
    let mut parameters = Vec::new();
    for (segment, part) in segments.iter().zip(parts) {
        match segment {
            Segment::Literal(text) if text == part => {}
            Segment::Parameter(name) if !part.is_empty() => parameters.push((name.as_str(), *part)),
            Segment::Literal(_) | Segment::Parameter(_) => return None,
        }
    }
    Some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fixtures::{function, stack};

    fn routes(list: &[(&str, &str)]) -> Routes {
        Routes::of(&stack([function("one", list)])).unwrap()
    }

    fn check(list: &[(&str, &str)], method: &str, path: &str, expect: &str) {
        let routes = routes(list);
        let found = match routes.find(method, path) {
            Found::Route(matched) => {
                format!("{} {:?}", matched.route.path, matched.parameters)
            }
            Found::Nothing => "nothing".to_owned(),
            Found::BadEncoding => "bad encoding".to_owned(),
        };
        assert_eq!(found, expect, "{method} {path}");
    }

    #[test]
    fn the_most_specific_route_wins() {
        let list = [("GET", "/v1/{kind}/{id}"), ("GET", "/v1/orders/{order}"), ("GET", "/v1/orders/waiting")];
        check(&list, "GET", "/v1/orders/waiting", "/v1/orders/waiting {}");
        check(&list, "GET", "/v1/orders/ord_1", r#"/v1/orders/{order} {"order": "ord_1"}"#);
        check(&list, "GET", "/v1/returns/1", r#"/v1/{kind}/{id} {"id": "1", "kind": "returns"}"#);
    }

    #[test]
    fn a_parameter_is_one_decoded_segment_and_never_empty() {
        let list = [("GET", "/v1/items/{sku}")];
        check(&list, "GET", "/v1/items/A%2FB%20%D0%B6", r#"/v1/items/{sku} {"sku": "A/B ж"}"#);
        check(&list, "GET", "/v1/items/", "nothing");
        check(&list, "GET", "/v1/items/a/b", "nothing");
        check(&list, "GET", "/v1/items/%ff", "bad encoding");
    }

    #[test]
    fn a_known_path_with_another_method_is_no_route() {
        let list = [("GET", "/v1/orders"), ("POST", "/v1/orders"), ("PUT", "/v1/{any}")];
        check(&list, "DELETE", "/v1/orders", "nothing");
        check(&list, "GET", "/v1/nowhere/x", "nothing");
    }

    #[test]
    fn a_less_specific_route_answers_a_method_that_the_specific_one_lacks() {
        let list = [("GET", "/v1/orders"), ("PUT", "/v1/{any}")];
        check(&list, "PUT", "/v1/orders", r#"/v1/{any} {"any": "orders"}"#);
    }

    #[test]
    fn two_routes_that_cannot_be_told_apart_are_refused() {
        let stack = stack([function("one", &[("GET", "/a/{x}")]), function("two", &[("GET", "/a/{y}")])]);
        let conflict = Routes::of(&stack).unwrap_err();
        assert_eq!((conflict.first.as_str(), conflict.second.as_str()), ("one", "two"));
    }
}
