//! JSON in and out, and errors as the official SDKs parse them.

use dynoxide::DynoxideError;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use serde::Serialize;
use serde::de::DeserializeOwned;

const JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

/// Reads a request. A missing field or a null is a validation error, a value of another type a serialization
/// error, as DynamoDB has it.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DynoxideError> {
    serde_json::from_slice(body).map_err(|error| refusal(&error.to_string()))
}

/// dynoxide's readers tell the class of their refusal by a prefix of serde's message.
fn refusal(message: &str) -> DynoxideError {
    if let Some(text) = message.strip_prefix("SERIALIZATION_AS_READ:") {
        return DynoxideError::SerializationException(text.to_owned());
    }
    if let Some(text) = message.strip_prefix("VALIDATION_AS_READ:") {
        return DynoxideError::ValidationException(text.to_owned());
    }
    let bare = without_position(message);
    if let Some(text) = bare.strip_prefix("SERIALIZATION:") {
        DynoxideError::SerializationException(text.to_owned())
    } else if let Some(text) = bare.strip_prefix("VALIDATION_REQUEST:") {
        DynoxideError::EnvelopedValidation(text.to_owned())
    } else if let Some(text) = bare.strip_prefix("VALIDATION:") {
        DynoxideError::ValidationException(text.to_owned())
    } else if ["missing field", "unknown variant", "invalid type: null"].iter().any(|sign| message.contains(sign))
        || message.contains("AttributeValue")
    {
        DynoxideError::ValidationException(bare.to_owned())
    } else {
        DynoxideError::SerializationException(bare.to_owned())
    }
}

fn without_position(message: &str) -> &str {
    message.rfind(" at line ").map_or(message, |at| &message[..at])
}

/// Writes an answer, its maps in the order of their keys: dynoxide's are in no order that a second run repeats.
pub(crate) fn write(answer: &impl Serialize) -> Result<Vec<u8>, DynoxideError> {
    serde_json::to_value(answer)
        .and_then(|value| serde_json::to_vec(&value))
        .map_err(|error| DynoxideError::InternalServerError(format!("The answer cannot be written as JSON: {error}")))
}

/// The response for an operation's outcome.
pub(crate) fn respond(operation: &str, outcome: Result<Vec<u8>, DynoxideError>) -> Response<Vec<u8>> {
    match outcome {
        Ok(body) => json(StatusCode::OK, body),
        Err(error) => {
            let error = worded_for(operation, error);
            let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::BAD_REQUEST);
            json(status, in_order(error.to_json()))
        }
    }
}

fn in_order(text: String) -> Vec<u8> {
    serde_json::from_str::<serde_json::Value>(&text).map_or(text, |value| value.to_string()).into_bytes()
}

/// The single-item writes put an envelope around some validation errors, the other operations do not.
fn worded_for(operation: &str, error: DynoxideError) -> DynoxideError {
    match error {
        DynoxideError::EnvelopedValidation(text) if matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem") => {
            DynoxideError::ValidationException(format!("1 validation error detected: {text}"))
        }
        DynoxideError::EnvelopedValidation(text) => DynoxideError::ValidationException(text),
        other => other,
    }
}

pub(crate) fn unknown_operation() -> Response<Vec<u8>> {
    json(StatusCode::BAD_REQUEST, br#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#.to_vec())
}

/// Also SQS words it so.
pub(crate) fn access_denied(reason: &str) -> Response<Vec<u8>> {
    let kind = "com.amazon.coral.service#AccessDeniedException";
    json(StatusCode::BAD_REQUEST, serde_json::json!({ "__type": kind, "Message": reason }).to_string().into_bytes())
}

pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_keep_their_class_and_lose_the_position() {
        let check = |message: &str, class: &str, text: &str| {
            let error = refusal(message);
            assert!(error.error_type().ends_with(class), "{}", error.error_type());
            assert_eq!(error.to_string(), text);
        };
        check("VALIDATION:Bad at line 1 column 2", "ValidationException", "Bad");
        check("SERIALIZATION:Odd at line 1 column 2", "SerializationException", "Odd");
        check("missing field `TableName` at line 1 column 2", "ValidationException", "missing field `TableName`");
        check(
            "invalid type: integer `1`, expected a string at line 1 column 9",
            "SerializationException",
            "invalid type: integer `1`, expected a string",
        );
    }
}
