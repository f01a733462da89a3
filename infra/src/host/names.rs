//! Names that AWS would give: one account, one region, ARNs made from names.

pub(crate) use crate::template::{ACCOUNT, REGION};

/// Name of the key that functions sign with.
pub(crate) const ACCESS_KEY_ID: &str = "local";
/// The key that functions sign with. It guards nothing but links to documents: the endpoint is on loopback.
pub(crate) const SECRET_ACCESS_KEY: &str = "local";
/// Id of the HTTP API.
pub(crate) const API_ID: &str = "local";

/// ARN of a queue.
pub(crate) fn queue_arn(queue: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}")
}

/// ARN of a function.
pub(crate) fn function_arn(function: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}")
}

/// ARN of the rule behind a schedule.
pub(crate) fn rule_arn(rule: &str) -> String {
    format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}")
}
