//! Functions sign with a session of their own, and each may do what its role allows: what IAM would refuse on AWS fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use testkit::connector::{Service, addressed};

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
        let (service, operation) = addressed(request);
        let grants = self.grants.get(&function).map_or(&[][..], Vec::as_slice);
        match rights::used(grants, &function, (service, operation), request) {
            Ok(rights) => {
                let mut used = lock(&self.used);
                for right in rights {
                    used.insert(right);
                }
                None
            }
            Err(denied) => Some(access_denied(service, &denied.to_string())),
        }
    }

    /// The rights that functions used, as text.
    pub(crate) fn used(&self) -> Vec<String> {
        lock(&self.used).iter().map(Right::to_string).collect()
    }
}

fn session(request: &Request<Vec<u8>>) -> Option<String> {
    if let Some(token) = request.headers().get(SECURITY_TOKEN) {
        return Some(String::from_utf8_lossy(token.as_bytes()).into_owned());
    }
    let query = request.uri().query().unwrap_or_default().as_bytes();
    form_urlencoded::parse(query)
        .find(|(name, _)| name.eq_ignore_ascii_case(SECURITY_TOKEN))
        .map(|(_, token)| token.into_owned())
}

fn access_denied(service: Service, reason: &str) -> Response<Vec<u8>> {
    let (status, media_type, body) = match service {
        Service::S3 => {
            let body = format!("<Error><Code>AccessDenied</Code><Message>{reason}</Message></Error>");
            (StatusCode::FORBIDDEN, "application/xml", body)
        }
        Service::DynamoDb | Service::DynamoDbStreams | Service::Sqs | Service::Partner => {
            let kind = "com.amazon.coral.service#AccessDeniedException";
            let body = serde_json::json!({ "__type": kind, "Message": reason }).to_string();
            (StatusCode::BAD_REQUEST, "application/x-amz-json-1.0", body)
        }
    };
    let mut response = Response::new(body.into_bytes());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "arn:aws:dynamodb:eu-central-1:000000000000:table/orders";

    fn roles() -> Roles {
        let grant = |action: &str, resource: &str| Grant {
            allow: true,
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
        let link = |path: &str| {
            let uri = format!("http://aws/{path}?X-Amz-Signature=1&X-Amz-Security-Token=relay");
            Request::get(uri).body(Vec::new()).unwrap()
        };
        assert!(roles().refusal(&link("documents/1/label.pdf")).is_none());
        assert!(roles().refusal(&link("invoices/1")).is_some());
    }

    #[test]
    fn the_operator_may_do_everything() {
        assert!(roles().refusal(&dynamodb("PutItem", None)).is_none());
    }
}
