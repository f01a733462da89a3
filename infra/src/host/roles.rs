//! Functions sign with a session of their own, and each may do what its role allows: what IAM would refuse on AWS fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use http::{Request, Response};
use testkit::connector::addressed;

use super::environment::lock;
use crate::rights::{self, Right};
use crate::template::Grant;

/// Carries the session in a signed request; in a presigned link, a parameter of this name does.
const SECURITY_TOKEN: &str = "x-amz-security-token";

/// What each function may do, and what of it was used.
#[derive(Debug, Default)]
pub(crate) struct Roles {
    grants: BTreeMap<String, Vec<Grant>>,
    used: Mutex<BTreeSet<Right>>,
}

impl Roles {
    /// The roles of a template.
    pub(crate) fn new(grants: BTreeMap<String, Vec<Grant>>) -> Self {
        Self { grants, used: Mutex::default() }
    }

    /// The session token of a function's environments.
    pub(crate) fn session_token(function: &str) -> String {
        function.to_owned()
    }

    /// The answer to a request that its function's role does not allow. Who signs without a session is the operator, who
    /// may do everything.
    pub(crate) fn refusal(&self, request: &Request<Vec<u8>>) -> Option<Response<Vec<u8>>> {
        let function = session(request)?;
        let grants = self.grants.get(&function).map_or(&[][..], Vec::as_slice);
        match rights::used(grants, &function, addressed(request), request) {
            Ok(rights) => {
                lock(&self.used).extend(rights);
                None
            }
            Err(denied) => Some(engine::access_denied(request, &denied.to_string())),
        }
    }

    /// The rights that functions used, as text.
    pub(crate) fn used(&self) -> Vec<String> {
        lock(&self.used).iter().map(Right::to_string).collect()
    }
}

/// Of a presigned link, the session that its signature covers; whoever holds the link may add headers.
fn session(request: &Request<Vec<u8>>) -> Option<String> {
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let of_link = form_urlencoded::parse(query).find(|(name, _)| name.eq_ignore_ascii_case(SECURITY_TOKEN));
    let header = || request.headers().get(SECURITY_TOKEN);
    match of_link {
        Some((_, token)) => Some(token.into_owned()),
        None => header().map(|token| String::from_utf8_lossy(token.as_bytes()).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    const TABLE: &str = "arn:aws:dynamodb:eu-central-1:000000000000:table/orders";

    fn roles() -> Roles {
        let grant = |action: &str, resource: &str| Grant {
            actions: vec![action.to_owned()],
            resources: vec![resource.to_owned()],
        };
        let grants = vec![grant("dynamodb:GetItem", TABLE), grant("s3:GetObject", "arn:aws:s3:::documents/*")];
        Roles::new(BTreeMap::from([("relay".to_owned(), grants)]))
    }

    fn dynamodb(operation: &str, session: Option<&str>) -> Request<Vec<u8>> {
        let mut request = Request::post("http://aws/").header("x-amz-target", format!("DynamoDB_20120810.{operation}"));
        if let Some(session) = session {
            request = request.header(SECURITY_TOKEN, session);
        }
        request.body(br#"{"TableName":"orders"}"#.to_vec()).unwrap()
    }

    fn text(answer: Response<Vec<u8>>) -> String {
        String::from_utf8(answer.into_body()).unwrap()
    }

    #[test]
    fn a_function_may_do_what_its_role_allows_and_it_is_noted() {
        let roles = roles();
        assert!(roles.refusal(&dynamodb("GetItem", Some("relay"))).is_none());
        assert_eq!(roles.used(), ["relay: dynamodb:GetItem orders"]);
    }

    #[test]
    fn what_no_role_allows_is_refused_in_the_words_of_the_service() {
        for session in ["relay", "nobody"] {
            let answer = roles().refusal(&dynamodb("PutItem", Some(session))).expect("it is refused");
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
            let said = format!("{session} is not authorized to perform: dynamodb:PutItem on resource: {TABLE}");
            let body = text(answer);
            assert!(body.contains("AccessDeniedException") && body.contains(&said), "{body}");
        }
        let object = Request::get("http://aws/invoices/1").header(SECURITY_TOKEN, "relay").body(Vec::new()).unwrap();
        let answer = roles().refusal(&object).expect("it is refused");
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert!(text(answer).contains("<Code>AccessDenied</Code>"));
    }

    #[test]
    fn a_presigned_link_may_do_what_its_signer_may() {
        let link = |path: &str, signer: &str| {
            let uri = format!("http://aws/{path}?X-Amz-Signature=1&X-Amz-Security-Token={signer}");
            Request::get(uri).header(SECURITY_TOKEN, "relay").body(Vec::new()).unwrap()
        };
        assert!(roles().refusal(&link("documents/1/label.pdf", "relay")).is_none());
        assert!(roles().refusal(&link("invoices/1", "relay")).is_some());
        assert!(roles().refusal(&link("documents/1/label.pdf", "facts")).is_some(), "a header changes nothing");
    }

    #[test]
    fn the_operator_may_do_everything() {
        assert!(roles().refusal(&dynamodb("PutItem", None)).is_none());
    }
}
